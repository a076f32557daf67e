#!/usr/bin/env python3
"""Write ops/attrs.def from the operator schemas of the Python package onnx.

    python3 ops/gen.py            compare ops.def and attrs.def with the package
    python3 ops/gen.py --write    write attrs.def anew, then compare ops.def

ops.def is kept by hand (flags and categories are our own judgement); this program only
checks that its names and versions are those of the package. attrs.def is generated and
committed, so that building needs no Python. contrib.def is kept by hand;
`gen.py --contrib Name...` prints rows for it from the schemas of onnxruntime.

The tables speak of one release of onnx. Another one is refused unless --any-version says
that the change is meant.
"""
import argparse
import pathlib
import re
import sys
import textwrap

ONNX_VERSION = "1.23.2"
HERE = pathlib.Path(__file__).resolve().parent

# Domain -> prefix of the identifier in ops.def.
PREFIX = {
    "": "",
    "ai.onnx.ml": "ML_",
    "ai.onnx.preview": "PREVIEW_",
    "ai.onnx.preview.training": "TRAINING_",
    "com.microsoft": "MS_",
}
DOMAINS = [d for d in PREFIX if d != "com.microsoft"]

# Names of the element types in type sets; the order is that of the numbers in ir.h.
DTYPES = {
    "float": "F32", "uint8": "U8", "int8": "I8", "uint16": "U16", "int16": "I16",
    "int32": "I32", "int64": "I64", "string": "STR", "bool": "BOOL", "float16": "F16",
    "double": "F64", "uint32": "U32", "uint64": "U64", "complex64": "C64",
    "complex128": "C128", "bfloat16": "BF16", "float8e4m3fn": "F8E4M3FN",
    "float8e4m3fnuz": "F8E4M3FNUZ", "float8e5m2": "F8E5M2", "float8e5m2fnuz": "F8E5M2FNUZ",
    "uint4": "U4", "int4": "I4", "float4e2m1": "F4E2M1", "float8e8m0": "F8E8M0",
    "uint2": "U2", "int2": "I2", "float6e2m3": "F6E2M3", "float6e3m2": "F6E3M2",
}
# Sets with a name, largest first where they overlap.
GROUPS = [
    ("FLOATS", ["F16", "F32", "F64"]),
    ("SIGNED", ["I8", "I16", "I32", "I64"]),
    ("UNSIGNED", ["U8", "U16", "U32", "U64"]),
    ("COMPLEX", ["C64", "C128"]),
    ("FLOAT8", ["F8E4M3FN", "F8E4M3FNUZ", "F8E5M2", "F8E5M2FNUZ"]),
    ("INT4", ["U4", "I4"]),
    ("INT2", ["U2", "I2"]),
]
MANY = 2147483647


def dtype_expr(names):
    """A set of element types as the sum of named groups and single types."""
    left, words = set(names), []
    for group, members in GROUPS:
        if left.issuperset(members):
            words.append(group)
            left -= set(members)
    words += [n for n in DTYPES.values() if n in left]
    return "|".join(words) or "0"


def float_text(x):
    """The shortest decimal that reads back as the same 32-bit float."""
    import numpy as np
    s = str(np.float32(x))
    return s if re.search(r"[.en]", s) else s + ".0"


def quoted(s):
    return '"' + s.decode().replace("\\", "\\\\").replace('"', '\\"') + '"'


def default_text(attr):
    d = attr.default_value
    kind = attr.type.name
    if kind == "FLOAT":
        return float_text(d.f)
    if kind == "INT":
        return str(d.i)
    if kind == "STRING":
        return quoted(d.s)
    if kind == "INTS":
        return "[" + ", ".join(map(str, d.ints)) + "]"
    if kind == "STRINGS":
        return "[" + ", ".join(map(quoted, d.strings)) + "]"
    raise SystemExit(f"attribute {attr.name}: no text form for a default of type {kind}")


