#!/usr/bin/env python3
"""Seeded miscompilations: passes made wrong, mechanically; the check must find each that matters.

    mutants.py [--tool build/onnxopt] [--kind KIND] [--pass NAME] [--sample N] [--again] [MODEL...]

A mutant is a pass with one thing changed:

    rule     the text of a rule: tests/cross/mutate_rules.py
    change   what a pass, in C or a rule, makes of the model: tests/cross/mutate.c
    guard    a pass in C without a guard: tests/guards_c.py
    hand     a wrong rule of tests/wrong.py, whose operator is given an Identity to take away

It is applied once, at its first site, to every model of ../shared/models and tests/models and
every golden of its pass, as they stand where the pass would do its first rewrite, at the end
of the default pipeline, and where the pass itself has nothing left to do; what it makes there
must be another file than what the pass makes. Then ONNX Runtime, without optimization, computes
the model with and without it, at several sizes and seeds (../shared/judge makes the inputs).
It differs if an output differs by more than four times what half a unit in the last place of
all constants and inputs does. Such a mutant must be refused by the defaults of the tool: exit
code not 0, nothing written.

Printed is a table, and the misses with a command each. Results are kept in build/mutants.jsonl,
and what stands there is not done again; with --again that where something was missed, and no more. tests/mutants.txt has
those that are excused, and why. Exit 1: others were missed.
"""

import argparse
import collections
import copy
import fnmatch
import hashlib
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

os.environ["ONNXOPT_REPRO"] = "none"         # what is found need not be shown
from onnx import numpy_helper

import infer_true
import inferred
import laws
import mutate_rules

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import guards_c  # noqa: E402
import wrong  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent.parent
TABLE = ROOT / "tests/mutants.txt"
SIZES, SEEDS, TRIALS = 3, 2, 6
KINDS = ["rule", "change", "guard", "hand"]
CHANGES = "axis list order factor forget exchange drop above scale element sign".split()
PLACES = 3                            # of a rewrite, for each change
NOTHING = 99                          # exit code: it has no such place
SECONDS = 5                           # a check may take
ORT_SECONDS = 6                       # for the runs of a model in one state; one run in any case
END = re.compile(r"^#! (?:after|unchanged)", re.M)     # of the model of a golden
ort.set_default_logger_severity(4)


# ---- models


class Model:
    """A file, or a golden, and which passes it is for (None: all)."""

    def __init__(self, path):
        self.path = path
        self.golden = path.suffix == ".onnxtxt"
        self.name = f"{path.parent.name}/{path.name}" if self.golden else path.name
        self.options, self.passes = [], None
        if self.golden:
            head = END.split(path.read_text())[0]
            told = re.search(r"^#! options: *(.*)$", head, re.M)
            self.options = told.group(1).split() if told else []
            self.passes = re.split(r"[,+]", re.search(r"^#! passes: *(.*)$", head, re.M).group(1))

    def load(self, tool, target):
        """As a file that the tool wrote. False: it cannot."""
        source = self.path
        if self.golden:
            source = target.with_suffix(".txt")
            text = END.split(self.path.read_text())[0]
            source.write_text("\n".join(line for line in text.split("\n") if not line.startswith("#!")))
        done = run([tool, *(["parse", source, target] if self.golden else [source, target, "--passes", "none", "--check", "off"]), "-q"])
        return done.returncode == 0


def models(where):
    for p in where:
        for f in [p] if p.is_file() else sorted([*p.rglob("*.onnx"), *p.rglob("*.onnxtxt")]):
            if f.suffix == ".onnx" or END.search(f.read_text()) and "\n#! passes:" in f.read_text():
                yield Model(f)


# ---- the tool


def run(argv, seconds=120, **more):
    try:
        return subprocess.run([*map(str, argv)], capture_output=True, text=True, timeout=seconds, **more)
    except subprocess.TimeoutExpired as e:
        return subprocess.CompletedProcess(argv, 124, "", f"no answer within {e.timeout} s")


