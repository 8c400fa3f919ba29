"""The command line in a process forked from this one, in which all that it loads is loaded already: what takes seconds to start then takes
none, and a thousand runs minutes. It is the same command line, with a process group of its own."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

__all__ = ["KILLED", "Told", "load", "offramp"]

LOADED = (
    "build_flows.cli.main", "build_flows.compare.compare", "build_flows.exit_unit.generate", "build_flows.exit_unit.simulate",
    "build_flows.pages.exit_unit_plots", "build_flows.steps.agree", "build_flows.steps.compile", "build_flows.steps.cosim",
    "build_flows.steps.evaluate", "build_flows.steps.export", "build_flows.steps.flow", "build_flows.steps.package",
    "build_flows.steps.report", "build_flows.steps.simulate", "build_flows.steps.synth", "build_flows.steps.train", "sim.tools.yosys",
)
"""What the commands import while they work."""

KILLED = -signal.SIGKILL
"""Exit code of what was killed, or did not end in time."""


@dataclass(frozen=True)
class Told:
    """What a run gave: its exit code, all that it wrote, and the seconds it took."""

    code: int
    out: str
    err: str
    seconds: float


def load() -> None:
    """Load what the commands load, before anything is forked."""
    for name in LOADED:
        importlib.import_module(name)


def offramp(
    args: Sequence[str], folder: Path, log: Path, *, seconds: float, before: Callable[[], None] | None = None, kill: bool = False,
) -> Told:
    """Run ``offramp`` with ``args`` in ``folder``; what it writes goes to files in ``log`` first. After ``seconds`` its whole process group
    is killed, and so is what is left of that when it ends before; with ``kill`` that is what is wanted, and nothing is waited for longer.
    ``before`` is called in the new process first."""
    started = time.monotonic()
    child = os.fork()
    if child == 0:
        _be(args, folder, log, before)
    code = _wait(child, started + seconds, 0.001 if kill else 0.005)
    took = time.monotonic() - started
    out, err = ((log / name).read_bytes().decode(errors="replace") if (log / name).exists() else "" for name in ("out", "err"))
    return Told(code, out, err, took)


def _wait(child: int, until: float, step: float) -> int:
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            _kill_group(child)
            return os.waitstatus_to_exitcode(status)
        time.sleep(step)
    _kill_group(child)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return KILLED


def _kill_group(child: int) -> None:
    try:
        os.killpg(child, signal.SIGKILL)
    except ProcessLookupError:
        return  # nothing is left of it


def _be(args: Sequence[str], folder: Path, log: Path, before: Callable[[], None] | None) -> NoReturn:
    """The command line, in the process that was forked for it; never comes back."""
    code = 1
    try:
        os.setpgid(0, 0)
        os.chdir(folder)
        for number, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(log / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        # Without this process's own buffers, which the parent writes too.
        sys.stdout, sys.stderr = (os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace", closefd=False) for number in (1, 2))
        sys.argv = ["offramp", *args]
        if before is not None:
            before()
        from build_flows.cli.main import main

        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)
