"""Tools run when they must and only then; what went wrong leaves the earlier bitstream."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.board.built import BITSTREAM
from build_flows.board.design import design_name, file_name
from build_flows.board.open_tools import OpenFlowError
from build_flows.board.plan_file import LOG, PlanFile
from build_flows.board.platforms import PLATFORMS
from build_flows.board.results import BitstreamError, Results, find_results
from build_flows.board.vivado import VivadoError
from build_flows.project.load import Project
from build_flows.steps.bitstream import find_builder, make_bitstream, make_plan
from build_flows.steps.engine import Build
from hw.accelerator import build_id
from hw.netlist import Netlist, load
from tests.build_flows.board import fake_open, fake_vivado
from tests.build_flows.board.bitstreams import built_elsewhere
from tests.build_flows.board.compiled import compiled, flow_of
from tests.build_flows.uis import Listening

Run = Callable[..., tuple[Path, list[str]]]


@pytest.fixture
def runs(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plans: None) -> Run:
    """``runs(mode, version=, source=, board=, way=)``: one ``offramp build``'s steps with stand-ins that behave so (None: there are none);
    the bitstream's folder, and what was said."""

    def run(
        mode: str | None = "ok", version: str = "2022.2", source: Results | None = None, board: str = "pynq-z2", way: str = "vivado",
    ) -> tuple[Path, list[str]]:
        tools = tmp_path / "bin"
        for name in ("vivado", *fake_open.PROGRAMS):
            (tools / name).unlink(missing_ok=True)
        if mode is not None and way == "vivado":
            fake_vivado.install(tools, mode, version)
        elif mode is not None:
            fake_open.install(tools, mode)
        for name, value in fake_open.environment(tools).items():
            monkeypatch.setenv(name, value)
        ui, chosen = Listening(), PLATFORMS[board]
        with Build(project.output, ui) as build:
            builder = find_builder(chosen, way) if mode is not None else None
            return make_bitstream(flow_of(project, build), chosen, way, builder, source), ui.said

    return run


def times(tmp_path: Path, calls: str = "calls.txt") -> int:
    """How often Vivado ran (or what writes ``calls``)."""
    path = tmp_path / "bin" / calls
    return len(path.read_text().splitlines()) if path.exists() else 0


def netlist_of(project: Project) -> Netlist:
    return load((project.output / "netlist.json").read_text())


@pytest.mark.slow
def test_the_plan_is_the_same_wherever_it_is_made(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other"
    shutil.copytree(project.output, other)
    with Build(project.output) as build:
        first = make_plan(flow_of(project, build), PLATFORMS["pynq-z2"], "vivado").read_bytes()
    monkeypatch.setenv("AMARANTH_verbose", "1")
    with Build(other) as build:
        flow = flow_of(project, build)
        assert make_plan(flow, PLATFORMS["pynq-z2"], "vivado").read_bytes() == first
        assert make_plan(flow, PLATFORMS["pynq-z1"], "vivado").read_bytes() != first
        assert build.ran == ["plan-vivado", "plan-vivado"]


def test_a_plan_tells_what_it_is_of(runs: Run, project: Project) -> None:
    runs()
    netlist, data = netlist_of(project), (project.output / "plan-vivado.zip").read_bytes()
    assert PlanFile(data).facts == {"board": "pynq-z2", "part": "xc7z020clg400-1", "flow": "vivado", "clock_mhz": 100.0, "name": "top",
                                    "network": netlist.name, "design": design_name(netlist), "build": build_id(netlist)}


def test_a_run_ends_in_a_described_bitstream(runs: Run, project: Project) -> None:
    folder, said = runs(version="2024.2")
    netlist = netlist_of(project)
    name = file_name(netlist)
    assert folder == project.output / BITSTREAM
    found = json.loads((folder / "bitstream.json").read_text())
    files = found.pop("files")
    assert found == {"version": 2, "design": design_name(netlist), "build": build_id(netlist), "board": "pynq-z2",
                     "part": "xc7z020clg400-1", "flow": "vivado", "tools": {"vivado": "2024.2"}, "clock_mhz": 100.0}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"bitstream.json"}
    reports = {f"reports/{item}.rpt" for item in ("utilisation", "utilisation_synth", "timing", "power")}
    assert set(files) == there
    assert {f"{name}.bit", "build.log", *reports} <= there
    assert all(hash_path(folder / item) == value for item, value in files.items())
    assert [re.sub(r"after \d+ min: ", "", line) for line in said if line.startswith("Vivado 2024.2, ")][:2] == [
        "Vivado 2024.2, synthesis", "Vivado 2024.2, placing"]
    assert str(project.output / "vivado" / LOG) in said[0]


def test_vivado_runs_once_for_one_plan(runs: Run, project: Project, tmp_path: Path) -> None:
    runs()
    assert times(tmp_path) == 1
    _, said = runs()
    assert (times(tmp_path), said) == (1, [])
    # Nor without Vivado at all, as long as nothing changed.
    runs(None)
    assert times(tmp_path) == 1
    runs(version="2024.2")
    assert times(tmp_path) == 2


