"""Writes ONNX files field by field, good ones and bad ones; standard library only."""


def varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, str):
        value = value.encode()
    return varint(number << 3 | 2) + varint(len(value)) + value


def value(name, dims, dtype=1):
    shape = b"".join(field(1, field(1, n) if isinstance(n, int) else field(2, n)) for n in dims)
    return field(1, name) + field(2, field(1, field(1, dtype) + field(2, shape)))


def tensor(name, dims, raw, dtype=1):
    return b"".join(field(1, n) for n in dims) + field(2, dtype) + field(8, name) + field(9, raw)


def node(op, inputs, outputs, name=None, domain=None):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
            + (field(3, name) if name is not None else b"") + field(4, op)
            + (field(7, domain) if domain is not None else b""))


def graph(nodes, inputs, outputs, name="g", inits=()):
    return (b"".join(field(1, n) for n in nodes) + field(2, name)
            + b"".join(field(5, t) for t in inits) + b"".join(field(11, v) for v in inputs)
            + b"".join(field(12, v) for v in outputs))


def model(g, ir=8, opsets=(("", 17),), producer=None):
    return (field(1, ir) + (field(2, producer) if producer is not None else b"") + field(7, g)
            + b"".join(field(8, field(1, d) + field(2, v)) for d, v in opsets))
