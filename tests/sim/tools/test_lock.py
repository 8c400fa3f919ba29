"""A lock file: one holder at a time, whoever it is, and a dead one is not in the way."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sim.tools import lock

HOLDER = """
import pathlib, sys, time
from sim.tools.lock import locked
with locked(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    other = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield other
    finally:
        other.kill()
        other.wait(10)


def test_a_lock_that_is_held_is_waited_for_and_the_wait_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, told = tmp_path / "lock", []

    @contextmanager
    def waiting() -> Iterator[None]:
        told.append("waits")
        os.kill(other.pid, signal.SIGKILL)
        yield
        told.append("goes on")

    with holder(path) as other:
        monkeypatch.setattr(lock, "waiting", waiting)
        with lock.locked(path):
            assert told == ["waits", "goes on"]
    with lock.locked(path):
        assert told == ["waits", "goes on"]


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "lock", [0], [0]

    def work() -> None:
        for _ in range(50):
            with lock.locked(path):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_an_error_inside_gives_the_lock_back(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), lock.locked(tmp_path / "lock"):
        raise ValueError("inside")
    with lock.locked(tmp_path / "lock"):
        pass
