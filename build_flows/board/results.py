"""What a build of the Vivado project leaves: found, checked against the netlist, and taken in as the folder ``bitstream``."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from build_flows.artefacts.bitstream import BitstreamFile
from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.board import vivado, vivado_reports
from build_flows.board.boards import Board
from build_flows.board.built import DESCRIPTION
from build_flows.board.design import actual_clock, design_name, file_name
from build_flows.board.pair import check_pair
from build_flows.board.vivado_project import RESULTS
from hw.accelerator import build_id
from hw.netlist import Netlist

__all__ = ["BitstreamError", "check_results", "collect", "find_results", "hashes", "missed"]

_BUILD = "build.txt"


class BitstreamError(OfframpError):
    """What Vivado left is not a whole bitstream of this design that meets its timing."""


def find_results(folder: Path) -> Path:
    """``folder``, or ``results`` in it, whichever holds what a build left; raises :class:`BitstreamError` when neither does."""
    for place in (folder, folder / RESULTS):
        if (place / _BUILD).is_file():
            return place
        # The Tcl writes build.txt last: here a build ended early, and its reports may tell why.
        timing, synthesised = (place / "reports" / name for name in (vivado_reports.TIMING, vivado_reports.UTILISATION_SYNTH))
        if timing.is_file() and not (found := vivado_reports.read_timing(timing)).met:
            raise missed(found)
        if synthesised.is_file() and (short := vivado_reports.read_utilisation(synthesised).shortages()):
            raise BitstreamError(f"--from {folder}: the design does not fit: {'; '.join(short)}",
                                 hint="raise target.cycles_per_sample, or leave out an exit")
    there = "is no folder" if not folder.is_dir() else f"holds no {_BUILD}, nor does {RESULTS}/ in it"
    raise BitstreamError(f"--from {folder}: {folder} {there}",
                         hint="give the folder that --project-only wrote, after its build.sh ended well, or its results/")


def check_results(results: Path, netlist: Netlist, board: Board) -> dict[str, str]:
    """Check that ``results`` are a whole build of ``netlist`` for ``board`` that fits and meets timing; what ``build.txt`` says.

    The files must be there, ``build.txt`` name design, board and part, and .bit and .hwh pass :func:`build_flows.board.pair.check_pair`.
    Raises :class:`BitstreamError`, naming what is and what should be, what that raises, and
    :class:`build_flows.board.vivado_reports.ReportError`.
    """
    name, design = file_name(netlist), design_name(netlist)
    wanted = (_BUILD, f"{name}.bit", f"{name}.hwh", *(f"reports/{report}" for report in (
        vivado_reports.UTILISATION, vivado_reports.TIMING, vivado_reports.POWER)))
    said = _read_build(results / _BUILD) if (results / _BUILD).is_file() else {}
    if said.get("design", design) != design:
        raise BitstreamError(f"{results} is of design {said['design']}, not {design}",
                             hint="the network was compiled anew since: run offramp build --project-only, build again and take that in")
    missing = [item for item in wanted if not (results / item).is_file()]
    if missing:
        raise BitstreamError(f"{results} lacks {', '.join(missing)}", hint="did the build end, and were all its files copied?")
    for key, value in (("design", design), ("board", board.name), ("part", board.part)):
        if said.get(key) != value:
            raise BitstreamError(f"{results / _BUILD}: {key} must be {value}, not {said.get(key)}", hint="build it again")
    timing = vivado_reports.read_timing(results / "reports" / vivado_reports.TIMING)
    if not timing.met:
        raise missed(timing)
    check_pair(results / f"{name}.bit", results / f"{name}.hwh", netlist, board)
    said["vivado"] = _version(results, said)
    return said


def missed(timing: vivado_reports.Timing) -> BitstreamError:
    """What to say of a build that misses its timing."""
    hint = "give it time elsewhere: another layout of exits, or more cycles per sample"
    if timing.wns_ns < 0:
        hint = f"set target.clock_mhz to {int(timing.fmax_mhz)} or less, or raise target.cycles_per_sample"
    return BitstreamError(timing.missed(), hint=hint)


def collect(results: Path, target: Path, netlist: Netlist, board: Board) -> None:
    """Check ``results`` and copy what is taken in to ``target``, with ``bitstream.json``."""
    said = check_results(results, netlist, board)
    target.mkdir(parents=True)
    files = hashes(results, netlist)
    for name in files:
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(results / name, target / name)
    copied = {name: hash_path(target / name) for name in files}
    if copied != files:
        raise BitstreamError(f"{results} changed while it was copied", hint="wait until nothing writes there, then try again")
    BitstreamFile(
        design=said["design"], build=build_id(netlist), board=board.name, part=board.part, vivado=said["vivado"],
        clock_mhz=actual_clock(netlist.clock_mhz), files=files,
    ).save(target / DESCRIPTION)


def hashes(results: Path, netlist: Netlist) -> dict[str, str]:
    """The files that are taken in, and their SHA-256."""
    reports = sorted(path for path in (results / "reports").glob("*.rpt") if path.is_file())
    files = (results / f"{file_name(netlist)}.bit", results / f"{file_name(netlist)}.hwh", results / _BUILD, *reports)
    return {path.relative_to(results).as_posix(): hash_path(path) for path in files}


def _read_build(path: Path) -> dict[str, str]:
    """``build.txt``: a key and its value a line."""
    lines = (line.split(None, 1) for line in path.read_text(encoding="utf-8", errors="replace").splitlines())
    return {words[0].rstrip(":="): words[1].strip() for words in lines if len(words) == 2}


def _version(results: Path, said: Mapping[str, str]) -> str:
    version = re.search(r"(\d{4})\.(\d+)", said.get("vivado", ""))
    if version is None:
        raise BitstreamError(f"{results / _BUILD}: vivado must be a version, not {said.get('vivado')}", hint="build it again")
    if (int(version[1]), int(version[2])) < vivado.MINIMUM:
        raise BitstreamError(f"{results} was built by Vivado {version[0]}; 2022.2 or newer is needed")
    return version[0]