class Mutant:
    """What runs: a rule of another text, or a pass in another program."""

    def __init__(self, kind, pass_name, where, what, text=None, program=None, setting=None):
        self.kind, self.pass_name, self.where, self.what = kind, pass_name, where, what
        self.text, self.program, self.setting = text, program, setting

    @property
    def key(self):
        return f"{self.kind} {self.pass_name} {self.where} {self.what}"

    @property
    def heading(self):
        return heading(self.kind, self.where)

    @property
    def distinct(self):
        """What counts as one: a guard that several passes share is one."""
        return self.heading, self.where, self.what, self.kind != "guard" and self.pass_name

    @property
    def follows(self):
        """Does it act only where the pass does?"""
        return self.where == "after" or self.kind == "change"

    def argv(self, tool, state, out, folder):
        if self.program:
            return ["env", self.setting, self.program, state, out, "--passes", f"none,{self.pass_name}", "--rewrite-limit", "1"]
        file = folder / "rule.yaml"
        file.write_text(mutate_rules.guards.renamed(self.text))
        return [tool, state, out, "--passes", f"none,{file}", "--rewrite-limit", "1"]


def heading(kind, where):
    """In the table."""
    return f"{kind} {where}" if kind in ("rule", "change") else kind


def apply(mutant, tool, state, out, folder, options, check):
    out.unlink(missing_ok=True)
    start = time.monotonic()
    done = run([*mutant.argv(tool, state, out, folder), *options, *([] if check else ["--check", "off"])])
    return done, time.monotonic() - start


def rule_mutants(tool, only, jobs):
    """(pass, mutants) of each rule; those that are no rules are left out."""
    rules = [(tool, name, body) for name, _, _, body in mutate_rules.guards.rules() if not only or name in only]
    for (_, name, body), found, problem in inferred.in_children(accepted, rules, jobs=jobs):
        if problem:
            raise SystemExit(f"{name}: {problem}")
        yield name, found


def accepted(item):
    tool, name, body = item
    with tempfile.TemporaryDirectory() as t:
        folder = Path(t)
        (folder / "m.txt").write_text('<ir_version: 8, opset_import: ["" : 17]>\ng (float x) => (y) {\n y = Relu (x)\n}\n')
        run([tool, "parse", folder / "m.txt", folder / "m.onnx", "-q"])
        some = (Mutant("rule", name, m.where, m.what, m.text) for m in mutate_rules.mutants(name, body))
        return [m for m in some if apply(m, tool, folder / "m.onnx", folder / "o.onnx", folder, ["-q"], False)[0].returncode == 0]


def change_mutants(program, names):
    for name in names:
        yield name, [Mutant("change", name, change, str(n), None, program, f"OX_MUTANT={change}:{n}")
                     for change in CHANGES for n in range(PLACES)]


def guard_mutants(names):
    """Of a pass in C: its own guards, and those of what passes share."""
    guards = []
    program = guards_c.build(ROOT / "build/onnxopt", guards_c.sources(), guards)
    for name in names:
        some = [Mutant("guard", name, g.path.name, f"{g.line}: {g.what}", None, program, f"OX_GUARD_OFF={g.number}")
                for g in guards if g.path.stem == name or g.path.stem not in names]
        if any(m.where == f"{name}.c" for m in some):
            yield name, some


# Attributes that a convolution or a pool in a model has, and a wrong rule does not speak of.
OTHERS = {"Conv": ["kernel_shape", "strides", "dilations", "group"], "MaxPool": ["strides"], "AveragePool": ["strides"]}


def hand_mutants():
    """Each as a pass of its own."""
    for name, (_, _, right, made, numerics, *_) in wrong.ROWS.items():
        for op, attrs in OTHERS.items():
            if right.startswith(f"{op} ") and made.startswith(f"{op} "):
                right, made = (with_attributes(call, [a for a in attrs if a not in right + made]) for call in (right, made))
        yield name, [Mutant("hand", name, "", "", wrong.rule(right, made, numerics))]


def with_attributes(call, names):
    every = "".join(f"{name} = @{name}, " for name in names)
    return call.replace(" <", f" <{every}", 1) if "<" in call else call.replace(" (", f" <{every[:-2]}> (", 1)


