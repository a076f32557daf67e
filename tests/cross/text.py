#!/usr/bin/env python3
"""Cross-check of ONNX text against the onnx package.

    text.py --tool build/onnxopt FILE_OR_FOLDER...

For every .onnx file: what `onnxopt print` writes is read by onnx.parser.parse_model, and
gives the model in all that upstream's grammar can hold; `onnxopt parse` of it gives the
model in every field. How tensors are stored does not count.
"""
import argparse
import math
import os
import re
import struct
import subprocess
import sys
import tempfile

import onnx
import onnx.parser

WIDTH = {1: 4, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 8, 9: 1, 10: 2, 11: 8, 12: 4, 13: 8, 14: 4, 15: 8,
         16: 2, 17: 1, 18: 1, 19: 1, 20: 1, 21: 1, 22: 1, 23: 1, 24: 1, 25: 1, 26: 1}
TYPES = {t.lower() for t in onnx.TensorProto.DataType.keys()} | \
    {"seq", "map", "optional", "sparse_tensor", "opaque"}
ELEMENTS = set(onnx.TensorProto.DataType.values()) - {0}


def raw_of(t):
    """The payload as raw_data would have it; None for strings and unknown types."""
    if t.data_type not in WIDTH:
        return None
    if t.HasField("raw_data"):
        return t.raw_data
    if t.data_type in (1, 14):
        return struct.pack("<%df" % len(t.float_data), *t.float_data)
    if t.data_type in (11, 15):
        return struct.pack("<%dd" % len(t.double_data), *t.double_data)
    mask = (1 << 8 * WIDTH[t.data_type]) - 1
    data = t.int64_data if t.data_type == 7 else t.uint64_data if t.data_type in (12, 13) else t.int32_data
    return b"".join((v & mask).to_bytes(WIDTH[t.data_type], "little") for v in data)


def quiet(raw, data_type):
    """The one NaN that upstream's text has, for each sign."""
    size, code, bits = (4, "<I", 0x7FC00000) if data_type in (1, 14) else (8, "<Q", 0x7FF8000000000000)
    out = bytearray(raw)
    for at in range(0, len(raw) - size + 1, size):
        value = struct.unpack_from("<f" if size == 4 else "<d", raw, at)[0]
        if math.isnan(value):
            sign = struct.unpack_from(code, raw, at)[0] >> (8 * size - 1) << (8 * size - 1)
            struct.pack_into(code, out, at, bits | sign)
    return bytes(out)


def store(t, held):
    raw = raw_of(t)
    if raw is None:
        return
    for f in ("float_data", "int32_data", "int64_data", "double_data", "uint64_data", "raw_data"):
        t.ClearField(f)
    if held and t.data_type in (1, 11, 14, 15):
        raw = quiet(raw, t.data_type)
    if raw:
        t.raw_data = raw


# ---- what upstream's grammar can hold: the same stand-ins as ir/print.c makes ----------

def is_word(s):
    return re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", s) is not None


def stand_in(s, is_value=False):
    head = re.match("[A-Za-z]*", s).group().lower()
    misread = s in TYPES or (head in ("nan", "inf", "infinity") and not s[len(head):len(head) + 1].isdigit())
    if is_word(s) and not (is_value and misread):
        return s
    return "_" + "".join(chr(c) if re.match("[A-Za-z0-9_]", chr(c)) else "_" for c in s.encode()[:40])


def clean(b):
    try:
        b.decode()
        if 0 not in b:
            return b
    except UnicodeDecodeError:
        pass
    return bytes(c if c >= 32 and c < 127 and c not in b'"\\' or c >= 128 else ord("?") for c in b)


def qualified(s):
    return all(is_word(p) for p in s.split("."))


def type_fits(t):
    kind = t.WhichOneof("value")
    if kind in ("tensor_type", "sparse_tensor_type"):
        return getattr(t, kind).elem_type in ELEMENTS
    if kind in ("sequence_type", "optional_type"):
        return getattr(t, kind).HasField("elem_type") and type_fits(getattr(t, kind).elem_type)
    if kind == "map_type":
        return t.map_type.key_type in ELEMENTS and t.map_type.HasField("value_type") and \
            type_fits(t.map_type.value_type)
    if kind == "opaque_type":
        o = t.opaque_type
        if not o.HasField("domain"):
            return not o.HasField("name") or qualified(o.name)
        return qualified(o.domain) and o.HasField("name") and is_word(o.name)
    return False


