"""Tests the command line as a user meets it: exit codes, messages, help pages, reports.

    run.py --tool build/onnxopt [--bless] [NAME...]

Standard library only. Each test is a function with a folder of its own; --bless rewrites
the help pages in tests/cli/help.
"""
import argparse
import glob
import hashlib
import io
import json
import os
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
import zipfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
import onnxbytes as ob  # noqa: E402
import schema  # noqa: E402
from schema import validate  # noqa: E402

MODELS = os.path.join(ROOT, "tests", "models")
VERBS = ["optimize", "check", "inspect", "print", "parse", "passes", "ops", "explain", "test", "run", "test-data", "verify", "reduce", "bisect", "repro", "doctor"]
TOOL = ""
BLESS = False
TESTS = []
ERROR = re.compile(r"^error\[OX\d{4}\]: \S.*$", re.M)


def test(f):
    TESTS.append(f)
    return f


def clean_env(**extra):
    env = {k: v for k, v in os.environ.items() if not k.startswith("ONNXOPT_")}
    for k in ("NO_COLOR", "CLICOLOR_FORCE"):
        env.pop(k, None)
    env.update(extra)
    return env


def run(*args, env=None, data=None, **kw):
    return subprocess.run([TOOL, *args], capture_output=True, input=data, timeout=120,
                          env=clean_env(**(env or {})), **kw)


def expect(code, *args, **kw):
    """Runs; the exit code must be this one, and an error must have the documented form."""
    r = run(*args, **kw)
    err = r.stderr.decode()
    assert r.returncode == code, f"exit {r.returncode}, expected {code}: {args}\n{err}"
    if code:
        assert ERROR.search(err), f"no error line: {args}\n{err!r}"
    return r


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)
    return path


def no_residue(d, *expected):
    assert sorted(os.listdir(d)) == sorted(expected), os.listdir(d)


# ---- models -----------------------------------------------------------------

def simple(extra=0):
    """x -> Identity... -> Relu -> y"""
    nodes, last = [], "x"
    for i in range(1 + extra):
        nodes.append(ob.node("Identity", [last], [f"i{i}"]))
        last = f"i{i}"
    nodes.append(ob.node("Relu", [last], ["y"]))
    return ob.model(ob.graph(nodes, [ob.value("x", [2])], [ob.value("y", [2])]))


def minimal():
    """Nothing to do."""
    return ob.model(ob.graph([ob.node("Relu", ["x"], ["y"])], [ob.value("x", [2])],
                             [ob.value("y", [2])]))


def bad():
    return ob.model(ob.graph([ob.node("Relu", ["nowhere"], ["y"])], [ob.value("x", [2])],
                             [ob.value("y", [2])]))


HOSTILE = ("\x1b[31mred\x1b[0m\n\t::error::x\u202ereversed</script>]]>\"'\\%0A::error::"
           "\r\u2028end")


def hostile():
    """Names that try to break out of every report (N1)."""
    g = ob.graph([ob.node(HOSTILE, ["x"], ["a" + HOSTILE], domain="evil\n::error::d"),
                  ob.node("Identity", ["a" + HOSTILE], ["b"], name=HOSTILE),
                  ob.node("Relu", ["b"], ["y" + HOSTILE])],
                 [ob.value("x", [2])], [ob.value("y" + HOSTILE, [2])], name=HOSTILE)
    return ob.model(g, opsets=[("", 17), ("evil\n::error::d", 1)], producer=HOSTILE)


def shown_safely(data, lines=True):
    text = data.decode()                # valid UTF-8 whatever the names were
    for c in text:
        assert c == "\n" or (ord(c) >= 0x20 and ord(c) != 0x7F), repr(c)
        assert c not in "\u202e\u2028\u2029\u2066\u200f", repr(c)
    for line in text.splitlines() if lines else ():
        assert not line.lstrip().startswith(("::", "]]>", "\\x0a::")), line
    return text


def model_files():
    return sorted(f for f in os.listdir(MODELS) if f.endswith(".onnx"))


# ---- usage ------------------------------------------------------------------

@test
def help_pages(d):
    pages = {"onnxopt": ["--help"], **{v: [v, "--help"] for v in VERBS}}
    for name, args in pages.items():
        text = expect(0, *args).stdout.decode()
        lines = text.splitlines()
        assert len(lines) <= 32, f"{name}: {len(lines)} lines"
        assert max(map(len, lines)) <= 90, f"{name}: {max(lines, key=len)}"
        golden = os.path.join(HERE, "help", name + ".txt")
        if BLESS:
            write(golden, text.encode())
        assert read(golden).decode() == text, f"{name}: not as in {golden} (--bless)"
        assert expect(0, *args, env={"CLICOLOR_FORCE": "1"}).stdout.decode() == text
    assert sorted(os.listdir(os.path.join(HERE, "help"))) == sorted(n + ".txt" for n in pages)


@test
def every_option_is_in_a_page(d):
    page = expect(0, "optimize", "--help").stdout.decode()
    for flag in ("--passes --skip --only -O1 -O2 -O3 --rewrite-limit --verify-each --external-data "
                 "--external-threshold --allow-links --sync --keep-ir-version "
                 "--initializers-as-constants --inline --keep-values --report --assert --fail-on "
                 "--dry-run -q -v --color --progress --stats --max-memory -o --in-place --input-shape --dim "
                 "--write-value-info --positive-dims --print-before --print-after --dump-dir "
                 "--explain-missed").split():
        assert re.search(r"(^|[ ,])" + re.escape(flag) + r"\b", page, re.M), flag


@test
def version_and_no_arguments(d):
    assert re.fullmatch(rb"onnxopt \d+\.\d+\.\d+\n", expect(0, "--version").stdout)
    r = run()
    assert r.returncode == 2 and b"usage:" in r.stderr and not r.stdout


@test
def wrong_usage(d):
    m = write(d + "/m.onnx", simple())
    o = d + "/o.onnx"
    for args in ([m, o, "--pases", "none"], [m, o, "--passes"], [m, o, "--passes="], [m, o, "-q", "-v"],
                 [m, o, "-o", d + "/p.onnx"], [m, o, "third"], [m, o, "--skip", "no_such_pass"],
                 [m, o, "--passes", "no_such_pass"], [m, o, "--inline", "some"], [m, o, "--sync=yes"],
                 [m, o, "--external-threshold", "12x"], [m, o, "--rewrite-limit", "-1"],
                 [m, o, "--max-memory", "99999999999999999999"], [m, o, "--fail-on", "growth,x"],
                 [m, o, "--assert", "nodes"], [m, o, "--assert", "nodes<=x y"],
                 [m, o, "--assert", "nodez<=3"], [m, o, "--assert", ""], [m, o, "--no-config=x"],
                 [m, o, "--print-after", "eliminate_identty"], [m, o, "--print-after", "infer_shapes"],
                 [m, o, "--dump-dir", d + "/x"], [m, o, "--report", d + "/r:yaml"], [m, o, "--in-place"], [m, o, "--json"],
                 ["--in-place", "-"], ["optimize"], ["check"], ["print"], ["print", m, m],
                 ["parse", m], ["passes", "x"], ["explain", "no_such_thing"],
                 ["explain", "OX0001"], ["check", m, "--in-place"], ["inspct", m],
                 ["frobnicate"], ["test", d, "--passes", "none"]):
        r = expect(2, *args)
        assert not r.stdout, args
    no_residue(d, "m.onnx")


@test
def suggestions(d):
    m = write(d + "/m.onnx", simple())
    for args, near in (([m, "--pases", "none"], "--passes"), (["inspct", m], "inspect"),
                       (["optimise", m, "x"], "optimize"),
                       ([m, "--passes", "eliminate_identty"], "eliminate_identity"),
                       ([m, "--skip", "eliminate-identty"], "eliminate_identity"),
                       (["explain", "eliminate_identty"], "eliminate_identity"),
                       ([m, "--assert", "nods<3"], "nodes"), ([m, "--report", "r:jsn"], "json")):
        err = expect(2, *args).stderr.decode()
        assert f"did you mean {near}?" in err or f"did you mean '{near}'?" in err, err


@test
def words_that_look_like_verbs(d):
    write(d + "/check", simple())
    assert b"verified" in expect(0, "./check", cwd=d).stdout
    assert b"verified" in expect(0, "--", "check", cwd=d).stdout
    expect(2, "check", cwd=d)                       # the verb, without files
    write(d + "/plain", simple())
    assert b"verified" in expect(0, "plain", cwd=d).stdout    # a file without a dot
    write(d + "/-q", simple())
    assert b"verified" in expect(0, "--", "-q", cwd=d).stdout


@test
def options_may_stand_anywhere(d):
    m, o = write(d + "/m.onnx", simple()), d + "/o.onnx"
    expect(0, "--passes=none", m, "-q", o)
    assert read(o) == read(m)
    expect(0, "-O1", "-q", "-o" + o, m)
    assert read(o) != read(m)
    expect(0, "optimize", m, "--output", o, "--passes", "none", "-q")
    assert read(o) == read(m)


@test
def environment(d):
    m, o = write(d + "/m.onnx", simple()), d + "/o.onnx"
    expect(0, m, o, "-q", env={"ONNXOPT_PASSES": "none"})
    assert read(o) == read(m)
    expect(0, m, o, "-q", "--passes", "default", env={"ONNXOPT_PASSES": "none"})
    assert read(o) != read(m)                       # the flag wins
    r = expect(2, m, o, env={"ONNXOPT_MAX_MEMORY": "lots"})
    assert b"ONNXOPT_MAX_MEMORY" in r.stderr
    assert b"ONNXOPT_SYNC" in expect(2, m, o, env={"ONNXOPT_SYNC": "maybe"}).stderr
    assert not expect(0, m, o, env={"ONNXOPT_QUIET": "1"}).stdout
    expect(0, m, o, "-q", "--passes", "none", env={"ONNXOPT_REENCODE": "1"})
    assert read(o) == read(m)


# ---- optimizing -------------------------------------------------------------

@test
def none_gives_the_same_bytes(d):
    for name in model_files()[:12] + ["st_if_nest_28.onnx"]:
        m, o = os.path.join(MODELS, name), d + "/o.onnx"
        for extra in ({}, {"ONNXOPT_REENCODE": "1"}):
            expect(0, m, o, "--passes", "none", "-q", env=extra)
            assert read(o) == read(m), (name, extra)


@test
def the_table(d):
    m, o = write(d + "/m.onnx", simple(3)), d + "/o.onnx"
    r = expect(0, m, o)
    text = r.stdout.decode()
    assert not r.stderr
    rows = text.splitlines()
    assert rows[0].startswith(f"{m} -> {o}") and "opset 17, IR 8" in rows[0]
    assert rows[1].split() == ["before", "after", "change"]
    table = {line.split()[0]: line.split()[1:] for line in rows[2:]}
    assert table["nodes"] == ["5", "1", "-80.0", "%"], table
    assert {"initializers", "params", "file", "ops:"} <= set(table), table
    assert "Identity 4 -> 0" in text
    assert re.search(r"^verified: \d+ rewrites? \((\d+ proved, )?\d+ exact\) \+ 1 end-to-end sample +\d+\.\d\d s$",
                     text, re.M), text
    ends = [i for i, row in enumerate(rows[1:5]) if row.rstrip() != row]
    assert not ends, rows
    assert "eliminate_identity" in expect(0, m, o, "--stats").stdout.decode()
    assert not expect(0, m, o, "-q").stdout


@test
def dry_runs(d):
    m = write(d + "/m.onnx", simple())
    before = os.stat(m)
    for args in ([m], [m, d + "/o.onnx", "--dry-run"], [m, "--in-place", "--dry-run"]):
        text = expect(0, *args).stdout.decode()
        assert "(dry run)" in text and re.search(r"^file +\d+ B +\d+ B", text, re.M), text
    no_residue(d, "m.onnx")
    assert os.stat(m).st_mtime_ns == before.st_mtime_ns


@test
def external_data(d):
    m = os.path.join(MODELS, "distilbert_dynamic_nofold_narrow.onnx")
    e, data = d + "/e.onnx", d + "/e.onnx.data"
    text = expect(0, m, e, "--external-data", "always").stdout.decode()
    assert f"weights: {data}" in text
    no_residue(d, "e.onnx", "e.onnx.data")
    weights = read(data)
    expect(0, "check", e)
    assert "external" in expect(0, "inspect", e).stdout.decode()
    expect(2, e, data, "-q")                        # would lose the weights
    assert read(data) == weights
    expect(2, e, "-", "-q")
    os.mkdir(d + "/s")
    expect(0, e, d + "/s/f.onnx", "-q", "--passes", "none")
    no_residue(d + "/s", "f.onnx", "f.onnx.data")
    assert read(d + "/s/f.onnx.data") == weights
    expect(0, e, d + "/s/g.onnx", "-q", "--external-data", "never")
    expect(0, "check", "-q", d + "/s/f.onnx", d + "/s/g.onnx")
    r = report_of(d, 0, e, d + "/n.onnx")           # beside the input: the file is shared
    assert r["after"]["bytes"] == len(read(d + "/n.onnx")) + len(weights), r["after"]["bytes"]
    os.unlink(data)
    r = expect(0, e, d + "/o.onnx")
    assert b"warning[OX3120]" in r.stderr


@test
def in_and_out_the_same(d):
    m = write(d + "/m.onnx", simple())
    original = read(m)
    os.symlink("m.onnx", d + "/link.onnx")
    os.link(m, d + "/hard.onnx")
    os.mkdir(d + "/sub")
    for o in (m, d + "/./m.onnx", d + "/sub/../m.onnx", d + "/link.onnx", d + "/hard.onnx"):
        expect(2, m, o)
        assert read(m) == original
    expect(0, m, "--in-place", "-q")
    assert read(m) != original
    assert read(d + "/hard.onnx") == original       # the name was replaced, not the bytes
    text = expect(0, m, "--in-place").stdout.decode()
    assert "0 rewrites" in text


@test
def in_place_keeps_mode_and_link(d):
    m = write(d + "/m.onnx", simple())
    os.chmod(m, 0o640)
    os.symlink("m.onnx", d + "/link.onnx")
    expect(0, d + "/link.onnx", "--in-place", "-q")
    assert os.path.islink(d + "/link.onnx") and os.stat(m).st_mode & 0o777 == 0o640
    assert len(read(m)) < len(simple())
    no_residue(d, "m.onnx", "link.onnx")


@test
def standard_streams(d):
    m, data = write(d + "/m.onnx", simple()), simple()
    expect(0, m, d + "/o.onnx", "-q")
    best = read(d + "/o.onnx")
    r = expect(0, "-", "-", data=data)
    assert r.stdout == best and b"verified" in r.stderr
    assert expect(0, m, "-", "-q").stdout == best
    expect(0, "-", d + "/p.onnx", "-q", data=data)
    assert read(d + "/p.onnx") == best
    report = json.loads(expect(0, m, d + "/p.onnx", "--report", "-").stdout)
    assert report["output"]["written"]
    expect(2, m, "-", "--report", "-")
    text = expect(0, "print", "-", data=data).stdout
    assert expect(0, "parse", "-", "-", data=text).stdout
    assert b"valid" in expect(0, "check", "-", data=data).stdout


@test
def terminal_is_refused(d):
    m = write(d + "/m.onnx", simple())
    master, slave = pty.openpty()
    for args in ([m, "-"], ["parse", m, "-"]):
        r = subprocess.run([TOOL, *args], stdout=slave, stderr=subprocess.PIPE, env=clean_env())
        assert r.returncode == 2 and b"terminal" in r.stderr, r
    os.close(slave)
    os.close(master)


@test
def files_that_cannot_be(d):
    m = write(d + "/m.onnx", simple())
    expect(4, d + "/none.onnx", d + "/o.onnx")
    expect(4, d, d + "/o.onnx")
    expect(4, m, d + "/no/such/o.onnx", "-q")
    expect(4, m, d, "-q")
    expect(4, m, d + "/" + "n" * 300, "-q")
    os.mkfifo(d + "/fifo")
    expect(4, d + "/fifo")
    expect(4, "/dev/zero")
    expect(4, "check", d + "/none.onnx")
    expect(4, m, d + "/o.onnx", "--report", d + "/no/r.json", "-q")
    if os.path.exists("/dev/full"):
        expect(4, m, "/dev/full", "-q")
        with open("/dev/full", "w") as full:
            r = subprocess.run([TOOL, "passes"], stdout=full, stderr=subprocess.PIPE)
        assert r.returncode == 4, r
    os.mkdir(d + "/ro")
    os.chmod(d + "/ro", 0o500)
    if os.getuid():
        expect(4, m, d + "/ro/o.onnx")
    os.chmod(d + "/ro", 0o700)
    no_residue(d + "/ro")


@test
def a_full_disk_leaves_nothing(d):
    m = write(d + "/m.onnx", simple())
    o = write(d + "/o.onnx", b"precious")
    r = subprocess.run([TOOL, m, o], capture_output=True, env=clean_env(),
                       preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16)))
    assert r.returncode == 4 and ERROR.search(r.stderr.decode()), r
    assert read(o) == b"precious"
    no_residue(d, "m.onnx", "o.onnx")


@test
def closed_descriptors(d):
    m, o = write(d + "/m.onnx", simple()), d + "/o.onnx"
    expect(0, m, d + "/best.onnx", "-q")
    for fds in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        r = subprocess.run(["sh", "-c", f'"$0" "$1" "$2" -q {fds}', TOOL, m, o], env=clean_env())
        assert r.returncode == 0, (fds, r)
        assert read(o) == read(d + "/best.onnx"), fds
    r = subprocess.run(["sh", "-c", '"$0" "$1" - >&-', TOOL, m], env=clean_env(), capture_output=True)
    assert r.returncode == 4, r


@test
def bad_models(d):
    m = write(d + "/m.onnx", bad())
    o = write(d + "/o.onnx", b"precious")
    r = expect(3, m, o)
    err = r.stderr.decode().splitlines()
    assert err[0].startswith("error[OX3209]: ") and "nowhere" in err[0], err
    assert err[1].startswith(f"  --> {m}"), err
    assert read(o) == b"precious"
    expect(3, write(d + "/empty.onnx", b""))
    expect(3, write(d + "/text.onnx", b"hello, this is no model at all\n"))
    expect(3, write(d + "/cut.onnx", simple()[:-7]))
    expect(3, "inspect", m)
    expect(3, "print", m)


@test
def error_form(d):
    m = write(d + "/cut.onnx", simple()[:-7])
    lines = expect(3, m).stderr.decode().splitlines()
    assert re.match(r"error\[OX30\d\d\]: ", lines[0]), lines
    assert re.match(r"  --> .*cut\.onnx, byte \d+", lines[1]), lines
    assert lines[2].startswith("  help: "), lines
    code = lines[0][6:12]
    page = expect(0, "explain", code).stdout.decode()
    assert code in page and "exit code  3" in page


@test
def memory_limit(d):
    m = write(d + "/m.onnx", simple(5000))
    o = write(d + "/o.onnx", b"precious")
    expect(0, m, d + "/fine.onnx", "-q", "--max-memory", "1GiB")
    os.unlink(d + "/fine.onnx")
    for limit in ("1k", "64k", "300k", "1M"):
        expect(5, m, o, "--max-memory", limit)
    expect(5, "check", m, "--max-memory", "100k")
    assert read(o) == b"precious"
    no_residue(d, "m.onnx", "o.onnx")


@test
def output_may_be_a_pipe(d):
    m, o = write(d + "/m.onnx", simple()), d + "/fifo"
    expect(0, m, d + "/best.onnx", "-q")
    os.mkfifo(o)
    with subprocess.Popen(["cat", o], stdout=subprocess.PIPE) as cat:
        expect(0, m, o, "-q")
        assert cat.stdout.read() == read(d + "/best.onnx")


@test
def signals(d):
    """Stopped while it writes: 128+n, the old file whole, nothing beside it."""
    m = write(d + "/m.onnx", ob.model(ob.graph(
        [ob.node("Identity", ["x"], ["i"]), ob.node("Relu", ["i"], ["y"])],
        [ob.value("x", [2])], [ob.value("y", [2])],
        inits=[ob.tensor(f"w{i}", [1 << 20], bytes(4 << 20)) for i in range(16)])))
    o = write(d + "/o.onnx", b"precious")
    stopped = 0
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        for delay in (0.001, 0.01, 0.03):
            p = subprocess.Popen([TOOL, m, o, "-q", "--skip", "eliminate_unused_initializer"],
                                 env=clean_env(), stderr=subprocess.PIPE)
            time.sleep(delay)
            p.send_signal(sig)
            p.communicate()
            assert p.returncode in (-sig, 0), p.returncode
            stopped += p.returncode != 0
            if p.returncode:
                no_residue(d, "m.onnx", "o.onnx")
            if read(o) != b"precious":
                assert len(read(o)) > 60 << 20
                write(o, b"precious")
    assert stopped, "no run was stopped in time"


