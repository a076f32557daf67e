#!/usr/bin/env python3
"""Operator cases and models of the onnx package: made, run with our kernels, compared.

    conformance.py --tool build/onnxopt FOLDER

The 1,884 operator cases that the package builds in memory are written to FOLDER/node, in the
layout of ONNX test data (docs/run.md); beside them its simple, light and pytorch models. That
is done once: a FOLDER that is complete says so in a file `made`, for this file as it is. Then `onnxopt test-data` runs
each group, and a table tells what passed, what failed, and what was not evaluated, and why.

Outputs of random operators are compared by type and shape alone. Exit 1 if a result is wrong,
if data cannot be read, if the tool dies, or if fewer than --least pass.
"""
import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import warnings

VERSION = "1.23.2"
GROUPS = ["node", "simple", "pytorch-converted", "pytorch-operator", "light"]
MEMBERS = {"map_type": "from_dict", "sequence_type": "from_list", "optional_type": "from_optional"}


# ---- making ------------------------------------------------------------------------------

def message(value, declared):
    import onnx
    from onnx import numpy_helper

    if isinstance(value, onnx.TensorProto):
        return value
    make = getattr(numpy_helper, MEMBERS.get(declared.type.WhichOneof("value"), "from_array"))
    return make(value, declared.name)


def write_set(folder, inputs, outputs, graph):
    folder.mkdir(parents=True)
    for kind, values, declared in (("input", inputs, graph.input), ("output", outputs, graph.output)):
        for i, (value, d) in enumerate(zip(values, declared, strict=False)):
            (folder / f"{kind}_{i}.pb").write_bytes(message(value, d).SerializeToString())


def write_tolerance(folder, rtol, atol):
    (folder / "tolerance.txt").write_text(f"rtol {rtol}\natol {atol}\n")


def rounding(graph):
    """Two units of bfloat16, which the package's own runner allows too; likewise of float16 where
    several nodes round one after the other, as in expanded function bodies."""
    import onnx

    types = {o.type.tensor_type.elem_type for o in graph.output}
    if onnx.TensorProto.BFLOAT16 in types:
        return 2**-6
    return 2**-9 if onnx.TensorProto.FLOAT16 in types and len(graph.node) > 1 else 0


def noise(graph):
    """Absolute: what a Fourier transform in float32 leaves where terms cancel."""
    return 1e-5 if any(n.op_type == "DFT" for n in graph.node) else 0


def make_nodes(folder):
    from onnx.backend.test.case.node import collect_testcases

    for case in collect_testcases(None):
        d = folder / case.name
        for k, (inputs, outputs) in enumerate(case.data_sets):
            write_set(d / f"test_data_set_{k}", inputs, outputs, case.model.graph)
        (d / "model.onnx").write_bytes(case.model.SerializeToString())
        write_tolerance(d, max(case.rtol, rounding(case.model.graph)), max(case.atol, noise(case.model.graph)))


def rules(folder):
    path = folder / "data.json"
    told = json.loads(path.read_text()) if path.exists() else {}
    return told.get("rtol", 1e-3), told.get("atol", 1e-7)


def copy_models(data, folder):
    for d in sorted(data.iterdir()):
        if (d / "model.onnx").exists():
            shutil.copytree(d, folder / d.name)
            write_tolerance(folder / d.name, *rules(d))


def ramp(declared):
    """The input that the stored outputs of light models belong to."""
    import numpy as np

    dims = [d.dim_value or 1 for d in declared.type.tensor_type.shape.dim]
    n = int(np.prod(dims))
    return (np.arange(n).reshape(dims) / n).astype(np.float32)


def make_light(data, folder):
    import onnx

    for path in sorted((data / "light").glob("*.onnx")):
        model = onnx.load(path)
        outputs = [onnx.load_tensor(f"{path.with_suffix('')}_output_{i}.pb") for i in range(len(model.graph.output))]
        weights = {t.name for t in model.graph.initializer}
        inputs = [i for i in model.graph.input if i.name not in weights]
        d = folder / path.stem
        values = [onnx.numpy_helper.from_array(ramp(i), i.name) for i in inputs]
        write_set(d / "test_data_set_0", values, outputs, model.graph)
        shutil.copyfile(path, d / "model.onnx")
        write_tolerance(d, *rules(data / "real" / path.stem.replace("light", "test")))


