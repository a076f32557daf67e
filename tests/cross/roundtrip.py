#!/usr/bin/env python3
"""Load and save give the same bytes: over every model below the folders named.

    roundtrip.py --tool ONNXOPT FOLDER...       onnxopt IN OUT --passes none
    roundtrip.py --resave RESAVE FOLDER...      load and save alone (resave.c), much faster

Each model is saved twice: copied where nothing changed, and decoded and encoded again. The
copy must be the input. The encoded one must be the input where that is canonical protobuf,
that is, where the onnx package itself gives the same bytes; elsewhere it must be what the
onnx package gives. Models that are refused are listed; they are faults only where the onnx
checker accepts them.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import onnx


def models(folders):
    for folder in folders:
        yield from sorted(p for p in pathlib.Path(folder).rglob("*.onnx") if p.is_file())


def by_resave(program, pairs, again):
    lines = "".join(f"{a}\t{b}\n" for a, b in pairs)
    done = subprocess.run([program] + ["-r"] * again, input=lines, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program} ended with {done.returncode}\n{done.stderr[-2000:]}")


def by_tool(program, pairs, again):
    env = dict(os.environ, **({"ONNXOPT_REENCODE": "1"} if again else {}))
    for a, b in pairs:
        done = subprocess.run([program, a, b, "--passes", "none", "-q"], env=env,
                              capture_output=True)
        if done.returncode not in (0, 3):
            print(f"exit {done.returncode}: {a}\n{done.stderr.decode(errors='replace')[-500:]}")


def parse(data):
    """None where the onnx package cannot read it."""
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except Exception:
        return None
    return model


def tensors(message):
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if field.is_repeated else [value]:
            if isinstance(part, onnx.TensorProto):
                yield part
            yield from tensors(part)


def beside_its_data(path, folder):
    """The model itself, or a copy in a folder where the output can lie beside the data."""
    model = parse(path.read_bytes())
    locations = {e.value for t in tensors(model) if t.data_location == t.EXTERNAL
                 for e in t.external_data if e.key == "location"} if model else set()
    if not locations:
        return path
    folder.mkdir()
    for name in locations:
        source = path.parent / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
    return pathlib.Path(shutil.copyfile(path, folder / path.name))


def accepted(path):
    try:
        onnx.checker.check_model(str(path))
    except Exception:
        return False
    return True


def verdict(path, copy, again):
    data = path.read_bytes()
    if not copy.exists() or not again.exists():
        return "REFUSED, but the onnx checker accepts it" if accepted(path) else "refused"
    if copy.read_bytes() != data:
        return "THE COPY DIFFERS"
    model = parse(data)
    canonical = model.SerializeToString() if model else data
    kind = "same" if canonical == data else "same, not canonical"
    return kind if again.read_bytes() == canonical else "ENCODED AGAIN IT DIFFERS"


def main():
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--tool")
    args.add_argument("--resave")
    args.add_argument("folders", nargs="+")
    args = args.parse_args()
    run, program = (by_tool, args.tool) if args.tool else (by_resave, args.resave)
    count = {}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        todo = list(models(args.folders))
        for start in range(0, len(todo), 50):
            part = todo[start:start + 50]
            inputs = [beside_its_data(p, tmp / f"{i}") for i, p in enumerate(part)]
            outs = [(p.parent if p.parent.parent == tmp else tmp) / f"{i}.copy"
                    for i, p in enumerate(inputs)]
            agains = [p.with_suffix(".again") for p in outs]
            run(program, list(zip(inputs, outs)), False)
            run(program, list(zip(inputs, agains)), True)
            for path, copy, again in zip(part, outs, agains):
                v = verdict(path, copy, again)
                count[v] = count.get(v, 0) + 1
                if v != "same":
                    print(f"{v}: {path}")
            for p in tmp.iterdir():
                shutil.rmtree(p) if p.is_dir() else p.unlink()
    print(", ".join(f"{n} {v}" for v, n in sorted(count.items())))
    sys.exit(not count or any(v.split(",")[0].isupper() for v in count))


main()
