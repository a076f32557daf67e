"""Deep networks: what windows see, and what a whole model can still tell.

    python3 tests/cross/deep.py [--tool build/onnxopt] [--quick]

Residual networks of 12, 24 and 48 layers, `x = x + W2 gelu(W1 norm(x) * s + b1) + b2`, with layer
normalization and exact GELU as exporters write them, and weights of three sizes. Each gets

    legit      what the default pipeline does: norms and GELUs fused, scales folded into weights
    epsilon    1e-3 for 1e-5 in one norm
    tanh       GELU by tanh in one layer
    bias       one bias lost
    channel    1e-4 taken from one channel of one bias

The wrong ones are rules that fire at one node in the middle. `windows` is what the checks of
rewrites say, `whole` what `onnxopt verify` says of the result written without them, with the share
of the bound that is used. The first must be right everywhere; the second is not always (the
deviation drowns in what rounding does), and stands here to show where. Exit 1 otherwise.

Needs onnx and numpy; not part of `make test`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

ROOT = Path(__file__).resolve().parents[2]
ROWS = [(12, "small", 0.5), (24, "small", 0.5), (24, "large", 3), (48, "small", 0.5), (48, "very large", 6)]
WIDTH, HIDDEN, BATCH = 128, 256, 8

WRONG = {
    "epsilon": ("s = Add (Identity (v), e)", "s = Add (v, 0.001)", "const_rounding", "rank(e) == 0"),
    "tanh": ("t = Identity (x)\n    y = Mul (Mul (t, Add (Erf (Div (t, _)), 1.0)), 0.5)", 'y = Gelu <approximate = "tanh"> (x)',
             "reassoc", "rank(x) == 2"),
    "bias": ("y = Add (Identity (x), b)", "y = x", "const_rounding", "is_const(b)"),
    "channel": ("y = Add (Identity (x), b)", "y = Add (x, Min (b, 0.9999))", "const_rounding", "is_const(b)"),
}
MARKS = {"epsilon": "norm", "tanh": "gelu", "bias": "bias", "channel": "bias"}


class Network:
    """Layer after layer; the place `mark` of the middle one gets an Identity."""

    def __init__(self, layers, gain, mark, seed=0):
        self.random, self.gain, self.nodes, self.weights, self.n = np.random.default_rng(seed), gain, [], [], 0
        self.constant("sqrt2", np.float32(np.sqrt(2))), self.constant("one", np.float32(1)), self.constant("half", np.float32(0.5))
        self.constant("two", np.float32(2)), self.constant("eps", np.float32(1e-5))
        x = "x"
        for layer in range(layers):
            self.mark = mark if layer == layers // 2 else None
            x = self.layer(x)
        self.nodes[-1].output[0] = "y"

    def constant(self, name, value):
        self.weights.append(numpy_helper.from_array(np.asarray(value, np.float32), name))
        return name

    def weight(self, *shape):
        self.n += 1
        scale = self.gain / np.sqrt(shape[0]) if len(shape) > 1 else 0.1
        return self.constant(f"w{self.n}", self.random.standard_normal(shape) * scale)

    def op(self, kind, *operands, **attributes):
        self.n += 1
        self.nodes.append(helper.make_node(kind, operands, [f"v{self.n}"], **attributes))
        return f"v{self.n}"

    def marked(self, place, x):
        return self.op("Identity", x) if self.mark == place else x

    def norm(self, x):
        d = self.op("Sub", x, self.op("ReduceMean", x, "last", keepdims=1))
        v = self.op("ReduceMean", self.op("Pow", d, "two"), "last", keepdims=1)
        q = self.op("Div", d, self.op("Sqrt", self.op("Add", self.marked("norm", v), "eps")))
        return self.op("Add", self.op("Mul", q, self.constant(f"g{self.n}", 1 + 0.1 * self.random.standard_normal(WIDTH))), self.weight(WIDTH))

    def gelu(self, x):
        x = self.marked("gelu", x)
        return self.op("Mul", self.op("Mul", x, self.op("Add", self.op("Erf", self.op("Div", x, "sqrt2")), "one")), "half")

    def layer(self, x):
        h = self.op("MatMul", self.norm(x), self.weight(WIDTH, HIDDEN))
        h = self.op("Mul", h, self.constant(f"s{self.n}", np.exp(0.2 * self.random.standard_normal(HIDDEN))))
        bias = 0.1 * self.random.standard_normal(HIDDEN)
        bias[0] = 1                   # the largest, by which the rule finds it
        h = self.gelu(self.op("Add", self.marked("bias", h), self.constant(f"b{self.n}", bias)))
        return self.op("Add", x, self.op("Add", self.op("MatMul", h, self.weight(HIDDEN, WIDTH)), self.weight(WIDTH)))

    def save(self, path):
        last = helper.make_tensor("last", TensorProto.INT64, [1], [-1])
        ports = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [BATCH, WIDTH]) for n in "xy"]
        graph = helper.make_graph(self.nodes, "deep", ports[:1], ports[1:], [*self.weights, last])
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9), path)


def rule_of(name):
    before, after, numerics, guard = WRONG[name]
    return f"- rule: wrong\n  doc: wrong\n  numerics: {numerics}\n  before: |\n    {before}\n  when: {guard}\n  after: |\n    {after}\n"


class Judge:
    def __init__(self, tool, folder):
        self.tool, self.folder = tool, Path(folder)

    def call(self, *words):
        return subprocess.run([self.tool, *map(str, words)], capture_output=True, text=True)

    def whole(self, model, out):
        """Does verify take it, and what share of the bound is used?"""
        r = self.call("verify", model, out, "--json")
        return r.returncode == 0, json.loads(r.stdout)["outputs"][0]["of_bound"]

    def look(self, model, passes):
        """Windows: passed, found, or what else; and the whole model."""
        out = self.folder / "out.onnx"
        out.unlink(missing_ok=True)
        r = self.call(model, out, "--passes", passes, "-q")
        found = r.returncode == 1 and "OX5002" in r.stderr and not out.exists()
        windows = "passed" if r.returncode == 0 else "found" if found else f"exit {r.returncode}"
        r = self.call(model, out, "--passes", passes, "-q", "--check", "off")
        if r.returncode:
            return windows, None, r.stderr.strip()[:200]
        return windows, *self.whole(model, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=str(ROOT / "build/onnxopt"))
    parser.add_argument("--quick", action="store_true", help="the first row")
    options = parser.parse_args()
    bad = 0
    print(f"{'layers':>6} {'weights':10} {'rewrite':8} {'windows':8} {'whole':8} of bound")
    with tempfile.TemporaryDirectory() as folder:
        judge = Judge(options.tool, folder)
        model, rules = Path(folder) / "deep.onnx", Path(folder) / "wrong.yaml"
        for layers, size, gain in ROWS[:1] if options.quick else ROWS:
            for name in ("legit", *WRONG):
                Network(layers, gain, MARKS.get(name)).save(model)
                if name != "legit":
                    rules.write_text(rule_of(name))
                windows, same, share = judge.look(model, "default" if name == "legit" else rules)
                right = (windows == "passed" and same) if name == "legit" else windows == "found"
                bad += not right
                print(f"{layers:6} {size:10} {name:8} {windows:8} {'?' if same is None else 'same' if same else 'differs':8} {share if isinstance(share, str) else f'{share:.2g}'}"
                      f"{'' if right else '   WRONG'}", flush=True)
    print(f"{bad} wrong")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
