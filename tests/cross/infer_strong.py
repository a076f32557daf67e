"""Strong: how much inference finds, beside the onnx package and ONNX Runtime's script.

    infer_strong.py [--tool build/onnxopt] [--cases FOLDER] [--models FOLDER...]

--cases: operator cases. The declared shapes of outputs are erased; of the tensor outputs,
how many come back fully static from onnx.shape_inference (data_prop) and from us. All that
the onnx package recovers must be recovered and equal, and --more of the others.

--models: the share of the values of the main graph (tensors that nodes compute) whose every
dim is a number or an expression over the symbols of the inputs; value_info and the shapes of
outputs are erased first, for all three. Ours must not be behind on any model, and --share
over all models that have no data-dependent operator. With --keep FILE what the other two
find is written to FILE and read from it the next time.
"""

import argparse
import collections
import hashlib
import json
import shutil
import sys
import tempfile
from pathlib import Path

import onnx

import inferred

# Operators whose output dims depend on data, not on the contents that carry shapes.
DATA_DEPENDENT = {
    "NonZero", "NonMaxSuppression", "Unique", "Compress", "Loop", "Scan", "If", "SequenceMap", "StringSplit",
    "StringNormalizer", "TfIdfVectorizer", "ImageDecoder", "RegexSplitWithOffsets", "BeamSearch", "GreedySearch", "Sampling",
}


# --- erasing --------------------------------------------------------------------------------


def erase(model):
    """No declared shapes but those of the inputs."""
    stored = {t.name for t in model.graph.initializer}
    inputs = {v.name for v in model.graph.input} | stored
    for v in model.graph.output:
        if v.name not in inputs and v.type.HasField("tensor_type"):
            v.type.tensor_type.ClearField("shape")
    del model.graph.value_info[:]


def write_erased(path, out):
    """A copy beside copies of its external data."""
    model = inferred.load(path, external=False)
    erase(model)
    for tensor in model.graph.initializer:
        for e in tensor.external_data:
            if e.key == "location" and (path.parent / e.value).is_file():
                shutil.copyfile(path.parent / e.value, out.parent / e.value)
    out.write_bytes(model.SerializeToString())


# --- what each finds: name -> list of int, formula text or None; no entry: rank unknown ------


def declared_symbols(model):
    return {d.dim_param for v in model.graph.input for d in v.type.tensor_type.shape.dim if d.dim_param}


def ours(tool, path, seconds):
    (shapes,) = inferred.ask(tool, [path], seconds)
    tensors = {v["name"]: v["dims"] for v in shapes["values"]}
    return {n: [d if inferred.is_formula(d) else None for d in dims] for n, dims in tensors.items() if dims is not None}


def from_protos(model, is_known):
    found = {}
    for v in [*model.graph.value_info, *model.graph.output, *model.graph.input]:
        t = v.type.tensor_type
        if v.type.HasField("tensor_type") and t.HasField("shape"):
            found[v.name] = [d.dim_value if d.HasField("dim_value") else is_known(d.dim_param) for d in t.shape.dim]
    return found


def by_onnx(path):
    model = inferred.load(path)
    symbols = declared_symbols(model)
    model = onnx.shape_inference.infer_shapes(model, data_prop=True)
    return from_protos(model, lambda name: name if name in symbols else None)


def by_ort_script(path):
    """ONNX Runtime's script; what it has when it gives up counts."""
    import sympy
    from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference
    model = inferred.load(path)
    symbols = declared_symbols(model)
    names = {s: sympy.Symbol(f"v{i}") for i, s in enumerate(symbols)}
    script = SymbolicShapeInference(2**31 - 1, True, False, 0)
    script._preprocess(model)
    try:
        while script.run_:
            script._infer_impl()
        script._update_output_from_vi()
    except Exception:
        pass

    def known(text):
        if not text or text in symbols:
            return text or None
        for s in sorted(symbols, key=len, reverse=True):
            text = text.replace(s, str(names[s]))
        try:
            return text if sympy.sympify(text).free_symbols <= set(names.values()) else None
        except Exception:
            return None

    return from_protos(script.out_mp_, known)


def is_full(found, name):
    return name in found and None not in found[name]


# --- operator cases -------------------------------------------------------------------------


def case_work(item):
    """[(op, declared, onnx's, ours)] of the tensor outputs."""
    tool, path = item
    with tempfile.TemporaryDirectory() as folder:
        erased = Path(folder) / "m.onnx"
        write_erased(path, erased)
        try:
            theirs = by_onnx(erased)
        except Exception:
            theirs = {}
        mine = ours(tool, erased, 60)
    model = onnx.load(path)
    makers = {o: n.op_type for n in model.graph.node for o in n.output}
    rows = []
    for v in model.graph.output:
        if v.type.HasField("tensor_type"):
            declared = from_protos_of(v)
            rows.append((makers.get(v.name, "input"), v.name, declared, theirs.get(v.name), mine.get(v.name)))
    return rows


def from_protos_of(value):
    t = value.type.tensor_type
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in t.shape.dim] if t.HasField("shape") else None


def is_static(dims):
    return dims is not None and all(isinstance(d, int) for d in dims)


def fits(declared, found):
    return declared is None or len(declared) == len(found) and all(
        not isinstance(a, int) or a == b for a, b in zip(declared, found))


