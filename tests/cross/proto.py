#!/usr/bin/env python3
"""proto.py - is our onnx-ml.proto the schema of the onnx package?

Both are read as descriptors and compared message by message, field by field: number,
label, type, packing, oneof. The one deviation that is meant, `bytes` for `string`, is
taken off first. Prints every difference; exit 1 if there is one.

    tests/cross/proto.py [proto/onnx-ml.proto]        needs protoc-c and the onnx package
"""
import os
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
import onnx.onnx_data_pb2
import onnx.onnx_ml_pb2

F = descriptor_pb2.FieldDescriptorProto


def ours(path):
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "set")
        subprocess.run(["protoc-c", "-I", os.path.dirname(path) or ".", "-o", out, path], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(open(out, "rb").read())
    return list(files.file)


def theirs():
    files = []
    for module in (onnx.onnx_ml_pb2, onnx.onnx_data_pb2):
        f = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(f)
        files.append(f)
    return files


def facts(files):
    """A set of lines that says everything the wire format depends on."""
    out = set()

    def enum(prefix, e):
        for v in e.value:
            out.add(f"enum {prefix}{e.name}.{v.name} = {v.number}")

    def message(prefix, m):
        name = prefix + m.name
        out.add(f"message {name}")
        for f in m.field:
            kind = F.TYPE_BYTES if f.type == F.TYPE_STRING else f.type
            oneof = ""
            if f.HasField("oneof_index"):
                oneof = " oneof " + m.oneof_decl[f.oneof_index].name
            packed = " packed" if f.options.packed else ""
            out.add(f"{name}.{f.name} = {f.number} {F.Label.Name(f.label)} {F.Type.Name(kind)} "
                    f"{f.type_name}{packed}{oneof}")
        for e in m.enum_type:
            enum(name + ".", e)
        for n in m.nested_type:
            message(name + ".", n)

    for f in files:
        for e in f.enum_type:
            enum("", e)
        for m in f.message_type:
            message("", m)
    return out


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(here, "../../proto/onnx-ml.proto")
    mine, reference = facts(ours(path)), facts(theirs())
    for line in sorted(mine - reference):
        print("only ours:  ", line)
    for line in sorted(reference - mine):
        print("only theirs:", line)
    print(f"{len(mine & reference)} facts agree, {len(mine ^ reference)} differ")
    return mine != reference


if __name__ == "__main__":
    sys.exit(main())
