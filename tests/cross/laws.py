"""Breaks one law at a time in every golden that shows a rewrite; the pass must keep them all.

    laws.py [--tool build/onnxopt] [--only LAW] [--seed 0] [--keep FOLDER] [GOLDEN or FOLDER ...]

For each golden with an `after`, its model is changed in one way that a pass must notice, or
must at least survive (docs/laws.md):

    output     a value between nodes is a graph output, too
    reader     a value between nodes has another reader
    captured   the other reader stands in the branches of an If
    foreign    a node is of another domain
    override   constants are inputs with a default
    runtime    constants are inputs
    branch     everything stands in the branches of an If
    loop       everything stands in the body of a Loop
    function   everything stands in a local function
    symbolic   dims of inputs are symbols, equal ones the same or all different
    types      float is double, float16, int32
    names      names that the rewrite makes are taken
    negative   axes are counted from the end

Then the passes of the golden run. The result must be valid where the model was, have the same
interface, not more nodes, be final, and compute the same in ONNX Runtime (optimization off) on
random inputs - the same bits where all passes are exact. Who must stay unchanged is not asked:
what counts is what is computed, and `output`, `reader` and `override` read and feed all that
must not be lost. Exit 1: something does not hold, or nothing was compared.
"""

import argparse
import os
import pickle
import re
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from fuzz_passes import accepted
from onnx import TensorProto, helper, numpy_helper, shape_inference

ROOT = Path(__file__).resolve().parent.parent.parent
ort.set_default_logger_severity(4)
FLOATS = {TensorProto.FLOAT: 2e-5, TensorProto.DOUBLE: 1e-9, TensorProto.FLOAT16: 2e-2, TensorProto.BFLOAT16: 1e-1}


# By the specification these are fine; the runtime says no to sizes of 0.
QUIRKS = ("Only N can be zero",)


class Wrong(Exception):
    """What does not hold."""


def copy(model):
    m = onnx.ModelProto()
    m.CopyFrom(model)
    return m


# ---- goldens


class Golden:
    """A model, the passes it is for, and whether all of them keep every bit."""

    def __init__(self, path, tool, folder):
        text = path.read_text()
        self.path = path
        self.passes = re.search(r"^#! passes: *(.*)$", text, re.M).group(1)
        options = re.search(r"^#! options: *(.*)$", text, re.M)
        self.options = options.group(1).split() if options else []
        numerics = re.search(r"^#! numerics: *(.*)$", text, re.M)
        self.exact = not numerics or numerics.group(1) == "exact"
        before = text[:text.index("#! after")]
        (folder / "g.txt").write_text("\n".join(l for l in before.split("\n") if not l.startswith("#!")))
        done = subprocess.run([tool, "parse", folder / "g.txt", folder / "g.onnx", "-q"], capture_output=True, text=True)
        self.model = None if done.returncode else onnx.load(folder / "g.onnx")


def goldens(where):
    for p in where:
        for f in [p] if p.is_file() else sorted(p.rglob("*.onnxtxt")):
            text = f.read_text()
            if "\n#! after" in text and "\n#! passes:" in text and f.parent.name not in ("specialise",):
                yield f


# ---- mutants: each yields (what, model)


def interior(graph):
    outputs = {o.name for o in graph.output}
    return [v for n in graph.node for v in n.output if v and v not in outputs and n.op_type != "Constant"]


def output(model, _):
    for v in interior(model.graph)[:8]:
        m = copy(model)
        m.graph.output.append(onnx.ValueInfoProto(name=v))
        yield v, m


def reader(model, _):
    for v in interior(model.graph)[:8]:
        m = copy(model)
        m.graph.node.append(helper.make_node("Identity", [v], ["law_" + v]))
        m.graph.node.append(helper.make_node("Shape", ["law_" + v], ["law_shape_" + v]))
        m.graph.output.append(onnx.ValueInfoProto(name="law_" + v))
        m.graph.output.append(onnx.ValueInfoProto(name="law_shape_" + v))
        yield v, m