def seeded(path, name):
    """The model there, with an Identity before the operand that the rule speaks of. False: it has none."""
    op, operands = re.search(r"(\w+)(?: <[^>]*>)? \(([^()]*\{\}[^()]*)\)", wrong.ROWS[name][2]).groups()
    at = [o.strip() for o in operands.split(",")].index("{}")
    proto = inferred.load(path, external=False)
    found = [i for i, n in enumerate(proto.graph.node) if n.op_type == op and len(n.input) > at and n.input[at]]
    for i in reversed(found):
        n = proto.graph.node[i]
        proto.graph.node.insert(i, onnx.helper.make_node("Identity", [n.input[at]], [f"seeded_{i}"]))
        proto.graph.node[i + 1].input[at] = f"seeded_{i}"
    path.write_bytes(proto.SerializeToString())
    return bool(found)


# ---- where a pass is applied


class Site:
    """A model in a state, what the pass itself makes of it, and what ONNX Runtime computes."""

    def __init__(self, label, path, model, tool, pass_name, folder):
        self.label, self.path, self.model, self.tool = label, path, model, tool
        legit = folder / f"{label}.legit.onnx"
        done = run([tool, path, legit, "--passes", f"none,{pass_name}" if pass_name else "none", "--rewrite-limit", "1", "--check", "off",
                    "-q", *model.options])
        self.legit = hashlib.sha256(legit.read_bytes()).digest() if done.returncode == 0 else None
        self.own = hashlib.sha256(path.read_bytes()).digest()
        self.reference = None

    @property
    def acts(self):
        return self.legit is not None and self.legit != self.own

    def changed(self, out):
        h = hashlib.sha256(out.read_bytes()).digest()
        return h not in (self.legit, self.own)


def seeded_sites(model, tool, name, folder):
    """As it came, and at the end of the default pipeline."""
    for label, argv in (("raw", ["--passes", "none"]), ("end", [])):
        path, out = folder / f"{label}.onnx", folder / f"{label}.again.onnx"
        if model.golden or run([tool, model.path, path, *argv, "--check", "off", "-q"]).returncode or not seeded(path, name):
            return
        if run([tool, path, out, "--passes", "none", "--check", "off", "-q"]).returncode == 0:
            yield Site(label, out, model, tool, None, folder)


def sites(model, tool, pass_name, fired, folder, quiet):
    """States of the model, most telling first; those that are the same once. quiet: also where the pass does nothing."""
    raw = folder / "raw.onnx"
    if not model.load(tool, raw):
        return
    seen = set()
    options = [*model.options, "--check", "off", "-q"]

    def site(label, path, argv):
        if argv is not None and run([tool, raw, path, *argv, *options]).returncode:
            return None
        s = Site(label, path, model, tool, pass_name, folder)
        new = s.own not in seen
        seen.add(s.own)
        return s if new else None

    if not model.golden and pass_name in fired:
        yield site("before", folder / "before.onnx", ["--rewrite-limit", fired.index(pass_name)])
    yield site("raw", raw, None)
    if not quiet:
        return
    yield site("after", folder / "after.onnx", ["--passes", f"none,{pass_name}"])
    if not model.golden:
        yield site("end", folder / "end.onnx", [])


# ---- ONNX Runtime


class Unusable(Exception):
    """The runtime computes it on no input that was tried."""


