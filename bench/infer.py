#!/usr/bin/env python3
"""What inference costs: per node, as models grow, and after one edit.

    bench/infer.py --program build/bench/infer_time

Chains of 23,500 and 235,000 nodes: at most 600 ns of CPU time per node, ten times the nodes
at most 12 times the time. After an edit in the middle of 200,000 nodes at most 20 us (the
median of 1,000 edits; most of those are local). The least of several runs counts: the
machine may be shared. --check: exit 1 if one of these is missed. Standard library only.
"""
import argparse
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "gen"))
import big  # noqa: E402

SIZES = [23_500, 200_000, 235_000]


def measure(program, path):
    """nodes, ns per node, us after an edit: median, 99 %, most, visits per edit."""
    done = subprocess.run([program, path], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program}: status {done.returncode}\n{done.stderr}")
    return [float(x) for x in done.stdout.split()]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--program", default="build/bench/infer_time")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--check", action="store_true")
    args = p.parse_args()
    best = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in SIZES:
            path = os.path.join(folder, f"{n}.onnx")
            big.chain(n, path)
            rows = [measure(args.program, path) for _ in range(args.runs)]
            best[n] = [min(column) for column in zip(*rows)]
    print(f"{'nodes':>8}{'ns/node':>9}{'ms':>8}   after an edit, us: {'median':>7}{'99 %':>7}{'most':>8}{'visits':>8}")
    for n, (nodes, each, median, most_99, most, visits) in best.items():
        print(f"{nodes:8.0f}{each:9.0f}{each * nodes / 1e6:8.1f}{'':22}{median:7.2f}{most_99:7.2f}{most:8.1f}{visits:8.2f}")
    grown = best[235_000][1] * best[235_000][0] / (best[23_500][1] * best[23_500][0])
    print(f"10 times the nodes: {grown:.2f} times the time")
    missed = [text for text, is_met in (
        ("600 ns per node", best[235_000][1] <= 600), ("12 times the time", grown <= 12),
        ("20 us after an edit", best[200_000][2] <= 20)) if not is_met]
    print("missed: " + ", ".join(missed) if missed else "all targets met")
    return args.check and bool(missed)


if __name__ == "__main__":
    sys.exit(main())
