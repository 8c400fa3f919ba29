"""Synthesises one module for 7-series with Yosys: what it takes, where its memories ended, and its netlist.

A unit is measured as a whole module with all its ports: an input is a free signal, not the constant that a design around it may
tie it to. Counts are those of the mapped netlist before placement.
"""

import gzip
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
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.base.files import move_into_place
from build_flows.synthesis.carry_chains import CarryUse
from build_flows.synthesis.memories import Memory
from build_flows.synthesis.resources import CellError, Resources, count_cells
from build_flows.synthesis.worker import IF_MEMORY
from quant_models.records import Artefact, Record
from sim.tools.cache import intact, publish, scratch
from sim.tools.lock import locked
from sim.tools.yosys import version

__all__ = ["FAMILIES", "Source", "SynthesisError", "Synthesised", "Unit", "synthesise", "synthesise_all"]

FAMILIES = ("xc7",)

_VERILOG = "unit.v"
_NAME = re.compile(r"[A-Za-z_][\w.]*")
_REFUSED = re.compile(r"(?:(?P<file>[^\s:]+):(?P<line>\d+)[\d.:-]*: )?(?:ERROR|error): (?P<what>.*)")

# Yosys in a session of its own, with all that it starts, so that one signal ends them all.
_PROGRAM = "from build_flows.synthesis.worker import main; main()"
_MAPS = Path(__file__).parent / "yosys"
__sources__ = ("yosys",)


class SynthesisError(OfframpError):
    """A unit that Yosys does not synthesise: the message names it, file and line where Yosys tells them, and what is wrong."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A file of a unit: its ``name``, a relative path, its ``text``, and, for messages, the ``origin`` where the user finds it."""

    name: str
    text: str
    origin: str = field(default="", compare=False)


@dataclass(frozen=True, kw_only=True)
class Unit:
    """The module to synthesise: ``top`` (a Verilog name, dots allowed, else ValueError) of the plain Verilog ``verilog``, which holds all
    below it too, but for the modules ``roots`` of the SystemVerilog files ``system`` (in compile order), which it instantiates with their
    own parameters. ``data`` are files that those read, by the names under which they read them.
    """

    top: str
    verilog: str
    system: tuple[Source, ...] = ()
    roots: tuple[str, ...] = ()
    data: tuple[Source, ...] = ()

    def __post_init__(self) -> None:
        for name in (self.top, *self.roots):
            if not _NAME.fullmatch(name):
                raise ValueError(f"top must be a Verilog name, not {name!r}")
        if bool(self.system) != bool(self.roots):
            raise ValueError(f"system and roots come together, not system={len(self.system)} files, roots={self.roots}")


class CarryPlaces(Record):
    """Places beside carry chains, as :class:`build_flows.synthesis.carry_chains.CarryUse`."""

    taken: int
    tables: dict[str, int]
    sharing: dict[str, int]


class Counted(Artefact):
    """What the worker counted of a unit, and what is kept of it: ``cells`` by name, what its ``carry`` chains take, memories."""

    VERSION = 4

    cells: dict[str, int]
    carry: CarryPlaces
    memories: list[Memory]


@dataclass(frozen=True, kw_only=True)
class Synthesised:
    """What came out: ``resources``, ``memories``, and the file of the mapped ``netlist`` (:meth:`read_netlist`)."""

    resources: Resources
    memories: tuple[Memory, ...]
    netlist: Path = field(compare=False)

    def read_netlist(self) -> dict[str, Any]:
        """The mapped netlist, as Yosys' ``write_json`` gives it, without the contents of tables."""
        found: dict[str, Any] = json.loads(gzip.decompress(self.netlist.read_bytes()))
        return found


