"""Finds Vivado, and says what went wrong in a run of it in words that help.

Messages and their numbers are those that Vivado prints (UG835, UG904).
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.board.vivado_reports import OLDEST

__all__ = ["ELSEWHERE", "Vivado", "VivadoError", "explain_log", "find_vivado", "too_many"]

ELSEWHERE = "--plan FILE writes what builds elsewhere with one command, and --from FOLDER takes in what came of it"
_SHOWN = 3


class VivadoError(OfframpError):
    """Vivado is missing or too old, or did not do what it was asked to."""


@dataclass(frozen=True, kw_only=True)
class Vivado:
    """A usable Vivado: its command and its version, as ``2022.2``."""

    command: Path
    version: str


def find_vivado() -> Vivado:
    """The ``vivado`` on PATH, or the one that VIVADO in the environment names, asked for its version. Raises :class:`VivadoError` when
    there is none, or none of 2022.2 or newer."""
    found = shutil.which(os.environ.get("VIVADO") or "vivado")
    if found is None:
        raise VivadoError("vivado is not on PATH", hint=f"source Vivado's settings64.sh first; without Vivado, {ELSEWHERE}")
    try:
        ran = subprocess.run([found, "-version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=300,
                             check=False)
    except (OSError, subprocess.SubprocessError) as error:
        raise VivadoError(f"{found} -version did not run: {error}", hint=f"mend Vivado's installation; else {ELSEWHERE}") from None
    version = re.search(r"^\W*vivado v\.?(\d{4})\.(\d+)", ran.stdout, re.IGNORECASE | re.MULTILINE)
    if version is None:
        said = next((line.strip() for line in (ran.stderr + "\n" + ran.stdout).splitlines() if line.strip()), "nothing")
        raise VivadoError(f"{found} -version does not tell a version (exit code {ran.returncode}): {said}",
                          hint=f"mend Vivado's installation; else {ELSEWHERE}")
    if (int(version[1]), int(version[2])) < OLDEST:
        raise VivadoError(f"Vivado must be {OLDEST[0]}.{OLDEST[1]} or newer, not {version[1]}.{version[2]} ({found})",
                          hint=f"put a newer one on PATH; else {ELSEWHERE}")
    return Vivado(command=Path(found), version=f"{version[1]}.{version[2]}")


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
    if placer:
        return VivadoError(f"does not fit {part}: {'; '.join(short or placer)}",
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