class Reference:
    """What the runtime computes of a state, on which inputs, and how much rounding moves it."""

    def __init__(self, site):
        self.path, self.golden, self.tool = site.path, site.model.golden, site.tool
        self.proto = inferred.load(site.path, external=False)
        if any(n.op_type in laws.RANDOM for n in laws.every_node(self.proto)):
            raise Unusable("random")
        try:
            self.session = infer_true.open_session(self.proto)
        except Exception as e:
            raise Unusable(str(e)) from e
        self.samples = list(self.of_golden(site.model) if self.golden else self.of_model(site.model.path))
        if not self.samples:
            raise Unusable("no input")
        self.noise = None

    def of_model(self, path):
        maker = infer_true.Maker(self.proto, path, self.session)
        end, given, accepted, known = time.monotonic() + ORT_SECONDS, 0, [], None
        for sizes in maker.sizes(accepted):
            if len(accepted) >= SIZES or given and time.monotonic() > end:
                return
            for ints in known or infer_true.INT_RANGES:
                try:
                    for seed in range(SEEDS):
                        feed = maker.feeds(sizes, ints, seed)
                        yield feed, self.session.run(None, feed)
                        given += 1
                        if time.monotonic() > end:
                            return
                    accepted.append(sizes)
                    known = [ints]
                    break
                except Exception:
                    if time.monotonic() > end + 10 * ORT_SECONDS:
                        return

    def of_golden(self, model):
        rng = np.random.default_rng(0)
        for trial in range(TRIALS):
            feed = laws.feeds(self.proto, self.session, rng, trial, int("--positive-dims" in model.options))
            if feed is None:
                return
            try:
                want = self.session.run(None, feed)
            except Exception:
                continue
            if is_legal(self.tool, self.path, feed):
                yield feed, want

    def moved(self):
        """Per output (error, share of elements, a hard difference) of the model, rounded otherwise."""
        if self.noise is None:
            self.noise = {}
            for seed in range(3):
                rng = np.random.default_rng(seed)
                proto = onnx.ModelProto()
                proto.CopyFrom(self.proto)
                for t in tensors(proto):
                    jiggle(t, rng)
                try:
                    session = infer_true.open_session(proto)
                except Exception:
                    continue
                merge(self.noise, self.differences(session, lambda a: nudged(a, rng)))
        return self.noise

    def differences(self, session, change=lambda a: a):
        """Per output the largest difference. Raises what the runtime does."""
        found = {}
        there = {i.name for i in session.get_inputs()} | {i.name for i in session.get_overridable_initializers()}
        for feed, want in self.samples:
            try:
                got = session.run(None, {k: change(v) for k, v in feed.items() if k in there})
            except Exception:
                if any(np.asarray(v).size == 0 for v in feed.values()):
                    continue          # some of its kernels are not made for that
                raise
            for i, (w, g) in enumerate(zip(want, got)):
                d = infer_true.judge.difference(w, g)
                merge(found, {i: (d["err"], d["bad"] / max(1, d["total"]), bool(d["hard"]), d["dtype"])})
        return found

    def told_apart(self, path):
        """Why the model there is another one, or None."""
        try:
            session = infer_true.open_session(without_dead_nodes(inferred.load(path, external=False)))
        except Exception as e:
            if "NOT_IMPLEMENTED" in str(e):
                raise Unusable(str(e)) from e
            return f"does not load: {inferred.one_line(str(e))}"
        if [o.name for o in session.get_outputs()] != [o.name for o in self.session.get_outputs()]:
            return "other outputs"
        try:
            found = self.differences(session)
        except Exception as e:
            return f"does not run: {inferred.one_line(str(e))}" if not any(q in str(e) for q in laws.QUIRKS) else None
        if not any(hard or err or bad for err, bad, hard, _ in found.values()):
            return None
        noise = self.moved()
        for i, (err, bad, hard, dtype) in found.items():
            n_err, n_bad, n_hard, _ = noise.get(i, (0, 0, False, ""))
            if n_hard or n_err > 0.02:    # near ties: whatever is computed otherwise moves it
                continue
            if hard:
                return f"output {i}: another shape, or NaN or infinity elsewhere"
            if np.dtype(dtype).kind not in "fc" if dtype and dtype not in ("bfloat16",) else False:
                if bad > 4 * n_bad:
                    return f"output {i}: {bad:.1%} of the elements"
            elif err > max(4 * n_err, 1e-3 if dtype in ("float16", "bfloat16") else 1e-12 if dtype == "float64" else 1e-6):
                return f"output {i}: {err:.1e} (rounding {n_err:.1e})"
        return None


