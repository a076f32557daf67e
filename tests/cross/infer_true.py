"""Never wrong: what inference proves, beside what ONNX Runtime computes.

    infer_true.py [--tool build/onnxopt] [--judge ../shared/judge] MODEL_OR_FOLDER...

Each model runs in ONNX Runtime, without optimizations, with every value of the main graph
exposed, at several assignments of its free dims (distinct primes, ones, larger, one dim
changed at a time; a model without free dims: several seeds; an operator case: its own data).
Each proven rank, dim and element must be what came out. A fresh symbol u0.. takes its value
from where it first stands alone, per run; everywhere else it must agree.

An operator case is also compared with its stored outputs, and one that ONNX Runtime does
not run with what the onnx package's reference evaluator computes. Models that do not run
are listed. Exit 1: a contradiction, or a model that ran and nothing was compared.

Inputs are made as the judge makes them, if it is there, with its hints; else simply.
"""

import argparse
import hashlib
import re
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

import inferred
import sweep

MAX_ELEMENTS = 64  # of contents that are compared
WANTED, ENOUGH, MOST_TRIES = 4, 8, 40  # assignments: at least, at most, tried
INT_RANGES = ((0, 50), (0, 8), (1, 3), (0, 2), (1, 2), (0, 1))
judge = None  # module equivalence of the judge
hints = {}


def use_judge(folder, paths):
    """Its module and its hints; those of an index.jsonl hold for models of that name anywhere."""
    global judge, hints
    if not (folder / "equivalence.py").is_file():
        return
    sys.path.insert(0, str(folder))
    import equivalence
    import judge as program
    judge = equivalence
    folders = {p.parent for p in paths if "test_" not in p.parent.name} | set(folder.parent.glob("models/**/"))
    files = [f / name for f in sorted(folders) for name in ("index.jsonl", "hints.json")]
    hints = program.load_hints(folder / "hints.json", *files)


# --- running --------------------------------------------------------------------------------


def expose(model):
    """Every node output of the main graph becomes a graph output."""
    shown = {o.name for o in model.graph.output}
    for node in model.graph.node:
        for name in node.output:
            if name and name not in shown:
                model.graph.output.add().name = name
                shown.add(name)


def open_session(model):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def as_ortvalue(value):
    if value.dtype.kind == "V" or value.dtype.name in EXTENDED:
        return ort.OrtValue.ortvalue_from_numpy_with_onnx_type(value, EXTENDED[value.dtype.name])
    return ort.OrtValue.ortvalue_from_numpy(value)


EXTENDED = {onnx.helper.tensor_dtype_to_np_dtype(t).name: t for t in (
    onnx.TensorProto.BFLOAT16, onnx.TensorProto.FLOAT8E4M3FN, onnx.TensorProto.FLOAT8E4M3FNUZ,
    onnx.TensorProto.FLOAT8E5M2, onnx.TensorProto.FLOAT8E5M2FNUZ)}


class Seen:
    """What a run says of one tensor. content: its numbers, or None."""

    def __init__(self, dtype, shape, content):
        self.dtype, self.shape, self.content = dtype, tuple(shape), content


class Others:
    """What a run says of a sequence or an optional: a list of Seen and such lists, or None."""

    def __init__(self, value):
        self.value = value


def content_of(array):
    if array.size > MAX_ELEMENTS or array.dtype.kind in "OSUcV":
        return None
    return [int(x) if array.dtype.kind in "biu" else float(x) for x in array.reshape(-1)]


def dtype_of(array):
    try:
        if array.dtype.kind in "OSU":
            return "string"
        return onnx.TensorProto.DataType.Name(onnx.helper.np_dtype_to_tensor_dtype(array.dtype)).lower()
    except (ValueError, KeyError):
        return None


def seen_array(array):
    return Seen(dtype_of(array), array.shape, content_of(array))


def seen_any(value):
    def inside(v):
        return [inside(x) for x in v] if isinstance(v, list) else v if v is None else seen_array(np.asarray(v))
    return seen_array(value) if isinstance(value, np.ndarray) else Others(inside(value))


def seen_ortvalue(value, kind):
    """None: no tensor."""
    if not value.has_value() or not value.is_tensor():
        return None
    shape = value.shape()
    if kind == "string" or np.prod(shape, dtype=object) > MAX_ELEMENTS:
        return Seen(kind, shape, None)
    try:
        return Seen(kind, shape, content_of(value.numpy()))
    except Exception:  # a type that numpy lacks
        return Seen(kind, shape, None)


