"""Synthesises one module for 7-series with Yosys, and counts what it takes.

A unit is measured as a whole module with all its ports: an input is a free signal, not the constant that a design around it may
tie it to. Counts are those of the mapped netlist before placement.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from build_flows.errors import OfframpError
from build_flows.files import move_into_place, read_json, write_json
from sim.yosys import version

__all__ = ["FAMILIES", "MEMORY_LUTS", "Resources", "SynthesisError", "Unit", "synthesise", "synthesise_all"]

FAMILIES = ("xc7",)
MEMORY_LUTS = {
    "RAM32X1S": 1, "RAM32X1S_1": 1, "RAM64X1S": 1, "RAM64X1S_1": 1, "RAM128X1S": 2, "RAM128X1S_1": 2, "RAM256X1S": 4,
    "RAM32X1D": 2, "RAM32X1D_1": 2, "RAM64X1D": 2, "RAM64X1D_1": 2, "RAM128X1D": 4,
    "RAM32M": 4, "RAM64M": 4,
    "SRL16": 1, "SRL16E": 1, "SRLC16": 1, "SRLC16E": 1, "SRLC32E": 1, "CFGLUT5": 1,
}
"""LUTs that each memory and shift register of 7-series takes, of those in Yosys' library (the ones for other families refuse)."""

_VERSION = 1
_SOURCE = "unit.v"
_LUTS = {f"LUT{inputs}" for inputs in range(1, 7)}
_FREE = {"INV", "MUXF7", "MUXF8", "VCC", "GND", "$scopeinfo"}
_REGISTER = re.compile(r"(FD[CPRS]E|LD[CP]E)(_1)?")
_NAME = re.compile(r"[A-Za-z_]\w*")
_REFUSED = re.compile(r"(?:(?P<file>\S+):(?P<line>\d+)[\d.:-]*: )?ERROR: (?P<what>.*)")

# Yosys in a session of its own, with all that it starts, so that one signal ends them all.
_PROGRAM = """
import sys
from pathlib import Path
from sim.errors import YosysError
from sim.yosys import run_yosys
try:
    run_yosys(sys.stdin.read().splitlines(), Path())
except YosysError as error:
    sys.exit(str(error))
"""


class SynthesisError(OfframpError):
    """A unit that Yosys does not synthesise: the message names it, file and line where Yosys tells them, and what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The module to synthesise: ``top`` (a plain Verilog name, else ValueError) of the text ``verilog``, which holds all below it too."""

    top: str
    verilog: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.top):
            raise ValueError(f"top must be a Verilog name, not {self.top!r}")


@dataclass(frozen=True, kw_only=True)
class Resources:
    """What a unit takes.

    ``lut`` counts cells LUT1 to LUT6, one each, before two small ones are paired into one LUT of the device; ``lut_paired`` is Yosys'
    estimate of what is left after pairing (its ``estimated_num_lc``). Pairing looks at sizes only, so it can be too hopeful. Neither has
    memories or shift registers in it: ``lutram`` is the LUTs those take (:data:`MEMORY_LUTS`). Nor have they the cells called INV: Yosys
    puts an inverter into the LUT before or behind it, and what it leaves (mostly at a carry chain: ``x + constant`` takes no
    LUT of Yosys', but INVs) may take a LUT on the device; it is in ``cells``.

    ``ff`` are flip-flops and latches, ``dsp`` DSP48E1, ``bram36`` blocks of 36 kbit (one of 18 kbit is half), ``carry`` CARRY4.
    ``cells`` is how many there are of each cell, by its name in the vendor's library.
    """

    lut: int
    lut_paired: int
    lutram: int
    ff: int
    dsp: int
    bram36: float
    carry: int
    cells: dict[str, int]


def synthesise(verilog: str, top: str, cache: Path, part_family: str = "xc7") -> Resources:
    """What module ``top`` of the text ``verilog`` takes on a part of ``part_family``, one of :data:`FAMILIES` (else ValueError).

    The result is kept in the folder ``cache`` and found there again, without Yosys being run, as long as the text, ``top``, the commands
    and the version of Yosys are the same. Raises :class:`SynthesisError` for what Yosys refuses (its input and log stay in
    ``cache/refused``) or this module cannot count, :class:`sim.errors.ToolError` without Yosys. Interrupted, it leaves no
    process and nothing in ``cache``.
    """
    return synthesise_all({top: Unit(top=top, verilog=verilog)}, cache, part_family=part_family, jobs=1)[top]


def synthesise_all(units: Mapping[str, Unit], cache: Path, *, progress: Callable[[str, Resources], None] = lambda name, found: None,
                   jobs: int = 2, part_family: str = "xc7") -> dict[str, Resources]:
    """What each of the ``units`` takes, by its name, ``jobs`` at a time; otherwise as :func:`synthesise`.

    ``progress`` is called in the caller's thread, with name and result of each unit as it comes. Results are in the order of ``units``;
    equal units are synthesised once. The first error (its message begins with the unit's name) ends the others and is raised, and so do
    a ``progress`` that raises and Ctrl-C; what was finished stays in ``cache``.
    """
    if part_family not in FAMILIES:
        raise ValueError(f"part_family must be one of {', '.join(FAMILIES)}, not {part_family!r}")
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    # A name stands for all equal units, so that no two threads write the same file.
    first: dict[Path, str] = {}
    files = {name: _file(unit, cache, part_family) for name, unit in units.items()}
    for name, file in files.items():
        first.setdefault(file, name)
    done: dict[Path, Resources] = {}

    def finish(file: Path, found: Resources) -> None:
        done[file] = found
        for name in units:
            if files[name] == file:
                progress(name, found)

    for file in first:
        kept = _kept(file)
        if kept is not None:
            finish(file, kept)
    with _Pool(jobs) as pool:
        runs = {pool.submit(_measure, name, units[name], file, part_family): file for file, name in first.items() if file not in done}
        for run in as_completed(runs):
            finish(runs[run], run.result())
    return {name: done[file] for name, file in files.items()}


