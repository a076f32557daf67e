"""Peers' outputs, as `onnxopt verify` and as the judge see them.

    python3 tests/cross/audit.py [--tool build/onnxopt] [--peers build/peers] [--out build/audit]
                                 [--peer NAME] [--seed N] [MODEL...]

Each peer (onnxsim, OnnxSlim, ONNX Runtime basic) makes its output of each model of
../shared/models, once: what is in the folder of outputs stays. Then `onnxopt verify ORIGINAL
OUTPUT --json` stands beside the verdict that the judge has in ../shared/judge/baselines.jsonl,
where the output has the size that the judge saw, or else the judge is asked again. The two may
say

    agreed      same and good, or differs and bad, or neither could compare
    MISSED      the judge finds a mismatch, and we none: never right
    ALARM       we find a difference, and the judge none
    no word     one of them could not compare

ALARM and `no word` need a line in tests/cross/audit.txt that says why. Exit 1: a MISSED, or one
of the others without its line, or a line that nothing needs any more.

The peers run in a virtual environment of their own (`make audit` makes it), each in a child
with limits of time and memory. Not part of `make test`.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
JUDGE = SHARED / "judge"
EXPLAINED = Path(__file__).with_name("audit.txt")
PEERS = {
    "onnxsim": ["{bin}/onnxsim", "{in}", "{out}"],
    "onnxslim": ["{bin}/onnxslim", "{in}", "{out}"],
    "ort_basic": ["{bin}/python", str(JUDGE / "peers.py"), "ort_basic", "{in}", "{out}"],
}
SECONDS, GIGABYTES = 300, 8


def limits():
    resource.setrlimit(resource.RLIMIT_AS, (GIGABYTES << 30,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def call(argv, cwd=None):
    """Exit code (None: time is up), output, errors."""
    try:
        r = subprocess.run([str(a) for a in argv], cwd=cwd, capture_output=True, text=True, errors="replace",
                           stdin=subprocess.DEVNULL, timeout=SECONDS, preexec_fn=limits)
    except subprocess.TimeoutExpired:
        return None, "", "time is up"
    return r.returncode, r.stdout, r.stderr


def make_output(peer, model, folder, bin_folder):
    """The peer's output, made if it is not there. None: it makes none."""
    out, failed = folder / "model.onnx", folder / "failed.txt"
    if failed.exists():
        return None
    if not out.exists():
        folder.mkdir(parents=True, exist_ok=True)
        words = {"{in}": str(model), "{out}": str(out), "{bin}": str(bin_folder)}
        argv = []
        for word in PEERS[peer]:
            for mark, text in words.items():
                word = word.replace(mark, text)
            argv.append(word)
        code, printed, errors = call(argv, cwd=folder)
        if code or not out.exists():
            failed.write_text(f"exit {code}\n{printed[-2000:]}\n{errors[-2000:]}\n")
            return None
    return out


def ours(tool, model, out, seed):
    """same, differs, refused (it cannot be loaded) or no word; and why."""
    code, printed, errors = call([tool, "verify", model, out, "--json", "--seed", seed])
    why = next((line for line in errors.splitlines() if line.startswith("error")), errors.strip()[:200])
    if code == 0:
        shares = [o["of_bound"] for o in json.loads(printed)["outputs"]]
        return "same", f"{max(shares, default=0) * 100:.2g} % of bound"
    if code == 6 or code is None:
        return "no word", why
    return "differs" if code == 1 else "refused", why


def judged_again(python, model, out):
    code, printed, _ = call([python, JUDGE / "judge.py", "check", model, out])
    return {"verdict": ("close" if code == 0 else "MISMATCH") + ": " + " ".join(printed.split())[:160]}


def judged(known, python, model, out):
    """good, bad or no word; and the verdict."""
    size = sum(f.stat().st_size for f in out.parent.iterdir() if f.name != "failed.txt")
    record = known if known.get("bytes") == size else judged_again(python, model, out)
    words = record.get("numeric", record["verdict"])
    text = record["verdict"] + (f" (numbers: {record['numeric']})" if "numeric" in record else "")
    if words.startswith(("bit-exact", "close")):
        # a fault that is not in the numbers: either word of ours is right
        return "good" if "numeric" not in record else "either", text
    return "bad" if words.startswith("MISMATCH") else "no word", text


def compare(we, judge):
    if we == judge == "no word":
        return "agreed"
    if "no word" in (we, judge):
        return "no word"
    if judge == "either" or (we == "same") == (judge == "good"):
        return "agreed"
    return "MISSED" if we == "same" else "ALARM"


def explanations():
    lines = (line.split("|") for line in EXPLAINED.read_text().splitlines() if line and line[0] != "#")
    return {tuple(left.split()): reason.strip() for left, reason in lines}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=ROOT / "build/onnxopt")
    parser.add_argument("--peers", default=ROOT / "build/peers", type=Path, help="their virtual environment")
    parser.add_argument("--out", default=ROOT / "build/audit", type=Path)
    parser.add_argument("--peer", choices=PEERS, action="append")
    parser.add_argument("--seed", default="0")
    parser.add_argument("models", nargs="*", type=Path)
    options = parser.parse_args()
    folder = (SHARED / "models").resolve()
    models = [m.resolve() for m in options.models] or sorted(folder.rglob("*.onnx"))
    bin_folder = (options.peers / "bin").absolute()
    baselines = {r["model"]: r["tools"] for r in map(json.loads, (JUDGE / "baselines.jsonl").open()) if "model" in r}
    explained, used, counts, bad = explanations(), set(), {}, 0
    print(f"{'model':44} {'peer':10} {'ours':9} {'judge':9}")
    for model in models:
        name = str(model.relative_to(folder))
        for peer in options.peer or PEERS:
            out = make_output(peer, model, options.out / name.replace("/", "_") / peer, bin_folder)
            if not out:
                counts["no output"] = counts.get("no output", 0) + 1
                continue
            we, ours_why = ours(options.tool, model, out, options.seed)
            judge, judge_why = judged(baselines.get(name, {}).get(peer, {}), bin_folder / "python", model, out)
            word = compare(we, judge)
            counts[word] = counts.get(word, 0) + 1
            reason = explained.get((name, peer), "")
            used.add((name, peer) if word != "agreed" else None)
            print(f"{name:44} {peer:10} {we:9} {judge:9} {ours_why}; {judge_why}", flush=True)
            if word != "agreed":
                print(f"    {word}: {reason or 'not explained'}", flush=True)
            bad += word == "MISSED" or (word != "agreed" and not reason)
    stale = [] if options.models or options.peer else [e for e in explained if e not in used]
    for e in stale:
        print("explained, but agreed:", *e)
    print(", ".join(f"{n} {word}" for word, n in sorted(counts.items())))
    return 1 if bad or stale else 0


if __name__ == "__main__":
    os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
    sys.exit(main())
