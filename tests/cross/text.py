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
    return bytes(c if 32 <= c < 127 and c not in b'"\\' else ord("?") for c in b)


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


def ours(tool, path, folder, text, invalid_is_fine):
    src, out = os.path.join(folder, "m.onnxtxt"), os.path.join(folder, "m.onnx")
    with open(src, "wb") as f:
        f.write(text)
    if os.path.exists(out):
        os.remove(out)
    r = subprocess.run([tool, "parse", src, out], capture_output=True)
    if r.returncode == 3 and invalid_is_fine and b"[OX34" not in r.stderr:
        return None
    if r.returncode:
        return "onnxopt parse: exit %d: %s" % (r.returncode, r.stderr.decode(errors="replace")[:300])
    original = onnx.load(path, load_external_data=False)
    again = onnx.load(out, load_external_data=False)
    for m in (original, again):
        normalise(m, False)
    return first_difference(original, again)


def check(tool, path, folder, invalid_is_fine):
    r = subprocess.run([tool, "print", path], capture_output=True)
    if r.returncode == 3:
        return "refused", None
    if r.returncode:
        return "FAIL", "onnxopt print: exit %d: %s" % (r.returncode, r.stderr.decode(errors="replace")[:300])
    try:
        onnx.load(path, load_external_data=False)
    except Exception:                                      # noqa: BLE001
        return "unreadable", None
    for what, found in (("upstream", upstream(path, r.stdout)), ("ours", ours(tool, path, folder, r.stdout, invalid_is_fine))):
        if found:
            return "FAIL", "%s: %s" % (what, found)
    return "ok", None


# ---- models with all that real ones do not have -------------------------------------------

UNKNOWN = bytes.fromhex("fa3f0301ff00")          # field 1023, three bytes
BYTES = [b"", b"a", b"two\nlines\n# no comment", b'quote " and \\ backslash', b"\xff\xfe not UTF-8",
         b"a NUL \0 inside", "\u00e9\u4e2d\u202e".encode(), b"\t tab \r\n", b"#@ node doc"]
NAMES = ["x", "_1", "float", "seq", "nan", "inf_x", "Infinity", "a/b:0", "1st", "two\nlines", "none", "\u00e9",
         'q"\\', "#c", "a b", "nan1", "map"]


def add_meta(x, doc="a\n\"doc\" \\ string"):
    x.doc_string = doc
    if "metadata_props" in x.DESCRIPTOR.fields_by_name:
        x.metadata_props.add(key="k", value="v\n")
        x.metadata_props.add(key="")
        x.metadata_props.add(value="no key")
    x.MergeFromString(UNKNOWN)


def add_types(graph):
    T = onnx.TypeProto
    types = [T() for _ in range(12)]
    types[0].tensor_type.elem_type = 1
    d = types[0].tensor_type.shape.dim
    d.add(dim_value=-1, denotation="BATCH")
    d.add(dim_param="a b")
    d.add(dim_param="")
    d.add(denotation="")
    d.add(dim_param="none")
    types[0].denotation = "IMAGE"
    types[1].tensor_type.elem_type = 77
    types[1].tensor_type.shape.dim.add(dim_value=3)
    types[2].tensor_type.shape.SetInParent()
    types[3].sequence_type.elem_type.map_type.key_type = 7
    types[3].sequence_type.elem_type.map_type.value_type.optional_type.elem_type.tensor_type.elem_type = 26
    types[3].sequence_type.elem_type.denotation = "inner"
    types[4].sequence_type.SetInParent()
    types[5].map_type.SetInParent()
    types[6].opaque_type.domain = "a.b"
    types[6].opaque_type.name = "c"
    types[7].opaque_type.name = "with space"
    types[8].sparse_tensor_type.elem_type = 8
    types[9].denotation = "only"
    types[10].tensor_type.elem_type = 10
    types[10].MergeFromString(UNKNOWN)
    types[11].tensor_type.elem_type = 10
    types[11].tensor_type.MergeFromString(UNKNOWN)
    for i, t in enumerate(types + [None]):
        v = graph.input.add(name="in%d" % i)
        if t is not None:
            v.type.CopyFrom(t)
        if i % 3 == 0:
            add_meta(v)
    graph.input.add(name="empty").type.SetInParent()


