"""The steps from a bitstream to a package for the board: ``<output>/package`` and ``<output>/NAME-package.tar.gz``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.board.boards import Board
from build_flows.board.built import BITSTREAM, DESCRIPTION, described, is_built
from build_flows.board.design import file_name
from build_flows.board.package import SAMPLES, golden_samples, write_archive, write_package
from build_flows.steps.engine import Step
from build_flows.steps.flow import Flow
from hw.accelerator import build_id
from hw.netlist import load

__all__ = ["PACKAGE", "make_archive", "make_package"]

PACKAGE = "package"
"""The package's folder in the output folder."""

_SOURCES = (
    "hw", "sim.golden", "sim.result_word", "offramp_driver", "build_flows.board.payload",
    *(f"build_flows.board.{name}" for name in ("bitfile", "boards", "design", "hwh", "manifest", "package", "pair")),
)


def make_package(flow: Flow, board: Board) -> Path:
    """All up to ``<output>/package``, but for the bitstream, which must be there. Gives that folder.

    Raises :class:`OfframpError` that says what is missing and how to get it when there is no whole bitstream of this very network and
    ``board``: before anything is trained or compiled when there is none at all.
    """
    flow.project.refuse_for_board()
    folder, name = flow.path(BITSTREAM), flow.project.name
    if not described(folder):
        raise _missing(flow, f"{name} has no bitstream yet: {folder / DESCRIPTION} is missing")
    flow.compile()
    netlist = load(flow.path("netlist.json").read_text(encoding="utf-8"))
    _check(flow, folder, described(folder), build_id(netlist), board)
    file = file_name(netlist)
    bit, hwh = folder / f"{file}.bit", folder / f"{file}.hwh"

    def run(work: Path) -> None:
        from build_flows.steps.training import dataset

        data = dataset(flow.project)
        samples = golden_samples(netlist=netlist, golden_file=flow.path("golden.npz"), exits=flow.path("exits.json"),
                                 images=data.x_test, labels=data.y_test)
        write_package(work / PACKAGE, netlist=netlist, board=board, bit=bit, hwh=hwh, samples=samples)

    flow.build.run(Step(
        name="package", run=run, outputs=(PACKAGE,),
        inputs={"netlist": flow.path("netlist.json"), "golden": flow.path("golden.npz"), "exits": flow.path("exits.json"), "bit": bit,
                "hwh": hwh},
        values={**flow.project.values("data"), "board": board.name, "samples": SAMPLES}, tools=("numpy", "jinja2", "offramp"),
        sources=_SOURCES,
    ))
    return flow.path(PACKAGE)


def make_archive(flow: Flow, board: Board) -> Path:
    """:func:`make_package`, and the package as ``<output>/NAME-package.tar.gz``. Gives the archive."""
    folder = make_package(flow, board)
    name = file_name(load(flow.path("netlist.json").read_text(encoding="utf-8")))
    archive = f"{name}-package.tar.gz"
    flow.build.run(Step(
        name="package-archive", run=lambda work: write_archive(folder, name, work / archive), outputs=(archive,),
        inputs={"package": folder}, sources=("build_flows.board.package",),
    ))
    return flow.path(archive)


def _check(flow: Flow, folder: Path, found: Mapping[str, Any], build: int, board: Board) -> None:
    if found.get("board") != board.name:
        raise _missing(flow, f"the bitstream in {folder} is for {found.get('board')}, not for {board.name}", f" --board {board.name}")
    if not isinstance(found.get("build"), int) or found["build"] != build:
        raise _missing(flow, f"the bitstream in {folder} is of an earlier network: its build is {_build(found.get('build'))}, "
                             f"not {_build(build)}")
    if not is_built(folder, build):
        raise _missing(flow, f"the bitstream in {folder} is not whole: files were removed or changed since it was made")


def _build(value: object) -> str:
    return f"{value:08x}" if isinstance(value, int) else "unknown"


def _missing(flow: Flow, message: str, option: str = "") -> OfframpError:
    command = f"offramp build {flow.project.file}{option}"
    return OfframpError(message, hint=f"`{command}` makes it where Vivado is; without Vivado, `{command} --project-only` writes a folder "
                                      f"that builds elsewhere, and `{command} --from FOLDER` takes in what came of it")