def attr_cell(name, attr):
    kind = attr.type.name
    kind = {"SPARSE_TENSOR": "SPARSE", "TYPE_PROTO": "TYPE"}.get(kind, kind)
    if attr.required:
        return f"REQ({name}, {kind})"
    if attr.default_value.type:
        return f"{kind}({name}, {default_text(attr)})"
    return f"OPT({name}, {kind})"


def param_cell(p):
    kind = p.option.name
    name, t = p.name, p.type_str.replace(" ", "")
    if kind == "Variadic":
        return f"{'VAR' if p.is_homogeneous else 'HET'}({name}, {t}, {p.min_arity})"
    return f"{'P' if kind == 'Single' else 'O'}({name}, {t})"


class Others:
    """Type constraints that are no tensor(...): long lists, shared, named by number."""

    def __init__(self):
        self.lists = []

    def name(self, types):
        types = sorted(t.replace(" ", "") for t in types)
        if not types:
            return "NULL"
        if types not in self.lists:
            self.lists.append(types)
        return f"others_{self.lists.index(types)}"

    def text(self, prefix="OTHERS"):
        out = []
        for i, types in enumerate(self.lists):
            lines = textwrap.wrap(" ".join(types), 80)
            out.append(f"{prefix}(others_{i},")
            out += [f'\t"{l}{" " if k + 1 < len(lines) else ""}"' for k, l in enumerate(lines)]
            out[-1] += ")"
        return "\n".join(out) + "\n"


def cells(keyword, items, sep=", "):
    """KEYWORD(a, b, ...), wrapped between items."""
    lines, line = [], f"\t{keyword}("
    for i, item in enumerate(items):
        more = item + (sep.rstrip() if i + 1 < len(items) else ")")
        if len(line) + len(more) > 88 and not line.endswith("("):
            lines.append(line.rstrip())
            line = "\t       "
        line += more + " "
    lines.append(line.rstrip())
    return lines


def schema_text(ident, s, others):
    many = lambda n: "MANY" if n == MANY else str(n)
    out = [f"VERSION({ident}, {s.since_version}, {s.min_input},{many(s.max_input)}, "
           f"{s.min_output},{many(s.max_output)})"]
    if s.deprecated:
        out.append("\tDEPRECATED")
    if getattr(s, "has_function", False):
        out.append("\tBODY(1)")
    elif getattr(s, "has_context_dependent_function", False):
        out.append("\tBODY(2)")
    if s.inputs:
        out += cells("IN", [param_cell(p) for p in s.inputs])
    if s.outputs:
        out += cells("OUT", [param_cell(p) for p in s.outputs])
    if s.attributes:
        out += cells("ATTR", [attr_cell(n, a) for n, a in sorted(s.attributes.items())])
    types = []
    for t in s.type_constraints:
        tensors, rest = [], []
        for name in t.allowed_type_strs:
            m = re.fullmatch(r"tensor\((\w+)\)", name)
            if m:
                tensors.append(DTYPES[m.group(1)])
            else:
                rest.append(name)
        types.append(f"T({t.type_param_str}, {dtype_expr(tensors)}, {others.name(rest)})")
    if types:
        out += cells("TYPES", types)
    out.append("END")
    return "\n".join(out)


HEAD = """\
/* attrs.def - every version of every operator: arity, parameters, attributes, types.
 *
 * Generated by ops/gen.py from onnx {version}; do not edit. A version is a run of macros,
 * read several times by ir/schema.c:
 *
 *   VERSION(op, since, min_in,max_in, min_out,max_out)
 *   	DEPRECATED                  no longer allowed from this version on
 *   	BODY(kind)                  defined by a function body: 1 fixed, 2 depends on the node
 *   	IN(...)  OUT(...)           P(name, type) mandatory, O optional,
 *   	                            VAR(name, type, min) any number of one type, HET of any types
 *   	ATTR(...)                   REQ(name, type) required, OPT optional without default,
 *   	                            TYPE(name, default) optional with one
 *   	TYPES(...)                  T(variable, element types of tensors, other types)
 *   END
 *
 * FIRST(op) stands before the first version of each op; the order is that of ops.def.
 */
"""


