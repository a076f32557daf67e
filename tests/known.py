"""Is every known miscompilation of other tools a golden?

    known.py

tests/golden/known/neg_ID*.onnxtxt are the models that other optimizers broke or died of, run through
the default pipeline; neg_ID_twin is the nearest legal form, which must be rewritten all the
same. Exit 1: an id has no golden, or a twin is missing or left alone. Standard library only.
"""

import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "golden/known"
# onnxsim and onnx/optimizer; OnnxSlim; folders of shapes elsewhere
IDS = [f"a{i}" for i in range(1, 27)] + [f"b{i}" for i in range(1, 22)] + [f"c{i}" for i in range(1, 5)]
# No twin: those that only made a tool abort, those whose twin takes an opt-in, and what is
# about folding. Left alone: twins that no pass of ours rewrites so far.
NO_TWIN = {"a9", "a10", "b8", "c2", "c3", "c4"} | {f"a{i}" for i in range(16, 27)}
LEFT_ALONE = {"a11"}


def main():
    wrong = []
    for i in IDS:
        files = [FOLDER / f"neg_{i}.onnxtxt"] + sorted(FOLDER.glob(f"neg_{i}_*.onnxtxt"))
        for f in files:
            text = f.read_text() if f.exists() else ""
            if f"neg-{i}" not in text.split("\n")[0] or "\n#! passes: default\n" not in text:
                wrong.append(f"{f.name}: missing, or it does not say neg-{i} in its first line and default as its passes")
        twin = FOLDER / f"neg_{i}_twin.onnxtxt"
        if i not in NO_TWIN and (twin not in files or ("#! after" in twin.read_text()) == (i in LEFT_ALONE)):
            wrong.append(f"{twin.name}: missing, or not rewritten")
    print("\n".join(wrong + [f"{len(IDS)} known miscompilations, {len(wrong)} not held against"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
