#!/usr/bin/env python3
"""Chains of everything that passes shorten: the work must grow with the chain, not with its square.

    chains.py --tool build/onnxopt [--size 3000] [NAME...]

Each chain is built at SIZE / 2 and at SIZE nodes and optimized with the default pipeline. What
is counted is deterministic: attempts and rewrites of all passes, from the report; and bytes of
the heap. Each may grow by 2.3 at most. Time is printed, and must stay within 5 (a square
would need 4 times the time; machines are noisy, so the counters decide). Standard library only.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HEAD = '<ir_version: 8, opset_import: ["" : 17, "com.acme" : 1]>\n'
GROWS = 2.3                     # of counters, when the chain is twice as long
SLOWER = 5.0                    # of time, when it takes long enough to be measured
MEASURABLE = 0.15               # seconds


def text(inputs, consts, lines, out):
    body = "\n".join("   " + l for l in lines)
    return f"{HEAD}g ({inputs}) => ({out})\n<{consts}>\n{{\n{body}\n}}\n"


def unary(step, first="float[N,4] x", out="float[A,B] y", consts="float k = {2}"):
    """The same step again and again; {a} is what it reads, {y} what it makes, {i} its number."""
    def build(n):
        lines = []
        for i in range(n):
            lines.append(step(i).format(a="x" if i == 0 else f"v{i - 1}", y="y" if i == n - 1 else f"v{i}", i=i))
        return text(first, consts, lines, out)
    return build


def same(s, **k):
    return unary(lambda i: s, **k)


def turns(*s, **k):
    return unary(lambda i: s[i % len(s)], **k)


CHAINS = {
    "Identity": same("{y} = Identity ({a})"),
    "Dropout": same("{y} = Dropout ({a})"),
    "Relu": same("{y} = Relu ({a})"),
    "Neg": same("{y} = Neg ({a})"),
    "Abs": same("{y} = Abs ({a})"),
    "Not": same("{y} = Not ({a})", first="bool[N] x", out="bool[N] y"),
    "Transpose": turns("{y} = Transpose <perm = [1, 2, 0]> ({a})", first="float[N,M,4] x", out="float[A,B,C] y"),
    "Cast": turns("{y} = Cast <to = 11> ({a})", "{y} = Cast <to = 1> ({a})", out="float[N,4] y"),
    "Cast of ints": turns("{y} = Cast <to = 6> ({a})", "{y} = Cast <to = 7> ({a})", first="int64[N] x", out="int64[N] y"),
    "Reshape": turns("{y} = Reshape ({a}, s)", "{y} = Reshape ({a}, t)", consts="int64[2] s = {2, -1}, int64[2] t = {-1, 4}"),
    "Flatten": turns("{y} = Flatten <axis = 1> ({a})", "{y} = Flatten <axis = 0> ({a})"),
    "Unsqueeze, Squeeze": turns("{y} = Unsqueeze ({a}, k)", "{y} = Squeeze ({a}, k)", consts="int64[1] k = {1}"),
    "Unsqueeze, Squeeze elsewhere": turns("{y} = Unsqueeze ({a}, k)", "{y} = Squeeze ({a}, l)",
                                          first="float[N,1,4] x", out="float[A,B,C] y", consts="int64[1] k = {1}, int64[1] l = {2}"),
    "Slice": same("{y} = Slice ({a}, s, e)", consts="int64[1] s = {1}, int64[1] e = {9223372036854775807}"),
    "Slice of other axes": turns("{y} = Slice ({a}, s, e, s)", "{y} = Slice ({a}, s, e, z)",
                                 consts="int64[1] s = {1}, int64[1] z = {0}, int64[1] e = {9223372036854775807}"),
    "Add of constants": same("{y} = Add ({a}, k)"),
    "Sub of constants": same("{y} = Sub ({a}, k)"),
    "Mul of constants": turns("{y} = Mul ({a}, k)", "{y} = Div ({a}, k)"),
    "Add of int constants": same("{y} = Add ({a}, k)", first="int64[N] x", out="int64[N] y", consts="int64 k = {2}"),
    "Add of zero": same("{y} = Add ({a}, k)", consts="float k = {-0.0}"),
    "Mul of one": same("{y} = Mul ({a}, k)", consts="float k = {1}"),
    "Clip": turns("{y} = Clip ({a}, k, l)", "{y} = Clip ({a}, m, l)", consts="float k = {-2}, float l = {3}, float m = {-1}"),
    "Relu, Clip": turns("{y} = Clip ({a}, k, l)", "{y} = Relu ({a})", consts="float k = {-2}, float l = {3}"),
    "Max of constants": same("{y} = Max ({a}, k)"),
    "And": same("{y} = And ({a}, k)", first="bool[N] x", out="bool[N] y", consts="bool k = {1}"),
    "Concat": same("{y} = Concat <axis = 0> ({a}, x)"),
    "Concat, to the left": same("{y} = Concat <axis = 0> (x, {a})"),
    "Sum": same("{y} = Sum ({a}, x, x)"),
    "Max": same("{y} = Max ({a}, x)"),
    "Add": same("{y} = Add ({a}, x)"),
    "Expand": same("{y} = Expand ({a}, k)", consts="int64[2] k = {1, 4}"),
    "Tile": same("{y} = Tile ({a}, k)", consts="int64[2] k = {1, 1}"),
    "Pad": same("{y} = Pad ({a}, k)", consts="int64[4] k = {0, 1, 0, 0}"),
    "Where": same("{y} = Where (c, {a}, x)", first="float[N,4] x, bool[N,4] c"),
    "Where, the other way": same("{y} = Where (c, x, {a})", first="float[N,4] x, bool[N,4] c"),
    "Gather, Unsqueeze": turns("{y} = Gather <axis = 0> ({a}, k)", "{y} = Unsqueeze ({a}, l)",
                               consts="int64 k = {0}, int64[1] l = {0}"),
    "Conv and its bias": turns("{y} = Conv ({a}, w)", "{y} = Add ({a}, b)", first="float[N,2,H,W] x", out="float[A,B,C,D] y",
                               consts="float[2,2,1,1] w = {1, 2, 3, 4}, float[2,1,1] b = {1, 2}"),
    "Conv and Mul": turns("{y} = Conv ({a}, w)", "{y} = Mul ({a}, b)", first="float[N,2,H,W] x", out="float[A,B,C,D] y",
                          consts="float[2,2,1,1] w = {1, 2, 3, 4}, float[2,1,1] b = {1, 2}"),
    "BatchNormalization": same("{y} = BatchNormalization ({a}, k, k, k, k)", first="float[N,2,H] x", out="float[A,B,C] y",
                               consts="float[2] k = {1, 2}"),
    "MatMul, Add": turns("{y} = MatMul ({a}, w)", "{y} = Add ({a}, b)", first="float[N,2] x", out="float[A,B] y",
                         consts="float[2,2] w = {1, 2, 3, 4}, float[2] b = {1, 2}"),
    "Gemm": same("{y} = Gemm ({a}, w, b)", first="float[N,2] x", out="float[A,B] y",
                 consts="float[2,2] w = {1, 2, 3, 4}, float[2] b = {1, 2}"),
    "Q, DQ": turns("{y} = QuantizeLinear ({a}, s, z)", "{y} = DequantizeLinear ({a}, s, z)",
                   consts="float s = {0.5}, uint8 z = {7}"),
    "of a foreign domain": same("{y} = com.acme.Step ({a})"),
}


def shapes(n):
    """Reshape to the shape of what came before, as exporters write it."""
    lines, a = [], "x"
    for i in range(n // 3):
        lines += [f"s{i} = Shape ({a})", f"r{i} = Relu ({a})", f"v{i} = Reshape (r{i}, s{i})"]
        a = f"v{i}"
    return text("float[N,4] x", "float k = {2}", lines + [f"y = Neg ({a})"], "float[A,B] y")


CHAINS["Shape, Relu, Reshape"] = shapes


def measure(tool, build, n, folder):
    (folder / "m.txt").write_text(build(n))
    subprocess.run([tool, "parse", folder / "m.txt", folder / "m.onnx"], check=True)
    began = time.monotonic()
    done = subprocess.run([tool, folder / "m.onnx", folder / "o.onnx", "-q", "--check", "off", "--report", f"{folder}/r.json"],
                          capture_output=True, text=True)
    took = time.monotonic() - began
    if done.returncode:
        sys.exit(f"chains: {done.stderr}")
    r = json.loads((folder / "r.json").read_text())
    return {
        "attempts": sum(p["attempts"] for p in r["run"]["passes"]),
        "rewrites": sum(p["rewrites"] for p in r["run"]["passes"]),
        "heap": r["peak_heap_bytes"],
        "seconds": took,
        "nodes": r["after"]["nodes"],
    }


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--size", type=int, default=3000)
    p.add_argument("names", nargs="*")
    o = p.parse_args()
    failed = 0
    print(f"{'chain':30} {'left':>6} {'attempts per node':>18} {'growth':>7} {'rewrites':>9} {'heap':>6} {'s':>6}")
    with tempfile.TemporaryDirectory() as folder:
        for name, build in CHAINS.items():
            if o.names and name not in o.names:
                continue
            half, full = (measure(o.tool, build, n, Path(folder)) for n in (o.size // 2, o.size))
            grows = {k: full[k] / max(half[k], 1) for k in ("attempts", "rewrites", "heap")}
            bad = [k for k in grows if grows[k] > GROWS]
            if full["seconds"] > MEASURABLE and full["seconds"] > SLOWER * half["seconds"]:
                bad.append("seconds")
            failed += bool(bad)
            print(f"{name:30} {full['nodes']:6} {full['attempts'] / o.size:18.1f} {grows['attempts']:7.2f} {grows['rewrites']:9.2f}"
                  f" {grows['heap']:6.2f} {full['seconds']:6.2f}" + ("   NOT LINEAR: " + ", ".join(bad) if bad else ""))
    print(f"{failed} not linear" if failed else "all linear")
    sys.exit(failed > 0)


main()