def run_session(session, feeds):
    """name -> Seen or Others, of all outputs."""
    types = {o.name: o.type for o in session.get_outputs()}
    names = [n for n, t in types.items() if t.startswith("tensor(")]
    kinds = [ORT_TYPES.get(types[n][7:-1], types[n][7:-1]) for n in names]
    if all(isinstance(v, np.ndarray) and v.dtype.kind not in "OSU" for v in feeds.values()):
        values = session.run_with_ort_values(names, {n: as_ortvalue(v) for n, v in feeds.items()})
        seen = [seen_ortvalue(v, k) for v, k in zip(values, kinds)]
    else:
        seen = [seen_any(v) for v in session.run(names, feeds)]
    others = [n for n, t in types.items() if t.startswith(("seq(tensor(", "optional("))]
    more = zip(others, map(seen_any, session.run(others, feeds))) if others else []
    return {n: s for n, s in [*zip(names, seen), *more] if s}


ORT_TYPES = {}


def reference(model, feeds):
    """The same by the onnx package's evaluator."""
    from onnx.reference import ReferenceEvaluator
    values = ReferenceEvaluator(model).run(None, feeds, intermediate=True)
    return {n: seen_any(v) for n, v in values.items() if n}


# --- inputs ---------------------------------------------------------------------------------


def true_inputs(model):
    stored = {t.name for t in model.graph.initializer} | {s.values.name for s in model.graph.sparse_initializer}
    return [v for v in model.graph.input if v.name not in stored]


def variants(base, pinned):
    """One dim changed at a time, then all: what a formula for some other size would not survive.
    Zeros last: a runtime may die of them."""
    free = [s for s in base if s not in pinned]
    for change in (lambda n: 1, lambda n: 2 * n, lambda n: n + 1, lambda n: n + 2, lambda n: 3 * n):
        for s in free:
            yield base | {s: change(base[s])}
    yield base | {s: 1 for s in free}
    yield base | {s: 2 * base[s] for s in free}
    for s in sorted(base, key=lambda s: s in pinned):
        yield base | {s: base[s] + 1}
    for s in free:
        yield base | {s: 0}


class Maker:
    """Sizes and inputs, as the judge or the sweep makes them."""

    def __init__(self, model, path, session):
        self.session = session
        self.hint = judge.lookup(hints, path.name) if judge else {}
        if judge:
            import facts
            self.ports = [facts.port(v) for v in true_inputs(model)]
            self.symbols, self.leading = judge.symbols_of(self.ports)
        else:
            given = {v.name for v in true_inputs(model)}
            self.ports = [i for i in session.get_inputs() if i.name in given]
            self.symbols = sweep.symbols_of(self.ports)

    def sizes(self, accepted):
        """Assignments to try; `accepted` grows meanwhile."""
        first = judge.assignments(self.symbols, self.leading, self.hint) if judge else sweep.sizes_to_try(self.symbols)
        tried = []
        for sizes in first:
            tried.append(sizes)
            yield sizes
            if len(accepted) >= WANTED:
                break
        pinned = {s for s, v in self.hint.get("dims", {}).items() if not isinstance(v, list)}
        for base in list(accepted)[:2] + list(accepted)[-1:]:
            for sizes in variants(base, pinned):
                if sizes not in tried:
                    tried.append(sizes)
                    yield sizes

    def feeds(self, sizes, ints, seed):
        if not judge:
            return sweep.feeds(self.ports, sizes, ints[1], seed)
        sample = {"sizes": sizes, "seed": seed, "ints": ints}
        return {p["name"]: np.asarray(judge.make_input(p, sample, judge.lookup(self.hint.get("inputs", {}), p["name"])))
                for p in self.ports}


def stored_sets(path, model):
    """Data of an operator case: (feeds, outputs) of each set."""
    for folder in sorted(path.parent.glob("test_data_set_*")):
        yield [{v.name: read_proto(folder / f"{side}_{i}.pb", v.type) for i, v in enumerate(values)
                if (folder / f"{side}_{i}.pb").exists()}
               for side, values in (("input", model.graph.input), ("output", model.graph.output))]


