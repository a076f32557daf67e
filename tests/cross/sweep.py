"""Runs the tool over models and asks others whether it did right.

    python3 tests/cross/sweep.py [--tool build/onnxopt] [--passes default] MODEL_OR_FOLDER...

For each model: the tool ends well; onnx.checker takes the output if it took the input; the
interface is the same; no more nodes (a function counted once per call) and no more bytes
than before, plus 1 %; running on the output changes nothing; ONNX Runtime, without its own
optimizations, computes the same from both. That is bit for bit, but where it has another
kernel for a weight that is plainly constant (the row then says "close").

Needs onnx, onnxruntime and numpy; not part of `make test`.
"""

import argparse
import multiprocessing
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx

MEMORY = 6 << 30
BODY_OPS = {"If", "Loop", "Scan", "SequenceMap"}


# --- looking at models ----------------------------------------------------------------------


def graphs_of(node):
    for a in node.attribute:
        if a.type == onnx.AttributeProto.GRAPH:
            yield a.g
        yield from a.graphs


def count(nodes, functions, memo):
    """Nodes in all scopes, Constant nodes aside, a call as the nodes of its function."""
    total = 0
    for n in nodes:
        key = ("" if n.domain == "ai.onnx" else n.domain, n.op_type, getattr(n, "overload", ""))
        if key in functions:
            if key not in memo:
                memo[key] = 0  # a recursive one counts as nothing
                memo[key] = count(functions[key].node, functions, memo)
            total += memo[key]
        elif n.op_type != "Constant":
            total += 1
        for g in graphs_of(n):
            total += count(g.node, functions, memo)
    return total


def expanded_nodes(model):
    functions = {(f.domain, f.name, getattr(f, "overload", "")): f for f in model.functions}
    return count(model.graph.node, functions, {})


def size_of(path):
    """With external files, each counted once."""
    total = os.path.getsize(path)
    model = onnx.load(path, load_external_data=False)
    files = {e.value for t in model.graph.initializer for e in t.external_data if e.key == "location"}
    return total + sum(os.path.getsize(path.parent / f) for f in files if (path.parent / f).exists())


def is_accepted(path):
    try:
        onnx.checker.check_model(str(path))
        return True
    except Exception:
        return False


def interface(model):
    weights = {t.name for t in model.graph.initializer} if model.ir_version <= 4 else set()
    inputs = [v.SerializeToString() for v in model.graph.input if v.name not in weights]
    return inputs, [v.SerializeToString() for v in model.graph.output], [
        (o.domain, o.version) for o in model.opset_import]


# --- running them ---------------------------------------------------------------------------


def sizes_to_try(symbols):
    primes = (2, 3, 5, 7, 11, 13)
    yield {s: primes[i % 6] for i, s in enumerate(symbols)}
    for n in (1, 2, 4, 8, 32, 64, 224, 320):
        yield {s: n for s in symbols}
        yield {s: 1 if i == 0 or re.search("batch", s, re.I) else n for i, s in enumerate(symbols)}


def feeds(inputs, sizes, high, seed):
    rng = np.random.default_rng(seed)
    made = {}
    for v in inputs:
        kind = re.match(r"tensor\((\w+)\)", v.type)
        if not kind:
            raise ValueError(f"input {v.name} is a {v.type}")
        shape = [d if isinstance(d, int) and d >= 0 else sizes[f"{v.name}.{i}" if not isinstance(d, str) else d]
                 for i, d in enumerate(v.shape)]
        kind = kind[1]
        if kind in ("float", "double", "float16"):
            made[v.name] = rng.standard_normal(shape).astype({"float": "f4", "double": "f8", "float16": "f2"}[kind])
        elif kind == "bool":
            made[v.name] = rng.random(shape) < 0.5
        elif kind == "string":
            made[v.name] = rng.choice(np.array(["a", "bc"], object), shape)
        else:
            low = 1 if "mask" in v.name or "len" in v.name else 0
            made[v.name] = np.asarray(rng.integers(low, max(high, low + 1), shape)).astype(kind)
        if v.name == "sr":
            made[v.name] = np.full(shape, 16000, kind)
    return made


def open_session(path):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def symbols_of(inputs):
    found = {}
    for v in inputs:
        for i, d in enumerate(v.shape):
            if not isinstance(d, int) or d < 0:
                found[d if isinstance(d, str) else f"{v.name}.{i}"] = None
    return list(found)


def flat(value):
    if isinstance(value, (list, tuple)):
        return [y for x in value for y in flat(x)]
    if isinstance(value, dict):
        return [y for k in sorted(value) for y in [k, *flat(value[k])]]
    return [value]


def distance(a, b):
    """0: equal in every bit (NaNs by place); else the greatest difference, relative to the
    greatest magnitude; infinity if the two cannot be compared."""
    a, b = flat(a), flat(b)
    if len(a) != len(b):
        return np.inf
    worst = 0.0
    for x, y in zip(a, b):
        if not isinstance(x, np.ndarray):
            worst = max(worst, 0 if x == y else np.inf)
        elif x.dtype != y.dtype or x.shape != y.shape:
            return np.inf
        elif x.dtype.kind != "f":
            worst = max(worst, 0 if (x == y).all() else np.inf)
        elif x.tobytes() != y.tobytes() and not np.array_equal(x, y, equal_nan=True):
            x, y = x.astype("f8"), y.astype("f8")
            if not np.array_equal(np.isfinite(x), np.isfinite(y)):
                return np.inf
            finite = np.isfinite(x)
            worst = max(worst, np.abs(x - y)[finite].max() / max(np.abs(x)[finite].max(), 1e-30))
    return worst


