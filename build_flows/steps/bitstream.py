"""The steps from compiled RTL to a bitstream: the Vivado project, and what came of it, by a run here or built elsewhere.

``<output>/vivado`` is the project and where Vivado works; ``<output>/bitstream`` holds what came of it, described by ``bitstream.json``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from build_flows.board import vivado
from build_flows.board.boards import Board, find_board
from build_flows.board.built import BITSTREAM, described
from build_flows.board.results import check_results, collect, hashes
from build_flows.board.vivado import Vivado
from build_flows.board.vivado_project import FILES, RESULTS, write_project
from build_flows.board.vivado_run import build_project
from build_flows.steps.engine import Step, Work
from build_flows.steps.flow import Flow
from hw.netlist import load

__all__ = ["APART", "PROJECT", "Settings", "make_bitstream", "make_project", "run"]

PROJECT = "vivado"
"""The project's folder in the output folder."""

APART = ("build_flows.base", "build_flows.board", "hw")
"""A change in how Vivado is run, or how its reports are read, must not cost another run of it."""

_STEP = "bitstream"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The ``board``, by name, and the version of Vivado that builds (None: not known)."""

    board: str
    vivado: str | None


def make_project(flow: Flow, board: Board) -> Path:
    """All up to ``<output>/vivado``, a folder that builds anywhere; what Vivado left in it stays. Gives that folder.

    Raises :class:`OfframpError` when the network was compiled for another part than ``board``'s.
    """
    flow.project.refuse_for_board()
    flow.compile()
    flow.build.run(Step(
        name="vivado-project", run=write, outputs=[f"{PROJECT}/{name}" for name in FILES],
        inputs={"netlist": flow.path("netlist.json"), "rtl": flow.path("rtl")}, settings=board.name,
    ))
    return flow.path(PROJECT)


def write(board: str, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes the Vivado project for the board of that name."""
    write_project(work.folder / PROJECT, load(inputs["netlist"].read_text(encoding="utf-8")), inputs["rtl"], find_board(board))


def make_bitstream(flow: Flow, board: Board, tool: Vivado | None, source: Path | None = None) -> Path:
    """All up to ``<output>/bitstream``: ``NAME.bit``, ``NAME.hwh``, ``reports/``, ``build.txt`` and ``bitstream.json``. Gives that folder.

    Run by Vivado ``tool``, unless it has run on this very project; with ``source`` (as of :func:`find_results`) taken from there instead.
    Without either, what is there must be of this very project. Raises :class:`BitstreamError` for results of another design, cut ones and
    those that miss timing, and :class:`build_flows.board.vivado.VivadoError` for what else happens in Vivado; an earlier bitstream is then
    left as it was.
    """
    project = make_project(flow, board)
    netlist, target = load(flow.path("netlist.json").read_text(encoding="utf-8")), flow.path(BITSTREAM)
    there = described(target)
    if source is not None:
        version: str | None = check_results(source, netlist, board)["vivado"]
        if there is None or hashes(source, netlist) != there.files:
            # The step's inputs are the project's, so it cannot tell one build of it from another.
            flow.build.forget(_STEP)
    elif tool is not None:
        version = tool.version
    else:
        version = None if there is None else there.vivado
    flow.build.run(Step(
        name=_STEP, run=partial(run, project, flow.path("netlist.json"), tool, source), outputs=(BITSTREAM,),
        inputs={name: project / name for name in FILES}, settings=Settings(board=board.name, vivado=version),
        apart=APART,
    ))
    return target


def run(
    project: Path, netlist: Path, tool: Vivado | None, source: Path | None, chosen: Settings, inputs: Mapping[str, Path], work: Work
) -> None:
    """Writes ``bitstream/``: from ``source``, or from a run of Vivado in ``project``."""
    net, board = load(netlist.read_text(encoding="utf-8")), find_board(chosen.board)
    results = source
    if results is None:
        # Raised here, not before: without Vivado what is there may still be fresh.
        build_project(vivado.find_vivado() if tool is None else tool, project, net, board, work.ui)
        results = project / RESULTS
    collect(results, work.folder / BITSTREAM, net, board)