def hold_type(t):
    t.ClearField("denotation")
    kind = t.WhichOneof("value")
    inner = getattr(t, kind)
    if kind in ("tensor_type", "sparse_tensor_type"):
        for d in inner.shape.dim if inner.HasField("shape") else []:
            d.ClearField("denotation")
    elif kind in ("sequence_type", "optional_type"):
        hold_type(inner.elem_type)
    elif kind == "map_type":
        hold_type(inner.value_type)


def hold_value(v):
    v.ClearField("doc_string")
    v.ClearField("metadata_props")
    v.name = v.name
    if v.HasField("type"):
        if type_fits(v.type):
            hold_type(v.type)
        else:
            v.ClearField("type")


def hold_entries(entries):
    for e in entries:
        e.key, e.value = e.key, e.value


def hold_tensor(t, is_init=False):
    t.ClearField("doc_string")
    t.ClearField("metadata_props")
    t.name = t.name if is_init else stand_in(t.name) if t.HasField("name") else ""
    if t.data_location == 0:
        t.ClearField("data_location")
        t.ClearField("external_data")
    hold_entries(t.external_data)
    if t.data_type not in WIDTH and t.data_type != 8:
        t.data_type = 2
        t.ClearField("raw_data")
    for i, s in enumerate(t.string_data):
        t.string_data[i] = clean(s)


SINGULAR = {1: "f", 2: "i", 3: "s", 4: "t", 5: "g", 13: "tp"}
LISTS = {9: "tensors", 10: "graphs", 12: "sparse_tensors", 14: "type_protos"}


def hold_attr(a, of_function=False):
    a.ClearField("doc_string")
    a.name = a.name if of_function else stand_in(a.name)
    if a.HasField("ref_attr_name"):
        return
    if not a.HasField("type"):
        for t, f in SINGULAR.items():
            if a.HasField(f):
                a.type = t
        for t, f in {6: "floats", 7: "ints", 8: "strings", **LISTS}.items():
            if getattr(a, f):
                a.type = t
    if a.type == 11 or a.type == 0 or (a.type in SINGULAR and not a.HasField(SINGULAR[a.type])):
        a.ClearField("sparse_tensor")
        if a.type == 0:
            a.ClearField("type")
        a.ref_attr_name = "_"
    elif a.type in LISTS:
        a.ClearField(LISTS[a.type])
    elif a.type == 1:
        a.f = struct.unpack("<f", quiet(struct.pack("<f", a.f), 1))[0]
    elif a.type == 3:
        a.s = clean(a.s)
    elif a.type == 8:
        for i, s in enumerate(a.strings):
            a.strings[i] = clean(s)
    elif a.type == 4:
        hold_tensor(a.t)
    elif a.type == 5:
        hold_graph(a.g, False)
    elif a.type == 13:
        if type_fits(a.tp):
            hold_type(a.tp)
        else:
            a.tp.Clear()
            a.tp.tensor_type.elem_type = 1
            a.tp.tensor_type.shape.SetInParent()


def hold_nodes(nodes):
    for n in nodes:
        n.ClearField("doc_string")
        n.ClearField("metadata_props")
        n.ClearField("device_configurations")
        n.domain = n.domain if not n.domain or qualified(n.domain) else stand_in(n.domain)
        n.op_type = stand_in(n.op_type)
        if n.overload:
            n.overload = stand_in(n.overload)
        else:
            n.ClearField("overload")
        for a in n.attribute:
            hold_attr(a)


def hold_graph(g, is_main):
    for f in ("doc_string", "metadata_props", "quantization_annotation", "sparse_initializer"):
        g.ClearField(f)
    g.name = g.name if is_main else stand_in(g.name, True)
    for v in list(g.input) + list(g.output) + list(g.value_info):
        hold_value(v)
    for t in g.initializer:
        hold_tensor(t, True)
    hold_nodes(g.node)


def hold_opsets(opsets):
    for o in opsets:
        o.domain, o.version = o.domain, o.version


