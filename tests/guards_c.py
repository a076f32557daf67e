"""Switches off each guard of the passes in C in turn; a golden must fail each time.

    guards_c.py --tool build/onnxopt [--all] [FILE.c ...]

A guard is a condition that declines - each alternative of `if (a || b)` before `return OX_SAME`,
`return ox_skip(...)`, `return false`, `return NULL` or `continue` - and each part of a condition
that leads to something: `return a && b`, `if (a && b)`, `x = a && b`. All are built into one
program, in which OX_GUARD_OFF=K takes guard K away; so a guard costs one run of the goldens
of its pass and, if those pass, one of all goldens. (Into a file OX_GUARDS_THAT_MATTER it writes the
numbers of those that declined; tests/cross/mutants.py asks.)

What only says that a node is as its schema wants it - operands that are there, their number,
attributes that are no references - is not counted: models that the checker lets pass do not
differ in that. Where all goldens still pass, the guard is redundant, saves time, or lacks a near miss. Those that are
known are in tests/guards_c.txt: one a line, file, the condition, and why. Exit 1: others
survived. Takes minutes; FILE.c: these alone. Standard library only; needs a built tree.
"""

import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tests/guards_c.txt"
SCHEMA = re.compile(r"!?\w+(\[\w+\])?$|!?\w+(->def)?->(in|out)\[\w+\](\.val)?(->uses|->def)?$"
                    r"|!?\w+->(uses|def|data|has_payload|ref|fact|tensor|g)$|\w+(->def)?->n(in|out) [<>=!]=? ?[\w+ ]+$"
                    r"|\w+->type [!=]= OX_A_\w+$")
DECLINES = re.compile(r"\s*(?:return (?:OX_SAME|ox_skip\(|false|NULL|-1|decline\(|no\()|continue;)")
FILES = "eliminate_*.c fuse_*.c simplify_*.c merge_*.c rewrite_*.c fold_*.c share_*.c affine.c scaled.c " \
        "reshape_target.c give_way.c attrs.c extract_*.c lift_*.c"
PRELUDE = """extern unsigned ox_guard_off;
int ox_guard_mattered(unsigned k);
#define OX_DECLINES(k, c) (ox_guard_off != (k) && (c) && ox_guard_mattered(k))
#define OX_HOLDS(k, c) (ox_guard_off == (k) || (c) || !ox_guard_mattered(k))
"""
SWITCH = """#include <stdio.h>
#include <stdlib.h>
unsigned ox_guard_off;
static unsigned char mattered[1 << 14];
int ox_guard_mattered(unsigned k)
{
	mattered[k] = 1;
	return 1;
}
static void tell(void)
{
	FILE *f = fopen(getenv("OX_GUARDS_THAT_MATTER"), "w");
	for (unsigned k = 0; f && k < sizeof mattered; k++)
		if (mattered[k])
			fprintf(f, "%u\\n", k);
	if (f)
		fclose(f);
}
__attribute__((constructor)) static void choose(void)
{
	const char *s = getenv("OX_GUARD_OFF");
	ox_guard_off = s ? (unsigned)atoi(s) : 0;
	if (getenv("OX_GUARDS_THAT_MATTER"))
		atexit(tell);
}
"""


def close(text, i):
    """Where the bracket that opens at i closes; strings and characters are skipped."""
    depth = 0
    while i < len(text):
        c = text[i]
        if c in "\"'":
            i = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'').match(text, i).end()
            continue
        depth += (c in "([{") - (c in ")]}")
        if not depth:
            return i
        i += 1
    raise ValueError("unbalanced")


def joined(text, start, end, word):
    """Spans of what && or || joins at the outermost level of text[start:end]."""
    spans, i, at = [], start, start
    while i < end:
        c = text[i]
        if c in "([{":
            i = close(text, i)
        elif c in "\"'":
            i = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'').match(text, i).end() - 1
        elif c == "?":
            return [(start, end)]
        elif text.startswith(word, i):
            spans.append((at, i))
            i += len(word)
            at = i
            continue
        i += 1
    return spans + [(at, end)]


def unwrapped(text, start, end):
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    while end > start and text[start] == "(" and close(text, start) == end - 1:
        start, end = start + 1, end - 1
    return start, end


