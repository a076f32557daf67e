"""Never wrong, operator by operator: the operator cases with other sizes than they come with.

    infer_ops.py [--tool build/onnxopt] [--mutants N] FOLDER_OF_CASES...

Each case is made general: every dim of its inputs becomes a symbol (once the same symbol for
equal sizes, once each axis its own), short operands become constants or stay inputs, declared
output shapes go. Then sizes are changed, one symbol at a time, to 1, less, more, 0, the data
cut or repeated to fit. What ONNX Runtime (or else the onnx package's reference evaluator)
accepts must be what inference says. Exit 1: a contradiction.

The same for older versions of the operator, where the case can be told in them, and for
N mutants of each case: attributes and operands changed a little.

Runtimes also run what the specification forbids. A run that breaks an equation (Concat of
shapes that differ elsewhere...) is compared no further; these are listed by reason. LAX has
operators whose inputs runtimes let broadcast where the specification does not.
"""

import argparse
import collections
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx

import infer_true
import inferred

OPERANDS = {"Resize", "Upsample"}  # whose float vectors decide shapes too
LAX = {
    "PRelu": "the slope only may be broadcast", "Attention": "one batch, one head size",
    "Adagrad": "state has the shape of its tensor", "Adam": "the same", "Momentum": "the same",
    "QuantizeLinear": "as many scales as channels", "DequantizeLinear": "the same",
}
CHANGES = (lambda n: n + 1, lambda n: n - 1, lambda n: 1, lambda n: 2 * n, lambda n: n + 7)
STRINGS = {"auto_pad": [b"NOTSET", b"SAME_UPPER", b"SAME_LOWER", b"VALID"], "mode": None}


# --- cases made general ---------------------------------------------------------------------


def is_operand(model, name, array):
    """A vector or scalar that may decide shapes, and is not the first input."""
    first = model.graph.input[0].name == name
    vector = array.ndim <= 1 and array.size <= 64 and not (first and len(model.graph.input) > 1 and array.ndim)
    return vector and (array.dtype.kind in "iub" or any(n.op_type in OPERANDS for n in model.graph.node))


def general(model, feeds, shared, constants):
    """Changes the model; (sizes of the symbols, (input, axis) -> symbol)."""
    sizes, symbols = {}, {}
    for v in list(model.graph.input):
        if v.name in constants:
            model.graph.initializer.append(onnx.numpy_helper.from_array(feeds[v.name], v.name))
            if model.ir_version >= 4:
                model.graph.input.remove(v)
        elif v.type.HasField("tensor_type"):
            for axis, d in enumerate(v.type.tensor_type.shape.dim):
                n = feeds[v.name].shape[axis]
                name = f"n{n}" if shared else f"{v.name}_{axis}"
                d.dim_param = name
                sizes[name] = n
                symbols[v.name, axis] = name
    for v in model.graph.output:
        if v.type.HasField("tensor_type"):
            v.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]
    return sizes, symbols


def fitted(array, name, symbols, sizes):
    shape = [sizes[symbols[name, i]] for i in range(array.ndim)]
    if list(array.shape) == shape:
        return array
    return np.resize(array, shape) if array.size else np.zeros(shape, array.dtype)


def assignments(sizes, changes):
    yield sizes
    for change in changes:
        for s in sizes:
            if change(sizes[s]) >= 0:
                yield sizes | {s: change(sizes[s])}
        yield {s: max(change(n), 0) for s, n in sizes.items()}


# --- other versions, mutants ----------------------------------------------------------------


def older(model, feeds):
    """(model, feeds) for each older version of the one operator that can tell the case."""
    node = model.graph.node[0]
    newest = next(o.version for o in model.opset_import if o.domain == node.domain)
    schemas = [s for s in onnx.defs.get_all_schemas_with_history()
               if s.name == node.op_type and s.domain == node.domain and s.since_version <= newest]
    for schema in sorted(schemas, key=lambda s: -s.since_version)[1:]:
        copy, left = onnx.ModelProto(), dict(feeds)
        copy.CopyFrom(model)
        copy.ir_version = min(copy.ir_version, 8)
        for o in copy.opset_import:
            if o.domain == node.domain:
                o.version = schema.since_version
        if not told_by(copy.graph, schema, left):
            continue
        try:
            onnx.checker.check_model(copy)
        except Exception:
            continue
        for v in copy.graph.output:  # some had another type
            if not any(a.HasField("g") for a in node.attribute):
                v.ClearField("type")
        yield copy, left


