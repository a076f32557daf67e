#!/usr/bin/env python3
"""Rewrites that are wrong, each in one way: every one must be found, and nothing be written.

    wrong.py [--tool build/onnxopt] [NAME...]

Each row is an operator as it stands in a model, and what a rule makes of it. The rule is given to
the tool as a file, without the guard that would keep it from firing; the check of windows must
refuse what it did (exit 1, OX5002). The same rule that leaves the operator as it is must pass.
Standard library only.
"""
import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

os.environ["ONNXOPT_REPRO"] = "none"         # what is found need not be shown

X = "float[N,3,4] x"
SQUARE = "float[N,3,3] x"
IMAGE = "float[N,4,H,W] x"
INTS = "int32[N,3] x"
BYTES = "int8[N,3] x"
TWO = "float[N,3] x, float[N,3] z"
BOOLS = "bool[N,3] x, bool[N,3] z"
W = ("float[4,4,3,3] w = {" + ", ".join(str((i * 7 % 11 - 5) / 8) for i in range(144)) + "}, float[4] b = {0.5, -1, 2, 0.25}, "
     "float[4,1,3,3] d = {" + ", ".join(str((i * 5 % 7 - 3) / 4) for i in range(36)) + "}, "
     "float[4] s = {0.01, 1, 2, 3}, float[4] m = {0, 1, -1, 2}, float[4] v = {0.0001, 1, 2, 0.5}")
SQUARE_W = "float[3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}, float[3] b = {1, 2, 3}"
BN = "BatchNormalization <epsilon = {}> ({}, s, b, m, v)"

