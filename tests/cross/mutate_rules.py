"""Rules made wrong, mechanically: what tests/cross/mutants.py applies.

For every rule of rules/*.yaml, one text for each of

    guard    a condition, or what else tests/guards.py can switch off
    when     a number in a condition, one more or less
    before   a number or a list that the picture compares, another one
    after    a number, attribute, operand, operator or expression that the rule makes, another one

What a rule claims of its numbers (`numerics`) stays, and so does its growth (`shared`).
Standard library only.
"""

import re
import struct
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import guards  # noqa: E402

TOKEN = re.compile(r'\\?"[^"\\]*\\?"|@?[A-Za-z_][\w.]*|\d+\.\d*(?:e[+-]?\d+)?|\d+(?:e[+-]?\d+)?|\.\.\.|==|!=|<=|>=|//|\S')

# What stands for an operator: of the same operands and types, and something else.
OTHERS = {
    "Add": "Sub", "Sub": "Add", "Mul": "Div", "Div": "Mul", "Max": "Min", "Min": "Max", "And": "Or", "Or": "And", "Not": "Identity",
    "Less": "LessOrEqual", "LessOrEqual": "Less", "Greater": "GreaterOrEqual", "GreaterOrEqual": "Greater", "Equal": "LessOrEqual",
    "Relu": "Abs", "Abs": "Relu", "Neg": "Abs", "Exp": "Softplus", "Log": "Sqrt", "Sqrt": "Abs", "Tanh": "Sigmoid", "Sigmoid": "Tanh",
    "Erf": "Tanh", "Gelu": "Relu", "Mish": "Softplus", "Softplus": "Sigmoid", "Softsign": "Tanh", "HardSwish": "HardSigmoid",
    "HardSigmoid": "HardSwish", "Swish": "Sigmoid", "LeakyRelu": "Elu", "Elu": "LeakyRelu", "PRelu": "Mul", "Softmax": "LogSoftmax",
    "LogSoftmax": "Softmax", "Pow": "Mul", "Reciprocal": "Neg", "Identity": "Neg", "Gemm": "MatMul", "MatMul": "Mul",
    "ReduceSum": "ReduceMean", "ReduceMean": "ReduceSum", "ReduceL1": "ReduceSum", "ReduceL2": "ReduceL1", "ReduceMax": "ReduceMin",
    "ReduceMin": "ReduceMax", "ReduceLogSum": "ReduceSum", "ReduceLogSumExp": "ReduceLogSum", "ReduceSumSquare": "ReduceL2",
    "ReduceProd": "ReduceSum", "ArgMax": "ArgMin", "ArgMin": "ArgMax", "DepthToSpace": "SpaceToDepth", "SpaceToDepth": "DepthToSpace",
    "Squeeze": "Unsqueeze", "Unsqueeze": "Squeeze", "MaxPool": "AveragePool", "AveragePool": "MaxPool",
    "GlobalAveragePool": "GlobalMaxPool", "GlobalMaxPool": "GlobalAveragePool", "LayerNormalization": "RMSNormalization",
    "RMSNormalization": "LayerNormalization", "Floor": "Ceil", "Ceil": "Floor", "Round": "Floor", "BitwiseAnd": "BitwiseOr",
    "BitwiseOr": "BitwiseAnd", "Xor": "Or", "Sum": "Mean", "Mean": "Sum", "Sinh": "Sin", "Cosh": "Cos",
}
FUNCTIONS = {"min": "max", "max": "min", "axis": "default", "default": "", "inverse": "", "reversed": "", "abs": "", "sqrt": "",
             "type_lowest": "type_highest", "type_highest": "type_lowest", "dim": "", "type": ""}


class Mutant:
    def __init__(self, rule, where, what, text):
        self.rule, self.where, self.what, self.text = rule, where, what, text

    @property
    def key(self):
        return f"{self.rule}: {self.where}: {self.what}"


def step(number):
    """The number, one step further."""
    if re.fullmatch(r"\d+", number):
        return str(int(number) + 1)
    x = float(number)
    if not x:
        return "0.0078125"
    near = struct.unpack("<I", struct.pack("<f", x * (1 + 2 ** -7)))[0] & ~0xfff      # few bits: a float32 in any case
    return repr(struct.unpack("<f", struct.pack("<I", near))[0])


