"""Runs a Verilated model under cocotb, in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.errors import SimulationError, ToolError
from sim.verilator import cocotb_libraries

__all__ = ["run_cocotb"]

MARK = "@offramp "

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


def run_cocotb(
    model: Path, *, top: str, module: str, folder: Path, cwd: Path | None = None, plusargs: Sequence[str] = (),
    env: Mapping[str, str] | None = None, progress: Progress | None = None, timeout: float | None = None,
) -> None:
    """Run every cocotb test of the Python ``module`` on ``model``; raises :class:`SimulationError` unless all of them pass.

    The log goes to ``folder/sim.log``. ``cwd`` is where the design finds its memory files. ``progress`` gets each JSON object the bench
    prints behind ``@offramp``. ``timeout`` is in seconds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    results, log = folder / "results.xml", folder / "sim.log"
    results.unlink(missing_ok=True)
    command = [str(model), *(f"+{item}" for item in plusargs)]
    environment = _environment(top, module, results.absolute(), env or {})
    with log.open("w", encoding="utf-8") as sink:
        process = subprocess.Popen(command, cwd=cwd or folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   text=True, errors="replace", start_new_session=True)
        killer = _Killer(process, timeout)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.startswith(MARK):
                    if progress is not None:
                        progress(json.loads(line[len(MARK):]))
                else:
                    sink.write(line)
            code = process.wait()
        finally:
            killer.stop()
    if killer.fired:
        raise SimulationError(f"the simulation took longer than {timeout} seconds; its log is {log}")
    _judge(code, results, log)


class _Killer:
    """Ends the simulator after ``timeout`` seconds, and whenever the caller is interrupted."""

    def __init__(self, process: "subprocess.Popen[str]", timeout: float | None) -> None:
        import threading

        self.process = process
        self.fired = False
        self.timer = threading.Timer(timeout, self.fire) if timeout is not None else None
        if self.timer:
            self.timer.daemon = True
            self.timer.start()

    def fire(self) -> None:
        self.fired = True
        self.kill()

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGKILL)

    def stop(self) -> None:
        if self.timer:
            self.timer.cancel()
        if self.process.poll() is None:
            self.kill()
            self.process.wait()
        if self.process.stdout:
            self.process.stdout.close()


def _judge(code: int, results: Path, log: Path) -> None:
    tail = "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-25:])
    try:
        cases = list(ElementTree.parse(results).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        raise SimulationError(f"the simulator ended with code {code} before its tests did; its log {log} ends with:\n{tail}") from None
    failed = [case.get("name") for case in cases if case.find("failure") is not None or case.find("error") is not None]
    if failed or not cases:
        raise SimulationError(f"failed: {', '.join(map(str, failed)) or 'there were no tests'}; the log {log} ends with:\n{tail}")
    if code:
        raise SimulationError(f"the simulator ended with code {code}; its log {log} ends with:\n{tail}")