# name: inputs, constants, right, wrong ({} is the operand), numerics, type of y
ROWS = {
    "another epsilon": (IMAGE, W, BN.format("0.0009765625", "{}"), BN.format("0.001953125", "{}"), "const_rounding"),
    "mean and bias exchanged": (IMAGE, W, BN.format("0.0009765625", "{}"), "BatchNormalization <epsilon = 0.0009765625> ({}, s, m, b, v)", "const_rounding"),
    "a lost bias": (IMAGE, W, "Conv <pads = [1, 1, 1, 1]> ({}, w, b)", "Conv <pads = [1, 1, 1, 1]> ({}, w)", "reassoc"),
    "a pad on the other side": (IMAGE, W, "Conv <pads = [0, 1, 0, 1]> ({}, w)", "Conv <pads = [0, 0, 0, 2]> ({}, w)", "reassoc"),
    "groups that are none": ("float[N,4,H,W] x", W, "Conv <group = 4> ({}, d)", "Conv <group = 4, dilations = [1, 1], strides = [2, 2]> ({}, d)", "reassoc"),
    "dilation": (IMAGE, W, "Conv <pads = [1, 1, 1, 1]> ({}, w)", "Conv <pads = [2, 2, 2, 2], dilations = [2, 2]> ({}, w)", "reassoc"),
    "a transposed square weight": ("float[N,3] x", SQUARE_W, "Gemm ({}, w, b)", "Gemm <transB = 1> ({}, w, b)", "reassoc"),
    "alpha": ("float[N,3] x", SQUARE_W, "Gemm <alpha = 0.5> ({}, w, b)", "Gemm ({}, w, b)", "reassoc"),
    "beta": ("float[N,3] x", SQUARE_W, "Gemm <beta = 0.5> ({}, w, b)", "Gemm ({}, w, b)", "reassoc"),
    "MatMul the other way round": (SQUARE, SQUARE_W, "MatMul ({}, w)", "MatMul (w, {})", "reassoc"),
    "a permutation of equal dims": (SQUARE, "", "Transpose <perm = [0, 2, 1]> ({})", "Transpose <perm = [0, 1, 2]> ({})", "exact"),
    "axis of Softmax": (X, "", "Softmax <axis = 1> ({})", "Softmax <axis = 2> ({})", "reassoc"),
    "axis of Concat": (SQUARE, "", "Concat <axis = -1> ({}, {})", "Concat <axis = 1> ({}, {})", "exact"),
    "operands of Concat": (TWO, "", "Concat <axis = 0> ({}, z)", "Concat <axis = 0> (z, {})", "exact"),
    "axis of Flatten": (SQUARE, "", "Flatten <axis = 1> ({})", "Flatten <axis = 2> ({})", "exact"),
    "slope": (X, "", "LeakyRelu <alpha = 0.25> ({})", "LeakyRelu <alpha = 0.5> ({})", "reassoc"),
    "a slope off by what rounding may do to each": ("float16[N,3,4] x", "", "LeakyRelu <alpha = 0.25> ({})", "LeakyRelu <alpha = 0.2509765625> ({})", "reassoc"),
    "a slope that is infinite": ("float[N,3] x", "float[3] a = {0.1, inf, 0.3}", "Sub (Relu ({}), Mul (Relu (Neg ({})), a))", "PRelu ({}, a)", "reassoc"),
    "Relu is not Abs": (X, "", "Relu ({})", "Abs ({})", "exact"),
    "a bound of Clip": (X,  "", "Relu ({})", "Clip ({}, 0.0, 1.0)", "exact"),
    "Elu and Celu": (X, "", "Elu <alpha = 2.0> ({})", "Celu <alpha = 2.0> ({})", "reassoc"),
    "tanh for erf": (X, "", "Erf ({})", "Tanh ({})", "reassoc"),
    "slope of HardSigmoid": (X, "", "HardSigmoid <alpha = 0.25, beta = 0.5> ({})", "HardSigmoid <alpha = 0.1875, beta = 0.5> ({})", "reassoc"),
    "mean and sum": (X, "int64[1] a = {1}", "ReduceSum ({}, a)", "ReduceMax <axes = [1]> ({})", "reassoc"),
    "biased or not": (X, "", "ReduceL2 <axes = [1]> ({})", "ReduceL1 <axes = [1]> ({})", "reassoc"),
    "Max and Min": (TWO, "", "Max ({}, z)", "Min ({}, z)", "exact"),
    "subtrahend and minuend": (TWO, "", "Sub ({}, z)", "Sub (z, {})", "exact"),
    "quotient the other way round": (TWO, "", "Div ({}, z)", "Div (z, {})", "reassoc"),
    "remainder": (TWO, "", "Mod <fmod = 1> ({}, z)", "Sub ({}, z)", "exact"),
    "sign of zero": (X, "float k = {0}", "Add ({}, k)", "Identity ({})", "exact"),
    "zero times infinity": (X, "float k = {0}", "Mul ({}, k)", "Sub ({}, {})", "exact"),
    "exp and log": (X, "", "Exp (Log ({}))", "Identity ({})", "reassoc"),
    "root of a square": (X, "", "Sqrt (Mul ({}, {}))", "Identity ({})", "reassoc"),
    "a lost Cast": (X, "", "Cast <to = 1> (Cast <to = 7> ({}))", "Identity ({})", "exact"),
    "a Cast through half": (X, "", "Cast <to = 1> (Cast <to = 10> ({}))", "Identity ({})", "exact"),
    "rounding": (X, "", "Round ({})", "Floor ({})", "exact"),
    "ceiling": (X, "", "Ceil ({})", "Floor ({})", "exact"),
    "a branch for the other": ("bool[N,3] c, float[N,3] x, float[N,3] z", "", "Where (c, {}, z)", "Where (c, z, {})", "exact"),
    "and for or": (BOOLS, "", "And ({}, z)", "Or ({}, z)", "exact"),
    "exclusive or": (BOOLS, "", "Xor ({}, z)", "Or ({}, z)", "exact"),
    "not less": (INTS + ", int32[N,3] z", "", "Not (Less ({}, z))", "Greater ({}, z)", "exact"),
    "not less, and NaN": (TWO, "", "Not (Less ({}, z))", "GreaterOrEqual ({}, z)", "exact"),
    "not less, and NaN, of few": ("float[4] x, float z", "", "Not (Less ({}, z))", "GreaterOrEqual ({}, z)", "exact"),
    "the lowest integer": ("int32[4] x", "", "Sub (Relu ({}), Relu (Neg ({})))", "Identity ({})", "reassoc"),
    "or equal": (INTS + ", int32[N,3] z", "", "LessOrEqual ({}, z)", "Less ({}, z)", "exact"),
    "integers that wrap": (BYTES, "int8 k = {2}", "Div (Mul ({}, k), k)", "Identity ({})", "exact"),
    "shifts": ("uint8[N,3] x", "uint8 k = {1}", "BitShift <direction = \"LEFT\"> ({}, k)", "Add ({}, k)", "exact"),
    "average and maximum": (IMAGE, "", "AveragePool <kernel_shape = [2, 2]> ({})", "MaxPool <kernel_shape = [2, 2]> ({})", "reassoc"),
    "pads that count": (IMAGE, "", "AveragePool <kernel_shape = [2, 2], pads = [1, 1, 0, 0]> ({})",
                        "AveragePool <kernel_shape = [2, 2], pads = [1, 1, 0, 0], count_include_pad = 1> ({})", "reassoc"),
    "sizes rounded up": (IMAGE, "", "MaxPool <kernel_shape = [2, 2], strides = [2, 2], ceil_mode = 1> ({})",
                         "MaxPool <kernel_shape = [2, 2], strides = [2, 2]> ({})", "exact"),
    "a window too small": (IMAGE, "", "MaxPool <kernel_shape = [3, 3], pads = [1, 1, 1, 1]> ({})",
                           "MaxPool <kernel_shape = [2, 2], pads = [0, 0, 1, 1]> ({})", "exact"),
    "order of channels": ("float[N,8,H,W] x", "", "DepthToSpace <blocksize = 2, mode = \"CRD\"> ({})", "DepthToSpace <blocksize = 2> ({})", "exact"),
    "a triangle": (SQUARE, "", "Trilu <upper = 1> ({})", "Trilu <upper = 0> ({})", "exact"),
    "sums with their own": (X, "int64 a = {1}", "CumSum ({}, a)", "CumSum <exclusive = 1> ({}, a)", "reassoc"),
    "sums backwards": (X, "int64 a = {1}", "CumSum ({}, a)", "CumSum <reverse = 1> ({}, a)", "reassoc"),
    "the first of equal ones": ("uint8[N,30] x", "", "ArgMax <axis = 1> ({})", "ArgMax <axis = 1, select_last_index = 1> ({})", "exact"),
    "largest and smallest": (X, "", "ArgMax <axis = 1> ({})", "ArgMin <axis = 1> ({})", "exact"),
    "as long as another one is": ("float[N,4] x, float[M] z", "int64[1] o = {0}",
                                  "Slice ({}, o, Shape (z))", "Slice <starts = [0], ends = [9223372036854775807], axes = [0]> ({})", "exact"),
    "one Slice too short": (X, "int64[1] i = {1}, int64[1] j = {3}, int64[1] k = {2}, int64[1] o = {0}",
                            "Slice ({}, i, j, k)", "Slice <starts = [0], ends = [2], axes = [2]> ({})", "exact"),
    "Slice from the end": (X, "int64[1] i = {-1}, int64[1] j = {-9}, int64[1] k = {2}, int64[1] o = {0}, int64[1] big = {9}",
                           "Slice ({}, i, j, k, i)", "Slice <starts = [0], ends = [9], axes = [2]> ({})", "exact"),
    "an index more": (X, "int64[2] i = {0, 2}, int64[2] j = {0, 1}", "Gather <axis = 1> ({}, i)", "Slice <starts = [0], ends = [2], axes = [1]> ({})", "exact"),
    "axis of Gather": (SQUARE, "int64[3] i = {2, 0, 1}", "Gather <axis = 1> ({}, i)", "Gather <axis = 2> ({}, i)", "exact"),
    "what a Pad holds": (X, "int64[6] p = {0, 1, 0, 0, 0, 0}, float k = {1}, float l = {0}", "Pad ({}, p, k)", "Pad ({}, p)", "exact"),
    "where a Pad lies": (X, "int64[6] p = {0, 1, 0, 0, 0, 0}, int64[6] q = {0, 0, 0, 0, 1, 0}", "Pad ({}, p)", "Pad <pads = [0, 0, 0, 0, 1, 0]> ({})", "exact"),
    "a wrong reader": (TWO, "", "Add ({}, z)", "Add ({}, {})", "exact"),
    "broadcast along another axis": ("float[N,3,3] x", "float[3] k = {1, 2, 3}, float[3,1] l = {1, 2, 3}", "Add ({}, k)", "Add ({}, Reshape <shape = [3, 1]> (k))", "exact"),
    "normalised along less": (SQUARE, "float[3] k = {1, 2, 3}", "LayerNormalization <axis = -1> ({}, k)", "LayerNormalization <axis = 1> ({}, k)", "reassoc"),
    "epsilon of a layer": (SQUARE, "float[3] k = {1, 2, 3}", "LayerNormalization ({}, k)", "LayerNormalization <epsilon = 0.0009765625> ({}, k)", "reassoc"),
    "epsilon of an instance": (IMAGE, W, "InstanceNormalization ({}, s, b)", "InstanceNormalization <epsilon = 0.0009765625> ({}, s, b)", "reassoc"),
    "a channel moved by little": (IMAGE, W + "", "Conv <pads = [1, 1, 1, 1]> ({}, w, b)",
                                  "Conv <pads = [1, 1, 1, 1]> ({}, w, Add (b, 0.0001))", "const_rounding"),
    "Tile the other axis": (SQUARE, "int64[3] p = {1, 2, 1}, int64[3] q = {1, 1, 2}", "Tile ({}, p)", "Concat <axis = 2> ({}, {})", "exact"),
    "only where there are more": (X, "int64[1] a = {0}", "ReduceMax <axes = [0]> ({})", "ReduceMin <axes = [0]> ({})", "exact"),
    "scale of quantization": (X, "float k = {0.02}, float l = {0.021}, uint8 z = {128}", "QuantizeLinear ({}, k, z)", "QuantizeLinear ({}, 0.021, z)", "exact"),
    "zero point": (X, "float k = {0.02}, uint8 z = {128}, uint8 o = {127}", "QuantizeLinear ({}, k, z)", "QuantizeLinear ({}, k)", "exact"),
}