def compare(before, after, samples=2):
    """What ONNX Runtime says: "same", or why not."""
    try:
        one = open_session(before)
    except Exception as e:
        return "unrunnable: " + str(e).splitlines()[0][:100]
    inputs = one.get_inputs()
    problem = "no inputs tried"
    for high in (2, 50, 1):
        for sizes in sizes_to_try(symbols_of(inputs)):
            try:
                want = [one.run(None, feeds(inputs, sizes, high, seed)) for seed in range(samples)]
            except Exception as e:
                problem = str(e).splitlines()[0][:100]
                continue
            if distance(want[0], one.run(None, feeds(inputs, sizes, high, 0))):
                return "random"
            outputs, one = one.get_outputs(), None  # its memory may be needed
            two = open_session(after)
            worst = 0
            for seed in range(samples):
                try:
                    got = two.run(None, feeds(inputs, sizes, high, seed))
                except Exception as e:
                    if "allocate" in str(e):
                        return "out of memory"
                    raise
                for o, x, y in zip(outputs, want[seed], got):
                    d = distance(x, y)
                    worst = max(worst, d)
                    if d > (5e-3 if "16" in o.type else 1e-5):
                        return f"DIFFERS: {o.name} by {d:.2g} at {sizes}"
            return f"close, {worst:.2g}" if worst else "same"
    return "unrunnable: " + problem


def child(pipe, before, after):
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        pipe.send(compare(before, after))
    except Exception as e:
        pipe.send("FAILED: " + str(e).splitlines()[0][:160])


def compare_apart(before, after, seconds):
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=child, args=(there, before, after))
    process.start()
    answer = here.recv() if here.poll(seconds) else "no answer in time"
    process.kill()
    process.join()
    return answer


# --- one model -------------------------------------------------------------------------------


def is_readable(path):
    try:
        onnx.load(path, load_external_data=False)
    except Exception:  # of several libraries
        return False
    return True


def run_tool(tool, before, after, passes):
    start = time.monotonic()
    p = subprocess.run([tool, str(before), str(after), "--passes", passes, "-q"], capture_output=True, text=True, timeout=300)
    return p.returncode, p.stderr.strip(), time.monotonic() - start


def sweep(tool, path, passes, folder, numerics, seconds):
    faults = []
    # Beside external data, so that both find it.
    beside = any(path.parent.glob("*.bin")) and b".bin" in path.read_bytes()
    after = (path.parent if beside and os.access(path.parent, os.W_OK) else folder) / f".sweep_{path.stem}.onnx"
    again = after.with_name(after.stem + "_2.onnx")
    try:
        code, text, took = run_tool(tool, path, after, passes)
        if code == 3 and not is_readable(path):
            return [], "refused, as the onnx package does"
        if code:
            return [f"exit {code}: {text[:200]}"], ""
        code, text, _ = run_tool(tool, after, again, passes)
        if code:
            faults.append(f"exit {code} on its own output: {text[:200]}")
        elif after.read_bytes() != again.read_bytes():
            faults.append("running again changes the output")
        a, b = (onnx.load(p, load_external_data=False) for p in (path, after))
        if is_accepted(path) and not is_accepted(after):
            faults.append("onnx.checker refuses the output")
        if interface(a) != interface(b):
            faults.append("the interface differs")
        nodes, bytes_ = (expanded_nodes(a), expanded_nodes(b)), (size_of(path), size_of(after))
        if nodes[1] > nodes[0]:
            faults.append("more nodes")
        if bytes_[1] > bytes_[0] * 1.01:
            faults.append("more bytes")
        answer = compare_apart(path, after, seconds) if numerics else "not run"
        if answer.startswith(("DIFFERS", "FAILED")):
            faults.append(answer)
        return faults, f"nodes {nodes[0]} -> {nodes[1]}, bytes {bytes_[0]} -> {bytes_[1]}, {took:.2f} s, {answer}"
    finally:
        for p in (after, again):
            p.unlink(missing_ok=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--tool", default="build/onnxopt")
    parser.add_argument("--passes", default="default")
    parser.add_argument("--no-numerics", action="store_true", help="do not run the models")
    parser.add_argument("--seconds", type=float, default=120, help="for running one model")
    args = parser.parse_args()
    paths = [p for m in args.models for p in (sorted(m.rglob("*.onnx")) if m.is_dir() else [m])]
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in paths:
            faults, row = sweep(args.tool, path, args.passes, Path(folder), not args.no_numerics, args.seconds)
            bad += bool(faults)
            print(("FAIL " if faults else "ok   ") + path.name, row, *faults, sep="; ", flush=True)
    print(f"{len(paths)} models, {bad} with faults")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
