"""Runs Vivado in batch mode and says what went wrong in words that help.

Messages and their numbers are those that Vivado prints (UG835, UG904).
"""

import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.board.follow import run_followed

__all__ = ["LOG", "MINIMUM", "Vivado", "VivadoError", "explain_log", "find_vivado", "run_vivado", "too_many"]

MINIMUM = (2022, 2)
LOG = "build.log"
"""All that Vivado printed, in the project folder."""

_ELSEWHERE = "--project-only writes a folder that builds elsewhere with one command, and --from FOLDER takes in what came of it"
_SHOWN = 3
_TOO_LARGE = "the design does not fit"
"""How ``tcl/implement.tcl`` says it."""


class VivadoError(OfframpError):
    """Vivado is missing or too old, or did not do what it was asked to."""


@dataclass(frozen=True, kw_only=True)
class Vivado:
    """A usable Vivado: its command and its version, as ``2022.2``."""

    command: Path
    version: str


def find_vivado() -> Vivado:
    """The ``vivado`` on PATH, asked for its version. Raises :class:`VivadoError` when there is none, or none of 2022.2 or newer."""
    found = shutil.which("vivado")
    if found is None:
        raise VivadoError("vivado is not on PATH", hint=f"source Vivado's settings64.sh first; without Vivado, {_ELSEWHERE}")
    try:
        ran = subprocess.run([found, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300,
                             check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise VivadoError(f"{found} -version did not run: {error}", hint=f"mend Vivado's installation; else {_ELSEWHERE}") from None
    version = re.search(r"^\W*vivado v\.?(\d{4})\.(\d+)", ran.stdout, re.IGNORECASE | re.MULTILINE)
    if version is None:
        said = next((line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.strip()), "nothing")
        raise VivadoError(f"{found} -version does not tell a version (exit code {ran.returncode}): {said}",
                          hint=f"mend Vivado's installation; else {_ELSEWHERE}")
    if (int(version[1]), int(version[2])) < MINIMUM:
        raise VivadoError(f"Vivado must be {MINIMUM[0]}.{MINIMUM[1]} or newer, not {version[1]}.{version[2]} ({found})",
                          hint=f"put a newer one on PATH; else {_ELSEWHERE}")
    return Vivado(command=Path(found), version=f"{version[1]}.{version[2]}")


def run_vivado(vivado: Vivado, arguments: Sequence[str], folder: Path, tell: Callable[[str, str], None]) -> int:
    """Run Vivado with ``arguments`` in ``folder``; its exit code, negative or above 128 for a signal.

    What it prints goes to ``folder``/:data:`LOG`. ``tell(phase, detail)`` hears where it is: ``phase`` is the stage that
    ``tcl/build.tcl`` names, ``detail`` Vivado's own line about a part of it, or empty. However the wait for it ends, none of its processes
    is left.
    """
    return run_followed([str(vivado.command), *arguments], folder, folder / LOG, tell)


def too_many(log: str) -> list[str]:
    """What the placer says there is too little of (its checks UTLZ-1 and Place 30-640), as ``DSPs: 240 of 220, 20 too many``."""
    found: dict[str, None] = {}
    text = " ".join(log.split())
    for match in re.finditer(r"requires more (.{1,60}?) cells than are available in the target device\. This design requires (\d+) of such "
                             r"cell types? but only (\d+) compatible sites? (?:is|are) available", text):
        found[f"{match[1]}: {match[2]} of {match[3]}, {int(match[2]) - int(match[3])} too many"] = None
    return list(found)


def explain_log(code: int, log: str, path: Path, *, part: str, short: Sequence[str] = ()) -> VivadoError:
    """Why a run that ended with ``code`` and printed ``log`` (kept at ``path``) did not do it: one line, or Vivado's first errors.

    ``short`` is what its own report of the synthesised design says there is too little of; of use only when it stopped for that.
    """
    errors = list(dict.fromkeys(line.strip() for line in log.splitlines() if line.startswith("ERROR:")))
    placer = too_many(log)
    if placer or any(_TOO_LARGE in line for line in errors):
        short = short or placer or [line.partition(_TOO_LARGE)[2].partition(": ")[2] for line in errors if _TOO_LARGE in line]
        return VivadoError(f"does not fit {part}: {'; '.join(short)}",
                           hint=f"raise target.cycles_per_sample, or leave out an exit; log: {path}")
    # Vivado's start script exits with 128 and the signal's number when the program under it was killed.
    number = -code if code < 0 else code - 128 if 128 < code < 192 else 0
    if number:
        hint = "the system may have been short of memory; Vivado wants 8 GB for a Zynq-7000" if number == signal.SIGKILL else f"see {path}"
        return VivadoError(f"Vivado was ended by signal {number} ({_signal_name(number)}); log: {path}", hint=hint)
    licence = next((line for line in errors if "license was not found" in line or "[Common 17-345]" in line), None)
    if licence is not None:
        return VivadoError(f"Vivado has no licence for {part}: {licence.removeprefix('ERROR: ')}",
                           hint=f"the free edition covers {part} without one; else see XILINXD_LICENSE_FILE and Vivado's License Manager")
    if not errors:
        last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "nothing")
        return VivadoError(f"Vivado ended with exit code {code} and no error of its own; it last said: {last}",
                           hint=f"all it printed: {path}")
    hint = f"all it printed: {path}"
    if any("part could not be found" in line.lower() or "[Coretcl 2-106]" in line or "[Common 17-69]" in line for line in errors):
        hint = f"is Vivado installed with support for Zynq-7000? {hint}"
    more = len(errors) - _SHOWN
    told = [line.removeprefix("ERROR: ") for line in errors[:_SHOWN]] + ([f"and {more} more"] if more > 0 else [])
    return VivadoError("Vivado stopped: " + "\n  ".join(told), hint=hint)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
