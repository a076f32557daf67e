"""What push_transposes makes of random models, beside what the models were, in ONNX Runtime.

    fuzz_transposes.py [--tool build/onnxopt] [--count 200] [--seed 0] [--keep FOLDER]

Models of operators that can do with any order of axes, between Transposes, half of which undo
another that stands above. With push_transposes alone, and with the default pipeline: each
assignment of the dims at which the original runs gives the same numbers (floats up to the
rounding of sums), element types and shapes; there are never more nodes; the interface stays.
Exit 1: one of these does not hold, or nothing was compared, or no Transpose ever went.
"""

import sys

import fuzz_passes
import numpy as np
import onnx
import onnxruntime as ort
from fuzz_passes import Maker, Reject, Scope, Wrong, compare, optimize

FORMS = [["N", 3, 4, "M"], ["N", "M", 4], [2, "N", "M", 4], ["N", 1, 4, "M"], [1, 3, "N", 2, "M"], [4, "N"]]
UNARY = ["Relu", "Neg", "Abs", "Sigmoid", "Floor", "Identity", "LeakyRelu", "Clip", "Elu", "Not"]
REDUCE = ["ReduceMax", "ReduceSum", "ReduceMean", "ReduceL2", "ReduceMin", "ReduceSumSquare"]


class Mixed(Scope):
    def steps(self):
        return MENU

    def data(self, rank=2):
        return self.pick(lambda v: v.is_float and v.a.ndim >= rank and v.name not in self.consts)

    def axis(self, v):
        return self.r.randrange(-v.a.ndim, v.a.ndim)

    def some_axes(self, v):
        n = self.r.randint(1, v.a.ndim - 1)
        return [a - v.a.ndim * self.r.randint(0, 1) for a in self.r.sample(range(v.a.ndim), n)]

    def number(self, shape):
        return self.const(self.m.np.integers(-3, 4, shape), np.float32)

    def turn(self):
        v = self.data()
        perm = list(range(v.a.ndim))
        if self.r.random() < 0.6:
            k = self.r.randrange(1, v.a.ndim)
            perm = perm[:1] + perm[k:] + perm[1:k]
        else:
            self.r.shuffle(perm)
        made = [n for n in self.nodes if n.op_type == "Transpose" and len(n.attribute)]
        fits = [n for n in made if len(n.attribute[0].ints) == v.a.ndim]
        if fits and self.r.random() < 0.6:
            perm = [int(i) for i in np.argsort(self.r.choice(fits).attribute[0].ints)]
        return self.emit("Transpose", [v], perm=perm) if self.r.random() < 0.95 else self.emit("Transpose", [v])

    def unary(self):
        op = self.r.choice(UNARY)
        if op == "Not":
            return self.emit("Cast", [self.data()], to=onnx.TensorProto.FLOAT)
        if op == "Clip":
            return self.emit(op, [self.data(), self.number([]), None])
        return self.emit(op, [self.data()])

    def binary(self):
        v = self.data()
        same = [w for w in self.vals if w.is_float and w.a.ndim == v.a.ndim and w.name not in self.consts]
        w = self.r.choice(same)
        return self.emit(self.r.choice(["Add", "Mul", "Sub", "Max"]), [v, w])

    def lower(self):
        """An operand of less rank that is no constant."""
        v, w = self.data(), self.data(1)
        return self.emit("Add", [v, w])

    def constant(self):
        v = self.data()
        rank = self.r.randint(0, v.a.ndim)
        dims = [d if self.r.random() < 0.5 else 1 for d in v.a.shape[v.a.ndim - rank:]]
        op = self.r.choice(["Add", "Mul", "Sub", "PRelu", "Where"])
        if op == "PRelu":            # may not make x larger, whatever N and M are
            dims = [d if d == 4 else 1 for d in dims]
        c = self.number(dims)
        if op == "Where":
            return self.emit(op, [self.emit("Less", [v, c]), v, c])
        return self.emit(op, [v, c] if op == "PRelu" or self.r.random() < 0.7 else [c, v])

    def concat(self):
        v = self.data()
        axis = self.axis(v)
        return self.emit("Concat", [v, self.r.choice([v, self.emit("Relu", [v])])], axis=axis)

    def split(self):
        v = self.data()
        axis = self.axis(v)
        n = v.a.shape[axis]
        if n < 2:
            raise Reject
        parts = [1, n - 1]
        if self.m.opset < 13:
            return self.emit("Split", [v], 2, axis=axis, split=parts)
        return self.emit("Split", [v, self.const(parts)], 2, axis=axis)

    def cut_data(self):
        v = self.data()
        axes = self.some_axes(v)
        ins = [v, self.const([0] * len(axes)), self.const([self.r.choice([1, 2, -1])] * len(axes))]
        if self.r.random() < 0.3:
            ins = ins[:1] + [self.const([0, 0]), self.const([2, fuzz_passes.MAX])]
        else:
            ins += [self.const(axes)] + ([self.const([self.r.choice([1, 2])] * len(axes))] if self.r.random() < 0.4 else [])
        return self.emit("Slice", ins)

    def take(self):
        v = self.data()
        i = self.r.choice([0, -1, [0], [-1, 0]])
        return self.emit("Gather", [v, self.const(i)], axis=self.axis(v))

    def pad_data(self):
        v = self.data()
        pads = [self.r.choice([0, 0, 1, 2]) for _ in range(2 * v.a.ndim)]
        ins = [v, self.const(pads)]
        if self.m.opset >= 18 and self.r.random() < 0.5:
            axes = self.some_axes(v)
            ins = [v, self.const(pads[:2 * len(axes)]), None, self.const(axes)]
        return self.emit("Pad", ins, mode=self.r.choice(["constant", "constant", "edge"]))

    def tile_data(self):
        v = self.data()
        return self.emit("Tile", [v, self.const([self.r.randint(1, 2) for _ in v.a.shape])])

    def expand_data(self):
        v = self.data()
        return self.emit("Expand", [v, self.const([2 if d == 1 else 1 for d in v.a.shape])])

    def raise_data(self):
        v = self.data()
        return self.axes_op("Unsqueeze", v, self.r.choice([[0], [1], [-1], [0, 2]]))

    def lower_data(self):
        v = self.data()
        ones = [i for i, d in enumerate(v.a.shape) if d == 1]
        if not ones:
            raise Reject
        return self.axes_op("Squeeze", v, [self.r.choice(ones)])

    def reduce_data(self):
        v, op = self.data(), self.r.choice(REDUCE)
        axes, keep = self.some_axes(v), self.r.randint(0, 1)
        if self.r.random() < 0.1:
            return self.emit(op, [v], keepdims=keep)
        if self.m.opset < (13 if op == "ReduceSum" else 18):
            return self.emit(op, [v], axes=axes, keepdims=keep)
        return self.emit(op, [v, self.const(axes)], keepdims=keep)

    def arg(self):
        v = self.data()
        i = self.emit("ArgMax", [v], axis=self.axis(v), keepdims=self.r.randint(0, 1))
        return self.emit("Cast", [i], to=onnx.TensorProto.FLOAT)

    def sum_up(self):
        v = self.data()
        return self.emit("CumSum", [v, self.const(self.axis(v))])

    def top(self):
        v = self.data()
        return self.emit("TopK", [v, self.const([1])], 2, axis=self.axis(v))

    def soft(self):
        v = self.data()
        op = self.r.choice(["Softmax", "LogSoftmax", "Hardmax"])
        return self.emit(op, [v], axis=self.axis(v))

    def quantize(self):
        v = self.data()
        axis, attrs = self.axis(v), {}
        scale, zero = self.const(0.5, np.float32), self.const(3, np.uint8)
        n = v.a.shape[axis]
        if self.m.opset >= 13 and self.r.random() < 0.5:
            scale = self.const(np.arange(1, n + 1) / 4, np.float32)
            zero, attrs = self.const(np.arange(n) % 5, np.uint8), {"axis": axis}
        return self.emit("DequantizeLinear", [self.emit("QuantizeLinear", [v, scale, zero], **attrs), scale, zero], **attrs)

    def shape_data(self):
        """The sizes, to be added to something."""
        v, attrs = self.data(), {}
        if self.m.opset >= 15 and self.r.random() < 0.5:
            attrs = {"start": self.r.randint(-2, 1), "end": self.r.randint(-1, 3)}
        s = self.emit("Shape", [v], **attrs)
        return self.emit("Cast", [self.emit("Gather", [s, self.const([0])])], to=onnx.TensorProto.FLOAT)

    def resize(self):
        v = self.data()
        scales = [float(self.r.choice([1, 1, 2])) for _ in v.a.shape]
        none = None if self.m.opset >= 13 else self.const([], np.float32)
        return self.emit("Resize", [v, none, self.const(scales, np.float32)], mode="nearest")


