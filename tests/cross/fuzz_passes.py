"""What the passes make of random models, beside what the models were, in ONNX Runtime.

    fuzz_passes.py [--tool build/onnxopt] [--count 300] [--seed 0] [--keep FOLDER]

Models of a few float operators between much arithmetic on shapes: Shape, Gather, Slice,
Concat, Where, Cast and what reads the result, in the main graph, in branches, loops and
local functions that capture. Each is built by running every node once at the sizes N = 5,
M = 3, so that it is right at those; others may fail. Weights are inputs or not, values are
to be kept or not, opsets 11 to 21.

At each assignment at which the original runs, the result must run and give the same bits,
element types and shapes; graph inputs and outputs are the same; what is kept is there and
the same; the checker accepts the result if it accepted the original; optimizing again
changes nothing. Exit 1: one of these does not hold, or nothing was compared.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

BASE = {"N": 5, "M": 3}
SAMPLES = [BASE, {"N": 1, "M": 3}, {"N": 4, "M": 1}, {"N": 1, "M": 1}, {"N": 0, "M": 3}, {"N": 2, "M": 0},
           {"N": 3, "M": 3}, {"N": 8, "M": 4}, {"N": 12, "M": 5}]
MAX = (1 << 31) - 1
FORMS = [("x", ["N", "M", 4]), ("x", ["N", 4]), ("x", [2, "N", "M"]), ("x", ["N", 1, 4]), ("x", [1, 3, "N"]),
         ("x", ["N", "N"]), ("x", ["N", 6, "M", 2])]
ort.set_default_logger_severity(4)


class Reject(Exception):
    """This node cannot be."""


class Val:
    def __init__(self, name, array):
        self.name, self.a = name, array

    @property
    def is_float(self):
        return self.a.dtype == np.float32

    @property
    def is_vector(self):
        return self.a.dtype == np.int64 and self.a.ndim == 1 and 1 <= self.a.size <= 12

    @property
    def is_int(self):
        return self.a.dtype == np.int64 and self.a.ndim == 0


def info(name, array, dims=()):
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype),
                                         array.shape if dims == () else dims)


def session(model):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.np = np.random.default_rng(seed)
        self.count, self.functions = 0, []
        self.opset = self.r.choice([11, 12, 13, 13, 14, 15, 16, 17, 18, 19, 20, 21])
        self.ir = self.r.choice([3, 7, 8, 8, 8]) if self.opset == 11 else 8
        self.size = self.r.randint(8, 40)

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def opsets(self):
        own = [helper.make_opsetid("", self.opset)]
        return own + [helper.make_opsetid("local", 1)] if self.functions else own

    def model(self, graph):
        return helper.make_model(graph, opset_imports=self.opsets(), ir_version=self.ir,
                                 functions=self.functions)

    def build(self):
        """The model, the float inputs by name with their dims, and values to be kept."""
        top = Scope(self, [], None)
        forms = {}
        for i in range(self.r.randint(1, 3)):
            dims = self.r.choice(FORMS)[1]
            name = f"x{i}"
            forms[name] = dims
            array = self.np.integers(-9, 9, [BASE.get(d, d) for d in dims]).astype(np.float32)
            top.vals.append(Val(name, array))
        inputs = [info(v.name, v.a, forms[v.name]) for v in top.vals]
        if self.r.random() < 0.4:
            forms["k"] = []
            top.vals.append(Val("k", np.array(2)))
            inputs.append(info("k", top.vals[-1].a))
        if self.r.random() < 0.3:
            forms["ks"] = [2]
            top.vals.append(Val("ks", np.array([2, 3])))
            inputs.append(info("ks", top.vals[-1].a))
        given = len(top.vals)
        top.fill(self.size)
        read = {i for n in top.nodes for i in n.input} | {n for n in top.captured}
        made = [v for v in top.vals[given:] if v.name not in top.consts]
        out = [v for v in made if v.name not in read or self.r.random() < 0.1][-8:]
        if not out:
            raise Reject
        outputs = [info(v.name, v.a, None if self.r.random() < 0.5 else [None] * v.a.ndim) for v in out]
        listed = [t for t in top.inits if self.ir == 3 or (self.ir > 3 and self.r.random() < 0.1)]
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in listed]
        graph = helper.make_graph(top.nodes, "g", inputs, outputs, initializer=top.inits)
        rest = [v.name for v in made if v not in out]
        keep = self.r.sample(rest, min(len(rest), self.r.randint(1, 3))) if self.r.random() < 0.3 else []
        return self.model(graph), forms, keep, listed if self.ir > 3 else []


class Scope:
    """The nodes of one graph; vals can be read in it, those of graphs around as well."""

    def __init__(self, maker, outer, kind):
        self.m, self.r, self.kind = maker, maker.r, kind
        self.vals, self.nodes, self.inits = list(outer), [], []
        self.consts, self.captured = set(), set()
        self.depth = 0

    # -- nodes

    def emit(self, op, ins, nout=1, domain="", **attrs):
        r"""One node, run at once; its values."""
        outs = [self.m.name() for _ in range(nout)]
        node = helper.make_node(op, [i.name if i else "" for i in ins], outs, domain=domain, **attrs)
        inner = op in ("If", "Loop")
        known = {v.name: v.a for v in (self.vals if inner else [i for i in ins if i])}
        graph = helper.make_graph([node], "one", [info(n, a) for n, a in known.items()],
                                  [onnx.ValueInfoProto(name=o) for o in outs])
        try:
            got = session(self.m.model(graph)).run(None, known)
        except Exception as e:
            raise Reject(str(e)) from e
        if any(g.size > 4096 for g in got) or any(g.ndim > 6 for g in got):
            raise Reject
        self.nodes.append(node)
        vals = [Val(o, g) for o, g in zip(outs, got)]
        self.vals += vals
        return vals[0] if nout == 1 else vals

    def const(self, values, dtype=np.int64):
        array = np.array(values, dtype)
        name = self.m.name()
        tensor = numpy_helper.from_array(array, name)
        if self.kind == "function" or self.r.random() < 0.5:
            self.nodes.append(helper.make_node("Constant", [], [name], value=tensor))
        else:
            self.inits.append(tensor)
        self.consts.add(name)
        v = Val(name, array)
        self.vals.append(v)
        return v

    def pick(self, what):
        """Late ones more often, so that chains grow."""
        some = [v for v in self.vals if what(v)]
        if not some:
            raise Reject
        n = len(some)
        return some[max(self.r.randrange(n), self.r.randrange(n)) if self.r.random() < 0.7 else self.r.randrange(n)]

    def floats(self, rank=1):
        return self.pick(lambda v: v.is_float and v.a.ndim >= rank and v.name not in self.consts)

    def fill(self, count):
        at = len(self.nodes) + count
        for _ in range(count * 4):
            if len(self.nodes) >= at:
                return
            try:
                self.r.choice(self.steps())(self)
            except Reject:
                pass

    def steps(self):
        few = [Scope.branch] * 5 + [Scope.loop, Scope.call] * 2 if self.kind is None else []
        few += [Scope.branch] * 4 if self.kind == "loop" and self.r.random() < 0.3 else []
        return SHAPES + DATA + (few if self.r.random() < 0.7 else [])

    # -- shapes

    def shape(self, v=None):
        v = v or self.pick(lambda v: v.is_float and v.a.ndim)
        attrs = {}
        if self.m.opset >= 15 and self.r.random() < 0.3:
            attrs = {k: self.r.randint(-5, 5) for k in ("start", "end") if self.r.random() < 0.6}
        return self.emit("Shape", [v], **attrs)

    def whole_shape(self, v):
        return self.emit("Shape", [v])

    def index(self):
        v = self.pick(lambda v: v.is_vector)
        i = self.r.randrange(-v.a.size, v.a.size)
        return self.emit("Gather", [v, self.const(i if self.r.random() < 0.6 else [i] * self.r.randint(1, 2))], axis=0)

    def cut(self):
        v = self.pick(lambda v: v.is_vector)
        bounds = [self.const([self.r.randint(-4, 4)]), self.const([self.r.choice([1, 2, 3, 4, -1, -2, MAX, -MAX])])]
        return self.slice(v, bounds, [0], [self.r.choice([1, 1, 1, 2, -1])])

    def slice(self, v, bounds, axes, steps=None):
        ins = [v] + bounds + [self.const(axes)] + ([self.const(steps)] if steps and steps != [1] else [])
        return self.emit("Slice", ins)

    def axes_op(self, op, v, axes):
        if self.m.opset < 13:
            return self.emit(op, [v], axes=axes)
        return self.emit(op, [v, self.const(axes)])

    def raise_int(self, v=None):
        v = v or self.pick(lambda v: v.is_int)
        if self.r.random() < 0.3:
            return self.emit("Reshape", [v, self.const(self.r.choice([[1], [-1]]))])
        return self.axes_op("Unsqueeze", v, [self.r.choice([0, -1])])

    def lower(self):
        v = self.pick(lambda v: v.is_vector and v.a.size == 1)
        if self.r.random() < 0.3:
            return self.emit("Squeeze", [v])
        return self.axes_op("Squeeze", v, [0])

    def join(self):
        parts = [self.pick(lambda v: v.is_vector or v.is_int) for _ in range(self.r.randint(1, 4))]
        parts = [p if p.a.ndim else self.raise_int(p) for p in parts]
        return self.emit("Concat", parts, axis=self.r.choice([0, 0, -1]))

    def calculate(self):
        v = self.pick(lambda v: v.is_vector or v.is_int)
        w = self.pick(lambda w: (w.is_vector or w.is_int) and (w.a.ndim == 0 or w.a.shape == v.a.shape or v.a.ndim == 0))
        if self.r.random() < 0.4:
            w = self.const(self.r.choice([-2, -1, 0, 1, 2, 3, 4, 6]))
        op = self.r.choice(["Add", "Sub", "Mul", "Mul", "Div", "Div", "Mod", "Min", "Max", "Pow"])
        if op == "Pow":
            w = self.const(self.r.choice([1, 2]))
        if op in ("Min", "Max") and self.m.opset < 12:
            raise Reject
        if op in ("Div", "Mod") and not w.a.all():
            raise Reject
        return self.emit(op, [v, w] if self.r.random() < 0.8 or op in ("Div", "Mod", "Pow") else [w, v])

    def single(self):
        v = self.pick(lambda v: v.is_vector or v.is_int)
        return self.emit(self.r.choice(["Neg", "Abs", "Identity", "Sign"]), [v])

    def cast_about(self):
        v = self.pick(lambda v: v.is_vector or v.is_int)
        kinds = [onnx.TensorProto.INT32, onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE, onnx.TensorProto.INT64,
                 onnx.TensorProto.BOOL]
        t = self.emit("Cast", [v], to=self.r.choice(kinds))
        if t.is_float or t.a.dtype == np.float64:
            f = self.r.choice(["Floor", "Ceil", "Mul", "Div", None, None])
            if f in ("Floor", "Ceil"):
                t = self.emit(f, [t])
            elif f:
                t = self.emit(f, [t, self.const(self.r.choice([0.5, 2, 3, 1]), t.a.dtype)])
                if self.r.random() < 0.5:
                    t = self.emit("Floor", [t])
        return self.emit("Cast", [t], to=onnx.TensorProto.INT64)

    def truth(self):
        v = self.pick(lambda v: v.is_vector or v.is_int)
        w = self.pick(lambda w: (w.is_vector or w.is_int) and w.a.shape == v.a.shape)
        if self.r.random() < 0.5:
            w = self.const(self.r.choice([-1, 0, 1, 3, 4, 5]))
        t = self.emit(self.r.choice(["Equal", "Equal", "Less", "Greater"]), [v, w])
        return self.emit("Not", [t]) if self.r.random() < 0.2 else t

    def choose(self):
        t = self.truth()
        v = self.pick(lambda v: v.is_vector and (v.a.shape == t.a.shape or not t.a.ndim) or v.is_int)
        w = self.pick(lambda w: w.a.dtype == np.int64 and w.a.shape == v.a.shape)
        return self.emit("Where", [t, v, w])

    def fill_vector(self):
        n = self.const([self.r.randint(0, 4)])
        value = numpy_helper.from_array(np.array([self.r.choice([0, 1, -1])]))
        return self.emit("ConstantOfShape", [n], value=value)

    def count_up(self):
        n = self.pick(lambda v: v.is_int and 0 < v.a < 9)
        return self.emit("Range", [self.const(0), n, self.const(self.r.choice([1, 1, 2]))])

    def product(self):
        # Runtimes multiply in floats.
        v = self.pick(lambda v: v.is_vector and np.prod(np.abs(v.a.astype(float))) < 1e9)
        return self.emit(self.r.choice(["ReduceProd", "ReduceMax", "ReduceMin"]), [v], keepdims=self.r.randint(0, 1))

    def size(self):
        return self.emit("Size", [self.pick(lambda v: v.is_float)])

    def split_vector(self):
        v = self.pick(lambda v: v.is_vector and v.a.size > 1)
        k = self.r.randrange(1, v.a.size)
        return self.split(v, [k, v.a.size - k], 0)

    def split(self, v, sizes, axis):
        if self.m.opset < 13:
            return self.emit("Split", [v], len(sizes), axis=axis, split=sizes)
        return self.emit("Split", [v, self.const(sizes)], len(sizes), axis=axis)

    # -- what reads shapes

    def dim(self, v, i, vector=True):
        """Dim i of v, in one of the ways exporters have."""
        s = self.whole_shape(self.r.choice([v] + [w for w in self.vals if w.is_float and w.a.shape == v.a.shape][:3]))
        if self.r.random() < 0.3:
            d = self.slice(s, [self.const([i]), self.const([i + 1])], [0])
            return d if vector else self.emit("Squeeze", [d])
        d = self.emit("Gather", [s, self.const([i] if vector and self.r.random() < 0.3 else i)], axis=0)
        return self.raise_int(d) if vector and not d.a.ndim else d

    def target(self, v):
        """Dims of a view of v: runs of axes are merged, ones put in between."""
        parts, at, told = [], 0, False
        while at < v.a.ndim:
            run = min(self.r.choice([1, 1, 1, 2, 3]), v.a.ndim - at)
            if not told and self.r.random() < 0.3:
                parts.append(self.const([-1]))
                told = True
            elif run == 1 and at == len(parts) and self.r.random() < 0.2:
                parts.append(self.const([0]))
            elif self.r.random() < 0.2:
                parts.append(self.const([int(np.prod(v.a.shape[at:at + run]))]))
            else:
                d = self.dim(v, at)
                for i in range(at + 1, at + run):
                    d = self.emit("Mul", [d, self.dim(v, i)])
                parts.append(d)
            at += run
            if self.r.random() < 0.15:
                parts.append(self.const([1]))
        if self.r.random() < 0.15 and parts:
            self.r.shuffle(parts)
        return self.emit("Concat", parts, axis=0)

    def reshape(self):
        v = self.floats()
        u = self.r.random()
        if u < 0.5:
            s = self.target(v)
        elif u < 0.7:
            s = self.whole_shape(self.pick(lambda w: w.is_float and w.a.size == v.a.size))
        else:
            s = self.pick(lambda w: w.is_vector and int(np.prod(w.a)) in (v.a.size, -v.a.size))
        # A 0 that is one, beside -1, is an error to which runtimes give a meaning.
        zero = self.m.opset >= 14 and self.r.random() < 0.15 and s.a.min() >= 0
        attrs = {"allowzero": 1} if zero else {}
        return self.emit("Reshape", [v, s], **attrs)

    def expand(self):
        v = self.floats()
        u = self.r.random()
        if u < 0.4:
            s = self.pick(lambda w: w.is_vector and w.a.min() > -1)
        elif u < 0.7:
            s = self.whole_shape(self.floats())
        else:
            dims = [self.dim(v, i) if self.r.random() < 0.6 else self.const([self.r.choice([1, v.a.shape[i]])])
                    for i in range(v.a.ndim)]
            s = self.emit("Concat", dims, axis=0)
            if self.r.random() < 0.5:
                t = self.emit("Equal", [s, self.const(self.r.choice([-1, 1]))])
                s = self.emit("Where", [t, self.const([1] * v.a.ndim), s])
        return self.emit("Expand", [v, s])

    def bound(self, v, axis):
        u = self.r.random()
        if u < 0.25:
            return self.const([self.r.choice([0, 1, 2, -1, -2, 4, MAX, (1 << 63) - 1, -MAX])])
        if u < 0.4:
            return self.pick(lambda w: w.is_vector and w.a.size == 1)
        d = self.dim(v, axis)
        if u < 0.6:
            return d
        op, k = self.r.choice([("Sub", 1), ("Sub", 2), ("Add", 1), ("Div", 2), ("Mul", 2), ("Sub", 0)])
        return self.emit(op, [d, self.const([k])])

    def slice_data(self):
        v = self.floats()
        axes = self.r.sample(range(v.a.ndim), self.r.randint(1, min(2, v.a.ndim)))
        bounds = []
        for first in (0.5, 0.0):
            parts = [self.const([0]) if self.r.random() < first else self.bound(v, x) for x in axes]
            bounds.append(parts[0] if len(parts) == 1 else self.emit("Concat", parts, axis=0))
        if self.r.random() < 0.15:
            bounds = [self.emit("Cast", [b], to=onnx.TensorProto.INT32) for b in bounds]
            axes = [x - v.a.ndim if self.r.random() < 0.3 else x for x in axes]
            return self.emit("Slice", [v] + bounds + [self.const(axes, np.int32)])
        axes = [x - v.a.ndim if self.r.random() < 0.3 else x for x in axes]
        return self.slice(v, bounds, axes, [self.r.choice([1, 1, 1, 2, -1]) for _ in axes])

    def tile(self):
        v = self.floats()
        if self.r.random() < 0.4:
            return self.emit("Tile", [v, self.const([self.r.choice([1, 1, 2]) for _ in range(v.a.ndim)])])
        if self.r.random() < 0.5:
            s = self.whole_shape(v)
            return self.emit("Tile", [v, self.emit("Div", [s, s])])
        return self.emit("Tile", [v, self.pick(lambda w: w.is_vector and w.a.size == v.a.ndim and w.a.min() >= 0)])

    def pad(self):
        v = self.floats()
        n = 2 * v.a.ndim
        if self.r.random() < 0.5:
            p = self.const([self.r.choice([0, 0, 0, 1, -1]) for _ in range(n)] if self.r.random() < 0.5 else [0] * n)
        else:
            s = self.whole_shape(v)
            w = self.pick(lambda w: w.is_vector and w.a.size == v.a.ndim)
            d = self.emit("Sub", [w, s])
            p = self.emit("Concat", [self.emit("Sub", [s, s]), d], axis=0)
        mode = self.r.choice(["constant", "constant", "edge", "reflect"])
        return self.emit("Pad", [v, p], mode=mode)

    def split_data(self):
        v = self.floats()
        axis = self.r.randrange(v.a.ndim)
        d = v.a.shape[axis]
        if self.r.random() < 0.4:
            if self.m.opset >= 18:
                return self.emit("Split", [v], axis=axis, num_outputs=1)
            return self.emit("Split", [v], axis=axis)
        if self.m.opset >= 13 and self.r.random() < 0.4:
            return self.emit("Split", [v, self.dim(v, axis)], axis=axis)
        k = self.r.randint(0, d)
        return self.split(v, [k, d - k], axis)

    def transpose(self):
        v = self.floats(0)
        perm = list(range(v.a.ndim))
        if self.r.random() < 0.7:
            self.r.shuffle(perm)
        return self.emit("Transpose", [v], **({"perm": perm} if self.r.random() < 0.8 and perm else {}))

    def flatten(self):
        v = self.floats()
        return self.emit("Flatten", [v], axis=self.r.randint(-v.a.ndim, v.a.ndim))

    def view(self):
        v = self.floats()
        ones = [i for i, d in enumerate(v.a.shape) if d == 1]
        u = self.r.random()
        if u < 0.2:
            return self.emit("Squeeze", [v])
        if ones and u < 0.6:
            i = self.r.choice(ones)
            return self.axes_op("Squeeze", v, [i - v.a.ndim if self.r.random() < 0.4 else i])
        return self.axes_op("Unsqueeze", v, [self.r.randint(-v.a.ndim - 1, v.a.ndim)])

    def undo(self):
        """There and back again."""
        v = self.floats()
        i = self.r.randint(0, v.a.ndim)
        t = self.axes_op("Unsqueeze", v, [i])
        if self.r.random() < 0.3:
            return self.emit("Squeeze", [t])
        if self.r.random() < 0.5:
            return self.axes_op("Squeeze", t, [self.r.choice([i, i - t.a.ndim])])
        return self.emit("Reshape", [t, self.whole_shape(v)])

    def one_float(self):
        op = self.r.choice(["Relu", "Neg", "Abs", "Identity", "Cast", "Softmax", "Sqrt"])
        v = self.floats()
        if op == "Cast":
            return self.emit(op, [v], to=onnx.TensorProto.FLOAT)
        return self.emit(op, [v])

    def two_floats(self):
        v = self.floats()
        if self.r.random() < 0.3:
            n = self.r.choice([2, 4])
            w = self.const(self.m.np.integers(-3, 3, [v.a.shape[-1], n]), np.float32)
            return self.emit("MatMul", [v, w])
        w = self.floats()
        if self.r.random() < 0.4:
            return self.emit("Concat", [v, w], axis=self.r.randrange(-v.a.ndim, v.a.ndim))
        return self.emit(self.r.choice(["Add", "Mul", "Sub"]), [v, w])

    def reduce(self):
        v = self.floats()
        return self.emit("ReduceMax", [v], keepdims=self.r.randint(0, 1)) if self.m.opset >= 18 else \
            self.emit("ReduceMax", [v], axes=[self.r.randrange(v.a.ndim)], keepdims=self.r.randint(0, 1))

    def gather_rows(self):
        v = self.floats()
        i = self.pick(lambda w: (w.is_vector or w.is_int) and w.a.min() >= 0)
        return self.emit("Gather", [v, i], axis=self.r.randrange(v.a.ndim))

    def constant_of_shape(self):
        s = self.pick(lambda w: w.is_vector and w.a.min() >= 0)
        return self.emit("ConstantOfShape", [s], value=numpy_helper.from_array(np.array([1], np.float32)))

    # -- graphs within

    def inside(self, kind, values=()):
        s = Scope(self.m, self.vals + list(values), kind)
        s.consts = set(self.consts)
        return s

    def close(self, s, inputs, outputs):
        """The graph of s; what it reads of this scope is captured."""
        own = {o for n in s.nodes for o in n.output} | {t.name for t in s.inits}
        self.captured |= ({i for n in s.nodes for i in n.input} | {o.name for o in outputs} | s.captured) - own
        return helper.make_graph(s.nodes, self.m.name(), inputs, [info(o.name, o.a, None) for o in outputs],
                                 initializer=s.inits)

    def branch(self):
        try:
            cond = self.pick(lambda v: v.a.dtype == np.bool_ and v.a.ndim == 0)
        except Reject:
            v = self.pick(lambda v: v.is_int)
            cond = self.emit("Equal", [v, self.const(self.r.choice([1, 2, 3, 4, 5]))])
        sides = []
        for _ in range(2):
            s = self.inside("branch")
            s.fill(self.r.randint(2, 8))
            v = s.floats()
            if v not in s.vals[len(self.vals):]:
                v = s.emit(self.r.choice(["Identity", "Relu"]), [v])
            sides.append((s, v))
        g = [self.close(s, [], [v]) for s, v in sides]
        return self.emit("If", [cond], then_branch=g[0], else_branch=g[1])

    def loop(self):
        start = self.floats()
        count = self.const(self.r.randint(0, 3))
        if self.r.random() < 0.5:     # what is 3 here may be a billion elsewhere
            count = self.emit("Mod", [self.pick(lambda v: v.is_int), self.const(4)])
        i, cond = Val(self.m.name(), np.array(0)), Val(self.m.name(), np.array(True))
        carried = Val(self.m.name(), start.a)
        number = Val(self.m.name(), np.array(2))
        s = self.inside("loop", [i, cond, carried, number])
        s.fill(self.r.randint(3, 10))
        same = [v for v in s.vals if v.is_float and v.a.shape == start.a.shape]
        out = s.emit("Add", [carried, self.r.choice(same)]) if self.r.random() < 0.5 else \
            s.emit("Identity", [s.floats()])
        next_number = s.emit("Add", [number, s.pick(lambda v: v.is_int)])
        # What dims there are in nothing stacked, runtimes take from what they know of the body.
        once = count.name in self.consts and count.a > 0
        scanned = s.emit("Identity", [s.pick(lambda v: v.is_float or v.is_vector if once else v.is_int)])
        goes_on = s.emit("Identity", [cond])
        free = [None] * start.a.ndim
        body = self.close(s, [info(i.name, i.a), info(cond.name, cond.a),
                              info(carried.name, carried.a, free if out.a.ndim == start.a.ndim else None),
                              info(number.name, number.a)], [goes_on, out, next_number, scanned])
        two = self.const(2)
        return self.emit("Loop", [count, None, start, two], 3, body=body)

    def call(self):
        if not self.m.functions or self.r.random() < 0.4:
            self.declare()
        f = self.r.choice(self.m.functions)
        ins = [self.floats(), self.pick(lambda v: v.is_vector), self.pick(lambda v: v.is_int)]
        return self.emit(f.name, ins, len(f.output), domain="local")

    def declare(self):
        like = [self.floats(), self.pick(lambda v: v.is_vector), self.pick(lambda v: v.is_int)]
        ins = [Val(self.m.name(), v.a) for v in like]
        s = Scope(self.m, ins, "function")
        s.fill(self.r.randint(3, 9))
        outs = [s.emit("Identity", [s.floats()]), s.emit("Identity", [s.pick(lambda v: v.is_vector)])]
        self.m.functions.append(helper.make_function(
            "local", f"f{self.m.name()}", [i.name for i in ins], [o.name for o in outs], s.nodes,
            [helper.make_opsetid("", self.m.opset)]))


SHAPES = [Scope.shape, Scope.shape, Scope.index, Scope.index, Scope.cut, Scope.raise_int, Scope.lower, Scope.join,
          Scope.join, Scope.calculate, Scope.calculate, Scope.calculate, Scope.single, Scope.cast_about, Scope.choose,
          Scope.truth, Scope.fill_vector, Scope.count_up, Scope.product, Scope.size, Scope.split_vector]
DATA = [Scope.reshape, Scope.reshape, Scope.reshape, Scope.expand, Scope.expand, Scope.slice_data, Scope.slice_data,
        Scope.tile, Scope.pad, Scope.split_data, Scope.transpose, Scope.flatten, Scope.view, Scope.undo,
        Scope.one_float, Scope.two_floats, Scope.two_floats, Scope.reduce, Scope.gather_rows,
        Scope.constant_of_shape]


# --- comparing -----------------------------------------------------------------------------


class Wrong(Exception):
    """The result is not what the original was."""


def optimize(tool, source, target, keep, flags):
    args = [tool, "optimize", source, target, "-q", "--passes", "default"] + flags
    for k in keep:
        args += ["--keep-values", k]
    done = subprocess.run(args, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Wrong(f"exit {done.returncode}: {done.stderr.strip()[-500:]}")


def with_outputs(model, names):
    """A copy that shows some inner values as well."""
    m = onnx.ModelProto()
    m.CopyFrom(model)
    shown = {o.name for o in m.graph.output}
    m.graph.output.extend(onnx.ValueInfoProto(name=n) for n in names if n not in shown)
    return m


def accepted(model):
    try:
        onnx.checker.check_model(model, full_check=True)
        return True
    except Exception:
        return False


def feeds(forms, listed, sample, seed):
    rng = np.random.default_rng(seed)
    feed = {}
    for name, dims in forms.items():
        shape = [sample.get(d, d) for d in dims]
        if name in ("k", "ks"):
            feed[name] = rng.integers(-1, 5, shape)
        else:
            feed[name] = rng.integers(-9, 9, shape).astype(np.float32)
    for t in listed:
        a = numpy_helper.to_array(t)
        if rng.random() < 0.5:
            feed[t.name] = (a + rng.integers(0, 2, a.shape)).astype(a.dtype)
    return feed


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def lenient(model, feed, sample):
    """Did the original run only because a runtime lets an empty operand of Concat have any shape?"""
    if min(sample.values()) > 0:
        return False
    try:
        ReferenceEvaluator(model).run(None, feed)
    except Exception:
        return True
    return False


def compare(before, after, forms, keep, listed, seed):
    """Number of runs compared."""
    if [i.SerializeToString() for i in before.graph.input if i.name in forms] != \
            [i.SerializeToString() for i in after.graph.input if i.name in forms] or \
            [o.SerializeToString() for o in before.graph.output] != [o.SerializeToString() for o in after.graph.output]:
        raise Wrong("interface changed")
    made = {o for n in after.graph.node for o in n.output} | {t.name for t in after.graph.initializer}
    gone = [k for k in keep if k not in made]
    if gone:
        raise Wrong(f"{gone} not kept")
    try:
        a = session(with_outputs(before, keep))
    except Exception:
        return 0
    try:
        b = session(with_outputs(after, [k for k in keep]))
    except Exception as e:
        raise Wrong(f"does not load: {e}") from e
    runs = 0
    names = {i.name for i in b.get_inputs()} | {i.name for i in b.get_overridable_initializers()}
    for i, sample in enumerate(SAMPLES):
        feed = feeds(forms, listed, sample, seed * 100 + i)
        try:
            want = a.run(None, feed)
        except Exception:
            continue
        if any(o.shape and len(o.shape) != w.ndim for o, w in zip(a.get_outputs(), want)):
            continue     # not what is declared: the rank depends on the branch
        try:
            got = b.run(None, {k: v for k, v in feed.items() if k in names})
        except Exception as e:
            if lenient(before, feed, sample):
                continue
            raise Wrong(f"at {sample} {feed.get('k')}: {e}") from e
        for o, w, g in zip(a.get_outputs(), want, got):
            if not same(w, g):
                raise Wrong(f"at {sample}: {o.name} is {g.dtype}{g.shape}, not {w.dtype}{w.shape}\n"
                            f"{g.ravel()[:8]}\n{w.ravel()[:8]}")
        runs += 1
    return runs


def check(tool, folder, seed, stats):
    maker = Maker(seed)
    try:
        model, forms, keep, listed = maker.build()
    except Reject:
        return None
    before, after, again = (folder / f"{seed}.{k}.onnx" for k in ("before", "after", "again"))
    before.write_bytes(model.SerializeToString())
    try:
        flags = ["--inline", maker.r.choice(["auto", "all", "none"])] + maker.r.choice([[], ["--verify-each"]])
        optimize(tool, before, after, keep, flags)
        result = onnx.load(after)
        runs = compare(model, result, forms, keep, listed, seed)
        if accepted(model) and not accepted(result):
            onnx_says = ""
            try:
                onnx.checker.check_model(result, full_check=True)
            except Exception as e:
                onnx_says = str(e)
            raise Wrong(f"the checker refuses it: {onnx_says}")
        optimize(tool, after, again, keep, flags)
        if after.read_bytes() != again.read_bytes():
            raise Wrong("a second run changes it")
    except (Wrong, subprocess.TimeoutExpired) as e:
        return f"seed {seed}, opset {maker.opset}, {' '.join(flags)}, kept {keep}: {e}"
    stats["runs"] += runs
    stats["nodes"] += len(model.graph.node)
    stats["left"] += len(result.graph.node)
    for f in (before, after, again):
        f.unlink()
    return None


def run(judge, stats, count):
    """judge(tool, folder, seed, stats) for each seed; how many it had something to say of."""
    p = argparse.ArgumentParser()
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--count", type=int, default=count)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--keep", type=Path, help="where models that fail stay")
    o = p.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as t:
        folder = o.keep or Path(t)
        folder.mkdir(parents=True, exist_ok=True)
        for seed in range(o.seed, o.seed + o.count):
            said = judge(o.tool, folder, seed, stats)
            if said:
                failed += 1
                print(said, flush=True)
    return o.count, failed


def main():
    stats = {"runs": 0, "nodes": 0, "left": 0}
    count, failed = run(check, stats, 300)
    print(f"{count} models, {stats['runs']} runs compared, {stats['nodes']} nodes, then {stats['left']}; {failed} fail")
    sys.exit(1 if failed or not stats["runs"] else 0)


if __name__ == "__main__":
    main()
