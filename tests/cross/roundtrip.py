#!/usr/bin/env python3
"""Load and save give the same bytes: over every model below the folders named.

    roundtrip.py RESAVE FOLDER...        RESAVE is the program of resave.c

Each model is saved twice: copied where nothing changed, and decoded and encoded again.
The copy must be the input. The encoded one must be the input where that is canonical
protobuf, that is, where the onnx package itself gives the same bytes; elsewhere it must be
what the onnx package gives. Two exceptions are listed, not counted as faults: models that
are refused, and models whose nodes were not in order (they are sorted at load: the outputs
must be equal but for the order of nodes).
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

import onnx


def models(folders):
    for folder in folders:
        yield from sorted(p for p in pathlib.Path(folder).rglob("*.onnx") if p.is_file())


def resave(program, pairs, *flags):
    lines = "".join(f"{a}\t{b}\n" for a, b in pairs)
    done = subprocess.run([program, *flags], input=lines, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{program} ended with {done.returncode}\n{done.stderr[-2000:]}")
    sys.stderr.write(done.stderr)
    return done.stdout.splitlines()


def canonical(data):
    model = onnx.ModelProto()
    model.ParseFromString(data)
    return model.SerializeToString()


def graphs(message):
    """Every message with nodes inside `message`, itself included."""
    if hasattr(message, "node"):
        yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in value if field.is_repeated else [value]:
            yield from graphs(part)


def in_any_order(data):
    model = onnx.ModelProto()
    model.ParseFromString(data)
    for g in reversed(list(graphs(model))):
        nodes = sorted((n.SerializeToString() for n in g.node))
        del g.node[:]
        for n in nodes:
            g.node.add().ParseFromString(n)
    return model.SerializeToString()


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
    model = onnx.ModelProto()
    model.ParseFromString(path.read_bytes())
    locations = {e.value for t in tensors(model) if t.data_location == t.EXTERNAL
                 for e in t.external_data if e.key == "location"}
    if not locations:
        return path
    folder.mkdir()
    for name in locations:
        source = path.parent / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, folder / name)
    return pathlib.Path(shutil.copyfile(path, folder / path.name))


def check(path, how, copy, again):
    data = path.read_bytes()
    if how == "refused":
        return "refused"
    canon = canonical(data)
    got = again.read_bytes()
    expected = data if canon == data else canon
    if copy.read_bytes() != data:
        return "sorted" if in_any_order(copy.read_bytes()) == in_any_order(data) else "COPY DIFFERS"
    if got != expected:
        return "DIFFERS" if canon == data else "DIFFERS (not canonical)"
    return "same" if canon == data else "same (not canonical)"


def main():
    program, folders = sys.argv[1], sys.argv[2:]
    count = {}
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        todo = list(models(folders))
        for start in range(0, len(todo), 50):
            part = todo[start:start + 50]
            inputs = [beside_its_data(p, tmp / f"{i}") for i, p in enumerate(part)]
            copies = [(p.parent if p.parent.parent == tmp else tmp) / f"{i}.copy" for i, p in enumerate(inputs)]
            agains = [p.with_suffix(".again") for p in copies]
            hows = resave(program, zip(inputs, copies))
            resave(program, zip(inputs, agains), "-r")
            for path, how, copy, again in zip(part, hows, copies, agains):
                verdict = check(path, how, copy, again)
                count[verdict] = count.get(verdict, 0) + 1
                if verdict != "same":
                    print(f"{verdict}: {path}")
            for p in tmp.iterdir():
                shutil.rmtree(p) if p.is_dir() else p.unlink()
    print(", ".join(f"{n} {v}" for v, n in sorted(count.items())))
    sys.exit(any(v.isupper() or "DIFFERS" in v for v in count))


main()
