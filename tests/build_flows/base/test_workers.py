"""Calls in processes of their own."""

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from build_flows.base.workers import call_all


def test_what_calls_return_comes_in_their_order():
    """Whatever their size, by which they are taken."""
    calls = [partial(pow, 2, number) for number in (3, 4000, 5, 0)]
    assert call_all(calls, jobs=2) == [call() for call in calls]
    assert call_all([], jobs=2) == []


def test_calls_are_made_side_by_side_in_other_processes(tmp_path):
    """A reader of a pipe waits for its writer, and the writer for its reader: one process alone would not end."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert call_all([partial(Path.read_text, pipe), partial(Path.write_text, pipe, "here")], jobs=2) == ["here", 4]
    assert os.getpid() not in call_all([os.getpid] * 2, jobs=2)
    assert call_all([os.getpid] * 2, jobs=1) == [os.getpid()] * 2, "one at a time needs no other process"


def test_each_call_is_made_once(tmp_path):
    """A folder can be made once."""
    call_all([partial(Path.mkdir, tmp_path / str(number)) for number in range(20)], jobs=2)
    assert len(list(tmp_path.iterdir())) == 20


def test_what_a_call_raises_is_raised():
    """That of the first; the message is the call's own."""
    with pytest.raises(ValueError, match="pow") as told:
        call_all([os.getpid, partial(pow, 0, -1, 0), partial(int, "x" * 1000)], jobs=2)
    assert told.value.__notes__ == ["raised in a process of its own, by call 1"]


def test_a_program_needs_no_guard(tmp_path):
    """Its own lines are not run again by the processes."""
    program = tmp_path / "program.py"
    program.write_text("print('once')\nfrom build_flows.base.workers import call_all\nprint(call_all([int, int], jobs=2))\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    ran = subprocess.run([sys.executable, program], capture_output=True, text=True, check=True, env=environment)
    assert (ran.stdout, ran.stderr) == ("once\n[0, 0]\n", "")
