"""The steps from a bitstream to a package for the board: ``<output>/package`` and ``<output>/NAME-package.tar.gz``."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from build_flows.artefacts.bitstream import BitstreamFile
from build_flows.base.errors import OfframpError
from build_flows.board.built import BITSTREAM, DESCRIPTION, described, is_built
from build_flows.board.design import file_name
from build_flows.board.package import golden_samples, write_archive, write_package
from build_flows.board.platforms import BoardPlatform
from build_flows.steps.data import DataSettings, data_inputs, data_settings, dataset
from build_flows.steps.engine import Step, Work
from build_flows.steps.flow import Flow
from build_flows.steps.scale import scale_record
from hw.accelerator import build_id
from hw.netlist import load

__all__ = ["PACKAGE", "Settings", "make_archive", "make_package", "run"]

PACKAGE = "package"
"""The package's folder in the output folder."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images that samples are of, the ``board``, and offramp's ``version``, which the manifest tells."""

    data: DataSettings
    board: BoardPlatform
    version: str


def make_package(flow: Flow, board: BoardPlatform) -> Path:
    """All up to ``<output>/package``, but for the bitstream, which must be there. Gives that folder.

    Raises :class:`OfframpError` that says what is missing and how to get it when there is no whole bitstream of this very network and
    ``board``: before anything is trained or compiled when there is none at all.
    """
    folder, name = flow.path(BITSTREAM), flow.project.name
    found = described(folder)
    if found is None:
        raise _missing(flow, f"{name} has no bitstream yet: {folder / DESCRIPTION} is missing")
    flow.compile()
    netlist = load(flow.path("netlist.json").read_text(encoding="utf-8"))
    _check(flow, folder, found, build_id(netlist), board)
    file = file_name(netlist)
    flow.build.run(Step(
        name="package", run=run, outputs=(PACKAGE,),
        inputs={
            "netlist": flow.path("netlist.json"), "golden": flow.path("golden.npz"), "exits": flow.path("exits.json"),
            **{ending: path for ending in ("bit", "hwh") if (path := folder / f"{file}.{ending}").is_file()}, **data_inputs(flow.project),
        },
        settings=Settings(data=data_settings(flow.project), board=board, version=metadata.version("offramp")),
    ))
    return flow.path(PACKAGE)


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``package/``."""
    netlist, data = load(inputs["netlist"].read_text(encoding="utf-8")), dataset(chosen.data, inputs, work.caches)
    samples = golden_samples(
        netlist=netlist, golden_file=inputs["golden"], exits=inputs["exits"], images=data.x_test, labels=data.y_test
    )
    write_package(
        work.folder / PACKAGE, netlist=netlist, board=chosen.board, bit=inputs["bit"], hwh=inputs.get("hwh"), samples=samples,
        scale=scale_record(data),
    )


def make_archive(flow: Flow, board: BoardPlatform) -> Path:
    """:func:`make_package`, and the package as ``<output>/NAME-package.tar.gz``. Gives the archive."""
    folder = make_package(flow, board)
    name = file_name(load(flow.path("netlist.json").read_text(encoding="utf-8")))
    archive = f"{name}-package.tar.gz"
    flow.build.run(Step(name="package-archive", run=archive_package, outputs=(archive,), inputs={"package": folder}, settings=name))
    return flow.path(archive)


def archive_package(name: str, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes the package as one archive, in which its folder is called ``name``."""
    write_archive(inputs["package"], name, work.folder / f"{name}-package.tar.gz")


def _check(flow: Flow, folder: Path, found: BitstreamFile, build: int, board: BoardPlatform) -> None:
    if found.board != board.name:
        raise _missing(flow, f"the bitstream in {folder} is for {found.board}, not for {board.name}", f" --board {board.name}")
    if found.build != build:
        raise _missing(flow, f"the bitstream in {folder} is of an earlier network: its build is {found.build:08x}, not {build:08x}")
    if not is_built(folder, build):
        raise _missing(flow, f"the bitstream in {folder} is not whole: files were removed or changed since it was made")


def _missing(flow: Flow, message: str, option: str = "") -> OfframpError:
    command = f"offramp build {shlex.quote(str(flow.project.file))}{option}"
    return OfframpError(message, hint=f"`{command}` makes it where Vivado or the open tools are; else `{command} --plan FILE` writes what "
                                      f"builds it elsewhere, and `{command} --from FOLDER` takes in what came of it")