def read_proto(path, declared):
    from onnx import numpy_helper
    data = path.read_bytes()
    kind = declared.WhichOneof("value")
    if kind == "sequence_type":
        return numpy_helper.to_list(onnx.SequenceProto.FromString(data))
    if kind == "optional_type":
        return numpy_helper.to_optional(onnx.OptionalProto.FromString(data))
    if kind == "map_type":
        return numpy_helper.to_dict(onnx.MapProto.FromString(data))
    return numpy_helper.to_array(onnx.TensorProto.FromString(data))


# --- comparing ------------------------------------------------------------------------------


class Tally:
    def __init__(self):
        self.runs = self.values = self.dims = self.elements = self.unsolved = 0
        self.made = set()  # by nodes: what counts; inputs and weights are compared as well
        self.faults = {}  # by what is claimed: the first time it is wrong

    def fault(self, claim, text):
        self.faults.setdefault(claim, f"{claim}: {text}")


def input_symbols(shapes, model, seen):
    """s0.. as the inputs of this run have them."""
    sizes = {}
    for v in model.graph.input:
        if not isinstance(seen.get(v.name), Seen):
            continue
        for d, n in zip(v.type.tensor_type.shape.dim, seen[v.name].shape):
            if d.dim_param:
                sizes.setdefault(d.dim_param, n)
    return {f"s{i}": sizes[name] for i, name in enumerate(shapes["symbols"]) if name in sizes}


def fits(text, value):
    """Is a Seen, a list or None of the type that the tool prints: seq(float[3,?])?"""
    outer = re.fullmatch(r"(seq|optional)\((.*)\)", text)
    if outer and outer[1] == "seq":
        return isinstance(value, list) and all(fits(outer[2], x) for x in value)
    if outer:
        return value is None or fits(outer[2], value)
    tensor = re.fullmatch(r"(\w+)(?:\[(.*)\])?", text)
    if not tensor or not isinstance(value, Seen):
        return not tensor
    dims = tensor[2].split(",") if tensor[2] else []
    return tensor[1] == value.dtype and (tensor[2] is None or len(dims) == len(value.shape) and all(
        not d.isdigit() or int(d) == n for d, n in zip(dims, value.shape)))


def is_tensor(v, got):
    """Of the tool's value and what came out."""
    return isinstance(got, Seen) and "(" not in (v.get("dtype") or "")


def claims(shapes, seen, made):
    """(where, entry, what came out, dtype, whether a node made it) of all that can be compared."""
    for v in shapes["values"]:
        got = seen.get(v["name"])
        if not is_tensor(v, got):
            continue
        if v["dims"] is not None and len(v["dims"]) == len(got.shape):
            for axis, (d, n) in enumerate(zip(v["dims"], got.shape)):
                if d is not None:
                    yield f"{v['name']} dim {axis}", d, n, None, v["name"] in made
        known = v.get("elements")
        if known and got.content is not None and len(known) == len(got.content):
            for i, (e, x) in enumerate(zip(known, got.content)):
                if e is not None:
                    yield f"{v['name']} element {i}", e, x, got.dtype, v["name"] in made


def solve(entry, got, env):
    """The value of its only unbound symbol, where a linear equation gives one."""
    unbound = symbols_unbound(entry, env)
    if len(unbound) != 1 or got != got or abs(got) == float("inf"):
        return
    (u,) = unbound
    try:
        zero, one = (Fraction(inferred.evaluate(entry, env | {u: n})) for n in (0, 1))
        n = (Fraction(got) - zero) / (one - zero)
        if inferred.evaluate(entry, env | {u: n}) == Fraction(got):
            env[u] = n
    except ZeroDivisionError:
        pass


def symbols_unbound(entry, env):
    return [s for s in inferred.symbols_of(entry) if s not in env]


def agrees(said, got, dtype):
    if dtype is None or isinstance(got, int):  # ONNX Runtime reduces 64-bit integers as doubles
        return said == got or abs(got) > 2**53 and abs(said - got) <= abs(got) >> 48
    if got != got or abs(got) == float("inf"):
        return False
    slack = {"float16": 2e-3, "bfloat16": 2e-2, "double": 1e-14}.get(dtype, 1e-6)
    return abs(float(said) - got) <= slack * max(abs(got), abs(float(said)))


