#!/usr/bin/env python3
"""Writes large ONNX models for measuring and for breaking things. Standard library only.

    big.py chain N OUT          a decomposed transformer of N nodes, as PyTorch exports it
    big.py fan N OUT            one value with N readers
    big.py weights BYTES OUT    561 nodes and about BYTES bytes of weights, in one file
    big.py external BYTES OUT   the same, the weights sparse in OUT.data
    big.py nested N OUT         If in If in If..., N deep
    big.py repeat-graph N OUT   the field `graph` N times, which protobuf would merge
    big.py empty-nodes N OUT    N nodes of no bytes

Protobuf is written by hand, field by field, and weights are streamed, so that a model of
any size needs little memory. The same arguments give the same bytes. Opset 13, IR 8.
"""
import argparse
import math
import random
import struct
import sys

FLOAT, INT64 = 1, 7
BLOCK = 1 << 20


# ---- the wire ------------------------------------------------------------------------
# A message is a list of parts: bytes, or a Filler that makes them when they are written.

def varint(v):
    out = bytearray()
    while v >= 0x80:
        out.append(v & 0x7F | 0x80)
        v >>= 7
    out.append(v)
    return bytes(out)


def num(field, v):
    return varint(field << 3) + varint(v & (1 << 64) - 1)


def raw(field, data):
    if isinstance(data, str):
        data = data.encode()
    return varint(field << 3 | 2) + varint(len(data)) + data


def length(parts):
    return sum(p.size if isinstance(p, Filler) else len(p) for p in parts)


def msg(field, parts):
    return [varint(field << 3 | 2) + varint(length(parts)), *parts]