HEADS = "int64[1] k = {1}, int64[2] rest = {-1, 8}, int64[1] o = {0}, int64[1] i = {1}"
PIXELS = "int64[2] w = {-1, 3}"
LOGARITHMS = "float[24,2] w = {" + ", ".join(str(i % 5 - 1.5) for i in range(48)) + "}, float[2] b = {1, 2}"
TENTH = "float[16,1] k = {" + ", ".join(str(int(i == 9)) for i in range(16)) + "}"
QUANTIZED = "float s = {0.5}, uint8 o = {3}, int64[2] a = {0, 1}, int64[1] k = {1}"

# Within models, where t is the operand. Windows alone must find these: nothing may be left to the whole model.
# name: inputs, constants, nodes (Y: y as it is made), right, wrong, numerics
NETS = {
    "dims twice as large, where others are divided": (
        "float[N,A,B] x", HEADS, "x1 = Shape (x); n = Slice (x1, o, i); r = Concat <axis = 0> (n, rest); f = Reshape (x, r); t = Identity (x1); Y; z = Reshape (f, y)",
        "Mul ({}, k)", "Add ({}, {})", "exact"),
    "rows that become one, of a picture": (
        "float[1,3,224,224] p, int64[1,32,32] i", PIXELS, "x = Transpose <perm = [0, 2, 3, 1]> (p); t = Identity (x); Y; z = Gather (y, i)",
        "Flatten <axis = 3> ({})", "Flatten <axis = 0> ({})", "exact"),
    "a lost bias of a large image": (
        "float[1,4,640,640] x", W, "t = Identity (x); Y; z = Sigmoid (y)", "Conv ({}, w, b)", "Conv ({}, w)", "reassoc"),
    "a dim more, of what is quantized": (
        "uint8[N,1280,7,7] q", QUANTIZED, "d = DequantizeLinear (q, s, o); c = ReduceMean <axes = [2, 3]> (d); e = Shape (d); x = Gather (e, a); "
        "t = Identity (x); Y; z = Reshape (c, y)",
        "Mul ({}, k)", "Add ({}, k)", "exact"),
    "a lost bias, behind what is NaN for most": (
        "float[N,24] v", LOGARITHMS, "x = Log (v); t = Identity (x); Y; z = Relu (y)", "Gemm ({}, w, b)", "Gemm ({}, w)", "exact"),
    "a logarithm of 0 that is left out, and what is far away": (
        "float[N] p", "int64[1] k = {0}, int64 o = {0}, int64 i = {1}, int64 far = {8}",
        "s = Shape (p); n = Squeeze (s, k); r = Range (o, n, i); f = Cast <to = 1> (r); l = Log (f); x = Cast <to = 7> (l); c = Less (r, far); "
        "t = Identity (x); Y; z = Neg (y)",
        "Where (c, r, {})", "Where (c, r, r)", "exact"),
    "a rank less, for who knows whom": (
        "float[N,4] x", "int64[1] k = {1}", "t = Identity (x); Y; z = who.Knows (y); u = Relu (y)", "Unsqueeze ({}, k)", "Relu ({})", "exact"),
    "a rank less, of what cannot be made up": (
        "string[N,4] x", "int64[1] k = {1}", "t = Identity (x); Y; z = Transpose <perm = [2, 1, 0]> (y)",
        "Unsqueeze ({}, k)", "Transpose <perm = [1, 0]> ({})", "exact"),
    "a bound that only indices of long rows are beyond": (
        "float[N,M] p", "int64 lo = {0}, int64 hi = {5}", "x = ArgMax <axis = 1, keepdims = 0> (p); t = Identity (x); Y; z = Neg (y)",
        "Clip ({}, lo, hi)", "Max ({}, lo)", "exact"),
    "one row, and few are looked up": (
        "float[16,3] x, int64[N] i", TENTH, "t = Identity (x); Y; z = Gather (y, i)", "Add ({}, k)", "Sub ({}, k)", "exact"),
}