def is_legal(tool, path, feed):
    """By ONNX? The runtime joins what does not fit, as long as it is empty, and the like."""
    argv = [tool, "run", path, "-q"]
    for i, (name, value) in enumerate(feed.items()):
        file = path.with_name(f"feed_{i}.npy")
        np.save(file, value)
        argv += ["--inputs", f"{name}:{file}"]
    done = run(argv)
    return done.returncode != 3 or "kernel" in done.stderr or "OX3601" not in done.stderr


class Never:
    """Where the runtime does not even compute the model as it is."""

    def __init__(self, why):
        self.why = why

    def told_apart(self, _):
        raise self.why


def without_dead_nodes(proto):
    """What nobody reads goes anyway; the runtime would compute it, and may fail."""
    read, kept = {o.name for o in proto.graph.output}, []
    for n in reversed(proto.graph.node):
        if read & set(n.output):
            kept.append(n)
            read |= {v for inner in [n, *laws.every_node(onnx.ModelProto(graph=onnx.GraphProto(node=[n])))] for v in inner.input}
            read |= {o.name for a in n.attribute for g in [a.g, *a.graphs] for o in g.output}
    if len(kept) < len(proto.graph.node):
        kept = [copy.deepcopy(n) for n in reversed(kept)]
        del proto.graph.node[:]
        proto.graph.node.extend(kept)
    return proto


def merge(a, b):
    for i, d in b.items():
        a[i] = tuple(max(x, y) for x, y in zip(a.get(i, d), d))


def tensors(proto):
    """Constants of all graphs."""
    graphs = [proto.graph]
    while graphs:
        g = graphs.pop()
        yield from g.initializer
        for n in g.node:
            for a in n.attribute:
                if a.type == onnx.AttributeProto.GRAPH:
                    graphs.append(a.g)
                if a.type == onnx.AttributeProto.TENSOR and n.op_type == "Constant":
                    yield a.t


def jiggle(t, rng):
    if t.data_type not in (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.DOUBLE) or t.data_location:
        return
    a = numpy_helper.to_array(t)
    t.CopyFrom(numpy_helper.from_array(nudged(a, rng), t.name))


def nudged(a, rng):
    """Every float that is not a whole number moved by a unit in its last place, or left."""
    if not isinstance(a, np.ndarray) or a.dtype.kind != "f":
        return a
    with np.errstate(all="ignore"):
        there = np.where(rng.random(a.shape) < 0.5, np.inf, -np.inf).astype(a.dtype)
        moved = np.nextafter(a, there)
    keep = (a == np.round(a)) | ~np.isfinite(a) | (rng.random(a.shape) < 0.3)
    return np.asarray(np.where(keep, a, moved), a.dtype)


# ---- one pass on one model


def work(item):
    """Rows for the mutants of a pass on a model."""
    model, tool, pass_name, mutants, fired, keep = item
    tool = mutants[0].program or tool
    rows = {}
    with tempfile.TemporaryDirectory() as t:
        folder = Path(t)
        out = folder / "out.onnx"
        where = seeded_sites(model, tool, pass_name, folder) if mutants[0].kind == "hand" else \
            sites(model, tool, pass_name, fired, folder, not all(m.follows for m in mutants))
        for site in where:
            if site is None:
                continue
            left = [m for m in mutants if not rows.get(m.key, {}).get("differs") and (site.acts or not m.follows)]
            for m in that_may_act(left, tool, site, out, folder):
                done, _ = apply(m, tool, site.path, out, folder, [*model.options, "-q"], False)
                if done.returncode == NOTHING or done.returncode == 0 and not site.changed(out):
                    continue
                new = judged(m, tool, site, out, folder, done, keep)
                if m.key not in rows or new["differs"]:
                    rows[m.key] = new
    return {"rows": list(rows.values())}


