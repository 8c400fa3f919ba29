"""A long program is followed, and however the wait for it ends, none of its processes is left."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from build_flows.board.follow import run_followed

SLOW = """
import os, subprocess, sys, time
from pathlib import Path
more = [subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=apart) for apart in (False, True)]
Path("processes").write_text(" ".join(str(item) for item in (os.getpid(), *(child.pid for child in more))))
time.sleep(300)
"""


def alive(process: int) -> bool:
    """Whether a process of that number runs."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_phases_are_told_and_all_is_kept(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    lines = ["before: Phase 1 of nothing", "offramp: synthesis", "Starting RTL Elaboration : 5 s", "offramp: error: not a phase",
             "offramp: placing", "Phase 2.1 Create Timer | Checksum: 1"]
    code = run_followed(["sh", "-c", f"printf '%s\\n' {' '.join(map(repr, lines))}; exit 3"], tmp_path, tmp_path / "log",
                        lambda phase, detail: told.append((phase, detail)))
    assert code == 3
    assert (tmp_path / "log").read_text().splitlines() == lines
    assert told == [("synthesis", ""), ("synthesis", "RTL Elaboration : 5 s"), ("placing", ""), ("placing", "2.1 Create Timer")]


def test_a_signal_is_its_negative_number(tmp_path: Path) -> None:
    assert run_followed(["sh", "-c", "kill -9 $$"], tmp_path, tmp_path / "log", lambda *_: None) == -signal.SIGKILL


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_no_process(number: signal.Signals, tmp_path: Path) -> None:
    class Interrupted(BaseException):
        pass

    def raise_it(*_: object) -> None:
        raise Interrupted

    file = tmp_path / "processes"

    def interrupt() -> None:
        until = time.monotonic() + 30
        while not (file.is_file() and len(file.read_text().split()) == 3) and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    previous = signal.signal(number, raise_it)
    try:
        threading.Thread(target=interrupt).start()
        with pytest.raises(Interrupted):
            run_followed([sys.executable, "-c", SLOW], tmp_path, tmp_path / "log", lambda *_: None)
    finally:
        signal.signal(number, previous)
    processes = [int(word) for word in file.read_text().split()]
    assert len(processes) == 3
    until = time.monotonic() + 5
    while any(alive(process) for process in processes) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(alive(process) for process in processes)
