"""Runs Yosys, as the ``pyosys`` wheel has it, in a process of its own: it cannot take the caller down, and can be killed."""

import errno
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from sim.errors import ToolError, YosysError

__all__ = ["read_written", "run_yosys", "version"]

__tools__ = ("pyosys",)

_PROGRAM = """
import sys
from pyosys import libyosys as yosys
design = yosys.Design()
for line in sys.stdin.read().splitlines():
    yosys.run_pass(line, design)
"""


def version() -> str:
    """Yosys' version line; raises :class:`ToolError` when the wheel is missing."""
    if importlib.util.find_spec("pyosys") is None:
        raise ToolError("Yosys is missing; get it with: pip install pyosys")
    return f"Yosys {metadata.version('pyosys')} (pyosys)"


def run_yosys(commands: Sequence[str], folder: Path, *, timeout: float | None = None) -> str:
    """Carry out Yosys ``commands``, one a line, in ``folder``, and give all that was printed (also in ``folder/yosys.log``).

    Raises :class:`YosysError` with the first complaint when a command fails or ``timeout`` (seconds) is over.
    """
    version()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        ran = subprocess.run([sys.executable, "-c", _PROGRAM], input="\n".join(commands), cwd=folder, capture_output=True, text=True,
                             errors="replace", timeout=timeout, check=False)
    except subprocess.TimeoutExpired:
        raise YosysError(f"Yosys took longer than {timeout:g} seconds") from None
    (folder / "yosys.log").write_text(ran.stdout + ran.stderr, encoding="utf-8")
    if ran.returncode:
        lines = [line for line in (ran.stdout + ran.stderr).splitlines() if "ERROR" in line or "terminate called" in line]
        raise YosysError(f"Yosys failed: {lines[0] if lines else f'exit code {ran.returncode}'} (its log is {folder / 'yosys.log'})")
    return ran.stdout


def read_written(path: Path) -> dict[str, Any]:
    """The JSON that Yosys wrote to ``path`` and thinks whole: it does not notice that what it writes does not fit. Raises :class:`OSError`
    of a full disk where it is not whole."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
    assert isinstance(found, dict), path
    return found