@test
def a_mapped_file_that_shrinks(d):
    """SIGBUS, whoever sends it, is a file that changed: 4 and a sentence."""
    o = write(d + "/o.onnx", b"precious")
    p = subprocess.Popen([TOOL, "-", o], env=clean_env(), stdin=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    time.sleep(0.3)
    p.send_signal(signal.SIGBUS)
    err = p.communicate()[1]
    assert p.returncode == 4 and err.startswith(b"error[OX1005]: "), (p.returncode, err)
    assert read(o) == b"precious"


@test
def a_reader_that_goes_away(d):
    m = os.path.join(MODELS, "distilbert_dynamic_nofold_narrow.onnx")
    p = subprocess.Popen([TOOL, "print", m], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         env=clean_env())
    p.stdout.read(10)
    p.stdout.close()
    err = p.stderr.read()
    p.stderr.close()
    assert p.wait() in (0, 4), (p.returncode, err)


# ---- conditions -------------------------------------------------------------

@test
def assertions(d):
    m, o = write(d + "/m.onnx", simple(3)), d + "/o.onnx"
    for text in ("nodes<=1", "nodes <= 1", "nodes==1", "nodes!=2", "nodes>=1", "nodes<2", "nodes>0",
                 "nodes<before.nodes", "ops.Relu==1", "ops.Identity==0", "before.ops.Identity==4",
                 "bytes<before.bytes", "bytes<1KiB", "initializers==0", "functions==0",
                 "nodes_noconst==nodes", "ops.com.microsoft.Gelu==0"):
        expect(0, m, o, "-q", "--assert", text)
    os.unlink(o)
    r = expect(1, m, o, "--assert", "nodes<1")
    assert b"error[OX2006]" in r.stderr and b"nodes is 1" in r.stderr and b"bound is 1" in r.stderr
    r = expect(1, m, o, "--assert", "nodes==before.nodes", "--assert", "nodes==1")
    assert b"before.nodes is 5" in r.stderr
    r = expect(1, m, o, "-q", "--assert", "bytes>=before.bytes", "--assert", "nodes==7")
    assert r.stderr.count(b"error[OX2006]") == 2 and not r.stdout
    no_residue(d, "m.onnx")


@test
def fail_on(d):
    m, o = write(d + "/m.onnx", simple()), d + "/o.onnx"
    same = write(d + "/same.onnx", minimal())
    expect(0, m, o, "-q", "--fail-on", "growth,no-change,warning")
    os.unlink(o)
    r = expect(1, same, o, "--fail-on", "no-change")
    assert b"OX2007" in r.stderr
    expect(0, same, "-q", "--fail-on", "growth")
    unsorted = ob.model(ob.graph([ob.node("Relu", ["i"], ["y"]), ob.node("Neg", ["x"], ["i"])],
                                 [ob.value("x", [2])], [ob.value("y", [2])]))
    u = write(d + "/u.onnx", unsorted)
    r = expect(0, u, d + "/v.onnx")
    assert b"warning[OX3220]" in r.stderr
    assert not expect(0, u, d + "/v.onnx", "-q").stderr
    expect(1, u, d + "/w.onnx", "-q", "--fail-on", "warning")
    expect(1, u, d + "/w.onnx", "--fail-on", "no-change", "--fail-on", "warning")
    no_residue(d, "m.onnx", "same.onnx", "u.onnx", "v.onnx")


# ---- reports ----------------------------------------------------------------

def report_of(d, code, *args):
    r = d + "/r.json"
    expect(code, *args, "--report", r, "-q")
    with open(r) as f:
        report = json.load(f)
    with open(os.path.join(ROOT, "docs", "report.schema.json")) as f:
        validate(report, json.load(f))
    assert report["exit"] == code
    return report


@test
def report(d):
    m, o = write(d + "/m.onnx", simple(3)), d + "/o.onnx"
    r = report_of(d, 0, m, o)
    import hashlib
    assert r["input"]["sha256"] == hashlib.sha256(read(m)).hexdigest()
    assert r["output"]["sha256"] == hashlib.sha256(read(o)).hexdigest()
    assert r["before"]["bytes"] == len(read(m)) and r["after"]["bytes"] == len(read(o))
    assert r["before"]["nodes"] == 5 and r["after"]["nodes"] == 1
    assert r["after"]["ops"] == [{"op": "Relu", "count": 1}]
    assert r["verification"]["verdict"] == "pass-exact" and r["verification"]["why"] is None
    assert sum(r["verification"]["rewrites"].values()) == r["run"]["rewrites"]
    off = report_of(d, 0, m, o, "--check", "off")["verification"]
    assert off["verdict"] == "unverified" and off["why"] == "the checks were off"
    done = {p["name"]: p for p in r["run"]["passes"]}
    assert done["eliminate_identity"]["rewrites"] == 4
    assert sum(p["rewrites"] for p in r["run"]["passes"]) == r["run"]["rewrites"]
    r = report_of(d, 0, m)
    assert r["output"]["dry_run"] and r["output"]["sha256"] is None and r["after"]["bytes"] > 0
    r = report_of(d, 1, m, "--assert", "nodes==9", "--assert", "nodes==1")
    assert [a["holds"] for a in r["assertions"]] == [False, True]
    r = report_of(d, 3, write(d + "/bad.onnx", bad()), d + "/p.onnx")
    assert r["diagnostics"][0]["code"] == "OX3209" and not r["output"]["written"]
    r = report_of(d, 4, d + "/none.onnx", d + "/p.onnx")
    assert r["before"] is None and r["run"] is None
    r = report_of(d, 4, m, d + "/no/p.onnx")
    assert not r["output"]["written"]
    expect(0, m, o, "-q", "--report", d + "/s.json:json")
    assert json.loads(read(d + "/s.json"))["exit"] == 0
    expect(2, m, o, "-q", "--report", o)
    expect(2, m, o, "-q", "--report", m)


# What folding must not try: text of the graph, why a node stays.
BOMBS = {
    "4 GiB": ("g () => (float[1073741824] y) <int64[1] s = {1073741824}> { y = ConstantOfShape (s) }",
              "the result is larger than the constants it would replace"),
    "Range of 2^33": ("g () => (int64[n] y) <int64 a = {0}, int64 b = {8589934592}, int64 d = {1}>"
                      " { y = Range (a, b, d) }", "the result is larger than the constants it would replace"),
    "x / 0": ("g () => (int64[2] y) <int64[2] a = {1, 2}, int64[2] b = {1, 0}> { y = Div (a, b) }",
              "an integer is divided by 0"),
    "least / -1": ("g () => (int64 y) <int64 a = {-9223372036854775808}, int64 b = {-1}> { y = Div (a, b) }",
                   "the least integer is divided by -1"),
    "a negative dim": ("g () => (float[n] y) <int64[1] s = {-1}> { y = ConstantOfShape (s) }",
                       "a dim is negative"),
    "doubled 60 times": ("g () => (float[n] y) <float[1] t0 = {1}> {"
                         + "".join(f" t{i + 1} = Concat <axis = 0> (t{i}, t{i})" for i in range(60))
                         + " y = Neg (t60) }", "folding has made the model larger enough"),
    "2^62 trips": ("g () => (float y) <int64 n = {4611686018427387904}, bool c = {1}, float x = {0}>"
                   " { y = Loop (n, c, x) <body = b (int64 i, bool ci, float xi) => (bool co, float xo)"
                   " { co = Identity (ci) xo = Add (xi, xi) }> }", "the limit of operations is reached"),
}


def cpu_seconds():
    """Of all commands so far: a busy machine adds nothing to it."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@test
def fold_bombs(d):
    for name, (text, why) in BOMBS.items():
        write(d + "/m.txt", ('<ir_version: 8, opset_import: ["" : 17]>\n' + text).encode())
        expect(0, "parse", d + "/m.txt", d + "/m.onnx", "-q")
        for check, most in (("off", 1), ("local", 3)):         # the check has a budget of its own
            started = cpu_seconds()
            r = report_of(d, 0, d + "/m.onnx", d + "/o.onnx", "--check", check)
            took = cpu_seconds() - started
            assert took < most, f"{name}: {took:.2f} s"
        assert r["after"]["bytes"] <= r["before"]["bytes"] + 4096, name
        skips = [s["why"] for s in r["run"]["skips"] if s["pass"].startswith("fold_constant")]
        assert why in skips, f"{name}: {skips}"
        expect(0, "check", d + "/o.onnx", "-q")


@test
def fold_large_weights(d):
    """A transform of 32 MiB takes no memory: it is computed as it is written."""
    rows, columns = 2048, 4096
    raw = b"".join(bytes([r % 251, r // 251, 0, 64]) * columns for r in range(rows))
    nodes = [ob.node("Transpose", ["w"], ["t"]), ob.node("Neg", ["t"], ["n"]),
             ob.node("MatMul", ["x", "n"], ["y"])]
    m = write(d + "/m.onnx", ob.model(ob.graph(
        nodes, [ob.value("x", [1, columns])], [ob.value("y", [1, rows])],
        inits=[ob.tensor("w", [rows, columns], raw)])))
    r = report_of(d, 0, m, d + "/o.onnx")
    assert r["after"]["nodes"] == 1 and r["after"]["bytes"] <= r["before"]["bytes"]
    assert r["peak_heap_bytes"] < 4 << 20, r["peak_heap_bytes"]
    row = b"".join(bytes([i % 251, i // 251, 0, 192]) for i in range(rows))
    assert row * 3 in read(d + "/o.onnx")


@test
def same_bytes_on_every_processor(d):
    """What is written comes from forms that do not look at the processor (DESIGN, law 9)."""
    folder = os.path.join(ROOT, "tests", "models")
    models = sorted(f for f in os.listdir(folder) if f.endswith(".onnx") and f != "st_if_nest_60.onnx")
    assert len(models) > 30
    for name in models:
        made = set()
        for cpu in ("none", "base", "avx2", "avx512"):
            expect(0, os.path.join(folder, name), d + "/o.onnx", "-q", env={"ONNXOPT_CPU": cpu})
            made.add(read(d + "/o.onnx"))
        assert len(made) == 1, name


@test
def the_model_on_the_way(d):
    """--print-before, --print-after and --dump-dir show models that parse."""
    m, o = write(d + "/m.onnx", simple(3)), d + "/o.onnx"
    r = expect(0, m, o, "--print-before", "eliminate_identity", "--print-after", "dce,eliminate-identity", "-q")
    titles = re.findall(rb"^# (.*)$", r.stderr, re.M)
    assert re.fullmatch(rb"\d+, round 1: before \d+ passes that visit nodes, .*", titles[0]), titles
    assert b"round 1: after" in titles[1] and b"eliminate_identity (" in titles[1], titles
    assert not r.stdout
    plain = d + "/plain.onnx"
    expect(0, m, plain, "-q")
    assert read(plain) == read(o)                   # looking changes nothing
    expect(0, m, o, "--passes", "eliminate_unused_initializer,cse,dce", "--print-before", "all", "--print-after",
           "all", "--dump-dir", d + "/dump", "-q")
    names = sorted(os.listdir(d + "/dump"))
    assert "001-before-eliminate_unused_initializer.onnxtxt" in names and len(names) >= 3, names
    for name in names:
        expect(0, "parse", d + "/dump/" + name, d + "/p.onnx", "-q")
    expect(4, m, o, "--print-after", "all", "--dump-dir", d + "/no/where")
    expect(4, m, o, "--print-before", "all", "--dump-dir", m)
    stats = expect(0, m, o, "--stats").stdout.decode()
    assert re.search(r"^\d+ attempts, \d+\.\d for each node of the input$", stats, re.M), stats


# ---- pipelines and rules in files -----------------------------------------------

ABS = """- rule: my_abs
  doc: |
    abs of abs is abs
    since it is not negative.
  numerics: exact
  before: |
    t = Abs (x)
    y = Abs (t)
  # a remark
  after: |
    y = Abs (x)
"""


def abs_twice(n=2):
    nodes = [ob.node("Abs", [f"t{i}" if i else "x"], [f"t{i + 1}" if i + 1 < n else "y"]) for i in range(n)]
    return ob.model(ob.graph(nodes, [ob.value("x", [2])], [ob.value("y", [2])]))


def nodes_after(d, m, *args, cwd=None):
    expect(0, m, d + "/o.onnx", "-q", "--report", d + "/r.json", *args, cwd=cwd)
    return json.loads(read(d + "/r.json"))


@test
def rules_of_a_file(d):
    m, rules = write(d + "/m.onnx", abs_twice(4)), write(d + "/my.rules", ABS.encode())
    own = ["--passes", "none", "--rules", rules]
    r = nodes_after(d, m, *own)
    assert r["after"]["nodes"] == 1 and [p["name"] for p in r["run"]["passes"]] == ["my_abs"]
    page = expect(0, "explain", "my_abs", "--rules", rules).stdout.decode()
    assert page.startswith("my_abs - abs of abs is abs\nsince it is not negative.\n"), page
    assert "    # a remark\n    after: |\n      y = Abs (x)\n" in page and f"{rules}:1" in page, page
    listed = expect(0, "passes", "--explain-pipeline", "none", "--rules", rules).stdout.decode()
    assert re.search(r"^1 +my_abs +exact +.*my.rules:1$", listed, re.M), listed
    assert r["pipeline"]["hash"] in listed and r["pipeline"]["passes"] == 1
    assert nodes_after(d, m, "--rules", rules, "--skip", "my_abs", "--skip", "eliminate_consecutive_idempotent_ops"
                       )["after"]["nodes"] == 4
    assert nodes_after(d, m, "--rules", rules, "--only", "my_abs")["after"]["nodes"] == 1
    expect(2, "explain", "my_abs")
    expect(2, m, d + "/o.onnx", "--rules", write(d + "/bad.yaml", ABS.replace("Abs (t)", "Abz (t)").encode()))
    expect(4, m, d + "/o.onnx", "--rules", d + "/none.yaml")


@test
def many_rules_are_hardly_tried(d):
    """Ten times the rules, a tenth more attempts at most: rules are found by what they look for."""
    sys.path.insert(0, os.path.join(ROOT, "bench"))
    import rules as bench
    m, attempts = write(d + "/m.onnx", bench.model(400)), {}
    for n in (100, 1000):
        f = write(d + "/rules.yaml", bench.rules_text(TOOL, n).encode())
        attempts[n] = nodes_after(d, m, "--rules", f)["run"]["attempts"]
    assert attempts[1000] <= 1.1 * attempts[100], attempts


@test
def what_a_pipeline_asks_of_passes(d):
    m, rules = write(d + "/m.onnx", abs_twice(6)), write(d + "/mine.yaml", ABS.encode())

    def run_with(entry, **more):
        text = json.dumps({"version": 1, "passes": [{"rules": "mine.yaml"}, *entry], **more})
        return nodes_after(d, m, "--passes", write(d + "/p.yaml", text.encode()))
    assert run_with([])["after"]["nodes"] == 1
    r = run_with([{"my_abs": {"rewrites": 2}}])
    assert r["after"]["nodes"] == 4 and not r["run"]["limit_hit"]
    assert run_with([{"my_abs": {"when": "ops.Abs > 5"}}])["after"]["nodes"] == 1
    for no in ("ops.Abs > 6", "nodes<6", "ops.com.x.Abs > 0", "opset >= 99", "initializers != 0", "ir_version==3"):
        r = run_with([{"my_abs": {"when": no}}])
        assert r["after"]["nodes"] == 6 and not r["run"]["passes"], no
    r = run_with([], limits={"rewrites": 3})
    assert r["after"]["nodes"] == 3 and r["run"]["limit_hit"]
    r = run_with(["eliminate_identity"], limits={"rounds": 1})
    assert r["run"]["rounds"] == 1 and r["run"]["limit_hit"], r["run"]
    # a whole-graph pass and a worklist, each at most once
    r = run_with([{"fixpoint": {"max": 1, "passes": ["cse", "my_abs"]}}])
    assert all(p["runs"] == 1 for p in r["run"]["passes"]) and r["after"]["nodes"] == 1, r["run"]
    slow = write(d + "/p.yaml", b"version: 1\nextends: default\nlimits: {timeout: 0ms}\n")
    assert b"OX4004" in expect(5, m, d + "/o.onnx", "--passes", slow).stderr
    big = os.path.join(MODELS, "gt_vit_small_functions_op15.onnx")
    for how, calls in (("none", True), ("all", False)):
        text = "version: 1\nextends: none\npasses: [{inline_local_functions: {inline: %s}}]\n" % how
        r = nodes_after(d, big, "--passes", write(d + "/p.yaml", text.encode()))
        assert (r["run"]["rewrites"] == 0) == calls, how


@test
def a_config_is_found(d):
    m = write(d + "/m.onnx", abs_twice(4))
    os.makedirs(d + "/repo/a/b")
    os.makedirs(d + "/repo/.git")
    os.makedirs(d + "/other")
    plain = nodes_after(d, m, "--no-config")
    assert plain["pipeline"]["config"] is None and plain["pipeline"]["spec"] == "default"
    for text in ("version: 1\nextends: none\n", '{"version": 1, "extends": "none", "options": {}}'):
        write(d + "/repo/onnxopt.yaml", text.encode())
        r = nodes_after(d, m, cwd=d + "/repo/a/b")
        assert r["pipeline"]["config"] == "../../onnxopt.yaml" and r["after"]["nodes"] == 4, r["pipeline"]
    assert nodes_after(d, m, cwd=d + "/repo")["pipeline"]["config"] == "onnxopt.yaml"
    assert b"pipeline onnxopt.yaml: 0 passes" in expect(0, m, cwd=d + "/repo").stdout
    r = nodes_after(d, m, "--passes", "default", cwd=d + "/repo/a")
    assert r["after"]["nodes"] == 1 and r["pipeline"]["spec"] == "default"      # the flag wins
    r = nodes_after(d, m, "--no-config", cwd=d + "/repo/a")
    assert r["after"]["nodes"] == 1 and r["pipeline"]["config"] is None
    # never from beside the model, nor from above where there is no repository
    write(d + "/onnxopt.yaml", b"version: 1\nextends: none\n")
    assert nodes_after(d, m, cwd=d + "/other")["pipeline"]["config"] is None
    assert nodes_after(d, m, cwd=d)["pipeline"]["config"] == "onnxopt.yaml"
    # options: flag, then variable, then file
    c = write(d + "/c.conf", b"version: 1\nextends: default\noptions:\n  skip: [eliminate_consecutive_idempotent_ops]\n"
              b"  verify-each: true\n  quiet: false\n  max-memory: 1k\n")
    assert expect(5, m, d + "/o.onnx", "-q", "--config", c)
    assert nodes_after(d, m, "--config", c, "--max-memory", "1G")["after"]["nodes"] == 4
    assert nodes_after(d, m, "--config", c, "--max-memory", "1G", "--skip", "dce")["after"]["nodes"] == 1
    expect(0, m, d + "/o.onnx", "-q", "--config", c, env={"ONNXOPT_MAX_MEMORY": "1G"})
    for text, why in ((b"version: 1\noptions: {nosuch: 1}\n", "c.conf:2:11: files have no option 'nosuch'"),
                      (b"version: 1\noptions: {exterval-data: auto}\n", "did you mean external-data?"),
                      (b"version: 1\noptions: {inline: some}\n", "c.conf:2:11: inline: the value is 'some'"),
                      (b"version: 1\noptions: {sync: maybe}\n", "expected true or false"),
                      (b"version: 1\noptions: {plugin: x.so}\n", "files have no option 'plugin'"),
                      (b"version: 1\noptions: {sync: {a: b}}\n", "/c.conf:2:17\n"),
                      (b"versio: 1\n", "did you mean 'version'?")):
        err = expect(2, m, d + "/o.onnx", "--config", write(d + "/c.conf", text)).stderr.decode()
        assert why in err, (why, err)
    expect(4, m, d + "/o.onnx", "--config", d + "/none.yaml")
    expect(2, m, d + "/o.onnx", "--config", c, "--no-config")


@test
def schemas_agree_with_the_readers(d):
    write(d + "/mine.yaml", ABS.encode())
    pipelines = json.loads(expect(0, "passes", "--schema", "pipeline").stdout)
    rules = json.loads(expect(0, "passes", "--schema", "rules").stdout)
    for fits, value in ((True, {}), (True, {"extends": "default"}), (True, {"extends": ["O1", "none"]}),
                        (True, {"passes": ["dce", {"rules": "mine.yaml"}, {"my_abs": {"rewrites": 3}}]}),
                        (True, {"passes": [{"fixpoint": {"max": 1, "passes": ["cse", {"fixpoint": ["dce"]}]}}]}),
                        (True, {"skip": "dce", "limits": {"rewrites": 16, "timeout": "5min", "rounds": 3}}),
                        (True, {"passes": [{"inline_local_functions": {"inline": "all", "before": "dce"}}]}),
                        (False, {"version": 2}), (False, {"pases": []}), (False, {"passes": [3, {}]}),
                        (False, {"passes": [{"dce": {"rewrites": -1}}]}), (False, {"passes": [{"dce": {"wen": "x"}}]}),
                        (False, {"passes": [{"fixpoint": {"max": 0, "passes": []}}]}),
                        (False, {"passes": [{"cse": {}, "dce": {}}]}), (False, {"limits": {"rewrites": "16 apples"}}),
                        (False, {"limits": {"timeout": "5"}}), (False, {"limits": []}), (False, {"skip": {"a": "b"}}),
                        (False, {"passes": [{"inline_local_functions": {"inline": "some"}}]}),
                        (False, {"options": {"nosuch": True}})):
        value = {"version": 1, **value}
        write(d + "/p.yaml", json.dumps(value).encode())
        code = run("passes", "--explain-pipeline", d + "/p.yaml").returncode
        assert code == (0 if fits else 2), (code, value)
        assert schema.is_valid(value, pipelines) == fits, value
    rule = {"rule": "r", "doc": "d", "numerics": "exact", "before": "y = Abs (x)", "after": "y = x"}
    for fits, change in ((True, {}), (True, {"numerics": "reassoc +z", "pipe": "optin", "group": "g"}),
                         (True, {"before": ["y = Abs (x)"], "when": ["rank(x) == 1"], "opset": "7..12"}),
                         (False, {"rule": "R"}), (False, {"numerics": "exactly"}), (False, {"pipe": "O9"}),
                         (False, {"befor": "x"}), (False, {"doc": []}), (False, {"when": {"a": "b"}})):
        value = [{**rule, **change}]
        write(d + "/r.yaml", json.dumps(value).encode())
        code = run("passes", "--explain-pipeline", d + "/r.yaml").returncode
        assert code == (0 if fits else 2), (code, value)
        assert schema.is_valid(value, rules) == fits, value
    missing = {k: v for k, v in rule.items() if k != "doc"}
    assert not schema.is_valid([missing], rules)
    expect(2, "passes", "--schema", "pipelin")
    names = [k for k in pipelines["$defs"]["options"]["properties"]]
    assert "external-data" in names and not {"passes", "config", "plugin", "in-place"} & set(names), names


def yaml_bombs():
    """Files that grow when they are read, or that say two things at once."""
    yield "brackets", b"[" * 100000
    yield "maps", b"{a: " * 25000
    yield "indents", b"- " * 50000
    yield "questions", b"? " * 50000
    yield "anchors", b"".join(b"- &a%d x\n" % i for i in range(20000))
    bomb = b"a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    for c in b"bcdefghij":
        bomb += b"%c: &%c [%s]\n" % (c, c, b",".join([b"*%c" % (c - 1)] * 9))
    yield "aliases", bomb
    yield "self", b"a: &a [*a]\n"
    yield "merges", b"".join(b"a%d: &a%d\n  <<: *a%d\n" % (i, i, i - 1) for i in range(1, 20000))
    yield "flood", b"x: &x {a: b}\ny:\n" + b"  <<: *x\n" * 20000
    yield "twice", b"version: 1\nversion: 1\n"
    yield "twice in a rule", ABS.encode().replace(b"  after", b"  before: x\n  after")
    yield "tags", b"version: !!int 1\n"
    yield "local tags", b"- !exec rm\n"
    yield "python", b"!!python/object/apply:os.system ['true']\n"
    yield "UTF-16", "version: 1\n".encode("utf-16")
    yield "UTF-32", "version: 1\n".encode("utf-32")
    yield "bad UTF-8", b"version: 1 # \xff\n"
    yield "NUL", b"version: 1\0\n"
    yield "10 MB", b"# " + b"x" * 10_000_000
    yield "10 MB of keys", b"".join(b"key%d: 1\n" % i for i in range(900000))
    yield "80,000 keys", b"".join(b"key%d: 1\n" % i for i in range(80000))
    yield "many nodes", b"passes: [" + b"a," * 200000 + b"]\n"
    yield "a long word", b"version: " + b"1" * 1_000_000
    yield "documents", b"--- {}\n" * 100000
    yield "directives", b"%YAML 1.1\n" * 1000 + b"--- {}\n"
    yield "empty", b""
    yield "quotes", b"version: \"" + b"\\x41" * 200000 + b"\"\n"
    yield "unclosed", b"version: \"" + b"a\n" * 400000
    yield "deep flow in a list", b"passes:\n" + b"- [" * 30000
    yield "keys of keys", b"? " * 30 + b"? [" * 30000
    yield "commas", b"passes: [" + b"," * 900000


@test
def yaml_bombs_are_refused(d):
    """Each within 0.1 s, with line and column, as pipeline, as rules and as configuration. (Of the
    processor: the machine may be busy with something else.)"""
    m = write(d + "/m.onnx", simple())
    for name, data in yaml_bombs():
        f = write(d + "/bomb.yaml", data)
        for args in (["--passes", f], ["--passes", "default," + f], ["--rules", f], ["--config", f]):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            r = expect(2, m, d + "/o.onnx", *args)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            assert took < 0.1, f"{name}: {took:.2f} s"
            assert re.search(rb"bomb\.yaml:\d+:\d+", r.stderr), (name, r.stderr[:300])
            assert len(r.stderr) < 2000 and not r.stdout, name
            shown_safely(r.stderr)
    inner = write(d + "/outer.yaml", b"version: 1\npasses: [{rules: bomb.yaml}]\n")
    write(d + "/bomb.yaml", b"[" * 100000)
    assert b"bomb.yaml:1:" in expect(2, m, d + "/o.onnx", "--passes", inner).stderr
    no_residue(d, "m.onnx", "bomb.yaml", "outer.yaml")


@test
def report_is_repeatable(d):
    m, o = write(d + "/m.onnx", simple(3)), d + "/o.onnx"

    def stable(r):
        for k in ("seconds", "peak_heap_bytes", "peak_rss_bytes"):
            r.pop(k)
        for p in r["run"]["passes"]:
            p.pop("ms")
        (r["verification"]["whole"] or {}).pop("seconds", None)
        return r
    assert stable(report_of(d, 0, m, o)) == stable(report_of(d, 0, m, o))


@test
def hostile_names(d):
    m, o = write(d + "/m.onnx", hostile()), d + "/o.onnx"
    r = expect(0, m, o, "-v", "--stats")
    shown_safely(r.stdout)
    shown_safely(r.stderr)
    for verb in ("check", "inspect"):
        r = expect(0, verb, m)
        shown_safely(r.stdout)
        shown_safely(r.stderr)
    shown_safely(expect(0, "inspect", m, o).stdout)
    shown_safely(on_terminal("print", m).replace(b"\r\n", b"\n"), lines=False)
    text = write(d + "/t.onnxtxt", expect(0, "print", m).stdout)
    expect(0, "parse", text, d + "/t.onnx", "-q")
    assert expect(0, "print", d + "/t.onnx").stdout == read(text)
    data = expect(0, "inspect", m, "--json").stdout
    shown_safely(data)
    assert b"<" not in data and b"\x1b" not in data
    seen = json.loads(data)["models"][0]
    assert seen["graph"] == HOSTILE and seen["producer_name"] == HOSTILE
    assert seen["outputs"][0]["name"] == "y" + HOSTILE
    expect(0, m, o, "-q", "--report", d + "/r.json")
    data = read(d + "/r.json")
    shown_safely(data)
    assert b"<" not in data
    ops = [x["op"] for x in json.loads(data)["before"]["ops"]]
    assert "evil\n::error::d." + HOSTILE in ops
    r = expect(3, write(d + "/b.onnx", hostile().replace(b"\x01b", b"\x01c", 1)))
    shown_safely(r.stderr)
    broken = ob.model(ob.graph([ob.node("Relu", [HOSTILE], ["y"], name=HOSTILE)],
                               [ob.value("x", [2])], [ob.value("y", [2])], name=HOSTILE))
    b = write(d + "/b.onnx", broken)
    shown_safely(expect(3, b).stderr)
    r = report_of(d, 3, b)
    shown_safely(read(d + "/r.json"))


@test
def hostile_file_names_and_words(d):
    name = d + "/\x1b[31m\n::error::\u202e.onnx"
    write(name, simple())
    r = expect(0, name, name + ".out")
    shown_safely(r.stdout)
    r = expect(0, "inspect", name)
    shown_safely(r.stdout)
    shown_safely(expect(0, "check", name).stdout)
    shown_safely(expect(4, name + "no").stderr)
    raw = os.fsencode(d) + b"/\xff\xfe.onnx"
    write(raw, simple())
    expect(0, raw, d + "/o.onnx", "-q", "--report", d + "/r.json")
    assert "\\xff\\xfe.onnx" in json.loads(read(d + "/r.json"))["input"]["path"]
    for args in (["--\x1b[31m"], [name, "--passes", "\x1b[31m"], [name, "--assert", "\n::error::<3"],
                 [name, "--color", "\x1b"], ["\x1b[31m\n::error::"], ["explain", "\x1b\n"]):
        shown_safely(expect(2, *args).stderr)


@test
def invalid_utf8_in_names(d):
    g = ob.graph([ob.node("Relu", [b"\xff\xfe"], ["y"])], [ob.value(b"\xff\xfe", [2])],
                 [ob.value("y", [2])])
    m = write(d + "/m.onnx", ob.model(g))
    r = expect(0, m, d + "/o.onnx")
    shown_safely(r.stderr)
    assert json.loads(expect(0, "inspect", m, "--json").stdout)["models"][0]["inputs"][0]["name"] \
        == "\\xff\\xfe"
    expect(0, m, d + "/o.onnx", "--passes", "none", "-q")
    assert read(d + "/o.onnx") == read(m)


# ---- colour and progress ----------------------------------------------------

def on_terminal(*args, env=None):
    """Runs with standard error on a terminal; what was written there."""
    master, slave = pty.openpty()
    p = subprocess.Popen([TOOL, *args], stdout=slave, stderr=slave, stdin=slave,
                         env=clean_env(**{"TERM": "xterm", **(env or {})}))
    os.close(slave)
    data = b""
    while True:
        try:
            part = os.read(master, 65536)
        except OSError:
            break
        if not part:
            break
        data += part
    os.close(master)
    p.wait()
    return data


@test
def colours(d):
    m = write(d + "/bad.onnx", bad())
    esc = b"\x1b["
    assert esc not in run(m).stderr
    assert esc in run(m, "--color", "always").stderr
    assert esc in run(m, env={"CLICOLOR_FORCE": "1"}).stderr
    assert esc not in run(m, env={"CLICOLOR_FORCE": "0"}).stderr
    assert esc not in run(m, env={"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}).stderr
    assert esc in run(m, "--color=always", env={"NO_COLOR": "1"}).stderr
    assert esc not in run(m, "--color=never", env={"CLICOLOR_FORCE": "1"}).stderr
    assert esc in on_terminal(m)
    assert esc not in on_terminal(m, env={"TERM": "dumb"})
    assert esc not in on_terminal(m, env={"NO_COLOR": "1"})
    assert esc not in on_terminal(m, "--color=never")
    ok = write(d + "/m.onnx", simple())
    assert esc in on_terminal(ok) and esc not in run(ok).stdout


@test
def progress(d):
    m, o = write(d + "/m.onnx", simple()), d + "/o.onnx"
    assert not expect(0, m, o).stderr
    assert b"\r" not in on_terminal(m, o).replace(b"\r\n", b"")       # too quick to show
    err = expect(0, m, o, "--progress", "json").stderr.decode()
    steps = [json.loads(line) for line in err.splitlines()]
    assert steps and all(set(s) == {"stage", "done", "total", "seconds"} for s in steps), err
    assert not expect(0, m, o, "--progress", "none").stderr


# ---- the other verbs --------------------------------------------------------

@test
def check(d):
    good, wrong = write(d + "/good.onnx", simple()), write(d + "/bad.onnx", bad())
    r = expect(0, "check", good)
    assert r.stdout.decode().splitlines()[1].split() == [good, "0", "0", "valid"]
    r = expect(3, "check", good, wrong, good)
    rows = [line.split() for line in r.stdout.decode().splitlines()]
    assert [row[-1] for row in rows] == ["verdict", "valid", "invalid", "valid"], rows
    assert r.stderr.count(b"error[OX3209]") == 1
    expect(4, "check", good, d + "/none.onnx")
    expect(4, "check", wrong, d + "/none.onnx", good)
    assert not expect(3, "check", "-q", wrong).stdout
    expect(0, "check", "-q", *[os.path.join(MODELS, f) for f in model_files()[:10]])


@test
def inspect(d):
    m, o = write(d + "/m.onnx", simple(3)), d + "/o.onnx"
    expect(0, m, o, "-q")
    text = expect(0, "inspect", m).stdout.decode()
    for row in (r"IR +8", r"opset +17", r"nodes +5 \(5 without Constant\) in 1 graph",
                r"input +x +float\[2\]", r"output +y +float\[2\]", r"op +4 +Identity"):
        assert re.search("^" + row + "$", text, re.M), (row, text)
    text = expect(0, "inspect", m, o).stdout.decode()
    assert re.search(r"^nodes +5 +1$", text, re.M) and re.search(r"^op Identity +4 +0$", text, re.M)
    models = json.loads(expect(0, "inspect", m, o, "--json").stdout)["models"]
    assert [x["nodes"] for x in models] == [5, 1] and models[0]["inputs"][0]["type"] == "float[2]"


# ---- shapes -----------------------------------------------------------------

def model_of(d, name, text):
    """A model given as ONNX text."""
    t = write(f"{d}/{name}txt", text.encode())
    expect(0, "parse", t, f"{d}/{name}", "-q")
    os.unlink(t)
    return f"{d}/{name}"


GLUE = """<ir_version: 8, opset_import: ["" : 17]>
g (float[batch, seq, 12] x, int64[n] i) => (float[p, q, r] y, int64[a, b] z, float[batch, c] w)
<float[12] weight = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, int64[3] target = {0, -1, 4}>
{
   s = Shape (x)
   zero = Constant <value_int = 0> ()
   b = Gather (s, zero)
   scaled = Mul (x, weight)
   y = Reshape (scaled, target)
   z = NonZero (x)
   w = Flatten (x)
}
"""


@test
def shapes(d):
    m = model_of(d, "m.onnx", GLUE)
    r = expect(0, "inspect", "--shapes", m)
    text = r.stdout.decode()
    assert not r.stderr, r.stderr
    for row in (r"file +\S+/m.onnx", r"symbols  batch, seq, n",
                r" +# +op +value +type +shape +content",
                r"input +x +float +\[batch, seq, 12\]",
                r"const +target +int64 +\[3\] +\{0, -1, 4\}",
                r" +0 +Shape +s +int64 +\[3\] +\{batch, seq, 12\}",
                r" +2 +Gather +b +int64 +\[\] +batch",
                r" +3 +Mul +scaled +float +\[batch, seq, 12\]",
                r" +4 +Reshape +y +float +\[batch, 3\*seq, 4\] +\(output\)",
                r" +5 +NonZero +z +int64 +\[3, u0\] +\(output\)",
                r"8 values: 7 known \(87\.5 %\), 1 with u0, u1\.\.\."):
        assert re.search("^" + row + "$", text, re.M), (row, text)
    assert "weight" not in text and "zero" not in text
    text = expect(0, "inspect", "--shapes", "-v", m).stdout.decode()
    assert re.search(r"^const +weight +float +\[12\]", text, re.M), text
    text = expect(0, "inspect", "--shapes", m, m).stdout.decode()
    assert text.count("8 values") == 2
    text = expect(0, "inspect", "--shapes", m, "--dim", "batch=2", "--input-shape", "x:?,5,?").stdout.decode()
    assert re.search(r"^ +4 +Reshape +y +float +\[2, 15, 4\]", text, re.M), text


@test
def defaults_are_no_constants(d):
    m = model_of(d, "m.onnx", """<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 4] x, int64[2] t) => (float[p, q] y)