def sites(text):
    """(start, end, declines) of every guard: where it declines, off is false, else true."""
    for m in re.finditer(r"\bif \(|\breturn (?=[^;\"]*&&)|(?<![=!<>])= (?=[^;\"{]*&&)", text):
        line = text[text.rfind("\n", 0, m.start()) + 1:m.start()]
        if line.lstrip().startswith(("*", "/*", "//", "#")):
            continue
        if m.group() == "if (":
            start, end = m.end(), close(text, m.end() - 1)
            if DECLINES.match(text, end + 1):
                for s, e in joined(text, start, end, "||"):
                    yield (*unwrapped(text, s, e), True)
                continue
        else:
            start = m.end()
            end = start
            while text[end] not in ";,":
                end = close(text, end) + 1 if text[end] in "([{\"'" else end + 1
        spans = joined(text, *unwrapped(text, start, end), "&&")
        if len(joined(text, start, end, "||")) == 1 and len(spans) > 1:
            for s, e in spans:
                yield (*unwrapped(text, s, e), False)


class Guard:
    def __init__(self, number, path, text, start, end):
        self.number, self.path = number, path
        self.line = text.count("\n", 0, start) + 1
        self.what = " ".join(text[start:end].split())

    @property
    def key(self):
        return f"{self.path.name}: {self.what}"


def instrument(path, guards):
    text = path.read_text()
    found = sorted(set(sites(text)))
    out, at = [PRELUDE], 0
    for start, end, declines in found:
        if start < at or SCHEMA.match(" ".join(text[start:end].split())):     # within another: the outer one counts
            continue
        guards.append(Guard(len(guards) + 1, path, text, start, end))
        out += [text[at:start], f"{'OX_DECLINES' if declines else 'OX_HOLDS'}({len(guards)}, (", text[start:end], "))"]
        at = end
    return "".join(out + [text[at:]])


def sources(names=None):
    return sorted({f for n in names or FILES.split() for f in (ROOT / "passes").glob(Path(n).name)})


def build(tool, files, guards):
    """The program with all guards in it."""
    folder = tool.parent / "guards"
    folder.mkdir(exist_ok=True)
    flags = ["-std=c11", "-D_DEFAULT_SOURCE", "-D_POSIX_C_SOURCE=200809L", '-DOX_VERSION="0"', "-ffp-contract=off", "-O1", "-w",
             "-I.", "-Iinclude", f"-I{tool.parent}/gen", "-Ipasses"]
    objects = []
    for path in files:
        source = folder / path.name
        source.write_text(instrument(path, guards))
        objects.append(source.with_suffix(".o"))
        subprocess.run(["gcc", *flags, "-c", "-o", objects[-1], source], check=True, cwd=ROOT)
    (folder / "switch_off.c").write_text(SWITCH)
    program = folder / "onnxopt"
    subprocess.run(["gcc", "-O1", "-o", program, folder / "switch_off.c", *objects, *sorted((tool.parent / "obj/cli").glob("*.o")),
                    tool.parent / "libonnxopt.a", "-lprotobuf-c", "-lyaml", "-lz", "-lm"], check=True, cwd=ROOT)
    return program


def passes(program, number, goldens):
    try:
        r = subprocess.run([program, "test", *goldens], capture_output=True, timeout=60,
                           env={**os.environ, "OX_GUARD_OFF": str(number)})
    except subprocess.TimeoutExpired:
        return False
    return r.returncode == 0


def survives(program, guard):
    own = ROOT / "tests/golden" / guard.path.stem
    if own.is_dir() and not passes(program, guard.number, [own]):
        return False
    return passes(program, guard.number, [ROOT / "tests/golden"])


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tool", required=True, type=Path)
    p.add_argument("files", nargs="*")
    a = p.parse_args()
    files = sources(a.files)
    lines = TABLE.read_text().split("\n") if TABLE.exists() else []
    excuses = {line.split("  | ")[0].strip() for line in lines if line and not line.startswith("#")}
    guards, used, failed = [], set(), 0
    program = build(a.tool.resolve(), files, guards)
    if not passes(program, 0, [ROOT / "tests/golden"]):
        sys.exit("the goldens fail as it is")
    with ThreadPoolExecutor(2) as pool:
        for g, alive in zip(guards, pool.map(lambda g: survives(program, g), guards)):
            if alive and g.key in excuses:
                used.add(g.key)
            elif alive:
                print(f"{g.path.relative_to(ROOT)}:{g.line}: no golden needs  {g.key}", flush=True)
                failed += 1
    stale = {k for k in excuses - used if k.split(":")[0] in {f.name for f in files}}
    for key in sorted(stale):
        print(f"{TABLE.relative_to(ROOT)}: not so: {key}")
    print(f"{len(guards)} guards in {len(files)} files switched off, {len(used)} excused, {failed} survived")
    return 1 if failed or stale or not guards else 0


if __name__ == "__main__":
    sys.exit(main())