def make(folder):
    """All groups, in a folder beside it that takes its name when it is complete."""
    import onnx

    if onnx.__version__ != VERSION:
        sys.exit(f"onnx is {onnx.__version__}, expected {VERSION}")
    data = pathlib.Path(onnx.__file__).parent / "backend" / "test" / "data"
    new = folder.with_name(f"{folder.name}.{os.getpid()}")
    with warnings.catch_warnings():
        # of numpy, while the package computes outputs that overflow on purpose; nothing is checked here
        warnings.simplefilter("ignore")
        make_nodes(new / "node")
    make_light(data, new / "light")
    for group in GROUPS[1:4]:
        copy_models(data / group, new / group)
    (new / "made").write_text(stamp())
    if folder.exists():
        shutil.rmtree(folder)
    new.rename(folder)


def stamp():
    """Of what was made: the package and this file."""
    return f"onnx {VERSION}, {hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()[:16]}\n"


def is_made(folder):
    made = folder / "made"
    return made.exists() and made.read_text() == stamp()


# ---- running ----------------------------------------------------------------------------------

def parts(folder):
    """What one process runs: a group, of light models each, largest first, or the last would be long."""
    light = sorted((folder / "light").iterdir(), key=lambda d: d.name != "light_vgg19")
    return [("light", d) for d in light] + [(g, folder / g) for g in GROUPS if g != "light"]


def run(tool, folder):
    """Its cases as test-data tells them. None: it died."""
    r = subprocess.run([tool, "test-data", folder, "--json"], capture_output=True, text=True)
    try:
        return json.loads(r.stdout)["cases"]
    except (json.JSONDecodeError, KeyError):
        print(f"{folder}: exit {r.returncode}: {r.stderr.strip()[-500:]}")
        return None


def reason(case):
    return f"{case['op'] or '?'}: {(case['why'] or '').split('): ')[-1]}"


def table(results):
    columns = ["ok", "of them random", "fail", "cannot_evaluate", "cannot_read"]
    print(f"{'':20}" + "".join(f"{c.replace('_', ' '):>17}" for c in columns))
    total = collections.Counter()
    for group, cases in results.items():
        n = collections.Counter(c["status"] for c in cases)
        n["of them random"] = sum(c["random"] for c in cases if c["status"] == "ok")
        total += n
        print(f"{group:20}" + "".join(f"{n[c]:17}" for c in columns))
    print(f"{'all':20}" + "".join(f"{total[c]:17}" for c in columns))
    return total


def details(results):
    why = collections.Counter()
    for group, cases in results.items():
        for c in cases:
            if c["status"] == "cannot_evaluate":
                why[reason(c)] += 1
            elif c["status"] != "ok":
                print(f"{c['status']}: {group}/{c['name']}: {c['why']}")
    for text, n in why.most_common():
        print(f"{n:6} not evaluated: {text}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", help="without it the cases are only made")
    p.add_argument("--least", type=int, default=0)
    p.add_argument("--jobs", type=int, default=2)
    p.add_argument("folder", type=pathlib.Path)
    args = p.parse_args()
    start = time.monotonic()
    if not is_made(args.folder):
        make(args.folder)
        print(f"made {args.folder} in {time.monotonic() - start:.0f} s")
    if not args.tool:
        return 0
    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        jobs = parts(args.folder)
        cases = list(pool.map(lambda job: run(args.tool, job[1]), jobs))
    results = {g: [] for g in GROUPS}
    for (group, _), told in zip(jobs, cases, strict=True):
        results[group] += told or []
    details(results)
    total = table(results)
    print(f"{sum(map(len, results.values()))} data sets in {time.monotonic() - start:.0f} s")
    if total["ok"] < args.least:
        print(f"{total['ok']} pass, expected at least {args.least}")
    return 1 if (None in cases or total["fail"] or total["cannot_read"] or total["ok"] < args.least) else 0


if __name__ == "__main__":
    sys.exit(main())
