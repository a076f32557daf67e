#!/usr/bin/env python3
"""schema.py - are our operator tables the schemas of the onnx package?

Every version of every operator, as `onnxopt ops --json` prints it, against the registry:
arity, parameters (name, type, kind, homogeneity, least number), attributes (name, type,
required, default), type constraints, deprecation, kind of function body. The com.microsoft
rows are compared with onnxruntime's where that is installed, which is information only: a
newer runtime may have grown. Prints each difference; exit 1 if there is one.

    tests/cross/schema.py --tool build/onnxopt
"""
import argparse
import collections
import json
import re
import subprocess
import sys

import numpy as np
import onnx
from onnx import defs

KINDS = {"Single": "single", "Optional": "optional", "Variadic": "variadic"}
ATTR = {"FLOAT": "float", "INT": "int", "STRING": "string", "TENSOR": "tensor", "GRAPH": "graph",
        "FLOATS": "floats", "INTS": "ints", "STRINGS": "strings", "TENSORS": "tensors",
        "GRAPHS": "graphs", "SPARSE_TENSOR": "sparse_tensor", "SPARSE_TENSORS": "sparse_tensors",
        "TYPE_PROTO": "type_proto", "TYPE_PROTOS": "type_protos"}
MANY = 2147483647


def default(d):
    """A default of the registry as a value that compares with one of ours."""
    kind = onnx.AttributeProto.AttributeType.Name(d.type)
    return {"UNDEFINED": lambda: None, "FLOAT": lambda: float(np.float32(d.f)),
            "INT": lambda: d.i, "STRING": lambda: d.s.decode(), "INTS": lambda: list(d.ints),
            "STRINGS": lambda: [s.decode() for s in d.strings],
            "FLOATS": lambda: [float(np.float32(f)) for f in d.floats]}[kind]()


def our_default(a):
    if a["default"] is None:
        return None
    value = json.loads(a["default"])
    return float(np.float32(value)) if a["type"] == "float" else value


def params(ps):
    return [(p.name, p.type_str.replace(" ", ""), KINDS[p.option.name], p.is_homogeneous,
             p.min_arity if p.option.name == "Variadic" else 0) for p in ps]


def theirs(s):
    body = 1 if s.has_function else 2 if s.has_context_dependent_function else 0
    limit = lambda n: None if n == MANY else n
    return {
        "deprecated": s.deprecated, "body": body,
        "min_in": s.min_input, "max_in": limit(s.max_input),
        "min_out": s.min_output, "max_out": limit(s.max_output),
        "inputs": params(s.inputs), "outputs": params(s.outputs),
        "attributes": {n: (ATTR[a.type.name], a.required, default(a.default_value))
                       for n, a in s.attributes.items()},
        "types": {t.type_param_str: {x.replace(" ", "") for x in t.allowed_type_strs}
                  for t in s.type_constraints},
    }


def ours(v):
    param = lambda ps: [(p["name"], p["type"], p["kind"], p["homogeneous"], p["min"]) for p in ps]
    return {
        **{k: v[k] for k in ("deprecated", "body", "min_in", "max_in", "min_out", "max_out")},
        "inputs": param(v["inputs"]), "outputs": param(v["outputs"]),
        "attributes": {a["name"]: (a["type"], a["required"], our_default(a))
                       for a in v["attributes"]},
        "types": {t["var"]: {f"tensor({x})" for x in t["tensor"]} | set(t["others"])
                  for t in v["types"]},
    }


def runtime(table):
    """How many of the com.microsoft rows differ from what onnxruntime states."""
    try:
        from onnxruntime.capi import onnxruntime_pybind11_state as state
    except ImportError:
        return
    schemas = {s.name: s for s in state.get_all_operator_schema() if s.domain == "com.microsoft"}
    other = []
    for (domain, name, _), mine in table.items():
        if domain != "com.microsoft":
            continue
        s = schemas.get(name)
        if not s or [p.name for p in s.inputs] != [p[0] for p in mine["inputs"]] \
                or set(s.attributes) != set(mine["attributes"]):
            other.append(name)
    print(f"com.microsoft: {len(other)} rows differ from this onnxruntime", *other)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--tool", required=True)
    tool = ap.parse_args().tool
    rows = json.loads(subprocess.run([tool, "ops", "--json"], check=True,
                                     stdout=subprocess.PIPE).stdout)["ops"]
    table = {(r["domain"], r["name"], v["since"]): ours(v) for r in rows for v in r["versions"]}
    registry = {(s.domain, s.name, s.since_version): theirs(s)
                for s in defs.get_all_schemas_with_history()}
    differences = 0
    for key in sorted(set(registry) | {k for k in table if k[0] != "com.microsoft"}):
        mine, want = table.get(key), registry.get(key)
        if not mine or not want:
            print(key, "is only in", "onnx" if want else "onnxopt")
            differences += 1
            continue
        for field in want:
            if mine[field] != want[field]:
                print(key, field, "is", mine[field], "expected", want[field])
                differences += 1
    counts = collections.Counter(k[0] or "ai.onnx" for k in registry)
    print(f"{len(registry)} schemas ({', '.join(f'{d} {n}' for d, n in sorted(counts.items()))}): "
          f"{differences} differences")
    runtime(table)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
