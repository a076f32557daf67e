"""Never wrong, on random programs: small graphs that compute with shapes.

    infer_fuzz.py [--tool build/onnxopt] [--graphs N] [--seed S]

Each graph starts from the shapes of two inputs, constants (some huge, some negative, some
fractions) and integers that are inputs, and grows node by node: arithmetic, comparisons,
casts, reductions, moves of data, branches, loops, sequences; at times a tensor is reshaped,
sliced, tiled by what came out. A node stays if ONNX Runtime runs it. Then the graph runs at many sizes, zeros and ones
among them, and every rank, dim and element that inference proves must be what comes out.
Exit 1: a contradiction; the graph is then written to --keep.
"""

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper

import infer_true
import inferred

INTS = [0, 1, 2, 3, -1, -2, 4, 5, 7, -3, 64, 255, 256, -128, 2**31 - 1, 2**31, -2**31, 2**40, 2**62, 2**63 - 1, -2**63]
FLOATS = [0.5, 2.0, 1.0, 0.25, 1.5, 3.0, 0.1, -1.0, 0.0, 1 / 3, 32.0, 0.125, 1e10, -0.5]
TYPES = {"int64": T.INT64, "int32": T.INT32, "float": T.FLOAT, "double": T.DOUBLE, "bool": T.BOOL, "uint8": T.UINT8,
         "int8": T.INT8, "float16": T.FLOAT16, "uint64": T.UINT64, "int16": T.INT16}
SIZES = [{"N": 2, "M": 3, "K": 5}, {"N": 7, "M": 11, "K": 13}, {"N": 1, "M": 1, "K": 1}, {"N": 1, "M": 4, "K": 2},
         {"N": 4, "M": 1, "K": 3}, {"N": 0, "M": 3, "K": 5}, {"N": 2, "M": 0, "K": 5}, {"N": 2, "M": 3, "K": 0},
         {"N": 0, "M": 0, "K": 0}, {"N": 3, "M": 3, "K": 3}, {"N": 64, "M": 3, "K": 129}, {"N": 300, "M": 2, "K": 17},
         {"N": 5, "M": 33, "K": 32}]

BINARY = ["Add", "Sub", "Mul", "Div", "Mod", "Min", "Max", "Pow"]
COMPARE = ["Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual"]
UNARY = ["Neg", "Abs", "Sign", "Floor", "Ceil", "Round", "Sqrt", "Not", "Identity", "Reciprocal", "Relu", "Size", "Shape", "NonZero"]
REDUCE = ["ReduceSum", "ReduceProd", "ReduceMax", "ReduceMin", "ReduceMean"]


