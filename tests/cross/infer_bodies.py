"""What inference proves inside bodies, beside what ONNX Runtime computes there.

    infer_bodies.py [--tool build/onnxopt] [--count 400] [--seed 0] [--keep FOLDER]

Random models of If, Loop, Scan, SequenceMap and sequences, nested up to three deep. Facts of
a body must hold each time it runs. A runtime shows outputs only, so every value of a body
that stands in the main graph leaves it once more: as its Shape, a vector that a loop may
stack, and as a number where it is a scalar. Each run of each body is compared, and the main
graph; a fresh symbol takes its value from where it first stands alone, anew in each run of a
body. Exit 1: a contradiction, or nothing was compared.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper

OPSET = 21
FLOAT, INT, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL
# What a value is: rows of 3 floats, one such row, an integer, a boolean, a sequence of rows.
ROWS, ROW, COUNT, TRUTH, SEQ = "rows", "row", "count", "truth", "seq"
TYPES = {ROWS: (FLOAT, [None, 3]), ROW: (FLOAT, [3]), COUNT: (INT, []), TRUTH: (BOOL, [])}
STACKED = {ROW: ROWS}  # what Loop and Scan make of a result; of others something of higher rank, not used again
INPUTS = {"x": ROWS, "y": ROWS, "n": COUNT, "b": TRUTH}
SAMPLES = [(2, 3, 2, 1), (5, 1, 0, 0), (1, 4, 3, 1), (3, 3, 7, 0), (7, 2, 1, 1), (1, 1, 1, 0)]  # N, M, n, b


# --- models ---------------------------------------------------------------------------------


class Scope:
    """The nodes of one graph, and the values that can be read in it."""

    def __init__(self, maker, values, depth):
        self.maker, self.values, self.depth = maker, dict(values), depth
        self.nodes, self.made = [], set()

    def add(self, op, inputs, kind=None, **attributes):
        out = self.maker.name()
        self.nodes.append(helper.make_node(op, inputs, [out], **attributes))
        if kind:
            self.own(out, kind)
        return out

    def own(self, name, kind):
        self.values[name] = kind
        self.made.add(name)

    def const(self, values, dtype=INT):
        dims = [len(values)] if isinstance(values, list) else []
        tensor = helper.make_tensor("c", dtype, dims, values if dims else [values])
        return self.add("Constant", [], value=tensor)

    def pick(self, kind, own=False):
        names = [n for n, k in self.values.items() if k == kind and (not own or n in self.made)]
        return self.maker.random.choice(names) if names else None


class Maker:
    def __init__(self, seed):
        self.random, self.count = random.Random(seed), 0
        self.declares = self.random.random() < 0.5

    def name(self):
        self.count += 1
        return f"v{self.count}"

    def info(self, name, kind, shaped):
        if kind == SEQ:
            element = helper.make_tensor_type_proto(FLOAT, None)
            return helper.make_value_info(name, helper.make_sequence_type_proto(element))
        dtype, dims = TYPES[kind]
        return helper.make_tensor_value_info(name, dtype, dims if shaped else None)

    def small(self, s, most):
        """An integer of at most `most`."""
        return s.add("Min", [s.pick(COUNT), s.const(most)])

    def condition(self, s):
        return s.const(self.random.choice([0, 1]), BOOL) if self.random.random() < 0.2 else s.pick(TRUTH)

    def results(self, s, kinds, first=None):
        """Names of outputs of these kinds, each made by a node of the graph; None: it has no such value."""
        out = []
        for i, kind in enumerate(kinds):
            name = first if first and i == 0 else s.pick(kind, self.random.random() < 0.7) or s.pick(kind)
            if name is None:
                return None
            out.append(s.add("Identity", [name]))
        return out

    def body(self, s, inputs, kinds, first=None):
        inner = Scope(self, {**s.values, **inputs}, s.depth + 1)
        for _ in range(self.random.randint(1, 5)):
            self.step(inner)
        names = self.results(inner, kinds, first and first(inner))
        if names is None:
            return None
        # ONNX Runtime asks for the shapes of the first two inputs of a Loop's body.
        ins = [self.info(n, k, self.declares or i < 2) for i, (n, k) in enumerate(inputs.items())]
        outs = [self.info(n, k, self.declares) for n, k in zip(names, kinds)]
        return helper.make_graph(inner.nodes, "body", ins, outs)

    def emit(self, s, op, inputs, carried, stacked, **attributes):
        names = [self.name() for _ in carried + stacked]
        s.nodes.append(helper.make_node(op, inputs, names, **attributes))
        for name, kind in zip(names, carried):
            s.own(name, kind)
        for name, kind in zip(names[len(carried):], stacked):
            if kind in STACKED:
                s.own(name, STACKED[kind])

    def kinds(self, s, choices, most):
        some = [self.random.choice(choices) for _ in range(self.random.randint(0, most))]
        return [k for k in some if s.pick(k)]

    # Each of these adds to the scope, or does nothing.

    def branch(self, s):
        kinds = self.kinds(s, [ROWS, ROWS, COUNT, TRUTH, SEQ], 3)
        graphs = [self.body(s, {}, kinds) for _ in range(2)] if kinds else [None]
        if all(graphs):
            self.emit(s, "If", [self.condition(s)], kinds, [], then_branch=graphs[0], else_branch=graphs[1])

    def loop(self, s):
        carried, stacked = self.kinds(s, [ROWS, ROWS, COUNT, TRUTH, SEQ], 3), self.kinds(s, [ROWS, COUNT, TRUTH], 2)
        if not carried + stacked:
            return
        trips = self.random.choice(["", s.const(self.random.randint(0, 3)), self.small(s, 4)])
        start = self.random.choice(["", self.condition(s)])
        initial = [s.pick(k) for k in carried]
        iteration, truth = self.name(), self.name()

        def stop(inner):
            if not trips or self.random.random() < 0.3:
                return inner.add("Less", [iteration, inner.const(self.random.randint(0, 2))])
            return self.random.choice([truth, inner.const(1, BOOL), None])

        inputs = {iteration: COUNT, truth: TRUTH, **{self.name(): k for k in carried}}
        body = self.body(s, inputs, [TRUTH] + carried + stacked, stop)
        if body:
            self.emit(s, "Loop", [trips, start] + initial, carried, stacked, body=body)

    def scan(self, s):
        carried, stacked = self.kinds(s, [ROWS, COUNT], 2), self.kinds(s, [ROWS, COUNT], 1) + [ROW]
        initial = [s.pick(k) for k in carried]
        body = self.body(s, {**{self.name(): k for k in carried}, self.name(): ROW}, carried + stacked)
        if body:
            self.emit(s, "Scan", initial + [s.pick(ROWS)], carried, stacked, num_scan_inputs=1, body=body)

    def sequence_map(self, s):
        body = s.pick(SEQ) and self.body(s, {self.name(): ROWS}, [ROWS])
        if body:
            s.add("SequenceMap", [s.pick(SEQ)], SEQ, body=body)

    def count_up(self, s):
        ints = s.add("Range", [s.const(0), self.small(s, 7), s.const(1)])
        column = s.add("Unsqueeze", [s.add("Cast", [ints], to=FLOAT), s.const([1])])
        s.add("Expand", [column, s.const([1, 3])], ROWS)

    def fill(self, s):
        size = s.add("Clip", [s.pick(COUNT), s.const(0), s.const(6)])
        shape = s.add("Concat", [s.add("Reshape", [size, s.const([1])]), s.const([3])], axis=0)
        s.add("ConstantOfShape", [shape], ROWS, value=helper.make_tensor("one", FLOAT, [1], [1.0]))

    def cut(self, s):
        end = self.random.choice([s.const([self.random.choice([1, 2, 3, -1, 100])]),
                                  s.add("Reshape", [s.pick(COUNT), s.const([1])])])
        s.add("Slice", [s.pick(ROWS), s.const([self.random.choice([0, 0, 1])]), end, s.const([0])], ROWS)

    def at(self, s):
        if s.pick(SEQ):
            s.add("SequenceAt", [s.pick(SEQ), s.const(self.random.choice([0, 0, -1, 1]))], ROWS)

    def insert(self, s):
        if s.pick(SEQ):
            where = [s.const(self.random.choice([0, -1]))] if self.random.random() < 0.4 else []
            s.add("SequenceInsert", [s.pick(SEQ), s.pick(ROWS)] + where, SEQ)

    def of_sequence(self, s):
        if s.pick(SEQ):
            choices = [("SequenceLength", COUNT, {}), ("ConcatFromSequence", ROWS, {"axis": 0})]
            op, kind, more = self.random.choice(choices)
            s.add(op, [s.pick(SEQ)], kind, **more)

    def split(self, s):
        sizes = [s.const(self.random.randint(1, 3))] if self.random.random() < 0.5 else []
        s.add("SplitToSequence", [s.pick(ROWS)] + sizes, SEQ, axis=self.random.choice([0, -2]))

    STEPS = {
        "unary": lambda m, s: s.add("Neg", [s.pick(ROWS)], ROWS),
        "concat": lambda m, s: s.add("Concat", [s.pick(ROWS), s.pick(ROWS)], ROWS, axis=0),
        "sum": lambda m, s: s.add("ReduceSum", [s.pick(ROWS), s.const([0])], ROWS),
        "rows": lambda m, s: s.add("Gather", [s.add("Shape", [s.pick(ROWS)]), s.const(0)], COUNT, axis=0),
        "add": lambda m, s: s.add(m.random.choice(["Add", "Sub", "Mul"]),
                                  [s.pick(COUNT), s.const(m.random.randint(0, 2))], COUNT),
        "less": lambda m, s: s.add("Less", [s.pick(COUNT), s.const(m.random.choice([1, 3, 5]))], TRUTH),
        "where": lambda m, s: s.add("Where", [s.pick(TRUTH), s.pick(COUNT), s.const(m.random.choice([0, 2]))], COUNT),
        "construct": lambda m, s: s.add("SequenceConstruct", [s.pick(ROWS) for _ in range(m.random.randint(1, 3))], SEQ),
        "empty": lambda m, s: s.add("SequenceEmpty", [], SEQ),
        "branch": branch, "loop": loop, "scan": scan, "map": sequence_map, "count_up": count_up, "fill": fill, "cut": cut,
        "at": at, "insert": insert, "of_sequence": of_sequence, "split": split,
    }
    NESTED = ("branch", "loop", "scan", "map")

    def step(self, s):
        names = [n for n in self.STEPS if n not in self.NESTED or s.depth < 3]
        weights = [3 if n in ("branch", "loop", "concat") else 1 for n in names]
        self.STEPS[self.random.choices(names, weights)[0]](self, s)

    def model(self):
        s = Scope(self, INPUTS, 0)
        for _ in range(self.random.randint(3, 9)):
            self.step(s)
        dims = {"x": ["N", 3], "y": ["M", 3], "n": [], "b": []}
        inputs = [helper.make_tensor_value_info(n, TYPES[k][0], dims[n]) for n, k in INPUTS.items()]
        last = s.add("Neg", [s.pick(ROWS)])
        graph = helper.make_graph(s.nodes, "main", inputs, [self.info(last, ROWS, False)])
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)


# --- what the tool says ---------------------------------------------------------------------

# "    3  Add    v12    float    [N + 1, 3]    all 1  (output)"
LINE = re.compile(r"^(?:input|\s+\d+\s+\S+)?\s+(\S+)\s{2,}(?:float|int64|bool)\s+(\[.*?\]|\?)(?:\s{2,}(.*))?$")


def split_dims(text):
    parts, depth = [""], 0
    for c in text:
        depth += {"(": 1, ")": -1}.get(c, 0)
        if c == "," and not depth:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts] if text else []


def facts_of(tool, path):
    """name -> (dims, content or ""), bodies included, of tensors of known rank."""
    p = subprocess.run([tool, "inspect", "--shapes", path], capture_output=True, text=True, check=True)
    found = {}
    for line in p.stdout.splitlines():
        m = LINE.match(line)
        if m and m[2] != "?":
            found[m[1]] = split_dims(m[2][1:-1]), (m[3] or "").replace("(output)", "").strip()
    return found


def symbols_in(text):
    return set(re.findall(r"[A-Za-z]\w*", text)) - {"min", "max"}


class Comparison:
    def __init__(self, facts):
        self.facts, self.done, self.wrong = facts, 0, []

    def run(self, where, seen, env):
        """seen: name -> (shape, number or None). Returns env with the symbols found."""
        env, pairs = dict(env), []
        for name, (shape, number) in seen.items():
            dims, content = self.facts[name]
            if len(dims) != len(shape):
                self.wrong.append(f"{where}: {name}: rank {len(dims)}, is {len(shape)}")
                continue
            pairs += [(name, d, n) for d, n in zip(dims, shape)]
            if number is not None and content:
                pairs.append((name, content, number))
        for _, text, n in pairs:
            if re.fullmatch(r"u\d+", text):
                env.setdefault(text, n)
        for name, text, n in pairs:
            if "?" in text or symbols_in(text) - env.keys():
                continue
            self.done += 1
            value = eval(text, {"__builtins__": {}, "min": min, "max": max}, env)
            if value != n:
                self.wrong.append(f"{where}: {name}: {text} is {value}, but it is {n}")
        return env


# --- letting values out of bodies -------------------------------------------------------------

MISSING = -77  # stands for what the other branch of an If has


class Probe:
    """Values of one body as outputs of its node: [(value, output name, is it the value itself)]."""

    def __init__(self, node, body, facts, other=None):
        self.node, self.values = node, []
        names = [v.name for v in body.input] + [o for n in list(body.node) for o in n.output]
        for name in [n for n in names if n in facts]:
            self.leave(body, name, "Shape", other)
            if not facts[name][0]:
                self.leave(body, name, "Cast", other, to=INT)

    def leave(self, body, name, op, other, **attributes):
        inner, outer = f"{name}_{op}", f"{name}_{op}_out"
        body.node.append(helper.make_node(op, [name], [inner], **attributes))
        body.output.append(helper.make_tensor_value_info(inner, INT, None if other or op == "Shape" else []))
        if other is not None:
            none = helper.make_tensor("none", INT, [1], [MISSING])
            other.node.append(helper.make_node("Constant", [], [outer + "_none"], value=none))
            other.output.append(helper.make_tensor_value_info(outer + "_none", INT, None))
        self.node.output.append(outer)
        self.values.append((name, outer, op == "Cast"))

    def runs(self, got):
        """What each run of the body had, in order."""
        if self.node.op_type == "If":
            picks = [lambda a: None if a.shape == (1,) and a[0] == MISSING else a]
        else:
            count = len(got[self.values[0][1]]) if self.values else 0
            picks = [lambda a, t=t: a[t] for t in range(count)]
        for pick in picks:
            seen = {}
            for name, outer, is_value in self.values:
                a = pick(got[outer])
                if a is not None:
                    seen[name] = (seen[name][0], int(a)) if is_value else (tuple(int(d) for d in a), None)
            yield seen


def probes_of(model, facts):
    for node in model.graph.node:
        graphs = {a.name: a.g for a in node.attribute if a.type == onnx.AttributeProto.GRAPH}
        if node.op_type == "If":
            yield Probe(node, graphs["then_branch"], facts, graphs["else_branch"])
            yield Probe(node, graphs["else_branch"], facts, graphs["then_branch"])
        elif node.op_type == "Loop":
            yield Probe(node, graphs["body"], facts)


def session_of(model):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def feeds_of(sample):
    n_rows, m_rows, n, b = sample
    return {"x": np.ones((n_rows, 3), np.float32), "y": np.ones((m_rows, 3), np.float32), "n": np.array(n),
            "b": np.array(bool(b))}


def compare(tool, model, path):
    """None: ONNX Runtime does not run it."""
    onnx.save(model, path)
    facts = facts_of(tool, path)
    outer = [o for n in model.graph.node for o in n.output if o in facts]
    probes = list(probes_of(model, facts))
    names = outer + [out for p in probes for _, out, _ in p.values]
    shown = {o.name for o in model.graph.output}
    model.graph.output.extend(helper.make_empty_tensor_value_info(n) for n in names if n not in shown)
    try:
        session = session_of(model)
    except Exception:
        return None
    told, ran, runs = Comparison(facts), False, 0
    for sample in SAMPLES:
        feeds = feeds_of(sample)
        try:
            got = dict(zip(names, session.run(names, feeds)))
        except Exception:
            continue
        ran = True
        seen = {n: (a.shape, int(a) if a.ndim == 0 and a.dtype != np.float32 else None)
                for n, a in [*((n, got[n]) for n in outer), *feeds.items()]}
        env = told.run(f"{sample}", seen, {"N": sample[0], "M": sample[1]})
        for probe in probes:
            for t, inside in enumerate(probe.runs(got)):
                runs += 1
                told.run(f"{sample} {probe.node.op_type} {probe.node.output[0]} run {t}", inside, env)
    return (told, runs) if ran else None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--count", type=int, default=400)
    p.add_argument("--seed", type=int, default=0, help="of the first model")
    p.add_argument("--keep", type=Path, help="folder for models with a contradiction")
    args = p.parse_args()
    ran = done = runs = wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(args.seed, args.seed + args.count):
            path = Path(folder) / f"{seed}.onnx"
            result = compare(args.tool, Maker(seed).model(), path)
            if result is None:
                continue
            told, bodies = result
            ran, done, runs = ran + 1, done + told.done, runs + bodies
            for line in told.wrong[:5]:
                print(f"model {seed}: {line}")
            wrong += bool(told.wrong)
            if told.wrong and args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                path.rename(args.keep / path.name)
    print(f"{args.count} models, {ran} run, {runs} runs of bodies, {done} dims and numbers compared, "
          f"{wrong} models with contradictions")
    return 1 if wrong or not done or not runs else 0


if __name__ == "__main__":
    sys.exit(main())