def captured(model, _):
    for v in interior(model.graph)[:8]:
        m = copy(model)
        then, other = (helper.make_graph([helper.make_node("Identity", [v], [f"law_{k}"])], k, [],
                                         [onnx.ValueInfoProto(name=f"law_{k}")]) for k in ("then", "else"))
        m.graph.input.append(helper.make_tensor_value_info("law_cond", TensorProto.BOOL, []))
        m.graph.node.append(helper.make_node("If", ["law_cond"], ["law_if"], then_branch=then, else_branch=other))
        m.graph.output.append(onnx.ValueInfoProto(name="law_if"))
        yield v, m


def foreign(model, _):
    for i, n in enumerate(model.graph.node):
        if n.domain in ("", "ai.onnx") and n.op_type != "Constant":
            m = copy(model)
            m.graph.node[i].domain = "law.foreign"
            m.opset_import.append(helper.make_opsetid("law.foreign", 1))
            yield n.op_type, m


def as_inputs(model, default):
    listed = {i.name for i in model.graph.input}
    inits = [t for t in model.graph.initializer if t.name not in listed]
    for some in ([[t] for t in inits[:8]] + [inits] if len(inits) > 1 else [inits]):
        if not some or model.ir_version < 4:
            continue
        m = copy(model)
        names = {t.name for t in some}
        for t in some:
            m.graph.input.append(helper.make_tensor_value_info(t.name, t.data_type, t.dims))
        if not default:
            kept = [t for t in m.graph.initializer if t.name not in names]
            del m.graph.initializer[:]
            m.graph.initializer.extend(kept)
        yield " ".join(sorted(names)), m


def override(model, _):
    yield from as_inputs(model, True)


def runtime(model, _):
    yield from as_inputs(model, False)


def body_of(model, tail="", constants=True):
    """Nodes and initializers as Constant nodes; outputs under new names."""
    listed = {i.name for i in model.graph.input}
    inits = [helper.make_node("Constant", [], [t.name], value=t) for t in model.graph.initializer
             if constants and t.name not in listed]
    for n in inits:
        n.attribute[0].t.name = ""
    nodes = []
    for n in model.graph.node:
        c = onnx.NodeProto()
        c.CopyFrom(n)
        nodes.append(c)
    nodes = inits + nodes
    if tail:
        outs = {o.name for o in model.graph.output}
        for n in nodes:
            for of in (n.input, n.output):
                for i, v in enumerate(of):
                    of[i] = v + tail if v in outs else v
            for a in n.attribute:
                if a.g.node or a.g.output:
                    raise KeyError("subgraphs")
    return nodes


def bare(outputs, tail=""):
    return [onnx.ValueInfoProto(name=o.name + tail) for o in outputs]


def is_simple(model):
    made = {v for n in model.graph.node for v in n.output}
    return not model.graph.sparse_initializer and all(o.name in made for o in model.graph.output) and \
        not any(a.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS) for n in model.graph.node for a in n.attribute)


def branch(model, _):
    if not is_simple(model):
        return
    for constants in (True, False):
        m = copy(model)
        del m.graph.node[:]
        nodes = body_of(model, "_then", constants)
        other = body_of(model, "_else", constants)
        if constants:
            del m.graph.initializer[:]
        inner = {v for n in nodes for v in n.output}
        for n in other:               # names of one branch may not be those of the other's
            for of in (n.input, n.output):
                for i, v in enumerate(of):
                    of[i] = v + "_e" if v in inner else v
        m.graph.input.append(helper.make_tensor_value_info("law_cond", TensorProto.BOOL, []))
        del m.graph.value_info[:]
        m.graph.node.append(helper.make_node(
            "If", ["law_cond"], [o.name for o in model.graph.output],
            then_branch=helper.make_graph(nodes, "then", [], bare(model.graph.output, "_then")),
            else_branch=helper.make_graph(other, "else", [], bare(model.graph.output, "_else"))))
        yield "constants inside" if constants else "constants outside", m