<int64[2] t = {2, -1}>
{
   y = Reshape (x, t)
}
""")
    text = expect(0, "inspect", "--shapes", m).stdout.decode()
    assert re.search(r"^ +0 +Reshape +y +float +\[u2, u3\] ", text, re.M), text
    assert text.splitlines()[-1].startswith("1 input has a default"), text
    text = expect(0, "inspect", "--shapes", "--initializers-as-constants", m).stdout.decode()
    assert re.search(r"^ +0 +Reshape +y +float +\[2, 2\*N\]", text, re.M), text
    assert "default" not in text


@test
def of_two_constants_the_last_counts(d):
    m = model_of(d, "m.onnx", """<ir_version: 8, opset_import: ["" : 17]>
g (float[N] x) => (float[p] y)
{
   k = Constant <value_ints = [1, 2, 3]> ()
   k = Constant <value_ints = [2, -1]> ()
   r = Reshape (x, k)
   y = Flatten (r)
}
""")
    out, values = shapes_json(m)
    assert [v["name"] for v in out["values"]] == ["x", "k", "r", "y"]
    assert values["k"]["elements"] == [2, -1]


def shapes_json(*args):
    out = json.loads(expect(0, "inspect", "--shapes", "--json", *args).stdout)
    with open(os.path.join(ROOT, "docs", "shapes.schema.json")) as f:
        validate(out, json.load(f))
    return out, {v["name"]: v for v in out["values"]}


@test
def shapes_for_machines(d):
    m = model_of(d, "m.onnx", GLUE)
    out, values = shapes_json(m)
    assert out["symbols"] == ["batch", "seq", "n"] and out["file"] == m
    assert list(values) == ["x", "i", "weight", "target", "s", "zero", "b", "scaled", "y", "z", "w"]
    assert values["x"] == {"name": "x", "dtype": "float", "dims": ["s0", "s1", 12]}
    assert values["target"]["elements"] == [0, -1, 4] and "elements" not in values["weight"]
    assert values["s"]["elements"] == ["s0", "s1", 12] and values["b"]["elements"] == ["s0"]
    assert values["b"]["dims"] == [] and values["z"]["dims"] == [3, "u0"]
    assert eval(values["y"]["dims"][1], {"s1": 5}) == 15
    raw = expect(0, "inspect", "--shapes", "--json", m).stdout.decode()
    assert '    {"name": "x", "dtype": "float", "dims": ["s0", "s1", 12]},\n' in raw, raw
    both = json.loads(expect(0, "inspect", "--shapes", "--json", m, m).stdout)
    assert both["schema_version"] == 1 and len(both["models"]) == 2
    del out["schema_version"]
    assert both["models"][0] == out
    out, values = shapes_json(m, "--dim", "batch=7")
    assert out["symbols"] == ["seq", "n"] and values["x"]["dims"] == [7, "s0", 12]
    for name in model_files():
        if name != "st_if_nest_60.onnx":
            shapes_json(os.path.join(MODELS, name))


@test
def shapes_that_are_wrong(d):
    m = model_of(d, "m.onnx", """<ir_version: 8, opset_import: ["" : 17]>
g (float[N, 3] x) => (float[M, 4] y, float[K] z)
<float[N, 5] r>
{
   r = Relu (x)
   y = Neg (r)
   z = ReduceSum <keepdims = 0> (r, far)
   far = Constant <value_ints = [7]> ()
}
""")
    r = expect(0, "inspect", "--shapes", m)
    out, err = r.stdout.decode(), r.stderr.decode()
    assert err.count("warning[OX3501]") == 2 and "'r'" in err and "'y'" in err, err
    assert re.search(r"^ +0 +Relu +r +float +\[N, 3\]$", out, re.M), out
    assert re.search(r"ReduceSum +z .*\n +note\[OX3502\]: .*7.*$", out, re.M), out
    assert "; 1 node not inferred" in out
    seen, values = shapes_json(m)
    assert len(seen["failed"]) == 1 and "ReduceSum" in seen["failed"][0]["node"]
    expect(3, "inspect", "--shapes", write(d + "/bad.onnx", bad()))
    expect(3, "inspect", "--shapes", "--json", d + "/bad.onnx")
    expect(3, "inspect", "--dim", "N=3", d + "/bad.onnx")
    expect(4, "inspect", "--shapes", d + "/none.onnx")
    h = write(d + "/h.onnx", hostile())
    shown_safely(expect(0, "inspect", "--shapes", h).stdout)
    shown_safely(expect(0, "inspect", "--shapes", "--json", h).stdout)


@test
def shapes_of_symbols_with_odd_names(d):
    odd = ["past + 1", "u3", "b", HOSTILE]
    g = ob.graph([ob.node("Relu", ["x"], ["y"])], [ob.value("x", odd)], [ob.value("y", odd)])
    m = write(d + "/m.onnx", ob.model(g))
    text = shown_safely(expect(0, "inspect", "--shapes", m).stdout)
    assert "['past + 1', 'u3', b, '" in text, text
    out, values = shapes_json(m)
    assert out["symbols"] == odd and values["y"]["dims"] == ["s0", "s1", "s2", "s3"]


@test
def statements(d):
    m, o = model_of(d, "m.onnx", GLUE), d + "/o.onnx"
    text = expect(0, m, o, "--input-shape", "x:2x5x12", "--input-shape=i:7").stdout.decode()
    assert re.search(r"^declared anew: x float\[2,5,12\], i int64\[7\], y float\[2,15,4\], "
                     r"w float\[2,60\]$", text, re.M), text
    text = expect(0, "inspect", o).stdout.decode()
    assert re.search(r"^input +x +float\[2,5,12\]$", text, re.M), text
    assert re.search(r"^output +y +float\[2,15,4\]$", text, re.M), text
    expect(0, m, o, "-q", "--dim", "batch=2", "--dim", "seq=5", "--passes", "none")
    r = report_of(d, 0, m, o, "--dim", "batch=2")
    assert r["declared_anew"][0] == {"kind": "input", "name": "x", "before": "float[batch,seq,12]",
                                     "after": "float[2,seq,12]"}, r["declared_anew"]
    assert report_of(d, 0, m, o)["declared_anew"] == []
    text = expect(0, "inspect", m, "--dim", "seq=9").stdout.decode()
    assert re.search(r"^input +x +float\[batch,9,12\]$", text, re.M), text
    expect(0, m, o, "-q", "--input-shape", "x:batchxseqx12", "--passes", "none")
    assert read(o) == read(m)
    os.unlink(o)
    for args, said in (
            (["--input-shape", "x:2x5x13"], ["'x:2x5x13'", "dim 2 of input 'x'", "12", "13"]),
            (["--input-shape", "x:2x5x12", "--dim", "seq=6"], ["'seq=6'", "'x:2x5x12'", "5", "6"]),
            (["--dim", "seq=6", "--dim", "seq=7"], ["'seq=6'", "'seq=7'", "6", "7"]),
            (["--input-shape", "x:2x5"], ["3 dims", "2 are stated"]),
            (["--input-shape", "y:2"], ["no input 'y'"]),
            (["--input-shape", "xx:2x5x12"], ["did you mean 'x'?"]),
            (["--dim", "bach=2"], ["did you mean 'batch'?"]), (["--dim", "p=2"], ["no input", "'p'"]),
            (["--dim", "batch"], ["NAME=NUMBER"]), (["--dim", "batch=-1"], ["NAME=NUMBER"]),
            (["--dim", "batch=2147483648"], ["NAME=NUMBER"]), (["--dim", "=2"], ["NAME=NUMBER"]),
            (["--input-shape", "x"], ["NAME:DIMS"]), (["--input-shape", "x:"], ["NAME:DIMS"]),
            (["--input-shape", ":3"], ["NAME:DIMS"]), (["--input-shape", "x:1xx3"], ["NAME:DIMS"]),
            (["--input-shape", "x:1x-1x12"], ["NAME:DIMS"])):
        for verb in ([m, o], ["inspect", m]):
            err = expect(2, *verb, *args).stderr.decode()
            assert all(x in err for x in said), (args, err)
    no_residue(d, "m.onnx", "r.json")


@test
def minus_one_is_open(d):
    g = ob.graph([ob.node("Relu", ["x"], ["y"])], [ob.value("x", [-1, 3])], [ob.value("y", [-1, 3])])
    m, o = write(d + "/m.onnx", ob.model(g)), d + "/o.onnx"
    expect(0, m, o, "-q", "--input-shape", "x:4x3")
    text = expect(0, "inspect", o).stdout.decode()
    assert re.search(r"^input +x +float\[4,3\]$", text, re.M), text
    assert re.search(r"^output +y +float\[4,3\]$", text, re.M), text
    expect(2, m, o, "-q", "--input-shape", "x:4x4")
    out, values = shapes_json(m)
    assert values["y"]["dims"] == ["u0", 3], values


@test
def statements_that_operators_refuse(d):
    m = model_of(d, "m.onnx", """<ir_version: 8, opset_import: ["" : 17]>
