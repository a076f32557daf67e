"""The passes of `default` in random orders, before the judge of ../shared: the verdicts are those of the usual order.

    orders.py [--tool build/onnxopt] [--seeds 20] [--seed 0] [--largest 2000000] [--jobs 2] FOLDER ...

Visits and whole-graph passes alike are shuffled and run until nothing changes. Each result must be
as valid, as equal in numbers and as faithful to the interface as what the usual order
gives; how small it becomes may differ, and is told. Exit 1: a verdict differs; 2: no judge.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def default_passes(tool):
    said = subprocess.run([tool, "passes", "--explain-pipeline", "default"], capture_output=True, text=True, check=True).stdout
    return [line.split()[1] for line in said.splitlines() if line.split()[0].isdigit() and not line.split()[1] == "passes,"]


def judged(options, commands, models):
    """Verdict and nodes by model and order."""
    judge = ROOT.parent / "shared/judge/judge.py"
    folder = Path(tempfile.mkdtemp())
    (folder / "list").write_text("\n".join(map(str, models)) + "\n")
    sys.path.insert(0, str(judge.parent))
    import judge as j
    j.judge_all(commands, argparse.Namespace(models=folder / "list", out=folder / "out", append=False, jobs=options.jobs,
                                             timeout=120, memory_gb=8, peers_bin=Path()), {})
    for line in (folder / "out").read_text().splitlines()[1:]:
        r = json.loads(line)
        yield r["model"], {k: (v["verdict"], v.get("nodes")) for k, v in r["tools"].items()}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--seeds", type=int, default=20)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--largest", type=int, default=2000000, help="bytes")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("folders", nargs="+", type=Path)
    o = p.parse_args()
    if not (ROOT.parent / "shared/judge/judge.py").exists():
        print("no ../shared/judge: nothing to judge with")
        return 2
    tool = str(Path(o.tool).resolve())
    passes = default_passes(tool)
    commands = {"usual": f"{shlex.quote(tool)} {{in}} {{out}} --passes default -q"}
    for seed in range(o.seed, o.seed + o.seeds):
        order = random.Random(seed).sample(passes, len(passes))
        commands[str(seed)] = f"{shlex.quote(tool)} {{in}} {{out}} --passes {','.join(order)} -q"
    models = sorted({f.name: f.resolve() for d in o.folders for f in d.rglob("*.onnx") if f.stat().st_size <= o.largest}.values())
    failed, larger = 0, 0
    for model, by in judged(o, commands, models):
        for order, (verdict, nodes) in by.items():
            if verdict != by["usual"][0]:
                print(f"{model}: order {order}: {verdict}, usually {by['usual'][0]}")
                failed += 1
            larger += (nodes or 0) > (by["usual"][1] or 0)
    print(f"{len(models)} models, {o.seeds} orders of {len(passes)} passes: {failed} other verdicts, {larger} results with more nodes")
    return 1 if failed or not models else 0


if __name__ == "__main__":
    sys.exit(main())