def that_may_act(mutants, tool, site, out, folder):
    """Of many, found in one run."""
    options = ["--rewrite-limit", "1", "--check", "off", "-q", *site.model.options]
    if mutants and mutants[0].kind == "guard":
        told = folder / "told"
        told.unlink(missing_ok=True)
        run(["env", f"OX_GUARDS_THAT_MATTER={told}", mutants[0].program, site.path, out, "--passes", f"none,{mutants[0].pass_name}", *options])
        numbers = told.read_text().split() if told.exists() else []
        return [m for m in mutants if m.setting.split("=")[1] in numbers]
    if not mutants or mutants[0].kind != "rule" or site.acts:
        return mutants
    file = folder / "all.yaml"        # where the rule itself does nothing: does any of them?
    file.write_text("\n".join(mutate_rules.guards.renamed(m.text).replace("trial_of_", f"trial_{i}_of_", 1) for i, m in enumerate(mutants)))
    done = run([tool, site.path, out, "--passes", f"none,{file}", *options])
    return mutants if done.returncode or site.changed(out) else []


def judged(m, tool, site, out, folder, done, keep):
    """Does it differ, is it caught?"""
    row = {"kind": m.kind, "pass": m.pass_name, "where": m.where, "mutant": m.what, "model": site.model.name, "state": site.label}
    if done.returncode:               # even without a check: the gate, or a crash
        return row | {"differs": None, "why": f"exit {done.returncode}", "said": done.stderr.strip()[-200:]}
    if site.reference is None:
        try:
            site.reference = Reference(site)
        except Unusable as e:
            site.reference = Never(e)
    try:
        row["differs"] = None
        row["differs"] = site.reference.told_apart(out)
    except Unusable as e:             # of this type it has no kernel
        row["why"] = f"not run: {inferred.one_line(str(e))}"
    if not row["differs"]:
        return row
    wrong = folder / "wrong.onnx"
    out.rename(wrong)
    done, seconds = apply(m, tool, site.path, out, folder, site.model.options, True)
    if not done.returncode and out.read_bytes() != wrong.read_bytes():    # more is known of types then
        row["differs"] = site.reference.told_apart(out)
        if not row["differs"]:
            return row | {"why": "not by the defaults"}
        shutil.copy(out, wrong)
    row |= {"caught": done.returncode in (1, 3, 5, 70) and not out.exists(), "seconds": round(seconds, 2),
            "said": (done.stderr if done.returncode else done.stdout).strip().split("\n")[-1][-200:]}
    if not row["caught"] and keep:
        row["command"] = kept(m, tool, site, folder, keep, wrong)
    return row


def kept(m, tool, site, folder, keep, wrong):
    """A folder with all that shows it, and the command."""
    name = hashlib.sha256(f"{m.key} {site.model.name}".encode()).hexdigest()[:8]
    home = keep / name
    home.mkdir(parents=True, exist_ok=True)
    shutil.copy(site.path, home / "model.onnx")
    shutil.copy(wrong, home / "wrong.onnx")
    argv = m.argv("build/onnxopt", home / "model.onnx", home / "out.onnx", home)
    return " ".join(map(str, [*argv, *site.model.options]))


# ---- all


def prepare(item):
    """(passes in the order of their rewrites, passes that looked at a node) of a model. None: it is refused."""
    model, tracer = item
    with tempfile.TemporaryDirectory() as t:
        raw, end, trace, report = (Path(t) / name for name in ("raw.onnx", "end.onnx", "trace", "report.json"))
        if not model.load(tracer, raw):
            return None
        if model.golden:
            return [], model.passes
        done = run([tracer, raw, end, "--check", "off", "-q", "--report", report], env={**os.environ, "OX_MUTANT_TRACE": str(trace)})
        if done.returncode:
            return None
        looked = [p["name"] for p in json.loads(report.read_text())["run"]["passes"] if p["attempts"]]
        return trace.read_text().split() if trace.exists() else [], looked


