#!/usr/bin/env python3
"""Large constants, which are folded as they are written (ops/later.c), beside ONNX Runtime.

    fold_large.py --tool build/onnxopt [--count 60] [--seed 1] [--external]

Each model is a random chain of movement and element by element arithmetic over a weight of
20,000 to 400,000 elements. What the folded model gives must be, bit for bit, what the model
gives. --external: the weight lies in another file.
"""
import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T, helper as h, numpy_helper as nh

TYPES = {T.FLOAT: np.float32, T.DOUBLE: np.float64, T.FLOAT16: np.float16, T.INT64: np.int64,
         T.INT32: np.int32, T.UINT8: np.uint8, T.INT8: np.int8, T.BOOL: np.bool_}


class Chain:
    def __init__(self, r):
        self.r, self.nodes, self.inits, self.n = r, [], [], 0
        rank = r.randint(1, 4)
        total = r.randint(20_000, 400_000)
        shape = []
        for _ in range(rank - 1):
            shape.append(r.randint(1, max(1, int(total ** (1 / rank) * 2))))
            total = max(1, total // shape[-1])
        shape.append(total)
        r.shuffle(shape)
        self.type = r.choice(list(TYPES))
        self.x = self.const(self.data(shape))
        self.shape = tuple(shape)

    def name(self, what):
        self.n += 1
        return f"{what}{self.n}"

    def data(self, shape):
        g = np.random.default_rng(self.r.getrandbits(32))
        t = TYPES[self.type]
        if t is np.bool_:
            return g.integers(0, 2, shape).astype(t)
        if np.issubdtype(t, np.integer):
            info = np.iinfo(t)
            return g.integers(max(info.min, -10**6), min(info.max, 10**6), shape).astype(t)
        return g.standard_normal(shape).astype(t)

    def const(self, a):
        self.inits.append(nh.from_array(np.asarray(a), self.name("w")))
        return self.inits[-1].name

    def ints(self, *v):
        return self.const(np.array(v, np.int64))

    def node(self, op, *inputs, n=1, **attrs):
        out = [self.name(op.lower()) for _ in range(n)]
        self.nodes.append(h.make_node(op, list(inputs), out, **attrs))
        return out if n > 1 else out[0]

    def step(self):
        r, x, s = self.r, self.x, list(self.shape)
        op = r.choice("transpose reshape slice split concat gather cast scale where tile expand flat".split())
        if op == "transpose":
            p = r.sample(range(len(s)), len(s))
            x, s = self.node("Transpose", x, perm=p), [s[i] for i in p]
        elif op == "reshape":
            n = int(np.prod(s))
            d = next((d for d in r.sample(range(2, 60), 58) if n % d == 0), 1)
            s = r.choice([[d, n // d], [n // d, 1, d], [n]])
            x = self.node("Reshape", x, self.ints(*s))
        elif op == "flat":
            a = r.randint(0, len(s))
            x, s = self.node("Flatten", x, axis=a), [int(np.prod(s[:a])), int(np.prod(s[a:]))]
        elif op == "slice" and s:
            a = r.randrange(len(s))
            by = r.choice([1, 1, 2, -1, -3])
            lo, hi = r.randint(0, s[a] // 4), s[a] - r.randint(0, s[a] // 4)
            begin, end = (lo, hi) if by > 0 else (hi - 1, lo - 1 if lo else -s[a] - 1)
            x = self.node("Slice", x, self.ints(begin), self.ints(end), self.ints(a), self.ints(by))
            s[a] = len(range(s[a])[lo:hi]) if by == 1 else -(-(hi - lo) // abs(by))
        elif op == "split" and max(s) > 3:
            a = s.index(max(s))
            k = r.randint(1, s[a] - 1)
            parts = self.node("Split", x, self.ints(k, s[a] - k), n=2, axis=a)
            x = self.node("Concat", *reversed(parts), axis=a)
        elif op == "concat" and np.prod(s) < 200_000:
            a = r.randrange(len(s))
            other = list(s)
            other[a] = r.randint(1, s[a] + 1)
            x = self.node("Concat", *r.sample([x, self.const(self.data(other))], 2), axis=a)
            s[a] += other[a]
        elif op == "gather":
            a = r.randrange(len(s))
            k = r.randint(1, s[a])
            x = self.node("Gather", x, self.ints(*[r.randrange(-s[a], s[a]) for _ in range(k)]), axis=a)
            s[a] = k
        elif op == "cast" and self.type not in (T.FLOAT, T.DOUBLE, T.FLOAT16):
            self.type = r.choice([T.FLOAT, T.DOUBLE, T.INT64, T.INT32])
            x = self.node("Cast", x, to=self.type)
        elif op == "scale" and self.type in (T.FLOAT, T.DOUBLE, T.INT64, T.INT32):
            t = [d if r.random() < 0.5 else 1 for d in s][r.randint(0, len(s)):]
            x = self.node(r.choice(["Mul", "Add", "Sub"]), *r.sample([x, self.const(self.data(t))], 2))
        elif op == "where" and self.type != T.BOOL:
            c = np.random.default_rng(self.n).integers(0, 2, s).astype(np.bool_)
            x = self.node("Where", self.const(c), x, self.const(self.data(s[-1:])))
        elif op == "tile" and np.prod(s) < 50_000 and self.type not in (T.FLOAT16, T.INT8):
            t = [r.randint(1, 2) for _ in s]
            x, s = self.node("Tile", x, self.ints(*t)), [a * b for a, b in zip(s, t)]
        elif op == "expand" and np.prod(s) < 50_000:
            x, s = self.node("Expand", x, self.ints(r.randint(1, 3), *s)), None
            s = [int(nh.to_array(self.inits[-1])[0])] + list(self.shape)
        self.x, self.shape = x, tuple(s)


def make(seed):
    c = Chain(random.Random(seed))
    for _ in range(c.r.randint(1, 6)):
        c.step()
    y = h.make_tensor_value_info("y", c.type, c.shape)
    c.nodes.append(h.make_node("Identity", [c.x], ["y"]))
    m = h.make_model(h.make_graph(c.nodes, "g", [], [y], c.inits), ir_version=8,
                     opset_imports=[h.make_opsetid("", 17)])
    onnx.checker.check_model(m)
    return m


def run(path):
    o = ort.SessionOptions()
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    o.log_severity_level = 4
    return ort.InferenceSession(str(path), o, providers=["CPUExecutionProvider"]).run(None, {})[0]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tool", required=True)
    p.add_argument("--count", type=int, default=60)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--external", action="store_true")
    a = p.parse_args()
    wrong = nodes = left = 0
    with tempfile.TemporaryDirectory() as d:
        for seed in range(a.seed, a.seed + a.count):
            src, out = pathlib.Path(d, "m.onnx"), pathlib.Path(d, "o.onnx")
            for f in pathlib.Path(d).iterdir():
                f.unlink()
            m = make(seed)
            nodes += len(m.graph.node)
            onnx.save(m, src, save_as_external_data=a.external, location="m.data", size_threshold=1024)
            subprocess.run([a.tool, src, out, "-q"], check=True)
            result = onnx.load(out, load_external_data=False)
            left += sum(n.op_type != "Constant" for n in result.graph.node)
            x, y = run(src), run(out)
            if x.dtype != y.dtype or x.shape != y.shape or x.tobytes() != y.tobytes():
                print(f"seed {seed}: not the same: {[n.op_type for n in m.graph.node]}")
                wrong += 1
            size = sum(f.stat().st_size for f in (src, src.with_name("m.data")) if f.exists())
            if out.stat().st_size > size * 1.01 + 4096:
                print(f"seed {seed}: {size} bytes became {out.stat().st_size}")
                wrong += 1
    print(f"{a.count} models: {nodes} nodes, {left} left, {wrong} wrong")
    return wrong > 0


sys.exit(main())