def told_by(graph, schema, feeds):
    """Makes the node one of an older schema: inputs that were attributes become attributes."""
    node = graph.node[0]
    current = onnx.defs.get_schema(node.op_type, domain=node.domain)
    names = [current.inputs[min(i, len(current.inputs) - 1)].name for i in range(len(node.input))]
    for i in reversed(range(len(node.input))):
        old = schema.attributes.get(names[i])
        if old and node.input[i] in feeds and i == len(node.input) - 1:
            array = feeds.pop(node.input[i])
            value = array.tolist()
            if not array.size:
                return False
            if str(old.type).endswith("INTS") or str(old.type).endswith("FLOATS"):
                value = value if isinstance(value, list) else [value]
            elif isinstance(value, list):
                value = value[0]
            node.attribute.append(onnx.helper.make_attribute(names[i], value))
            for v in list(graph.input):
                if v.name == node.input[i]:
                    graph.input.remove(v)
            del node.input[i]
    for a in list(node.attribute):
        if a.name not in schema.attributes:
            node.attribute.remove(a)
    return len(node.input) <= schema.max_input


def nudged(n, rng):
    return int(rng.choice([n + 1, n - 1, 0, 1, 2, -1, -n, n + 2, 3]))


def mutate(model, feeds, constants, rng):
    """One or two small changes of attributes or of constant operands."""
    for _ in range(1 + int(rng.integers(2))):
        places = [a for n in model.graph.node for a in n.attribute if a.type in (a.INT, a.INTS, a.STRING)]
        places += [n for n in constants if feeds[n].size]
        if not places:
            return False
        place = places[rng.integers(len(places))]
        if isinstance(place, str):
            mutate_operand(feeds, place, rng)
        elif place.type == place.INT:
            place.i = nudged(place.i, rng)
        elif place.type == place.INTS and place.ints:
            i = rng.integers(len(place.ints))
            place.ints[i] = nudged(place.ints[i], rng)
        elif place.type == place.STRING and STRINGS.get(place.name):
            place.s = STRINGS[place.name][rng.integers(4)]
    return True


def mutate_operand(feeds, name, rng):
    array = feeds[name].copy()
    at = tuple(rng.integers(n) for n in array.shape)
    if array.dtype.kind == "f":
        array[at] = rng.choice([0.5, 1, 1.5, 2, 0.75, 3, 1 / 3])
    elif array.dtype.kind == "i":
        array[at] = nudged(int(array[at]), rng)
    else:
        array[at] = rng.integers(0, 3 if array.dtype.kind == "u" else 2)
    feeds[name] = array


# --- running --------------------------------------------------------------------------------


def broken_equation(shapes, model, seen):
    """Why the inputs of this run are not allowed, or None."""
    env = infer_true.input_symbols(shapes, model, seen)
    for e in shapes["equations"]:
        known = e["symbol"] in env and not infer_true.symbols_unbound(e["is"], env)
        if known and inferred.evaluate(e["is"], env) != env[e["symbol"]]:
            return e["why"]
    for node in model.graph.node:  # ONNX Runtime skips operands without elements
        shapes = [s.shape for s in map(seen.get, node.input) if isinstance(s, infer_true.Seen)] if node.op_type == "Concat" else []
        if any(sum(a != b for a, b in zip(shapes[0], s)) > 1 for s in shapes):
            return "Concat joins shapes that differ in its axis only"
    return None


def run_variant(item, model, feeds, shared, constants, tally, changes, label):
    sizes, symbols = general(model, feeds, shared, constants)
    inputs = [v.name for v in model.graph.input if v.name in feeds and v.name not in constants]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "m.onnx"
        onnx.save(model, path)
        (shapes,) = inferred.ask(item.tool, [path])
    tally.made = {n for node in model.graph.node for n in node.output if n}
    infer_true.expose(model)
    label += f", {'shared' if shared else 'own'} {'constants' if constants else 'inputs'}"
    try:
        session = infer_true.open_session(model)
    except Exception:
        if item.kind == "older":  # the reference evaluator does not mind versions
            return
        session = None
    for tries, chosen in enumerate(assignments(sizes, changes)):
        if tries > item.most:
            break
        given = {n: fitted(feeds[n], n, symbols, chosen) for n in inputs}
        try:
            seen = infer_true.run_session(session, given) if session else infer_true.reference(model, given)
        except Exception:
            continue
        seen |= {n: infer_true.seen_array(v) for n, v in given.items()}
        why = broken_equation(shapes, model, seen)
        if why:
            tally.lax[model.graph.node[0].op_type, why] += 1
            continue
        tally.runs += 1
        infer_true.compare(shapes, model, seen, tally, f"{chosen}, {label}{'' if session else ', by reference'}")