def generate(onnx, schemas, order):
    others, body = Others(), []
    for domain, name, ident in order:
        body.append(f"\nFIRST({ident})")
        for s in sorted(schemas[domain, name], key=lambda s: s.since_version):
            body.append(schema_text(ident, s, others))
    return HEAD.format(version=onnx.__version__) + "\n" + others.text() + "\n".join(body) + "\n"


ROW = re.compile(r'^OP\(\s*(\w+)\s*,\s*"([^"]*)"\s*,\s*"(\w+)"\s*,\s*V\(([\d,]+)\)', re.M)


def read_rows():
    rows = []
    for ident, domain, name, versions in ROW.findall((HERE / "ops.def").read_text()):
        rows.append((ident, domain, name, [int(v) for v in versions.split(",")]))
    return rows


def check_rows(rows, schemas):
    faults = []
    seen = {}
    for ident, domain, name, versions in rows:
        if ident != PREFIX.get(domain, "?") + name:
            faults.append(f"{ident}: the identifier should be {PREFIX.get(domain, '?')}{name}")
        if (domain, name) in seen:
            faults.append(f"{ident}: two rows")
        seen[domain, name] = versions
        if domain in DOMAINS:
            want = sorted(s.since_version for s in schemas.get((domain, name), []))
            if versions != want:
                faults.append(f"{ident}: versions {versions}, the package has {want}")
    faults += [f"{d}.{n}: no row" for d, n in sorted(schemas) if (d, n) not in seen]
    for domain in PREFIX:
        names = [n for i, d, n, v in rows if d == domain]
        if names != sorted(names):
            faults.append(f"domain '{domain}': rows are not in the order of strcmp")
    return faults


class View:
    """A schema of onnxruntime under the names that onnx uses."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    @staticmethod
    def of(s):
        import onnx
        params = lambda ps, least: [
            View(name=p.name, type_str=p.typeStr, option=p.option, is_homogeneous=p.isHomogeneous,
                 min_arity=max(1, least - i)) for i, p in enumerate(ps)]
        attrs = {n: View(type=a.type, required=a.required,
                         default_value=onnx.AttributeProto.FromString(a._default_value))
                 for n, a in s.attributes.items()}
        return View(since_version=s.since_version, deprecated=s.deprecated,
                    min_input=s.min_input, max_input=s.max_input,
                    min_output=s.min_output, max_output=s.max_output,
                    inputs=params(s.inputs, s.min_input),
                    outputs=params(s.outputs, s.min_output), attributes=attrs,
                    type_constraints=s.type_constraints)


def contrib(names):
    from onnxruntime.capi import onnxruntime_pybind11_state as state
    others = Others()
    wanted = {s.name: View.of(s) for s in state.get_all_operator_schema()
              if s.domain == "com.microsoft" and s.name in names}
    for name in names:
        print(f"\nFIRST(MS_{name})\n{schema_text('MS_' + name, wanted[name], others)}")
    print(others.text(), end="")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--write", action="store_true", help="write attrs.def")
    ap.add_argument("--any-version", action="store_true", help=f"accept onnx other than {ONNX_VERSION}")
    ap.add_argument("--contrib", nargs="+", metavar="NAME", help="print com.microsoft schemas")
    args = ap.parse_args()
    if args.contrib:
        return contrib(args.contrib)

    import onnx
    if onnx.__version__ != ONNX_VERSION and not args.any_version:
        sys.exit(f"gen.py: onnx is {onnx.__version__}, the tables are of {ONNX_VERSION}; "
                 "--any-version if the change is meant")
    schemas = {}
    for s in onnx.defs.get_all_schemas_with_history():
        schemas.setdefault((s.domain, s.name), []).append(s)
    rows = read_rows()
    faults = check_rows(rows, schemas)
    order = [(d, n, i) for i, d, n, v in rows if (d, n) in schemas]
    text = generate(onnx, schemas, order)
    path = HERE / "attrs.def"
    if args.write:
        path.write_text(text)
    elif not path.exists() or path.read_text() != text:
        faults.append("attrs.def differs from what the package gives; gen.py --write")
    for f in faults:
        print(f"gen.py: {f}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
