"""The steps from compiled RTL to a bitstream: a build plan, and what came of it, run here or elsewhere.

``<output>/plan-FLOW.zip`` is the plan, ``<output>/FLOW`` where it runs here, and ``<output>/bitstream`` holds what came of it, described by
``bitstream.json``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.base.files import write_bytes
from build_flows.board.built import BITSTREAM, described
from build_flows.board.design import actual_clock, design_name
from build_flows.board.open_plan import OpenTools
from build_flows.board.open_tools import OpenFlow, find_open
from build_flows.board.plan import plan
from build_flows.board.plan_file import PlanFile
from build_flows.board.platforms import BoardPlatform
from build_flows.board.results import Results, check_results, collect
from build_flows.board.run_plan import Builder, run_plan
from build_flows.board.vivado import find_vivado
from build_flows.steps.engine import Step, Work
from build_flows.steps.flow import Flow
from hw.accelerator import build_id
from hw.netlist import load
from hw.zynq.zynq_top import ZynqTop

__all__ = ["APART", "PlanSettings", "Settings", "find_builder", "make_bitstream", "make_plan", "run", "write"]

APART = ("build_flows.base", "build_flows.board", "hw")
"""A change in how tools are run, or how their reports are read, must not cost another run of them."""

_STEP = "bitstream"


@dataclass(frozen=True, kw_only=True)
class PlanSettings:
    """The ``board``, the ``flow`` that builds, and the ``tools`` of the open one (None: the usual ones)."""

    board: BoardPlatform
    flow: str
    tools: OpenTools | None


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The ``board``, the ``flow``, the version of each tool that builds, where it is known (None: of none), and the ``tools`` of the open
    flow (None: the usual ones)."""

    board: BoardPlatform
    flow: str
    versions: Mapping[str, str] | None
    tools: OpenTools | None


def find_builder(board: BoardPlatform, flow: str, tools: OpenTools | None = None) -> Builder:
    """What builds for ``board`` by ``flow`` on this machine. Raises :class:`build_flows.board.vivado.VivadoError` or
    :class:`build_flows.board.open_tools.OpenFlowError` where that is missing."""
    return find_open(board, tools) if flow == "open" else find_vivado()


def make_plan(flow: Flow, board: BoardPlatform, way: str, tools: OpenTools | None = None) -> Path:
    """All up to ``<output>/plan-WAY.zip``, which makes the bitstream anywhere, by the flow ``way``. Gives that file.

    Raises :class:`OfframpError` when the network was compiled for another part than ``board``'s, or the clock cannot be had.
    """
    flow.compile()
    flow.build.run(Step(
        name=f"plan-{way}", run=write, outputs=[f"plan-{way}.zip"], inputs={"netlist": flow.path("netlist.json"), "rtl": flow.path("rtl")},
        settings=PlanSettings(board=board, flow=way, tools=tools),
    ))
    return flow.path(f"plan-{way}.zip")


def write(chosen: PlanSettings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes the build plan."""
    netlist, board = load(inputs["netlist"].read_text(encoding="utf-8")), chosen.board
    if netlist.part != board.part:
        raise OfframpError(f"{board.name} has part {board.part}, but {netlist.name} is made for {netlist.part}",
                           hint=f'set target.board = "{board.name}" and compile again')
    notes = {"network": netlist.name, "design": design_name(netlist), "build": build_id(netlist)}
    data = plan(ZynqTop(netlist), inputs["rtl"], board, chosen.flow, actual_clock(netlist.clock_mhz), tools=chosen.tools, notes=notes)
    write_bytes(work.folder / f"plan-{chosen.flow}.zip", data)


def make_bitstream(
    flow: Flow, board: BoardPlatform, way: str, builder: Builder | None, source: Results | None = None, tools: OpenTools | None = None
) -> Path:
    """All up to ``<output>/bitstream``: ``NAME.bit``, ``NAME.hwh``, ``reports/``, ``build.log`` and ``bitstream.json``. Gives that folder.

    Run by ``builder``, unless it has run this very plan; with ``source`` taken from there instead. Without either, what is there must be
    of this very plan. Raises :class:`build_flows.board.results.BitstreamError` for results of another design, cut ones and those that miss
    timing, and what :func:`build_flows.board.run_plan.run_plan` raises for what else happens; an earlier bitstream is then left as it was.
    """
    file = make_plan(flow, board, way, tools)
    netlist, there = load(flow.path("netlist.json").read_text(encoding="utf-8")), described(flow.path(BITSTREAM))
    if source is not None:
        check_results(source, netlist, board)
        versions: Mapping[str, str] | None = source.versions()
        if there is None or source.hashes() != _taken(there.files):
            # The step's input is the plan, so it cannot tell one build of it from another.
            flow.build.forget(_STEP)
    elif builder is not None:
        versions = _versions(builder)
    else:
        versions = None if there is None else there.tools
    flow.build.run(Step(
        name=_STEP, run=partial(run, flow.path(way), flow.path("netlist.json"), builder, source), outputs=(BITSTREAM,),
        inputs={"plan": file}, settings=Settings(board=board, flow=way, versions=versions, tools=tools), apart=APART,
    ))
    return flow.path(BITSTREAM)


def run(
    folder: Path, netlist: Path, builder: Builder | None, source: Results | None, chosen: Settings, inputs: Mapping[str, Path], work: Work
) -> None:
    """Writes ``bitstream/``: from ``source``, or from a run of the plan in ``folder``."""
    results, tools = source, chosen.versions
    if results is None:
        # Raised here, not before: without tools what is there may still be fresh.
        found = find_builder(chosen.board, chosen.flow, chosen.tools) if builder is None else builder
        plan_file = PlanFile(inputs["plan"].read_bytes())
        run_plan(found, plan_file, folder, work.ui)
        results, tools = Results(folder=folder, facts=plan_file.facts), _versions(found)
    collect(results, work.folder / BITSTREAM, load(netlist.read_text(encoding="utf-8")), chosen.board, tools or {})


def _versions(builder: Builder) -> dict[str, str]:
    return builder.versions if isinstance(builder, OpenFlow) else {"vivado": builder.version}


def _taken(files: Mapping[str, str]) -> dict[str, str]:
    """The hashes in ``bitstream.json`` by the names of :meth:`Results.hashes`."""
    names = {name: "bit" if name.endswith(".bit") else name.removeprefix("reports/") for name in files if not name.endswith(".hwh")}
    return {names[name]: files[name] for name in names}