def build():
    """The tool, with tests/cross/mutate.c called for each rewrite before it is checked."""
    tree = ROOT / "build"
    folder = tree / "mutants"
    folder.mkdir(exist_ok=True)
    manager = (ROOT / "passes/manager.c").read_text()
    mark = "static bool is_right(ox_manager *mg, const ox_pass *p, ox_pass_stat *s, const ox_node *n)\n{\n"
    assert manager.count(mark) == 1, "passes/manager.c: is_right is another one"
    (folder / "manager.c").write_text(manager.replace(mark, "void ox_mutate(ox_model *, const char *);\n" + mark + "\tox_mutate(mg->m, p->name);\n"))
    flags = ["-std=c11", "-D_DEFAULT_SOURCE", "-D_POSIX_C_SOURCE=200809L", '-DOX_VERSION="0"', "-ffp-contract=off", "-O1", "-w",
             "-I.", "-Iinclude", f"-I{tree}/gen", "-Ipasses"]
    sources = [tree / "libonnxopt.a", ROOT / "tests/cross/mutate.c"]
    newest = max(f.stat().st_mtime for f in sources)
    program = folder / "onnxopt"
    if program.exists() and program.stat().st_mtime > newest:
        return program
    objects = []
    for source in (folder / "manager.c", ROOT / "tests/cross/mutate.c"):
        objects.append(folder / (source.stem + ".o"))
        subprocess.run(["gcc", *flags, "-c", "-o", objects[-1], source], check=True, cwd=ROOT)
    new = folder / "onnxopt.new"
    subprocess.run(["gcc", "-O1", "-o", new, *objects, *sorted((tree / "obj/cli").glob("*.o")), tree / "libonnxopt.a",
                    "-lprotobuf-c", "-lyaml", "-lz", "-lm"], check=True, cwd=ROOT)
    new.replace(program)              # whoever runs the old one goes on
    return program


def is_for(kind, pass_name, model, known):
    if kind == "hand":
        return not model.golden
    return pass_name in known[0 if kind == "change" and not model.golden else 1]


def pass_names(tool):
    return [line.split()[0] for line in run([tool, "passes"]).stdout.splitlines()[1:] if line]


def chosen(mutants, count, seed):
    """So many of them, each as likely as any other."""
    if not count:
        return {m.key for m in mutants}
    return {m.key for m in sorted(mutants, key=lambda m: hashlib.sha256(f"{seed} {m.key}".encode()).digest())[:count]}


def excuses():
    lines = TABLE.read_text().split("\n") if TABLE.exists() else []
    return [line.split("  | ")[0].strip() for line in lines if line and not line.startswith("#")]


def is_excused(row, patterns):
    name = f"{row['pass']} {row['where']} {row['mutant']} on {row['model']}"
    return any(fnmatch.fnmatchcase(name, p.replace("[", "[[]")) for p in patterns)


