"""A reader of ONNX files that shares nothing with the tool: plain protobuf wire format.

Just enough to count nodes and to compare interfaces; standard library only.
"""
import collections

# (message, field) -> message of the child; everything else is a leaf
CHILD = {
    ("Model", 7): "Graph", ("Model", 25): "Function", ("Model", 8): "Opset",
    ("Graph", 1): "Node", ("Graph", 5): "Tensor", ("Graph", 11): "ValueInfo",
    ("Graph", 12): "ValueInfo", ("Function", 7): "Node", ("Node", 5): "Attribute",
    ("Attribute", 6): "Graph", ("Attribute", 11): "Graph",
}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def fields(data):
    """Yields (number, value): an int, or a memoryview for length-delimited fields."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = 8 if kind == 1 else 4
            value, at = data[at:at + size], at + size
        yield tag >> 3, value


class Model:
    """Counts and interface of one file."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = memoryview(f.read())
        self.bytes = len(data)
        self.ir = 0
        self.opsets = []
        self.functions = {}
        self.ops = collections.Counter()
        self.nodes = 0                  # all scopes, function bodies once each
        graph = memoryview(b"")
        bodies = []
        for number, value in fields(data):
            if number == 1:
                self.ir = value
            elif number == 7:
                graph = value
            elif number == 8:
                self.opsets.append(bytes(value))
            elif number == 25:
                bodies.append(value)
        for body in bodies:
            key = tuple(bytes(dict(fields(body)).get(n, b"")) for n in (10, 1, 13))
            self.functions[key] = body
        self.inputs = [bytes(v) for n, v in fields(graph) if n == 11]
        self.outputs = [bytes(v) for n, v in fields(graph) if n == 12]
        self.initializers = {bytes(dict(fields(v)).get(8, b"")) for n, v in fields(graph) if n == 5}
        self._memo = {}
        self.expanded = self._count(graph, 1)
        self.nodes = self._plain(graph, 1) + sum(self._plain(b, 7) for b in bodies)

    def input_names(self):
        return [bytes(dict(fields(memoryview(v))).get(1, b"")) for v in self.inputs]

    def _subgraphs(self, node):
        for number, value in fields(node):
            if number == 5:
                for n, v in fields(value):
                    if n in (6, 11):
                        yield v

    def _plain(self, graph, field):
        total = 0
        for number, value in fields(graph):
            if number == field:
                total += 1 + sum(self._plain(g, 1) for g in self._subgraphs(value))
        return total

    def _count(self, graph, field):
        """Nodes without Constants, functions counted once per call."""
        total = 0
        for number, node in fields(graph):
            if number != field:
                continue
            f = dict(fields(node))
            key = tuple(bytes(f.get(n, b"")) for n in (7, 4, 8))
            if key in self.functions:
                if key not in self._memo:
                    self._memo[key] = self._count(self.functions[key], 7)
                total += self._memo[key]
            else:
                total += key[1] != b"Constant"
                if field == 1:
                    self.ops[key[1].decode()] += 1
            total += sum(self._count(g, 1) for g in self._subgraphs(node))
        return total
