"""No false alarm: every model is written, whatever the seed, with the most thorough check.

    python3 tests/cross/alarms.py [--tool build/onnxopt] [--check full] [--seeds 20] [--first N]
                                  [--check-budget 10s]
                                  [--log build/alarms.jsonl] [MODEL_OR_FOLDER...]

Runs the default pipeline with --check full on each model of ../shared/models and tests/models with
seeds N, N+1... The rewrites are the same ones, and right, with every seed: what is refused with one
(exit 1) is an alarm, of a rewrite or of the whole model, and either it or the rewrite is wrong.
Unverified rewrites and samples are counted, with their reasons. One line per run goes into the log
(model, seed, exit code, verdicts, seconds); what stands there is not run again. Exit 1: an alarm.

A model that the tool cannot take (exit 3, 5) is told of once. Not part of `make test`.
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECONDS = 600
ALARM = 1


def run(tool, model, seed, check, more, folder):
    out, report = Path(folder) / "out.onnx", Path(folder) / "report.json"
    report.unlink(missing_ok=True)
    began = time.monotonic()
    try:
        r = subprocess.run([tool, model, out, "--check", check, "--seed", str(seed), "--report", report, "-q", *more],
                           capture_output=True, text=True, errors="replace", timeout=SECONDS)
        code, errors = r.returncode, r.stderr
    except subprocess.TimeoutExpired:
        code, errors = None, "time is up"
    verification = json.loads(report.read_text()).get("verification") if report.exists() else None
    return {"exit": code, "seconds": round(time.monotonic() - began, 2), "verification": verification,
            "error": next((line for line in errors.splitlines() if line.startswith("error")), errors[:300]) if code else ""}


def reasons_of(verification):
    """Every sentence that says why something is unverified, wherever it stands in the report."""
    waiting, found = [verification], []
    while waiting:
        x = waiting.pop()
        if isinstance(x, dict):
            if isinstance(x.get("why"), str):
                found.append(x["why"])
            waiting.extend(x.values())
        elif isinstance(x, list):
            waiting.extend(x)
    return found


def models_of(places):
    for place in map(Path, places):
        yield from sorted(place.rglob("*.onnx")) if place.is_dir() else [place]


def tell(records):
    by_model = collections.defaultdict(list)
    for r in records:
        by_model[r["model"]].append(r)
    print(f"{'model':50} {'runs':>4} {'written':>7} {'unverified rewrites':>19}  reasons")
    for model, runs in sorted(by_model.items()):
        reasons = collections.Counter(w for r in runs for w in reasons_of(r["verification"]))
        rewrites = [(r["verification"] or {}).get("rewrites") or {} for r in runs]
        most = max((w.get("unverified", 0) for w in rewrites), default=0)
        print(f"{Path(model).name:50} {len(runs):4} {sum(r['exit'] == 0 for r in runs):7} {most:19}  "
              + "; ".join(f"{n} x {w}" for w, n in reasons.most_common(3)))
        for r in runs:
            if r["exit"]:
                print(f"    seed {r['seed']}: exit {r['exit']}: {r['error']}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default=str(ROOT / "build/onnxopt"))
    parser.add_argument("--check", default="full")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--check-budget", help="of one run, as the tool takes it")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--log", type=Path, default=ROOT / "build/alarms.jsonl")
    parser.add_argument("models", nargs="*", default=[str(ROOT.parent / "shared/models"), str(ROOT / "tests/models")])
    options = parser.parse_args()
    records = [json.loads(line) for line in options.log.open()] if options.log.exists() else []
    more = ["--check-budget", options.check_budget] if options.check_budget else []
    done = {(r["model"], r["seed"], r["check"]) for r in records}
    with tempfile.TemporaryDirectory() as folder, options.log.open("a") as log:
        for seed in range(options.first, options.first + options.seeds):
            for model in map(str, models_of(options.models)):
                if (model, seed, options.check) in done:
                    continue
                r = {"model": model, "seed": seed, "check": options.check} | run(options.tool, model, seed, options.check, more, folder)
                records.append(r)
                print(json.dumps(r), file=log, flush=True)
                if r["exit"] == ALARM:
                    print(f"ALARM {model} seed {seed}: {r['error']}", flush=True)
    records = [r for r in records if r["check"] == options.check]
    tell(records)
    alarms = [r for r in records if r["exit"] == ALARM]
    print(f"{len(records)} runs of {len({r['model'] for r in records})} models with --check {options.check}, "
          f"{sum(r['exit'] == 0 for r in records)} written, {len(alarms)} alarms")
    return bool(alarms)


if __name__ == "__main__":
    sys.exit(main())
