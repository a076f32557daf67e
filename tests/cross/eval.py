#!/usr/bin/env python3
"""Operator cases of the onnx package, folded: what our kernels compute against what is stored.

    eval.py --tool build/onnxopt CASES...

The inputs of each case become initializers, `--passes fold_constants,fold_constants_rounding`
runs, and every output that has become a constant must be the stored one: type and shape, and
values within the case's tolerance. A case whose node stays counts as left; --list says which
ops. Exit 1 if anything is wrong, or if fewer than --least fold.
"""
import argparse
import collections
import concurrent.futures
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

PASSES = "fold_constants,fold_constants_rounding"
INTS = {onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.INT2, onnx.TensorProto.UINT2}


def tolerance(case):
    words = dict(line.split() for line in (case / "tolerance.txt").read_text().splitlines())
    return float(words["rtol"]), float(words["atol"])


def tensors(case, kind):
    out = []
    for i in range(1000):
        path = case / "test_data_set_0" / f"{kind}_{i}.pb"
        if not path.exists():
            return out
        t = onnx.TensorProto()
        try:
            t.ParseFromString(path.read_bytes())
        except Exception:
            return None
        out.append(t)


def frozen(case):
    """The model with its inputs as constants; None: an input is no tensor."""
    model = onnx.load(case / "model.onnx")
    values = tensors(case, "input")
    if values is None or len(values) > len(model.graph.input):
        return None
    if any(i.type.WhichOneof("value") != "tensor_type" for i in model.graph.input):
        return None
    for declared, value in zip(list(model.graph.input), values):
        value.name = declared.name
        model.graph.initializer.append(value)
        model.graph.input.remove(declared)
    return model


def is_function(model):
    """Is the one op defined by a function body? Its nodes round, where our kernel does not."""
    n = model.graph.node[0]
    opsets = {o.domain: o.version for o in model.opset_import}
    s = onnx.defs.get_schema(n.op_type, opsets.get(n.domain, 1), n.domain)
    return s.has_function or s.has_context_dependent_function


def constants(graph):
    found = {t.name: t for t in graph.initializer}
    for n in graph.node:
        if n.op_type == "Constant" and n.attribute[0].name == "value":
            found[n.output[0]] = n.attribute[0].t
    return found


def wide(t):
    a = numpy_helper.to_array(t)
    return a if a.dtype.kind in "biu" else a.astype(np.complex128 if a.dtype.kind == "c" else np.float64)


def difference(got, want, rtol, atol, chained):
    """None, or what is wrong. In a chain of nodes each rounds to 16 bits: two units then."""
    if chained:
        rtol = max(rtol, {onnx.TensorProto.BFLOAT16: 2**-6, onnx.TensorProto.FLOAT16: 2**-9}.get(want.data_type, 0))
    if got.data_type != want.data_type or list(got.dims) != list(want.dims):
        return f"type or shape {got.data_type} {list(got.dims)}, expected {want.data_type} {list(want.dims)}"
    if want.data_type == onnx.TensorProto.STRING:
        return None if list(got.string_data) == list(want.string_data) else "strings differ"
    a, b = wide(got), wide(want)
    if a.dtype.kind in "biu" or want.data_type in INTS:
        return None if np.array_equal(a, b) else f"{a.ravel()[:6]} expected {b.ravel()[:6]}"
    if np.allclose(a, b, rtol, atol, equal_nan=True):
        return None
    return f"{a.ravel()[:6]} expected {b.ravel()[:6]}"


def judge(job):
    tool, case, folder = job
    try:
        model = frozen(case)
    except Exception as e:
        return case, "skipped", str(e).splitlines()[0]
    if model is None:
        return case, "skipped", "an input is no tensor"
    if not any(o.domain in ("", "ai.onnx") for o in model.opset_import):
        model.opset_import.add(domain="", version=20)    # for the constants
    before, after = folder / f"{case.name}.in.onnx", folder / f"{case.name}.onnx"
    onnx.save(model, before)
    run = subprocess.run([tool, before, after, "--passes", PASSES],
                         capture_output=True, text=True)
    if run.returncode:
        return case, "wrong", f"exit {run.returncode}: {run.stderr.strip()[-300:]}"
    chained = len(model.graph.node) > 1 or is_function(model)
    folded = constants(onnx.load(after).graph)
    have = [o.name for o in model.graph.output]
    want = tensors(case, "output")
    if want is None or not any(name in folded for name in have):
        return case, "left", " ".join(sorted({n.op_type for n in onnx.load(after).graph.node}))
    for name, value in zip(have, want):
        if name in folded:
            d = difference(folded[name], value, *tolerance(case), chained)
            if d:
                return case, "wrong", d
    for f in (before, after):
        f.unlink()
    return case, "folded", ""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tool", required=True)
    p.add_argument("--least", type=int, default=0)
    p.add_argument("--list", action="store_true", help="also say what was left")
    p.add_argument("cases", nargs="+", type=pathlib.Path)
    args = p.parse_args()
    cases = sorted(d for top in args.cases for d in top.iterdir() if (d / "model.onnx").exists())
    count, why = collections.Counter(), collections.Counter()
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [(args.tool, c, pathlib.Path(folder)) for c in cases]
        for case, verdict, text in pool.map(judge, jobs):
            count[verdict] += 1
            if verdict == "wrong":
                print(f"{case.name}: {text}")
            elif verdict != "folded":
                why[text] += 1
    if args.list:
        for text, n in why.most_common():
            print(f"{n:5} {text}")
    print(f"{len(cases)} cases: " + ", ".join(f"{n} {v}" for v, n in sorted(count.items())))
    return 1 if count["wrong"] or count["folded"] < args.least else 0


if __name__ == "__main__":
    sys.exit(main())