@pytest.mark.slow
def test_another_board_or_network_is_built_anew(runs: Run, project: Project, tmp_path: Path) -> None:
    runs()
    runs(board="pynq-z1")
    assert times(tmp_path) == 2
    shutil.rmtree(project.output / "rtl")
    compiled(tmp_path, project, exits=3)
    runs(board="pynq-z1")
    assert times(tmp_path) == 3


def test_the_open_flow(runs: Run, project: Project, tmp_path: Path) -> None:
    with pytest.raises(OpenFlowError, match="lacks yosys, nextpnr-xilinx"):
        runs(None, way="open")
    folder, _ = runs(way="open")
    found = json.loads((folder / "bitstream.json").read_text())
    assert (found["flow"], found["tools"]) == ("open", {"yosys": "0.48", "nextpnr-xilinx": "0.8.2"})
    assert {"reports/timing.json", "reports/utilisation.json"} <= set(found["files"])
    runs(way="open")
    # Nor without its tools.
    runs(None, way="open")
    assert times(tmp_path, "nextpnr_calls.txt") == 1
    before = hash_path(folder)
    (project.output / ".steps" / "bitstream.json").unlink()
    with pytest.raises(OfframpError, match="misses timing"):
        runs("missed", way="open")
    assert hash_path(folder) == before


def test_a_damaged_bitstream_is_made_anew(runs: Run, project: Project, tmp_path: Path) -> None:
    folder, _ = runs()
    whole = hash_path(folder)
    (folder / f"{file_name(netlist_of(project))}.bit").write_bytes(b"")
    with pytest.raises(VivadoError, match="vivado is not on PATH"):
        runs(None)
    assert hash_path(runs()[0]) == whole
    assert times(tmp_path) == 2


def test_without_vivado_and_bitstream(runs: Run, project: Project) -> None:
    with pytest.raises(VivadoError, match="vivado is not on PATH"):
        runs(None)
    assert PlanFile((project.output / "plan-vivado.zip").read_bytes()).facts["board"] == "pynq-z2"
    assert not (project.output / BITSTREAM).exists()


@pytest.mark.parametrize(("mode", "told"), [
    ("missed", r"misses timing by 0\.312 ns: 96\.9 MHz instead of 100 MHz, worst path digits_"),
    ("silent", "Vivado ended with exit code 3"),
    ("no bitstream", r"Vivado wrote no top\.bit"),
])
def test_what_goes_wrong_is_told_and_leaves_the_earlier_bitstream(mode: str, told: str, runs: Run, project: Project) -> None:
    folder, _ = runs(version="2024.2")
    before = hash_path(folder)
    with pytest.raises(OfframpError, match=told) as caught:
        runs(mode)
    assert caught.value.hint
    assert hash_path(folder) == before
    assert (project.output / "vivado" / LOG).is_file()
    # And again: a failure is not taken for a result.
    with pytest.raises(OfframpError, match=told):
        runs(mode)


@pytest.mark.parametrize(("way", "tools"), [("vivado", {"vivado": "2024.2"}), ("open", {"yosys": "0.48"})])
def test_what_was_built_elsewhere_is_taken_in(way: str, tools: dict[str, str], runs: Run, project: Project, tmp_path: Path) -> None:
    source = find_results(built_elsewhere(project, tmp_path, "2024.2", way=way))
    folder, _ = runs(None, source=source, way=way)
    assert json.loads((folder / "bitstream.json").read_text())["tools"] == tools
    assert times(tmp_path) == 0
    # From then on it is fresh, with and without naming it.
    stamp = (project.output / ".steps" / "bitstream.json").stat().st_mtime_ns
    runs(None, source=source, way=way)
    runs(None, way=way)
    assert (project.output / ".steps" / "bitstream.json").stat().st_mtime_ns == stamp


def test_another_build_of_the_same_plan_replaces_the_first(runs: Run, project: Project, tmp_path: Path) -> None:
    away = built_elsewhere(project, tmp_path)
    folder, _ = runs(None, source=find_results(away))
    power = away / "top_power.rpt"
    power.write_text(power.read_text().replace("1.832", "1.999"))
    runs(None, source=find_results(away))
    assert "1.999" in (folder / "reports" / "power.rpt").read_text()


@pytest.mark.slow
def test_results_of_another_design_or_board(runs: Run, project: Project, tmp_path: Path) -> None:
    results = find_results(built_elsewhere(project, tmp_path))
    first = design_name(netlist_of(project))
    with pytest.raises(BitstreamError, match=r"plan\.json: board must be pynq-z1, not pynq-z2"):
        runs(None, source=results, board="pynq-z1")
    shutil.rmtree(project.output / "rtl")
    second = design_name(compiled(tmp_path, project, exits=3))
    assert first != second
    with pytest.raises(BitstreamError, match=rf"plan\.json: design must be {second}, not {first}") as caught:
        runs(None, source=results)
    assert "--plan" in (caught.value.hint or "")
    assert not (project.output / BITSTREAM).exists()


def test_a_board_with_another_part(project: Project) -> None:
    with Build(project.output) as build, pytest.raises(OfframpError, match=r"cora-z7-10 has part xc7z010clg400-1, but .* is made for"):
        make_plan(flow_of(project, build), PLATFORMS["cora-z7-10"], "vivado")
