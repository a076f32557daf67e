"""Bad input: models that are wrong, through `inspect --shapes`.

    infer_bad.py [--tool build/asan/onnxopt] [--mutants 400] FOLDER_OF_CASES

Mutants of the operator cases: integers of attributes and of constant operands replaced by
absurd ones, dims and ranks of inputs changed, inputs dropped, swapped or of another type.
The tool must end with 0 (or refuse, 3), quickly, without a word of a sanitizer. Then models
made by hand, each wrong in a known way: the node must be told as failed, with the reason.
"""

import argparse
import collections
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

import infer_true
import inferred

ABSURD = [0, -1, 1, 2, 99, -99, 2**31 - 1, 2**31, -2**31, 2**32, 2**62, -2**62, 2**63 - 1, -2**63]
KINDS = ["attribute", "operand", "dim", "rank", "drop", "swap", "type"]


# --- mutants --------------------------------------------------------------------------------


def change_attribute(model, rng):
    found = [a for n in model.graph.node for a in n.attribute if a.type in (a.INT, a.INTS)]
    if not found:
        return False
    a = found[rng.integers(len(found))]
    if a.type == a.INT:
        a.i = ABSURD[rng.integers(len(ABSURD))]
    elif a.ints and rng.random() < 0.8:
        a.ints[rng.integers(len(a.ints))] = ABSURD[rng.integers(len(ABSURD))]
    else:
        a.ints.extend([ABSURD[rng.integers(len(ABSURD))]] * int(rng.integers(1, 4)))
    return True


def change_operand(model, rng, feeds):
    names = [n for n, a in feeds.items() if isinstance(a, np.ndarray) and a.dtype.kind == "i" and a.ndim <= 1 and a.size]
    if not names:
        return False
    for name in names:
        array = feeds[name].copy()
        bounds = np.iinfo(array.dtype)
        value = ABSURD[rng.integers(len(ABSURD))]
        array[tuple(rng.integers(n) for n in array.shape)] = min(max(value, bounds.min), bounds.max)
        if array.ndim and rng.random() < 0.3:
            array = np.resize(array, rng.integers(0, 9))
        model.graph.initializer.append(onnx.numpy_helper.from_array(array, name))
        for v in list(model.graph.input):
            if v.name == name:
                model.graph.input.remove(v)
    return True


def shape_of_any(model, rng):
    found = [v.type.tensor_type.shape for v in model.graph.input if v.type.HasField("tensor_type")]
    return found[rng.integers(len(found))] if found else None


def change_dim(model, rng):
    shape = shape_of_any(model, rng)
    if not shape or not shape.dim:
        return False
    d = shape.dim[rng.integers(len(shape.dim))]
    d.dim_value = abs(ABSURD[rng.integers(len(ABSURD) - 1)])
    return True


def change_rank(model, rng):
    shape = shape_of_any(model, rng)
    if shape is None:
        return False
    if shape.dim and rng.random() < 0.5:
        del shape.dim[rng.integers(len(shape.dim))]
    else:
        for _ in range(int(rng.choice([1, 2, 64, 70]))):
            shape.dim.add().dim_value = int(rng.integers(0, 5))
    return True


def drop_input(model, rng):
    node = model.graph.node[rng.integers(len(model.graph.node))]
    if not node.input:
        return False
    node.input[rng.integers(len(node.input))] = ""
    return True


def swap_inputs(model, rng):
    node = model.graph.node[rng.integers(len(model.graph.node))]
    if len(node.input) < 2:
        return False
    inputs = list(node.input)
    rng.shuffle(inputs)
    del node.input[:]
    node.input.extend(inputs)
    return True


def change_type(model, rng):
    v = model.graph.input[rng.integers(len(model.graph.input))] if model.graph.input else None
    if v is None or not v.type.HasField("tensor_type"):
        return False
    v.type.tensor_type.elem_type = int(rng.integers(1, 24))
    return True


def mutant(path, seed):
    """(model, what was done), or None."""
    rng = np.random.default_rng(seed)
    model = onnx.load(path)
    feeds, _ = next(infer_true.stored_sets(path, model), ({}, {}))
    for v in model.graph.output:
        if v.type.HasField("tensor_type"):
            v.type.tensor_type.ClearField("shape")
    done = []
    for _ in range(1 + int(rng.integers(2))):
        kind = KINDS[rng.integers(len(KINDS))]
        changed = {
            "attribute": lambda: change_attribute(model, rng), "operand": lambda: change_operand(model, rng, feeds),
            "dim": lambda: change_dim(model, rng), "rank": lambda: change_rank(model, rng),
            "drop": lambda: drop_input(model, rng), "swap": lambda: swap_inputs(model, rng),
            "type": lambda: change_type(model, rng),
        }[kind]()
        done += [kind] if changed else []
    return (model, done) if done else None