def picture(op, operand):
    return op.replace("{}", operand)


def rule(right, made, numerics):
    return (f"- rule: seeded\n  doc: wrong\n  numerics: {numerics}\n  before: |\n    t = Identity (x)\n    y = {picture(right, 't')}\n"
            f"  after: |\n    y = {picture(made, 'x')}\n" + ("  when: is_const(b)\n" if "(b" in made else ""))


def flat(call):
    """Nested calls as nodes of their own, as the text of a model wants them."""
    lines = []
    while call.count("(") > 1:
        end = call.index(")")
        start = call.rindex("(", 0, end)
        while start > 0 and call[start - 1] not in "(,":
            start -= 1
        lines.append(f"   v{len(lines)} = {call[start:end + 1].strip()}")
        call = call[:start] + f"v{len(lines) - 1}" + call[end + 1:]
    return "\n".join(lines + [f"   y = {call}"])


def model(row):
    """Of a row of either table."""
    inputs, constants = row[:2]
    nodes, (right, result) = (row[2], (row[3], "z")) if len(row) == 6 else ("t = Identity (x); Y", (row[2], "y"))
    consts = f"<{constants}>\n" if constants else ""
    body = nodes.replace("; ", "\n   ").replace("   Y", flat(picture(right, "t")))
    return f'<ir_version: 8, opset_import: ["" : 17]>\ng ({inputs}) => ({result})\n{consts}{{\n   {body}\n}}\n'


