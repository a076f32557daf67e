"""Counts nodes after the default pipeline, beside the best peer's (see ../shared/judge).

    python3 tests/cross/peers.py [--tool build/onnxopt] [--passes default] [--expanded] [MODEL...]

Counted as the judge counts `nodes_noconst`: all scopes, the body of each function once,
without Constants; or, expanded, `nodes_expanded`: a function once per call. A peer counts where the judge found its output valid and equal, with no
domain of operators that the input lacks, and where it left the interface alone, if the input
lists initializers as inputs at IR >= 4. ONNX Runtime's extended level, whose fused operators
run nowhere else, is looked at apart. Nothing is run on numbers here: that is `make judge`.

Needs onnx; not part of `make test`.
"""

import argparse
import json
import multiprocessing
import subprocess
import sys
import tempfile
from pathlib import Path

import onnx

SHARED = Path(__file__).resolve().parents[3] / "shared"
GOOD = ("bit-exact", "close")
RUNS_NOWHERE_ELSE = "ort_extended"


def graphs_of(node):
    for a in node.attribute:
        if a.HasField("g"):
            yield a.g
        yield from a.graphs


def nodes_in(body):
    """In all scopes, Constants aside. A model nests deeper than Python likes to recurse."""
    waiting = [body]
    while waiting:
        for n in waiting.pop().node:
            if n.op_type != "Constant" or n.domain not in ("", "ai.onnx"):
                yield n
            waiting.extend(graphs_of(n))


def key(f, name):
    return f.domain, name, f.overload


def count(model, expanded):
    """Functions call each other in any order: sizes are summed until they stand."""
    if not expanded:
        return sum(1 for body in (model.graph, *model.functions) for _ in nodes_in(body))
    size = {key(f, f.name): 0 for f in model.functions}
    for _ in range(len(size) + 1):
        before = dict(size)
        for f in model.functions:
            size[key(f, f.name)] = sum(size.get(key(n, n.op_type), 1) for n in nodes_in(f))
        if size == before:
            break
    return sum(size.get(key(n, n.op_type), 1) for n in nodes_in(model.graph))


def nodes_after(job):
    model, options = job
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out.onnx"
        ran = subprocess.run([options.tool, model, out, "--passes", options.passes, "-q"],
                             capture_output=True, text=True)
        if ran.returncode:
            return None
        return count(onnx.load(out, load_external_data=False), options.expanded)


def counts(result, source):
    """Is a peer's result equal to the input, interface included?"""
    left_alone = "dropped-init-inputs" not in result.get("interface", "same")
    return result["verdict"] in GOOD and (left_alone or source["ir"] < 4)


def best_peer(record, metric, portable):
    """(nodes, name) of the peer with the fewest, or None."""
    return min(((r[metric], name) for name, r in record["tools"].items()
                if counts(r, record["input"]) and not (portable and name == RUNS_NOWHERE_ELSE)
                and (name == RUNS_NOWHERE_ELSE or not r.get("domains_added"))), default=None)


def print_table(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        print("  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                        for i, (c, w) in enumerate(zip(r, widths))).rstrip())


def row(name, before, ours, bests):
    cells = [name, str(before), "failed" if ours is None else str(ours)]
    for best in bests:
        cells += ["none", "", ""] if best is None else [
            str(best[0]), best[1], "" if ours is None else f"{ours - best[0]:+d}"]
    return cells


def print_score(title, records, ours, best):
    compared = [m for m in records if best[m]]
    behind = [m for m in compared if ours[m] is None or ours[m] > best[m][0]]
    n = len(compared) - len(behind)
    print(f"\n{title}: at or below the best peer on {n} of {len(compared)} ({n / len(compared):.1%})")
    behind.sort(key=lambda m: best[m][0] - (ours[m] or sys.maxsize))
    print_table([["behind on", "ours", "peer's", "", "by"]] + [
        [m, str(ours[m]), str(best[m][0]), best[m][1], str((ours[m] or 0) - best[m][0])] for m in behind])


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--passes", default="default")
    p.add_argument("--expanded", action="store_true")
    p.add_argument("--models", type=Path, default=SHARED / "models")
    p.add_argument("--baselines", type=Path, default=SHARED / "judge" / "baselines.jsonl")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("only", nargs="*", help="parts of names of models")
    options = p.parse_args()
    metric = "nodes_expanded" if options.expanded else "nodes_noconst"
    records = {r["model"]: r for r in map(json.loads, options.baselines.open()) if "model" in r}
    records = {m: r for m, r in records.items() if not options.only or any(o in m for o in options.only)}
    with multiprocessing.Pool(options.jobs) as pool:
        jobs = [(options.models / m, options) for m in records]
        ours = dict(zip(records, pool.map(nodes_after, jobs, chunksize=1)))
    portable = {m: best_peer(r, metric, True) for m, r in records.items()}
    any_peer = {m: best_peer(r, metric, False) for m, r in records.items()}
    title = ["model", "in", "ours", "peer's", "best peer", "", "peer's", "or with " + RUNS_NOWHERE_ELSE, ""]
    print_table([title] + [row(m, r["input"][metric], ours[m], (portable[m], any_peer[m])) for m, r in records.items()])
    print_score("without " + RUNS_NOWHERE_ELSE, records, ours, portable)
    print_score("with " + RUNS_NOWHERE_ELSE, records, ours, any_peer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