class Filler:
    """size bytes of small floats, different for each seed."""

    def __init__(self, seed, size):
        self.seed, self.size = seed, size

    def write(self, f):
        rng = random.Random(self.seed)
        block = b"".join(struct.pack("<f", rng.gauss(0, 0.05))
                         for _ in range(min(self.size, BLOCK // 16) // 4 + 1))
        block *= BLOCK // len(block) + 1
        done = 0
        while done < self.size:
            done += f.write(block[:min(len(block), self.size - done)])


def write_parts(path, parts):
    with open(path, "wb", buffering=BLOCK) as f:
        for p in parts:
            p.write(f) if isinstance(p, Filler) else f.write(p)


# ---- ONNX ------------------------------------------------------------------------------

def attribute(name, v):
    head = raw(1, name)
    if isinstance(v, float):
        return raw(5, head + varint(2 << 3 | 5) + struct.pack("<f", v) + num(20, 1))
    if isinstance(v, int):
        return raw(5, head + num(3, v) + num(20, 2))
    if isinstance(v, bytes):                    # a serialised TensorProto
        return raw(5, head + raw(5, v) + num(20, 4))
    return raw(5, head + b"".join(num(8, i) for i in v) + num(20, 7))


def tensor(name, dtype, dims, data):
    """data: bytes, a Filler, or (location, offset, length)."""
    head = b"".join(num(1, d) for d in dims) + num(2, dtype) + (raw(8, name) if name else b"")
    if isinstance(data, tuple):
        entries = zip(("location", "offset", "length"), map(str, data))
        return [head + b"".join(raw(13, raw(1, k) + raw(2, v)) for k, v in entries) + num(14, 1)]
    if isinstance(data, Filler):
        return [head + varint(9 << 3 | 2) + varint(data.size), data]
    return [head + raw(9, data)]


def value_info(field, name, dtype, dims):
    shape = b"".join(raw(1, num(1, d) if isinstance(d, int) else raw(2, d)) for d in dims)
    return raw(field, raw(1, name) + raw(2, raw(1, num(1, dtype) + raw(2, shape))))


def model(graph):
    return [num(1, 8) + raw(2, "pytorch") + raw(3, "2.1.0"), *msg(7, graph),
            raw(8, raw(1, "") + num(2, 13))]


class Graph:
    """Collects a graph; every method that makes a node returns the name of its output."""

    def __init__(self, name="main_graph"):
        self.name = name
        self.nodes, self.weights, self.infos, self.ends = [], [], [], []
        self.shapes = {}
        self.count = 0

    def node(self, op, scope, inputs, dims, dtype=FLOAT, info=True, **attributes):
        name = f"{scope}/{op}_{self.count}"
        out = name + "_output_0"
        self.nodes.append(raw(1, b"".join([
            *(raw(1, i) for i in inputs), raw(2, out), raw(3, name), raw(4, op),
            *(attribute(k, v) for k, v in attributes.items())])))
        self.count += 1
        self.shapes[out] = dims
        if info:
            self.infos.append(value_info(13, out, dtype, dims))
        return out

    def ints(self, scope, *v, scalar=False):
        data = struct.pack(f"<{len(v)}q", *v)
        t = tensor("", INT64, [] if scalar else [len(v)], data)
        return self.node("Constant", scope, [], [] if scalar else [len(v)], INT64, value=b"".join(t))

    def scalar(self, scope, v):
        return self.node("Constant", scope, [], [], value=b"".join(tensor("", FLOAT, [], struct.pack("<f", v))))

    def weight(self, name, dims, data):
        self.weights += msg(5, tensor(name, FLOAT, dims, data))
        return name

    def end(self, field, name, dims, dtype=FLOAT):
        self.ends.append(value_info(field, name, dtype, dims))

    def parts(self):
        return [*self.nodes, raw(2, self.name), *self.weights, *self.ends, *self.infos]


# ---- the transformer ----------------------------------------------------------------------

class Weights:
    """Where the weights of a Transformer lie: in the model, or in a data file."""

    def __init__(self, location=None):
        self.location, self.made, self.at = location, 0, 0

    def data(self, dims):
        self.made += 1
        size = 4 * math.prod(dims)
        if not self.location:
            return Filler(self.made, size)
        at = self.at
        self.at = (at + size + 0xFFFF) & ~0xFFFF
        return (self.location, at, size)


class Transformer:
    """What torch.onnx makes of an encoder with dynamic batch and length: shape arithmetic
    once per use, Dropout and Identity left over, LayerNorm and Gelu in pieces."""

    HEADS = 2

    def __init__(self, hidden, weights):
        self.h, self.w, self.g = hidden, weights, Graph()
        self.x = self.g.node("Identity", "/model/embeddings/dropout", ["hidden_states"], self.dims())
        self.g.end(11, "hidden_states", self.dims())

    def dims(self, *last):
        return ["batch_size", "sequence_length", *(last or (self.h,))]

    def linear(self, scope, x, n_in, n_out):
        name = scope.strip("/").replace("/", ".")
        w = self.g.weight(name + ".weight", [n_in, n_out], self.w.data([n_in, n_out]))
        b = self.g.weight(name + ".bias", [n_out], Filler(len(name) * 7 + self.w.made, 4 * n_out))
        y = self.g.node("MatMul", scope, [x, w], self.dims(n_out))
        return self.g.node("Add", scope, [b, y], self.dims(n_out))

    def size_of(self, scope, x, axis):
        g = self.g
        shape = g.node("Shape", scope, [x], [len(g.shapes[x])], INT64)
        one = g.node("Gather", scope, [shape, g.ints(scope, axis, scalar=True)], [], INT64, axis=0)
        return g.node("Unsqueeze", scope, [one, g.ints(scope, 0)], [1], INT64)

    def reshape(self, scope, x, dims, *tail):
        g = self.g
        parts = [self.size_of(scope, x, 0), self.size_of(scope, x, 1), *(g.ints(scope, t) for t in tail)]
        target = g.node("Concat", scope, parts, [len(parts)], INT64, axis=0)
        return g.node("Reshape", scope, [x, target], dims)

    def heads(self, scope, x, perm, dims):
        y = self.linear(scope, x, self.h, self.h)
        split = self.h // self.HEADS
        y = self.reshape(scope, y, self.dims(self.HEADS, split), self.HEADS, split)
        return self.g.node("Transpose", scope, [y], dims, perm=perm)

    def norm(self, scope, x):
        g, d, m = self.g, self.dims(), self.dims(1)
        name = scope.strip("/").replace("/", ".")
        mean = g.node("ReduceMean", scope, [x], m, axes=[-1], keepdims=1)
        diff = g.node("Sub", scope, [x, mean], d)
        square = g.node("Pow", scope, [diff, g.scalar(scope, 2.0)], d)
        var = g.node("ReduceMean", scope, [square], m, axes=[-1], keepdims=1)
        var = g.node("Add", scope, [var, g.scalar(scope, 1e-12)], m)
        y = g.node("Div", scope, [diff, g.node("Sqrt", scope, [var], m)], d)
        gamma = g.weight(name + ".weight", [self.h], Filler(self.w.made * 3 + 1, 4 * self.h))
        beta = g.weight(name + ".bias", [self.h], Filler(self.w.made * 3 + 2, 4 * self.h))
        y = g.node("Mul", scope, [y, gamma], d)
        return g.node("Add", scope, [y, beta], d)

    def layer(self, i):
        g, h, x = self.g, self.h, self.x
        top = f"/model/encoder/layer.{i}"
        at = top + "/attention/self"
        b, s, n, k = "batch_size", "sequence_length", self.HEADS, h // self.HEADS
        q = self.heads(at + "/query", x, [0, 2, 1, 3], [b, n, s, k])
        kt = self.heads(at + "/key", x, [0, 2, 3, 1], [b, n, k, s])
        v = self.heads(at + "/value", x, [0, 2, 1, 3], [b, n, s, k])
        y = g.node("MatMul", at, [q, kt], [b, n, s, s])
        y = g.node("Div", at, [y, g.scalar(at, math.sqrt(k))], [b, n, s, s])
        y = g.node("Softmax", at, [y], [b, n, s, s], axis=-1)
        y = g.node("Dropout", at + "/dropout", [y], [b, n, s, s])
        y = g.node("MatMul", at, [y, v], [b, n, s, k])
        y = g.node("Transpose", at, [y], self.dims(n, k), perm=[0, 2, 1, 3])
        y = self.reshape(at, y, self.dims(), h)
        y = self.linear(top + "/attention/output/dense", y, h, h)
        y = g.node("Dropout", top + "/attention/output/dropout", [y], self.dims())
        y = g.node("Add", top + "/attention/output", [y, x], self.dims())
        x = self.norm(top + "/attention/output/LayerNorm", y)
        y = self.linear(top + "/intermediate/dense", x, h, 4 * h)
        act, d = top + "/intermediate/intermediate_act_fn", self.dims(4 * h)
        e = g.node("Div", act, [y, g.scalar(act, math.sqrt(2))], d)
        e = g.node("Add", act, [g.node("Erf", act, [e], d), g.scalar(act, 1.0)], d)
        e = g.node("Mul", act, [y, e], d)
        y = g.node("Mul", act, [e, g.scalar(act, 0.5)], d)
        y = self.linear(top + "/output/dense", y, 4 * h, h)
        y = g.node("Dropout", top + "/output/dropout", [y], self.dims())
        y = g.node("Add", top + "/output", [y, x], self.dims())
        y = self.norm(top + "/output/LayerNorm", y)
        self.x = g.node("Identity", top + "/output", [y], self.dims())

    def finish(self, nodes):
        """Fills up to the wanted number of nodes and closes the graph."""
        ops = ("Tanh", "Softplus", "Sigmoid")
        while self.g.count < nodes - 1:
            op = ops[self.g.count % 3]
            self.x = self.g.node(op, "/model/pooler/activation", [self.x], self.dims())
        self.g.nodes.append(raw(1, raw(1, self.x) + raw(2, "last_hidden_state")
                                + raw(3, "/model/pooler/Identity") + raw(4, "Identity")))
        self.g.count += 1
        self.g.end(12, "last_hidden_state", self.dims())
        return self.g


def layer_nodes():
    t = Transformer(2, Weights())
    t.layer(0)
    return t.g.count - 1


def transformer(nodes, hidden, weights):
    t = Transformer(hidden, weights)
    for i in range((nodes - 2) // layer_nodes()):
        t.layer(i)
    return t.finish(nodes)


HEAVY_NODES = 561


def hidden_for(total):
    """Twelve times h^2 floats in each layer."""
    layers = (HEAVY_NODES - 2) // layer_nodes()
    return max(2, round(math.sqrt(total / (48 * layers)) / 2) * 2)


# ---- the kinds ------------------------------------------------------------------------------

def chain(n, out):
    write_parts(out, model(transformer(n, 8, Weights()).parts()))


def fan(n, out):
    g = Graph()
    g.end(11, "input", ["batch_size", 4])
    d = ["batch_size", 4]
    x = g.node("Relu", "/model/stem/activation/of/the/one/value", ["input"], d)
    row = []
    for i in range(n):
        scope = f"/model/branches/branch.{i}/projection/scale"
        w = g.weight(scope.strip("/").replace("/", ".") + ".weight", [4], struct.pack("<4f", i, 1, 2, 3))
        row.append(g.node("Mul", scope, [x, w], d))
    level = 0
    while len(row) > 1:
        scope = f"/model/head/tree/level.{level}/sum"
        row = [g.node("Sum", scope, row[i:i + 16], d) if len(row[i:i + 16]) > 1 else row[i]
               for i in range(0, len(row), 16)]
        level += 1
    g.nodes.append(raw(1, raw(1, row[0]) + raw(2, "output") + raw(3, "/model/head/Tanh") + raw(4, "Tanh")))
    g.end(12, "output", d)
    write_parts(out, model(g.parts()))


def weights(total, out):
    write_parts(out, model(transformer(HEAVY_NODES, hidden_for(total), Weights()).parts()))


def external(total, out):
    w = Weights(out.rsplit("/", 1)[-1] + ".data")
    write_parts(out, model(transformer(HEAVY_NODES, hidden_for(total), w).parts()))
    # Holes, but for the first floats of each tensor: no two tensors may be equal.
    with open(out + ".data", "wb") as f:
        f.truncate(w.at)
        at, h = 0, hidden_for(total)
        for i in range(w.made):
            size = 4 * h * h * (4 if i % 6 >= 4 else 1)
            f.seek(at)
            Filler(i + 1, 64).write(f)
            at = (at + size + 0xFFFF) & ~0xFFFF
        assert at == w.at


def nested(n, out):
    def branch(name, inner):
        body = inner or raw(1, raw(1, "x") + raw(2, "y_" + name) + raw(3, "n_" + name) + raw(4, "Relu"))
        return body + raw(2, "g_" + name) + value_info(12, "y_" + name, FLOAT, [4])

    body = b""
    for i in range(n):
        then, other = branch(f"t{i}", body), branch(f"e{i}", b"")
        node = raw(1, "cond") + raw(2, f"y_t{i + 1}" if i < n - 1 else "output") + raw(3, f"if_{i}") + raw(4, "If")
        for key, g in (("then_branch", then), ("else_branch", other)):
            node += raw(5, raw(1, key) + raw(6, g) + num(20, 5))
        body = raw(1, node)
    graph = [body, raw(2, "nested"), value_info(11, "x", FLOAT, [4]), value_info(11, "cond", 9, []),
             value_info(12, "output", FLOAT, [4])]
    write_parts(out, model(graph))


def repeat_graph(n, out):
    one = raw(7, raw(1, raw(1, "x") + raw(2, "y") + raw(4, "Relu")) + raw(2, "g"))
    write_parts(out, [num(1, 8), *[one] * n, raw(8, raw(1, "") + num(2, 13))])


def empty_nodes(n, out):
    graph = [raw(1, b"") * n, raw(2, "empty"), value_info(11, "x", FLOAT, [1]), value_info(12, "x", FLOAT, [1])]
    write_parts(out, model(graph))


KINDS = {"chain": chain, "fan": fan, "weights": weights, "external": external, "nested": nested,
         "repeat-graph": repeat_graph, "empty-nodes": empty_nodes}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("kind", choices=KINDS)
    p.add_argument("size", type=lambda s: int(float(s)))
    p.add_argument("out")
    a = p.parse_args()
    if a.size < 1:
        p.error("the size must be positive")
    KINDS[a.kind](a.size, a.out)


if __name__ == "__main__":
    sys.exit(main())