def run(tool, folder, row, made):
    right, _, numerics = row[-3:]
    (folder / "m.txt").write_text(model(row))
    (folder / "r.yaml").write_text(rule(right, made, numerics))
    done = subprocess.run([tool, "parse", folder / "m.txt", folder / "m.onnx"], capture_output=True, text=True)
    if done.returncode:
        return None, done.stderr + (folder / "m.txt").read_text()
    out = folder / "out.onnx"
    out.unlink(missing_ok=True)
    done = subprocess.run([tool, folder / "m.onnx", out, "--passes", "none," + str(folder / "r.yaml")], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr + ("" if out.exists() else "\nnothing written")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("names", nargs="*")
    o = p.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, row in [*ROWS.items(), *NETS.items()]:
            if o.names and name not in o.names:
                continue
            wrong, said = run(o.tool, Path(folder), row, row[-2])
            right, told = run(o.tool, Path(folder), row, row[-3])
            fine = wrong == 1 and "OX5002" in said and "nothing written" in said and not (name in NETS and "OX5005" in said)
            # a rule does not make Not of what it makes itself
            legal = right == 0 and ("1 rewrite" in told or row[-3].startswith("Not ("))
            if not fine or not legal:
                bad += 1
                print(f"{name}: " + ("" if fine else f"NOT FOUND (exit {wrong}): {said.strip()[-300:]}") + ("" if legal else f"  LEGAL TWIN exit {right}: {told.strip()[-300:]}"))
    print(f"{len(ROWS) + len(NETS)} wrong rewrites, {bad} not as they should be")
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
