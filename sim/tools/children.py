"""Processes that share some work and say, line by line, how far they are."""

import os
import queue
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

__all__ = ["Child", "run_children"]

_PATIENCE = 10.0
"""Seconds in which an interrupted process may clear up, before it is killed."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A process to run: its ``command``, what it is to read from standard input, and changes to the environment."""

    command: Sequence[str]
    given: str = ""
    env: dict[str, str] | None = None


def run_children(children: Sequence[Child], said: Callable[[int, str], None]) -> None:
    """Runs all ``children`` at the same time; ``said(number, line)`` is called in the caller's thread for each line of their output.

    When one fails, the others are ended, and :class:`subprocess.CalledProcessError` has its exit code and, as ``stderr``, its complaints.
    They are ended, too, when ``said`` raises or the caller is interrupted: each with all that it has started, by SIGTERM, and with time to
    clear up.
    """
    lines: queue.SimpleQueue[tuple[int, str | None]] = queue.SimpleQueue()
    running: list[tuple[subprocess.Popen[str], IO[str]]] = []
    try:
        for number, child in enumerate(children):
            complaints = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed below)
            # In a session of its own Ctrl-C reaches it through us only.
            process = subprocess.Popen(child.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints, text=True,
                                       errors="replace", env={**os.environ, **(child.env or {})}, start_new_session=True)
            running.append((process, complaints))
            threading.Thread(target=_converse, args=(number, process, child.given, lines), daemon=True).start()
        open_ends = len(running)
        while open_ends:
            number, line = lines.get()
            if line is not None:
                said(number, line)
                continue
            open_ends -= 1
            ended, log = running[number]
            if ended.wait():
                log.seek(0)
                raise subprocess.CalledProcessError(ended.returncode, children[number].command, stderr=log.read())
    finally:
        _end([process for process, _ in running])
        for _, log in running:
            log.close()


def _converse(number: int, process: "subprocess.Popen[str]", given: str, lines: "queue.SimpleQueue[tuple[int, str | None]]") -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(OSError), process.stdin as entry:
        entry.write(given)
    with process.stdout as pipe:
        for line in pipe:
            lines.put((number, line.rstrip("\n")))
    lines.put((number, None))


def _end(processes: Sequence["subprocess.Popen[str]"]) -> None:
    alive = [process for process in processes if process.poll() is None]
    for process in alive:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
    for process in alive:
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