def tensor_of(data_type, raw, n, name=None):
    t = onnx.TensorProto(data_type=data_type, dims=[n], raw_data=raw)
    if name is not None:
        t.name = name
    return t


def add_inits(graph):
    every = bytes(range(256)) + struct.pack("<8I", 0x7F800001, 0xFFC00001, 0x7FC00000, 0xFFC00000, 0x80000000,
                                            0x7F800000, 0xFF800000, 1)
    doubles = struct.pack("<4Q", 0x7FF0000000000001, 0xFFF8000000000000, 1, 0x8000000000000000)
    for t, width in WIDTH.items():
        bits = {21: 4, 22: 4, 23: 4, 25: 2, 26: 2}.get(t, 8 * width)
        raw = every + doubles
        graph.initializer.append(tensor_of(t, raw, len(raw) * 8 // (8 * width * (1 + (t in (14, 15))) if bits >= 8 else bits), "init %d" % t))
        if bits < 8:
            graph.initializer.append(tensor_of(t, b"\xfd", 1, "one %d" % t))
            graph.initializer.append(tensor_of(t, b"\xfd\x3e"[:(3 * bits + 7) // 8], 3, "three %d" % t))
        graph.initializer.append(onnx.TensorProto(data_type=t, dims=[0, 3], name="no %d" % t))
    s = onnx.TensorProto(data_type=8, dims=[3, 3], name="strings", string_data=BYTES)
    add_meta(s)
    s.data_location = 0
    s.external_data.add(key="stray", value="entry")
    graph.initializer.append(s)
    graph.initializer.append(onnx.TensorProto(data_type=7, name="scalar", int64_data=[-2 ** 63]))
    graph.initializer.append(tensor_of(99, b"\x01\x02\x03", 5, "unknown type"))
    graph.initializer.append(onnx.TensorProto(data_type=1, dims=[1], name="in0", float_data=[1.5]))
    for i, kind in enumerate((1, 7)):
        p = graph.sparse_initializer.add(dims=[4, 4])
        p.values.CopyFrom(onnx.TensorProto(data_type=kind, dims=[2], name="sparse %d" % i))
        p.values.raw_data = struct.pack("<2I", 0x7F800001, 0) if kind == 1 else struct.pack("<2q", 1, -1)
        p.indices.CopyFrom(onnx.TensorProto(data_type=7, dims=[2], int64_data=[1, 5]))
        if i:
            add_meta(p.values)
            p.indices.name = "named/indices"
            p.MergeFromString(UNKNOWN)


def add_attrs(node, depth):
    A = onnx.AttributeProto
    node.attribute.add(name="f", type=A.FLOAT, f=float("nan"))
    node.attribute.add(name="f0", type=A.FLOAT, f=-0.0)
    node.attribute.add(name="f1", type=A.FLOAT, f=1e-45)
    node.attribute.add(name="fs", type=A.FLOATS, floats=[1, 0.1, float("-inf"), 3.4028234663852886e38])
    node.attribute.add(name="i", type=A.INT, i=-2 ** 63)
    node.attribute.add(name="is", type=A.INTS, ints=[1, 2 ** 63 - 1])
    for i, b in enumerate(BYTES):
        node.attribute.add(name="s%d" % i, type=A.STRING, s=b)
    node.attribute.add(name="ss", type=A.STRINGS, strings=BYTES)
    for t in (A.FLOATS, A.INTS, A.STRINGS, A.TENSORS, A.GRAPHS, A.SPARSE_TENSORS, A.TYPE_PROTOS):
        node.attribute.add(name="empty%d" % t, type=t)
    for t in (A.FLOAT, A.INT, A.STRING, A.TENSOR, A.GRAPH, A.SPARSE_TENSOR, A.TYPE_PROTO):
        node.attribute.add(name="void%d" % t, type=t)
    node.attribute.add(name="untyped", i=3)
    node.attribute.add(name="nothing")
    node.attribute.add(name="not-a-word", type=A.INT, i=1)
    add_meta(node.attribute[-1])
    for name in NAMES:
        a = node.attribute.add(name="t", type=A.TENSOR)
        a.t.CopyFrom(tensor_of(1, struct.pack("<I", 0x7FA00000), 1, name))
        a.t.dims[:] = []
    add_meta(node.attribute[-1].t)
    a = node.attribute.add(name="ext", type=A.TENSOR)
    a.t.CopyFrom(onnx.TensorProto(data_type=1, dims=[2], data_location=1))
    a.t.external_data.add(key="location", value="no such file")
    a.t.external_data.add(key="offset", value="4096")
    a = node.attribute.add(name="ts", type=A.TENSORS)
    a.tensors.append(onnx.TensorProto(data_type=8, dims=[0]))
    a.tensors.append(tensor_of(9, b"\0\1\2", 3, "b"))
    add_meta(a.tensors[-1])
    a = node.attribute.add(name="tp", type=A.TYPE_PROTO)
    a.tp.tensor_type.elem_type = 1
    a = node.attribute.add(name="none", type=A.TYPE_PROTO)
    a.tp.SetInParent()
    a = node.attribute.add(name="tps", type=A.TYPE_PROTOS)
    a.type_protos.add().sequence_type.elem_type.tensor_type.elem_type = 1
    a.type_protos.add().denotation = "d"
    a = node.attribute.add(name="sp", type=A.SPARSE_TENSOR)
    a.sparse_tensor.dims[:] = [3]
    a.sparse_tensor.values.CopyFrom(tensor_of(1, b"\0\0\x80?", 1, "none"))
    a = node.attribute.add(name="sps", type=A.SPARSE_TENSORS)
    a.sparse_tensors.add(dims=[0])
    a.sparse_tensors.add().indices.CopyFrom(tensor_of(7, bytes(8), 1))
    if depth:
        a = node.attribute.add(name="g", type=A.GRAPH)
        add_graph(a.g, depth - 1)
        a = node.attribute.add(name="gs", type=A.GRAPHS)
        for name in NAMES:
            g = a.graphs.add(name=name)
            g.output.add(name="o")
            g.node.add(op_type="Op", output=["o"])
        a.graphs.add()


def add_graph(g, depth):
    add_types(g)
    add_inits(g)
    for name in NAMES:
        g.input.add(name="in" + name)
        n = g.node.add(op_type="Identity", input=["in" + name, "", "in0"], output=["", name + "_%d" % depth], name=name)
        n.overload = name
    n = g.node.add(input=["", "x_%d" % depth], output=["", ""], op_type="my-op", domain="my domain", overload="")
    add_meta(n)
    n = g.node.add(op_type="Bare", domain="")
    c = n.device_configurations.add(configuration_id="c", pipeline_stage=-1)
    s = c.sharding_spec.add(tensor_name="x_%d" % depth, device=[1, 2])
    s.sharded_dim.add(axis=1)
    c.sharding_spec.add()
    c.MergeFromString(UNKNOWN)
    n.device_configurations.add()
    n = g.node.add(domain="a.b.c", name="")
    add_attrs(n, depth)
    g.output.add(name="x_%d" % depth)
    add_meta(g.output[-1])
    g.value_info.add(name="two\nlines_%d" % depth).type.tensor_type.elem_type = 1
    add_meta(g.value_info[-1])
    g.value_info.add(name="nobody's")
    q = g.quantization_annotation.add(tensor_name="x_%d" % depth)
    q.quant_parameter_tensor_names.add(key="SCALE_TENSOR", value="scalar")
    q.quant_parameter_tensor_names.add(key="", value="nobody")
    q.MergeFromString(UNKNOWN)
    add_meta(g)


def odd_model():
    m = onnx.ModelProto(ir_version=13, producer_name="", producer_version="1", domain="a", model_version=-5)
    add_meta(m)
    m.opset_import.add(version=17)
    m.opset_import.add(domain="", version=17)
    m.opset_import.add(domain="a.b")
    m.opset_import[-1].MergeFromString(UNKNOWN)
    m.training_info.add().initialization_binding.add(key="scalar", value="scalar")
    m.training_info[-1].MergeFromString(UNKNOWN)
    m.configuration.add(name="c", num_devices=2, device=["a", "b"])
    add_graph(m.graph, 1)
    for i, name in enumerate(["f", "g h", "float"]):
        f = m.functions.add(name=name, input=["a", "float", "b/c"], output=["a", "y"], attribute=["p", "q r"])
        if i:
            f.domain = "d%d" % i if i > 1 else ""
            f.overload = "" if i > 1 else "over"
            add_meta(f)
            f.opset_import.add(domain="x", version=1)
        f.attribute_proto.add(name="def ault", type=2, i=4)
        f.attribute_proto.add(name="fl", type=6)
        n = f.node.add(op_type="Identity", input=["a"], output=["y"])
        n.attribute.add(name="r", type=1, ref_attr_name="p")
        n.attribute.add(name="r2", ref_attr_name="q r")
        f.value_info.add(name="y").type.tensor_type.elem_type = 1
    return m


def repair(m):
    """Takes out what the checker refuses, because `onnxopt parse` writes valid models only."""
    domains = set()
    for n in messages(m):
        kind = n.DESCRIPTOR.name
        if kind == "NodeProto":
            n.op_type = n.op_type or "Op"
            domains.add(n.domain)
            keep = [a for a in n.attribute if not a.name.startswith("void") and a.name != "nothing"]
            for i, a in enumerate(keep):
                a.name = "%s%d" % (a.name, i)
            copies = [onnx.AttributeProto.FromString(a.SerializeToString()) for a in keep]
            del n.attribute[:]
            n.attribute.extend(copies)
        elif kind == "SparseTensorProto":
            n.dims[:] = [8]
            if not n.HasField("values"):
                n.values.CopyFrom(onnx.TensorProto(data_type=1, dims=[1], float_data=[1]))
            if not n.HasField("indices"):
                n.indices.CopyFrom(onnx.TensorProto(data_type=7, dims=[1], int64_data=[0]))
    for x in [m] + list(m.functions):
        have = {o.domain for o in x.opset_import if o.HasField("version")}
        if x is m:
            domains |= {f.domain for f in m.functions}
        for d in sorted(domains - have):
            x.opset_import.add(domain=d, version=1)
    return m


def bare_model():
    m = onnx.ModelProto()
    m.graph.SetInParent()
    return m


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
    parser.add_argument("paths", nargs="*")
    args = parser.parse_args()
    sys.setrecursionlimit(10000)
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        odd = [os.path.join(folder, name) for name in ("odd.onnx", "bare.onnx", "valid.onnx")]
        for path, model in zip(odd, (odd_model(), bare_model(), repair(odd_model()))):
            onnx.save(model, path)
        for path in odd + list(files(args.paths)):
            verdict, why = check(args.tool, path, folder, path in odd[:2])
            counts[verdict] = counts.get(verdict, 0) + 1
            if path in odd and verdict != "ok":
                verdict, why = "FAIL", why or "not read"
            if why:
                print("%s: %s" % (path, why), flush=True)
    print(", ".join("%d %s" % (n, v) for v, n in sorted(counts.items())))
    return 1 if "FAIL" in counts or "ok" not in counts else 0


if __name__ == "__main__":
    sys.exit(main())
