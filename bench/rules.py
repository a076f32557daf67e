#!/usr/bin/env python3
"""What many rules cost: a model beside 100 and beside 1,000 rules that never match.

    bench/rules.py --tool build/onnxopt [--check] [--nodes 23500]

The rules' pictures are three nodes deep, of operators drawn from all that have one result and
one or two operands, so that their last nodes are spread as rules are and their middles are there
now and then. They are found by the operator of their last node and by what makes its operands:
ten times the rules should cost less than twice the time. --check fails otherwise.
"""
import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "cli"))
import onnxbytes as ob  # noqa: E402

# of the model: what exported networks consist of
COMMON = ["Add", "Mul", "Sub", "Relu", "Sigmoid", "Tanh", "Neg", "Abs", "Sqrt", "Exp", "MatMul", "Div"]
BINARY = {"Add", "Mul", "Sub", "MatMul", "Div"}


def operators(tool):
    """Operators of ONNX with one result, one or two operands and no attribute that must be there."""
    out = subprocess.run([tool, "ops", "--json"], check=True, capture_output=True).stdout
    for op in json.loads(out)["ops"]:
        v = next((v for v in reversed(op["versions"]) if v["since"] <= 17), None)
        if op["domain"] or not v or v.get("deprecated") or v["min_out"] != 1 or v["max_out"] != 1:
            continue
        if v["min_in"] == v["max_in"] and 1 <= v["min_in"] <= 2 and not any(a["required"] for a in v["attributes"]):
            yield op["name"], v["min_in"]


def rules_text(tool, n, seed=0):
    """n different rules, the first of them those that fewer have."""
    rng = random.Random(seed)
    ops = sorted(operators(tool))
    arity, names, seen, text = dict(ops), [o for o, _ in ops], set(), []

    def call(op, operand, other):
        return f"{op} ({operand}{', ' + other if arity[op] == 2 else ''})"
    while len(text) < n:
        three = tuple(rng.choice(names) for _ in range(3))
        if three in seen:
            continue
        seen.add(three)
        a, b, c = three
        text.append(f"- rule: bench_{len(text)}\n  doc: never\n  numerics: exact\n  before: |\n"
                    f"    a = {call(a, 'x', 'u')}\n    b = {call(b, 'a', 'v')}\n    y = {call(c, 'b', 'w')}\n"
                    f"  when: rank(x) == 99\n  after: |\n    y = Identity (x)\n")
    return "".join(text)


def model(nodes, seed=0):
    """Layers of common operators, each over results not far above."""
    rng = random.Random(seed)
    values, made = ["x"], []
    for i in range(nodes):
        op = rng.choice(COMMON)
        operands = [rng.choice(values[-8:]) for _ in range(2 if op in BINARY else 1)]
        values.append(f"v{i}")
        made.append(ob.node(op, operands, [values[-1]]))
    # all that nobody read is summed up, so that nothing is dead
    made.append(ob.node("Sum", values[-8:], ["y"]))
    return ob.model(ob.graph(made, [ob.value("x", [8, 8])], [ob.value("y", [8, 8])]))


def cost(tool, path, rules, folder, runs):
    """Seconds of the processor, the least of some runs; attempts of all passes."""
    best, report = None, os.path.join(folder, "r.json")
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
        subprocess.run([tool, path, os.path.join(folder, "o.onnx"), "-q", "--check", "off", "--no-config", "--rules", rules, "--report",
                        report], check=True)
        took = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
        best = took if best is None else min(best, took)
    with open(report) as f:
        return best, json.load(f)["run"]["attempts"]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", required=True)
    p.add_argument("--nodes", type=int, default=23500)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--check", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        path = os.path.join(d, "m.onnx")
        with open(path, "wb") as f:
            f.write(model(a.nodes))
        costs = {}
        for n in (1, 100, 1000):
            rules = os.path.join(d, f"{n}.yaml")
            with open(rules, "w") as f:
                f.write(rules_text(a.tool, n))
            costs[n] = cost(a.tool, path, rules, d, a.runs)
            print(f"{n:5} rules  {costs[n][0]:.3f} s  {costs[n][1] / a.nodes:.1f} attempts per node", flush=True)
    times, attempts = costs[1000][0] / costs[100][0], costs[1000][1] / costs[100][1]
    print(f"1,000 beside 100: {times:.2f} times the time, {attempts:.2f} times the attempts")
    return 1 if a.check and (times >= 2 or attempts >= 2) else 0


if __name__ == "__main__":
    sys.exit(main())