g (float[N, K] x, float[L, M] z) => (float[N, M] y)
{
   y = MatMul (x, z)
}
""")
    err = expect(2, m, d + "/o.onnx", "--dim", "K=3", "--dim", "L=4").stderr.decode()
    assert "error[OX2010]" in err and "3" in err and "4" in err, err
    expect(0, m, d + "/o.onnx", "--dim", "K=3", "--dim", "L=3", "-q")
    text = expect(0, "inspect", "--shapes", m).stdout.decode()
    assert re.search(r"^equal +(K +L|L +K) +\S", text, re.M), text
    out, values = shapes_json(m)
    assert len(out["equations"]) == 1 and values["x"]["dims"][1] == values["z"]["dims"][0]


@test
def value_info(d):
    m, o = model_of(d, "m.onnx", GLUE.replace("batch", "N").replace("seq", "M")), d + "/o.onnx"
    expect(0, m, o, "-q", "--passes", "none", "--write-value-info")
    text = expect(0, "print", o).stdout.decode()
    assert "float[N,M,12] scaled" in text and "int64 b" in text, text
    expect(0, o, d + "/p.onnx", "-q", "--passes", "none", "--write-value-info")
    assert read(d + "/p.onnx") == read(o)
    expect(0, m, o, "-q", "--write-value-info", "--skip", "infer_shapes", "--passes", "none")
    assert read(o) == read(m)
    assert "infer_shapes" in expect(0, m, o, "--write-value-info", "--stats").stdout.decode()


@test
def print_and_parse(d):
    m = os.path.join(MODELS, "own_fp16_cnn_ts_keepbn.onnx")
    text = write(d + "/t.onnxtxt", expect(0, "print", m).stdout)
    expect(0, "parse", text, d + "/o.onnx")
    assert expect(0, "print", d + "/o.onnx").stdout == read(text)
    short = expect(0, "print", m, "--max-elements", "4").stdout
    assert len(short) < len(read(text)) and b"..." in short
    broken = write(d + "/b.onnxtxt", b'<ir_version: 8, opset_import: ["" : 17]>\ng (float[2] x) => (float[2] y) {\n  y = Relu (x\n}\n')
    r = expect(3, "parse", broken, d + "/p.onnx")
    assert b"error[OX34" in r.stderr and not os.path.exists(d + "/p.onnx")
    nowhere = write(d + "/n.onnxtxt", b'<ir_version: 8, opset_import: ["" : 17]>\ng (float[2] x) => (float[2] y) {\n  y = Relu (z)\n}\n')
    expect(3, "parse", nowhere, d + "/p.onnx")
    expect(2, "parse", nowhere, nowhere)
    expect(4, "parse", d + "/none", d + "/p.onnx")


@test
def passes_ops_explain(d):
    table = expect(0, "passes").stdout.decode()
    listed = json.loads(expect(0, "passes", "--json").stdout)["passes"]
    assert len(listed) >= 10 and len(table.splitlines()) == len(listed) + 1
    for p in listed:
        page = expect(0, "explain", p["name"]).stdout.decode()
        assert page.startswith(p["name"] + " - " + p["help"]), page
        assert ("\nsource     passes/" in page) != ("    before:" in page and "after:" in page
                                                    and "\nopsets " in page), page
        assert "\nnumerics   " + p["numerics"] in page and "\nruns  " in page, page
        for alias in p["aliases"]:
            assert expect(0, "explain", alias).stdout.decode() == page
    ops = json.loads(expect(0, "ops", "--json").stdout)["ops"]
    conv = next(o for o in ops if o["domain"] == "" and o["name"] == "Conv")
    assert [v["since"] for v in conv["versions"]][:2] == [1, 11]
    group = next(a for a in conv["versions"][0]["attributes"] if a["name"] == "group")
    assert group == {"name": "group", "type": "int", "required": False, "default": "1"}
    assert conv["versions"][0]["min_in"] == 2 and conv["versions"][0]["max_in"] == 3
    assert "float16" in conv["versions"][0]["types"][0]["tensor"]
    assert len(expect(0, "ops").stdout.decode().splitlines()) == len(ops) + 1
    for code in ("OX1001", "ox9001", "4001"):
        assert b"exit code" in expect(0, "explain", code).stdout


GOLDEN = """#! eliminate_identity: an Identity in the middle goes
#! passes: eliminate_identity
#! numerics: exact
<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x) => (float[2] y)
{
   a = Identity (x)
   y = Relu (a)
}
#! after
<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x) => (float[2] y)
{
   y = Relu (x)
}
"""


@test
def goldens(d):
    os.mkdir(d + "/g")
    f = d + "/g/one.onnxtxt"
    head, after = GOLDEN.split("#! after\n")
    write(f, GOLDEN.encode())
    r = expect(0, "test", d)
    assert r.stdout.decode().splitlines()[-1] == "1 passed, 0 failed", r.stdout
    wrong = {
        "another after": GOLDEN.replace("Relu (x)", "Abs (x)"),
        "must not change": head + "#! unchanged\n",
        "no header": GOLDEN[GOLDEN.index("<ir"):],
        "no passes line": GOLDEN.replace("#! passes: eliminate_identity\n", ""),
        "no expectation": head,
        "an unknown pass": GOLDEN.replace("passes: eliminate_identity", "passes: nonsense"),
        "an error that does not come": head + "#! error: OX3209\n",
        "a before that does not parse": GOLDEN.replace("a = Identity (x)", "a = Identity (x"),
        "an unknown numeric class": GOLDEN.replace("exact", "precise"),
        "a wrong option": GOLDEN.replace("#! numerics", "#! options: --dry-run\n#! numerics"),
    }
    for why, text in wrong.items():
        write(f, text.encode())
        r = run("test", d)
        assert r.returncode == 1, (why, r)
        out = r.stdout.decode()
        assert out.startswith(f"FAIL {f}: ") and out.endswith("0 passed, 1 failed\n"), (why, out)
    write(f, (head.replace("(x)\n   y = Relu (a)", "(x)\n   y = Relu (zz)") + "#! error: OX3209\n").encode())
    expect(0, "test", d)
    write(f, (head.replace("passes: eliminate_identity", "passes: none") + "#! unchanged\n").encode())
    expect(0, "test", d)
    write(f, head.encode())
    expect(0, "test", d, "--bless")
    assert read(f).decode().startswith(head + "#! after\n") and b"Relu (x)" in read(f)
    expect(0, "test", d)
    blessed = read(f)
    expect(0, "test", d, "--bless")
    assert read(f) == blessed
    expect(4, "test", d + "/none")
    os.unlink(f)
    expect(3, "test", d)


# ---- running ------------------------------------------------------------------

def floats(*v):
    return struct.pack(f"<{len(v)}f", *v)


def case(d, name, want=(0, 2), got=(-1, 2), dims=(2,), dtype=1, op="Relu"):
    """A case of one node and one data set; want and got are floats, or bytes."""
    c = os.path.join(d, name)
    s = c + "/test_data_set_0"
    os.makedirs(s)
    raw = [v if isinstance(v, bytes) else floats(*v) for v in (got, want)]
    write(c + "/model.onnx", ob.model(ob.graph([ob.node(op, ["x"], ["y"], name="n")], [ob.value("x", ["N"])],
                                               [ob.value("y", ["N"])])))
    write(s + "/input_0.pb", ob.tensor("x", dims, raw[0], dtype))
    write(s + "/output_0.pb", ob.tensor("y", dims, raw[1], dtype))
    return c


@test
def test_data(d):
    a = case(d, "a")
    r = expect(0, "test-data", a + "/model.onnx")
    assert r.stdout.decode().splitlines()[0].split() == ["ok", a + "/test_data_set_0"], r.stdout
    expect(0, "test-data", a + "/model.onnx", a + "/test_data_set_0")
    expect(0, "test-data", a + "/model.onnx", a)
    expect(0, "test-data", a + "/")
    r = expect(0, "test-data", d)
    assert b"1 data sets: 1 ok, 0 fail" in r.stdout, r.stdout
    case(d, "b", want=(0, 3))
    case(d, "c", op="Nonsense")
    r = expect(3, "test-data", d)
    out, err = r.stdout.decode(), r.stderr.decode()
    assert [x.split()[0] for x in out.splitlines()] == ["ok", "FAIL", "cannot", "3"], out
    assert "b/test_data_set_0: output 0 'y': element 1 is 2, expected 3 (1 of 2 differ, at most by 1; " in out, out
    assert "c/test_data_set_0: graph 'g' node 0 'n' (Nonsense): " in out, out
    assert "error[OX5001]: 1 of 3" in err and "error[OX3601]: 1 of 3" in err, err
    j = json.loads(expect(3, "test-data", d, "--json").stdout)
    assert [x["status"] for x in j["cases"]] == ["ok", "fail", "cannot_evaluate"], j
    assert (j["ok"], j["fail"], j["cannot_evaluate"], j["cannot_read"]) == (1, 1, 1, 0), j
    assert j["cases"][2]["op"] == "Nonsense" and j["cases"][1]["max_abs"] == 1, j
    out = expect(3, "test-data", "-q", d).stdout.decode()
    assert "ok  " not in out and "FAIL" in out, out


@test
def test_data_tolerances(d):
    b = case(d, "b", want=(0, 2.01))
    expect(1, "test-data", b)
    expect(0, "test-data", b, "--rtol", "1e-2")
    expect(0, "test-data", b, "--atol=0.011")
    write(b + "/tolerance.txt", b"rtol 0.01\natol 0\n")
    expect(0, "test-data", b)
    expect(1, "test-data", b, "--rtol", "0")
    for wrong in "-1", "x", "nan", "inf", "":
        expect(2, "test-data", b, "--rtol=" + wrong)
    nan = case(d, "nan", got=(float("nan"), float("-inf")), want=(float("nan"), 0))
    expect(0, "test-data", nan)
    expect(1, "test-data", case(d, "inf", got=(1, float("inf")), want=(1, 3e38)))
    t = case(d, "type")
    write(t + "/test_data_set_0/output_0.pb", ob.tensor("y", (2,), b"\0" * 16, 11))
    assert b"it is float[2], expected double[2]" in expect(1, "test-data", t).stdout


@test
def test_data_that_is_wrong(d):
    a = case(d, "a")
    i, o = a + "/test_data_set_0/input_0.pb", a + "/test_data_set_0/output_0.pb"
    good = read(i)
    for cut in range(1, len(good)):
        write(i, good[:cut])
        expect(3, "test-data", a)
    write(i, good + ob.field(13, ob.field(1, "location") + ob.field(2, "model.onnx")))
    assert b"OX3702" in expect(3, "test-data", a).stderr
    write(i, ob.tensor("x", (2,), b"\0" * 16, 7))
    assert b"input 'x': expected float[N], got int64[2]" in expect(3, "test-data", a).stdout
    write(i, good)
    write(a + "/test_data_set_0/input_1.pb", good.replace(b"x", b"z"))
    assert b"there is input_1, but the model has 1 inputs" in expect(3, "test-data", a).stdout
    os.unlink(a + "/test_data_set_0/input_1.pb")
    os.unlink(i)
    assert b"an input is not given" in expect(3, "test-data", a).stdout
    os.unlink(o)
    assert b"it has no output_0.pb" in expect(3, "test-data", a).stdout
    os.rmdir(a + "/test_data_set_0")
    assert b"OX2014" in expect(2, "test-data", a).stderr
    expect(4, "test-data", d + "/none")
    big = case(d, "big")
    write(big + "/model.onnx", simple(9))
    expect(0, "test-data", big)
    assert b"OX4003" in expect(5, "test-data", big, "--max-ops", "1").stderr


def npy(descr, shape, raw, fortran=False, version=1):
    head = f"{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    head += b" " * (-(10 + len(head) + 1) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(head)) + head + raw


def npz(path, **arrays):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in arrays.items():
            z.writestr(name + ".npy", data)


ADD = """<ir_version: 8, opset_import: ["" : 17]>
g (float[N,2] a, float[N,2] b) => (float[N,2] y) { y = Add (a, b) }
"""


def output_of(*args):
    j = json.loads(expect(0, "run", *args, "--json").stdout)
    return j["outputs"][0]["first"], [i["from"] for i in j["inputs"]], j


@test
def run_on_files(d):
    m = model_of(d, "add", ADD)
    a = write(d + "/a.npy", npy("<f4", (2, 2), floats(1, 2, 3, 4)))
    b = write(d + "/b.npy", npy(">f4", (2, 2), struct.pack(">4f", 10, 30, 20, 40), fortran=True))
    npz(d + "/ab.npz", a=read(a), b=read(b))
    npz(d + "/arr.npz", arr_0=read(a), arr_1=read(b))
    npz(d + "/one.npz", x=read(b))
    write(d + "/a.pb", ob.tensor("a", (2, 2), floats(1, 2, 3, 4)))
    os.mkdir(d + "/set")
    write(d + "/set/input_0.pb", ob.tensor("b", (2, 2), floats(10, 20, 30, 40)))
    write(d + "/set/input_1.pb", ob.tensor("a", (2, 2), floats(1, 2, 3, 4)))
    for given in (["a:" + a, "b:" + b], [d + "/ab.npz"], [d + "/arr.npz"], [d + "/set"], [d + "/a.pb", "b:" + b],
                  ["a:" + a, f"b:{d}/ab.npz"], ["a:" + a, f"b:{d}/ab.npz[b]"], ["a:" + a, f"b:{d}/one.npz"]):
        first, _, j = output_of(m, *[w for g in given for w in ("--inputs", g)])
        assert first == [11, 22, 33, 44], (given, first)
    assert j["outputs"][0]["shape"] == [2, 2] and j["outputs"][0]["min"] == 11 and j["outputs"][0]["mean"] == 27.5
    r = expect(0, "run", m, "--inputs", d + "/ab.npz", "--profile")
    assert re.search(rb"^output  y +float\[2,2\] +11 +44 +27.5 +11 22 33 44$", r.stdout, re.M), r.stdout
    assert re.search(rb"^Add +1 +[0-9.]+ +[0-9.]+ %$", r.stdout, re.M), r.stdout
    # an IR 3 model lists an initializer as an input: it need not be given
    ini = ob.model(ob.graph([ob.node("Add", ["a", "w"], ["y"])], [ob.value("w", [2]), ob.value("a", [2])],
                            [ob.value("y", [2])], inits=[ob.tensor("w", (2,), floats(5, 6))]), ir=3)
    write(d + "/ini.onnx", ini)
    one = write(d + "/x.npy", npy("<f4", (2,), floats(1, 2)))
    assert output_of(d + "/ini.onnx", "--inputs", one)[0] == [6, 8]


@test
def run_on_what_does_not_fit(d):
    m = model_of(d, "add", ADD)
    a = write(d + "/a.npy", npy("<f4", (2, 2), floats(1, 2, 3, 4)))
    wide = write(d + "/wide.npy", npy("<f4", (2, 3), floats(*range(6))))
    more = write(d + "/more.npy", npy("<f4", (3, 2), floats(*range(6))))
    ints = write(d + "/ints.npy", npy("<i8", (2, 2), b"\0" * 32))
    objects = write(d + "/o.npy", npy("|O", (2, 2), b"\0" * 32))
    npz(d + "/c.npz", c=read(a))
    for code, words, what in (
            (2, [], "input 'a' is not given: float[N,2]"),
            (2, ["a:" + a], "input 'b' is not given: float[N,2]"),
            (2, ["a:" + wide], "input 'a': expected float[N,2], got float[2,3]"),
            (2, ["a:" + ints], "input 'a': expected float[N,2], got int64[2,2]"),
            (2, ["a:" + a, "b:" + more], "input 'b': got float[3,2], but 'N' is 2 in another input"),
            (2, ["a:" + a, "a:" + a], "input 'a' is given twice"),
            (2, ["c:" + a], "the model has no input 'c'"),
            (2, [d + "/c.npz"], "the model has no input 'c'"),
            (2, [f"a:{d}/c.npz[a]"], "the file has no array 'a' for input 'a'"),
            (2, [a], "the model has several inputs, or none: say which"),
            (2, [d], "the folder has no input_0.pb"),
            (4, ["a:" + d + "/none.npy"], "cannot be opened"),
            (4, [d + "/none.npy"], "it cannot be opened"),
            (3, ["a:" + objects], "an array of Python objects is a program, which is never run")):
        r = expect(code, "run", m, *[w for g in words for w in ("--inputs", g)])
        assert what in r.stderr.decode(), (what, r.stderr.decode())
        assert not r.stdout, r.stdout


def zipped(*entries, method=zipfile.ZIP_DEFLATED, large=False):
    f = io.BytesIO()
    with zipfile.ZipFile(f, "w", method) as z:
        for name, data in entries:
            with z.open(name, "w", force_zip64=large) as e:
                e.write(data)
    return f.getvalue()


def twice(name, data):
    """Two entries of one name; zipfile would warn of it."""
    return zipped((name, data), ("?" + name[1:], data)).replace(b"?" + name[1:].encode(), name.encode())


TWO = npy("<f4", (2,), floats(1, -2))
# file: whether it is read
DATA_READ = {
    "v1.npy": TWO, "v2.npy": npy("<f4", (2,), floats(1, -2), version=2), "v3.npy": npy("<f4", (2,), floats(1, -2), version=3),
    "fortran.npy": npy("<f4", (2,), floats(1, -2), fortran=True), "big.npy": npy(">f4", (2,), struct.pack(">2f", 1, -2)),
    "no_name": TWO, "stored.npz": zipped(("x.npy", TWO), method=zipfile.ZIP_STORED), "deflated.npz": zipped(("x.npy", TWO)),
    "zip64.npz": zipped(("x.npy", TWO), large=True), "comment.npz": zipped(("x.npy", TWO))[:-2] + b"\2\0hi",
    "x.pb": ob.tensor("x", (2,), floats(1, -2)),
}
# file: exit code, what is said, content
DATA_REFUSED = {
    "magic.npy": (3, "OX3701", "it does not begin with \\x93NUMPY", b"\x94" + TWO[1:]),
    "empty.npy": (3, "OX3701", "it does not begin with", b""),
    "text.npy": (3, "OX3701", "this is no .npy file", b"1.0 2.0"),
    "version.npy": (3, "OX3701", "the version of the .npy format is not 1.0, 2.0 or 3.0", TWO[:6] + b"\4" + TWO[7:]),
    "minor.npy": (3, "OX3701", "the version of the .npy format", TWO[:7] + b"\1" + TWO[8:]),
    "prefix.npy": (3, "OX3701", "the file is cut off in its header", TWO[:9]),
    "header.npy": (3, "OX3701", "the header is longer than the file", TWO[:40]),
    "long.npy": (3, "OX3701", "the header is longer than the file", TWO[:8] + b"\xff\xff" + TWO[10:]),
    "code.npy": (3, "OX3701", "the header is not a dict",
                 TWO[:8] + struct.pack("<H", 30) + b"__import__('os').system('ls') " + floats(1, 2)),
    "objects.npy": (3, "OX3702", "an array of Python objects is a program", npy("|O", (2,), b"\x80\4K\1.")),
    "pickle.npy": (3, "OX3702", "this is a Python pickle, a program", b"\x80\4\x95\x10\0\0\0\0\0\0\0"),
    "more.npy": (3, "OX3701", "the elements take 12 bytes, but 8 follow the header", npy("<f4", (3,), floats(1, 2))),
    "less.npy": (3, "OX3701", "the elements take 4 bytes, but 8 follow the header", npy("<f4", (1,), floats(1, 2))),
    "cut.npy": (3, "OX3701", "the elements take 8 bytes, but 7 follow", TWO[:-1]),
    "huge.npy": (3, "OX3701", "the elements take 4000000000000 bytes", npy("<f4", (10**12,), b"")),
    "wrap.npy": (3, "OX3701", "the array is too large", npy("<f4", (2**62, 4), b"")),
    "negative.npy": (3, "OX3701", "a dim is no number from 0 to", npy("<f4", "(-2,)", floats(1, 2))),
    "records.npy": (3, "OX3702", "an array of records cannot be read",
                    TWO[:10] + TWO[10:].replace(b"'<f4'", b"[('a', '<f4')]")),
    "time.npy": (3, "OX3702", "elements of type '<M8[ns]' have no type in ONNX", npy("<M8[ns]", (1,), b"\0" * 8)),
    "words.npy": (2, "OX2012", "input 'x': expected float[N], got string[2]", npy("<U3", (2,), "abcdef".encode("utf-32-le"))),
    "surrogate.npy": (3, "OX3701", "a letter that Unicode does not have", npy("<U1", (1,), b"\0\xd8\0\0")),
    "double.npy": (2, "OX2012", "expected float[N], got double[2]", npy("<f8", (2,), b"\0" * 16)),
    "rank.npy": (2, "OX2012", "expected float[N], got float[2,1]", npy("<f4", (2, 1), floats(1, 2))),
    "traversal.npz": (2, "OX2012", "the model has no input '../../../x'", zipped(("../../../x.npy", TWO))),
    "absolute.npz": (2, "OX2012", "the model has no input '/tmp/x'", zipped(("/tmp/x.npy", TWO))),
    "twice.npz": (3, "OX3701", "two arrays are called 'x', expected each name once", twice("x.npy", TWO)),
    "none.npz": (2, "OX2012", "the file has no array in it", zipped()),
    "text.npz": (3, "OX3701", "this is no zip file, or its end is missing", b"PK? no."),
    "inner.npz": (3, "OX3701", "this is no .npy file", zipped(("x.npy", b"hello"))),
    "method.npz": (3, "OX3702", "packed in another way than deflate", zipped(("x.npy", TWO), method=zipfile.ZIP_BZIP2)),
    "secret.npz": (3, "OX3702", "an entry is encrypted", zipped(("x.npy", TWO)).replace(b"PK\1\2\x14\3\x14\0\0\0", b"PK\1\2\x14\3\x14\0\1\0")),
    "crc.npz": (3, "OX3701", "its checksum is another one", zipped(("x.npy", TWO), method=zipfile.ZIP_STORED).replace(floats(1, -2), floats(1, 2))),
    "end.npz": (3, "OX3701", "its end is missing", zipped(("x.npy", TWO))[:-5]),
    "directory.npz": (3, "OX3701", "directory lies outside the file",
                      zipped(("x.npy", TWO))[:-6] + struct.pack("<IH", 2**31, 0)),
    "entry.npz": (3, "OX3701", "the zip file's directory is damaged", zipped(("x.npy", TWO)).replace(b"PK\1\2", b"PK\1\3")),
    "short.pb": (3, "OX3107", "raw_data has 8 bytes, type and dims need 12", ob.tensor("x", (3,), floats(1, 2))),
    "ints.pb": (2, "OX2012", "expected float[N], got int64[2]", ob.tensor("x", (2,), b"\0" * 16, 7)),
    "junk.pb": (3, "OX3003", "cut off", b"\xff\xff\xff"),
    "empty.pb": (3, "OX3101", "data_type is absent", b""),
    "seq.pb": (3, "OX3", "", ob.field(1, "s") + ob.field(3, ob.tensor("x", (2,), floats(1, 2)))),
}


def on_inputs(m, what):
    """The verbs that take inputs, on one."""
    return [("run", m, "--inputs", what), ("verify", m, m, "--inputs", what), ("optimize", m, "--dry-run", "--inputs", what)]


@test
def data_files_that_are_odd(d):
    m = model_of(d, "m", """<ir_version: 8, opset_import: ["" : 17]>