def table(rows, made):
    patterns = excuses()
    lines = [("where", "kind", "made", "applied", "differ", "caught", "excused", "missed", "share", "slowest")]
    tally = collections.defaultdict(list)
    for r in rows:
        side = "goldens" if "/" in r["model"] else "models"
        for key in ((side, heading(r["kind"], r["where"])), (side, "all")):
            tally[key].append(r)
    for key in sorted(tally):
        some = tally[key]
        wrong = [r for r in some if r["differs"]]
        caught = [r for r in wrong if r["caught"] and r["seconds"] <= SECONDS]
        excused = [r for r in wrong if r not in caught and is_excused(r, patterns)]
        of = len(wrong) - len(excused)
        lines.append((*key, made.get(key[1], sum(made.values())), len(some), len(wrong), len(caught), len(excused),
                      of - len(caught), f"{100 * len(caught) / of:.2f} %" if of else "-", max((r["seconds"] for r in wrong if r["caught"]), default=0)))
    inferred.table(lines, "ll" + "r" * 8)
    return [r for r in rows if r["differs"] and not (r["caught"] and r["seconds"] <= SECONDS) and not is_excused(r, patterns)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", type=Path, default=ROOT / "build/onnxopt")
    p.add_argument("--judge", type=Path, default=ROOT / "../shared/judge")
    p.add_argument("--pass", dest="passes", action="append", help="mutants of this one alone; repeatable")
    p.add_argument("--kind", dest="kinds", action="append", choices=KINDS, help="of these alone; repeatable")
    p.add_argument("--sample", type=int, default=0, help="so many mutants, drawn")
    p.add_argument("--seed", type=int, default=0, help="of the draw, and of the order")
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("--seconds", type=float, default=900, help="for one pass on one model")
    p.add_argument("--results", type=Path, default=ROOT / "build/mutants.jsonl")
    p.add_argument("--keep", type=Path, default=ROOT / "build/missed", help="where misses stay")
    p.add_argument("--again", action="store_true", help="passes on models with misses, these alone")
    p.add_argument("--tell", action="store_true", help="the table of what is there, no more")
    p.add_argument("--shuffle", action="store_true", help="in a random order (--seed): what is done when it is stopped is a fair part of all")
    p.add_argument("where", nargs="*", type=Path)
    o = p.parse_args()
    o.tool = o.tool.resolve()
    where = o.where or [ROOT / "tests/golden", ROOT / "tests/models", ROOT / "../shared/models"]
    kinds, program, names = o.kinds or KINDS, build(), pass_names(o.tool)
    groups = list(rule_mutants(o.tool, o.passes, o.jobs)) if "rule" in kinds else []
    groups += list(change_mutants(program, names)) if "change" in kinds else []
    groups += list(guard_mutants(names)) if "guard" in kinds else []
    groups += list(hand_mutants()) if "hand" in kinds else []
    groups = [(name, some) for name, some in groups if not o.passes or name in o.passes]
    drawn = chosen([m for _, some in groups for m in some], o.sample, o.seed)
    made = collections.Counter(h for h, *_ in {m.distinct for _, some in groups for m in some if m.key in drawn})
    old = [json.loads(line) for line in o.results.read_text().splitlines()] if o.results.exists() else []
    state = {tuple(i["item"]): i for i in old}
    asked = [] if o.tell else list(items(o, groups, drawn, models(where), state, program))
    if o.shuffle:
        random.Random(o.seed).shuffle(asked)
    o.results.parent.mkdir(exist_ok=True)
    start = time.monotonic()
    with o.results.open("a") as log:
        for n, (item, result, problem) in enumerate(inferred.in_children(work, asked, jobs=o.jobs, seconds=o.seconds)):
            key = (item[2], item[0].name, hashlib.sha256("".join(sorted(m.key for m in item[3])).encode()).hexdigest()[:8])
            line = {"item": key, "rows": [], "problem": problem, **(result or {})}
            state[key] = line
            print(json.dumps(line), file=log, flush=True)
            for r in line["rows"]:
                if r["differs"] and not r["caught"]:
                    print(f"MISSED {r['pass']} {r['where']} {r['mutant']} on {r['model']} ({r['state']}): {r['differs']}\n    {r.get('command')}", flush=True)
            if problem:
                print(f"{key[0]} on {key[1]}: {problem}", flush=True)
            if n % 50 == 49:
                print(f"-- {n + 1} of {len(asked)}, {time.monotonic() - start:.0f} s", flush=True)
    rows = [r for i in state.values() for r in i["rows"] if (not o.passes or r["pass"] in o.passes) and r["kind"] in kinds]
    missed = table(rows, made)
    for r in missed:
        print(f"missed: {r['pass']} {r['where']} {r['mutant']} on {r['model']} ({r['state']}): {r['differs']}; {r.get('said')}\n    {r.get('command')}")
    return 1 if missed or not rows else 0


def items(o, groups, drawn, some, state, tracer):
    """(model, tool, pass, mutants, passes that fired, where misses stay) of what is to be done."""
    names = {name for name, _ in groups}
    some = [m for m in some if m.passes is None or names & set(m.passes)]
    infer_true.use_judge(o.judge, [m.path for m in some])
    for (model, _), known, problem in inferred.in_children(prepare, [(m, tracer) for m in some], jobs=o.jobs, seconds=300):
        if not known:
            if not model.golden:
                print(f"{model.name}: left out: {problem or 'the tool refuses it'}")
            continue
        for name, mutants in groups:
            mutants = [m for m in mutants if m.key in drawn]
            key = (name, model.name, hashlib.sha256("".join(sorted(m.key for m in mutants)).encode()).hexdigest()[:8])
            done = state.get(key)
            if done and not o.again or o.again and not (done and any(r["differs"] and not r["caught"] for r in done["rows"])):
                continue
            if mutants and is_for(mutants[0].kind, name, model, known):
                yield model, o.tool, name, mutants, known[0], o.keep


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
