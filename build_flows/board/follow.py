"""Runs a long program in a session of its own, and tells where it is by what it prints."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

__all__ = ["run_followed"]

_POLL = 0.2
_PATIENCE = 10.0
"""Seconds that the program has to end after it was asked to."""


def run_followed(command: Sequence[str], folder: Path, log: Path, tell: Callable[[str, str], None]) -> int:
    """Run ``command`` in ``folder``; its exit code, negative for a signal.

    What it prints goes to ``log``. ``tell(phase, detail)`` hears where it is: ``phase`` of a line ``offramp: PHASE``, ``detail`` from the
    program's own lines of a part of it, or empty. However the wait for it ends, none of its processes is left.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(list(command), cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                                   start_new_session=True)
    try:
        # Followed in its file, not through a pipe: a process that outlives the program would hold the pipe open.
        with log.open(encoding="utf-8", errors="replace") as lines:
            follower = _Follower(tell)
            while not _ended(process):
                follower.hear(lines.read())
                time.sleep(_POLL)
            follower.hear(lines.read())
    finally:
        _end(process)
    return process.returncode


class _Follower:
    """Finds phases in what Vivado prints, in whatever pieces it comes."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell
        self._rest = ""
        self._phase = ""

    def hear(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            part = re.match(r"(?:Phase|Start(?:ing)?) (.+?)(?: \||$)", line)
            # The line of a Tcl error begins with the same word, but has more than words.
            own = re.fullmatch(r"offramp: ([a-z ]+)", line)
            if own is not None:
                self._phase = own[1].strip()
                self._tell(self._phase, "")
            elif part is not None and self._phase:
                self._tell(self._phase, part[1].strip())


def _ended(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it has ended; not yet waited for, it keeps its number, and so its group's, for :func:`_end`."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the process, those it started, and theirs, also where they have a group of their own (Vivado's runs may)."""
    family: list[psutil.Process] = []
    if not _ended(process):
        with suppress(psutil.Error):
            family = psutil.Process(process.pid).children(recursive=True)
        _signal(process.pid, signal.SIGTERM)
        for item in family:
            with suppress(psutil.Error):
                item.terminate()
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until and not (_ended(process) and not _alive(family)):
            time.sleep(0.05)
    for item in _alive(family):
        with suppress(psutil.Error):
            item.kill()
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _alive(family: Sequence[psutil.Process]) -> list[psutil.Process]:
    # is_running knows a number that was given away again; a zombie has ended.
    found = []
    for item in family:
        with suppress(psutil.Error):
            if item.is_running() and item.status() != psutil.STATUS_ZOMBIE:
                found.append(item)
    return found


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
