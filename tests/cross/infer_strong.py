"""Strong: how much inference finds, beside the onnx package and ONNX Runtime's script.

    infer_strong.py [--tool build/onnxopt] [--cases FOLDER] [--models FOLDER...]

--cases: operator cases. The declared shapes of outputs are erased; of the tensor outputs
that are declared with fixed dims, how many come back from onnx.shape_inference (data_prop)
and from us. All that the onnx package recovers must be recovered and equal. Of the others,
whose operands are inputs in these cases, --more must follow once the inputs of at most 64
elements are constants, with the data of the case.

--models: the share of the values of the main graph (tensors that nodes compute) whose every
dim is a number or an expression over the symbols of the inputs; value_info and the shapes of
outputs are erased first, for all three. Ours must not be behind on any model, and --share
over all models that have no data-dependent operator. The others take defaults of inputs for
constants; on a model that has some (a star) we are told to do so too. With --keep FILE what the other two
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

import numpy as np
import onnx

import infer_true
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


def write_erased(path, out, declared=False):
    """A copy beside copies of its external data."""
    model = inferred.load(path, external=False)
    if not declared:
        erase(model)
    for tensor in model.graph.initializer:
        for e in tensor.external_data:
            if e.key == "location" and (path.parent / e.value).is_file():
                shutil.copyfile(path.parent / e.value, out.parent / e.value)
    out.write_bytes(model.SerializeToString())


# --- what each finds: name -> list of int, formula text or None; no entry: rank unknown ------


def declared_symbols(model):
    return {d.dim_param for v in model.graph.input for d in v.type.tensor_type.shape.dim if d.dim_param}


def has_defaults(model):
    """From IR 4 on an initializer that is an input is a default. The others take it for a constant."""
    inputs = {v.name for v in model.graph.input}
    return model.ir_version >= 4 and any(t.name in inputs for t in model.graph.initializer)


def ours(tool, path, seconds):
    alike = ["--initializers-as-constants"] * has_defaults(inferred.load(path, external=False))
    (shapes,) = inferred.ask(tool, [path], seconds, alike)
    tensors = {v["name"]: v["dims"] for v in shapes["values"] if v["dims"] is not None}
    inputs = {v.name for v in inferred.load(path, external=False).graph.input}
    unnamed = {d for n in inputs for d in tensors.get(n, []) if isinstance(d, str)}  # dims without a name
    return {n: [d if is_known(d, unnamed) else None for d in dims] for n, dims in tensors.items()}


def is_known(dim, unnamed):
    return dim is not None and all(s[0] == "s" or s in unnamed for s in inferred.symbols_of(dim))


def from_protos(model, is_known):
    found = {}
    for v in [*model.graph.value_info, *model.graph.output, *model.graph.input]:
        t = v.type.tensor_type
        if v.type.HasField("tensor_type") and t.HasField("shape"):
            found[v.name] = [size_of(d) if d.HasField("dim_value") else is_known(d.dim_param) for d in t.shape.dim]
    return found


def size_of(dim):
    """Some exporters declare -1 where they mean any."""
    return dim.dim_value if dim.dim_value >= 0 else None


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


def freeze(model, path):
    """Short inputs become constants."""
    feeds, _ = next(infer_true.stored_sets(path, model), ({}, {}))
    for v in list(model.graph.input):
        array = feeds.get(v.name)
        if isinstance(array, np.ndarray) and array.size <= 64:
            model.graph.initializer.append(onnx.numpy_helper.from_array(array, v.name))
            if model.ir_version >= 4:
                model.graph.input.remove(v)


def both(tool, model, folder):
    path = Path(folder) / "m.onnx"
    onnx.save(model, path)
    try:
        theirs = by_onnx(path)
    except Exception:
        theirs = {}
    return theirs, ours(tool, path, 60)


def case_work(item):
    """(op, name, declared, onnx's, ours, onnx's of constants, ours of constants) of the tensor outputs."""
    tool, path = item
    model = onnx.load(path)
    makers = {o: n.op_type for n in model.graph.node for o in n.output}
    declared = {v.name: from_protos_of(v) for v in model.graph.output if v.type.HasField("tensor_type")}
    with tempfile.TemporaryDirectory() as folder:
        erase(model)
        found = both(tool, model, folder)
        if any(not is_static(found[1].get(n)) for n in declared):
            freeze(model, path)
            found += both(tool, model, folder)
        else:
            found += found
    return [(makers.get(n, "input"), n, d, *(f.get(n) for f in found)) for n, d in declared.items()]


def from_protos_of(value):
    t = value.type.tensor_type
    return [d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in t.shape.dim] if t.HasField("shape") else None


def is_static(dims):
    return dims is not None and all(isinstance(d, int) for d in dims)


def cases(args):
    paths = [p for p in inferred.models_in([args.cases]) if "_expanded" not in p.parent.name]
    count, faults, missed, extra = collections.Counter(), [], collections.Counter(), collections.Counter()
    for (_, path), rows, problem in inferred.in_children(case_work, [(args.tool, p) for p in paths], args.jobs, 120, 6):
        count["models"] += 1
        if problem:
            faults.append(f"{path.parent.name}: {problem}")
            continue
        for op, name, declared, theirs, mine, theirs_const, mine_const in rows:
            if not is_static(declared):
                continue
            count["outputs"] += 1
            count["onnx"] += is_static(theirs)
            count["ours"] += is_static(mine)
            for found, what in ((mine, ""), (mine_const, " with constants")):
                if is_static(found) and found != declared:
                    faults.append(f"{path.parent.name}: {name} is {found}{what}, declared {declared}")
            if is_static(theirs) and theirs != mine:
                faults.append(f"{path.parent.name}: {name} is {mine}, onnx {theirs}")
            if not is_static(theirs):
                count["onnx with constants"] += is_static(theirs_const)
                extra[op] += is_static(mine_const)
                missed[op] += not is_static(mine_const)
    more = sum(extra.values())
    print(f"operator cases: {count['models']} models, {count['outputs']} tensor outputs, fully static: "
          f"onnx {count['onnx']}, ours {count['ours']}; of the other {count['outputs'] - count['onnx']}, "
          f"with constants: onnx {count['onnx with constants']}, ours {more}")
    print("not found:", *(f"{op} {n}" for op, n in missed.most_common() if n))
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
    who, tool, path, seconds, declared = item
    model = inferred.load(path)
    skip = not_tensors(model)
    names = [o for n in model.graph.node for o in n.output if o and o not in skip]
    with tempfile.TemporaryDirectory() as folder:
        erased = Path(folder) / path.name
        write_erased(path, erased, declared)
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
    keys = {p: hashlib.sha256(p.read_bytes()).hexdigest()[:16] + " declared" * args.declared for p in paths}
    items = [(who, args.tool, p, args.seconds, args.declared)
             for p in paths for who in WHO if f"{who} {keys[p]}" not in kept]
    for (who, _, path, *_), result, problem in inferred.in_children(share_work, items, args.jobs, args.seconds, 8):
        kept[f"{who} {keys[path]}"] = result or (0, 0, False, {})
        if problem and who == "ours" and "OX3008" not in problem:      # nested too deep: refused by all
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
        star = " *" * has_defaults(inferred.load(path, external=False))
        rows.append((path.name + star, total, *(f"{100 * found[who][1] / max(total, 1):.1f}" for who in WHO),
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
    parser.add_argument("--declared", action="store_true", help="erase nothing in models")
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