g (float[N] x) => (float[N] y) { y = Relu (x) }
""")
    for name, data in DATA_READ.items():
        path = write(f"{d}/{name}", data)
        assert output_of(m, "--inputs", path)[0] == [1, 0], name
        for words in on_inputs(m, path):
            expect(0, *words)
    for name, (code, ox, what, data) in DATA_REFUSED.items():
        path = write(f"{d}/{name}", data)
        for words in on_inputs(m, path):
            err = expect(code, *words).stderr.decode()
            assert what in err and ox in err and f"--> {path}" in err, (name, what, err)
    # as a value of a name, where no name in the file counts
    assert output_of(m, "--inputs", f"x:{d}/traversal.npz")[0] == [1, 0]
    no_residue(d, "m", *DATA_READ, *DATA_REFUSED)


@test
def data_that_is_a_bomb(d):
    m = model_of(d, "m", """<ir_version: 8, opset_import: ["" : 17]>
g (float[N] x) => (float[N] y) { y = Relu (x) }
""")
    n = 64 << 20
    bomb = write(d + "/bomb.npz", zipped(("x.npy", npy("<f4", (n // 4,), b"\0" * n))))
    assert os.path.getsize(bomb) < n // 900
    for words in on_inputs(m, bomb):
        start = time.time()
        err = expect(5, *words, "--max-memory", "32M").stderr.decode()
        assert "OX4001" in err and "larger than the limit of memory" in err and time.time() - start < 10, err
    # it says that it is a hundred times as large as deflate could make it
    z = bytearray(zipped(("x.npy", TWO)))
    at = z.rindex(b"PK\1\2") + 24
    z[at:at + 4] = struct.pack("<I", 10**8)
    liar = write(d + "/liar.npz", bytes(z))
    for words in on_inputs(m, liar):
        assert b"larger than its bytes can be" in expect(3, *words).stderr


@test
def data_that_is_no_file(d):
    m = model_of(d, "add", ADD)
    os.mkfifo(d + "/pipe")
    a = write(d + "/a.npy", npy("<f4", (2, 2), floats(1, 2, 3, 4)))
    for what in "a:" + d + "/pipe", d + "/pipe", "a:/dev/zero", "a:" + d:
        for words in on_inputs(m, what):
            assert b"OX1004" in expect(4, *words).stderr
    if os.geteuid():
        os.chmod(a, 0)
        expect(4, "run", m, "--inputs", "a:" + a)
        os.chmod(a, 0o600)


@test
def data_sets_that_are_not_whole(d):
    m = model_of(d, "add", ADD)
    s = d + "/set"
    os.mkdir(s)
    t = ob.tensor("", (1, 2), floats(1, 2))
    write(s + "/input_0.pb", t)
    assert b"input 'b' is not given" in expect(2, "run", m, "--inputs", s).stderr
    expect(0, "verify", m, m, "--inputs", s)               # the rest is made up
    write(s + "/input_2.pb", t)
    for words in on_inputs(m, s):
        assert b"the folder has input_2.pb, but no input_1.pb" in expect(2, *words).stderr
    write(s + "/output_0.pb", t)
    assert b"it has input_2.pb, but no input_1.pb" in expect(3, "test-data", m, s).stdout
    write(s + "/input_1.pb", t)
    for words in on_inputs(m, s):
        assert b"this is one value more than the model has inputs" in expect(2, *words).stderr
    os.unlink(s + "/input_2.pb")
    write(s + "/output_0.pb", ob.tensor("y", (1, 2), floats(2, 4)))
    expect(0, "test-data", m, s)
    write(s + "/output_2.pb", t)
    assert b"it has output_2.pb, but no output_1.pb" in expect(3, "test-data", m, s).stdout
    os.unlink(s + "/input_0.pb")
    for words in on_inputs(m, s):
        assert b"the folder has input_1.pb, but no input_0.pb" in expect(2, *words).stderr


@test
def inputs_on_which_the_model_fails(d):
    """The index is beyond the table: the model has no result, which is neither equal nor different."""
    m = model_of(d, "m", """<ir_version: 8, opset_import: ["" : 17]>
g (int64[N] i) => (float[N] y) <float[3] t = {1.0, 2.0, 3.0}> { y = Gather (t, i) }
""")
    good = write(d + "/good.npy", npy("<i8", (2,), struct.pack("<2q", 0, -3)))
    bad = write(d + "/bad.npy", npy("<i8", (2,), struct.pack("<2q", 0, 3)))
    assert output_of(m, "--inputs", good)[0] == [1, 1]
    assert b"OX3601" in expect(3, "run", m, "--inputs", bad).stderr
    expect(0, "verify", m, m, "--inputs", good)
    r = expect(6, "verify", m, m, "--inputs", bad)
    assert b"OX5003" in r.stderr and b"not compared on 0 samples; 1 left out" in r.stdout, r
    j = json.loads(expect(6, "verify", m, m, "--inputs", bad, "--json").stdout)
    assert (j["verdict"], j["samples"], j["left_out"]) == ("unverified", 0, 1), j
    rep = d + "/report.json"
    for given, counts in ([good], (1, 0)), ([bad], (0, 1)):
        expect(0, m, "--dry-run", "--report", rep, *[w for g in given for w in ("--inputs", g)])
        whole = json.loads(read(rep))["verification"]["whole"]
        assert (whole["valid"], whole["discarded"]) == counts and (whole["discarded_why"] is None) == (counts[1] == 0), whole


@test
def run_on_made_up_inputs(d):
    m = model_of(d, "ids", """<ir_version: 8, opset_import: ["" : 17]>
g (int64[batch,seq] ids, int64[batch,seq] attention_mask, float[batch,3,h,w] image) => (float[batch,seq,4] y, float z, float[batch,5,a,b] c)
<float[11,4] table = {0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0, 3.0, 4.0, 4.0, 4.0, 4.0, 5.0, 5.0, 5.0, 5.0, 6.0, 6.0, 6.0, 6.0, 7.0, 7.0, 7.0, 7.0, 8.0, 8.0, 8.0, 8.0, 9.0, 9.0, 9.0, 9.0, 10.0, 10.0, 10.0, 10.0},
 float[5,3,1,1] k = {1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0}>
{ i = Cast <to = 7> (ids)
  y = Gather (table, i)
  f = Cast <to = 1> (attention_mask)
  z = ReduceMax <keepdims = 0> (f)
  c = Conv (image, k) }
""")
    j = json.loads(expect(0, "run", m, "--random", "--json").stdout)
    ids, mask, image = j["inputs"]
    assert 0 <= ids["min"] <= ids["max"] <= 10 and ids["shape"] == mask["shape"], j
    assert (mask["min"], mask["max"]) == (0, 1) and 0 <= image["min"] <= image["max"] <= 1, j
    assert image["shape"][0] == ids["shape"][0] and ids["from"] == "random", j
    again = json.loads(expect(0, "run", m, "--random=0", "--json").stdout)
    other = json.loads(expect(0, "run", m, "--random=7", "--json").stdout)
    assert again["inputs"] == j["inputs"] and other["inputs"] != j["inputs"]
    j = json.loads(expect(0, "run", m, "--random", "--dim", "batch=3", "--dim", "seq=2", "--json").stdout)
    assert j["inputs"][0]["shape"] == [3, 2], j
    # sizes are tried until the model runs: 7 does not divide
    m = model_of(d, "fit", """<ir_version: 8, opset_import: ["" : 17]>
g (float[n,s] x) => (float[p,q] y) <int64[2] shape = {-1, 8}> { y = Reshape (x, shape) }
""")
    assert output_of(m, "--random")[2]["outputs"][0]["shape"][1] == 8
    x = write(d + "/x.npy", npy("<f4", (3, 2), floats(*range(6))))
    r = expect(3, "run", m, "--random", "--inputs", "x:" + x)
    assert b"cannot evaluate: graph 'g' node 0 (Reshape): " in r.stderr and b"cannot be evaluated" in r.stdout, r
    assert b"cannot be made up" in expect(2, "run", model_of(d, "map", """<ir_version: 8, opset_import: ["ai.onnx.ml" : 3]>
g (map(string, float) x) => (float[n,1] y) { y = ai.onnx.ml.DictVectorizer <string_vocabulary = ["a"]> (x) }
"""), "--random").stderr


def made_up(d, name, body, seed=0):
    m = model_of(d, name, """<ir_version: 9, opset_import: ["" : 18, "ai.onnx.ml" : 3]>\n""" + body)
    j = json.loads(expect(0, "run", m, f"--random={seed}", "--json").stdout)
    return [i.get("first") for i in j["inputs"]], [o.get("first") for o in j["outputs"]], j


@test
def inputs_are_made_for_their_readers(d):
    # what is added on the way to a table is taken off again
    ids = made_up(d, "off", """g (int64[50] i) => (float[50,1] y) <float[4,1] t = {0, 1, 2, 3}, int64 one = {1}>
{ k = Sub (i, one) y = Gather (t, k) }""")[2]["inputs"][0]
    assert (ids["min"], ids["max"]) == (1, 4), ids
    # two seeds in a row take both branches; masks have both values, and something to see in each row
    branches = [made_up(d, "if", """g (bool c) => (float y) {
  y = If (c) <then_branch = a () => (float y) { y = Constant <value = float {1.0}> () },
              else_branch = b () => (float y) { y = Constant <value = float {2.0}> () }> }""", s)[1][0][0] for s in (0, 1)]
    assert sorted(branches) == [1, 2], branches
    rows = made_up(d, "mask", """g (int64[64,2] mask) => (int64[64] y, int64 lo) <int64[1] last = {1}>
{ y = ReduceMax <keepdims = 0> (mask, last) lo = ReduceMin <keepdims = 0> (mask) }""")[2]["outputs"]
    assert rows[0]["min"] == rows[0]["max"] == 1 and rows[1]["max"] == 0, rows
    # nothing hangs on ties
    _, out, j = made_up(d, "top", """g (float16[4,100] x, int64[1] k) => (float16[4,a] v, int64[4,a] i, int64 n)
{ v, i = TopK (x, k) f = Reshape (x, m) u = Unique (f) n = Size (u) }""".replace("=> (", "=> (").replace("{ v", "<int64[1] m = {-1}>\n{ v"))
    assert out[2] == [400] and 1 <= j["inputs"][1]["min"] <= 100, j
    # words and numbers that readers know
    (words, numbers), _, _ = made_up(d, "words", """g (string[16] w, int64[16] n) => (int64[16] y, bool[16] z) <int64 key = {123456}>
{ y = ai.onnx.ml.LabelEncoder <keys_strings = ["zebra", "yak"], values_int64s = [1, 2]> (w)  z = Equal (n, key) }""")
    assert {"zebra", "yak"} < set(words) and 123456 in numbers and min(numbers) < 100, (words, numbers)
    # axes that there are, each once; parts that add up; the shape that is declared
    made_up(d, "axes", """g (float[2,3,1,5] x, int64[3] a, int64[2] p, int64[2] s, int64[1] q) => (float[c,d,e,f] y, float[c,d,e,g] l, float[c,d,e,h] r, float[6,5] z, float[t,u,v] w)
{ y = ReduceL2 (x, a)  l, r = Split <axis = 3> (x, p)  z = Reshape (x, s)  w = Squeeze (x, q) }""")
    # sequences and optionals, of sizes that their types declare
    inputs = made_up(d, "seq", """g (seq(float[2,3]) s, optional(float[4]) o) => (float[a,3] y, float[4] z)
{ y = ConcatFromSequence <axis = 0> (s)  z = OptionalGetElement (o) }""")[2]["inputs"]
    assert inputs[0]["type"] == "seq(float[2,3])" and inputs[0]["items"] == 2, inputs
    # weights that come in as inputs leave sums as large as what goes in
    y = made_up(d, "weight", """g (float[1,900] x, float[900,50] w) => (float[1,50] y) { y = MatMul (x, w) }""")[2]["outputs"][0]
    assert -5 < y["min"] < y["max"] < 5, y


@test
def run_writes_files(d):
    m = model_of(d, "add", ADD)
    case_dir = d + "/case"
    os.mkdir(case_dir)
    shutil.copy(m, case_dir + "/model.onnx")
    expect(0, "run", m, "--random", "-o", case_dir + "/test_data_set_0", "-q")
    no_residue(case_dir + "/test_data_set_0", "input_0.pb", "input_1.pb", "output_0.pb")
    expect(0, "test-data", case_dir, "--rtol", "0", "--atol", "0")
    expect(0, "run", m, "--random", "-o", d + "/npy", "--format", "npy", "-q")
    no_residue(d + "/npy", "input_0.npy", "input_1.npy", "output_0.npy")
    expect(0, "run", m, "--random", "-o", d + "/npz", "--format", "npz", "-q")
    no_residue(d + "/npz", "inputs.npz", "outputs.npz")
    with zipfile.ZipFile(d + "/npz/outputs.npz") as z:
        assert z.namelist() == ["y.npy"] and z.testzip() is None
        assert z.read("y.npy") == read(d + "/npy/output_0.npy")
    want = output_of(m, "--random")[0]
    assert output_of(m, "--inputs", d + "/npz/inputs.npz")[0] == want
    assert output_of(m, "--inputs", f"a:{d}/npy/input_0.npy", "--inputs", f"b:{d}/npy/input_1.npy")[0] == want
    expect(4, "run", m, "--random", "-o", d + "/no/where", "-q")
    expect(5, "run", write(d + "/many.onnx", simple(9)), "--random", "--max-ops", "1")
    expect(5, "run", m, "--random", "--max-memory", "16k")
    dot = model_of(d, "dot", """<ir_version: 8, opset_import: ["" : 17]>
g (float[8,8] a) => (float[8,8] y) { y = MatMul (a, a) }
""")
    expect(5, "run", dot, "--random", "--max-ops", "100")


# ---- ONNX Runtime, asked for a second opinion --------------------------------

def fake_ort(d):
    """A library that is none: tests/cli/fake_ort.c."""
    so = d + "/libonnxruntime.so.0"
    subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-O1", "-w", "-o", so, os.path.join(HERE, "fake_ort.c")],
                   check=True)
    return so


def real_ort():
    """The library of the virtual environment that the conformance tests make; None: not there."""
    found = glob.glob(os.path.join(ROOT, "build/venv/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.*"))
    if not found:
        print("  no ONNX Runtime in build/venv: not tried")
    return found[0] if found else None


def relu_and(d, op):
    text = """<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x) => (float[2] y) { y = %s (x) }
"""
    return model_of(d, "first.onnx", text % "Relu"), model_of(d, "second.onnx", text % op)


def crossed(code, *args, **kw):
    """What --cross-check says, in JSON; and what stands on standard error."""
    r = expect(code, *args, "--json", **kw)
    return json.loads(r.stdout)["cross_check"], r.stderr.decode()


@test
def cross_check_without_a_runtime(d):
    """Nothing is left out here: "skipped" is the verdict that must be told, and never "passed"."""
    a, b = relu_and(d, "Relu")
    write(d + "/text.so", b"no library")
    os.mkdir(d + "/empty")
    for where, env, what in (
            ("ort:" + d + "/none.so", {}, f"there is no libonnxruntime at '{d}/none.so'"),
            ("ort:" + d + "/empty", {}, f"there is no libonnxruntime at '{d}/empty'"),
            ("ort", {"ONNXOPT_ORT": d + "/none.so"}, f"there is no libonnxruntime at '{d}/none.so'"),
            ("ort:" + d + "/text.so", {}, "text.so: "),
            ("ort:" + plugin("marker"), {}, "it has no OrtGetApiBase")):
        x, err = crossed(0, "verify", a, b, "--cross-check", where, env=env)
        assert x["verdict"] == "skipped" and what in x["why"] and x["samples"] == 0 and not x["outputs"], x
        assert "warning[OX5021]: ONNX Runtime was not asked: " in err, err
        text = expect(0, "verify", a, b, "--cross-check", where, env=env).stdout.decode()
        assert "the same on 3 samples\nONNX Runtime: skipped: " in text, text
    assert crossed(0, "verify", a, b)[0] is None
    for wrong in "onnx", "ort:", "ortx", "":
        expect(2, "verify", a, b, "--cross-check", wrong)
    no_residue(d, "first.onnx", "second.onnx", "text.so", "empty")


@test
def cross_check_with_a_runtime_that_misbehaves(d):
    """Each way is made to happen by the library (FAKE), and must be told with its own words: a crash, an
    exit with status 0 in the middle of loading, an answer that is none. The verdict is "skipped"."""
    a, b = relu_and(d, "Relu")
    so = fake_ort(d)
    os.mkdir(d + "/tmp")
    for fake, what in {
            "no_version": "its interface has none of the versions", "null": "it has no OrtGetApiBase",
            "crash": "it crashed while loading its library (signal 11, ", "exit": "it ended its process while loading its library (exit 0)",
            "sleep": "it took longer than 1 s, and was ended while loading its library", "memory": "while loading its library",
            "scribble": "its answer makes no sense", "refuse_first": "the first model cannot be loaded: no such operator",
            "fail_first": "the first model cannot be run: it does not run",
            "crash_later": "it crashed while loading the second model (signal 6, ",
            }.items():
        env = {"FAKE": fake, "ONNXOPT_ORT": so, "TMPDIR": d + "/tmp"}
        start = time.time()
        x, err = crossed(0, "verify", a, b, "--cross-check", "ort", "--cross-check-timeout", "1s", "--max-memory", "256M", env=env)
        assert x["verdict"] == "skipped" and what in x["why"], (fake, x)
        assert "OX5021" in err and "noise" not in err and time.time() - start < 20, err
    # outputs of which it says what cannot be: those are not compared
    for fake in "rank", "dims":
        x, err = crossed(0, "verify", a, b, "--cross-check", "ort:" + so, env={"FAKE": fake})
        assert x["verdict"] == "unverified" and "OX5021" in err, (fake, x)
    no_residue(d, "first.onnx", "second.onnx", os.path.basename(so), "tmp")
    no_residue(d + "/tmp")


@test
def cross_check_tells(d):
    a, b = relu_and(d, "Relu")
    so = fake_ort(d)
    words = ("verify", a, b, "--cross-check", "ort:" + d)          # a folder that has one
    x, err = crossed(0, *words)
    assert (x["verdict"], x["samples"], x["version"], x["interface"]) == ("pass-exact", 3, "0.0.fake", 3) and not err, x
    assert x["library"] == so and x["outputs"][0]["equal_bits"] == 6, x
    assert b"ONNX Runtime 0.0.fake: the same bits on 3 samples" in expect(0, *words).stdout
    for fake, what in {
            "differ": "sample 0: element 0 is 1, and 1.2 there", "shape": "sample 0: float[2], and float[1] there",
            "fail_second": "sample 0: the second model cannot be run: it does not run",
            "refuse_second": "the second model cannot be loaded: no such operator"}.items():
        x, err = crossed(1, *words, env={"FAKE": fake})
        assert x["verdict"] == "FAIL" and what in x["why"] and "error[OX5020]" in err and what in err, (fake, x, err)
    # what its own optimizer moves as far says nothing
    x, err = crossed(0, *words, env={"FAKE": "noise"})
    assert x["verdict"] == "unverified" and "; the first is as far from itself where its inputs move" in x["why"], x
    assert 0.09 < x["outputs"][0]["noise"] < 0.11 and "warning[OX5021]" in err, (x, err)
    # tolerances are those of the comparison
    x, _ = crossed(0, *words, "--atol", "0.5", env={"FAKE": "differ"})
    assert x["verdict"] == "pass-within-bound", x
    r = expect(0, *words, env={"FAKE": "escape"})
    shown_safely(r.stdout + r.stderr)


def cross_report(d, code, *args, **kw):
    """Of optimize, from its report, which is written in any case."""
    rep = d + "/report.json"
    r = expect(code, *args, "--report", rep, **kw)
    j = json.loads(read(rep))
    os.unlink(rep)
    validate(j, json.loads(read(os.path.join(ROOT, "docs", "report.schema.json"))))
    return j["verification"]["cross_check"], r


@test
def cross_check_of_optimize(d):
    m = model_of(d, "first.onnx", """<ir_version: 8, opset_import: ["" : 17]>