class Item:
    """One child's work: a case, and what is done to it; only: one way of sharing, one change."""

    def __init__(self, args, path, kind, seed=0, only=None):
        self.tool, self.most, self.path, self.kind, self.seed, self.only = args.tool, args.most, path, kind, seed, only

    def changes(self):
        return (lambda n: 0,) if self.kind == "zeros" else CHANGES

    def parts(self, args):
        """Where ONNX Runtime dies of one size, others are still told."""
        return [Item(args, self.path, self.kind, self.seed, (shared, i)) for shared in (True, False)
                for i in range(len(self.changes()))]


def variants(item, model, feeds):
    """(model, feeds, label): the case itself, older ones, or a mutant."""
    if item.kind == "older":
        if len(model.graph.node) == 1:
            for m, f in older(model, feeds):
                yield m, f, f"opset {m.opset_import[0].version}"
    elif item.kind == "mutant":
        rng = np.random.default_rng([item.seed, len(item.path.parent.name)])
        constants = [n for n, a in feeds.items() if is_operand(model, n, a)]
        if mutate(model, feeds, constants, rng):
            node = model.graph.node[0]
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute if a.type < 4 or a.type > 5}
            told = {n: feeds[n].tolist() for n in constants}
            yield model, feeds, f"{node.op_type} {attributes} {told}"
    else:
        yield model, feeds, item.kind


def work(item):
    tally = infer_true.Tally()
    tally.lax = collections.Counter()
    original = onnx.load(item.path)
    feeds, _ = next(infer_true.stored_sets(item.path, original))
    tensors = all(v.type.HasField("tensor_type") for v in original.graph.input)
    if not feeds or not tensors or not all(isinstance(v, np.ndarray) for v in feeds.values()):
        return tally
    changes = item.changes()[item.only[1]:item.only[1] + 1] if item.only else item.changes()
    for model, given, label in variants(item, original, feeds):
        for shared in [item.only[0]] if item.only else [True, False]:
            for freeze in (True, False) if item.kind != "mutant" else (True,):
                copy = onnx.ModelProto()
                copy.CopyFrom(model)
                constants = [n for n, a in given.items() if freeze and is_operand(copy, n, a)]
                run_variant(item, copy, given, shared, constants, tally, changes, label)
    if original.graph.node[0].op_type in LAX:
        tally.lax[original.graph.node[0].op_type, LAX[original.graph.node[0].op_type]] += len(tally.faults)
        tally.faults = {}
    return tally


def answers(items, args):
    again = []
    for item, tally, problem in inferred.in_children(work, items, args.jobs, 120, 6):
        if tally or "crashed" not in problem:
            yield item, tally, problem
        else:
            again += item.parts(args)
    yield from inferred.in_children(work, again, args.jobs, 60, 6)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--tool", default="build/onnxopt")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--most", type=int, default=60, help="assignments per variant")
    parser.add_argument("--mutants", type=int, default=1, help="of each case")
    parser.add_argument("--seed", type=int, default=0, help="of the first mutant")
    args = parser.parse_args()
    paths = [p for p in inferred.models_in(args.models) if any(p.parent.glob("test_data_set_*"))]
    bad, died, total, lax = 0, [], infer_true.Tally(), collections.Counter()
    items = [Item(args, p, kind) for p in paths for kind in ("sizes", "zeros", "older")]
    items += [Item(args, p, "mutant", args.seed + i) for p in paths for i in range(args.mutants)]
    for item, tally, problem in answers(items, args):
        if not tally:
            died.append((item.path.parent.name, item.kind, item.seed, problem))
            continue
        bad += bool(tally.faults)
        lax += tally.lax
        for field in ("runs", "values", "dims", "elements", "unsolved"):
            setattr(total, field, getattr(total, field) + getattr(tally, field))
        if tally.faults:
            print("FAIL", item.path.parent.name, flush=True)
            for f in list(tally.faults.values())[:4]:
                print("    " + f)
    print(f"{len(paths)} cases, {total.runs} runs, {total.values} values, {total.dims} dims, {total.elements} elements"
          f" compared, {total.unsolved} unsolved, {bad} with faults")
    print("runs of what is not allowed:")
    inferred.table([(n, op, why) for (op, why), n in lax.most_common()] or [("none", "", "")], "rll")
    print("runs without an answer:")
    inferred.table(died or [("none", "", "", "")], "llrl")
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
