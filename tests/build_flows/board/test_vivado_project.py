"""The project folder is whole, may be moved, and is the same for the same inputs."""

import os
import shlex
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.board.boards import BOARDS, TCL
from build_flows.board.design import arguments, design_name
from build_flows.board.vivado_project import FILES, vivado_arguments, write_project
from hw.netlist import Netlist
from tests.build_flows.board import fake_vivado
from tests.toy_rtl import emit

BOARD = BOARDS["pynq-z2"]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Netlist]:
    netlist = emit(tmp_path / "rtl")
    folder = tmp_path / "deep" / "project"
    write_project(folder, netlist, tmp_path / "rtl", BOARD)
    return folder, netlist


def test_everything_is_in_it(made: tuple[Path, Netlist], tmp_path: Path) -> None:
    folder, netlist = made
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert hash_path(folder / "rtl") == hash_path(tmp_path / "rtl")
    assert (folder / "build.tcl").read_bytes() == (TCL / "build.tcl").read_bytes()
    tcl = {path.relative_to(TCL).as_posix() for path in TCL.rglob("*") if path.is_file()} - {"build.tcl"}
    assert {path.relative_to(folder / "tcl").as_posix() for path in (folder / "tcl").rglob("*") if path.is_file()} == tcl
    assert "boards/pynq_z2.tcl" in tcl
    readme = (folder / "README.txt").read_text()
    assert readme.startswith(f"{design_name(netlist)}: Vivado project for Pynq-Z2\n====")
    command = shlex.join(["vivado", *vivado_arguments(netlist, BOARD)])
    for told in ("./build.sh", command, "offramp build CONFIG --from results", netlist.part):
        assert told in readme


def test_no_place_is_written_into_it(made: tuple[Path, Netlist], tmp_path: Path) -> None:
    folder, netlist = made
    for path in folder.rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes()
    write_project(tmp_path / "other", netlist, tmp_path / "rtl", BOARD)
    assert hash_path(tmp_path / "other") == hash_path(folder)
    # Again over what is there, where a file too many lies.
    (folder / "rtl" / "stray.v").touch()
    (folder / "results").mkdir()
    write_project(folder, netlist, tmp_path / "rtl", BOARD)
    (folder / "results").rmdir()
    assert hash_path(tmp_path / "other") == hash_path(folder)


def test_one_command_builds_it_anywhere(made: tuple[Path, Netlist], tmp_path: Path) -> None:
    folder, netlist = made
    moved = Path(shutil.move(folder, tmp_path / "a b"))
    calls = fake_vivado.install(tmp_path / "bin")
    command = [str(moved / "build.sh")]
    subprocess.run(command, cwd="/", env={**os.environ, "PATH": fake_vivado.path_with(tmp_path / "bin")}, check=True, capture_output=True)
    assert calls.read_text().split()[-len(arguments(netlist, BOARD)):] == arguments(netlist, BOARD)
    assert (moved / "results" / "build.txt").is_file()
    failing = fake_vivado.install(tmp_path / "bin", "error")
    ran = subprocess.run(command, env={**os.environ, "PATH": fake_vivado.path_with(failing.parent)}, check=False, capture_output=True)
    assert ran.returncode != 0


def test_nothing_is_written_for_another_part(tmp_path: Path) -> None:
    netlist = replace(emit(tmp_path / "rtl"), part="xc7z010clg400-1")
    with pytest.raises(OfframpError, match=r"pynq-z2 has part xc7z020clg400-1, but .* is made for xc7z010clg400-1"):
        write_project(tmp_path / "project", netlist, tmp_path / "rtl", BOARD)
    assert not (tmp_path / "project").exists()
