"""The steps from compiled RTL to a bitstream: the Vivado project, and what came of it, by a run here or built elsewhere.

``<output>/vivado`` is the project and where Vivado works; ``<output>/bitstream`` holds what came of it, described by ``bitstream.json``.
"""

import re
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path, write_json
from build_flows.base.ui import Ui
from build_flows.board import vivado, vivado_reports
from build_flows.board.boards import Board
from build_flows.board.built import BITSTREAM, DESCRIPTION, described
from build_flows.board.design import actual_clock, design_name, file_name
from build_flows.board.pair import check_pair
from build_flows.board.vivado import Vivado
from build_flows.board.vivado_project import FILES, RESULTS, vivado_arguments, write_project
from build_flows.steps.engine import Step
from build_flows.steps.flow import Flow
from hw.accelerator import build_id
from hw.netlist import Netlist, load

__all__ = ["PROJECT", "BitstreamError", "check_results", "find_results", "make_bitstream", "make_project"]

PROJECT = "vivado"
"""The project's folder in the output folder."""

_BUILD = "build.txt"
_STEP = "bitstream"


class BitstreamError(OfframpError):
    """What Vivado left is not a whole bitstream of this design that meets its timing."""


def make_project(flow: Flow, board: Board) -> Path:
    """All up to ``<output>/vivado``, a folder that builds anywhere; what Vivado left in it stays. Gives that folder.

    Raises :class:`OfframpError` when the network was compiled for another part than ``board``'s.
    """
    flow.project.refuse_for_board()
    flow.compile()
    netlist = _netlist(flow)
    flow.build.run(Step(
        name="vivado-project", run=lambda work: write_project(work / PROJECT, netlist, flow.path("rtl"), board),
        outputs=[f"{PROJECT}/{name}" for name in FILES], inputs={"netlist": flow.path("netlist.json"), "rtl": flow.path("rtl")},
        values={"board": board.name},
        sources=("hw", *(f"build_flows.board.{name}" for name in ("boards", "design", "tcl", "vivado_project")), "build_flows.base.parts"),
    ))
    return flow.path(PROJECT)


def make_bitstream(flow: Flow, board: Board, tool: Vivado | None, source: Path | None = None) -> Path:
    """All up to ``<output>/bitstream``: ``NAME.bit``, ``NAME.hwh``, ``reports/``, ``build.txt`` and ``bitstream.json``. Gives that folder.

    Run by Vivado ``tool``, unless it has run on this very project; with ``source`` (as of :func:`find_results`) taken from there instead.
    Without either, what is there must be of this very project. Raises :class:`BitstreamError` for results of another design, cut ones and
    those that miss timing, and :class:`build_flows.board.vivado.VivadoError` for what else happens in Vivado; an earlier bitstream is then
    left as it was.
    """
    project, netlist = make_project(flow, board), _netlist(flow)
    target = flow.path(BITSTREAM)

    def run(work: Path) -> None:
        results = source
        if results is None:
            # Raised here, not before: without Vivado what is there may still be fresh.
            used = vivado.find_vivado() if tool is None else tool
            _run(used, project, netlist, board, flow.ui)
            results = project / RESULTS
        _collect(results, work / BITSTREAM, netlist, board)

    if source is None:
        version = tool.version if tool is not None else described(target).get("vivado")
    else:
        version = check_results(source, netlist, board)["vivado"]
        if _hashes(source, netlist) != described(target).get("files"):
            # The step's inputs are the project's, so it cannot tell one build of it from another.
            flow.path(f".steps/{_STEP}.json").unlink(missing_ok=True)
    flow.build.run(Step(
        name=_STEP, run=run, outputs=(BITSTREAM,), inputs={name: project / name for name in FILES},
        # How reports are read is left out: a change there must not cost another run of Vivado.
        values={"board": board.name, "vivado": version}, sources=("build_flows.steps.bitstream",),
    ))
    return target


def find_results(folder: Path) -> Path:
    """``folder``, or ``results`` in it, whichever holds what a build left; raises :class:`BitstreamError` when neither does."""
    for place in (folder, folder / RESULTS):
        if (place / _BUILD).is_file():
            return place
        # The Tcl writes build.txt last: here a build ended early, and its reports may tell why.
        timing, synthesised = (place / "reports" / name for name in (vivado_reports.TIMING, vivado_reports.UTILISATION_SYNTH))
        if timing.is_file() and not (found := vivado_reports.read_timing(timing)).met:
            raise _missed(found)
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
        raise _missed(timing)
    check_pair(results / f"{name}.bit", results / f"{name}.hwh", netlist, board)
    said["vivado"] = _version(results, said)
    return said


def _netlist(flow: Flow) -> Netlist:
    return load(flow.path("netlist.json").read_text(encoding="utf-8"))


def _run(tool: Vivado, project: Path, netlist: Netlist, board: Board, ui: Ui) -> None:
    """One run of Vivado in ``project``; raises when it did not end with results that may be taken."""
    for name in (RESULTS, vivado.LOG):
        _remove(project / name)
    began, log = time.monotonic(), project / vivado.LOG
    ui.info(f"Vivado {tool.version} builds {design_name(netlist)}; all it prints is in {log}")
    with ui.progress(f"Vivado {tool.version}") as bar:
        last = ""

        def tell(phase: str, detail: str) -> None:
            nonlocal last
            if phase != last:
                ui.info(f"Vivado, after {(time.monotonic() - began) / 60:.0f} min: {phase}")
                last = phase
            bar.update(text=f"{phase}: {detail}" if detail else phase)

        code = vivado.run_vivado(tool, vivado_arguments(netlist, board), project, tell)
    # Its working directory while it synthesises; what it leaves there is none of the RTL.
    _remove(project / "rtl" / ".Xil")
    reports = project / RESULTS / "reports"
    # What does not fit or misses timing is told by how much, whatever the Tcl made of it.
    if (reports / vivado_reports.TIMING).is_file():
        timing = vivado_reports.read_timing(reports / vivado_reports.TIMING)
        if not timing.met:
            raise _missed(timing)
    if code:
        synthesised = reports / vivado_reports.UTILISATION_SYNTH
        short = vivado_reports.read_utilisation(synthesised).shortages() if synthesised.is_file() else []
        raise vivado.explain_log(code, log.read_text(encoding="utf-8", errors="replace"), log, part=board.part, short=short)


def _missed(timing: vivado_reports.Timing) -> BitstreamError:
    hint = "give it time elsewhere: another layout of exits, or more cycles per sample"
    if timing.wns_ns < 0:
        hint = f"set target.clock_mhz to {int(timing.fmax_mhz)} or less, or raise target.cycles_per_sample"
    return BitstreamError(timing.missed(), hint=hint)


def _collect(results: Path, target: Path, netlist: Netlist, board: Board) -> None:
    said = check_results(results, netlist, board)
    target.mkdir(parents=True)
    files = _hashes(results, netlist)
    for name in files:
        (target / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(results / name, target / name)
    copied = {name: hash_path(target / name) for name in files}
    if copied != files:
        raise BitstreamError(f"{results} changed while it was copied", hint="wait until nothing writes there, then try again")
    write_json(target / DESCRIPTION, {
        "version": 1, "design": said["design"], "build": build_id(netlist), "board": board.name, "part": board.part,
        "vivado": said["vivado"], "clock_mhz": actual_clock(netlist.clock_mhz), "files": files,
    })


def _hashes(results: Path, netlist: Netlist) -> dict[str, str]:
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


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
