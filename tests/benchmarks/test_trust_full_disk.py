"""The disk is full at the wanted call, in whatever process of a run it comes; moments are spread evenly; outcomes are judged."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.trust_fork import KILLED, Told
from benchmarks.trust_full_disk import FOREVER, STATE, FullDisk, build, environment, moments, outcome

WRITER = """
import os, subprocess, sys
def attempt(name, action):
    try:
        action()
    except OSError as error:
        print(name, error.errno)
    else:
        print(name, "fine")
    sys.stdout.flush()
folder = sys.argv[1]
attempt("make", lambda: open(folder + "/a", "wb").close())
file = open(folder + "/a", "ab", buffering=0)
attempt("write", lambda: file.write(b"x"))
attempt("flush", lambda: os.fsync(file.fileno()))
attempt("move", lambda: os.rename(folder + "/a", folder + "/b"))
attempt("read", lambda: open(folder + "/b").read())
attempt("null", lambda: open("/dev/null", "w").write("x"))
subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1], 'wb', 0).write(b'child')", folder + "/c"], stderr=subprocess.DEVNULL)
print("child", os.path.exists(folder + "/c") and os.path.getsize(folder + "/c"))
"""
"""What takes space: a file made, a write, a flush, a move; in the child a file made and a write."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


@pytest.mark.parametrize(("first", "last", "told"), [
    (0, FOREVER, ["make fine", "write fine", "flush fine", "move fine", "read fine", "null fine", "child 5"]),
    (1, 1, ["make 28"]),
    (2, 2, ["make fine", "write 28", "flush fine", "move fine", "read fine", "null fine", "child 5"]),
    (3, 3, ["make fine", "write fine", "flush 28", "move fine", "read fine", "null fine", "child 5"]),
    (4, 4, ["make fine", "write fine", "flush fine", "move 28"]),
    (5, 5, ["make fine", "write fine", "flush fine", "move fine", "read fine", "null fine", "child False"]),
    (6, 6, ["make fine", "write fine", "flush fine", "move fine", "read fine", "null fine", "child 0"]),
    (2, FOREVER, ["make fine", "write 28", "flush 28", "move 28"]),
])
def test_the_wanted_call_fails(
    first: int, last: int, told: list[str], library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    around = environment(library, tmp_path)
    monkeypatch.setenv(STATE, around[STATE])
    disk = FullDisk(library)
    disk.set(first, last)
    (tmp_path / "files").mkdir()
    ran = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path / "files")], env=around | {"FULL_DISK_ARMED": "1"},
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    assert ran.stdout.splitlines()[:len(told)] == told
    if first == 0:
        assert (disk.calls, disk.failed) == (6, 0)
    elif first == last:
        assert disk.failed == 1
    if (first, last) == (4, 4):
        assert disk.what == f"rename {tmp_path / 'files' / 'b'}"


def test_nothing_is_counted_unarmed(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = environment(library, tmp_path)
    monkeypatch.setenv(STATE, around[STATE])
    disk = FullDisk(library)
    disk.set(1)
    subprocess.run([sys.executable, "-c", "import sys; open(sys.argv[1], 'w').write('x')", str(tmp_path / "x")], env=around, check=True)
    assert (disk.calls, disk.failed, os.path.getsize(tmp_path / "x")) == (0, 0, 1)


@pytest.mark.parametrize(("calls", "count", "found"), [
    ([2, 3], 9, [[1, 2], [1, 2, 3]]),
    ([100, 1], 3, [[1, 50, 100], [1]]),
    ([10, 10], 4, [[1, 10], [1, 10]]),
    ([0, 4], 2, [[], [1, 4]]),
])
def test_moments(calls: list[int], count: int, found: list[list[int]]) -> None:
    assert moments(calls, count) == found


FINE, FULL = Told(0, "out", "", 0), Told(1, "", "offramp: the disk is full while writing x\n", 0)


@pytest.mark.parametrize(("told", "differing", "again", "differing_again", "left", "found"), [
    (FULL, [], FINE, [], [], "told"),
    (FINE, [], FINE, [], [], "completed"),
    (FINE, ["rtl"], FINE, [], [], "other results without a word: rtl"),
    (Told(1, "", "offramp: something\n", 0), [], FINE, [], [], "does not say that the disk is full"),
    (Told(1, "", "Traceback\n", 0), [], FINE, [], [], "traceback"),
    (Told(KILLED, "", "", 0), [], FINE, [], [], "does not end"),
    (FULL, [], FULL, [], [], "the next run fails"),
    (FULL, [], FINE, ["a"], [], "the next run's results differ: a"),
    (FULL, [], FINE, [], [".a.tmp"], "left over: .a.tmp"),
])
def test_outcomes(
    told: Told, differing: list[str], again: Told, differing_again: list[str], left: list[str], found: str
) -> None:
    assert outcome(told, differing, again, differing_again, left) == found