def spans(text, key):
    """(start, end) of what stands behind each `key:`."""
    for m in re.finditer(rf"\b{key}:[ ]*", text):
        start = m.end()
        if text[start] in "|>":
            indent = m.start() - text.rfind("\n", 0, m.start()) - 1
            block = re.match(rf"(?:(?: {{{indent + 1},}}.*)?\n)*", text[text.index("\n", start) + 1:])
            begin = text.index("\n", start) + 1
            yield begin, begin + block.end()
        elif text[start] == '"':
            yield start + 1, re.compile(r'(?<!\\)"').search(text, start + 1).start()
        else:
            yield start, start + len(re.sub(r"\s+#.*", "", text[start:text.index("\n", start)]))


def closing(tokens, i):
    """Where the bracket at i closes."""
    pairs, depth = {"(": ")", "[": "]", "<": ">"}, 0
    for j in range(i, len(tokens)):
        depth += (tokens[j][0] == tokens[i][0]) - (tokens[j][0] == pairs[tokens[i][0]])
        if not depth:
            return j
    return len(tokens) - 1


def split(tokens, i, j):
    """Lists of tokens between i and j, at commas of the outermost level."""
    items, depth = [[]], 0
    for t in tokens[i:j]:
        depth += (t[0] in "([<" and len(t[0]) == 1) - (t[0] in ")]>" and len(t[0]) == 1)
        if t[0] == "," and not depth:
            items.append([])
        else:
            items[-1].append(t)
    return items


def bounds(item):
    return item[0][1], item[-1][1] + len(item[-1][0])


def is_value(item):
    return len(item) == 1 and re.fullmatch(r"[a-z_]\w*", item[0][0]) and item[0][0] not in ("true", "false")


def of_attribute(text, item):
    """Other expressions for `name = expression`."""
    if len(item) < 3 or item[1][0] != "=":
        return
    s, e = item[2][1], bounds(item)[1]
    expr = text[s:e]
    if re.fullmatch(r"[\d.]+", expr):
        return                        # a number; those are stepped anyway
    if expr.startswith(("\\\"", '"')):
        return
    yield s, e, f"({expr}) + 1"
    yield s, e, f"f32(({expr}) * 1.0078125)"
    yield s, e, f"reversed({expr})"
    yield s, e, f"added({expr}, [1] + repeat(0, len({expr}) - 1))"
    yield s, e, f"added({expr}, repeat(0, len({expr}) - 1) + [1])"
    yield s, e, f"inverse({expr})"


def of_call(text, tokens, i, values):
    """Changes of the node that begins at token i: (start, end, new)."""
    op = tokens[i][0]
    if op in OTHERS:
        yield tokens[i][1], tokens[i][1] + len(op), OTHERS[op]
    i += 1
    if tokens[i][0] == "<":
        end = closing(tokens, i)
        items = [x for x in split(tokens, i + 1, end) if x]
        for n, item in enumerate(items):
            s, e = bounds(item)
            yield (s, items[n + 1][0][1], "") if n + 1 < len(items) else (bounds(items[n - 1])[1] if n else s, e, "")
            yield from of_attribute(text, item)
        i = end + 1
    if i >= len(tokens) or tokens[i][0] != "(":
        return
    end = closing(tokens, i)
    items = split(tokens, i + 1, end)
    for a, b in zip(items, items[1:]):
        if a and b:
            (s, m), (k, e) = bounds(a), bounds(b)
            yield s, e, text[k:e] + text[m:k] + text[s:m]
    if len(items) > 1 and items[-1]:
        yield bounds(items[-2])[1] if items[-2] else items[-1][0][1] - 1, bounds(items[-1])[1], ""
    for item in items:
        if item and is_value(item):
            for other in [v for v in values if v != item[0][0]][:3]:
                yield *bounds(item), other


