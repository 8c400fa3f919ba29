"""Runs a Verilated model under cocotb, in a process of its own."""

import errno
import json
import os
import subprocess
import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.errors import SimulationError, ToolError
from sim.tools.model_messages import first_error
from sim.tools.verilator import cocotb_libraries

__all__ = ["Cancel", "Progress", "run_cocotb"]

MARK = "@offramp "
FULL = os.strerror(errno.ENOSPC)
UNWRITTEN = "bench: cannot write"
"""What a bench says at its end where it cannot begin its record."""

Progress = Callable[[Mapping[str, Any]], None]


def _environment(top: str, module: str, results: Path, extra: Mapping[str, str]) -> dict[str, str]:
    try:
        import find_libpython
        from cocotb_tools import config
    except ImportError as error:
        raise ToolError("cocotb is missing; get it with: pip install 'cocotb>=2.1'") from error
    library = find_libpython.find_libpython()
    if library is None:
        raise ToolError("this Python has no shared library, which cocotb needs; on Debian and Ubuntu: apt-get install libpython3-dev")
    # what a surrounding cocotb run or shell left there must not leak in
    env = {key: value for key, value in os.environ.items() if not key.startswith(("COCOTB_", "GPI_", "PYGPI_"))}
    search = [str(cocotb_libraries()), *filter(None, [os.environ.get("LD_LIBRARY_PATH")])]
    return env | {
        "COCOTB_TOPLEVEL": top, "COCOTB_TEST_MODULES": module, "COCOTB_RESULTS_FILE": str(results), "COCOTB_ANSI_OUTPUT": "0",
        "COCOTB_TRUST_INERTIAL_WRITES": "1", "COCOTB_LOG_LEVEL": "WARNING", "TOPLEVEL_LANG": "verilog",
        "GPI_USERS": f"{library};{config.pygpi_entry_point()}", "PYGPI_PYTHON_BIN": sys.executable,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "LD_LIBRARY_PATH": os.pathsep.join(search), **extra,
    }


class Cancel:
    """Ends all simulations that were given it, those that start later too."""

    def __init__(self) -> None:
        self.fired = False
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[str]] = []

    def add(self, process: "subprocess.Popen[str]") -> None:
        """Let ``process`` be ended too."""
        with self._lock:
            self._processes.append(process)
            if self.fired:
                process.kill()

    def fire(self) -> None:
        """End them."""
        with self._lock:
            self.fired = True
            for process in self._processes:
                process.kill()


def run_cocotb(
    model: Path, *, top: str, module: str, folder: Path, cwd: Path | None = None, plusargs: Sequence[str] = (),
    env: Mapping[str, str] | None = None, progress: Progress | None = None, timeout: float | None = None,
    cancel: Cancel | None = None,
) -> None:
    """Run every cocotb test of the Python ``module`` on ``model``; raises :class:`SimulationError` unless all of them pass, with what the
    model's first ``$error`` said, if there was one.

    The log goes to ``folder/sim.log``. ``cwd`` is where the design finds its memory files. ``progress`` gets each JSON object the bench
    prints behind ``@offramp``. ``timeout`` is in seconds; ``cancel`` ends the run from another thread.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results, log = folder / "results.xml", folder / "sim.log"
    results.unlink(missing_ok=True)
    command = [str(model), *(f"+{item}" for item in plusargs)]
    environment = _environment(top, module, results.absolute(), env or {})
    cancel = cancel or Cancel()
    late = threading.Event()
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(command, cwd=cwd or folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, errors="replace", start_new_session=True)
        cancel.add(process)
        assert process.stdout is not None

        def expire() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(timeout or 0, expire)
        timer.daemon = True
        if timeout is not None:
            timer.start()
        try:
            for line in process.stdout:
                if line.startswith(MARK):
                    if progress is not None:
                        progress(json.loads(line[len(MARK):]))
                else:
                    sink.write(line)
            code = process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
            process.stdout.close()
    if late.is_set():
        raise SimulationError(f"the simulation took longer than {timeout} seconds; its log is {log}")
    if cancel.fired:
        raise SimulationError("the simulation was interrupted")
    _judge(code, results, log)


def _judge(code: int, results: Path, log: Path) -> None:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if said := first_error(lines):
        raise _failure(f"{said}; the log is {log}", lines, log)
    tail = "\n".join(lines[-25:])
    try:
        cases = list(ElementTree.parse(results).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        raise _failure(f"the simulator ended with code {code} before its tests did; its log {log} ends with:\n{tail}", lines, log) from None
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    if failed or not cases:
        raise _failure(f"failed: {', '.join(map(str, failed)) or 'there were no tests'}; the log {log} ends with:\n{tail}", lines, log)
    if code:
        raise _failure(f"the simulator ended with code {code}; its log {log} ends with:\n{tail}", lines, log)


def _failure(message: str, lines: Sequence[str], log: Path) -> Exception:
    """What a simulation that failed is told as: a full disk where its log says so, or that a file could not be begun in its folder, into
    which others were written before."""
    full = any(FULL in line or UNWRITTEN in line for line in lines)
    return OSError(errno.ENOSPC, FULL, str(log.parent)) if full else SimulationError(message)
