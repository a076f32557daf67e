#!/usr/bin/env python3
"""Measures load, optimize and save beside `cp` and the onnx package, on generated models.

Runs are interleaved (a b c a b c ...), so that a busy machine disturbs all alike; ratios
are medians of the ratios within a round, of wall and of CPU time. Targets look at wall time,
so run it on an idle machine. Memory is sampled in runs of its own: anonymous is the peak of
RssAnon, peak is VmHWM, which counts mapped pages of the input as well.

    bench/io.py --tool build/onnxopt --check         the targets, exit 1 if one is missed
    bench/io.py --python-onnx VENV/bin/python        beside onnx.load and onnx.save

Standard library only. The largest model has 1.5 GB, so 5 GB of disk are needed.
"""
import argparse
import ctypes
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "gen"))
import big  # noqa: E402

PYTHON_ONNX = "import sys, onnx; onnx.save(onnx.load(sys.argv[1], load_external_data=False), sys.argv[2])"

# name, kind, size, nodes (0: as the generator counts), rounds
MODELS = [
    ("1.5 GB, one file", "weights", 1_500_000_000, big.HEAVY_NODES, 7),
    ("8 GB external", "external", 8_000_000_000, big.HEAVY_NODES, 21),
    ("chain 1k", "chain", 1_000, 1_000, 21),
    ("chain 16k", "chain", 16_000, 16_000, 11),
    ("chain 23.5k", "chain", 23_500, 23_500, 11),
    ("chain 235k", "chain", 235_000, 235_000, 5),
    ("fan 25k", "fan", 25_000, 0, 11),
]


class Run:
    def __init__(self, wall, cpu):
        self.wall, self.cpu = wall, cpu


def timed(argv, out):
    """One run, with nobody looking. The output is new each time, as for cp."""
    for path in (out, out + ".data"):
        if os.path.exists(path):
            os.unlink(path)
    null = os.open(os.devnull, os.O_WRONLY)
    start = time.perf_counter()
    pid = os.posix_spawnp(argv[0], argv, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, null, 1)])
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    os.close(null)
    if status:
        sys.exit(f"{' '.join(argv)}: status {status:#x}")
    return Run(wall, usage.ru_utime + usage.ru_stime)


def sampled(argv):
    """Peak of anonymous memory and of all resident memory, in bytes. ru_maxrss would also
    count the Python process that was forked."""
    p = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    anon = peak = 0
    path = f"/proc/{p.pid}/status"
    while p.poll() is None:
        try:
            with open(path) as f:
                fields = dict(line.split(":", 1) for line in f)
        except (OSError, ValueError):
            continue
        if os.path.basename(fields["Name"].strip()) not in os.path.basename(argv[0])[:15]:
            continue                    # not yet past exec
        anon = max(anon, int(fields.get("RssAnon", "0").split()[0]))
        peak = max(peak, int(fields.get("VmHWM", "0").split()[0]))
    return anon * 1024, peak * 1024