def compare(shapes, model, seen, tally, label, prefix=""):
    """One run. prefix: before the names of what is wrong."""
    env = input_symbols(shapes, model, seen)
    for v in shapes["values"]:
        got = seen.get(v["name"])
        if got is None:
            continue
        if not is_tensor(v, got):
            told = got.value if isinstance(got, Others) else got
            tally.values += v["dtype"] is not None and v["name"] in tally.made
            if v["dtype"] and not fits(v["dtype"], told):
                tally.fault(prefix + v["name"], f"{v['dtype']}, is another at {label}")
            continue
        tally.values += v["dims"] is not None and v["name"] in tally.made
        if v["dims"] is not None and len(v["dims"]) != len(got.shape):
            tally.fault(prefix + v["name"], f"rank {len(v['dims'])} {v['dims']}, is {list(got.shape)} at {label}")
        if v.get("dtype") and got.dtype and v["dtype"] != got.dtype:
            tally.fault(prefix + v["name"], f"{v['dtype']}, is {got.dtype}")
        if v.get("elements") and got.content is not None and len(v["elements"]) != len(got.content):
            tally.fault(prefix + v["name"], f"{len(v['elements'])} elements, is {list(got.shape)} at {label}")
    found = list(claims(shapes, seen, tally.made))
    for _, entry, got, *_ in found:  # where a fresh symbol stands alone
        if isinstance(entry, str) and entry not in env and inferred.symbols_of(entry) == {entry}:
            env[entry] = Fraction(got) if got == got and abs(got) != float("inf") else got
    for _ in range(3):
        for _, entry, got, *_ in found:
            if isinstance(entry, str):
                solve(entry, got, env)
    for e in shapes["equations"]:
        n = env.get(e["symbol"])
        if n is not None and e["is"] != e["symbol"]:
            found.append((f"equation of {e['symbol']}", e["is"], n, None, True))
        if n is not None and not e.get("at_least", n) <= n <= e.get("at_most", n):
            tally.fault(f"{prefix}bounds of {e['symbol']}", f"{e}, is {n} at {label}")
    for where, entry, got, dtype, made in found:
        if symbols_unbound(entry, env):
            tally.unsolved += made
            continue
        try:
            said = inferred.evaluate(entry, env)
            right = agrees(said, got, dtype)
        except ZeroDivisionError:
            said, right = "a division by zero", False
        tally.dims += made and dtype is None
        tally.elements += made and dtype is not None
        if not right:
            used = {s: int(env[s]) for s in sorted(inferred.symbols_of(entry))}
            tally.fault(prefix + where, f"{entry} = {said} with {used}, is {got} at {label}")


# --- one model ------------------------------------------------------------------------------


def run_model(model, path, shapes, tally, deadline, zeros):
    """Returns why it has fewer runs than wanted, or None."""
    session = open_session(model)
    maker, accepted, problem = Maker(model, path, session), [], "no sizes to try"
    for ints in INT_RANGES:
        for tries, sizes in enumerate(maker.sizes(accepted)):
            enough = len(accepted) >= ENOUGH or len(accepted) >= WANTED and time.monotonic() > deadline
            if enough or tries > MOST_TRIES or time.monotonic() > deadline + 60:
                break
            if not zeros and 0 in sizes.values():
                continue
            for seed in range(1 if maker.symbols else 2):
                try:
                    feeds = maker.feeds(sizes, ints, seed)
                    seen = run_session(session, feeds)
                except Exception as e:
                    problem = inferred.one_line(str(e))
                    break
                seen |= {n: seen_array(v) for n, v in feeds.items()}
                compare(shapes, model, seen, tally, sizes or f"seed {seed}")
                tally.runs += 1
                accepted += [sizes] if sizes not in accepted else []
        if accepted:
            break
    if len(accepted) < (WANTED if maker.symbols else 1):
        return f"{len(accepted)} assignments: {problem}"
    return None


