"""Vivado project folders of toy accelerators, for the tests of the Tcl and of its check."""

import dataclasses
from pathlib import Path

from build_flows.board.boards import find_board
from build_flows.board.vivado_project import write_project
from hw.netlist import Netlist
from tests.toy_rtl import emit


def project(folder: Path, *, board: str = "pynq-z2", clock_mhz: float = 100.0, **shape: object) -> tuple[Path, Netlist]:
    """The project folder of a toy with ``shape`` (arguments of ``toy.build``), written below ``folder``, and its netlist."""
    rtl = folder / "rtl"
    netlist = dataclasses.replace(emit(rtl, **shape), clock_mhz=clock_mhz)
    files = dict.fromkeys(name for layer in netlist.layers for name in layer.files)
    (rtl / "filelist.f").write_text("".join(f"{name}\n" for name in (*files, "accelerator.v")))
    write_project(folder / "project", netlist, rtl, find_board(board))
    return folder / "project", netlist


def edit(project: Path, file: str, old: str, new: str) -> None:
    """Replace the one ``old`` in ``file`` of ``project``."""
    path = project / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
    path.write_text(text.replace(old, new), encoding="utf-8")
