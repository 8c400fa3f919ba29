"""Processes that work side by side: heard line by line, ended together."""

import os
import subprocess
import sys
import time

import pytest

from sim.tools.children import Child, run_children


def python(code: str, **more) -> Child:
    return Child(command=[sys.executable, "-c", code], **more)


def test_lines_come_from_all_of_them() -> None:
    told: list[tuple[int, str]] = []
    code = "import os, sys; print(sys.stdin.read().upper(), flush=True); print(os.environ['WHO'])"
    run_children([python(code, given=word, env={"WHO": word}) for word in ("one", "two")], lambda *words: told.append(words))
    assert sorted(told) == [(0, "ONE"), (0, "one"), (1, "TWO"), (1, "two")]


def test_one_that_fails_ends_the_others_and_is_told() -> None:
    begin = time.monotonic()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run_children([python("import time; time.sleep(60)"), python("import sys; sys.exit('out of luck')")], lambda *words: None)
    assert (caught.value.returncode, caught.value.stderr) == (1, "out of luck\n")
    assert time.monotonic() - begin < 30


def test_an_interrupt_reaches_all_that_was_started_and_leaves_time_to_clear_up(tmp_path) -> None:
    code = f"""
import os, pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(other.pid, flush=True)
try:
    time.sleep(60)
finally:
    other.wait()
    pathlib.Path({str(tmp_path / "cleared")!r}).touch()
"""
    pids = []

    def said(number: int, line: str) -> None:
        pids.append(int(line))
        time.sleep(0.5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_children([python(code)], said)
    assert (tmp_path / "cleared").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_one_that_reads_nothing_is_no_trouble() -> None:
    run_children([python("pass", given="x" * 1_000_000)], lambda *words: None)
