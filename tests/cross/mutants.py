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
the model with and without it, at several sizes and seeds (../shared/judge makes the inputs),
until it differs: an output by more than four times what half a unit in the last place of
all constants and inputs does. Such a mutant must be refused by the defaults of the tool: exit
code not 0, nothing written.

A worker takes a model with all passes, largest models first, and helps where most is left when
there is no other. --shuffle takes the models in a random order (--seed): what is done when it
is stopped is a fair part of all models, each with all its passes.

Printed is a table, how many passes on models came to no end, and the misses with a command
each. Where ONNX Runtime crashes or hangs, that mutant alone is one it could not judge. Results
are kept in build/mutants.jsonl, and what stands there is not done again; with --again that where
something was missed, and no more. tests/mutants.txt has those that are excused, and why. Exit 1:
others were missed.
"""

import argparse
import collections
import contextlib
import copy
import fnmatch
import hashlib
import json
import multiprocessing.connection
import os
import random
import re
import resource
import shutil
import signal
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
ATTEMPTS = 40                         # for a pass on a model where ONNX Runtime crashes again and again
MEMORY = Path("/dev/shm")
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
    """Each once: some lie in several folders."""
    seen = set()
    for p in where:
        for f in [p] if p.is_file() else sorted([*p.rglob("*.onnx"), *p.rglob("*.onnxtxt")]):
            if f.suffix == ".onnx" or END.search(f.read_text()) and "\n#! passes:" in f.read_text():
                model = Model(f.absolute())
                same = model.name, hashlib.sha256(f.read_bytes()).digest()
                if same not in seen:
                    seen.add(same)
                    yield model


# ---- the tool


class Server:
    """A program of build() for many commands (tests/cross/serve.c), in place of programs that do the same."""

    def __init__(self, program, same, folder):
        self.same, self.folder = {str(program), *map(str, same)}, folder
        self.process = subprocess.Popen([program, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder,
                                        env=os.environ | {"OX_GUARDS_THAT_MATTER": os.devnull})

    def run(self, argv, seconds, settings):
        words = [*argv, *(f"{name}={value}" for name, value in settings.items())]
        self.process.stdin.write(f"{len(argv)} {len(settings)} {seconds}\n".encode() + b"".join(w.encode() + b"\0" for w in words))
        self.process.stdin.flush()
        code = self.process.stdout.readline()
        if not code:
            sys.exit("the server ended")
        said = ((self.folder / name).read_text(errors="replace") for name in ("stdout", "stderr"))
        return subprocess.CompletedProcess(argv, int(code), *said)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


server = None                         # of this process


def run(argv, seconds=120, alone=False, **settings):
    """alone: as a person runs it. settings: of the environment."""
    argv = [*map(str, argv)]
    if server and argv[0] in server.same and not alone:
        return server.run(argv, seconds, settings)
    try:
        return subprocess.run(argv, capture_output=True, text=True, timeout=seconds, env=os.environ | settings)
    except subprocess.TimeoutExpired as e:
        return subprocess.CompletedProcess(argv, -signal.SIGALRM, "", f"no answer within {e.timeout} s")


def memory():
    """Where a file is written at once; None: anywhere."""
    return MEMORY if os.access(MEMORY, os.W_OK) else None


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

    @property
    def settings(self):
        return dict([self.setting.split("=")]) if self.setting else {}

    def argv(self, tool, state, out, folder):
        what = self.pass_name
        if not self.program:
            what = folder / "rule.yaml"
            what.write_text(mutate_rules.guards.renamed(self.text))
        return [self.program or tool, state, out, "--passes", f"none,{what}", "--rewrite-limit", "1"]


def heading(kind, where):
    """In the table."""
    return f"{kind} {where}" if kind in ("rule", "change") else kind


def apply(mutant, tool, state, out, folder, options, check):
    out.unlink(missing_ok=True)
    start = time.monotonic()
    done = run([*mutant.argv(tool, state, out, folder), *options, *([] if check else ["--check", "off"])], alone=check, **mutant.settings)
    return done, time.monotonic() - start


def rule_mutants(program, only, jobs):
    """(pass, mutants) of each rule; those that are no rules are left out."""
    rules = [(program, name, body) for name, _, _, body in mutate_rules.guards.rules() if not only or name in only]
    for (_, name, body), found, problem in inferred.in_children(accepted, rules, jobs=jobs):
        if problem:
            raise SystemExit(f"{name}: {problem}")
        yield name, found


def accepted(item):
    global server
    program, name, body = item
    with tempfile.TemporaryDirectory(dir=memory()) as t:
        folder = Path(t)
        server = Server(program, [], folder)
        (folder / "m.txt").write_text('<ir_version: 8, opset_import: ["" : 17]>\ng (float x) => (y) {\n y = Relu (x)\n}\n')
        run([program, "parse", folder / "m.txt", folder / "m.onnx", "-q"])
        some = (Mutant("rule", name, m.where, m.what, m.text) for m in mutate_rules.mutants(name, body))
        return [m for m in some if apply(m, program, folder / "m.onnx", folder / "o.onnx", folder, ["-q"], False)[0].returncode == 0]


def change_mutants(program, names):
    for name in names:
        yield name, [Mutant("change", name, change, str(n), None, program, f"OX_MUTANT={change}:{n}")
                     for change in CHANGES for n in range(PLACES)]


def guard_mutants(program, guards, names):
    """Of a pass in C: its own guards, and those of what passes share."""
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


def place_of(name):
    """Operator and operand that a wrong rule speaks of."""
    op, before = re.search(r"(\w+)(?: <[^>]*>)? \(([^()]*)\{\}", wrong.ROWS[name][2]).groups()
    return op, before.count(",")


def seeded(proto, op, at):
    """The model with an Identity before this operand of each such node. None: it has none."""
    found = [i for i, n in enumerate(proto.graph.node) if n.op_type == op and len(n.input) > at and n.input[at]]
    if not found:
        return None
    proto = copy.deepcopy(proto)
    for i in reversed(found):
        n = proto.graph.node[i]
        proto.graph.node.insert(i, onnx.helper.make_node("Identity", [n.input[at]], [f"seeded_{i}"]))
        proto.graph.node[i + 1].input[at] = f"seeded_{i}"
    return proto


# ---- where a pass is applied


class Site:
    """A model in a state, what the pass itself makes of it, and what ONNX Runtime computes."""

    def __init__(self, label, path, states, pass_name, like=None):
        self.label, self.path, self.states, self.model = label, path, states, states.model
        self.own = path.read_bytes()
        self.like = like or self      # what is computed is the same
        self.told = {}                # by what a mutant made
        legit = states.folder / f"{label}.legit.onnx"
        done = run([states.tool, path, legit, "--passes", f"none,{pass_name}" if pass_name else "none", "--rewrite-limit", "1",
                    "--check", "off", "-q", *self.model.options])
        self.legit = legit.read_bytes() if done.returncode == 0 else None

    @property
    def acts(self):
        return self.legit is not None and self.legit != self.own

    def changed(self, out):
        return out.read_bytes() not in (self.legit, self.own)

    def told_apart(self, mutant, out):
        """Why what it made is another model, or None."""
        made = hashlib.blake2b(out.read_bytes()).digest()
        if made not in self.told:
            reference, where = self.states.reference(self.like), (self.label, mutant.pass_name, mutant.key)
            if where in self.states.deadly:
                raise Unusable(self.states.deadly[where])
            with self.states.at(where):
                self.told[made] = reference.told_apart(out)
        return self.told[made]


class States:
    """The files of a model in which its passes are tried, each made once."""

    def __init__(self, model, tool, fired, folder, deadly, note):
        self.model, self.tool, self.fired, self.folder = model, tool, fired, folder
        self.deadly, self.note = deadly, note     # where ONNX Runtime crashed; tells where it is next
        self.files, self.protos, self.sites, self.references = {}, {}, {}, {}
        self.passes = None

    def file(self, label, argv):
        """Of that name, made of the model as it came. None: the tool refuses it."""
        if label not in self.files:
            path, raw = self.folder / f"{label}.onnx", self.folder / "raw.onnx"
            good = self.model.load(self.tool, path) if label == "raw" else \
                run([self.tool, raw, path, *argv, *self.model.options, "--check", "off", "-q"]).returncode == 0
            self.files[label] = path if good else None
        return self.files[label]

    def begin(self, passes):
        """What was made for other passes is not needed any more."""
        if self.passes != passes:
            self.passes, self.sites = passes, {}
            self.references = {k: r for k, r in self.references.items() if k[0] in ("raw", "end")}
            self.files = {k: f for k, f in self.files.items() if k in ("raw", "end")}

    def of_pass(self, name, quiet):
        """States of the model, most telling first; those that are the same once. quiet: also where the pass does nothing."""
        if not self.file("raw", []):
            return
        seen = set()
        labels = {"before": ["--rewrite-limit", self.fired.index(name)]} if not self.model.golden and name in self.fired else {}
        labels |= {"raw": []}
        if quiet:
            labels |= {"after": ["--passes", f"none,{name}"]} | ({} if self.model.golden else {"end": []})
        for label, argv in labels.items():
            site = self.site(label, argv, name)
            if site and site.own not in seen:
                seen.add(site.own)
                yield site

    def site(self, label, argv, name):
        if label not in self.sites:
            path = self.file(label, argv)
            self.sites[label] = path and Site(label, path, self, name)
        return self.sites[label]

    def of_place(self, op, at):
        """As it came, and at the end of the default pipeline, with an Identity there to take away."""
        for label in ("raw", "end") if not self.model.golden and self.file("raw", []) else ():
            if label not in self.sites:
                self.sites[label] = self.seeded(label, op, at)
            if not self.sites[label]:
                return
            yield self.sites[label]

    def seeded(self, label, op, at):
        path = self.file(label, [])
        if not path:
            return None
        if label not in self.protos:
            self.protos[label] = inferred.load(path, external=False)
        proto = seeded(self.protos[label], op, at)
        new, again = self.folder / "seeded.onnx", self.folder / f"{label}.seeded.onnx"
        if not proto or not new.write_bytes(proto.SerializeToString()) or \
           run([self.tool, new, again, "--passes", "none", "--check", "off", "-q"]).returncode:
            return None
        return Site(label, again, self, None, self.plain(label, path))

    def plain(self, label, path):
        return Plain(label, path, self.model, path.read_bytes())

    def reference(self, site):
        """What the runtime computes of a site; of equal files once."""
        made = next((r for (_, own), r in self.references.items() if own == site.own), None)
        if made:
            return made
        raw = None
        if site.label in ("before", "after") and not self.model.golden:
            raw = self.plain("raw", self.file("raw", []))
            if raw.own == site.own:
                return self.reference(raw)
            raw = self.reference(raw)
        return self.references.setdefault((site.label, site.own), self.made(site, raw))

    def made(self, site, raw):
        where = (site.label, None if site.label in ("raw", "end") else self.passes, None)
        if where in self.deadly:
            return Never(Unusable(self.deadly[where]))
        with self.at(where):
            try:
                return Reference(site, self.tool, raw)
            except Unusable as e:
                return Never(e)

    @contextlib.contextmanager
    def at(self, where):
        """What ends this process meanwhile, ONNX Runtime does."""
        self.note(where)
        try:
            yield
        finally:
            self.note(None)


Plain = collections.namedtuple("Plain", "label path model own")      # a state as it is, of no pass


# ---- ONNX Runtime


class Unusable(Exception):
    """The runtime computes it on no input that was tried."""


class Reference:
    """What the runtime computes of a state, on which inputs, and how much rounding moves it."""

    def __init__(self, site, tool, raw=None):
        """raw: of the model as it came; what could be computed of that can be of this."""
        self.path, self.golden, self.tool = site.path, site.model.golden, tool
        self.proto = inferred.load(site.path, external=False)
        if any(n.op_type in laws.RANDOM for n in laws.every_node(self.proto)):
            raise Unusable("random")
        try:
            self.session = infer_true.open_session(self.proto)
        except Exception as e:
            raise Unusable(str(e)) from e
        self.samples = self.like(raw) if raw and raw.samples else None
        if self.samples is None:
            self.samples = list(self.of_golden(site.model) if self.golden else self.of_model(site.model.path))
        if not self.samples:
            raise Unusable("no input")
        self.noise = None

    def like(self, raw):
        """On the inputs of the model as it came. None: it has others."""
        try:
            return [(feed, self.session.run(None, feed)) for feed, _ in raw.samples]
        except Exception:
            return None

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
            noise = {}
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
                for found in self.differences(session, lambda a: nudged(a, rng)):
                    merge(noise, found)
            self.noise = noise
        return self.noise

    def differences(self, session, change=lambda a: a):
        """Per output the difference, of each sample. Raises what the runtime does."""
        there = {i.name for i in session.get_inputs()} | {i.name for i in session.get_overridable_initializers()}
        for feed, want in self.samples:
            try:
                got = session.run(None, {k: change(v) for k, v in feed.items() if k in there})
            except Exception:
                if any(np.asarray(v).size == 0 for v in feed.values()):
                    continue          # some of its kernels are not made for that
                raise
            yield {i: difference(w, g) for i, (w, g) in enumerate(zip(want, got))}

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
            return next(filter(None, map(self.more_than_rounding, self.differences(session))), None)
        except Exception as e:
            return f"does not run: {inferred.one_line(str(e))}" if not any(q in str(e) for q in laws.QUIRKS) else None

    def more_than_rounding(self, found):
        """What is, of the differences of a sample."""
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


def difference(want, got):
    """(error, share of elements, a hard difference, type)"""
    both = (want, got)
    if all(isinstance(v, np.ndarray) and v.dtype.kind in "biufc" for v in both) and want.dtype == got.dtype and \
       want.shape == got.shape and want.tobytes() == got.tobytes():
        return 0.0, 0.0, False, want.dtype.name
    d = infer_true.judge.difference(want, got)
    return d["err"], d["bad"] / max(1, d["total"]), bool(d["hard"]), d["dtype"]


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

    samples = []

    def __init__(self, why):
        self.why = why

    def told_apart(self, _):
        raise self.why


def without_dead_nodes(proto):
    """What nobody reads goes anyway; the runtime would compute it, and may fail."""
    read, kept = {o.name for o in proto.graph.output}, []
    for n in reversed(proto.graph.node):
        if not read.isdisjoint(n.output):
            kept.append(n)
            read.update(reads(n))
    if len(kept) < len(proto.graph.node):
        kept = [copy.deepcopy(n) for n in reversed(kept)]
        del proto.graph.node[:]
        proto.graph.node.extend(kept)
    return proto


def reads(node):
    """Values that it or a node within reads."""
    nodes, read = [node], []
    while nodes:
        n = nodes.pop()
        read += n.input
        for a in n.attribute:
            for g in [a.g] if a.type == onnx.AttributeProto.GRAPH else a.graphs:
                nodes += g.node
                read += [o.name for o in g.output]
    return read


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


def work(states, pass_name, mutants, keep):
    """Rows for the mutants of a pass on a model."""
    rows, tool, folder = {}, states.tool, states.folder
    out = folder / "out.onnx"
    where = states.of_place(*place_of(pass_name)) if mutants[0].kind == "hand" else \
        states.of_pass(pass_name, not all(m.follows for m in mutants))
    for site in where:
        left = [m for m in mutants if not rows.get(m.key, {}).get("differs") and (site.acts or not m.follows)]
        for m in that_may_act(left, tool, site, out, folder):
            states.note(None)
            done, _ = apply(m, tool, site.path, out, folder, [*site.model.options, "-q"], False)
            if done.returncode == NOTHING or done.returncode == 0 and not site.changed(out):
                continue
            new = judged(m, tool, site, out, folder, done, keep)
            if m.key not in rows or new["differs"]:
                rows[m.key] = new
    return list(rows.values())


def that_may_act(mutants, tool, site, out, folder):
    """Of many, found in few runs."""
    if not mutants or mutants[0].kind in ("rule", "hand"):
        return mutants if site.acts else acting(mutants, tool, site, out, folder)
    told = folder / "told"            # names each whose setting says another thing there
    told.unlink(missing_ok=True)
    ask = {"guard": "OX_GUARDS_THAT_MATTER", "change": "OX_MUTANTS_WITH_PLACE"}[mutants[0].kind]
    run([mutants[0].program, site.path, out, "--passes", f"none,{mutants[0].pass_name}", "--rewrite-limit", "1", "--check", "off", "-q",
         *site.model.options], **{ask: str(told)})
    values = set(told.read_text().split()) if told.exists() else set()
    return [m for m in mutants if m.setting.split("=")[1] in values]


def acting(mutants, tool, site, out, folder):
    """Of rules that do nothing as they are written: those that do something, or few more."""
    if len(mutants) < 2:
        return mutants
    file = folder / "all.yaml"
    file.write_text("\n".join(mutate_rules.guards.renamed(m.text).replace("trial_of_", f"trial_{i}_of_", 1) for i, m in enumerate(mutants)))
    done = run([tool, site.path, out, "--passes", f"none,{file}", "--rewrite-limit", "1", "--check", "off", "-q", *site.model.options])
    if not done.returncode and not site.changed(out):
        return []
    half = len(mutants) // 2
    return mutants if half < 2 else [m for some in (mutants[:half], mutants[half:]) for m in acting(some, tool, site, out, folder)]


def judged(m, tool, site, out, folder, done, keep):
    """Does it differ, is it caught?"""
    row = {"kind": m.kind, "pass": m.pass_name, "where": m.where, "mutant": m.what, "model": site.model.name, "state": site.label}
    if done.returncode:               # even without a check: the gate, or a crash
        return row | {"differs": None, "why": f"exit {done.returncode}", "said": done.stderr.strip()[-200:]}
    try:
        row["differs"] = None
        row["differs"] = site.told_apart(m, out)
    except Unusable as e:             # of this type it has no kernel
        row["why"] = f"not run: {inferred.one_line(str(e))}"
    if not row["differs"]:
        return row
    wrong = folder / "wrong.onnx"
    out.rename(wrong)
    done, seconds = apply(m, tool, site.path, out, folder, site.model.options, True)
    if not done.returncode and out.read_bytes() != wrong.read_bytes():    # more is known of types then
        row["differs"] = site.told_apart(m, out)
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
    return " ".join(map(str, [*(["env", m.setting] if m.setting else []), *argv, *site.model.options]))


# ---- workers


class Unit:
    """A model, and what is to be done with it: lists of (pass, mutants, key), each list in the same states."""

    def __init__(self, model, tool, program, fired, keep):
        self.model, self.tool, self.program, self.fired, self.keep = model, tool, program, fired, keep
        self.tasks = collections.deque()
        self.deadly = {}              # where ONNX Runtime ended the worker, and how


class Worker:
    """A child that does tasks of a model. It tells where it is, for the next one to go around what ended it."""

    def __init__(self, unit, folder):
        self.unit, self.folder, self.task, self.where = unit, Path(tempfile.mkdtemp(dir=folder)), None, None
        self.pipe, theirs = inferred.FORK.Pipe()
        self.process = inferred.FORK.Process(target=inferred.child, args=(theirs, 8, serve, (theirs, unit, self.folder)))
        self.process.start()
        theirs.close()
        self.next()

    def next(self):
        """False: nothing is left."""
        self.task = self.unit.tasks.popleft() if self.unit.tasks else None
        self.where, self.since = None, time.monotonic()
        try:
            self.pipe.send(self.task)
        except OSError:
            pass                      # it died meanwhile, which the pipe tells
        return bool(self.task)

    def end(self):
        self.process.join(0 if self.task else 5)
        self.process.kill()
        self.process.join()
        self.pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)       # what it was killed over may still be written there

    def failed(self, why):
        """Results of its task, or none: the next worker does it, without what ended this one."""
        self.task.attempts += 1
        if self.where and self.where not in self.unit.deadly and self.task.attempts < ATTEMPTS:
            self.unit.deadly[self.where] = why
            self.unit.tasks.appendleft(self.task)
            return []
        return [(key, [], why) for _, _, key in self.task.items]


class Task:
    """Passes in the same states of a model."""

    def __init__(self, states):
        self.states, self.items, self.attempts = states, [], 0


def serve(pipe, unit, folder):
    """The child: results of each task that comes."""
    global server
    server = Server(unit.program, [unit.tool] if unit.tool == ROOT / "build/onnxopt" else [], folder)
    states = States(unit.model, unit.tool, unit.fired, folder, unit.deadly, lambda where: pipe.send(("at", where)))
    for task in iter(pipe.recv, None):
        states.begin(task.states)
        results = []
        for name, mutants, key in task.items:
            try:
                results.append((key, work(states, name, mutants, unit.keep), None))
            except Exception as e:
                results.append((key, [], f"{type(e).__name__}: {inferred.one_line(str(e))}"))
        pipe.send(("done", results))
    server.end()


def in_workers(units, jobs, seconds):
    """(key, rows, problem) of each item, as they come. seconds: without a sign of life."""
    waiting, running = collections.deque(units), []
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        while True:
            while len(running) < jobs:
                unit = waiting.popleft() if waiting else max(units, key=lambda u: len(u.tasks), default=None)
                if not unit or not unit.tasks:
                    break
                running.append(Worker(unit, folder))
            if not running:
                return
            ready = multiprocessing.connection.wait([w.pipe for w in running], 1)
            for worker in list(running):
                goes_on = time.monotonic() < worker.since + seconds
                results = [] if goes_on else worker.failed(f"no answer within {seconds} s")
                if worker.pipe in ready and goes_on:
                    goes_on, results = heard(worker)
                yield from results
                if not goes_on:
                    worker.end()
                    running.remove(worker)


def heard(worker):
    """(is there more to come from it, results)"""
    try:
        what, told = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        return False, worker.failed(f"crashed, exit code {worker.process.exitcode}") if worker.task else []
    if what == "at":
        worker.where, worker.since = told, time.monotonic()
        return True, []
    return (worker.next(), told) if what == "done" else (False, worker.failed(told))


# ---- all


def prepare(item):
    """(passes in the order of their rewrites, passes that looked at a node) of a model. None: it is refused."""
    model, tracer = item
    with tempfile.TemporaryDirectory(dir=memory()) as t:
        raw, end, trace, report = (Path(t) / name for name in ("raw.onnx", "end.onnx", "trace", "report.json"))
        if not model.load(tracer, raw):
            return None
        if model.golden:
            return [], model.passes
        done = run([tracer, raw, end, "--check", "off", "-q", "--report", report], OX_MUTANT_TRACE=str(trace))
        if done.returncode:
            return None
        looked = [p["name"] for p in json.loads(report.read_text())["run"]["passes"] if p["attempts"]]
        return trace.read_text().split() if trace.exists() else [], looked


def build():
    """The tool, with tests/cross/mutate.c called for each rewrite before it is checked, the guards of tests/guards_c.py
    and tests/cross/serve.c; and the guards."""
    tree, guards = ROOT / "build", []
    folder = tree / "mutants"
    folder.mkdir(exist_ok=True)
    manager = (ROOT / "passes/manager.c").read_text()
    mark = "static bool is_right(ox_manager *mg, const ox_pass *p, ox_pass_stat *s, const ox_node *n)\n{\n"
    assert manager.count(mark) == 1, "passes/manager.c: is_right is another one"
    (folder / "manager.c").write_text(manager.replace(mark, "void ox_mutate(ox_model *, const char *);\n" + mark + "\tox_mutate(mg->m, p->name);\n"))
    guarded = guards_c.sources()
    guards_c.build(tree / "onnxopt", guarded, guards)
    flags = ["-std=c11", "-D_DEFAULT_SOURCE", "-D_POSIX_C_SOURCE=200809L", '-DOX_VERSION="0"', "-ffp-contract=off", "-O1", "-w",
             "-I.", "-Iinclude", f"-I{tree}/gen", "-Ipasses", "-Icli"]
    objects = [o for o in sorted((tree / "obj/cli").glob("*.o")) if o.stem != "main"]
    objects += [tree / f"guards/{source.stem}.o" for source in guarded]
    for source in (folder / "manager.c", *(ROOT / f"tests/cross/{name}.c" for name in ("mutate", "serve")), ROOT / "cli/main.c"):
        objects.append(folder / (source.stem + ".o"))
        renamed = ["-Dmain=onnxopt_main"] if source.stem == "main" else []
        subprocess.run(["gcc", *flags, *renamed, "-c", "-o", objects[-1], source], check=True, cwd=ROOT)
    new = folder / "onnxopt.new"
    subprocess.run(["gcc", "-O1", "-o", new, tree / "guards/switch_off.c", *objects, tree / "libonnxopt.a",
                    "-lprotobuf-c", "-lyaml", "-lz", "-lm"], check=True, cwd=ROOT)
    new.replace(folder / "onnxopt")   # whoever runs the old one goes on
    return folder / "onnxopt", guards


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
    p.add_argument("--seconds", type=float, default=300, help="without a sign of life from a pass on a model")
    p.add_argument("--results", type=Path, default=ROOT / "build/mutants.jsonl")
    p.add_argument("--keep", type=Path, default=ROOT / "build/missed", help="where misses stay")
    p.add_argument("--again", action="store_true", help="passes on models with misses, these alone")
    p.add_argument("--tell", action="store_true", help="the table of what is there, no more")
    p.add_argument("--shuffle", action="store_true", help="models in a random order (--seed): what is done when it is stopped is a fair part of all")
    p.add_argument("where", nargs="*", type=Path)
    o = p.parse_args()
    o.tool = o.tool.resolve()
    where = o.where or [ROOT / "tests/golden", ROOT / "tests/models", ROOT / "../shared/models"]
    kinds, names, (program, guards) = o.kinds or KINDS, pass_names(o.tool), build()
    groups = list(rule_mutants(program, o.passes, o.jobs)) if "rule" in kinds else []
    groups += list(change_mutants(program, names)) if "change" in kinds else []
    groups += list(guard_mutants(program, guards, names)) if "guard" in kinds else []
    groups += list(hand_mutants()) if "hand" in kinds else []
    groups = [(name, some) for name, some in groups if not o.passes or name in o.passes]
    drawn = chosen([m for _, some in groups for m in some], o.sample, o.seed)
    made = collections.Counter(h for h, *_ in {m.distinct for _, some in groups for m in some if m.key in drawn})
    old = [json.loads(line) for line in o.results.read_text().splitlines()] if o.results.exists() else []
    state = {tuple(i["item"]): i for i in old}
    groups = [(name, [m for m in some if m.key in drawn]) for name, some in groups]
    asked = [] if o.tell else list(units(o, [g for g in groups if g[1]], models(where), state, program))
    asked.sort(key=lambda u: -u.model.path.stat().st_size)
    if o.shuffle:
        random.Random(o.seed).shuffle(asked)
    total = sum(len(t.items) for u in asked for t in u.tasks)
    o.results.parent.mkdir(exist_ok=True)
    start = time.monotonic()
    with o.results.open("a") as log:
        for n, (key, rows, problem) in enumerate(in_workers(asked, o.jobs, o.seconds)):
            state[key] = {"item": key, "rows": rows, "problem": problem}
            print(json.dumps(state[key]), file=log, flush=True)
            for r in rows:
                if r["differs"] and not r["caught"]:
                    print(f"MISSED {r['pass']} {r['where']} {r['mutant']} on {r['model']} ({r['state']}): {r['differs']}\n    {r.get('command')}", flush=True)
            if problem:
                print(f"{key[0]} on {key[1]}: {problem}", flush=True)
            if n % 200 == 199:
                print(f"-- {n + 1} of {total}, {time.monotonic() - start:.0f} s", flush=True)
    rows = [r for i in state.values() for r in i["rows"] if (not o.passes or r["pass"] in o.passes) and r["kind"] in kinds]
    missed = table(rows, made)
    lost = [i for i in state.values() if i["problem"]]
    print(f"{len(state) - len(lost)} passes on a model or golden came to an end, {len(lost)} did not")
    for r in missed:
        print(f"missed: {r['pass']} {r['where']} {r['mutant']} on {r['model']} ({r['state']}): {r['differs']}; {r.get('said')}\n    {r.get('command')}")
    return 1 if missed or not rows else 0


def units(o, groups, some, state, program):
    """What is to be done, by models."""
    names = {name for name, _ in groups}
    some = [m for m in some if m.passes is None or names & set(m.passes)]
    infer_true.use_judge(o.judge, [m.path for m in some])
    hashes = [hashlib.sha256("".join(sorted(m.key for m in mutants)).encode()).hexdigest()[:8] for _, mutants in groups]
    for (model, _), known, problem in inferred.in_children(prepare, [(m, program) for m in some], jobs=o.jobs, seconds=300):
        if not known:
            if not model.golden:
                print(f"{model.name}: left out: {problem or 'the tool refuses it'}")
            continue
        unit, tasks = Unit(model, o.tool, program, known[0], o.keep), {}
        for (name, mutants), made in zip(groups, hashes):
            key = (name, model.name, made)
            if is_asked(state.get(key), o.again) and is_for(mutants[0].kind, name, model, known):
                states = place_of(name) if mutants[0].kind == "hand" else name
                tasks.setdefault(states, Task(states)).items.append((name, mutants, key))
        unit.tasks.extend(tasks.values())
        if tasks:
            yield unit


def is_asked(done, again):
    """What came to no end is, once more."""
    if again:
        return done and any(r["differs"] and not r["caught"] for r in done["rows"])
    return not done or done["problem"]


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(main())
