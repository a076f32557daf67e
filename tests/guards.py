"""Switches off each guard of each rule in turn; a golden must fail each time.

    guards.py --tool build/onnxopt [RULE ...]

For every rule of rules/*.yaml, its goldens run with a copy of the rule that lacks one of:
each condition of a `when:` and each of its parts, the range of opsets, each attribute that is
compared, each constant of a picture, a value that must be the same twice, that a value has one
reader, the numeric class and its tag. Where all goldens still pass, nothing would notice if the
guard were lost: it is redundant, or a near miss is missing. Those that cannot be noticed are in
tests/guards.txt, one a line, with the reason. Exit 1: others survived, or a line there is stale.

Rules are cut as texts, so that nothing but Python is needed. Standard library only.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests/guards.txt"
WORD = r"[a-z_][A-Za-z0-9_]*"
NUMBER = r"-?\d[\d.e+-]*"


class Variant:
    """The text of a rule with [start, end) replaced."""

    def __init__(self, rule, text, start, end, new, what):
        self.rule, self.what = rule, what
        self.line = text.count("\n", 0, start)
        self.text = text[:start] + new + text[end:]

    @property
    def key(self):
        return f"{self.rule}: {self.what}"


# ---- expressions


def parts(expr, word):
    """Spans of what `and` or `or` joins at the outermost level; one span if nothing is."""
    spans, depth, start, i, quoted = [], 0, 0, 0, False
    while i < len(expr):
        c = expr[i]
        if c == '"':
            quoted = not quoted
        depth += (c in "([") - (c in ")]")
        if not depth and not quoted and expr.startswith(f" {word} ", i):
            spans.append((start, i))
            i += len(word) + 2
            start = i
            continue
        i += 1
    return spans + [(start, len(expr))]


def inside(expr):
    """How many brackets stand around all of it."""
    n = 0
    while expr[n:n + 1] == "(" and expr.endswith(")"):
        depth = 0
        for i, c in enumerate(expr[n:len(expr) - n]):
            depth += (c == "(") - (c == ")")
            if not depth and i < len(expr) - 2 * n - 1:
                return n
        n += 1
    return n


def pieces(expr, at, holds=True):
    """(start, end, replacement, what) for the condition and, where it has some, its parts."""
    yield at, at + len(expr), "1 == 1" if holds else "1 == 0", expr if holds else f"{expr}, as an alternative"
    k = inside(expr)
    body = expr[k:len(expr) - k]
    for word, whole in (("or", False), ("and", True)):
        spans = parts(body, word)
        if len(spans) > 1:
            for s, e in spans:
                yield from pieces(body[s:e], at + k + s, whole)
            return


def conditions(text):
    """(start, text) of each condition of a when."""
    for m in re.finditer(r"when:(?=\s)", text):
        i = m.end()
        if re.match(r" *\n", text[i:]):
            indent = m.start() - text.rfind("\n", 0, m.start()) - 1
            for item in re.finditer(r"\n( *)(- |#)(.*)", text[i:]):
                if text[i:i + item.start()].strip() and not all(
                        re.match(r" *(- |#)", line) for line in text[i:i + item.start()].strip("\n").split("\n")):
                    break
                if len(item.group(1)) <= indent and item.group(2) == "- ":
                    break
                if item.group(2) == "- ":
                    yield from scalar(text, i + item.start(3), text.find("\n", i + item.start(3)))
        else:
            start = i + len(text[i:]) - len(text[i:].lstrip(" "))
            if text[start] == "[":
                for item in re.finditer(r'"((?:[^"\\]|\\.)*)"|([^",\[\]][^,\]]*\))', text[start:text.find("\n", start)]):
                    k = 1 if item.group(1) else 2
                    yield start + item.start(k), item.group(k)
            else:
                yield from scalar(text, start, text.find("\n", start))


def scalar(text, start, end):
    """A YAML scalar that ends with the line: quoted, or up to a comment."""
    if text[start] == '"':
        stop = re.compile(r'(?<!\\)"').search(text, start + 1).start()
        yield start + 1, text[start + 1:stop]
    else:
        yield start, re.sub(r"\s+#.*", "", text[start:end]).rstrip()


# ---- pictures


def pictures(text):
    """(start, text) of each picture."""
    whole = re.search(r"^  before:(.*\n(?:    .*\n|\s*#.*\n)*)", text, re.M)
    at, before = whole.start(1), whole.group(1)
    if before.startswith(" |"):
        yield at + before.find("\n") + 1, before[before.find("\n") + 1:]
        return
    for m in re.finditer(r"^    - (?:picture: )?\|\n((?:      .*\n)*)", before, re.M):
        lines = re.match(r"(?:      (?:  )?[a-z_].* = .*\n|      (?:  )?[a-z]+ \| .*\n)*", m.group(1)).group()
        yield at + m.start(1), lines
    for m in re.finditer(r'^    - (?:\{ picture: "([^"]*)"|picture: "([^"]*)"|([a-z]+ = .*)\n)', before, re.M):
        k = next(i for i in (1, 2, 3) if m.group(i))
        yield at + m.start(k), m.group(k)


def in_picture(picture, at):
    """(start, end, new, what) for what a picture asks of a model."""
    for m in re.finditer(rf"({WORD}) = (?!@)(\"[^\"]*\"|{NUMBER})(?=[,> ]*[,>])", picture):
        if "<" in picture[picture.rfind("\n", 0, m.start()) + 1:m.start()]:
            yield at + m.start(2), at + m.end(2), f"@free{m.start()}", f"<{m.group()}>"
    for m in re.finditer(rf"(?<=[(,] )({NUMBER}|true|false)(?=[,)])|(?<=\()({NUMBER}|true|false)(?=[,)])", picture):
        yield at + m.start(), at + m.end(), "_", f"operand {m.group()} in {line_of(picture, m.start())}"
    seen = set()
    for m in re.finditer(rf"(?<=[(,])( ?)({WORD})(?=[,)])", re.sub(r"<[^>]*>", lambda x: "<" + "." * (len(x.group()) - 2) + ">", picture)):
        name = m.group(2)
        if name in seen and name not in ("true", "false", "_") and not re.search(rf"^\s*{name} [=|]", picture, re.M):
            yield at + m.start(2), at + m.end(2), "_", f"{name} again in {line_of(picture, m.start())}"
        seen.add(name)


def line_of(picture, i):
    end = picture.find("\n", i)
    return picture[picture.rfind("\n", 0, i) + 1:end if end >= 0 else len(picture)].strip()


def interior(picture):
    names = re.findall(rf"^\s*({WORD}) =", picture, re.M)
    return [n for n in names[:-1] if len(re.findall(rf"\b{n}\b", picture)) > 1]


# ---- the variants of a rule


def variants(rule, text):
    for at, expr in conditions(text):
        for s, e, new, what in pieces(expr, at):
            yield Variant(rule, text, s, e, new, what)
    values = []
    for at, picture in pictures(text):
        for s, e, new, what in in_picture(picture, at):
            yield Variant(rule, text, s, e, new, what)
        values += [v for v in interior(picture) if v not in values]
    m = re.search(r"^  opset: (.*)\n", text, re.M)
    if m:
        yield Variant(rule, text, m.start(), m.end(), "", f"opset {m.group(1)}")
    m = re.search(r"^  shared: (.*)\n", text, re.M)
    free = m.group(1).strip("[]").split(", ") if m else []
    for v in values:
        if v not in free:
            every = ", ".join(free + [v])
            yield Variant(rule, text, *(m.span() if m else (len(text), len(text))), f"  shared: [{every}]\n",
                          f"{v} has one reader")
    m = re.search(r"^  numerics: (\w+)( \+z)?$", text, re.M)
    if m.group(1) != "exact":
        yield Variant(rule, text, *m.span(1), "exact", f"numerics {m.group(1)}")
    if m.group(2):
        yield Variant(rule, text, *m.span(2), "", "numerics +z")


def rules():
    for path in sorted((ROOT / "rules").glob("*.yaml")):
        text = path.read_text()
        starts = [m.start() for m in re.finditer(r"^- rule: ", text, re.M)] + [len(text)]
        for s, e in zip(starts, starts[1:]):
            body = text[s:e].rstrip("\n") + "\n"
            yield re.match(r"- rule: (\w+)", body).group(1), path, text.count("\n", 0, s) + 1, body


def goldens(rule):
    """Those that name the rule, with a mark in place of its name."""
    found = []
    for path in sorted((ROOT / "tests/golden").glob("*/*.onnxtxt")):
        text = path.read_text()
        m = re.search(r"^#! passes: *(.*)$", text, re.M)
        if m and re.search(rf"(^|,|\+){rule}($|,)", m.group(1)):
            spec = re.sub(rf"(^|,|\+){rule}($|,)", lambda k: k.group(1) + "RULE.yaml" + k.group(2), m.group(1))
            found.append((path, text[:m.start(1)] + spec + text[m.end(1):]))
    return found


def renamed(text):
    """No two passes have one name."""
    return re.sub(r"^  aliases: .*$", "", re.sub(r"^- rule: ", "- rule: trial_of_", text), flags=re.M)


def passes(tool, text, found):
    """Do all these goldens pass with this text of the rule? A rule that is refused fails them."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rule.yaml").write_text(renamed(text))
        for i, (path, golden) in enumerate(found):
            (Path(folder) / f"{i}.onnxtxt").write_text(golden.replace("RULE.yaml", f"{folder}/rule.yaml"))
        r = subprocess.run([tool, "test", folder], capture_output=True, text=True, timeout=60)
        return r.returncode == 0, r.stdout + r.stderr