class Program:
    def __init__(self, seed):
        self.rng = np.random.default_rng(seed)
        self.opset = int(self.rng.choice([13, 14, 15, 17, 18, 19, 20, 21]))
        self.nodes, self.weights, self.types = [], [], {"x": "float", "y": "float", "k": "int64", "i": "int32"}
        self.ranks = {"x": 3, "y": 2, "k": 1, "i": 0}
        self.shapes = {"x": [2, 3, 3], "y": [3, 5], "k": [2], "i": []}
        self.count = 0
        for name in ("x", "y"):
            self.accept(*self.node("Shape", [name]))

    # --- building

    def constant(self, array):
        name = f"c{len(self.weights)}"
        self.weights.append(onnx.numpy_helper.from_array(np.asarray(array), name))
        kind = T.DataType.Name(self.weights[-1].data_type).lower()
        self.types[name], self.shapes[name] = kind, list(np.shape(array))
        return name

    def node(self, op, inputs, outputs=1, **attributes):
        names = [f"v{self.count + i}" for i in range(outputs)]
        return helper.make_node(op, inputs, names, **attributes), names

    def model(self, extra=()):
        graph = helper.make_graph([*self.nodes, *extra], "g", [
            helper.make_tensor_value_info("x", T.FLOAT, ["N", "M", 3]), helper.make_tensor_value_info("y", T.FLOAT, ["M", "K"]),
            helper.make_tensor_value_info("k", T.INT64, [2]), helper.make_tensor_value_info("i", T.INT32, [])],
            [onnx.ValueInfoProto(name=[*self.nodes, *extra][-1].output[0])], self.weights)
        return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", self.opset)])

    def feeds(self, sizes, seed=0):
        rng = np.random.default_rng(seed)
        return {"x": rng.standard_normal((sizes["N"], sizes["M"], 3)).astype("f4"),
                "y": rng.standard_normal((sizes["M"], sizes["K"])).astype("f4"),
                "k": rng.integers(-3, 9, 2), "i": np.asarray(rng.integers(-2, 9), np.int32)}

    def accept(self, node, names):
        """Keeps the node, or the nodes, if it runs at the first sizes."""
        nodes = node if isinstance(node, list) else [node]
        model = self.model(nodes)
        infer_true.expose(model)
        try:
            seen = infer_true.run_session(infer_true.open_session(model), self.feeds(SIZES[0]))
        except Exception:
            return False
        if any(n not in seen or np.prod(seen[n].shape) > 4096 for n in names):
            return False
        self.nodes += nodes
        self.count += len(nodes) + len(names)
        for n in names:
            self.types[n], self.shapes[n] = seen[n].dtype, list(seen[n].shape)
        return True

    # --- picking

    def pick(self, *kinds, ranks=None, most=None):
        found = [n for n, t in self.types.items() if t in kinds and (ranks is None or len(self.shapes[n]) in ranks)
                 and (most is None or np.prod(self.shapes[n]) <= most)]
        found = found[-12:] + [n for n in found if n[0] != "c"]
        if not found or self.rng.random() < 0.15:
            if "int64" in kinds:
                return self.int_constant(ranks)
            if "float" in kinds and ranks is None:
                return self.constant(np.float32(self.rng.choice(FLOATS)))
        return found[self.rng.integers(len(found))] if found else self.int_constant(ranks)

    def int_constant(self, ranks=None):
        size = () if ranks and 0 in ranks and (1 not in ranks or self.rng.random() < 0.5) else (int(self.rng.integers(1, 4)),)
        few = INTS if self.rng.random() < 0.3 else INTS[:9]
        return self.constant(np.array(self.rng.choice(np.array(few, object), size), np.int64))

    def number(self):
        return ("int64", "int32", "float", "double")[self.rng.choice([0, 0, 0, 1, 2, 2, 3])]

    def like(self, name):
        """Another of its type, maybe a constant."""
        t = self.types[name]
        if self.rng.random() < 0.4:
            dtype = helper.tensor_dtype_to_np_dtype(TYPES.get(t, T.FLOAT))
            few = FLOATS if dtype.kind == "f" else [True, False] if dtype.kind == "b" else INTS[:14]
            value = self.rng.choice(np.array(few, object))
            bounds = np.iinfo(dtype) if dtype.kind in "iu" else None
            if bounds:
                value = min(max(value, bounds.min), bounds.max)
            return self.constant(np.array(value, dtype) if self.rng.random() < 0.5 else np.array([value], dtype))
        return self.pick(t)

    # --- one random node

    def step(self):
        kinds = [self.arithmetic, self.arithmetic, self.unary, self.cast, self.cast, self.compare, self.where, self.gather, self.slice,
                 self.concat, self.reduce, self.squeeze, self.move, self.make, self.tensor, self.tensor, self.variadic, self.scatter,
                 self.branches, self.loop, self.sequence]
        made = kinds[self.rng.integers(len(kinds))]()
        return made is not None and self.accept(*made)

    def arithmetic(self):
        a = self.pick(self.number(), most=64)
        pair = [a, self.like(a)]
        if self.rng.random() < 0.5:
            pair.reverse()
        op = BINARY[self.rng.integers(len(BINARY))]
        more = {"fmod": int(self.rng.random() < 0.3 or self.types[a] in ("float", "double"))} if op == "Mod" else {}
        return self.node(op, pair, **more)

    def variadic(self):
        a = self.pick(self.number(), most=64)
        return self.node(str(self.rng.choice(["Min", "Max", "Sum", "Mean"])), [a, self.like(a), self.like(a)])

    def unary(self):
        return self.node(UNARY[self.rng.integers(len(UNARY))], [self.pick(*TYPES, most=64)])

    def cast(self):
        return self.node("Cast", [self.pick(*TYPES, most=64)], to=TYPES[str(self.rng.choice(list(TYPES)))])

    def compare(self):
        if self.rng.random() < 0.3:
            a = self.pick("bool")
            return self.node(str(self.rng.choice(["And", "Or", "Xor"])), [a, self.like(a)]) if self.types.get(a) == "bool" else None
        a = self.pick(self.number(), most=64)
        return self.node(COMPARE[self.rng.integers(len(COMPARE))], [a, self.like(a)])

    def where(self):
        a = self.pick(self.number(), most=64)
        return self.node("Where", [self.pick("bool"), a, self.like(a)])

    def gather(self):
        data = self.pick(*TYPES, ranks=(1, 2), most=64)
        index = self.constant(np.array(self.rng.integers(-2, 3, () if self.rng.random() < 0.5 else self.rng.integers(1, 4)), np.int64))
        if self.rng.random() < 0.15:
            index = self.pick("int64", ranks=(0, 1))
        return self.node("Gather", [data, index], axis=int(self.rng.integers(-1, 2)))

    def bounds(self):
        if self.rng.random() < 0.3:
            return self.pick("int64", ranks=(1,))
        return self.constant(np.array([self.rng.choice([0, 1, 2, 3, -1, -2, 5, 100, 2**31 - 1, 2**63 - 1, -2**63, -100])], np.int64))

    def slice(self):
        data = self.pick(*TYPES, ranks=(1, 2), most=64) if self.rng.random() < 0.7 else str(self.rng.choice(["x", "y"]))
        axis = int(self.rng.integers(0, max(1, len(self.shapes.get(data, [0])))))
        step = self.rng.choice([1, 1, 1, 2, -1, -2, 3])
        return self.node("Slice", [data, self.bounds(), self.bounds(), self.constant(np.array([axis])), self.constant(np.array([step], np.int64))])

    def concat(self):
        a = self.pick(*TYPES, ranks=(1,), most=32)
        return self.node("Concat", [a, *(self.pick(self.types[a], ranks=(1,)) for _ in range(self.rng.integers(1, 4)))], axis=0)

    def reduce(self):
        a = self.pick(self.number(), ranks=(1, 2, 3), most=64)
        op = REDUCE[self.rng.integers(len(REDUCE))]
        keep = {"keepdims": int(self.rng.integers(2))}
        axes = [int(self.rng.integers(-1, 2))]
        if self.rng.random() < 0.3:
            return self.node(op, [a], **keep)
        if op == "ReduceSum" or self.opset >= 18:
            return self.node(op, [a, self.constant(np.array(axes))], **keep)
        return self.node(op, [a], axes=axes, **keep)

    def squeeze(self):
        a = self.pick(*TYPES, most=64)
        axes = self.constant(np.array([int(self.rng.integers(-1, 2))]))
        return self.node(str(self.rng.choice(["Squeeze", "Unsqueeze"])), [a, axes])

    def move(self):
        a = self.pick(*TYPES, ranks=(1, 2), most=64)
        way = self.rng.integers(9)
        if way == 0:
            return self.node("CumSum", [a, self.constant(np.array(0))], exclusive=int(self.rng.integers(2)), reverse=int(self.rng.integers(2)))
        if way == 1:
            return self.node("Trilu", [a], upper=int(self.rng.integers(2)))
        if way == 2:
            return self.node("Transpose", [a])
        if way == 3:
            return self.node("TopK", [a, self.constant(np.array([self.rng.integers(0, 3)]))], 2, axis=-1, largest=int(self.rng.integers(2)))
        if way == 4:
            return self.node(str(self.rng.choice(["ArgMax", "ArgMin"])), [a], axis=int(self.rng.integers(-1, 1)), keepdims=int(self.rng.integers(2)),
                             select_last_index=int(self.rng.integers(2)))
        if way == 5:
            return self.node("Split", [a], 2, **({"num_outputs": 2} if self.opset >= 18 else {}))
        if way == 6:
            return self.node("Clip", [a, self.scalar(a), self.scalar(a)])
        if way == 7:
            return self.node("OneHot", [self.pick("int64", most=8), self.constant(np.array(self.rng.integers(1, 5))), self.constant(np.array([0, 3]))])
        return self.node("Compress", [a, self.constant(np.array([True, False, True]))], axis=0)

    def scalar(self, like):
        dtype = helper.tensor_dtype_to_np_dtype(TYPES.get(self.types[like], T.FLOAT))
        return self.constant(np.array(self.rng.integers(0, 6), dtype))

    def scatter(self):
        a = self.pick("int64", "float", ranks=(1,), most=64)
        index = self.constant(np.array([int(self.rng.integers(-2, 2))]))
        if self.rng.random() < 0.5:
            return self.node("ScatterElements", [a, index, self.pick(self.types[a], ranks=(1,))])
        return self.node("ScatterND", [a, self.constant(np.array([[0]])), self.pick(self.types[a], ranks=(1,))])

    def make(self):
        way = self.rng.integers(6)
        if way == 0:
            t = str(self.rng.choice(["int64", "int32", "float"]))
            a = self.pick(t, ranks=(0,))
            one = self.scalar(a)
            return self.node("Range", [one, a, self.constant(np.array(self.rng.choice([1, 1, 2, -1, 3]), helper.tensor_dtype_to_np_dtype(TYPES[self.types[a]])))])
        if way == 1:
            value = helper.make_tensor("v", TYPES[t := str(self.rng.choice(["int64", "bool", "float"]))], [1], [int(self.rng.choice([0, 1, 1]))])
            return self.node("ConstantOfShape", [self.pick("int64", ranks=(1,), most=3)], value=value)
        if way == 2:
            return self.node("Expand", [self.pick(*TYPES, most=16), self.pick("int64", ranks=(1,), most=3)])
        if way == 3:
            a = self.pick(*TYPES, ranks=(1,), most=16)
            return self.node("Tile", [a, self.pick("int64", ranks=(1,), most=1)])
        if way == 4:
            a = self.pick(*TYPES, most=64)
            return self.node("Reshape", [a, self.constant(np.array(self.rng.choice([[-1], [1, -1], [-1, 1], [0], [0, -1], [2, -1]][self.rng.integers(6)]), np.int64))],
                             **({"allowzero": int(self.rng.random() < 0.1)} if self.opset >= 14 else {}))
        start = {"start": int(self.rng.integers(-3, 3))} if self.opset >= 15 else {}
        return self.node("Shape", [self.pick(*TYPES)], **start)

    def inner(self, a, tag, out):
        """A node that computes out from a (and perhaps more), inside a subgraph."""
        way = self.rng.integers(8)
        if way == 0:
            return helper.make_node("Identity", [a], [out])
        if way == 1:
            return helper.make_node("Concat", [a, self.like(tag)], [out], axis=0)
        if way == 2:
            return helper.make_node("Unsqueeze", [a, self.constant(np.array([0]))], [out])
        if way == 3:
            return helper.make_node("Slice", [a, self.bounds(), self.bounds()], [out])
        if way == 4:
            return helper.make_node("Expand", [a, self.constant(np.array([2, 1]))], [out])
        return helper.make_node(str(self.rng.choice(["Add", "Sub", "Mul", "Max"])), [a, self.like(tag)], [out])

    def branches(self):
        a = self.pick("int64", "float", ranks=(0, 1), most=16)
        graphs = {key: helper.make_graph([self.inner(a, a, f"{key}{self.count}")], key, [], [onnx.ValueInfoProto(name=f"{key}{self.count}")])
                  for key in ("then_branch", "else_branch")}
        condition = self.pick("bool", ranks=(0,))
        if self.types.get(condition) != "bool":
            condition = self.constant(np.array(bool(self.rng.integers(2))))
        return self.node("If", [condition], **graphs)

    def loop(self):
        a = self.pick("int64", "float", ranks=(0, 1), most=16)
        trips, before = self.constant(np.array(self.rng.integers(0, 4))), []
        c, kind = self.count, TYPES[self.types[a]]
        if self.rng.random() < 0.5:  # what is 3 here may be a billion elsewhere
            before = [helper.make_node("Mod", [self.pick("int64", ranks=(0,)), self.constant(np.array(5))], [f"t{c}"])]
            trips = f"t{c}"
        inputs = [helper.make_tensor_value_info(f"n{c}", T.INT64, []), helper.make_tensor_value_info(f"b{c}", T.BOOL, []),
                  helper.make_tensor_value_info(f"a{c}", kind, None)]
        nodes = [self.inner(f"a{c}", a, f"o{c}"), self.inner(f"a{c}" if self.rng.random() < 0.5 else f"n{c}", a, f"s{c}")]
        if self.rng.random() < 0.7:
            nodes.append(helper.make_node("Identity", [f"b{c}"], [f"d{c}"]))
        else:
            nodes.append(helper.make_node("Less", [f"n{c}", self.constant(np.array(self.rng.integers(0, 4)))], [f"d{c}"]))
        body = helper.make_graph(nodes, "body", inputs, [
            helper.make_tensor_value_info(f"d{c}", T.BOOL, []), onnx.ValueInfoProto(name=f"o{c}"), onnx.ValueInfoProto(name=f"s{c}")])
        last, names = self.node("Loop", [trips, self.constant(np.array(True)) if self.rng.random() < 0.8 else "", a], 2, body=body)
        return [*before, last], names

    def sequence(self):
        a = self.pick("int64", "float", ranks=(1, 2), most=16)
        name = f"q{self.count}"
        if self.rng.random() < 0.5:
            first = helper.make_node("SequenceConstruct", [a, self.pick(self.types[a], ranks=(1, 2)), a], [name])
        else:
            parts = [self.constant(np.array([1, int(self.rng.integers(0, 4))][:int(self.rng.integers(1, 3))]))] if self.rng.random() < 0.6 else []
            first = helper.make_node("SplitToSequence", [a, *parts], [name], axis=0, **({} if parts else {"keepdims": int(self.rng.integers(2))}))
        at = self.constant(np.array(self.rng.integers(-3, 3)))
        nodes = [first]
        if self.rng.random() < 0.4:
            nodes.append(helper.make_node("SequenceInsert", [name, a, *([at] if self.rng.random() < 0.5 else [])], [name + "i"]))
            name += "i"
        if self.rng.random() < 0.3:
            nodes.append(helper.make_node("SequenceErase", [name, at], [name + "e"]))
            name += "e"
        last, names = [lambda: self.node("SequenceAt", [name, at]), lambda: self.node("SequenceLength", [name]),
                       lambda: self.node("ConcatFromSequence", [name], axis=0, new_axis=int(self.rng.integers(2)))][self.rng.integers(3)]()
        return [*nodes, last], names

    def tensor(self):
        """Data moved by what was computed."""
        a = str(self.rng.choice([n for n, t in self.types.items() if t == "float" and len(self.shapes[n]) >= 2]))
        v = self.pick("int64", ranks=(1,), most=4)
        way = self.rng.integers(8)
        if way == 0:
            return self.node("Reshape", [a, v], **({"allowzero": int(self.rng.random() < 0.2)} if self.opset >= 14 else {}))
        if way == 1:
            return self.node("Expand", [a, v])
        if way == 2:
            return self.node("Tile", [a, v])
        if way == 3:
            return self.node("Slice", [a, self.bounds(), v])
        if way == 4:
            return self.node("Pad", [a, v])
        if way == 5:
            return self.node("Concat", [a, a], axis=int(self.rng.integers(-2, 2)))
        if way == 6:
            scales = self.constant(np.array(self.rng.choice([0.5, 1, 2, 1.5, 0.3, 1 / 3], len(self.shapes[a])), np.float32))
            return self.node("Resize", [a, "", scales], mode="nearest")
        perm = self.rng.permutation(len(self.shapes[a])).tolist()
        return self.node("Transpose", [a], perm=[int(p) for p in perm])