MENU = [Mixed.turn] * 14 + [Mixed.unary] * 6 + [Mixed.binary] * 6 + [Mixed.constant] * 4 + [
    Mixed.lower, Mixed.concat, Mixed.split, Mixed.cut_data, Mixed.take, Mixed.pad_data, Mixed.tile_data,
    Mixed.expand_data, Mixed.raise_data, Mixed.lower_data, Mixed.reduce_data, Mixed.reduce_data, Mixed.arg,
    Mixed.sum_up, Mixed.top, Mixed.soft, Mixed.quantize, Mixed.resize, Mixed.shape_data]


def session(model):
    """Without reuse of buffers: the runtime plans it by its own, sometimes wrong, shapes."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_mem_reuse = False
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def close(a, b):
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tobytes() == b.tobytes() or (a.dtype == np.float32 and np.allclose(a, b, 1e-4, 1e-5, equal_nan=True))


def count(model, what=lambda n: n.op_type != "Constant"):
    return sum(what(n) for n in model.graph.node)


def check(tool, folder, seed, stats):
    maker = Maker(seed)
    try:
        model, forms, keep, listed = maker.build()
    except Reject:
        return None
    before, after = (folder / f"{seed}.{k}.onnx" for k in ("before", "after"))
    before.write_bytes(model.SerializeToString())
    for passes in ("push_transposes", "default"):
        try:
            optimize(tool, before, after, keep, ["--passes", passes, "--verify-each"])
            result = onnx.load(after)
            stats["runs"] += compare(model, result, forms, keep, listed, seed)
            if count(result) > count(model):
                raise Wrong(f"{count(model)} nodes, then {count(result)}")
        except Wrong as e:
            return f"seed {seed}, opset {maker.opset}, {passes}, kept {keep}: {e}"
        if passes == "push_transposes":
            stats["there"] += count(model, lambda n: n.op_type == "Transpose")
            stats["left"] += count(result, lambda n: n.op_type == "Transpose")
    before.unlink()
    after.unlink()
    return None


def main():
    fuzz_passes.Scope, fuzz_passes.same, fuzz_passes.session = Mixed, close, session
    fuzz_passes.FORMS[:] = [("x", f) for f in FORMS]
    stats = {"runs": 0, "there": 0, "left": 0}
    count, failed = fuzz_passes.run(check, stats, 200)
    print(f"{count} models, {stats['runs']} runs compared, {stats['there']} Transposes, then {stats['left']}; {failed} fail")
    sys.exit(1 if failed or not stats["runs"] or stats["left"] >= stats["there"] else 0)


if __name__ == "__main__":
    main()