g (float[2] x) => (float[2] y) { a = Identity (x)  b = Abs (a)  y = Relu (b) }
""")
    so = fake_ort(d)
    env = {"ONNXOPT_ORT": so, "TMPDIR": d + "/tmp"}
    os.mkdir(d + "/tmp")
    os.mkdir(d + "/o")
    out = d + "/o/out.onnx"
    assert cross_report(d, 0, m, out)[0] is None
    for where in [out], ["-o", out, "--external-data", "always", "--external-threshold", "1"], ["--dry-run"], []:
        x, r = cross_report(d, 0, m, *where, "--cross-check", "ort", env=env)
        assert (x["verdict"], x["samples"]) == ("pass-exact", 1), x
        assert b"\nONNX Runtime 0.0.fake: the same bits on 1 sample\n" in r.stdout, r.stdout
        no_residue(d + "/tmp")
    no_residue(d + "/o", "out.onnx")
    os.unlink(out)
    # nothing is written where they differ, or the result cannot be loaded
    for fake in "differ", "refuse_second", "fail_second":
        x, r = cross_report(d, 1, m, out, "--cross-check", "ort", env={**env, "FAKE": fake})
        assert x["verdict"] == "FAIL" and b"OX5020" in r.stderr, (fake, x)
        no_residue(d + "/o")
    # what says nothing is no reason to write nothing, unless one says so; "skipped" is the verdict that is asserted
    for fake, verdict in ("crash", "skipped"), ("null", "skipped"), ("sleep", "skipped"), ("noise", "unverified"):
        x, r = cross_report(d, 0, m, out, "--cross-check", "ort", "--cross-check-timeout", "1s", env={**env, "FAKE": fake})
        assert x["verdict"] == verdict and b"warning[OX5021]" in r.stderr, (fake, x)
        no_residue(d + "/o", "out.onnx")
        os.unlink(out)
    expect(1, m, out, "--cross-check", "ort", "--fail-on", "warning", env={**env, "FAKE": "null"})
    no_residue(d + "/o")
    x, _ = cross_report(d, 0, "-", out, "--cross-check", "ort", env=env, data=read(m))
    assert x["verdict"] == "pass-exact", x
    os.unlink(out)
    # a plugin's child has one of its own
    x, _ = cross_report(d, 0, m, out, "--cross-check", "ort", "--plugin", plugin("marker"), env=env)
    assert x["verdict"] == "pass-exact", x
    os.unlink(out)
    # ended while the runtime is at work, it leaves nothing behind
    for sig in signal.SIGTERM, signal.SIGINT:
        p = subprocess.Popen([TOOL, m, out, "--cross-check", "ort"], env=clean_env(**env, FAKE="sleep"), stdout=subprocess.DEVNULL,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
        wait_until(lambda: os.listdir(d + "/o"))
        time.sleep(0.1)
        p.send_signal(sig)
        assert p.wait(timeout=20) == -sig
        wait_until(lambda: not os.listdir(d + "/o"))
    expect(2, m, out, "--cross-check", "tvm")
    no_residue(d + "/o")
    # a file found on the way does not run code of others
    write(d + "/onnxopt.yaml", b"version: 1\noptions: {cross-check: 'ort:/tmp/x.so'}\n")
    expect(2, m, out, cwd=d)


def wait_until(what):
    end = time.time() + 20
    while not what():
        assert time.time() < end
        time.sleep(0.02)


@test
def cross_check_with_onnx_runtime(d):
    so = real_ort()
    if not so:
        return
    a, b = relu_and(d, "Abs")
    x, _ = crossed(0, "verify", a, a, "--cross-check", "ort:" + so)
    assert x["verdict"] == "pass-exact" and x["samples"] == 3, x
    x, err = crossed(1, "verify", a, b, "--cross-check", "ort:" + os.path.dirname(so))
    assert x["verdict"] == "FAIL" and x["outputs"][0]["wrong"] and "OX5020" in err, (x, err)
    # found in a Python package, by the python3 of a virtual environment
    x, _ = crossed(0, "verify", a, a, "--cross-check", "ort", env={"VIRTUAL_ENV": os.path.join(ROOT, "build/venv")})
    assert x["verdict"] == "pass-exact" and x["library"] == so, x
    x, _ = cross_report(d, 0, a, d + "/out.onnx", "--cross-check", "ort:" + so)
    assert x["verdict"] == "pass-exact", x
    w = model_of(d, "weights.onnx", """<ir_version: 8, opset_import: ["" : 17]>
g (float[2,2] x) => (float[2,2] y) <float[2,2] w = {1.0, 2.0, 3.0, 4.0}, float[2] s = {2.0, 3.0}, float[2] o = {1.0, 0.0}>
{ a = MatMul (x, w)  b = Mul (a, s)  y = Add (b, o) }
""")
    x, _ = cross_report(d, 0, w, d + "/out.onnx", "--external-data", "always", "--external-threshold", "1", "--cross-check", "ort:" + so)
    assert x["verdict"].startswith("pass"), x
    # in float16 the runtime rounds in other places once a node is gone: what our rounding allows
    x, _ = cross_report(d, 0, os.path.join(MODELS, "derived_distilbert_fp16.onnx"), d + "/out.onnx", "--cross-check", "ort:" + so)
    assert x["verdict"] == "pass-within-bound", x
    # from standard input; text, integers, booleans, nothing at all
    x = json.loads(expect(0, "verify", "-", a, "--cross-check", "ort:" + so, "--json", data=read(a)).stdout)["cross_check"]
    assert x["verdict"] == "pass-exact", x
    m = model_of(d, "kinds.onnx", """<ir_version: 8, opset_import: ["" : 17]>
g (string[N] s, int64[N] i, bool[N] b, float[0] e, float16[2] h) => (string[N] t, int64[N] j, bool[N] c, float[0] f, float16[2] k, seq(int64[N]) q)
{ t = Identity (s)  j = Neg (i)  c = Not (b)  f = Neg (e)  k = Sqrt (h)  q = SequenceConstruct (i) }
""")
    x, err = crossed(0, "verify", m, m, "--cross-check", "ort:" + so)
    assert [o["verdict"] for o in x["outputs"]] == ["pass-exact"] * 5 + ["unverified"], x
    assert x["outputs"][5]["why"] == "no tensor" and "OX5021" in err, (x, err)
    # what it does not have says nothing of the second
    m = model_of(d, "odd.onnx", """<ir_version: 8, opset_import: ["" : 17, "acme" : 1]>
g (float[2] x) => (float[2] y, float[2] z) { y = acme.Odd (x)  z = Relu (x) }
""")
    x, err = crossed(6, "verify", m, m, "--cross-check", "ort:" + so)
    assert x["verdict"] == "skipped", x


# ---- plugins ----------------------------------------------------------------

def plugin(name):
    return os.path.join(os.path.dirname(os.path.abspath(TOOL)), "plugin", name + ".so")


def acme(d):
    return model_of(d, "acme.onnx", """<ir_version: 8, opset_import: ["" : 17, "acme" : 1]>
        g (float[2,n] x) => (float[2,n] y) {
            a = acme.Marker <label = "in"> (x)
            b = acme.Affine <scale = 2.0, shift = 1.0> (a)
            c = acme.Affine <shift = 0.5> (b)
            d = acme.Negate (c)
            e = acme.Negate (d)
            y = Relu (e)
        }""")


ALL_ACME = [w for p in ("marker", "affine", "rules") for w in ("--plugin", p)]


def with_acme(*args, code=0, **kw):
    words = [plugin(w) if w in ("marker", "affine", "rules") else w for w in ALL_ACME]
    return expect(code, *args, *words, **kw)


@test
def plugins(d):
    m, out = acme(d), os.path.join(d, "out.onnx")
    text = with_acme(m, out).stdout.decode()
    assert "acme.Marker 1 -> 0" in text and "nodes              6      2" in text, text
    text = expect(0, "print", out).stdout.decode()
    assert "acme.Affine <shift = 1.5, scale = 2.0> (x)" in text, text
    no_residue(d, "acme.onnx", "out.onnx")
    # what is opt-in runs when it is named
    with_acme(m, out, "--passes", "default,+acme_lower_affine", "-q")
    text = expect(0, "print", out).stdout.decode()
    assert "Mul (x" in text and "acme" not in text.split("\n", 1)[1], text
    # the same bytes in this process, and from and to pipes
    same = os.path.join(d, "same.onnx")
    with_acme(m, same, "-q", "--passes", "default,+acme_lower_affine", "--plugin-in-process")
    assert read(same) == read(out)
    piped = with_acme("-", "-", "-q", "--passes", "default,+acme_lower_affine", data=read(m))
    assert piped.stdout == read(out)
    # nothing to do: the same bytes, over itself
    with_acme(same, "--in-place", "-q")
    assert read(same) == read(out)
    no_residue(d, "acme.onnx", "out.onnx", "same.onnx")


@test
def plugins_side_files(d):
    m, out, rep = acme(d), os.path.join(d, "out.onnx"), os.path.join(d, "r.json")
    with_acme(m, out, "-q", "--external-data", "always", "--external-threshold", "1", "--passes",
              "default,+acme_lower_affine", "--report", rep)
    no_residue(d, "acme.onnx", "out.onnx", "out.onnx.data", "r.json")
    r = json.loads(read(rep))
    assert r["exit"] == 0, r
    assert r["output"]["sha256"] == hashlib.sha256(read(out)).hexdigest(), r["output"]
    assert "acme_drop_marker" in read(rep).decode()
    # a check that does not hold
    expect(1, m, os.path.join(d, "no.onnx"), "--plugin", plugin("marker"), "--assert", "nodes<=2")
    assert not os.path.exists(os.path.join(d, "no.onnx"))


@test
def plugins_told(d):
    text = with_acme("passes").stdout.decode()
    assert re.search(r"^acme_drop_marker +O1, marker +exact", text, re.M), text
    text = with_acme("explain", "acme_lower_affine").stdout.decode()
    assert "plugin     affine 1.0 (MIT)" in text and "acme.Affine" in text, text
    text = with_acme("passes", "--explain-pipeline", "acme_fuse_affine").stdout.decode()
    assert "affine" in text, text
    names = json.loads(with_acme("passes", "--json").stdout)["passes"]
    assert {"acme_fuse_negate_into_sub"} <= {p["name"] for p in names if p.get("plugin") == "acme_rules"}
    text = expect(2, "explain", "acme_lower_affine").stderr.decode()
    assert "OX2002" in text, text


@test
def plugins_by_name(d):
    m = acme(d)
    env = {"ONNXOPT_PLUGIN_PATH": "/nowhere:" + os.path.dirname(plugin("x"))}
    expect(0, m, "--plugin", "marker", env=env)
    for args in (("marker",), ("./marker.so",), ("nowhere/x.so",)):
        r = expect(2, m, "--plugin", *args, cwd=d)
        assert b"OX6001" in r.stderr, r.stderr
    write(os.path.join(d, "text.so"), b"no shared object")
    r = expect(7, m, "--plugin", "text.so", cwd=d)
    assert b"OX6002" in r.stderr and b"text.so" in r.stderr, r.stderr
    r = expect(7, m, "--plugin", plugin("marker"), "--plugin", plugin("marker"))
    assert b"OX6004" in r.stderr, r.stderr


@test
def plugins_required(d):
    m = acme(d)
    p = os.path.join(d, "p.yaml")
    for text, code in (("requires: [{plugin: marker, abi: 1}]", 0), ("requires: marker", 0),
                       ("requires: [{plugin: marker, abi: 2}]", 2), ("requires: [{plugin: other}]", 2),
                       ("requires: [{plug: marker}]", 2), ("requires: [{plugin: marker, abi: 0}]", 2)):
        write(p, f"version: 1\nextends: default\n{text}\n".encode())
        r = expect(code, m, "--plugin", plugin("marker"), "--passes", p)
        assert not code or b"p.yaml:3:" in r.stderr, r.stderr
    write(p, b"version: 1\nextends: default\nrequires: marker\n")
    r = expect(2, m, "--passes", p)
    assert b"OX6009" in r.stderr and b"--plugin" in r.stderr, r.stderr


@test
def doctor(d):
    text = expect(0, "doctor").stdout.decode()
    assert "interface 1" in text, text
    text = with_acme("doctor", acme(d)).stdout.decode()
    assert len(re.findall("^ok ", text, re.M)) == 8, text
    for bad in ("crash", "stale", "cycle", "crash_fini", "abi"):
        r = expect(7, "doctor", "--plugin", plugin("bad"), env={"BAD": bad})
        assert b"'bad'" in r.stderr or b"bad.so'" in r.stderr, r.stderr


@test
def plugins_goldens(d):
    golden = os.path.join(ROOT, "tests", "plugin", "golden")
    assert b"0 failed" in with_acme("test", golden).stdout
    # what runs there may be wrong, too
    shutil.copytree(golden, os.path.join(d, "golden"))
    r = run("test", os.path.join(d, "golden"))
    assert r.returncode == 1 and b"no pass or preset" in r.stdout, r.stdout


def reluctant(d):
    return model_of(d, "m.onnx", """<ir_version: 8, opset_import: ["" : 17]>
        g (float[2,3] x) => (float[2,3] y) { a = Abs (x)  b = Relu (a)  y = Relu (b) }""")


IN_PASS = "plugin 'bad', pass 'bad_pass'"
BAD = {
    # what: code, who
    "crash": ("OX6007", IN_PASS), "abort": ("OX6007", IN_PASS), "exit": ("OX6007", IN_PASS),
    "exit_quietly": ("OX6007", IN_PASS), "kill": ("OX6007", IN_PASS), "stack": ("OX6007", IN_PASS),
    "heap": ("OX6007", IN_PASS), "loop": ("OX6008", IN_PASS), "thread": ("OX6005", IN_PASS),
    "stale": ("OX6005", IN_PASS), "stale_ctx": ("OX6005", IN_PASS), "garbage": ("OX6005", IN_PASS),
    "null": ("OX6005", IN_PASS), "mixed": ("OX6005", IN_PASS), "null_text": ("OX6005", IN_PASS),
    "removed": ("OX6005", IN_PASS), "read": ("OX6005", IN_PASS), "cycle": ("OX6005", IN_PASS),
    "type": ("OX6005", IN_PASS), "operator": ("OX6005", IN_PASS), "arity": ("OX6005", IN_PASS),
    "attribute": ("OX6005", IN_PASS), "bounds": ("OX6005", IN_PASS), "dims": ("OX6005", IN_PASS),
    "memory": ("OX6005", IN_PASS), "lie": ("OX6005", IN_PASS), "verdict": ("OX6005", IN_PASS), "give_up": ("OX6006", IN_PASS),
    "crash_init": ("OX6007", "plugin 'bad', init"), "loop_init": ("OX6008", "plugin 'bad', init"),
    "crash_fini": ("OX6007", "plugin 'bad', fini"), "call_init": ("OX6004", "plugin 'bad'"),
    "init": ("OX6004", "plugin 'bad'"), "abi": ("OX6003", "bad.so"), "name": ("OX6004", "bad.so"),
    "size": ("OX6004", "bad.so"), "rules": ("OX6004", "plugin 'bad'"), "clash": ("OX6004", "plugin 'bad'"),
    "roots": ("OX6004", "plugin 'bad'"), "nothing": ("OX6004", "bad.so"),
}


@test
def plugins_that_misbehave(d):
    """Exit 7 with their name, and nothing written."""
    m, out, rep = reluctant(d), os.path.join(d, "out.onnx"), os.path.join(d, "r.json")
    write(out, b"as it was")
    for bad, (code, who) in BAD.items():
        t = time.time()
        r = expect(7, m, out, "--plugin", plugin("bad"), "--passes", "bad_pass", "--repro", "none", "--plugin-timeout", "300ms",
                   "--report", rep, env={"BAD": bad})
        err = r.stderr.decode()
        assert code in err and who in err, f"{bad}: {err}"
        assert not r.stdout, f"{bad}: {r.stdout}"
        assert read(out) == b"as it was", bad
        assert json.loads(read(rep))["exit"] == 7, bad
        no_residue(d, "m.onnx", "out.onnx", "r.json")
        assert time.time() - t < 5, bad
    # what was written is looked at by somebody else
    r = expect(7, m, out, "--plugin", plugin("bad"), env={"BAD": "scribble", "BAD_FOLDER": d})
    assert b"OX6011" in r.stderr and b"'bad'" in r.stderr and not r.stdout, r.stderr
    assert read(out) == b"as it was"
    # two versions, both told
    err = expect(7, m, out, "--plugin", plugin("newer")).stderr.decode()
    assert "OX6003" in err and "version 2" in err and "has 1" in err, err


@test
def plugins_at_random(d):
    """The host called at random: refused, or a sound model, and never a crash or a bug of ours."""
    out = os.path.join(d, "out.onnx")
    small = sorted((f for f in model_files() if f != "st_if_nest_60.onnx"),      # too deep to be read
                   key=lambda f: os.path.getsize(os.path.join(MODELS, f)))[:8]
    refused = 0
    for seed in range(4):
        for f in small:
            r = run(os.path.join(MODELS, f), out, "-q", "--plugin", plugin("monkey"), "--passes", "default,+monkey",
                    env={"MONKEY": str(seed)})
            assert r.returncode == 0 or (r.returncode == 7 and b"OX6005" in r.stderr), (seed, f, r.stderr)
            assert os.path.exists(out) == (r.returncode == 0), (seed, f)
            refused += r.returncode == 7
            if r.returncode == 0:
                expect(0, "check", out, "-q")
                os.remove(out)
    assert 0 < refused < 32, refused


@test
def plugins_may_change_their_mind(d):
    m, out = reluctant(d), os.path.join(d, "out.onnx")
    expect(0, m, out, "--plugin", plugin("bad"), "--passes", "bad_pass", env={"BAD": "undo"})
    assert read(out) == read(m)
    # made for a later version that knows more
    expect(0, m, out, "--plugin", plugin("bad"), env={"BAD": "larger"})
    r = expect(0, m, out, "--plugin", plugin("bad"), "--passes", "bad_pass", env={"BAD": "grow"})
    assert b"OX2102" in r.stderr and b"bad_pass" in r.stderr, r.stderr


@test
def plugins_and_signals(d):
    m, out = reluctant(d), os.path.join(d, "out.onnx")
    p = subprocess.Popen([TOOL, m, out, "--plugin", plugin("bad"), "--passes", "bad_pass"],
                         env=clean_env(BAD="loop"), stderr=subprocess.PIPE)
    time.sleep(0.5)
    p.send_signal(signal.SIGTERM)
    assert p.wait(10) == -signal.SIGTERM
    p.stderr.close()
    no_residue(d, "m.onnx")


def blocks(text):
    """(info, body, start, end) of each fenced block."""
    return [(m[1].strip(), m[2], m.start(2), m.end(2))
            for m in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.M | re.S)]


def transcript(body, d, env):
    """What a terminal shows when the commands of the block are given again."""
    shown, status = "", 0
    for line in re.findall(r"^\$ (.*)$", body, re.M):
        r = subprocess.run(["sh", "-c", f"(exit {status}); {line}"], cwd=d, env=env, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=60)
        status = r.returncode
        shown += f"$ {line}\n" + r.stdout.decode()
    return re.sub(r"\d+\.\d\d s$", "0.01 s", shown, flags=re.M)


@test
def plugins_page(d):
    """docs/plugins.md shows what happens: --bless writes it down."""
    path = os.path.join(ROOT, "docs", "plugins.md")
    text = read(path).decode()
    os.symlink(os.path.abspath(TOOL), os.path.join(d, "onnxopt"))
    env = clean_env(PATH=d + ":" + os.environ["PATH"], C_INCLUDE_PATH=os.path.join(ROOT, "include"), LC_ALL="C")
    new, at = "", 0
    for info, body, start, end in blocks(text):
        words = info.split()
        if len(words) == 2:
            write(os.path.join(d, words[1]), body.encode())
        if words[0] == "console":
            new, at = new + text[at:start] + transcript(body, d, env), end
    new += text[at:]
    if BLESS:
        write(path, new.encode())
    else:
        assert new == text, "docs/plugins.md is not what happens: run.py --bless plugins_page"
    example = read(os.path.join(ROOT, "tests", "plugin", "marker.c")).decode()
    assert example == next(b for i, b, _, _ in blocks(text) if i == "c marker.c"), "marker.c is another one there"



# ---- reduce -------------------------------------------------------------------

def parsed(d, name, text):
    expect(0, "parse", "-", d + "/" + name, data=text.encode())
    return d + "/" + name


def text_of(path, *args):
    return expect(0, "print", path, *args).stdout.decode()


def ops_of(path):
    return re.findall(r" = (\w+)", text_of(path))


def haystack(n, needles):
    """n nodes in three strands with weights of their own, a branch, and the needles somewhere in the middle."""
    lines, last = [], ["x", "x", "x"]
    for i in range(n):
        k = i % 3
        op = needles.get(i, ["Relu", "Neg", "Abs", "Tanh"][i * 7 % 4])
        args = last[k] if i % 5 else f"{last[k]}, w{i}"
        lines.append(f"  v{i} = {op if i % 5 else 'Mul'} ({args})")
        last[k] = f"v{i}"
    inits = ", ".join(f"float[4,8] w{i} = {{{', '.join(['2'] * 32)}}}" for i in range(0, n, 5))
    return ('<ir_version: 8, opset_import: ["" : 17, "other" : 1]>\n'
            f"g (float[N,4,8] x) => (float[N,4,8] y, float[N,4,8] v{n - 1}, float[N,4,8] v{n - 2}) <{inits}> {{\n"
            + "\n".join(lines) + f"\n  y = Sum ({', '.join(last)})\n}}\n")


@test
def reduce_keeps_the_needle(d):
    m = parsed(d, "m.onnx", haystack(400, {201: "Cos"}))
    r = expect(0, "reduce", m, "--test", "grep -q Cos {}", "-o", d + "/s.onnx")
    assert ops_of(d + "/s.onnx") == ["Cos"] and re.search(r"\d+ tests, \d+ of them yes, 0 hung", r.stdout.decode())
    assert re.search(r"^nodes +401 +1 ", r.stdout.decode(), re.M), r.stdout
    text = text_of(d + "/s.onnx")
    assert "(float[N,1,1] v198) => (float[N,1,1] v201)" in text and "other" not in text, text
    expect(0, "check", d + "/s.onnx")
    assert int(re.search(r"(\d+) tests", r.stdout.decode())[1]) < 60, r.stdout
    expect(0, "reduce", m, "--test", "grep -q Cos", "-q", cwd=d)
    assert read(d + "/reduced.onnx") == read(d + "/s.onnx")


@test
def reduce_keeps_needles_that_belong_together(d):
    """What makes the interesting value stays with it: 200 reads 197."""
    m = parsed(d, "m.onnx", haystack(300, {197: "Cos", 200: "Sin" if 200 % 5 else "Mul", 203: "Sin"}))
    probe = f"{TOOL} print {{}} | tr -d '\\n' | grep -q 'v197 = Cos.*v203 = Sin (v200)'"
    expect(0, "reduce", m, "--test", probe, "-o", d + "/s.onnx")
    assert sorted(ops_of(d + "/s.onnx")) == ["Cos", "Sin"], text_of(d + "/s.onnx")


@test
def reduce_steps_over_what_lies_between(d):
    m = parsed(d, "m.onnx", '<ir_version: 8, opset_import: ["" : 17]>\ng (float[3] x) => (float[3] y) {\n  a0 = Cos (x)\n'
               + "".join(f"  a{i + 1} = Relu (a{i})\n" for i in range(40)) + "  y = Sin (a40)\n}\n")
    probe = f"{TOOL} print {{}} | tr -d '\\n' | grep -q '(float[^ ]* x) => (float[^ ]* y).*Cos.*Sin'"
    expect(0, "reduce", m, "--test", probe, "-o", d + "/s.onnx")
    assert ops_of(d + "/s.onnx") == ["Cos", "Sin"], text_of(d + "/s.onnx")


@test
def reduce_weights_and_dims(d):
    text = '<ir_version: 8, opset_import: ["" : 17]>\ng (float[5,64] x) => (float[5,48] y)\n' \
           '<float[64,32] a = {' + ", ".join(map(str, range(2048))) + '}, float[32,48] b = {' \
           + ", ".join(map(str, range(1536))) + '}> {\n  t = MatMul (x, a)\n  y = MatMul (t, b)\n}\n'
    m = parsed(d, "m.onnx", text)
    probe = f"{TOOL} {{}} --passes none -q --assert 'ops.MatMul>=2' --assert 'initializers>=1'"
    expect(0, "reduce", m, "--test", probe, "-o", d + "/s.onnx")
    assert re.search(r"g \(float\[1,1\] x, float\[1,1\] [ab]\) => \(float\[1,1\] y\)\s*<float\[1,1\] [ab] = \{0.0\}>",
                     text_of(d + "/s.onnx")), text_of(d + "/s.onnx")
    expect(0, "check", d + "/s.onnx")


@test
def reduce_in_bodies(d):
    branch = "\n".join(f"      t{i} = {'Cos' if i == 17 else 'Neg'} ({'x' if not i else f't{i - 1}'})" for i in range(30))
    text = '<ir_version: 8, opset_import: ["" : 17]>\ng (bool c, float[3] x) => (float[3] y) {\n  k = Abs (x)\n' \
           '  z = If (c) <then_branch = a () => (float[3] t29) {\n' + branch + '\n  }, else_branch = b () => (float[3] e) {\n' \
           '    e = Tanh (k)\n  }>\n  y = Relu (z)\n}\n'
    m = parsed(d, "m.onnx", text)
    expect(0, "reduce", m, "--test", "grep -q Cos {}", "-o", d + "/s.onnx")
    ops = ops_of(d + "/s.onnx")
    assert ops[0] == "If" and ops.count("Cos") == 1 and "Tanh" not in ops and len(ops) <= 5, text_of(d + "/s.onnx")
    expect(0, "check", d + "/s.onnx")


@test
def reduce_functions(d):
    """Functions that are called stay, others go."""
    text = '<ir_version: 8, opset_import: ["" : 17, "f" : 1]>\ng (float[3] x) => (float[3] y) {\n  a = f.One (x)\n' \
           '  b = f.Two (a)\n  y = f.Three (b)\n}\n' + "".join(
               f'<domain: "f", opset_import: ["" : 17]>\n{n} (x) => (y) {{\n  y = {op} (x)\n}}\n'
               for n, op in (("One", "Neg"), ("Two", "Cos"), ("Three", "Abs")))
    m = parsed(d, "m.onnx", text)
    expect(0, "reduce", m, "--test", "grep -q Cos {}", "-o", d + "/s.onnx")
    text = text_of(d + "/s.onnx")
    assert "f.Two" in text and "One" not in text and "Three" not in text and "Neg" not in text, text
    expect(0, "check", d + "/s.onnx")


@test
def reduce_says_no(d):
    m = parsed(d, "m.onnx", haystack(20, {}))
    write(d + "/s.onnx", b"precious")
    for test, word in (("false", b"does not exit with 0"), ("exit 3", b"does not exit with 0"),
                       ("kill -11 $$", b"signal"), ("sleep 50", b"did not come to its end")):
        r = expect(2, "reduce", m, "--test", test + " #", "-o", d + "/s.onnx", "--timeout", "300ms")
        assert b"OX2020" in r.stderr and word in r.stderr, r.stderr
    expect(2, "reduce", m, "-o", d + "/s.onnx")
    expect(2, "reduce", m, "-o", m, "--test", "true")
    expect(2, "reduce", m, "-o", "-", "--test", "true")
    expect(4, "reduce", d + "/no.onnx", "-o", d + "/s.onnx", "--test", "true")
    expect(3, "reduce", write(d + "/bad.onnx", bad()), "-o", d + "/s.onnx", "--test", "true")
    assert read(d + "/s.onnx") == b"precious"
    no_residue(d, "m.onnx", "bad.onnx", "s.onnx")


@test
def reduce_survives_commands(d):
    """That hang, crash, leave processes and files behind, or need odd paths."""
    m = parsed(d, "m.onnx", haystack(12, {7: "Cos"}))
    tmp = d + "/it's a tmp"
    os.mkdir(tmp)
    env = {"TMPDIR": tmp}
    hang = "case {} in *candidate*) sleep 77.125;; esac; exit 0 #"
    start = time.time()
    r = expect(0, "reduce", m, "--test", hang, "-o", d + "/s.onnx", "--timeout", "50ms", env=env)
    hung = re.search(r"(\d+) tests, 0 of them yes, (\d+) hung", r.stdout.decode())
    assert hung and hung[1] == hung[2] and time.time() - start < 0.5 * int(hung[1]) + 10, r.stdout
    assert sorted(ops_of(d + "/s.onnx")) == sorted(ops_of(m))
    r = expect(0, "reduce", m, "--test", "grep -q Cos {} || kill -9 $$", "-o", d + "/s.onnx", env=env)
    assert ops_of(d + "/s.onnx") == ["Cos"] and not re.search(r" 0 crashed", r.stdout.decode())
    litter = "touch {}.log; (sleep 77.25 &) ; grep -q Cos {}"
    expect(0, "reduce", m, "--test", litter, "-o", d + "/s.onnx", env=env)
    assert ops_of(d + "/s.onnx") == ["Cos"] and os.listdir(tmp) == []
    alive = [p for p in os.listdir("/proc") if p.isdigit() and os.path.exists(f"/proc/{p}/cmdline")
             and b"77.125" in read(f"/proc/{p}/cmdline") + b"77.25" and b"sleep\x0077.125" in read(f"/proc/{p}/cmdline")]
    assert not alive, alive
    expect(4, "reduce", m, "--test", "grep -q Cos {}", "-o", d + "/no/s.onnx", env=env)
    expect(4, "reduce", m, "--test", "grep -q Cos {}", "-o", d + "/t.onnx", env={"TMPDIR": d + "/no"})
    assert os.listdir(tmp) == []


@test
def reduce_is_stopped(d):
    m = parsed(d, "m.onnx", haystack(12, {7: "Cos"}))
    os.mkdir(d + "/tmp")
    hang = f"case {{}} in *candidate*) touch {d}/began; sleep 77.5;; esac #"
    p = subprocess.Popen([TOOL, "reduce", m, "--test", hang, "-o", d + "/s.onnx"], env=clean_env(TMPDIR=d + "/tmp"))
    until = time.time() + 30
    while not os.path.exists(d + "/began") and time.time() < until:
        time.sleep(0.01)
    p.send_signal(signal.SIGTERM)
    assert p.wait(10) == -signal.SIGTERM and os.listdir(d + "/tmp") == [] and not os.path.exists(d + "/s.onnx")


# ---- repro --------------------------------------------------------------------

WRONG = b"""- rule: wrong
  doc: wrong
  numerics: exact
  before: |
    t = Relu (x)
    y = Neg (t)
  after: |
    y = Neg (x)