def synthesise(verilog: str, top: str, cache: Path, part_family: str = "xc7") -> Synthesised:
    """Module ``top`` of the text ``verilog`` on a part of ``part_family``, one of :data:`FAMILIES` (else ValueError).

    The result is kept in the folder ``cache`` and found there again, without Yosys being run, as long as the text, ``top``, the commands
    and the version of Yosys are the same. Raises :class:`SynthesisError` for what Yosys refuses (its input and log stay in
    ``cache/refused``) or this module cannot count, :class:`sim.errors.ToolError` without Yosys. Interrupted, it leaves no
    process and nothing in ``cache``.
    """
    return synthesise_all({top: Unit(top=top, verilog=verilog)}, cache, part_family=part_family, jobs=1)[top]


def synthesise_all(units: Mapping[str, Unit], cache: Path, *, progress: Callable[[str, Synthesised], None] = lambda name, found: None,
                   jobs: int = 2, part_family: str = "xc7") -> dict[str, Synthesised]:
    """Each of the ``units``, by its name, ``jobs`` at a time, begun in the order given; otherwise as :func:`synthesise`.

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
    entries = {name: _entry(unit, cache, part_family) for name, unit in units.items()}
    for name, entry in entries.items():
        first.setdefault(entry, name)
    done: dict[Path, Synthesised] = {}

    def finish(entry: Path, found: Synthesised) -> None:
        done[entry] = found
        for name in units:
            if entries[name] == entry:
                progress(name, found)

    for entry in first:
        kept = _kept(entry)
        if kept is not None:
            finish(entry, kept)
    with _Pool(jobs) as pool:
        runs = {pool.submit(_measure, name, units[name], entry, part_family): entry for entry, name in first.items() if entry not in done}
        for run in as_completed(runs):
            finish(runs[run], run.result())
    return {name: done[entry] for name, entry in entries.items()}


class _Processes:
    """The processes in progress, each with a session of its own: all of them are ended by :meth:`end`, and none starts after it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[str]] = set()
        self._ended = False

    @contextmanager
    def start(self, folder: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
        # What a killed Yosys leaves behind lies in the folder too.
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "TMPDIR": str(folder)}
        with self._lock, log.open("wb") as output:
            if self._ended:
                raise _Interrupted
            process = subprocess.Popen([sys.executable, "-c", _PROGRAM], cwd=folder, env=environment, text=True,
                                       stdin=subprocess.PIPE, stdout=output, stderr=output, start_new_session=True)
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

    def submit(self, run: Callable[..., Synthesised], *args: object) -> "Future[Synthesised]":
        return self._threads.submit(run, self._processes, *args)


def _commands(unit: Unit, part_family: str) -> list[str]:
    synthesis = f"synth_xilinx -family {part_family} -flatten -noiopad -noclkbuf -top \\{unit.top}"
    # synth_xilinx looks for the modules below the top itself. `proc` and `opt_clean` before it would throw away those that are connected
    # by position, without a word.
    read, shift_registers = [f"read_verilog {_VERILOG}"], []
    if unit.system:
        roots = " ".join(f"--top {root}" for root in unit.roots)
        files = " ".join(source.name for source in unit.system)
        read = [
            "read_slang --ignore-assertions --allow-use-before-declare --translate-off-format synthesis,translate_off,translate_on "
            f"{roots} {_MAPS.name}/stubs.v {files}",
            *read,
            f"hierarchy -top \\{unit.top}",
            "proc",
            "opt_clean",
            f"techmap -map {_MAPS.name}/bmux.v",
        ]
        shift_registers = [
            "opt -full", "xilinx_srl -variable -minlen 3",
            f"techmap -autoproc -max_iter 1 -map {_MAPS.name}/reversed_shiftx.v", "opt_expr", "opt_clean",
            "xilinx_srl -variable -minlen 3",
        ]
    return [
        *read,
        f"{synthesis} -run begin:map_memory",
        "select t:$mem t:$mem_v2 a:SHREG_EXTRACT",
        "write_json -selected before.json",
        "select -clear",
        f"{IF_MEMORY}{synthesis} -run map_memory:map_ffram",
        f"{synthesis} -run map_ffram:fine",
        *shift_registers,
        f"{synthesis} -run fine:",
        "tee -q -o stat.json stat -json -tech xilinx",
        f"select {unit.top}",
        "write_json -selected netlist.json",
    ]