def of_made(text, start, end, values):
    """(start, end, new) of each change of an after."""
    tokens = [(m.group(), start + m.start()) for m in TOKEN.finditer(text[start:end])]
    for i, (t, at) in enumerate(tokens):
        following = tokens[i + 1][0] if i + 1 < len(tokens) else ""
        if re.fullmatch(r"\d[\d.e+-]*", t):
            yield at, at + len(t), step(t)
        elif (t[0].isupper() or t.startswith("@")) and following in ("<", "(") and t not in ("@",):
            yield from of_call(text, tokens, i, values)
        elif t in FUNCTIONS and FUNCTIONS[t] and following == "(":
            yield at, at + len(t), FUNCTIONS[t]
        elif t in "+-" and i and re.fullmatch(r"[\w.@)\]]+", tokens[i - 1][0]):
            yield at, at + 1, "-" if t == "+" else "+"
        elif t in ("*", "//", "/"):
            yield at, at + len(t), "*" if t != "*" else "//"
        elif t == "=" and following and is_value([tokens[i + 1]]) and (i + 2 == len(tokens) or tokens[i + 2][1] - tokens[i + 1][1] > len(following)):
            for other in [v for v in values if v != following][:3]:
                yield *bounds([tokens[i + 1]]), other


def of_compared(text, at, picture):
    """(start, end, new) of each number and list of numbers in a picture."""
    for m in re.finditer(r"(?<![\w.@])\d+(?:\.\d+)?(?![\w.])", picture):
        yield at + m.start(), at + m.end(), step(m.group())
    for m in re.finditer(r"\[(-?\d+(?:, -?\d+)+)\]", picture):
        items = m.group(1).split(", ")
        for i in range(len(items) - 1):
            other = items[:i] + [items[i + 1], items[i]] + items[i + 2:]
            yield at + m.start(1), at + m.end(1), ", ".join(other)


def of_condition(at, expr):
    for m in re.finditer(r"(?<![\w.@])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.])", expr):
        yield at + m.start(), at + m.end(), step(m.group())
        if re.fullmatch(r"\d+", m.group()):
            yield at + m.start(), at + m.end(), f"({m.group()} - 1)"
    for old, new in (("==", "!="), (">=", "<"), ("<=", ">"), (" > ", " <= "), (" < ", " >= ")):
        for m in re.finditer(re.escape(old), expr):
            yield at + m.start(), at + m.end(), new


def changes(text):
    """(where, start, end, new)"""
    seen, values = set(), []
    for at, picture in guards.pictures(text):
        for name in re.findall(r"(?<=[(, ])[a-z_]\w*(?=\??[,)])", re.sub(r"<[^>]*>", "", picture)):
            if name not in values and name not in ("_", "true", "false"):
                values.append(name)
    for s, e in spans(text, "after"):
        for c in of_made(text, s, e, values):
            yield "after", *c
    for at, picture in guards.pictures(text):
        for c in of_compared(text, at, picture):
            yield "before", *c
    for at, expr in guards.conditions(text):
        if (at, expr) not in seen:
            seen.add((at, expr))
            for c in of_condition(at, expr):
                yield "when", *c


def told(text, s, e, new):
    """A change for a person: the line, with [-old-] and {+new+}."""
    start, end = text.rfind("\n", 0, s) + 1, text.find("\n", e)
    line = text[start:s] + f"[-{text[s:e]}-]" + (f"{{+{new}+}}" if new else "") + text[e:end if end >= 0 else len(text)]
    return f"{text.count(chr(10), 0, s)}: " + " ".join(line.split())


def mutants(rule, text):
    """All of a rule, each text once."""
    made = {text}
    for v in guards.variants(rule, text):
        if v.text not in made and not v.what.startswith("numerics ") and not v.what.endswith(" has one reader"):
            made.add(v.text)
            yield Mutant(rule, "guard", f"{v.line}: {v.what}", v.text)
    for where, s, e, new in changes(text):
        other = text[:s] + new + text[e:]
        if other not in made:
            made.add(other)
            yield Mutant(rule, where, told(text, s, e, new), other)


if __name__ == "__main__":
    for name, path, line, body in guards.rules():
        for m in mutants(name, body):
            if len(sys.argv) < 2 or name in sys.argv[1:]:
                print(m.key)