# --- wrong in a known way -------------------------------------------------------------------


def by_hand():
    """(name, opset, node, inputs: name -> shape or int64 array)."""
    big = 2**62

    def conv(**attributes):
        return helper.make_node("Conv", ["x", "w"], ["y"], **attributes), {"x": ["N", 4, 9, 9], "w": [8, 4, 3, 3]}

    yield "Conv: stride 0", 13, *conv(strides=[0, 1])
    yield "Conv: negative stride", 13, *conv(strides=[1, -2])
    yield "Conv: dilation 0", 13, *conv(dilations=[0, 1])
    yield "Conv: three pads", 13, *conv(pads=[1, 1, 1])
    yield "Conv: group 0", 13, *conv(group=0)
    yield "Conv: kernel of another rank", 13, *conv(kernel_shape=[3])
    yield "Conv: channels", 13, helper.make_node("Conv", ["x", "w"], ["y"]), {"x": ["N", 5, 9, 9], "w": [8, 4, 3, 3]}
    yield "Conv: ranks", 13, helper.make_node("Conv", ["x", "w"], ["y"]), {"x": ["N", 4, 9], "w": [8, 4, 3, 3]}
    yield "Conv: pads of 2^62", 13, *conv(pads=[big, big, big, big])
    yield "Conv: a kernel that does not fit", 13, *conv(dilations=[9, 9])
    yield "MaxPool: pads of 2^62", 12, helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2], pads=[big, big]), {"x": [1, 1, 8]}
    yield "ConvTranspose: stride 2^62", 11, helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[big]), {"x": [1, 2, 8], "w": [2, 3, 3]}
    yield "Concat: dims of 2^62", 13, helper.make_node("Concat", ["x", "x"], ["y"], axis=0), {"x": [big, 3]}
    yield "Tile: 2^62 times", 13, helper.make_node("Tile", ["x", "r"], ["y"]), {"x": [4, 3], "r": np.array([big, 1])}
    yield "DepthToSpace: blocks of 2^62", 13, helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=big), {"x": [1, 4, 2, 2]}
    yield "LSTM: hidden size", 14, helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=5), {"x": [2, 3, 3], "w": [1, 16, 3], "r": [1, 16, 4]}
    yield "Flatten: axis", 13, helper.make_node("Flatten", ["x"], ["y"], axis=3), {"x": ["N", 3]}
    yield "Gemm: contraction", 13, helper.make_node("Gemm", ["x", "z"], ["y"], transB=1), {"x": [2, 3], "z": [4, 5]}
    yield "Add: clash behind", 14, helper.make_node("Add", ["x", "z"], ["y"]), {"x": [2, 3, 4], "z": [3, 1, 5]}
    yield "LayerNormalization: axis 99", 17, helper.make_node("LayerNormalization", ["x", "z"], ["y"], axis=99), {"x": [2, 3], "z": [3]}
    yield "Upsample: as many scales as dims", 9, helper.make_node("Upsample", ["x", "s"], ["y"]), {"x": [1, 1, 2, 2], "s": np.ones(3, "f4")}
    yield "MaxPool: stride 0", 12, helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2], strides=[0, 0]), {"x": [1, 1, 8, 8]}
    yield "AveragePool: rank 1", 11, helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2]), {"x": [8]}
    yield "ConvTranspose: stride 0", 11, helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[0]), {"x": [1, 2, 8], "w": [2, 3, 3]}
    for op, version in (("Softmax", 13), ("ArgMax", 13), ("Flatten", 13), ("CumSum", 14)):
        operand = {"a": np.array(99)} if op == "CumSum" else {}
        node = helper.make_node(op, ["x", *operand], ["y"], **({} if operand else {"axis": 99}))
        yield f"{op}: axis 99", version, node, {"x": ["N", 3], **operand}
    yield "Concat: axis 99", 13, helper.make_node("Concat", ["x", "x"], ["y"], axis=99), {"x": ["N", 3]}
    yield "Concat: dims", 13, helper.make_node("Concat", ["x", "z"], ["y"], axis=0), {"x": [2, 3], "z": [2, 4]}
    yield "Concat: ranks", 13, helper.make_node("Concat", ["x", "z"], ["y"], axis=0), {"x": [2, 3], "z": [2]}
    yield "Gather: axis -99", 13, helper.make_node("Gather", ["x", "i"], ["y"], axis=-99), {"x": ["N", 3], "i": np.array([0])}
    yield "Transpose: perm twice", 13, helper.make_node("Transpose", ["x"], ["y"], perm=[0, 0]), {"x": ["N", 3]}
    yield "Transpose: perm too long", 13, helper.make_node("Transpose", ["x"], ["y"], perm=[0, 1, 2]), {"x": ["N", 3]}
    yield "Reshape: two -1", 13, helper.make_node("Reshape", ["x", "s"], ["y"]), {"x": [2, 3], "s": np.array([-1, -1])}
    yield "Reshape: count", 13, helper.make_node("Reshape", ["x", "s"], ["y"]), {"x": [2, 3], "s": np.array([4, 2])}
    yield "Reshape: -1 that does not divide", 13, helper.make_node("Reshape", ["x", "s"], ["y"]), {"x": [2, 3], "s": np.array([4, -1])}
    yield "Reshape: -2", 13, helper.make_node("Reshape", ["x", "s"], ["y"]), {"x": [2, 3], "s": np.array([-2, 3])}
    yield "Reshape: 0 beyond the rank", 13, helper.make_node("Reshape", ["x", "s"], ["y"]), {"x": [2, 3], "s": np.array([2, 3, 0])}
    yield "Expand: clash", 13, helper.make_node("Expand", ["x", "s"], ["y"]), {"x": [2, 3], "s": np.array([2, 4])}
    yield "Add: clash", 14, helper.make_node("Add", ["x", "z"], ["y"]), {"x": ["N", 3], "z": ["N", 4]}
    yield "MatMul: contraction", 13, helper.make_node("MatMul", ["x", "z"], ["y"]), {"x": ["N", 3], "z": [4, 5]}
    yield "MatMul: rank 0", 13, helper.make_node("MatMul", ["x", "z"], ["y"]), {"x": [], "z": [4, 5]}
    yield "Gemm: rank", 13, helper.make_node("Gemm", ["x", "z"], ["y"]), {"x": [2, 3, 4], "z": [4, 5]}
    yield "Slice: step 0", 13, helper.make_node("Slice", ["x", "s", "e", "a", "t"], ["y"]), {
        "x": ["N", 3], "s": np.array([0]), "e": np.array([2]), "a": np.array([0]), "t": np.array([0])}
    yield "Slice: axis 99", 13, helper.make_node("Slice", ["x", "s", "e", "a"], ["y"]), {
        "x": ["N", 3], "s": np.array([0]), "e": np.array([2]), "a": np.array([99])}
    yield "Slice: as many ends as starts", 13, helper.make_node("Slice", ["x", "s", "e"], ["y"]), {
        "x": ["N", 3], "s": np.array([0]), "e": np.array([2, 2])}
    yield "Pad: 2^62", 13, helper.make_node("Pad", ["x", "p"], ["y"]), {"x": [2, 3], "p": np.array([big, big, big, big])}
    yield "Pad: three pads", 13, helper.make_node("Pad", ["x", "p"], ["y"]), {"x": [2, 3], "p": np.array([1, 1, 1])}
    yield "Pad: to less than nothing", 13, helper.make_node("Pad", ["x", "p"], ["y"]), {"x": [2, 3], "p": np.array([-9, 0, 0, 0])}
    yield "Tile: ranks", 13, helper.make_node("Tile", ["x", "r"], ["y"]), {"x": [2, 3], "r": np.array([1])}
    yield "Tile: negative", 13, helper.make_node("Tile", ["x", "r"], ["y"]), {"x": [2, 3], "r": np.array([1, -1])}
    yield "Split: sum", 13, helper.make_node("Split", ["x", "s"], ["y", "z"]), {"x": [6, 3], "s": np.array([1, 2])}
    yield "Split: negative", 13, helper.make_node("Split", ["x", "s"], ["y", "z"]), {"x": [6, 3], "s": np.array([-1, 7])}
    yield "Squeeze: a dim of 3", 13, helper.make_node("Squeeze", ["x", "a"], ["y"]), {"x": ["N", 3], "a": np.array([1])}
    yield "Unsqueeze: the same axis twice", 13, helper.make_node("Unsqueeze", ["x", "a"], ["y"]), {"x": ["N", 3], "a": np.array([1, 1])}
    yield "ConstantOfShape: negative", 9, helper.make_node("ConstantOfShape", ["s"], ["y"]), {"s": np.array([2, -3])}
    yield "TopK: k above the dim", 11, helper.make_node("TopK", ["x", "k"], ["y", "i"]), {"x": [2, 3], "k": np.array([4])}
    yield "Range: step 0", 11, helper.make_node("Range", ["a", "b", "c"], ["y"]), {"a": np.array(0), "b": np.array(9), "c": np.array(0)}
    yield "DepthToSpace: blocks of 0", 13, helper.make_node("DepthToSpace", ["x"], ["y"], blocksize=0), {"x": [1, 4, 2, 2]}
    yield "SpaceToDepth: does not divide", 13, helper.make_node("SpaceToDepth", ["x"], ["y"], blocksize=2), {"x": [1, 4, 3, 3]}
    yield "Einsum: ranks", 12, helper.make_node("Einsum", ["x"], ["y"], equation="ijk->i"), {"x": [2, 3]}
    yield "BatchNormalization: channels", 15, helper.make_node("BatchNormalization", ["x", "c", "c", "c", "c"], ["y"]), {
        "x": [2, 3, 4], "c": [5]}
    yield "LSTM: rank", 14, helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=4), {"x": [2, 3], "w": [1, 16, 3], "r": [1, 16, 4]}
    yield "GatherND: too deep", 13, helper.make_node("GatherND", ["x", "i"], ["y"]), {"x": [2, 3], "i": np.zeros((1, 3), np.int64)}
    yield "Resize: as many scales as dims", 13, helper.make_node("Resize", ["x", "", "s"], ["y"]), {"x": [1, 1, 2, 2], "s": np.ones(2, "f4")}


