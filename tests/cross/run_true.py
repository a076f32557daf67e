#!/usr/bin/env python3
"""Whole models: what `onnxopt run` computes beside ONNX Runtime without optimisation.

    run_true.py --tool build/onnxopt [--lens native] FOLDER|MODEL...

Each model at up to three assignments of its free dims and two seeds of inputs, as the judge
makes them (../shared/judge; without it as the sweep does). An output counts as equal by the
judge's criterion: relative to its largest magnitude, floor 1e-4, twenty times what ONNX Runtime's
own optimizer changes; ties may move. Printed are models that differ, that needed more than 1e-4, and
nodes that could not be evaluated. Exit 1 if anything differs or could not be evaluated.
"""
import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import numpy_helper

import infer_true
import inferred

SIZES, SEEDS = 3, 2
FLOOR = 1e-4


def session_of(path, level):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def message(value):
    if isinstance(value, list):
        return numpy_helper.from_list(value)
    return numpy_helper.from_array(np.asarray(value))


def ours(tool, path, names, feeds, lens, folder):
    """(outputs or None each, seconds, what went wrong)"""
    data, out = folder / "in", folder / "out"
    data.mkdir(exist_ok=True)
    argv = [tool, "run", str(path), "--lens", lens, "-o", str(out), "--json"]
    for i, (name, value) in enumerate(feeds.items()):
        file = data / f"input_{i}.pb"
        file.write_bytes(message(value).SerializeToString())
        argv += ["--inputs", f"{name}:{file}"]
    for old in out.glob("*"):
        old.unlink()
    run = subprocess.run(argv, capture_output=True, text=True, timeout=600)
    try:
        told = json.loads(run.stdout)
    except ValueError:
        return None, 0, f"exit {run.returncode}: {run.stderr.strip()[-200:]}"
    why = "; ".join(f"{o['name']}: {o['why']}" for o in told["outputs"] if o.get("why"))
    values = []
    for i, declared in enumerate(names):
        file = out / f"output_{i}.pb"
        values.append(infer_true.read_proto(file, declared.type) if file.exists() else None)
    return values, told["seconds"], why


def work(item):
    path, tool, lens, seconds = item
    result = {"runs": 0, "lines": [], "worst": 0.0, "seconds": 0.0, "theirs": 0.0}
    model = inferred.load(path, external=False)
    try:
        plain = session_of(path, "ORT_DISABLE_ALL")
    except Exception as e:
        return result | {"skipped": inferred.one_line(str(e))}
    names = list(model.graph.output)
    maker = infer_true.Maker(model, path, plain)
    end = time.monotonic() + seconds
    accepted = []
    tuned = None
    with tempfile.TemporaryDirectory() as folder:
        for sizes in maker.sizes(accepted):
            if len(accepted) >= SIZES or time.monotonic() > end:
                break
            for ints in infer_true.INT_RANGES:
                try:
                    feeds = [maker.feeds(sizes, ints, seed) for seed in range(SEEDS)]
                    start = time.monotonic()
                    want = [plain.run(None, f) for f in feeds]
                    result["theirs"] += time.monotonic() - start
                    break
                except Exception:
                    continue
            else:
                continue
            accepted.append(sizes)
            for f, w in zip(feeds, want):
                got, spent, why = ours(tool, path, names, f, lens, pathlib.Path(folder))
                result["runs"] += 1
                result["seconds"] += spent
                if why:
                    result["lines"].append(f"{sizes}: {why}")
                for i, value in enumerate(w):
                    if got is None or got[i] is None:
                        continue
                    d = infer_true.judge.difference(value, got[i])
                    result["worst"] = max(result["worst"], d["err"])
                    verdict = infer_true.judge.judge_output(d, None, True)
                    if verdict.startswith("MISMATCH"):
                        if tuned is None:
                            tuned = session_of(path, "ORT_ENABLE_ALL")
                        noise = infer_true.judge.difference(value, tuned.run(None, f)[i])
                        verdict = infer_true.judge.judge_output(d, noise, True)
                    if verdict.startswith("MISMATCH"):
                        result["lines"].append(f"{sizes} output {i} '{names[i].name}': {verdict}")
    return result if result["runs"] else result | {"skipped": "ONNX Runtime runs it on no input that was tried"}


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--tool", required=True)
    p.add_argument("--lens", default="exact")
    p.add_argument("--seconds", type=float, default=120, help="for one model")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--judge", type=pathlib.Path, default=pathlib.Path("../shared/judge"))
    p.add_argument("folders", nargs="+", type=pathlib.Path)
    args = p.parse_args()
    paths = list(inferred.models_in(args.folders))
    infer_true.use_judge(args.judge, paths)
    items = [(path, args.tool, args.lens, args.seconds) for path in paths]
    count, bad, start = collections.Counter(), 0, time.monotonic()
    total = {"seconds": 0.0, "theirs": 0.0}
    for (path, *_), r, problem in inferred.in_children(work, items, jobs=args.jobs, seconds=args.seconds * 4):
        r = r or {"lines": [problem], "worst": 0, "runs": 0, "seconds": 0, "theirs": 0}
        count["run" if r["runs"] else "not run"] += 1
        count["runs"] += r["runs"]
        for k in total:
            total[k] += r[k]
        if r.get("skipped"):
            print(f"{path.name}: not compared: {r['skipped']}")
        elif r["lines"]:
            bad += 1
            print(f"{path.name}: {len(r['lines'])} of {r['runs']} runs")
            for line in r["lines"][:3]:
                print(f"    {line}")
        elif r["worst"] > FLOOR:
            print(f"{path.name}: equal, largest error {r['worst']:.1e}")
    print(f"{len(paths)} models, {count['run']} run, {count['runs']} runs, {bad} with differences or without a result; "
          f"ours {total['seconds']:.1f} s, ONNX Runtime {total['theirs']:.1f} s, all {time.monotonic() - start:.0f} s")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
