#!/usr/bin/env python3
"""Write docs/checks.md from base/codes.def: docs/checks.py, in the root of the repository.

tests/unit/test_check.c fails when the two are out of step.
"""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
STRING = r'"((?:[^"\\]|\\.)*)"'
CODE = re.compile(r'CODE\((\d+),\s*(\w+),\s*OX_(\w+),\s*(\d+),\s*' + STRING +
                  r',\s*(?:NULL|' + STRING + r')\)')
WORDS = {"ERROR": "fatal", "WARNING": "kept", "NOTE": "note"}
SECTIONS = [
    (3000, "The wire", "Stated while a file is loaded, with a byte offset."),
    (3100, "Tensors and external data", "Up to OX3139 stated while a file is loaded, and again "
     "of tensors that come from ONNX text; from OX3140 on by the checker."),
    (3200, "Names and scopes", "Stated while names are resolved."),
    (3240, "The model, opsets, functions", ""),
    (3270, "Graphs and declared types", ""),
    (3300, "Nodes and attributes", "Operators of ONNX's own domains are held against their "
     "schemas, up to the newest opset known; custom domains are taken as they are."),
    (3340, "Subgraphs", ""),
]
HEAD = """\
# What is checked

A model is checked when it is loaded, after every pass in debug builds, and always before it
is written. Every fault has a code that never changes its meaning; all faults of a model are
reported, not only the first.

- **fatal**: the model cannot be read without guessing. Exit code 3; nothing is written.
- **kept**: a warning. What is wrong or odd is carried through as it is. The result of an
  optimization may have no fault that its input did not have.
- **note**: legal, but seldom meant. Given only where everything is asked for.

This page is written by `docs/checks.py` from `base/codes.def`.
"""


def main():
    text = (ROOT / "base/codes.def").read_text()
    codes = [(int(n), sev, sentence, hint or "") for n, _, sev, _, sentence, hint
             in CODE.findall(text) if 3000 <= int(n) < 3400]
    out = [HEAD]
    for i, (first, title, about) in enumerate(SECTIONS):
        end = SECTIONS[i + 1][0] if i + 1 < len(SECTIONS) else 3400
        out.append(f"## {title}\n")
        if about:
            out.append(about + "\n")
        out.append("| code | | what | what to do |\n|---|---|---|---|")
        for n, sev, sentence, hint in codes:
            if first <= n < end:
                out.append(f"| OX{n} | {WORDS[sev]} | {sentence} | {hint} |")
        out.append("")
    (ROOT / "docs/checks.md").write_text("\n".join(out))


if __name__ == "__main__":
    main()