def resident_pages(path, evict=False):
    """How many pages of the file are in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, "rb+") as f:
        if evict:
            os.fsync(f.fileno())
            os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(f.fileno(), 0) as m:
            pages = (len(m) + mmap.PAGESIZE - 1) // mmap.PAGESIZE
            seen = (ctypes.c_ubyte * pages)()
            at = ctypes.c_char.from_buffer(m)
            r = libc.mincore(ctypes.c_void_p(ctypes.addressof(at)), ctypes.c_size_t(len(m)), seen)
            del at
            if r:
                raise OSError(ctypes.get_errno(), "mincore")
    return sum(b & 1 for b in bytes(seen)) if any(seen) else 0


def count_nodes(kind, size):
    if kind != "fan":
        return size
    n, total = size, size + 2
    while n > 1:
        total += n // 16 + (n % 16 > 1)
        n = (n + 15) // 16
    return total


class Suite:
    def __init__(self, a):
        self.a = a
        self.results = {}               # (model, command) -> dict of figures
        self.checks = []
        help_text = subprocess.run([a.tool, "optimize", "--help"], capture_output=True, text=True).stdout
        self.off = ["--check", "off"] if "--check " in help_text else []

    def commands(self, path, out):
        tool = [os.path.abspath(self.a.tool), path, out, "-q", *self.off, "--passes"]
        c = {"cp": ["cp", path, out], "none": [*tool, "none"], "default": [*tool, "default"]}
        if self.a.python_onnx:
            c["python onnx"] = [self.a.python_onnx, "-c", PYTHON_ONNX, path, out]
        return c

    def measure(self, folder, name, kind, size, nodes, rounds):
        path, out = os.path.join(folder, "in.onnx"), os.path.join(folder, "out.onnx")
        big.KINDS[kind](size, path)
        nodes = nodes or count_nodes(kind, size)
        commands = self.commands(path, out)
        for argv in commands.values():  # warm
            timed(argv, out)
        rounds = max(1, round(rounds * self.a.rounds))
        runs = {c: [] for c in commands}
        for i in range(rounds):
            for c, argv in commands.items():
                if c != "python onnx" or i < 3:
                    runs[c].append(timed(argv, out))
        for c, argv in commands.items():
            anon = peak = 0
            for _ in range(1 if c in ("cp", "python onnx") else 3):
                x, y = sampled(argv)
                anon, peak = max(anon, x), max(peak, y)
            wall, cpu = ([getattr(r, k) for r in runs[c]] for k in ("wall", "cpu"))
            base = runs["cp"][:len(wall)]
            self.results[name, c] = dict(
                nodes=nodes, bytes=os.path.getsize(path), wall=statistics.median(wall),
                cpu=statistics.median(cpu), anon=anon, peak=peak,
                ratio=statistics.median(w / b.wall for w, b in zip(wall, base)),
                cpu_ratio=statistics.median(c / b.cpu for c, b in zip(cpu, base)))
            self.show(name, c)
        if kind == "external":
            self.payload(name, path, out, commands)
        for f in os.listdir(folder):
            os.unlink(os.path.join(folder, f))

    def payload(self, name, path, out, commands):
        """Pages of the data file that a run brings into memory."""
        for c in ("none", "default"):
            before = resident_pages(path + ".data", evict=True)
            timed(commands[c], out)
            after = resident_pages(path + ".data")
            self.results[name, c]["pages"] = after - before
            print(f"{'':18}{c:<13} {after - before} payload pages read", flush=True)

    def show(self, name, c):
        r = self.results[name, c]
        if c == "cp":
            print(f"{name:<18}{r['nodes']} nodes, {r['bytes'] / 1e6:.1f} MB")
        per_node = f"{r['cpu'] * 1e9 / r['nodes']:8.0f}" if c != "cp" else ""
        print(f"{'':18}{c:<13}{r['wall'] * 1e3:9.1f}{r['cpu'] * 1e3:9.1f}{r['ratio']:8.2f}{r['cpu_ratio']:8.2f}{per_node:>9}"
              f"{r['anon'] / 1e6:9.1f}{r['peak'] / 1e6:9.1f}", flush=True)

    # ---- targets

    def target(self, what, value, limit, unit):
        ok = value <= limit
        self.checks.append(ok)
        print(f"{'ok' if ok else 'MISSED':<8}{what:<58}{value:9.2f}  <= {limit:g} {unit}")

    def check(self):
        r = {k: v for k, v in self.results.items()}
        have = {name for name, _ in r}
        print()
        if "1.5 GB, one file" in have:
            none = r["1.5 GB, one file", "none"]
            self.target("1.5 GB in one file, --passes none, beside cp", none["ratio"], 1.35, "x")
            for c in ("none", "default"):
                self.target(f"  anonymous memory, {c}", r["1.5 GB, one file", c]["anon"] / 1e6, 8, "MB")
        if "8 GB external" in have:
            for c in ("none", "default"):
                self.target(f"8 GB external, {c}", r["8 GB external", c]["wall"] * 1e3, 10, "ms")
                self.target(f"  payload pages read, {c}", r["8 GB external", c]["pages"], 0, "pages")
        for name in ("chain 16k", "chain 235k"):
            if name in have:
                x = r[name, "default"]
                self.target(f"{name}, load, default passes, save", x["wall"] * 1e6 / x["nodes"], 2.5, "us per node")
        if {"chain 23.5k", "chain 235k"} <= have:
            growth = r["chain 235k", "default"]["wall"] / r["chain 23.5k", "default"]["wall"]
            self.target("growth of time from 23.5k to 235k nodes", growth, 13, "x")
            growth = r["chain 235k", "default"]["peak"] / r["chain 23.5k", "default"]["peak"]
            self.target("growth of memory from 23.5k to 235k nodes", growth, 10.5, "x")
        if {"chain 23.5k", "fan 25k"} <= have:
            fan, chain = (r[n, "default"]["wall"] / r[n, "default"]["nodes"] for n in ("fan 25k", "chain 23.5k"))
            self.target("fan of 25k, time per node beside chain of 23.5k", fan / chain, 1, "x")
        missed = self.checks.count(False)
        print(f"{len(self.checks) - missed} held, {missed} missed")
        return missed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--python-onnx", metavar="PATH", help="a python that has the onnx package")
    p.add_argument("--folder", help="where models are made (default: a temporary folder)")
    p.add_argument("--rounds", type=float, default=1, help="times the usual number of rounds")
    p.add_argument("--only", default="", help="only models whose name contains this")
    p.add_argument("--check", action="store_true", help="exit 1 if a target is missed")
    a = p.parse_args()
    folder = tempfile.mkdtemp(prefix="onnxopt-bench.", dir=a.folder)
    suite = Suite(a)
    print(f"{'':31}{'wall ms':>9}{'cpu ms':>9}{'x cp':>8}{'x cpu':>8}{'ns/node':>9}{'anon MB':>9}{'peak MB':>9}")
    try:
        for m in MODELS:
            if a.only in m[0]:
                suite.measure(folder, *m)
    finally:
        shutil.rmtree(folder)
    missed = suite.check()
    return 1 if a.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
