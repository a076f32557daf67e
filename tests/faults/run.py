#!/usr/bin/env python3
"""Kills the tool and fails its system calls at every point, and looks at what it leaves.

The promise: the output is the whole old file or the whole new one, together with its side
file; after an orderly failure (exit 4) nothing else is left; after SIGKILL at most
temporary files ".NAME.*.tmp", and a finished side file that no model refers to yet.

    every call    for each scenario, each call that changes files, each way it can fail
    full disk     file size limits, a small file system, devices, folders, permissions
    signals       SIGINT, SIGTERM, SIGHUP while a large output is being written
    random kills  200 SIGKILLs, most of them between creation and rename of the output

Standard library only; the files are read by tests/wire.py, not by the tool. Needs a C
compiler for shim.c and about three times --bytes of disk in --folder.
"""
import argparse
import collections
import hashlib
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(os.path.dirname(HERE), "gen")]
import big   # noqa: E402
import wire  # noqa: E402

TEMP = re.compile(r"\.[^/]+\.[0-9a-f]{16}\.tmp$")
SIDE = re.compile(r"[^.][^/]*\.data$")
EXIT_IO = 4

# What each call may answer. EINTR and a short write are no failures: one tries again.
FAILURES = {
    "create":  ["EACCES", "ENOSPC", "EMFILE", "EINTR"],
    "write":   ["ENOSPC", "EIO", "EDQUOT", "EINTR", "short"],
    "close-w": ["EIO", "ENOSPC", "EINTR"],
    "close-r": [],                      # of what was only read: no data can be lost
    "rename":  ["EACCES", "EXDEV", "EIO", "EINTR"],
    "link":    ["EPERM"],
    "unlink":  ["EIO", "EINTR"],
    "fsync":   ["EIO", "EINTR"],
    "chmod":   ["EPERM"],
}
HARMLESS = {"EINTR", "short"}


# ---- reading what is left ----------------------------------------------------------------

