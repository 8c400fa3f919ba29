"""Figures are those of a whole bitstream of the very netlist, or none."""

import os
from pathlib import Path

import pytest

from build_flows.board.boards import BOARDS
from build_flows.board.built import DESCRIPTION, described, is_built, vivado_figures
from build_flows.board.vivado import find_vivado
from build_flows.board.vivado_reports import figures
from build_flows.project.load import Project
from build_flows.steps.bitstream import make_bitstream
from build_flows.steps.engine import Build
from hw.accelerator import build_id
from hw.netlist import load
from tests.build_flows.board import fake_vivado
from tests.build_flows.board.compiled import flow_of
from tests.build_flows.board.test_vivado_reports import REPORTS


@pytest.fixture
def built(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, int]:
    """A bitstream's folder, and its BUILD."""
    fake_vivado.install(tmp_path / "bin", netlist=project.output / "netlist.json")
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin")
    with Build(project.output) as build:
        folder = make_bitstream(flow_of(project, build), BOARDS["pynq-z2"], find_vivado())
    return folder, build_id(load((project.output / "netlist.json").read_text()))


def test_figures_of_a_whole_bitstream(built: tuple[Path, int]) -> None:
    folder, build = built
    assert is_built(folder, build)
    told = {"vivado": "2022.2", "board": "pynq-z2", "part": "xc7z020clg400-1"}
    assert vivado_figures(folder, build) == figures(REPORTS / "2022.2", **told)


def test_none_of_another_netlist_or_a_damaged_one(built: tuple[Path, int], tmp_path: Path) -> None:
    folder, build = built
    assert vivado_figures(folder, build + 1) is None
    assert vivado_figures(tmp_path / "none", build) is None
    assert described(tmp_path / "none") is None
    (folder / "reports" / "timing.rpt").write_text("cut")
    assert vivado_figures(folder, build) is None
    (folder / DESCRIPTION).write_text("{")
    assert described(folder) is None
    assert not is_built(folder, build)
