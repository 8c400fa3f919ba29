"""Figures are those of a whole bitstream of the very netlist, or none; resources.json follows it."""

import os
from pathlib import Path

import pytest

from build_flows.artefacts.resources import Capacity, ResourcesFile
from build_flows.board.boards import BOARDS
from build_flows.board.built import BITSTREAM, DESCRIPTION, described, is_built, vivado_figures
from build_flows.board.vivado import find_vivado
from build_flows.board.vivado_reports import figures
from build_flows.project.load import Project
from build_flows.steps.bitstream import make_bitstream
from build_flows.steps.engine import Build
from hw.accelerator import build_id
from hw.netlist import load
from tests.build_flows.board import fake_vivado
from tests.build_flows.board.compiled import SUMS, flow_of
from tests.build_flows.board.test_vivado_reports import REPORTS
from tests.build_flows.compare_samples import CAPACITY


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


def resources(project: Project) -> tuple[ResourcesFile, list[str]]:
    with Build(project.output) as build:
        return flow_of(project, build).synth(), build.ran


def test_resources_hold_what_there_is_of_both(built: tuple[Path, int], project: Project) -> None:
    found, ran = resources(project)
    assert ran == ["resources"]
    assert found == ResourcesFile.load(project.output / "resources.json")
    assert (found.total, found.capacity) == (SUMS, CAPACITY)
    assert found.vivado is not None
    assert found.vivado.utilisation == Capacity(lut=18214, lutram=5160, ff=30122, bram36=8.5, dsp=205)
    assert resources(project)[1] == []
    # Another netlist's bitstream says nothing of this one.
    netlist = project.output / "netlist.json"
    netlist.write_text(netlist.read_text().replace('"clock_mhz": 100.0', '"clock_mhz": 90.0'))
    found, ran = resources(project)
    assert (ran, found.vivado) == (["resources"], None)


def test_resources_without_a_bitstream(project: Project) -> None:
    found, _ = resources(project)
    assert found.vivado is None
    assert not (project.output / BITSTREAM).exists()