def loop(model, _):
    if not is_simple(model):
        return
    for constants in (True, False):
        m = copy(model)
        nodes = [helper.make_node("Identity", ["law_c"], ["law_go"])] + body_of(model, "_in", constants)
        if constants:
            del m.graph.initializer[:]
        del m.graph.node[:]
        del m.graph.value_info[:]
        body = helper.make_graph(nodes, "body", [helper.make_tensor_value_info("law_i", TensorProto.INT64, []),
                                                 helper.make_tensor_value_info("law_c", TensorProto.BOOL, [])],
                                 [helper.make_tensor_value_info("law_go", TensorProto.BOOL, [])] + bare(model.graph.output, "_in"))
        m.graph.initializer.append(numpy_helper.from_array(np.array(2), "law_trips"))
        m.graph.node.append(helper.make_node("Loop", ["law_trips", ""], [o.name for o in model.graph.output], body=body))
        outs = [onnx.ValueInfoProto(name=o.name) for o in model.graph.output]
        del m.graph.output[:]
        m.graph.output.extend(outs)
        yield "constants inside" if constants else "constants outside", m


def function(model, _):
    listed = {t.name for t in model.graph.initializer}
    if not is_simple(model) or model.functions or model.ir_version < 8:
        return
    m = copy(model)
    inputs = [i.name for i in model.graph.input if i.name not in listed]
    outputs = [o.name for o in model.graph.output]
    nodes = body_of(model)
    if any(t.name in {i.name for i in model.graph.input} for t in model.graph.initializer):
        return
    m.functions.append(helper.make_function("law.local", "F", inputs, outputs, nodes, list(model.opset_import)))
    m.opset_import.append(helper.make_opsetid("law.local", 1))
    del m.graph.node[:]
    del m.graph.initializer[:]
    del m.graph.value_info[:]
    m.graph.node.append(helper.make_node("F", inputs, outputs, domain="law.local"))
    yield "", m


def symbolic(model, _):
    for shared in (False, True):
        m = copy(model)
        listed = {t.name for t in model.graph.initializer}
        count = 0
        for i in m.graph.input:
            for d in i.type.tensor_type.shape.dim if i.name not in listed else []:
                if d.HasField("dim_value"):
                    count += 1
                    size = d.dim_value
                    d.dim_param = f"law{size}" if shared else f"law{count}_{size}"
        outs = [onnx.ValueInfoProto(name=o.name) for o in m.graph.output]
        del m.graph.output[:]
        m.graph.output.extend(outs)
        del m.graph.value_info[:]
        if count:
            yield "equal dims are one symbol" if shared else "every dim is a symbol", m


def types(model, _):
    if model.functions or not is_simple(model):
        return
    for to in (TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.INT32):
        m, changed = copy(model), 0
        dtype = helper.tensor_dtype_to_np_dtype(to)

        def recast(t):
            if t.data_type != TensorProto.FLOAT:
                return 0
            with np.errstate(all="ignore"):
                t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(dtype), t.name))
            return 1

        for t in m.graph.initializer:
            changed += recast(t)
        for n in m.graph.node:
            for a in n.attribute:
                if a.type == onnx.AttributeProto.TENSOR:
                    changed += recast(a.t)
                if a.name == "to" and n.op_type == "Cast" and a.i == TensorProto.FLOAT:
                    a.i = to
        for v in list(m.graph.input) + list(m.graph.output) + list(m.graph.value_info):
            if v.type.tensor_type.elem_type == TensorProto.FLOAT:
                v.type.tensor_type.elem_type = to
                changed += 1
        if changed:
            yield TensorProto.DataType.Name(to).lower(), m


def names_in(model):
    graphs, found = [model.graph], set()
    while graphs:
        g = graphs.pop()
        found |= {v for n in g.node for v in [*n.input, *n.output]} | {t.name for t in g.initializer} | {i.name for i in g.input}
        graphs += [a.g for n in g.node for a in n.attribute if a.type == onnx.AttributeProto.GRAPH]
    return found


