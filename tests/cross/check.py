#!/usr/bin/env python3
"""check.py - our checker beside onnx.checker.

Three kinds of models are judged by both: those of the folders given (real models, operator
cases), and some hundred mutants of small ones: a field dropped, an element doubled, a name
or a number changed, anywhere in the message tree. Wanted: whatever onnx.checker rejects has
at least one fault with us, fatal or kept. EXPLAINED lists the reasons of onnx.checker that
are not ours. The other direction (fatal with us, accepted there) is printed as information,
by code: we are stricter on purpose. Exit 1 if there is an unexplained row.

    tests/cross/check.py --tool build/onnxopt [--mutants 600] [--seed 1] FOLDER...
"""
import argparse
import collections
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import onnx
from google.protobuf.descriptor import FieldDescriptor as F

# What onnx.checker says -> why we say nothing.
EXPLAINED = [
]

SOURCES = 60                     # small models that mutants are made of


def verdict_of_onnx(path):
    try:
        onnx.checker.check_model(str(path))
        return None
    except Exception as e:       # also DecodeError and what the bindings throw
        return " ".join(str(e).split())[:240] or type(e).__name__


LINE = re.compile(r"^(error|warning|note)\[OX(\d+)\]")


def verdicts_of_ours(tool, paths):
    """path -> (fatal, kept); one run for many files would cut messages, not counts."""
    result = {}
    paths = [str(p) for p in paths]
    for i in range(0, len(paths), 200):
        out = subprocess.run([tool, "check", *paths[i:i + 200]], stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True).stdout
        for line in out.splitlines():
            words = line.split()
            if len(words) >= 4 and words[1].isdigit() and words[2].isdigit():
                result[words[0]] = (int(words[1]), int(words[2]))
    return result


def codes_of_ours(tool, path):
    err = subprocess.run([tool, "check", str(path)], stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True).stderr
    return sorted({m for m in re.findall(r"(?:error|warning)\[(OX\d+)\]", err)}), err


# ---- mutants ------------------------------------------------------------------

def messages(m):
    """Every message below m, m included, with the depth-first order of the fields."""
    yield m
    for field, value in m.ListFields():
        if field.type != F.TYPE_MESSAGE:
            continue
        for x in value if field.is_repeated else [value]:
            yield from messages(x)


def strings(m):
    return sorted({v for x in messages(m) for f, value in x.ListFields()
                   if f.type == F.TYPE_STRING
                   for v in (value if f.is_repeated else [value])})


def change_scalar(r, field, value, names):
    if field.type in (F.TYPE_STRING,):
        return r.choice(["", "fresh", *names])
    if field.type == F.TYPE_BYTES:
        return value[:-1] if value and r.random() < .5 else value + b"\1"
    if field.type in (F.TYPE_FLOAT, F.TYPE_DOUBLE):
        return -value
    if field.type == F.TYPE_ENUM:
        return r.choice([v.number for v in field.enum_type.values])
    return r.choice([0, 1, 2, 3, 7, 13, 99, value + 1, max(value - 1, 0)])


def mutate(r, m, names):
    """One change somewhere; None if the place drawn allows none. Returns what was done."""
    x = r.choice([y for y in messages(m) if y.ListFields()])
    field, value = r.choice(x.ListFields())
    where = f"{x.DESCRIPTOR.name}.{field.name}"
    if not field.is_repeated:
        if field.type == F.TYPE_MESSAGE or r.random() < .5:
            x.ClearField(field.name)
            return f"cleared {where}"
        new = change_scalar(r, field, value, names)
        setattr(x, field.name, new)
        return f"{where} became {new!r}"
    i = r.randrange(len(value))
    how = r.random()
    if how < .4:
        del value[i]
        return f"{where}[{i}] dropped"
    if how < .8 or field.type == F.TYPE_MESSAGE:
        value.append(value[i])
        return f"{where}[{i}] doubled"
    value[i] = change_scalar(r, field, value[i], names)
    return f"{where}[{i}] became {value[i]!r}"


def make_mutants(r, sources, count, folder):
    models = []
    while len(models) < count:
        source = r.choice(sources)
        m = onnx.ModelProto.FromString(source.read_bytes())
        what = mutate(r, m, strings(m))
        path = folder / f"mutant{len(models)}.onnx"
        path.write_bytes(m.SerializeToString())
        models.append((path, f"{source.parent.name}/{source.name}: {what}"))
    return models


# ---- comparing ----------------------------------------------------------------

def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--tool", required=True)
    ap.add_argument("--mutants", type=int, default=600)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("folders", nargs="+", type=pathlib.Path)
    args = ap.parse_args()

    found = sorted(p for folder in args.folders for p in folder.rglob("*.onnx"))
    small = [p for p in found if p.stat().st_size < 20_000 and verdict_of_onnx(p) is None]
    # many kinds of models rather than many of one: subgraphs, functions, sparse, training...
    r = random.Random(args.seed)
    r.shuffle(small)
    rich = [p for p in small if any(w in p.name + p.parent.name for w in
            ("if", "loop", "scan", "function", "sparse", "sequence", "optional", "adam", "lstm"))]
    sources = sorted(set(small[:SOURCES] + rich[:SOURCES]))
    with tempfile.TemporaryDirectory() as folder:
        mutants = make_mutants(r, sources, args.mutants, pathlib.Path(folder)) if sources else []
        models = [(p, str(p)) for p in found] + mutants
        return compare(args.tool, models)


def compare(tool, models):
    mine = verdicts_of_ours(tool, [p for p, _ in models])
    table, explained, stricter = collections.Counter(), collections.Counter(), collections.Counter()
    unexplained = 0
    for path, title in models:
        theirs = verdict_of_onnx(path)
        fatal, kept = mine.get(str(path), (None, None))
        if fatal is None:
            print("no verdict of ours:", title)
            unexplained += 1
            continue
        table["rejected" if theirs else "accepted", "fatal" if fatal else "kept" if kept else "clean"] += 1
        if theirs and not fatal and not kept:
            why = next((why for pattern, why in EXPLAINED if re.search(pattern, theirs)), None)
            if why:
                explained[why] += 1
                continue
            unexplained += 1
            print(f"onnx.checker rejects, we find nothing: {title}\n    {theirs}")
        elif not theirs and fatal:
            codes, _ = codes_of_ours(tool, path)
            stricter[" ".join(codes)] += 1
    print(f"{len(models)} models")
    for (onnx_says, we_say), n in sorted(table.items()):
        print(f"  {onnx_says} by onnx.checker, {we_say} with us: {n}")
    for why, n in explained.most_common():
        print(f"  explained, {n}: {why}")
    for codes, n in stricter.most_common():
        print(f"  accepted there, fatal with us, {n}: {codes}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
