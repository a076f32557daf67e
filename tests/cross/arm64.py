#!/usr/bin/env python3
"""The same bytes on every machine (DESIGN law 9): models optimized natively, and by an arm64
build under emulation.

    arm64.py --tool build/onnxopt --arm build/arm64/onnxopt [MODELS...]

Beside the models given, which may be folders, one model for each kind of operator that
rounds: its constants are random, and of every float type.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto as T, helper as h, numpy_helper as nh

FLOATS = {T.FLOAT: np.float32, T.DOUBLE: np.float64, T.FLOAT16: np.float16}
UNARY = {"Acos": 1, "Acosh": 0, "Asin": 1, "Asinh": 9, "Atan": 9, "Atanh": 1, "Cos": 99, "Cosh": 9,
         "Elu": 9, "Erf": 4, "Exp": 9, "Gelu": 6, "HardSwish": 9, "Log": 0, "LogSoftmax": 9, "Mish": 9,
         "Reciprocal": 9, "Selu": 9, "Sigmoid": 9, "Sin": 1e5, "Sinh": 9, "Softmax": 9, "Softplus": 9,
         "Softsign": 9, "Sqrt": 0, "Tan": 99, "Tanh": 4, "ThresholdedRelu": 9, "HardSigmoid": 9,
         "ReduceLogSumExp": 9, "ReduceL2": 9, "ReduceMean": 9, "ReduceProd": 2, "ReduceSum": 9,
         "ReduceSumSquare": 9, "ReduceLogSum": 0, "LpNormalization": 9, "MeanVarianceNormalization": 9,
         "GlobalAveragePool": 9, "GlobalLpPool": 9}
RANK4 = {"MeanVarianceNormalization", "GlobalAveragePool", "GlobalLpPool"}


def data(g, scale, shape, t):
    a = g.uniform(-scale, scale, shape) if scale else np.exp(g.uniform(0, 6, shape))
    return a.astype(t)


def unary(g, op, scale, t):
    shape = (2, 3, 40, 50) if op in RANK4 else (40, 300)
    x = nh.from_array(data(g, scale, shape, FLOATS[t]), "x")
    return [h.make_node(op, ["x"], ["y"])], [x], t


def products(g, t):
    d = FLOATS[t]
    inits = [nh.from_array(data(g, 2, s, d), n) for n, s in
             (("a", (60, 70)), ("b", (70, 50)), ("a2", (60, 70)), ("b2", (70, 50)), ("k", (8, 3, 3, 3)), ("i", (1, 3, 20, 20)), ("c", (50,)))]
    nodes = [h.make_node("MatMul", ["a", "b"], ["m"]), h.make_node("Gemm", ["a2", "b2", "c"], ["g"], alpha=0.3),
             h.make_node("Conv", ["i", "k"], ["v"]), h.make_node("ReduceMean", ["v"], ["r"], keepdims=0),
             h.make_node("Pow", ["m", "r"], ["p"]), h.make_node("Sub", ["p", "g"], ["q"]),
             h.make_node("CumSum", ["q", "axis"], ["y"])]
    return nodes, inits + [nh.from_array(np.array(1), "axis")], t


def large(g, t):
    """Computed as it is written."""
    d = FLOATS[t]
    inits = [nh.from_array(data(g, 2, (300, 200), d), "a"), nh.from_array(data(g, 2, (200,), d), "b")]
    return [h.make_node("Mul", ["a", "b"], ["m"]), h.make_node("Transpose", ["m"], ["n"]),
            h.make_node("Tanh", ["n"], ["y"])], inits, t


def model(parts):
    nodes, inits, t = parts
    nodes = nodes + [h.make_node("Identity", ["y"], ["out"])]
    g = h.make_graph(nodes, "g", [], [h.make_tensor_value_info("out", t, None)], inits)
    return h.make_model(g, ir_version=9, opset_imports=[h.make_opsetid("", 20)])


def made(folder):
    g = np.random.default_rng(1)
    for t in FLOATS:
        for op, scale in UNARY.items():
            onnx.save(model(unary(g, op, scale, t)), folder / f"{op}_{t}.onnx")
        onnx.save(model(products(g, t)), folder / f"products_{t}.onnx")
        onnx.save(model(large(g, t)), folder / f"large_{t}.onnx")
    return sorted(folder.glob("*.onnx"))


def optimized(tool, path, out):
    r = subprocess.run([*tool, path, out, "-q"], capture_output=True)
    return r.returncode, out.read_bytes() if r.returncode == 0 else b""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tool", required=True)
    p.add_argument("--arm", required=True)
    p.add_argument("models", nargs="*")
    a = p.parse_args()
    wrong = left = 0
    with tempfile.TemporaryDirectory() as d:
        d = pathlib.Path(d)
        (d / "made").mkdir()
        paths = [(f, True) for f in made(d / "made")]
        for m in map(pathlib.Path, a.models):
            paths += [(f, False) for f in (sorted(m.rglob("*.onnx")) if m.is_dir() else [m])]
        for f, ours in paths:
            x = optimized([a.tool], f, d / "x.onnx")
            y = optimized(["qemu-aarch64", a.arm], f, d / "x.onnx")
            if x != y:
                print(f"{f.name}: not the same")
                wrong += 1
            if ours and any(n.op_type != "Constant" for n in onnx.load_from_string(x[1]).graph.node):
                print(f"{f.name}: not folded")
                left += 1
    print(f"{len(paths)} models: {wrong} differ, {left} of ours are not folded")
    return wrong > 0


sys.exit(main())
