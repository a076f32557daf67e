"""Arrays of every type, written by numpy and ml_dtypes, through `onnxopt run`, and back.

    npy.py --tool build/onnxopt

.npy and .npz in; .npy, .npz and messages out; both orders of dims, both byte orders.
"""
import argparse
import itertools
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def model_for(elem, path):
    x = helper.make_tensor_value_info("x", elem, ["a", "b"])
    y = helper.make_tensor_value_info("y", elem, None)
    g = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", [x], [y])
    onnx.save(helper.make_model(g, opset_imports=[helper.make_opsetid("", 25)], ir_version=13), path)


def values(elem, dtype, rng):
    if elem == TensorProto.STRING:
        return np.array([["a", "gr\u00fc\u00df"], ["", "\U0001f41f"]])
    if elem == TensorProto.BOOL:
        return np.array([[True, False, True]])
    return rng.integers(0, 4, (3, 5)).astype(dtype)


def load(folder, form):
    if form == "npy":
        return np.load(folder + "/output_0.npy")
    if form == "npz":
        return np.load(folder + "/outputs.npz")["y"]
    with open(folder + "/output_0.pb", "rb") as f:
        return numpy_helper.to_array(TensorProto.FromString(f.read()))


def same(got, want, dtype):
    if want.dtype.kind in "US":
        return (got.astype(str) == want).all()
    if got.dtype.kind == "V":                   # ml_dtypes have no letter in numpy
        got = got.view(dtype)
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    return np.array_equal(got.astype(wide), want.astype(wide), equal_nan=True)


def turned(a, order, endian):
    a = np.asarray(a, order=order)
    has_order = a.dtype.kind in "iufcU" and a.dtype.itemsize > 1
    return a.astype(a.dtype.newbyteorder(">")) if endian == ">" and has_order else a


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tool", required=True)
    tool = p.parse_args().tool
    rng = np.random.default_rng(0)
    bad = ran = 0
    with tempfile.TemporaryDirectory() as d:
        for elem in range(1, 27):
            dtype = helper.tensor_dtype_to_np_dtype(elem)
            want = values(elem, dtype, rng)
            model_for(elem, d + "/m.onnx")
            for order, endian in itertools.product("CF", "<>"):
                a = turned(want, order, endian)
                np.save(d + "/x.npy", a)
                np.savez_compressed(d + "/x.npz", x=a)
                for file, form in itertools.product(["x.npy", "x.npz"], ["npy", "npz", "pb"]):
                    r = subprocess.run([tool, "run", d + "/m.onnx", "--inputs", f"x:{d}/{file}", "-q",
                                        "-o", d + "/out", "--format", form], capture_output=True, text=True)
                    ran += 1
                    if r.returncode or not same(load(d + "/out", form), want, dtype):
                        bad += 1
                        print(f"{TensorProto.DataType.Name(elem)} {order} {endian} {file} {form}: {r.stderr or 'differs'}")
    print(f"{ran} arrays, {bad} bad")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