"""


def long_way(n, middle, after=""):
    """x -> n nodes -> middle (reads a, makes b) -> n nodes -> y"""
    ops = ["Sin", "Tanh", "Atan", "Softsign"]
    lines, last = [], "x"
    for i in range(n):
        lines.append(f"  p{i} = {ops[i % 4]} ({last})")
        last = f"p{i}"
    lines.append(middle.format(a=last, b="mid"))
    last = "mid"
    for i in range(n):
        lines.append(f"  q{i} = {ops[(i + 1) % 4]} ({last})")
        last = f"q{i}"
    return ('<ir_version: 8, opset_import: ["" : 17]>\ng (float[N,3] x) => (float[N,3] y) {\n'
            + "\n".join(lines) + f"\n  y = Identity ({last})\n}}\n" + after)


def story(folder):
    return json.loads(read(folder + "/repro.json"))


@test
def repro_of_a_wrong_window(d):
    m = parsed(d, "m.onnx", long_way(60, "  t = Relu ({a})\n  {b} = Neg (t)"))
    write(d + "/wrong.yaml", WRONG)
    args = [m, d + "/o.onnx", "--passes", "eliminate_identity," + d + "/wrong.yaml", "--seed", "5"]
    r = expect(1, *args)
    assert b"OX5002" in r.stderr and b"repro: " in r.stderr and not os.path.exists(d + "/o.onnx")
    f = d + "/o.repro"
    assert sorted(os.listdir(f)) == ["model.onnx", "pipeline.yaml", "repro.json", "rules.yaml", "test_data_set_0"]
    assert read(f + "/rules.yaml") == WRONG
    assert ops_of(f + "/model.onnx") == ["Relu", "Neg"], text_of(f + "/model.onnx")
    s = story(f)
    assert (s["kind"], s["pass"], s["seed"], s["nodes"]) == ("window", "wrong", 5, 2) and s["test_data_shows_it"]
    assert s["run"]["input_sha256"] == hashlib.sha256(read(m)).hexdigest() and s["run"]["pipeline"] == ["eliminate_identity", "wrong"]
    assert "was" in s["run"]["why"] and "(Neg)" in s["run"]["node"] and s["run"]["rewrite"] >= 1
    # it replays, wherever it lies, and its parts are what they say
    os.rename(f, d + "/moved")
    r = expect(1, "repro", d + "/moved")
    assert b"OX5002" in r.stderr and b"'wrong'" in r.stderr and b"test_data_set_0: " in r.stdout
    expect(0, "check", d + "/moved/model.onnx")
    expect(0, "test-data", d + "/moved/model.onnx", d + "/moved/test_data_set_0")
    expect(1, d + "/moved/model.onnx", d + "/x.onnx", "--passes", d + "/moved/pipeline.yaml", "--seed", "5", "--repro", "none")
    # the rule is mended
    write(d + "/moved/rules.yaml", WRONG.replace(b"y = Neg (x)\n", b"s = Relu (x)\n    y = Neg (s)\n"))
    r = expect(0, "repro", d + "/moved")
    assert b"it fails no longer" in r.stdout, r.stdout


@test
def repro_of_rounding(d):
    """Constants, a wrong factor, a picture that wants a constant."""
    text = '<ir_version: 8, opset_import: ["" : 17]>\ng (float[N,4] x) => (float[N,4] y) <float[4] w = {1, 2, 3, 4}, float[4] v = {5, 6, 7, 8}> {\n' \
           '  a = Tanh (x)\n  b = Mul (a, w)\n  c = Mul (b, v)\n  y = Sin (c)\n}\n'
    m = parsed(d, "m.onnx", text)
    write(d + "/wrong.yaml",
          b"- rule: wrong\n  doc: wrong\n  numerics: reassoc\n  before: |\n    t = Mul (x, w)\n    y = Mul (t, v)\n"
          b"  after: |\n    y = Mul (x, v)\n")
    expect(1, m, d + "/o.onnx", "--passes", d + "/wrong.yaml")
    assert ops_of(d + "/o.repro/model.onnx") == ["Mul", "Mul"] and story(d + "/o.repro")["test_data_shows_it"]
    expect(1, "repro", d + "/o.repro")


@test
def where_a_repro_goes(d):
    m = parsed(d, "m.onnx", long_way(2, "  t = Relu ({a})\n  {b} = Neg (t)"))
    write(d + "/wrong.yaml", WRONG)
    args = ["--passes", d + "/wrong.yaml"]
    # somebody's folder is nobody else's
    os.mkdir(d + "/o.repro")
    write(d + "/o.repro/precious", b"precious")
    for _ in range(2):
        r = expect(1, m, d + "/o.onnx", *args)
        assert b"o.repro.1" in r.stderr, r.stderr
    assert os.listdir(d + "/o.repro") == ["precious"] and not os.path.exists(d + "/o.repro.2")
    # ours is filled anew, and what was added stays
    write(d + "/o.repro.1/notes.txt", b"mine")
    write(d + "/o.repro.1/test_data_set_0/input_1.pb", b"old")
    expect(1, m, d + "/o.onnx", *args)
    assert read(d + "/o.repro.1/notes.txt") == b"mine" and sorted(os.listdir(d + "/o.repro.1/test_data_set_0")) == ["input_0.pb", "output_0.pb"]
    # asked for: there or nowhere
    r = expect(1, m, d + "/o.onnx", *args, "--repro", d + "/o.repro")
    assert b"warning[OX5010]" in r.stderr and os.listdir(d + "/o.repro") == ["precious"]
    os.mkdir(d + "/empty")
    expect(1, m, d + "/o.onnx", *args, "--repro", d + "/empty")
    expect(1, "repro", d + "/empty")
    r = expect(1, m, d + "/o.onnx", *args, "--repro", d + "/no/where")
    assert b"warning[OX5010]" in r.stderr
    # no output, no folder; unless asked for
    before = sorted(os.listdir(d))
    expect(1, m, *args, cwd=d)
    expect(1, m, d + "/none.onnx", *args, "--repro", "none")
    assert sorted(os.listdir(d)) == before
    expect(1, m, *args, "--repro", d + "/asked")
    expect(1, "repro", d + "/asked", "-q")


@test
def repro_folders_that_are_bad(d):
    m = parsed(d, "m.onnx", long_way(2, "  t = Relu ({a})\n  {b} = Neg (t)"))
    write(d + "/wrong.yaml", WRONG)
    expect(1, m, d + "/o.onnx", "--passes", d + "/wrong.yaml")
    f, good = d + "/o.repro", {}
    for name in ("repro.json", "model.onnx", "pipeline.yaml", "rules.yaml", "test_data_set_0/input_0.pb"):
        good[name] = read(f + "/" + name)

    def with_(name, data, code, word=b""):
        write(f + "/" + name, data)
        r = expect(code, "repro", f)
        assert word in r.stderr, (name, data[:60], r.stderr)
        write(f + "/" + name, good[name])

    expect(4, "repro", d + "/no")
    expect(4, "repro", m)
    for name in good:
        os.rename(f + "/" + name, d + "/away")
        expect(4, "repro", f)
        os.rename(d + "/away", f + "/" + name)
    j = good["repro.json"]
    with_("repro.json", b"", 2, b"OX2021")
    with_("repro.json", b"[" * 100000, 2, b"OX2021")
    with_("repro.json", b'{"a":' * 5000 + b"1" + b"}" * 5000, 2, b"OX2021")
    with_("repro.json", b"{}", 2, b"tool")
    with_("repro.json", j + b"x", 2, b"byte")
    with_("repro.json", b" " * (2 << 20), 2, b"larger")
    with_("repro.json", j.replace(b'"window"', b'"door"'), 2, b"kind")
    with_("repro.json", j.replace(b'"pass": "wrong"', b'"pass": "other"'), 2, b"other")
    with_("repro.json", j.replace(b'"pass": "wrong"', b'"pass": 7'), 2, b"pass")
    with_("pipeline.yaml", b"- nonsense: [", 2)
    with_("pipeline.yaml", b"version: 1\npasses: [no_such_pass]\n", 2, b"no_such_pass")
    with_("rules.yaml", b"- rule: wrong\n", 2)
    with_("model.onnx", good["model.onnx"][:-9], 3)
    with_("model.onnx", b"", 3)
    with_("test_data_set_0/input_0.pb", b"\x08\xff", 3)
    with_("test_data_set_0/input_0.pb", ob.tensor("x", [2], b"12345678"), 2, b"OX2012")
    for i in range(0, len(j), 7):
        write(f + "/repro.json", j[:i])
        assert b"OX2021" in expect(2, "repro", f).stderr
    for i in range(0, len(j), 13):
        write(f + "/repro.json", j[:i] + b'\\"' + j[i + 1:])
        assert run("repro", f).returncode in (0, 1, 2)
    write(f + "/repro.json", j)
    expect(1, "repro", f)


# ---- bisect -------------------------------------------------------------------

@test
def bisect_by_comparison(d):
    """The wrong rewrite is one of many; the windows are not asked."""
    middle = "  t = Relu ({a})\n  s = Identity (t)\n  {b} = Neg (s)"
    text = long_way(40, middle).replace(") => (float[N,3] y) {\n", ") => (float[N,3] y) {\n" + "".join(
        f"  i{i} = Identity ({'x' if not i else f'i{i - 1}'})\n" for i in range(30))).replace("p0 = Sin (x)", "p0 = Sin (i29)")
    m = parsed(d, "m.onnx", text)
    write(d + "/wrong.yaml", WRONG)
    args = [m, "--passes", "eliminate_identity," + d + "/wrong.yaml"]
    r = expect(1, "bisect", *args)
    told = re.search(r"OX5002\]: pass 'wrong', rewrite (\d+) at graph 'g' node \d+ \(Neg\): output 'y': ", r.stderr.decode())
    assert told and "not the only one" not in r.stderr.decode(), r.stderr
    runs = re.search(rf"^{told[1]} of 33 rewrites is the first that is wrong; found in (\d+) runs$", r.stdout.decode(), re.M)
    assert runs and int(runs[1]) <= 10, r.stdout
    # it is that one: with fewer rewrites the result is right, with it wrong
    for limit, code in ((int(told[1]) - 1, 0), (int(told[1]), 1)):
        expect(0, *args, d + "/o.onnx", "--check", "off", "--rewrite-limit", str(limit))
        expect(code, "verify", m, d + "/o.onnx")
    # written beside the model; it replays
    f = d + "/m.repro"
    assert (story(f)["kind"], story(f)["pass"]) == ("whole", "wrong") and story(f)["run"]["rewrite"] == int(told[1])
    assert ops_of(f + "/model.onnx") == ["Relu", "Neg"], text_of(f + "/model.onnx")
    r = expect(1, "repro", f)
    assert b"OX5001" in r.stderr and b"'wrong'" in r.stderr
    write(f + "/rules.yaml", WRONG.replace(b"y = Neg (x)\n", b"s = Relu (x)\n    y = Neg (s)\n"))
    expect(0, "repro", f)
    # nothing is wrong
    r = expect(0, "bisect", m, "--passes", "eliminate_identity")
    assert b"computes the same on" in r.stdout
    assert expect(0, "bisect", m, "--passes", "none").stdout.startswith(b"0 rewrites")


@test
def bisect_of_two(d):
    """Two that are wrong: the first is found, and said not to be alone."""
    m = parsed(d, "m.onnx", long_way(3, "  t = Relu ({a})\n  c = Neg (t)\n  e = Sin (c)\n  f = Relu (e)\n  {b} = Neg (f)"))
    write(d + "/wrong.yaml", WRONG)
    r = expect(1, "bisect", m, "--passes", d + "/wrong.yaml", "--repro", "none")
    assert b"rewrite 1 " in r.stderr and b"not the only one" in r.stderr and b"1 of 2 rewrites" in r.stdout
    assert not os.path.exists(d + "/m.repro")


@test
def bisect_by_command(d):
    m = parsed(d, "m.onnx", long_way(20, "  i = Identity ({a})\n  j = Identity (i)\n  t = Relu (j)\n  {b} = Neg (t)"))
    write(d + "/rule.yaml", WRONG)
    args = ["bisect", m, "--passes", "eliminate_identity," + d + "/rule.yaml"]
    r = expect(1, *args, "--test", "grep -q Relu {}")
    assert b"pass 'wrong'" in r.stderr and b"the command says no" in r.stderr, r.stderr
    assert story(d + "/m.repro")["kind"] == "command" and "Relu" in ops_of(d + "/m.repro/model.onnx")
    r = expect(1, "repro", d + "/m.repro")        # what shows on numbers is told even so
    assert b"test_data_set_0" in r.stdout
    r = expect(1, *args, "--test", f"test $({TOOL} print {{}} | grep -c Identity) -ge 2", "--repro", "none")
    assert b"pass 'eliminate_identity'" in r.stderr
    r = expect(2, *args, "--test", "false")
    assert b"OX2020" in r.stderr
    r = expect(0, *args, "--test", "true")
    assert b"says yes to the result" in r.stdout
    expect(2, "bisect", "-", "--test", "true")
    expect(4, "bisect", d + "/no.onnx")
    expect(2, "bisect", m, "--passes", "no_such_pass")
    expect(1, *args, "--test", "case $(grep -c Relu {}) in 0) sleep 70;; esac", "--timeout", "300ms", "--repro", "none")


@test
def the_whole_model_finds_the_rewrite(d):
    """What no window saw (they are switched off) is found, shown, or left out."""
    m = parsed(d, "m.onnx", long_way(9, "  i = Identity ({a})\n  t = Relu (i)\n  c = Neg (t)\n  e = Sin (c)\n  f = Abs (e)\n  g = Relu (f)\n  h = Sin (g)\n"
                                        "  k = Relu (h)\n  {b} = Neg (k)"))
    write(d + "/wrong.yaml", WRONG)
    args = [m, d + "/o.onnx", "--passes", "eliminate_identity," + d + "/wrong.yaml"]
    env = {"ONNXOPT_WINDOWS": "0"}
    r = expect(1, *args, env=env)
    err = r.stderr.decode()
    assert "OX5005" in err and re.search(r"OX5002\]: pass 'wrong', rewrite \d+ at graph 'g' node \d+ \(Neg\): output 'y': ", err), err
    assert not os.path.exists(d + "/o.onnx") and story(d + "/o.repro")["kind"] == "whole"
    assert ops_of(d + "/o.repro/model.onnx") == ["Relu", "Neg"]
    expect(1, "repro", d + "/o.repro")
    shutil.rmtree(d + "/o.repro")
    r = expect(0, *args, "--on-mismatch", "rollback", "--report", d + "/r.json", env=env)
    assert r.stderr.count(b"warning[OX5004]") >= 1 and b"'wrong'" in r.stderr and b"error" not in r.stderr, r.stderr
    expect(0, "verify", m, d + "/o.onnx")
    assert "Identity" not in ops_of(d + "/o.onnx")[:-1] and not os.path.exists(d + "/o.repro")
    assert json.loads(read(d + "/r.json"))["verification"]["verdict"] != "FAIL"


BRANCHES = '<ir_version: 8, opset_import: ["" : 17]>\n' "g (float[2,3] x, bool c) => (float[n,m,k] y) <int64[1] a = {0}, bool[1] b = {1}> {\n" \
                  " y = If (c) <then_branch = t () => (u) { i = Identity (a)  u = Unsqueeze (x, i) },\n" \
                  "  else_branch = e () => (v) { j = Identity (%s)  z = Unsqueeze (x, j)  v = Relu (z) }>\n}\n"


@test
def element_types_that_no_operator_takes(d):
    """In a branch that no sample enters: check tells of it, and a result that has it is refused."""
    for name, axes in (("good", "a"), ("bad", "b")):
        expect(0, "parse", "-", f"{d}/{name}.onnx", data=(BRANCHES % axes).encode())
    text = b"Unsqueeze does not take bool as input 1"
    r = expect(0, "check", d + "/good.onnx", d + "/bad.onnx")
    assert r.stderr.count(b"OX3315") == 1 and text in r.stderr, r.stderr
    false = d + "/c.npy"
    write(false, npy("|b1", (), b"\1"))
    r = expect(1, "verify", d + "/good.onnx", d + "/bad.onnx", "--inputs", "c:" + false)
    assert b"error[OX5001]" in r.stderr and text in r.stderr, r.stderr
    # what the first has, the second may have
    expect(0, "verify", d + "/bad.onnx", d + "/bad.onnx", "--inputs", "c:" + false)
    expect(0, d + "/bad.onnx", d + "/o.onnx", "--inputs", "c:" + false)


@test
def two_models_compared(d):
    def model(name, body, ports="(float[N,3] x) => (float[N,3] y)"):
        text = f'<ir_version: 8, opset_import: ["" : 17]>\ng {ports} {body}\n'
        expect(0, "parse", "-", f"{d}/{name}.onnx", data=text.encode())
        return f"{d}/{name}.onnx"
    a = model("a", "{ t = Mul (x, x)  y = Sqrt (t) }")
    r = expect(0, "verify", a, model("b", "{ y = Abs (x) }"))
    assert b"the same on 3 samples" in r.stdout and b"float[" in r.stdout
    wrong = model("c", "{ y = Relu (x) }")
    r = expect(1, "verify", a, wrong, "--json")
    told = json.loads(r.stdout)
    assert told["verdict"] == "FAIL" and told["outputs"][0]["wrong"] > 0 and b"OX5001" in r.stderr
    assert told == json.loads(expect(1, "verify", a, wrong, "--json").stdout)
    assert json.loads(expect(1, "verify", a, wrong, "--json", "--seed", "7").stdout) != told
    # only where it is asked for: a sixth of a unit is within the tolerance
    near = model("e", "<float k = {1.00001}> { t = Abs (x)  y = Mul (t, k) }")
    expect(0, "verify", a, near)
    expect(1, "verify", a, near, "--rtol", "0", "--atol", "0")
    r = expect(1, "verify", a, model("f", "{ z = Abs (x) }", "(float[N,3] x) => (float[N,3] z)"))
    assert b"output 'y': is called 'z' there" in r.stderr
    r = expect(1, "verify", a, model("h", "{ y = Abs (x) }", "(double[N,3] x) => (double[N,3] y)"))
    assert b"input 'x': float[N,3], and double[N,3] there" in r.stderr
    # a weight that is an input in one of them: computed with its default, and counted
    weights = "<float[3] w = {{1, 2, {}}}> {{ y = Add (x, w) }}"
    listed = model("w", weights.format(3), "(float[N,3] x, float[3] w) => (float[N,3] y)")
    r = expect(0, "verify", listed, model("k", weights.format(3)), "--json")
    assert json.loads(r.stdout)["defaults_lost"] == 1, r.stdout
    assert b"1 input with a default is none there" in expect(0, "verify", listed, model("k", weights.format(3))).stdout
    expect(0, "verify", model("k", weights.format(3)), listed)
    wanted = model("v", "{ y = Add (x, w) }", "(float[N,3] x, float[3] w) => (float[N,3] y)")
    assert b"input 'w': has a default, and none there" in expect(1, "verify", listed, wanted).stderr
    expect(0, "verify", wanted, listed)
    expect(1, "verify", listed, model("l", weights.format(4)))
    r = expect(1, "verify", listed, model("n", "{ y = Add (x, w) }", "(float[N,3] x, float[3] w, float v) => (float[N,3] y)"))
    assert b"2 inputs and 1 outputs, and 3 and 1 there" in r.stderr, r.stderr
    no = model("i", "<float[2] k = {1, 2}> { y = Add (x, k) }")
    r = expect(6, "verify", no, no)
    assert b"OX5003" in r.stderr and b"not compared" in r.stdout



def optimized(d, text, *args, code=0):
    """Parses a model, optimizes it, and gives the JSON report."""
    expect(0, "parse", "-", d + "/in.onnx", data=text.encode())
    r = expect(code, d + "/in.onnx", d + "/out.onnx", "--report", d + "/r.json", *args)
    return r, json.loads(read(d + "/r.json"))["verification"]["whole"]


HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
EXACT = HEAD + "g (float[N,3] x) => (float[N,3] y) { t = Identity (x)  y = Mul (t, t) }"
ROUNDED = HEAD + "g (float[N,3] x) => (float[N,2] y) <float[3,2] w = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}, float[2] k = {0.3, 0.7}>\n" \
                 "{ t = MatMul (x, w)  y = Mul (t, k) }"


@test
def the_whole_model(d):
    """Original and result on the same samples: levels, samples, the last line, the report."""
    r, whole = optimized(d, EXACT)
    assert b"+ 1 end-to-end sample" in r.stdout, r.stdout
    assert (whole["verdict"], whole["valid"], whole["samples"]) == ("pass-exact", 1, 1)
    assert whole["outputs"][0]["equal_bits"] == whole["outputs"][0]["elements"] > 0
    r, whole = optimized(d, ROUNDED, "--samples", "2")
    assert whole["verdict"] == "pass-within-bound" and whole["valid"] == 2 and whole["outputs"][0]["bound"] == "table"
    assert b"+ 2 end-to-end samples, max 0." in r.stdout, r.stdout
    r, whole = optimized(d, ROUNDED, "--check", "full")
    # three sizes, three values for each, and N = 0
    assert whole["valid"] == 10 and whole["outputs"][0]["bound"] == "floor" and whole["outputs"][0]["floor"] > 0
    assert whole["outputs"][0]["of_bound"] < 1
    for level in ("off", "structural"):
        r, whole = optimized(d, ROUNDED, "--check", level)
        assert whole is None and f"(--check {level})".encode() in r.stdout and b"end-to-end" not in r.stdout
    optimized(d, ROUNDED, "--check", "strict,full", "--fail-on", "unverified")
    optimized(d, ROUNDED, "--check", "off", "--fail-on", "unverified", code=1)
    r, whole = optimized(d, ROUNDED, "--check-budget", "0ms")
    assert whole["verdict"] == "unverified" and b"+ 0 end-to-end samples, unverified: " in r.stdout
    optimized(d, ROUNDED, "--check-budget", "0ms", "--check", "strict")
    os.remove(d + "/out.onnx")
    r, _ = optimized(d, ROUNDED, "--check-budget", "0ms", "--check", "strict,full", code=6)
    assert b"OX5006" in r.stderr and not os.path.exists(d + "/out.onnx")
    r, _ = optimized(d, ROUNDED, "--check-budget", "0ms", "--fail-on", "unverified", code=1)
    assert b"OX2007" in r.stderr and not os.path.exists(d + "/out.onnx")
    # what is given replaces what is made up, and the table
    write(d + "/x.npy", npy("<f4", (1, 3), struct.pack("<3f", 1, 2, 3)))
    r, whole = optimized(d, ROUNDED, "--inputs", d + "/x.npy", "--rtol", "1e-3", "--atol", "0")
    assert whole["valid"] == 1 and whole["outputs"][0]["type"] == "float[1,2]" and (whole["rtol"], whole["atol"]) == (1e-3, 0)
    r, _ = optimized(d, ROUNDED, "--inputs", d + "/nothing.npy", code=4)
    # nothing changed: nothing to compare
    r, whole = optimized(d, HEAD + "g (float[N,3] x) => (float[N,3] y) { y = Neg (x) }")
    assert whole is None and b"end-to-end" not in r.stdout
    # no sample
    r, whole = optimized(d, HEAD + "g (float[N,3] x) => (float[N,2] y) <float[2] k = {1, 2}> { t = Identity (x)  y = Add (t, k) }")
    assert whole["verdict"] == "unverified" and whole["discarded"] == 1 and "Add" in whole["why"]
    assert b"(1 without a result)" in r.stdout
    # inputs of 16 GiB are not made up to measure them
    measured = HEAD + "g (float[65536,65536] x) => (int64[2] y) { t = Identity (x)  y = Shape (t) }"
    r, whole = optimized(d, measured, "--passes", "none,eliminate_identity")
    assert whole["verdict"] == "unverified" and whole["why"] == "its inputs are too large", whole


@test
def the_whole_model_differs(d):
    """A wrong rewrite of a constant too large for a window is found at the end; nothing is written."""
    n = 2049 * 2048
    w = struct.pack("<64f", *[1 + i / 64 for i in range(64)]) * (n // 64)
    g = ob.graph([ob.node("Neg", ["x"], ["n"]), ob.node("Mul", ["n", "w"], ["t"]), ob.node("ReduceSum", ["t"], ["y"])],
                 [ob.value("x", ["N", 1, 1])], [ob.value("y", [1, 1, 1])], inits=[ob.tensor("w", [2049, 2048], w)])
    write(d + "/m.onnx", ob.model(g))
    rule = "- rule: wrong\n  doc: wrong\n  numerics: %s\n  before: |\n    n = Neg (x)\n    t = Mul (n, w)\n"\
           "  after: |\n    t = Mul (x, w)\n"
    for numerics in ("exact", "const_rounding"):
        write(d + "/wrong.yaml", (rule % numerics).encode())
        args = [d + "/m.onnx", d + "/o.onnx", "--passes", d + "/wrong.yaml", "--report", d + "/r.json", "--check-budget", "20s"]
        r = expect(1, *args)
        assert b"error[OX5005]: output 'y': sample 0: element 0 is " in r.stderr and not os.path.exists(d + "/o.onnx"), r.stderr
        told = json.loads(read(d + "/r.json"))
        assert told["verification"]["whole"]["verdict"] == "FAIL" and not told["output"]["written"] and told["exit"] == 1
        validate(told, json.load(open(os.path.join(ROOT, "docs", "report.schema.json"))))
    expect(0, *args, "--check", "structural")


def ramp(name, *dims):
    count = 1
    for n in dims:
        count *= n
    return f"float[{','.join(map(str, dims))}] {name} = {{{', '.join(str(i * 7 % 11 / 8 - 0.5) for i in range(count))}}}"


# Something that has two ranks, one after the other.
OF_NO_RANK = "i = If (c) <then_branch = t () => (u) { u = Unsqueeze (x, zero) }, else_branch = e () => (v) { v = Identity (x) }>"

# name: passes, model, a wrong rule for the result, before and after
FITTING = {
    "a kernel longer than all sizes": (
        "eliminate_nop_cast", "g (float[N] x, bool c) => (y) <int64[2] a = {0, 1}, " + ramp("w", 2, 1, 300) + ">\n"
        "{ y = If (c) <then_branch = t () => (v) { u = Unsqueeze (x, a)  f = Conv <strides = [128]> (u, w)  o = Cast <to = 1> (f)\n"
        "  p = Identity (o)  v = Exp (p) }, else_branch = e () => (i) { i = Identity (x) }> }",
        "p = Identity (o)\n    y = Exp (p)", "y = Abs (o)"),
    "an LSTM of no rank": (
        "eliminate_unused_optional_output", "g (float[N,3] x, bool c) => (y) <int64[1] zero = {0}, int64[1] axes = {0}, " + ramp("w", 1, 16, 3) + ", " + ramp("r", 1, 16, 4)
        + "> {\n  " + OF_NO_RANK + "\n  j = Unsqueeze (i, axes)\n  p = Identity (j)\n  y, k, l = LSTM <hidden_size = 4> (p, w, r)\n}",
        "p = Identity (j)\n    y = LSTM <hidden_size = 4> (p, w, r)", "n = Neg (w)\n    y = LSTM <hidden_size = 4> (j, n, r)\n  when: is_const(w)"),
    "a picture of no rank": (
        "fuse_mul_into_conv", "g (float[N,3,H] x, bool c) => (y) <int64[1] zero = {3}, float k = {2}, " + ramp("w", 2, 3, 1, 1) + "> {\n  "
        + OF_NO_RANK + "\n  p = Identity (i)\n  f = Conv (p, w)\n  y = Mul (f, k)\n}",
        "p = Identity (i)\n    y = Conv (p, w)", "y = Conv <pads = [1, 0, 1, 0]> (i, w)"),
    "a shape of a large picture": (
        "fuse_concat_into_reshape", "g (float[N,240,320,32] x) => (y) <int64[1] o = {0}, int64[1] e = {3}, int64[1] k = {32}>\n"
        "{ s = Shape (x)  a = Slice (s, o, e)  p = ReduceProd (a)  c = Concat <axis = 0> (k, p)  i = Identity (x)  y = Reshape (i, c) }",
        "i = Identity (x)\n    y = Reshape (i, c)", "y = Reshape (x, [-1, 32])"),
    "sizes that divide": (
        "fuse_concat_into_reshape", "g (float[N,M,K] x) => (y) <int64 o = {0}, int64[1] a = {0}, int64[2] k = {8, -1}>\n"
        "{ s = Shape (x)  f = Gather (s, o)  u = Unsqueeze (f, a)  c = Concat <axis = 0> (u, k)  i = Identity (x)  y = Reshape (i, c) }",
        "i = Identity (x)\n    y = Reshape (i, c)", "y = Reshape (x, [0, -1, 8])"),
    "a sequence": (
        "eliminate_sequence_ops", "g (float[N,3] x, float[N,3] z) => (y) { q = SequenceConstruct (x, z)  y = ConcatFromSequence <axis = 0> (q) }", "", ""),
    "what elsewhere must be large": (
        "fuse_mul_into_conv", "g (float[N,192,H] x) => (y, t) <float k = {2}, " + ramp("v", 1, 192, 300) + ", " + ramp("w", 192, 192, 3) + ">\n"
        "{ t = Conv (x, v)  i = Identity (x)  f = Conv (i, w)  y = Mul (f, k) }", "i = Identity (x)\n    y = Conv (i, w)", "y = Conv <dilations = [2]> (x, w)"),
    "a branch that is never taken": (
        "eliminate_if_with_const_cond", "g (float[N,2100,2100] x) => (y) <bool c = {1}, int64[3] k = {-1, 2100, 2100}>\n"
        "{ y = If (c) <then_branch = t () => (u) { u = Relu (x) }, else_branch = e () => (v) { q = Reshape (x, k)  v = Neg (q) }> }",
        "", ""),
}


@test
def windows_that_fit(d):
    """Samples are found where sizes have to fit one another; and with them a wrong rule is."""
    for name, (passes, text, before, after) in FITTING.items():
        expect(0, "parse", "-", d + "/in.onnx", data=('<ir_version: 8, opset_import: ["" : 17]>\n' + text).encode())
        r = expect(0, d + "/in.onnx", d + "/o.onnx", "--passes", passes, "--check", "strict", "--check-budget", "0s")
        assert b"verified: 1 rewrite " in r.stdout, (name, r.stdout)
        if before:
            write(d + "/wrong.yaml", f"- rule: wrong\n  doc: wrong\n  numerics: reassoc\n  before: |\n    {before}\n  after: |\n    {after}\n".encode())
            r = expect(1, d + "/o.onnx", d + "/w.onnx", "--passes", "none," + d + "/wrong.yaml", "--check-budget", "0s", "--repro", "none")
            assert b"OX5002" in r.stderr, (name, r.stderr)


@test
def many_readers_of_weights(d):
    """Another IR version touches every node that reads a weight, and no computation."""
    nodes = [ob.node("Add", ["x" if not i else f"v{i}", "w"], [f"v{i + 1}"]) for i in range(700)]
    g = ob.graph(nodes, [ob.value("x", [3]), ob.value("w", [3])], [ob.value("v700", [3])], inits=[ob.tensor("w", [3], struct.pack("<3f", 1, 2, 3))])
    write(d + "/m.onnx", ob.model(g, ir=3))
    r = expect(0, d + "/m.onnx", d + "/o.onnx", "--passes", "raise_ir_version", "--check", "strict")
    assert b"verified: 1 rewrite (1 proved)" in r.stdout, r.stdout


@test
def recipe_of_the_readme(d):
    """The line under "In CI", as it stands there."""
    line = re.search(r"^    (onnxopt model.onnx slim.onnx .*)$", read(os.path.join(ROOT, "README.md")).decode(), re.M).group(1)
    shutil.copy(os.path.join(MODELS, "distilbert_dynamic_nofold_narrow.onnx"), d + "/model.onnx")
    r = subprocess.run(line.replace("onnxopt ", os.path.abspath(TOOL) + " ", 1), shell=True, cwd=d, env=clean_env(), capture_output=True)
    assert r.returncode == 0, r.stderr
    told = json.loads(read(d + "/report.json"))["verification"]
    assert told["check"] == "strict" and told["verdict"] == "pass-within-bound" and told["whole"]["valid"] == 1


@test
def wrong_rewrites(d):
    """Found, and nothing written; or left out, and the rest done."""
    text = '<ir_version: 8, opset_import: ["" : 17]>\ng (float[N,3] x) => (float[N,3] y) {\n' \
           '  t = Identity (x)\n  u = Relu (t)\n  v = Neg (u)\n  y = Abs (v)\n}\n'
    expect(0, "parse", "-", d + "/m.onnx", data=text.encode())
    write(d + "/wrong.yaml", b"- rule: wrong\n  doc: wrong\n  numerics: exact\n  before: |\n    t = Relu (x)\n    y = Neg (t)\n"
                             b"  after: |\n    y = Neg (x)\n")
    args = [d + "/m.onnx", d + "/o.onnx", "--passes", "eliminate_identity," + d + "/wrong.yaml"]
    r = expect(1, *args)
    assert b"OX5002" in r.stderr and b"'wrong'" in r.stderr and not os.path.exists(d + "/o.onnx")
    r = expect(0, *args, "--on-mismatch", "rollback", "--report", d + "/r.json")
    assert b"warning[OX5004]" in r.stderr
    told = json.loads(read(d + "/r.json"))
    assert told["verification"]["rewrites"]["fail"] == 0 and told["verification"]["verdict"] != "FAIL"
    assert sum(told["verification"]["rewrites"].values()) == told["run"]["rewrites"] > 0
    expect(0, "verify", d + "/m.onnx", d + "/o.onnx")
    expect(0, *args, "--check", "off")
    expect(1, "verify", d + "/m.onnx", d + "/o.onnx")


def main():
    global TOOL, BLESS
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tool", required=True)
    p.add_argument("--bless", action="store_true")
    p.add_argument("names", nargs="*")
    a = p.parse_args()
    TOOL, BLESS = os.path.abspath(a.tool), a.bless
    failed = ran = 0
    for f in TESTS:
        if a.names and f.__name__ not in a.names:
            continue
        ran += 1
        d = tempfile.mkdtemp()
        try:
            f(d)
        except Exception:
            failed += 1
            print(f"FAIL {f.__name__}")
            traceback.print_exc(file=sys.stdout)
        finally:
            shutil.rmtree(d, ignore_errors=True)
    print(f"{ran - failed} passed, {failed} failed")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