def excused():
    lines = [line for line in TABLE.read_text().split("\n") if line and not line.startswith("#")] if TABLE.exists() else []
    return {line.split("  | ")[0].strip(): line for line in lines}


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tool", required=True)
    p.add_argument("rules", nargs="*")
    a = p.parse_args()
    excuses, used, failed, count = excused(), set(), 0, 0
    with ThreadPoolExecutor(2) as pool:
        for rule, path, line, text in rules():
            if a.rules and rule not in a.rules:
                continue
            found = goldens(rule)
            ok, said = passes(a.tool, text, found)
            if not ok:
                print(f"{rule}: its goldens fail as it is\n{said}")
                failed += 1
                continue
            all_of_it = list(variants(rule, text))
            for v, (survived, said) in zip(all_of_it, pool.map(lambda v: passes(a.tool, v.text, found), all_of_it)):
                count += 1
                if survived and v.key in excuses:
                    used.add(v.key)
                elif survived:
                    print(f"{path.relative_to(ROOT)}:{line + v.line}: no golden needs  {v.key}")
                    failed += 1
    for key in [] if a.rules else sorted(set(excuses) - used):
        print(f"{TABLE.relative_to(ROOT)}: not so: {key}")
        failed += 1
    print(f"{count} guards switched off, {len(used)} excused, {failed} failed")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