def names(model, result):
    new = sorted(names_in(result) - names_in(model) - {""})
    if not new:
        return
    m = copy(model)
    for v in new:
        m.graph.input.append(helper.make_tensor_value_info(v, TensorProto.FLOAT, [2]))
        m.graph.node.append(helper.make_node("Neg", [v], [v + "_law"]))
        m.graph.output.append(helper.make_tensor_value_info(v + "_law", TensorProto.FLOAT, [2]))
    yield " ".join(new), m
    m = copy(model)
    for v in new:
        m.graph.initializer.append(numpy_helper.from_array(np.array([3, 4], np.float32), v))
        m.graph.node.append(helper.make_node("Neg", [v], [v + "_law"]))
        m.graph.output.append(helper.make_tensor_value_info(v + "_law", TensorProto.FLOAT, [2]))
    yield "initializers " + " ".join(new), m


def negative(model, _):
    try:
        inferred = shape_inference.infer_shapes(model)
    except Exception:
        return
    ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in [*inferred.graph.value_info, *inferred.graph.input, *inferred.graph.output]
             if v.type.tensor_type.HasField("shape")}
    m, changed = copy(model), False
    inits = {t.name: t for t in m.graph.initializer}
    shift = {}
    for n in m.graph.node:
        of = n.output[0] if n.op_type == "Unsqueeze" else n.input[0] if n.input else ""
        rank = ranks.get(of)
        if rank is None or n.op_type in ("Flatten", "BatchNormalization"):
            continue
        for a in n.attribute:
            if a.name == "axis" and 0 <= a.i < rank:
                a.i -= rank
                changed = True
            if a.name == "axes" and a.ints and all(0 <= i < rank for i in a.ints):
                a.ints[:] = [i - rank for i in a.ints]
                changed = True
        k = {"Unsqueeze": 1, "Squeeze": 1, "Slice": 3, "Pad": 3, "ReduceSum": 1, "ReduceMean": 1, "ReduceMax": 1}.get(n.op_type)
        if k and len(n.input) > k and n.input[k] in inits:
            shift.setdefault(n.input[k], set()).add(rank)
    for name, by in shift.items():
        v = numpy_helper.to_array(inits[name])
        if len(by) == 1 and (v >= 0).all():
            inits[name].CopyFrom(numpy_helper.from_array(v - v.dtype.type(next(iter(by))), name))
            changed = True
    if changed:
        yield "", m


LAWS = {f.__name__: f for f in (output, reader, captured, foreign, override, runtime, branch, loop, function, symbolic, types,
                                names, negative)}


# ---- judging


def optimize(tool, golden, source, target):
    done = subprocess.run([tool, "optimize", source, target, "-q", "--passes", golden.passes, *golden.options],
                          capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise Wrong(f"exit {done.returncode}: {done.stderr.strip()[-300:]}")


def session(model):
    o = ort.SessionOptions()
    o.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    o.intra_op_num_threads = o.inter_op_num_threads = 1
    return ort.InferenceSession(model.SerializeToString(), o, providers=["CPUExecutionProvider"])


# What these make of NaN is not specified (the maximum of a window or a row).
NAN_IS_OPEN = {"LSTM", "GRU", "RNN", "Hardmax", "ArgMax", "ArgMin", "TopK", "MaxPool", "ReduceMax", "ReduceMin", "Max", "Min", "Cast", "Sign"}
RANDOM = {"Dropout", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Bernoulli", "Multinomial"}
NAMES = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16, "tensor(int64)": np.int64,
         "tensor(int32)": np.int32, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_,
         "tensor(int16)": np.int16, "tensor(uint16)": np.uint16, "tensor(uint32)": np.uint32, "tensor(uint64)": np.uint64}


def every_node(model):
    graphs = [model.graph, *model.functions]
    while graphs:
        g = graphs.pop()
        yield from g.node
        graphs += [a.g for n in g.node for a in n.attribute if a.type == onnx.AttributeProto.GRAPH]


def feeds(model, sess, rng, trial, least):
    """A value for each input: its default at first, else drawn; sizes of symbols as their names end, else small."""
    sizes, feed = {}, {}
    special = [0.0, -0.0] if any(n.op_type in NAN_IS_OPEN for n in every_node(model)) else [0.0, -0.0, np.inf, np.nan]
    defaults = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for i in sess.get_inputs():
        dims = []
        for d in i.shape:
            if isinstance(d, str):
                told = re.fullmatch(r"law(?:\d+_)?(\d+)", d)
                d = sizes.setdefault(d, int(told.group(1)) if told and trial < 2 else int(rng.integers(least, 5)))
            dims.append(d if d is not None else int(rng.integers(1, 4)))
        if np.prod(dims, dtype=float) > 1e6:
            return None
        dtype = NAMES.get(i.type)
        if dtype is None:
            return None
        feed[i.name] = draw(rng, dtype, dims, special)
    for i in sess.get_overridable_initializers():
        a = defaults[i.name]
        if trial and i.type in NAMES and rng.random() < 0.7:
            drawn = draw(rng, a.dtype.type, a.shape, special)
            feed[i.name] = drawn if a.dtype.kind == "f" or rng.random() < 0.5 else np.array(a)
    return feed


def draw(rng, dtype, dims, special):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(dims) < 0.5)
    if kind in "iu":
        return np.asarray(rng.integers(0 if kind == "u" else -1, 4, dims)).astype(dtype)
    a = (rng.standard_normal(dims) * 3).astype(dtype)
    if a.size > 2 and rng.random() < 0.3:
        a.reshape(-1)[0] = rng.choice(special)
    return np.asarray(a)