def grown(seed, steps):
    p = Program(seed)
    for _ in range(steps * 3):
        p.step()
        if len(p.nodes) >= steps:
            break
    return p


def check(tool, seed, steps, tally, keep):
    p = grown(seed, steps)
    model = p.model()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        onnx.save(model, path)
        (shapes,) = inferred.ask(tool, [path])
    tally.made = {n for node in model.graph.node for n in node.output}
    text = model.SerializeToString()
    infer_true.expose(model)
    session = infer_true.open_session(model)
    before = len(tally.faults)
    for number, sizes in enumerate(SIZES):
        feeds = p.feeds(sizes, number)
        try:
            seen = infer_true.run_session(session, feeds)
        except Exception:
            continue
        tally.runs += 1
        infer_true.compare(shapes, model, seen | {n: infer_true.seen_array(v) for n, v in feeds.items()}, tally, f"{sizes}", f"{seed} ")
    if len(tally.faults) > before and keep:
        keep.mkdir(exist_ok=True)
        (keep / f"fuzz_{seed}.onnx").write_bytes(text)


def work(item):
    tool, seeds, steps, keep = item
    tally = infer_true.Tally()
    for seed in seeds:
        check(tool, seed, steps, tally, keep)
    return tally


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="build/onnxopt")
    parser.add_argument("--graphs", type=int, default=300)
    parser.add_argument("--nodes", type=int, default=14, help="of a graph, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    seeds = range(args.seed, args.seed + args.graphs)
    items = [(args.tool, seeds[i:i + 5], args.nodes, args.keep) for i in range(0, args.graphs, 5)]
    total, lost = infer_true.Tally(), 0
    for (_, some, *_), tally, problem in inferred.in_children(work, items, args.jobs, 120, 5):
        if not tally:
            lost += len(some)
            print(f"seeds {some.start}..{some.stop - 1}: {problem}", flush=True)
            continue
        for field in ("runs", "values", "dims", "elements", "unsolved"):
            setattr(total, field, getattr(total, field) + getattr(tally, field))
        for claim, f in tally.faults.items():
            total.fault(claim, f)
            print("FAIL seed", f, flush=True)
    print(f"{args.graphs - lost} graphs, {total.runs} runs, {total.values} values, {total.dims} dims, {total.elements} elements"
          f" compared, {total.unsolved} unsolved, {len(total.faults)} contradictions")
    return bool(total.faults)


if __name__ == "__main__":
    sys.exit(main())
