"""Runs the tool on every model of the given folders and looks at what it leaves.

For each model: `--passes none` gives the same bytes; `--passes default` succeeds, never
has more nodes (functions counted once per call), grows by at most 1 %, keeps the
interface, gives the same bytes when run again, and finds nothing more to do on its own
result. Standard library only; the files are read by tests/wire.py, not by the tool.
"""
import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import wire  # noqa: E402


# What may be refused, with the documented exit code: 101 messages deep, no reader of ONNX
# that builds on protobuf's own limit of 100 opens it.
REFUSED = {"st_if_nest_60.onnx": 3}


def run(tool, *args):
    return subprocess.run([tool, *args], capture_output=True, text=True, timeout=300)


def same_interface(a, b):
    if a.outputs != b.outputs or a.opsets != b.opsets:
        return False
    if a.ir == 3 and b.ir == 4:         # weights left the inputs: the stated exception
        kept = [v for v, n in zip(a.inputs, a.input_names()) if n not in a.initializers]
        return kept == b.inputs
    return a.ir == b.ir and a.inputs == b.inputs


def bring(path, folder):
    """Copies a model and whatever data may belong to it; external data stays beside it."""
    for name in os.listdir(os.path.dirname(path)):
        if name == os.path.basename(path) or not name.endswith((".onnx", ".md", ".jsonl")):
            source = os.path.join(os.path.dirname(path), name)
            if os.path.isfile(source):
                shutil.copy(source, folder)
    return os.path.join(folder, os.path.basename(path))


def judge(tool, path, folder, quick):
    path = bring(path, folder)
    none, once, twice = (os.path.join(folder, n) for n in ("none.onnx", "a.onnx", "b.onnx"))
    before = wire.Model(path)
    refusal = REFUSED.get(os.path.basename(path))
    if refusal:
        r = run(tool, path, once)
        return before, None, None if r.returncode == refusal else f"exit {r.returncode}, expected {refusal}"
    r = run(tool, path, none, "--passes", "none", "-q")
    if r.returncode or not filecmp.cmp(path, none, shallow=False):
        return before, None, f"--passes none: exit {r.returncode}, or other bytes {r.stderr[:200]}"
    r = run(tool, path, once, "--passes", "default", "-q")
    if r.returncode:
        return before, None, f"exit {r.returncode}: {r.stderr[:300]}"
    after = wire.Model(once)
    if after.expanded > before.expanded:
        return before, after, "more nodes"
    if after.bytes > before.bytes * 1.01 + 64:
        return before, after, "more bytes"
    if not same_interface(before, after):
        return before, after, "another interface"
    if quick:
        return before, after, None
    r = run(tool, path, twice, "--passes", "default", "-q", "--check", "off")
    if r.returncode or not filecmp.cmp(once, twice, shallow=False):
        return before, after, "a second run gives other bytes"
    r = run(tool, once, twice, "--passes", "default", "-q", "--check", "off")
    if r.returncode or not filecmp.cmp(once, twice, shallow=False):
        return before, after, "not idempotent"
    return before, after, None


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tool", required=True)
    p.add_argument("--quick", action="store_true", help="one run each, for sanitized builds")
    p.add_argument("folders", nargs="+")
    a = p.parse_args()
    paths = sorted(os.path.join(d, f) for folder in a.folders for d, _, files in os.walk(folder)
                   for f in files if f.endswith(".onnx"))
    failed = 0
    print(f"{'model':52}{'nodes':>8}{'after':>8}{'bytes':>11}{'after':>11}")
    for path in paths:
        with tempfile.TemporaryDirectory() as folder:
            before, after, wrong = judge(a.tool, path, folder, a.quick)
        row = f"{os.path.basename(path)[:-5][:50]:52}{before.expanded:8}"
        if after:
            row += f"{after.expanded:8}{before.bytes:11}{after.bytes:11}"
        print(row + (f"  FAILED: {wrong}" if wrong else ""))
        failed += bool(wrong)
    print(f"{len(paths) - failed} passed, {failed} failed")
    return 1 if failed or not paths else 0


if __name__ == "__main__":
    sys.exit(main())
