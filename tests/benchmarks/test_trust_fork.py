"""The command line in a forked process: what it tells, and that neither it nor what it started outlives its time."""

import os
import subprocess
import time
from pathlib import Path
from typing import NoReturn

import pytest

from benchmarks.trust_fork import KILLED, offramp


def test_what_it_tells_and_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    told = offramp(["--version"], tmp_path, tmp_path / "log", seconds=60)
    assert (told.code, told.out.startswith("offramp "), told.err) == (0, True, "")
    told = offramp(["no-such"], tmp_path, tmp_path / "log", seconds=60)
    assert (told.code, told.out) == (2, "")
    assert "No such command 'no-such'" in told.err


def test_an_error_of_ours_keeps_its_traceback(tmp_path: Path) -> None:
    def fail() -> NoReturn:
        raise ZeroDivisionError("here")

    told = offramp([], tmp_path, tmp_path, seconds=60, before=fail)
    assert told.code == 1
    assert "ZeroDivisionError: here" in told.err


@pytest.mark.parametrize("seconds", [0.5, 30.0])
def test_the_whole_group_ends_when_it_is_killed_and_when_it_ends_by_itself(seconds: float, tmp_path: Path) -> None:
    def start() -> None:
        child = subprocess.Popen(["sleep", "60"])
        (tmp_path / "pid").write_text(str(child.pid))
        if seconds < 1:
            time.sleep(60)

    told = offramp(["--version"], tmp_path, tmp_path, seconds=seconds, before=start)
    assert told.code == (KILLED if seconds < 1 else 0)
    assert told.seconds < 20
    pid = (tmp_path / "pid").read_text()
    for _ in range(200):
        # What was killed is a zombie until whoever inherited it looks.
        if not os.path.exists(f"/proc/{pid}") or Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.01)
    pytest.fail("the child lives on")
