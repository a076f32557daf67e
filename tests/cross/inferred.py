"""What tests/cross/infer_*.py share: asking the tool for shapes, its expressions, children.

`onnxopt inspect --shapes --json MODEL` prints (docs/shapes.schema.json), of several models
under `models`:

    symbols    the dim names of the graph inputs; s0, s1... refer to them in order
    values     of the main graph: name, dtype, dims (null: unknown rank), elements (if known)
    equations  symbols that an operator forces to be something else
    failed     nodes of which nothing is known, and why

A dim or element is an integer, null, or an expression in s0.., u0.. (fresh symbols) with
+ - * // % min max as Python evaluates them; `/` makes the ratios of float elements.
"""

import ast
import json
import multiprocessing
import multiprocessing.connection
import os
import re
import resource
import subprocess
import time
from fractions import Fraction
from functools import lru_cache

import onnx

GIB = 1 << 30
FORK = multiprocessing.get_context("fork")


# --- the tool -------------------------------------------------------------------------------


def ask(tool, paths, seconds=120, options=()):
    """What the tool says of several models, in order."""
    argv = [tool, "inspect", "--shapes", "--json", *options, *map(str, paths)]
    p = subprocess.run(argv, capture_output=True, text=True, timeout=seconds)
    if p.returncode:
        raise RuntimeError(f"exit {p.returncode}: {p.stderr.strip()[-300:]}")
    told = json.loads(p.stdout)
    models = told.get("models", [told])
    if len(models) != len(paths):
        raise RuntimeError(f"{len(models)} of {len(paths)} models told")
    return models


def models_in(folders):
    for folder in folders:
        yield from sorted(folder.rglob("*.onnx")) if folder.is_dir() else [folder]


def load(path, external=True):
    """However deeply its subgraphs nest."""
    try:
        from google._upb import _message
        _message.SetAllowOversizeProtos(True)
    except (ImportError, AttributeError):
        pass
    return onnx.load(path, load_external_data=external)


# --- expressions ----------------------------------------------------------------------------

ALLOWED = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Constant, ast.Load, ast.Add,
           ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.USub)


class ExactDivision(ast.NodeTransformer):
    def visit_BinOp(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div):
            return node
        return ast.Call(ast.Name("Fraction", ast.Load()), [node.left, node.right], [])


@lru_cache(1 << 16)
def compiled(text):
    """The code of an expression and the symbols in it."""
    tree = ast.parse(text, mode="eval")
    for node in ast.walk(tree):
        if not isinstance(node, ALLOWED):
            raise ValueError(f"{text}: {type(node).__name__} is not allowed")
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - {"min", "max"}
    if not all(re.fullmatch(r"[su]\d+", n) for n in names):
        raise ValueError(f"{text}: unknown names")
    tree = ast.fix_missing_locations(ExactDivision().visit(tree))
    return compile(tree, "dim", "eval"), frozenset(names)


def symbols_of(entry):
    return compiled(entry)[1] if isinstance(entry, str) else frozenset()


def evaluate(entry, env):
    """KeyError-free only if env has all of symbols_of(entry)."""
    if not isinstance(entry, str):
        return int(entry)
    return eval(compiled(entry)[0], {"__builtins__": {}, "min": min, "max": max, "Fraction": Fraction}, env)


def is_formula(entry):
    """A number or an expression over input symbols alone."""
    return entry is not None and not any(s[0] == "u" for s in symbols_of(entry))


# --- children -------------------------------------------------------------------------------


def child(pipe, gigabytes, work, args):
    resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * GIB),) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    try:
        pipe.send((work(*args), None))
    except BaseException as e:
        pipe.send((None, f"{type(e).__name__}: {one_line(str(e))}"))


def one_line(text, width=160):
    text = re.sub(r"/\S*/", "", " ".join(text.split()))
    return text if len(text) <= width else text[:width - 3] + "..."


def in_children(work, items, jobs=2, seconds=300, gigabytes=8):
    """Calls work(item) in forked children, `jobs` at a time; yields (item, result, problem) in
    the order of items. A crash, a hang or a memory bomb stays in its child."""
    items, done, running, asked, told = list(items), {}, {}, 0, 0
    while told < len(items):
        while asked < len(items) and len(running) < jobs:
            ours, theirs = FORK.Pipe(duplex=False)
            process = FORK.Process(target=child, args=(theirs, gigabytes, work, (items[asked],)))
            process.start()
            theirs.close()
            running[ours] = (asked, process, time.monotonic() + seconds)
            asked += 1
        ready = multiprocessing.connection.wait(list(running), 1)
        for pipe in list(running):
            number, process, deadline = running[pipe]
            if pipe in ready:
                done[number] = received(pipe, process)
            elif time.monotonic() > deadline:
                done[number] = (None, f"no answer within {seconds} s")
            else:
                continue
            process.kill()
            process.join()
            pipe.close()
            del running[pipe]
        while told in done:
            yield items[told], *done.pop(told)
            told += 1


def received(pipe, process):
    try:
        return pipe.recv()
    except EOFError:
        process.join()
        return None, f"crashed, exit code {process.exitcode}"


# --- tables ---------------------------------------------------------------------------------


def table(rows, align):
    """Aligned columns; align: l or r per column."""
    widths = [max(len(str(r[i])) for r in rows) for i in range(len(align))]
    for r in rows:
        cells = [str(c).ljust(w) if a == "l" else str(c).rjust(w) for c, w, a in zip(r, widths, align)]
        print("  ".join(cells).rstrip())