def same(want, got, exact):
    if isinstance(want, list) or want.dtype.kind in "OUS":
        return str(want) == str(got)
    if want.dtype != got.dtype or want.shape != got.shape:
        return False
    # float16 tells nothing exactly: runtimes compute several nodes in float32 and round once
    if want.dtype.kind not in "fV" or (exact and want.dtype != np.float16):
        w, g = want, got
        if want.dtype.kind == "f":
            return bool(((w == g) | (np.isnan(w) & np.isnan(g))).all())
        return w.tobytes() == g.tobytes()
    bound = FLOATS[helper.np_dtype_to_tensor_dtype(want.dtype)]
    w, g = want.astype(np.float64), got.astype(np.float64)
    ok = np.isfinite(w)
    if not (np.isnan(w) == np.isnan(g)).all() and np.isfinite(w).all():
        return False
    scale = np.abs(w[ok]).max() if ok.any() else 0
    return bool((np.abs(w[ok] - g[ok]) <= bound * max(scale, 1)).all())


def compare(before, after, golden, rng):
    """How many runs were compared."""
    if any(n.op_type in RANDOM for n in every_node(before)):
        return 0
    try:
        a = session(before)
    except Exception:
        return 0
    try:
        b = session(after)
    except Exception as e:
        raise Wrong(f"does not load: {str(e)[:300]}") from e
    runs = 0
    there = {i.name for i in b.get_inputs()} | {i.name for i in b.get_overridable_initializers()}
    for trial in range(4):
        feed = feeds(before, a, rng, trial, int("--positive-dims" in golden.options))
        if feed is None:
            return runs
        try:
            want = a.run(None, feed)
        except Exception:
            continue
        try:
            got = b.run(None, {k: v for k, v in feed.items() if k in there})
        except Exception as e:
            if any(q in str(e) for q in QUIRKS):
                continue
            raise Wrong(f"does not run: {str(e)[:300]}") from e
        for o, w, g in zip(a.get_outputs(), want, got):
            if not same(w, g, golden.exact):
                raise Wrong(f"{o.name} differs for { {k: v.tolist() for k, v in feed.items()} }:\n{w}\n{g}")
        runs += 1
    return runs


def nodes(model):
    """Weighted as the passes do (docs/laws.md): a Constant is nothing, control flow is much, a call its function."""
    bodies = {(f.domain, f.name): f for f in model.functions}

    def weight(n):
        if (n.domain, n.op_type) in bodies:
            return sum(map(weight, bodies[n.domain, n.op_type].node))
        inner = sum(weight(k) for a in n.attribute for g in [a.g, *a.graphs] for k in g.node)
        return inner + {"Constant": 0, "If": 8, "Loop": 8, "Scan": 8}.get(n.op_type, 1)

    return sum(map(weight, model.graph.node))