def hold(m):
    m.DiscardUnknownFields()
    m.ClearField("training_info")
    m.ClearField("configuration")
    hold_opsets(m.opset_import)
    hold_entries(m.metadata_props)
    hold_graph(m.graph, True)
    for f in m.functions:
        f.ClearField("metadata_props")
        hold_opsets(f.opset_import)
        for v in f.value_info:
            hold_value(v)
        for a in f.attribute_proto:
            hold_attr(a, True)
        hold_nodes(f.node)


# ---- walking ---------------------------------------------------------------------------

def messages(m):
    yield m
    for f, v in m.ListFields():
        if f.message_type is None:
            continue
        for x in v if f.is_repeated else [v]:
            yield from messages(x)


def normalise(m, held):
    for x in messages(m):
        if x.DESCRIPTOR.name == "TensorProto":
            store(x, held)


def first_difference(a, b, path="model"):
    if a.SerializeToString(deterministic=True) == b.SerializeToString(deterministic=True):
        return None
    for f in a.DESCRIPTOR.fields:
        x, y = getattr(a, f.name), getattr(b, f.name)
        here = "%s.%s" % (path, f.name)
        if f.is_repeated:
            if len(x) != len(y):
                return "%s: %d and %d" % (here, len(x), len(y))
            for i, (p, q) in enumerate(zip(x, y)):
                if f.message_type is None:
                    if p != q and not (p != p and q != q):
                        return "%s[%d]: %r and %r" % (here, i, p, q)
                else:
                    d = first_difference(p, q, "%s[%d]" % (here, i))
                    if d:
                        return d
            continue
        if a.HasField(f.name) != b.HasField(f.name):
            return "%s: present in %s only" % (here, "the model" if a.HasField(f.name) else "the other")
        if f.message_type is not None:
            d = first_difference(x, y, here)
            if d:
                return d
        elif x != y and not (x != x and y != y):
            return "%s: %.80r and %.80r" % (here, x, y)
    return "%s: unknown fields or bits of a float" % path


def upstream(path, text):
    try:
        parsed = onnx.parser.parse_model(text.decode())
    except Exception as e:                                 # noqa: BLE001
        return "upstream does not read it: %s" % str(e).replace("\\n", " ")[-300:]
    original = onnx.load(path, load_external_data=False)
    hold(original)
    for m in (original, parsed):
        normalise(m, True)
    return first_difference(original, parsed)


def ours(tool, path, folder, text):
    src, out = os.path.join(folder, "m.onnxtxt"), os.path.join(folder, "m.onnx")
    with open(src, "wb") as f:
        f.write(text)
    if os.path.exists(out):
        os.remove(out)
    r = subprocess.run([tool, "parse", src, out], capture_output=True)
    if r.returncode:
        return "onnxopt parse: exit %d: %s" % (r.returncode, r.stderr.decode(errors="replace")[:300])
    original = onnx.load(path, load_external_data=False)
    again = onnx.load(out, load_external_data=False)
    for m in (original, again):
        normalise(m, False)
    return first_difference(original, again)


def check(tool, path, folder):
    r = subprocess.run([tool, "print", path], capture_output=True)
    if r.returncode == 3:
        return "refused", None
    if r.returncode:
        return "FAIL", "onnxopt print: exit %d: %s" % (r.returncode, r.stderr.decode(errors="replace")[:300])
    try:
        onnx.load(path, load_external_data=False)
    except Exception:                                      # noqa: BLE001
        return "unreadable", None
    for what, found in (("upstream", upstream(path, r.stdout)), ("ours", ours(tool, path, folder, r.stdout))):
        if found:
            return "FAIL", "%s: %s" % (what, found)
    return "ok", None


def files(paths):
    for p in paths:
        if os.path.isfile(p):
            yield p
        for root, dirs, names in os.walk(p):
            dirs.sort()
            yield from (os.path.join(root, n) for n in sorted(names) if n.endswith(".onnx"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", required=True)
    parser.add_argument("paths", nargs="+")
    args = parser.parse_args()
    sys.setrecursionlimit(10000)
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        for path in files(args.paths):
            verdict, why = check(args.tool, path, folder)
            counts[verdict] = counts.get(verdict, 0) + 1
            if why:
                print("%s: %s" % (path, why), flush=True)
    print(", ".join("%d %s" % (n, v) for v, n in sorted(counts.items())))
    return 1 if "FAIL" in counts or "ok" not in counts else 0


if __name__ == "__main__":
    sys.exit(main())