def _entry(unit: Unit, cache: Path, part_family: str) -> Path:
    maps = [(file.name, file.read_text(encoding="utf-8")) for file in sorted(_MAPS.glob("*.v"))] if unit.system else []
    commands = _commands(unit, part_family)
    sources = [[(source.name, source.text) for source in group] for group in (unit.system, unit.data)]
    parts = [Counted.VERSION, version(), commands, unit.verilog, sources, maps]
    return cache / f"{unit.top}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()}"


def _kept(entry: Path) -> Synthesised | None:
    """What the cache holds of a unit; what was damaged there is removed."""
    if not entry.exists():
        return None
    with locked(entry.parent / ".lock"):
        if not intact(entry):
            return None
        return _result(entry.name, Counted.load(entry / "counted.json"), entry / "netlist.json.gz")


def _result(name: str, counted: Counted, netlist: Path) -> Synthesised:
    try:
        resources = count_cells(counted.cells, CarryUse(**counted.carry.to_json()))
    except CellError as error:
        raise SynthesisError(f"{name}: {error.message}") from None
    return Synthesised(resources=resources, memories=tuple(counted.memories), netlist=netlist)


def _measure(processes: _Processes, name: str, unit: Unit, entry: Path, part_family: str) -> Synthesised:
    # Yosys and what it starts cannot work where there is a space in the path: not in the cache.
    with scratch(Path(tempfile.gettempdir()), "offramp-synthesis-") as above:
        folder = above / "work"
        folder.mkdir()
        if unit.system:
            shutil.copytree(_MAPS, folder / _MAPS.name)
        for source in (Source(name=_VERILOG, text=unit.verilog), *unit.system, *unit.data):
            (folder / source.name).parent.mkdir(parents=True, exist_ok=True)
            (folder / source.name).write_text(source.text, encoding="utf-8")
        log = folder / "yosys.log"
        with processes.start(folder, log) as process:
            process.communicate(json.dumps({"commands": _commands(unit, part_family), "top": unit.top}))
        if process.returncode:
            raise _refused(name, unit, folder, entry.parent / "refused" / re.sub(r"[^\w.=-]+", "_", name))
        counted = Counted.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))
        netlist = (folder / "netlist.json.gz").read_bytes()
    result = _result(name, counted, entry / "netlist.json.gz")
    with scratch(entry.parent, ".work-") as work:
        made = work / "entry"
        counted.save(made / "counted.json")
        (made / "netlist.json.gz").write_bytes(netlist)
        with locked(entry.parent / ".lock"):
            publish(made, entry)
    return result


def _refused(name: str, unit: Unit, folder: Path, keep: Path) -> SynthesisError:
    """The error for what Yosys wrote into its log; ``folder``, with its input and log, is kept as ``keep``."""
    log = (folder / "yosys.log").read_text(encoding="utf-8", errors="replace")
    lines = [line.strip() for line in log.splitlines() if line.strip()] or ["no word of why"]
    # slang tells what is wrong and where first, and Yosys only that slang failed.
    told = next((match for line in lines if (match := _REFUSED.fullmatch(line)) and "ompilation failed" not in line), None)
    hint = f"its Verilog and Yosys' log are in {keep}"
    if told is None:
        what = f"Yosys ended early: {lines[-1]}"
    else:
        what = told["what"].replace("\\", "")
        if told["line"]:
            source = next((item for item in unit.system if item.origin and told["file"].endswith(item.name)), None)
            place = source.origin if source else keep / _VERILOG if told["file"] == _VERILOG else told["file"]
            what = f"{place}:{told['line']}: {what}"
            if source:
                hint = f"mend that line, or compile again if it was edited; {hint}"
    keep.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".refused-", dir=keep.parent) as beside:
        move_into_place(Path(shutil.copytree(folder, Path(beside) / "copy")), keep)
    return SynthesisError(f"{name}: {what}", hint=hint)
