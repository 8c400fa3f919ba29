"""Vivado runs when it must and only then; what went wrong leaves the earlier bitstream."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.board import vivado
from build_flows.board.platforms import PLATFORMS
from build_flows.board.built import BITSTREAM
from build_flows.board.design import design_name, file_name
from build_flows.board.results import BitstreamError, find_results
from build_flows.board.vivado import VivadoError, find_vivado
from build_flows.project.load import Project
from build_flows.steps.bitstream import PROJECT, make_bitstream
from build_flows.steps.engine import Build
from hw.accelerator import build_id
from hw.netlist import Netlist, load
from tests.build_flows.board import fake_vivado
from tests.build_flows.board.bitstreams import built_elsewhere
from tests.build_flows.board.compiled import compiled, flow_of
from tests.build_flows.uis import Listening

Run = Callable[..., tuple[Path, list[str]]]


@pytest.fixture
def runs(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """``runs(mode, version=, source=, board=)``: one ``offramp build``'s steps with a stand-in that behaves so (None: no Vivado); the
    bitstream's folder, and what was said."""

    def run(mode: str | None = "ok", version: str = "2022.2", source: Path | None = None, board: str = "pynq-z2") -> tuple[Path, list[str]]:
        (tmp_path / "bin" / "vivado").unlink(missing_ok=True)
        if mode is not None:
            fake_vivado.install(tmp_path / "bin", mode, version, project.output / "netlist.json")
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
        ui = Listening()
        with Build(project.output, ui) as build:
            tool = find_vivado() if mode is not None else None
            return make_bitstream(flow_of(project, build), PLATFORMS[board], tool, source), ui.said

    return run


def times(tmp_path: Path) -> int:
    """How often Vivado ran."""
    calls = tmp_path / "bin" / "calls.txt"
    return len(calls.read_text().splitlines()) if calls.exists() else 0


def netlist_of(project: Project) -> Netlist:
    return load((project.output / "netlist.json").read_text())


def test_a_run_ends_in_a_described_bitstream(runs: Run, project: Project) -> None:
    folder, said = runs(version="2024.2")
    netlist = netlist_of(project)
    name = file_name(netlist)
    assert folder == project.output / BITSTREAM
    found = json.loads((folder / "bitstream.json").read_text())
    files = found.pop("files")
    assert found == {"version": 1, "design": design_name(netlist), "build": build_id(netlist), "board": "pynq-z2",
                     "part": "xc7z020clg400-1", "vivado": "2024.2", "clock_mhz": 100.0}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"bitstream.json"}
    reports = {f"reports/{item}.rpt" for item in ("utilisation", "utilisation_synth", "timing", "power")}
    assert set(files) == there == {f"{name}.bit", f"{name}.hwh", "build.txt", *reports}
    assert all(hash_path(folder / item) == value for item, value in files.items())
    assert [re.sub(r"after \d+ min: ", "", line) for line in said if line.startswith("Vivado, ")][:3] == [
        "Vivado, project", "Vivado, block design", "Vivado, synthesis"]
    assert str(project.output / PROJECT / vivado.LOG) in said[0]


@pytest.mark.slow
def test_vivado_runs_once_for_one_project(runs: Run, project: Project, tmp_path: Path) -> None:
    runs()
    assert times(tmp_path) == 1
    _, said = runs()
    assert (times(tmp_path), said) == (1, [])
    # Nor without Vivado at all, as long as nothing changed.
    runs(None)
    assert times(tmp_path) == 1
    runs(version="2024.2")
    assert times(tmp_path) == 2
    runs(version="2024.2", board="pynq-z1")
    assert times(tmp_path) == 3
    shutil.rmtree(project.output / "rtl")
    compiled(tmp_path, project, exits=3)
    runs(version="2024.2", board="pynq-z1")
    assert times(tmp_path) == 4


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
    assert (project.output / PROJECT / "build.sh").is_file()
    assert not (project.output / BITSTREAM).exists()


@pytest.mark.parametrize(("mode", "told"), [
    ("missed", r"misses timing by 0\.312 ns: 96\.9 MHz instead of 100 MHz, worst path digits_"),
    ("silent", "Vivado ended with exit code 3"),
    ("no bitstream", r"results lacks build\.txt, \w+\.bit, \w+\.hwh$"),
])
def test_what_goes_wrong_is_told_and_leaves_the_earlier_bitstream(mode: str, told: str, runs: Run, project: Project) -> None:
    folder, _ = runs(version="2024.2")
    before = hash_path(folder)
    with pytest.raises(OfframpError, match=told) as caught:
        runs(mode)
    assert caught.value.hint
    assert hash_path(folder) == before
    assert (project.output / PROJECT / vivado.LOG).is_file()
    # And again: a failure is not taken for a result.
    with pytest.raises(OfframpError, match=told):
        runs(mode)


def test_what_a_run_before_left_is_not_taken_for_its_own(runs: Run, project: Project) -> None:
    runs()
    summary = project.output / PROJECT / "results" / "build.txt"
    assert summary.is_file()
    with pytest.raises(OfframpError, match="Vivado ended with exit code 3"):
        runs("silent", version="2024.2")
    assert not summary.exists()


def test_what_vivado_leaves_in_the_project_does_not_count(runs: Run, project: Project, tmp_path: Path) -> None:
    folder = project.output / PROJECT
    (folder / "rtl" / ".Xil").mkdir(parents=True)
    runs()
    (folder / "project").mkdir()
    (folder / "vivado.jou").touch()
    _, said = runs()
    assert (times(tmp_path), said) == (1, [])
    assert (folder / "vivado.jou").is_file()


def test_what_was_built_elsewhere_is_taken_in(runs: Run, project: Project, tmp_path: Path) -> None:
    away = built_elsewhere(project, tmp_path, "2024.2")
    folder, _ = runs(None, source=find_results(away))
    assert json.loads((folder / "bitstream.json").read_text())["vivado"] == "2024.2"
    assert times(tmp_path) == 0
    # From then on it is fresh, with and without naming it.
    (project.output / ".steps" / "bitstream.json").touch()
    stamp = (project.output / ".steps" / "bitstream.json").stat().st_mtime_ns
    runs(None, source=find_results(away / "results"))
    runs(None)
    assert (project.output / ".steps" / "bitstream.json").stat().st_mtime_ns == stamp


def test_another_build_of_the_same_project_replaces_the_first(runs: Run, project: Project, tmp_path: Path) -> None:
    away = built_elsewhere(project, tmp_path)
    folder, _ = runs(None, source=find_results(away))
    power = away / "results" / "reports" / "power.rpt"
    power.write_text(power.read_text().replace("1.832", "1.999"))
    runs(None, source=find_results(away))
    assert "1.999" in (folder / "reports" / "power.rpt").read_text()


def test_results_of_another_design_or_board(runs: Run, project: Project, tmp_path: Path) -> None:
    away = built_elsewhere(project, tmp_path)
    first = design_name(netlist_of(project))
    with pytest.raises(BitstreamError, match=r"build\.txt: board must be pynq-z1, not pynq-z2"):
        runs(None, source=find_results(away), board="pynq-z1")
    shutil.rmtree(project.output / "rtl")
    second = design_name(compiled(tmp_path, project, exits=3))
    assert first != second
    with pytest.raises(BitstreamError, match=f"results is of design {first}, not {second}") as caught:
        runs(None, source=find_results(away))
    assert "--project-only" in (caught.value.hint or "")
    assert not (project.output / BITSTREAM).exists()
