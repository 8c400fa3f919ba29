"""Figures are those of a whole bitstream of the very netlist, or none."""

from pathlib import Path

from build_flows.artefacts.resources import OpenRecord
from build_flows.board import vivado_reports
from build_flows.board.built import DESCRIPTION, described, figures, is_built
from build_flows.board.platforms import PLATFORMS
from build_flows.board.results import collect, find_results
from build_flows.project.load import Project
from hw.accelerator import build_id
from hw.netlist import load
from tests.build_flows.board.bitstreams import built_elsewhere
from tests.build_flows.board.test_vivado_reports import REPORTS


def built(project: Project, tmp_path: Path, way: str = "vivado") -> tuple[Path, int]:
    """A bitstream's folder, and its BUILD."""
    netlist = load((project.output / "netlist.json").read_text())
    results = find_results(built_elsewhere(project, tmp_path, way=way))
    collect(results, tmp_path / "bitstream", netlist, PLATFORMS["pynq-z2"], results.versions())
    return tmp_path / "bitstream", build_id(netlist)


def test_figures_of_a_whole_bitstream(project: Project, tmp_path: Path) -> None:
    folder, build = built(project, tmp_path)
    assert is_built(folder, build)
    told = {"vivado": "2022.2", "board": "pynq-z2", "part": "xc7z020clg400-1"}
    assert figures(folder, build) == vivado_reports.figures(REPORTS / "2022.2", **told)


def test_figures_of_the_open_flow(project: Project, tmp_path: Path) -> None:
    folder, build = built(project, tmp_path, "open")
    found = figures(folder, build)
    assert isinstance(found, OpenRecord)
    assert (found.tools, found.board, found.part, found.utilisation.lut) == ({"yosys": "0.48"}, "pynq-z2", "xc7z020clg400-1", 1100)
    assert found.timing is not None
    assert (found.timing.fmax_mhz, found.timing.met) == (120.0, True)


def test_none_of_another_netlist_or_a_damaged_one(project: Project, tmp_path: Path) -> None:
    folder, build = built(project, tmp_path)
    assert figures(folder, build + 1) is None
    assert figures(tmp_path / "none", build) is None
    assert described(tmp_path / "none") is None
    (folder / "reports" / "timing.rpt").write_text("cut")
    assert figures(folder, build) is None
    (folder / DESCRIPTION).write_text("{")
    assert described(folder) is None
    assert not is_built(folder, build)