def foreigners(model):
    return Counter(n.op_type for n in model.graph.node if n.domain == "law.foreign")


def judge(tool, golden, mutant, folder, rng):
    before, after, again = (folder / f"{k}.onnx" for k in ("before", "after", "again"))
    before.write_bytes(mutant.SerializeToString())
    if subprocess.run([tool, "check", before, "-q"], capture_output=True).returncode:
        return 0                      # the mutant itself is none
    optimize(tool, golden, before, after)
    result = onnx.load(after)
    if [o.SerializeToString() for o in mutant.graph.output] != [o.SerializeToString() for o in result.graph.output]:
        raise Wrong("other outputs")
    if mutant.ir_version > 3 and [i.SerializeToString() for i in mutant.graph.input] != [i.SerializeToString() for i in result.graph.input]:
        raise Wrong("other inputs")
    if nodes(result) > nodes(mutant):
        raise Wrong(f"{nodes(mutant)} nodes became {nodes(result)}")
    read = {v for n in mutant.graph.node for v in n.input} | {o.name for o in mutant.graph.output}
    if any(foreigners(mutant) - foreigners(result)) and all(set(n.output) & read for n in mutant.graph.node):
        raise Wrong(f"{foreigners(mutant)} became {foreigners(result)}")
    if accepted(mutant) and not accepted(result):
        raise Wrong("the checker refuses it")
    optimize(tool, golden, after, again)
    if after.read_bytes() != again.read_bytes():
        raise Wrong("a second run changes it")
    return compare(mutant, result, golden, rng)


def try_golden(path, o, folder, say):
    """Counts of mutants and of runs by law, and how many fail."""
    mutants, runs, failed = Counter(), Counter(), 0
    golden = Golden(path, o.tool, folder)
    if not golden.model:
        return mutants, runs, failed
    (folder / "g.onnx").write_bytes(golden.model.SerializeToString())
    optimize(o.tool, golden, folder / "g.onnx", folder / "r.onnx")
    result = onnx.load(folder / "r.onnx")
    for law in [o.only] if o.only else LAWS:
        for what, mutant in LAWS[law](golden.model, result):
            mutants[law] += 1
            try:
                runs[law] += judge(o.tool, golden, mutant, folder, np.random.default_rng(o.seed))
            except (Wrong, subprocess.TimeoutExpired) as e:
                failed += 1
                say(f"{path}: {law} {what}: {e}")
                if o.keep:
                    o.keep.mkdir(parents=True, exist_ok=True)
                    onnx.save(mutant, o.keep / f"{path.parent.name}.{path.stem}.{law}.{mutants[law]}.onnx")
    return mutants, runs, failed


def in_a_child(path, o, folder):
    """Runtimes die of some models; that must not end all the rest."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        with os.fdopen(write, "wb") as f:
            pickle.dump(try_golden(path, o, folder, lambda s: print(s, flush=True)), f)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as f:
        said = f.read()
    os.waitpid(child, 0)
    return pickle.loads(said) if said else None


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--only", choices=LAWS)
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--keep", type=Path, help="where mutants that fail stay")
    p.add_argument("where", nargs="*", type=Path)
    o = p.parse_args()
    mutants, runs, failed = Counter(), Counter(), 0
    with tempfile.TemporaryDirectory() as t:
        for path in goldens(o.where or [ROOT / "tests/golden"]):
            got = in_a_child(path, o, Path(t))
            if not got:
                print(f"{path}: ONNX Runtime died", flush=True)
                continue
            mutants.update(got[0])
            runs.update(got[1])
            failed += got[2]
    for law in LAWS:
        print(f"{law:10} {mutants[law]:6} mutants, {runs[law]:6} runs compared")
    print(f"{sum(mutants.values())} mutants, {failed} fail")
    return 1 if failed or not sum(runs.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