def with_defaults(model, feeds):
    """ONNX Runtime takes no inputs of four bits from Python: they become defaults."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for name, value in feeds.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "V" and value.dtype.name not in EXTENDED:
            copy.graph.initializer.append(onnx.numpy_helper.from_array(value, name))
    return copy, {t.name for t in copy.graph.initializer}


def run_case(model, path, shapes, tally):
    """An operator case, by its data; the reason if ONNX Runtime does not run it."""
    why, session = None, None
    filled, defaults = with_defaults(model, next(stored_sets(path, onnx.load(path)))[0])
    try:
        session = open_session(filled)
    except Exception as e:
        why = inferred.one_line(str(e))
    for feeds, outputs in stored_sets(path, onnx.load(path)):
        inputs = {n: seen_any(v) for n, v in feeds.items()}
        stored = {n: seen_any(v) for n, v in outputs.items()}
        compare(shapes, model, inputs | stored, tally, "stored data")
        try:
            given = {n: v for n, v in feeds.items() if n not in defaults}
            compare(shapes, model, inputs | run_session(session, given), tally, "its data")
            tally.runs += 1
        except Exception as e:
            why = why or inferred.one_line(str(e))
            try:
                compare(shapes, model, inputs | reference(model, feeds), tally, "its data, by reference")
            except Exception:
                pass
    return why


def work(item):
    tool, path, seconds, zeros = item
    tally = Tally()
    model = inferred.load(path)
    (shapes,) = inferred.ask(tool, [path], seconds)
    tally.made = {n for node in model.graph.node for n in node.output if n}
    missing = tally.made - {v["name"] for v in shapes["values"]}
    if missing:
        tally.fault(min(missing), f"not told, {len(missing)} in all")
    expose(model)
    try:
        if any(path.parent.glob("test_data_set_*")):
            why = run_case(model, path, shapes, tally)
        else:
            why = run_model(model, path, shapes, tally, time.monotonic() + seconds / 3, zeros)
    except Exception as e:
        why = inferred.one_line(str(e))
    return tally, why


def work_all(paths, args):
    """A model whose child died runs once more, without dims of zero."""
    limits = {"jobs": args.jobs, "seconds": args.seconds, "gigabytes": args.gigabytes}
    for (_, path, *_), result, problem in inferred.in_children(
            work, [(args.tool, p, args.seconds, True) for p in paths], **limits):
        if problem and problem.startswith("crashed"):
            ((_, result, problem),) = inferred.in_children(work, [(args.tool, path, args.seconds, False)], **limits)
        yield path, (result, problem)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--tool", default="build/onnxopt")
    parser.add_argument("--judge", type=Path, default=Path(__file__).resolve().parents[3] / "shared" / "judge")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=240, help="for one model")
    parser.add_argument("--gigabytes", type=float, default=8, help="of address space for one model")
    parser.add_argument("--quiet", action="store_true", help="rows of models with faults only")
    args = parser.parse_args()
    paths, known = [], set()
    for p in inferred.models_in(args.models):
        digest = hashlib.sha256(p.read_bytes()).digest() if "test_" not in p.parent.name else p
        if digest not in known:
            known.add(digest)
            paths.append(p)
    use_judge(args.judge, paths)
    bad, unrun, total = 0, [], Tally()
    print(f"{'model':50} runs  values    dims  elements  unsolved")
    for path, (result, problem) in work_all(paths, args):
        name = path.parent.name if path.name == "model.onnx" else path.name
        tally, why = result or (Tally(), problem)
        if not result and "exit 3:" in problem and not sweep.is_readable(path):
            unrun.append((name, "refused, as the onnx package does"))
        elif not result:
            tally.fault("work", problem)
        elif why and tally.runs == 0:
            unrun.append((name, why))
        elif tally.values == 0:
            tally.fault("runs", "nothing was compared")
        elif why:
            tally.fault("runs", why)
        bad += bool(tally.faults)
        for field in ("runs", "values", "dims", "elements", "unsolved"):
            setattr(total, field, getattr(total, field) + getattr(tally, field))
        if tally.faults or not args.quiet:
            print(f"{name:50} {tally.runs:4} {tally.values:7} {tally.dims:7} {tally.elements:9} {tally.unsolved:9}",
                  *(["  FAIL"] if tally.faults else []), flush=True)
        for f in list(tally.faults.values())[:12]:
            print(f"    {f}")
        if len(tally.faults) > 12:
            print(f"    ... {len(tally.faults)} in all")
    print(f"{'total':50} {total.runs:4} {total.values:7} {total.dims:7} {total.elements:9} {total.unsolved:9}")
    if unrun:
        print(f"\n{len(unrun)} models that ONNX Runtime does not run:")
        inferred.table([(n, w) for n, w in unrun], "ll")
    print(f"\n{len(paths)} models, {len(paths) - len(unrun)} run, {bad} with faults")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