def digest(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            h.update(chunk)
    return h.hexdigest()


def external_tensors(data, kind="Model"):
    """Yields (location, offset, length) of every external tensor of a serialised model."""
    entries, is_external = {}, False
    for number, value in wire.fields(data):
        child = wire.CHILD.get((kind, number))
        if child in ("Graph", "Function", "Node", "Attribute", "Tensor"):
            yield from external_tensors(value, child)
        elif kind == "Attribute" and number in (5, 10):
            yield from external_tensors(value, "Tensor")
        elif kind == "Tensor" and number == 13:
            pair = dict(wire.fields(value))
            entries[bytes(pair[1]).decode()] = bytes(pair[2]).decode()
        elif kind == "Tensor" and number == 14:
            is_external = value == 1
    if is_external:
        yield entries["location"], int(entries.get("offset", 0)), int(entries["length"])


def content(path):
    """What a reader of the model at path sees: its bytes and the bytes of its external
    data. None: there is no file. A string: it cannot be read."""
    try:
        with open(path, "rb") as f:
            data = f.read()
    except FileNotFoundError:
        return None
    h = hashlib.sha256(data)
    try:
        for location, offset, length in external_tensors(memoryview(data)):
            with open(os.path.join(os.path.dirname(path), location), "rb") as f:
                f.seek(offset)
                payload = f.read(length)
            if len(payload) != length:
                return f"'{location}' is too short for its model"
            h.update(payload)
    except (OSError, LookupError, ValueError, TypeError) as e:
        return f"unreadable: {e}"
    return h.digest()


# ---- scenarios -----------------------------------------------------------------------------

class Scenario:
    """A folder to start from, a command, and what is expected of its output."""

    def __init__(self, name, make, args, out, fresh=False):
        self.name, self.make, self.args, self.out, self.fresh = name, make, args, out, fresh


def model_in(folder, name, kind, size):
    os.makedirs(folder, exist_ok=True)
    big.KINDS[kind](size, os.path.join(folder, name))


def inline(folder):
    model_in(folder, "in.onnx", "chain", 4000)
    model_in(folder, "out.onnx", "chain", 500)


def inline_fresh(folder):
    model_in(folder, "in.onnx", "chain", 4000)


def external(folder):
    model_in(folder + "/from", "in.onnx", "external", 2000000)
    model_in(folder, "out.onnx", "external", 900000)


def in_place_external(folder):
    model_in(folder, "out.onnx", "external", 2000000)


def in_place(folder):
    model_in(folder, "out.onnx", "chain", 4000)


ALWAYS = ["--external-data", "always", "--external-threshold", "1"]
SCENARIOS = [
    Scenario("one file over another", inline, ["in.onnx", "out.onnx", "--passes", "default"], "out.onnx"),
    Scenario("one file, nothing there", inline_fresh, ["in.onnx", "out.onnx", "--passes", "default"], "out.onnx", True),
    Scenario("one file, copied", inline, ["in.onnx", "out.onnx", "--passes", "none"], "out.onnx"),
    Scenario("one file, --sync", inline, ["in.onnx", "out.onnx", "--passes", "default", "--sync"], "out.onnx"),
    Scenario("side file over a pair", external,
             ["from/in.onnx", "out.onnx", "--passes", "default", *ALWAYS], "out.onnx"),
    Scenario("side file, --sync", external,
             ["from/in.onnx", "out.onnx", "--passes", "default", "--sync", *ALWAYS], "out.onnx"),
    Scenario("weights leave the model", inline, ["in.onnx", "out.onnx", "--passes", "default", *ALWAYS], "out.onnx"),
    Scenario("--in-place", in_place, ["out.onnx", "--in-place", "--passes", "default"], "out.onnx"),
    Scenario("--in-place, to a side file", in_place,
             ["out.onnx", "--in-place", "--passes", "default", *ALWAYS], "out.onnx"),
    Scenario("--in-place, has a side file", in_place_external,
             ["out.onnx", "--in-place", "--passes", "default", *ALWAYS], "out.onnx"),
]


def names(folder):
    return sorted(os.path.relpath(os.path.join(d, f), folder) for d, _, fs in os.walk(folder) for f in fs)


class Bench:
    """Runs the tool under the shim in copies of one folder and judges the remains."""

    def __init__(self, tool, folder):
        self.tool, self.folder = tool, folder
        self.shim = os.path.join(folder, "shim.so")
        self.passed = self.failed = 0
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", self.shim, os.path.join(HERE, "shim.c"), "-ldl"],
                       check=True)

    def count(self, ok, what):
        if ok:
            self.passed += 1
        else:
            self.failed += 1
            print(f"    FAIL  {what}", flush=True)
        return ok

    def start_fresh(self, origin):
        place = os.path.join(self.folder, "place")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(origin, place)
        return place

    def run(self, args, place, **faults):
        env = dict(os.environ, LD_PRELOAD=self.shim, **{f"OXF_{k}": str(v) for k, v in faults.items()})
        env.pop("ASAN_OPTIONS", None)
        return subprocess.run([self.tool, *args, "-q"], cwd=place, env=env, capture_output=True,
                              text=True, errors="replace", timeout=120)

    def prepare(self, s):
        """Old and new content, the new files, and the calls made on the way."""
        origin = os.path.join(self.folder, "origin")
        shutil.rmtree(origin, ignore_errors=True)
        s.make(origin)
        s.before = names(origin)
        s.old = content(os.path.join(origin, s.out))
        place = self.start_fresh(origin)
        log = os.path.join(self.folder, "log")
        if os.path.exists(log):
            os.unlink(log)
        r = self.run(s.args, place, LOG=log)
        s.new = content(os.path.join(place, s.out))
        s.added = set(names(place)) - set(s.before)
        with open(log) as f:
            calls = f.read().split()
        ok = (r.returncode == 0 and isinstance(s.new, bytes) and s.new != s.old
              and not any(TEMP.search(n) for n in s.added))
        self.count(ok, f"{s.name}: undisturbed run: exit {r.returncode}, {r.stderr.strip()}")
        return origin, calls if ok else []

    def judge(self, s, place, r, what, killed=False, unlink_fails=False, harmless=False):
        """The oracle."""
        now = content(os.path.join(place, s.out))
        left = set(names(place)) - set(s.before)
        lost = set(s.before) - set(names(place))
        temps = {n for n in left if TEMP.search(n)}
        sides = {n for n in left if SIDE.search(n) and n in s.added}
        faults = []
        if now != s.old and now != s.new:
            faults.append(f"the output is neither old nor new ({now if isinstance(now, str) else 'other bytes'})")
        if lost:
            faults.append(f"lost {sorted(lost)}")
        allowed = {s.out}
        if killed or unlink_fails:
            allowed |= temps | sides
        elif r.returncode == 0 or now == s.new:
            allowed |= s.added
        if left - allowed:
            faults.append(f"left behind {sorted(left - allowed)}")
        if not killed:
            if r.returncode not in (0, EXIT_IO):
                faults.append(f"exit {r.returncode}")
            if r.returncode == 0 and now != s.new:
                faults.append("exit 0 without a new output")
            if r.returncode == 0 and not harmless:
                faults.append("exit 0 in spite of the failure")
            if r.returncode != 0 and harmless:
                faults.append(f"exit {r.returncode}, one repetition would have done: {r.stderr.strip()}")
            if r.returncode == EXIT_IO and "OX1" not in r.stderr and "OX3152" not in r.stderr:
                faults.append(f"no message: {r.stderr.strip()!r}")
        self.count(not faults, f"{s.name}: {what}: {'; '.join(faults)}")
        return "new" if now == s.new else "old"

    # ---- every call

    def every_call(self, s):
        origin, calls = self.prepare(s)
        tally = collections.Counter()
        for k, call in enumerate(calls, 1):
            for action in ["kill", *FAILURES[call]]:
                place = self.start_fresh(origin)
                r = self.run(s.args, place, AT=k, ACTION=action)
                killed = action == "kill"
                if killed and r.returncode != -signal.SIGKILL:
                    self.count(False, f"{s.name}: call {k} ({call}) was not reached")
                    continue
                state = self.judge(s, place, r, f"{action} at call {k} ({call})", killed=killed,
                                   harmless=action in HARMLESS)
                tally[action if killed else "errno", state] += 1
        # From some call on nothing works any more: a full disk stays full.
        for list_, action in (("write", "ENOSPC"), ("write", "short"), ("write,unlink", "EIO"), ("rename", "EACCES"),
                              ("fsync", "EIO"), ("create", "EROFS"), ("close-w", "EIO")):
            for k in range(1, sum(c in list_.split(",") for c in calls) + 1):
                place = self.start_fresh(origin)
                r = self.run(s.args, place, CALL=list_, AT=k, ACTION=action, FROM=1)
                state = self.judge(s, place, r, f"{action} from {list_} {k} on", harmless=action in HARMLESS,
                                   unlink_fails="unlink" in list_)
                tally["errno", state] += 1
        print(f"{s.name:<28} {len(calls):5} calls {sum(tally.values()):5} runs   killed:"
              f" {tally['kill', 'old']:4} old {tally['kill', 'new']:4} new   failed:"
              f" {tally['errno', 'old']:4} old {tally['errno', 'new']:4} new", flush=True)

    # ---- a renameat2 without RENAME_NOREPLACE

    def old_file_system(self, s):
        """Where that flag is unknown a hard link does the same."""
        origin, calls = self.prepare(s)
        renames = [i for i, c in enumerate((c for c in calls if c == "rename"), 1)]
        place = self.start_fresh(origin)
        r = self.run(s.args, place, CALL="rename", AT=1, ACTION="EINVAL")
        self.judge(s, place, r, "EINVAL for the first rename", harmless=True)
        print(f"{'no RENAME_NOREPLACE':<28} {len(renames):5} renames", flush=True)

    # ---- full disk and other places

    def refused(self, s, origin, what, limits=(), out=None, expect=(EXIT_IO,), prepare=None, user=None, wrap=()):
        def limit():
            for key, value in limits:
                resource.setrlimit(key, (value, value))

        place = self.start_fresh(origin)
        if user:
            os.chmod(place, 0o777)
        if prepare:
            prepare(place)
        args = [out if out and a == s.out else a for a in s.args]
        before = set(names(place))
        r = subprocess.run([*wrap, self.tool, *args, "-q"], cwd=place, capture_output=True, text=True,
                           errors="replace", timeout=120, preexec_fn=limit, user=user)
        now = content(os.path.join(place, s.out))
        left = set(names(place)) - before
        ok = r.returncode in expect and (now == s.old or 0 in expect and now == s.new)
        ok = ok and not left and (r.returncode == 0 or "error[OX" in r.stderr)
        self.count(ok, f"{what}: exit {r.returncode}, left {sorted(left)}, {r.stderr.strip()}")

    def places(self):
        s = SCENARIOS[0]
        origin, _ = self.prepare(s)
        before = self.passed + self.failed
        for size in (0, 1, 4095, 65536, 524288, 600000):
            self.refused(s, origin, f"file size limit of {size}", [(resource.RLIMIT_FSIZE, size)])
        self.refused(s, origin, "/dev/full", out="/dev/full")
        self.refused(s, origin, "the output is a folder", out="folder", prepare=lambda p: os.mkdir(p + "/folder"))
        self.refused(s, origin, "the output is a folder/", out="folder/", prepare=lambda p: os.mkdir(p + "/folder"))
        self.refused(s, origin, "the folder is missing", out="no/such/out.onnx")
        self.refused(s, origin, "the folder is a file", out="in.onnx/out.onnx")
        self.refused(s, origin, "the name is too long", out="x" * 300)
        self.refused(s, origin, "a dangling link", out="link", prepare=lambda p: os.symlink("absent", p + "/link"))
        self.refused(s, origin, "a loop of links", out="link", prepare=lambda p: os.symlink("link", p + "/link"))
        self.refused(s, origin, "eight descriptors", [(resource.RLIMIT_NOFILE, 8)], expect=(0, EXIT_IO))
        self.refused(s, origin, "/dev/null", out="/dev/null", expect=(0,))
        self.others_place(s, origin)
        self.small_file_system(s, origin)
        self.closed_descriptors(s, origin)
        self.at_once(s, origin)
        print(f"{'places and limits':<28} {self.passed + self.failed - before:5} runs", flush=True)

    def others_place(self, s, origin):
        """A folder that may not be written to; root is told nothing of the kind."""
        if os.geteuid() != 0:
            self.refused(s, origin, "a read-only folder", out="ro/out.onnx",
                         prepare=lambda p: os.mkdir(p + "/ro", 0o555))
            return
        public = os.path.join(self.folder, "tool")
        shutil.copy(self.tool, public)
        os.chmod(self.folder, 0o755)
        tool, self.tool = self.tool, public
        for what, out, make in (
                ("a read-only folder", "ro/out.onnx", lambda p: os.mkdir(p + "/ro", 0o555)),
                ("a write-protected output", "mine.onnx", lambda p: shutil.copy(p + "/out.onnx", p + "/mine.onnx")),
        ):
            self.refused(s, origin, what, out=out, prepare=make, user=65534)
        self.tool = tool

    def small_file_system(self, s, origin):
        """A real ENOSPC, where this machine lets us mount."""
        script = ('mount -t tmpfs -o size=200k none "$1" || exit 99; cp out.onnx "$1/out.onnx"; shift;'
                  ' "$@"; code=$?; cmp -s out.onnx small/out.onnx || exit 98; [ "$(ls -A small | wc -l)" = 1 ] || exit 97;'
                  ' exit $code')
        place = self.start_fresh(origin)
        os.mkdir(place + "/small")
        r = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", place + "/small", self.tool, "in.onnx",
                            "small/out.onnx", "-q"], cwd=place, capture_output=True, text=True)
        if r.returncode in (99, 1):
            print(f"{'a full file system':<28} skipped: no mounting here")
            return
        self.count(r.returncode == EXIT_IO, f"a full file system: exit {r.returncode}, {r.stderr.strip()}")

    def closed_descriptors(self, s, origin):
        """What is opened must not land on 0, 1 or 2, where messages would go into it. Only
        without -q is there anything to print, and then a closed stdout may be an error."""
        for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            for quiet in ("-q", ""):
                place = self.start_fresh(origin)
                r = subprocess.run(["sh", "-c", f'"$0" in.onnx out.onnx {quiet} {closed}', self.tool], cwd=place,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                now = content(place + "/out.onnx")
                ok = now == s.new and r.returncode in (0, 0 if quiet else EXIT_IO)
                self.count(ok and set(names(place)) == set(s.before), f"closed {closed} {quiet}: exit {r.returncode}")

    def at_once(self, s, origin):
        """Twenty runs with one output: whoever is last wins, whole."""
        place = self.start_fresh(origin)
        runs = [subprocess.Popen([self.tool, *s.args, "-q"], cwd=place, stdout=subprocess.DEVNULL)
                for _ in range(20)]
        codes = {p.wait() for p in runs}
        self.count(codes == {0} and content(place + "/out.onnx") == s.new
                   and set(names(place)) == set(s.before), f"twenty at once: exits {codes}, {names(place)}")

    # ---- kills and signals at random moments

    def large(self, size, kills, seed):
        place = os.path.join(self.folder, "large")
        os.makedirs(place)
        big.KINDS["weights"](size, place + "/in.onnx")
        model_in(place, "small.onnx", "chain", 2000)
        old = digest(place + "/small.onnx")
        shutil.copy(place + "/small.onnx", place + "/out.onnx")
        window = self.measure_window(place)
        new = digest(place + "/out.onnx")
        print(f"{'large model':<28} {size / 1e6:.0f} MB; the output is being written for"
              f" {window * 1e3:.0f} ms", flush=True)
        self.signals(place, old, window)
        self.kills(place, old, new, window, kills, random.Random(seed))
        shutil.rmtree(place)

    def spawn(self, place):
        """The tool at work, and a watch that waits until the temporary file is there."""
        p = subprocess.Popen([self.tool, "in.onnx", "out.onnx", "-q", "--passes", "default"], cwd=place,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        def wait():
            while p.poll() is None and not any(TEMP.search(n) for n in os.listdir(place)):
                pass
            return time.monotonic()
        return p, wait

    def measure_window(self, place):
        times = []
        for _ in range(3):
            p, wait = self.spawn(place)
            start = wait()
            while any(TEMP.search(n) for n in os.listdir(place)):
                time.sleep(0.0005)
            times.append(time.monotonic() - start)
            if p.wait():
                sys.exit(f"{place}: exit {p.returncode}")
        return sorted(times)[1]

    def signals(self, place, old, window):
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            shutil.copy(place + "/small.onnx", place + "/out.onnx")
            p, wait = self.spawn(place)
            wait()
            time.sleep(window * 0.3)
            p.send_signal(sig)
            code = p.wait()
            left = [n for n in os.listdir(place) if TEMP.search(n)]
            self.count(code == -sig and not left and digest(place + "/out.onnx") == old,
                       f"{sig.name}: exit {code}, left {left}")
        print(f"{'signals':<28}     3 runs", flush=True)

    def kills(self, place, old, new, window, n, rng):
        tally = collections.Counter()
        replaced = True
        for i in range(n):
            if replaced:
                shutil.copy(place + "/small.onnx", place + "/out.onnx")
            p, wait = self.spawn(place)
            if rng.random() < 0.05:
                time.sleep(rng.random() * 0.01)     # some before the file is there at all
            else:
                wait()
                time.sleep(rng.random() * window)
            p.kill()
            p.wait()
            now = digest(place + "/out.onnx")
            # The load of the machine changes; aim so that most kills still fall inside.
            window *= 1.02 if now == old else 0.9
            left = set(os.listdir(place)) - {"in.onnx", "small.onnx", "out.onnx"}
            temps = {n for n in left if TEMP.search(n)}
            replaced = now != old
            tally["old" if now == old else "new"] += 1
            tally["in the window"] += bool(temps)
            self.count(now in (old, new) and left == temps and len(temps) <= 1,
                       f"kill {i}: output {'old' if now == old else 'new' if now == new else 'MIXED'}, left {left}")
            for t in temps:
                os.unlink(os.path.join(place, t))
        inside = tally["in the window"]
        self.count(inside * 2 > n, f"only {inside} of {n} kills fell between create and rename")
        print(f"{'random kills':<28} {n:5} runs   {tally['old']} old, {tally['new']} new,"
              f" {inside} between create and rename", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tool", default="build/onnxopt")
    p.add_argument("--folder", help="where to work (default: a temporary folder)")
    p.add_argument("--bytes", type=lambda s: int(float(s)), default=500_000_000, help="size of the large model")
    p.add_argument("--kills", type=int, default=200, help="random kills; 0: neither these nor signals")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--only", default="", help="only scenarios whose name contains this")
    a = p.parse_args()
    folder = tempfile.mkdtemp(prefix="onnxopt-faults.", dir=a.folder)
    try:
        b = Bench(os.path.abspath(a.tool), folder)
        for s in SCENARIOS:
            if a.only in s.name:
                b.every_call(s)
        if not a.only:
            b.old_file_system(SCENARIOS[4])
            b.places()
        if a.kills:
            b.large(a.bytes, a.kills, a.seed)
    finally:
        shutil.rmtree(folder)
    print(f"{b.passed} passed, {b.failed} failed")
    return 1 if b.failed or not b.passed else 0


if __name__ == "__main__":
    sys.exit(main())