class _Processes:
    """The processes in progress, each with a session of its own: all of them are ended by :meth:`end`, and none starts after it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    @contextmanager
    def start(self, folder: Path) -> Iterator[subprocess.Popen[str]]:
        # What a killed Yosys leaves behind lies in the folder too.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(folder)}
        with self._lock:
            if self._ended:
                raise _Interrupted
            process = subprocess.Popen([sys.executable, "-c", _PROGRAM], cwd=folder, env=environment, text=True, errors="replace",
                                       stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
            self._running.add(process)
        with process:
            try:
                yield process
            finally:
                with self._lock:
                    self._running.discard(process)
                    _end(process)
        if self._ended:
            raise _Interrupted

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for process in self._running:
                _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    # Not yet waited for, the process keeps its number, and so its session's.
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


class _Interrupted(Exception):
    """Some other unit is the reason that this one has no result."""


class _Pool:
    """Threads that run ``_measure``; leaving the block by an exception ends what they run, and waits until it is ended."""

    def __init__(self, jobs: int) -> None:
        self._threads = ThreadPoolExecutor(jobs)
        self._processes = _Processes()

    def __enter__(self) -> "_Pool":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self._processes.end()
        self._threads.shutdown(cancel_futures=kind is not None)

    def submit(self, run: Callable[..., Resources], *args: object) -> "Future[Resources]":
        return self._threads.submit(run, self._processes, *args)


def _commands(unit: Unit, part_family: str) -> list[str]:
    # synth_xilinx looks for the modules below the top itself. `proc` and `opt_clean` before it would throw away those that are connected
    # by position, without a word.
    return [
        f"read_verilog {_SOURCE}",
        f"synth_xilinx -family {part_family} -flatten -noiopad -noclkbuf -top {unit.top}",
        "tee -q -o stat.json stat -json -tech xilinx",
    ]


def _file(unit: Unit, cache: Path, part_family: str) -> Path:
    parts = [version(), _commands(unit, part_family), unit.verilog]
    return cache / f"{unit.top}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}.json"


def _kept(file: Path) -> Resources | None:
    if not file.is_file():
        return None
    try:
        value = read_json(file, version=_VERSION)
        return _count(file.name, value["cells"], value["lut_paired"])
    except (OfframpError, KeyError):  # not ours: it is made anew
        return None


def _measure(processes: _Processes, name: str, unit: Unit, file: Path, part_family: str) -> Resources:
    # A killed process is not gone at once: what it holds open can outlive the folder.
    with tempfile.TemporaryDirectory(prefix="offramp-synthesis-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch) / "work"
        folder.mkdir()
        (folder / _SOURCE).write_text(unit.verilog, encoding="utf-8")
        with processes.start(folder) as process:
            _, complaint = process.communicate("\n".join(_commands(unit, part_family)))
        if process.returncode:
            raise _refused(name, complaint, folder, file.parent / "refused" / re.sub(r"[^\w.=-]+", "_", name))
        # A unit that holds nothing but wires has no entry.
        found = json.loads((folder / "stat.json").read_text(encoding="utf-8")).get("design", {})
    cells, paired = dict(found.get("num_cells_by_type", {})), int(found.get("estimated_num_lc", 0))
    resources = _count(name, cells, paired)
    write_json(file, {"version": _VERSION, "cells": cells, "lut_paired": paired})
    return resources


def _refused(name: str, complaint: str, folder: Path, keep: Path) -> SynthesisError:
    """The error for what Yosys wrote on stderr; ``folder``, with its input and log, is kept as ``keep``."""
    lines = [line for line in complaint.splitlines() if line.strip()] or ["no word of why"]
    said = re.sub(r" \(its log is .*\)$", "", lines[-1]).removeprefix("Yosys failed: ")
    match = _REFUSED.fullmatch(said)
    if match is None:
        what = f"Yosys ended early: {said}"
    else:
        what = match["what"].replace("\\", "")
        if match["line"]:
            what = f"{keep / _SOURCE if match['file'] == _SOURCE else match['file']}:{match['line']}: {what}"
    keep.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".refused-", dir=keep.parent) as beside:
        move_into_place(Path(shutil.copytree(folder, Path(beside) / "copy")), keep)
    return SynthesisError(f"{name}: {what}", hint=f"its Verilog and Yosys' log are in {keep}")


def _count(name: str, cells: Mapping[str, int], paired: int) -> Resources:
    """Raises :class:`SynthesisError` for a cell that has no place in the sums, rather than leave it out."""

    def total(kinds: Sequence[str]) -> int:
        return sum(cells.get(kind, 0) for kind in kinds)

    registers = [kind for kind in cells if _REGISTER.fullmatch(kind)]
    known = {*_LUTS, *_FREE, *MEMORY_LUTS, *registers, "DSP48E1", "RAMB18E1", "RAMB36E1", "CARRY4"}
    unknown = sorted(set(cells) - known)
    if unknown:
        raise SynthesisError(f"{name}: the netlist has cells that are not counted: {', '.join(unknown)}")
    return Resources(
        lut=total(sorted(_LUTS)),
        lut_paired=paired,
        lutram=sum(luts * cells.get(kind, 0) for kind, luts in MEMORY_LUTS.items()),
        ff=total(registers),
        dsp=total(["DSP48E1"]),
        bram36=total(["RAMB36E1"]) + total(["RAMB18E1"]) / 2,
        carry=total(["CARRY4"]),
        cells=dict(sorted((kind, count) for kind, count in cells.items() if not kind.startswith("$"))),
    )
