"""``<output>/bitstream`` as ``offramp build`` leaves it, without Vivado, what a build elsewhere leaves, and test images for toys."""

import shutil
import types
from pathlib import Path
from typing import Any

import numpy as np
from build_flows.board.vivado_project import write_project

from build_flows.base.files import hash_path, write_json
from build_flows.board import vivado
from build_flows.board.bitfile import bit_header, bit_part
from build_flows.board.boards import BOARDS
from build_flows.board.design import design_name
from build_flows.board.stand_in import write_stand_in
from build_flows.project.load import Project
from hw.accelerator import build_id
from hw.netlist import Netlist, load
from tests import toy
from tests.build_flows.board import fake_vivado


def put_bitstream(
    output: Path, netlist: Netlist, *, board: str = "pynq-z2", date: str = "2025/01/01", hwh_of: Netlist | None = None,
    reports: str | None = None,
) -> None:
    """Stand-ins for .bit (built on ``date``) and .hwh (of ``hwh_of``, when that is another netlist), Vivado's ``reports`` of that version
    (None: none), and their description."""
    folder, chosen = output / "bitstream", BOARDS[board]
    bit, hwh = write_stand_in(folder, netlist, chosen)
    title = f"{design_name(netlist)}_wrapper;UserID=0X{build_id(netlist):08X};Version=2022.2"
    bit.write_bytes(bit_header(design=title, part=bit_part(chosen.part), date=date, time="12:00:00", length=0))
    if hwh_of is not None:
        write_stand_in(output / "other", hwh_of, chosen)[1].replace(hwh)
    files = [bit, hwh]
    if reports is not None:
        shutil.copytree(fake_vivado.REPORTS / reports, folder / "reports")
        files += sorted((folder / "reports").iterdir())
    write_json(folder / "bitstream.json", {
        "version": 1, "design": design_name(netlist), "build": build_id(netlist), "board": board, "part": chosen.part, "vivado": "2022.2",
        "clock_mhz": netlist.clock_mhz, "files": {path.relative_to(folder).as_posix(): hash_path(path) for path in files}})


def built_elsewhere(project: Project, tmp_path: Path, version: str = "2022.2", board: str = "pynq-z2") -> Path:
    """The Vivado project of the compiled ``project``, built on another machine."""
    away = tmp_path / f"away {version} {board}"
    netlist = load((project.output / "netlist.json").read_text(encoding="utf-8"))
    write_project(away, netlist, project.output / "rtl", BOARDS[board])
    bin_folder = tmp_path / "their bin"
    fake_vivado.install(bin_folder, version=version, netlist=project.output / "netlist.json")
    tool = vivado.Vivado(command=bin_folder / "vivado", version=version)
    given = (away / "build.sh").read_text().split("exec vivado ")[1].split()
    assert vivado.run_vivado(tool, given, away, lambda *_: None) == 0
    shutil.rmtree(bin_folder)
    return away


def toy_data(*_: object) -> Any:
    """What ``build_flows.steps.data.dataset`` gives, for the toy."""
    return types.SimpleNamespace(x_test=toy.images(60), y_test=np.arange(60) % 3)