def made(node, opset, inputs):
    graph = helper.make_graph([node], "g", [], [])
    for name, what in inputs.items():
        if isinstance(what, np.ndarray):
            graph.initializer.append(onnx.numpy_helper.from_array(what, name))
        else:
            graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, what))
    for name in node.output:
        graph.output.add().name = name
        graph.output[-1].type.tensor_type.elem_type = TensorProto.INT64 if name == "i" or node.op_type in ("ArgMax", "Range") else TensorProto.FLOAT
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])


# --- running the tool -----------------------------------------------------------------------


def told(tool, model, folder, seconds):
    """(shapes or None, why it is a fault or None)."""
    path = folder / "bad.onnx"
    path.write_bytes(model.SerializeToString())
    start = time.monotonic()
    try:
        p = subprocess.run([tool, "inspect", "--shapes", "--json", str(path)], capture_output=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return None, f"no end after {seconds} s"
    noise = p.stderr.decode(errors="replace")
    if p.returncode not in (0, 3) or "Sanitizer" in noise or "runtime error" in noise:
        return None, f"exit {p.returncode}: {inferred.one_line(noise[-600:], 400)}"
    if time.monotonic() - start > seconds / 4:
        return None, f"took {time.monotonic() - start:.1f} s"
    return (inferred.json.loads(p.stdout) if p.returncode == 0 else None), None


def nonsense(shapes):
    """Dims that nothing can have."""
    for v in shapes["values"]:
        for d in v["dims"] or []:
            if isinstance(d, int) and d < 0:
                return f"{v['name']} has a dim {d}"
    return None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="?", type=Path)
    parser.add_argument("--tool", default="build/asan/onnxopt")
    parser.add_argument("--mutants", type=int, default=400)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20, help="for one model")
    parser.add_argument("--keep", type=Path, help="folder for the models that are faults")
    args = parser.parse_args()
    faults, count, silent = [], collections.Counter(), []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)

        def fault(name, model, why):
            faults.append(f"{name}: {why}")
            if args.keep:
                args.keep.mkdir(exist_ok=True)
                (args.keep / f"{len(faults)}.onnx").write_bytes(model.SerializeToString())

        for name, opset, node, inputs in by_hand():
            model = made(node, opset, inputs)
            shapes, why = told(args.tool, model, folder, args.seconds)
            count["by hand"] += 1
            if why or not shapes:
                fault(name, model, why or "refused")
            elif not shapes["failed"]:
                dims = next(v["dims"] for v in shapes["values"] if v["name"] == node.output[0])
                fault(name, model, f"not told as failed, {node.output[0]} is {dims}")
            elif "\n" in shapes["failed"][0]["why"] or not shapes["failed"][0]["why"]:
                fault(name, model, "no clear line")
        paths = list(inferred.models_in([args.cases])) if args.cases else []
        rng = np.random.default_rng(args.seed)
        while paths and count["mutants"] < args.mutants:
            path = paths[rng.integers(len(paths))]
            seed = int(rng.integers(2**31))
            try:
                found = mutant(path, seed)
            except (ValueError, OverflowError):  # what the onnx package cannot even write
                continue
            if not found:
                continue
            model, done = found
            count["mutants"] += 1
            shapes, why = told(args.tool, model, folder, args.seconds)
            if why or shapes and nonsense(shapes):
                fault(f"{path.parent.name} seed {seed} ({', '.join(done)})", model, why or nonsense(shapes))
            count["refused"] += not why and not shapes
            count["told as failed"] += bool(shapes and shapes["failed"])
    print(", ".join(f"{n} {what}" for what, n in count.items()))
    for f in faults:
        print("FAIL", f)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