def cases(args):
    paths = [p for p in inferred.models_in([args.cases]) if "_expanded" not in p.parent.name]
    count, faults, missed, extra = collections.Counter(), [], collections.Counter(), collections.Counter()
    for (_, path), rows, problem in inferred.in_children(case_work, [(args.tool, p) for p in paths], args.jobs, 120, 6):
        count["models"] += 1
        if problem:
            faults.append(f"{path.parent.name}: {problem}")
            continue
        for op, name, declared, theirs, mine in rows:
            if not is_static(declared):
                continue
            count["outputs"] += 1
            count["onnx"] += is_static(theirs)
            count["ours"] += is_static(mine)
            if is_static(mine) and not fits(declared, mine):
                faults.append(f"{path.parent.name}: {name} is {mine}, declared {declared}")
            if is_static(theirs) and theirs != mine:
                faults.append(f"{path.parent.name}: {name} is {mine}, onnx {theirs}")
            if not is_static(mine):
                missed[op] += 1
            elif not is_static(theirs):
                extra[op] += 1
    more = sum(extra.values())
    print(f"operator cases: {count['models']} models, {count['outputs']} tensor outputs, fully static: "
          f"onnx {count['onnx']}, ours {count['ours']}, {more} that onnx does not find")
    print("ours alone:", *(f"{op} {n}" for op, n in extra.most_common()))
    print("not found: ", *(f"{op} {n}" for op, n in missed.most_common()))
    if more < args.more:
        faults.append(f"{more} beyond the onnx package, {args.more} wanted")
    return faults


# --- models ---------------------------------------------------------------------------------

WHO = ("ours", "onnx", "script")



def not_tensors(model):
    """Names of sequences, optionals and maps, as far as operators tell."""
    kinds = {"SequenceConstruct", "SequenceEmpty", "SequenceInsert", "SequenceErase", "SplitToSequence", "SequenceMap",
             "Optional", "ZipMap"}
    return {o for n in model.graph.node if n.op_type in kinds for o in n.output}


def has_data_dependent(model):
    from sweep import graphs_of

    def within(nodes):
        return any(n.op_type in DATA_DEPENDENT or any(within(g.node) for g in graphs_of(n)) for n in nodes)
    return within(model.graph.node) or any(within(f.node) for f in model.functions)


def share_work(item):
    """Values, values found, whether there is a data-dependent operator, and where it ends."""
    who, tool, path, seconds = item
    model = inferred.load(path)
    skip = not_tensors(model)
    names = [o for n in model.graph.node for o in n.output if o and o not in skip]
    with tempfile.TemporaryDirectory() as folder:
        erased = Path(folder) / path.name
        write_erased(path, erased)
        if who == "ours":
            found = ours(tool, erased, seconds)
        else:
            found = (by_onnx if who == "onnx" else by_ort_script)(erased)
    makers = {o: n.op_type for n in model.graph.node for o in n.output}
    missed = [n for n in names if not is_full(found, n)]
    # where knowledge is lost: nodes with a missed output whose every input is fully known
    known = {n for n in found if is_full(found, n)} | {t.name for t in model.graph.initializer} | {""}
    first = collections.Counter(makers[n.output[0]] for n in model.graph.node
                                if set(n.output) & set(missed) and all(i in known for i in n.input))
    return len(names), len(names) - len(missed), has_data_dependent(model), dict(first.most_common(5))


def shares(args):
    faults, rows = [], [("model", "values", "ours", "onnx", "ORT script", "", "where ours ends")]
    paths = list(inferred.models_in(args.models))
    kept = json.loads(args.keep.read_text()) if args.keep and args.keep.exists() else {}
    keys = {p: hashlib.sha256(p.read_bytes()).hexdigest()[:16] for p in paths}
    items = [(who, args.tool, p, args.seconds) for p in paths for who in WHO if f"{who} {keys[p]}" not in kept]
    for (who, _, path, _), result, problem in inferred.in_children(share_work, items, args.jobs, args.seconds, 8):
        kept[f"{who} {keys[path]}"] = result or (0, 0, False, {})
        if problem and who == "ours":
            faults.append(f"{path.name}: {problem}")
    if args.keep:
        args.keep.write_text(json.dumps({k: v for k, v in kept.items() if not k.startswith("ours")}))
    sums = {True: collections.Counter(), False: collections.Counter()}
    for path in paths:
        found = {who: kept[f"{who} {keys[path]}"] for who in WHO}
        total, mine, free, first = found["ours"]
        best = max(found["onnx"][1], found["script"][1])
        sums[free].update(values=total, **{who: found[who][1] for who in WHO})
        if mine < best:
            faults.append(f"{path.name}: {mine} of {total}, another has {best}")
        rows.append((path.name, total, *(f"{100 * found[who][1] / max(total, 1):.1f}" for who in WHO),
                     "data-dependent" if free else "", " ".join(f"{op} {n}" for op, n in first.items())))
    for free, label in ((False, "no data-dependent op"), (True, "data-dependent")):
        s = sums[free]
        rows.append((label, s["values"], *(f"{100 * s[who] / max(s['values'], 1):.2f}" for who in WHO), "", ""))
    inferred.table(rows, "lrrrrll")
    share = 100 * sums[False]["ours"] / max(sums[False]["values"], 1)
    if share < args.share:
        faults.append(f"{share:.2f} % without data-dependent operators, {args.share} wanted")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tool", default="build/onnxopt")
    parser.add_argument("--cases", type=Path, help="folder of operator cases")
    parser.add_argument("--models", type=Path, nargs="*", default=[])
    parser.add_argument("--more", type=int, default=80, help="outputs of cases that the onnx package does not find")
    parser.add_argument("--share", type=float, default=97, help="percent")
    parser.add_argument("--keep", type=Path, help="what the others find, from run to run")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=300, help="for one model")
    args = parser.parse_args()
    faults = (cases(args) if args.cases else []) + (shares(args) if args.models else [])
    for f in faults:
        print("FAIL", f)
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
