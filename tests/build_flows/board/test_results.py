"""What a build plan leaves is found, and taken in whole, of this design and in time, or not at all."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.board import results as module
from build_flows.board.design import design_name, file_name
from build_flows.board.pair import check_pair
from build_flows.board.plan_file import FACTS
from build_flows.board.platforms import PLATFORMS
from build_flows.board.results import BitstreamError, check_results, collect, find_results
from build_flows.project.load import Project
from hw.accelerator import build_id
from hw.netlist import Netlist, load
from tests.build_flows.board.bitstreams import built_elsewhere
from tests.build_flows.board.test_vivado_reports import REPORTS

BOARD = PLATFORMS["pynq-z2"]


def netlist_of(project: Project) -> Netlist:
    return load((project.output / "netlist.json").read_text())


@pytest.mark.parametrize(("way", "tools", "reports"), [
    ("vivado", {"vivado": "2024.2"}, {"utilisation.rpt", "utilisation_synth.rpt", "timing.rpt", "power.rpt"}),
    ("open", {"yosys": "0.48"}, {"utilisation.json", "timing.json", "yosys.log", "nextpnr.log"}),
])
def test_what_is_taken_in_is_described(way: str, tools: dict[str, str], reports: set[str], project: Project, tmp_path: Path) -> None:
    results, netlist = find_results(built_elsewhere(project, tmp_path, "2024.2", way=way)), netlist_of(project)
    folder, name = tmp_path / "taken", file_name(netlist)
    assert results.versions() == tools
    collect(results, folder, netlist, BOARD, tools)
    found = json.loads((folder / "bitstream.json").read_text())
    files = found.pop("files")
    assert found == {"version": 2, "design": design_name(netlist), "build": build_id(netlist), "board": "pynq-z2",
                     "part": "xc7z020clg400-1", "flow": way, "tools": tools, "clock_mhz": 100.0}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"bitstream.json"}
    assert set(files) == there == {f"{name}.bit", f"{name}.hwh", "build.log", *(f"reports/{item}" for item in reports)}
    assert all(hash_path(folder / item) == value for item, value in files.items())
    assert hash_path(folder / f"{name}.bit") == hash_path(results.bit)
    # Both are of this design, as a package wants them.
    check_pair(folder / f"{name}.bit", folder / f"{name}.hwh", netlist, BOARD)


@pytest.mark.parametrize(("key", "value", "told"), [
    ("board", "pynq-z1", "board must be pynq-z2, not pynq-z1"), ("part", "xc7z010clg400-1", "part must be xc7z020clg400-1, not xc7z010"),
    ("clock_mhz", 125.0, r"clock_mhz must be 100\.0, not 125\.0"), ("design", "other_00000000", "design must be .*, not other_00000000"),
    ("build", 0, r"build must be \d+, not 0"), ("build", None, r"build must be \d+, not None"),
])
def test_a_plan_of_another_design_board_or_clock(key: str, value: object, told: str, project: Project, tmp_path: Path) -> None:
    away = built_elsewhere(project, tmp_path)
    check_results(find_results(away), netlist_of(project), BOARD)
    facts = json.loads((away / FACTS).read_text())
    assert facts[key] != value
    (away / FACTS).write_text(json.dumps({**facts, key: value}))
    with pytest.raises(BitstreamError, match=told) as caught:
        check_results(find_results(away), netlist_of(project), BOARD)
    assert "--plan" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "change", "told"), [
    ("top.bit", lambda data: data[:-8], r"\.bit (must hold|ends within its header)"),
    ("top.bit", lambda data: data.replace(b"7z020", b"7z010"), r"\.bit: part must be 7z020clg400, not 7z010clg400"),
    ("top.bit", lambda data: data.replace(b"0XFFFFFFFF", b"0X00000001"), r"\.bit: UserID must be 0x\w{8}, not 0x00000001"),
    ("top.bit", None, r"there is no top\.bit, so its build did not end well"),
    ("top_power.rpt", None, r"lacks top_power\.rpt"),
    ("top_utilisation.rpt", lambda data: data.replace(b"v.2022.2", b"v.2021.1"), r"was built by Vivado 2021\.1; 2022\.2 or newer"),
    ("top_utilisation.rpt", lambda data: data.replace(b"| Tool Version", b"| Tool"), r"does not tell the version of Vivado"),
    ("top_timing.rpt", lambda data: (REPORTS / "2022.2" / "timing_missed.rpt").read_bytes(), r"misses timing by 0\.312 ns"),
])
def test_results_that_are_not_whole(
    name: str, change: Callable[[bytes], bytes] | None, told: str, project: Project, tmp_path: Path
) -> None:
    away, netlist = built_elsewhere(project, tmp_path), netlist_of(project)
    check_results(find_results(away), netlist, BOARD)
    path = away / name
    if change is None:
        path.unlink()
    else:
        data = path.read_bytes()
        assert change(data) != data
        path.write_bytes(change(data))
    with pytest.raises(OfframpError, match=told):
        check_results(find_results(away), netlist, BOARD)


def test_an_open_build_that_misses_timing(project: Project, tmp_path: Path) -> None:
    away = built_elsewhere(project, tmp_path, way="open")
    path = away / "top_timing.json"
    path.write_text(path.read_text().replace("120.0", "91.2"))
    with pytest.raises(BitstreamError, match=r"misses timing: routed for 91\.2 MHz instead of 100 MHz") as caught:
        find_results(away)
    assert "clock_mhz to 91" in (caught.value.hint or "")
    # nextpnr need not tell of timing.
    path.unlink()
    check_results(find_results(away), netlist_of(project), BOARD)


def test_a_folder_without_a_plan(tmp_path: Path) -> None:
    with pytest.raises(BitstreamError, match="none is no folder"):
        find_results(tmp_path / "none")
    for text in (None, "{", "[]", "{}", '{"name": "top", "flow": "other"}'):
        if text is not None:
            (tmp_path / FACTS).write_text(text)
        with pytest.raises(BitstreamError, match=r"holds no plan\.json of a build plan") as caught:
            find_results(tmp_path)
        assert "unpacked" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "sample", "told"), [
    ("top_timing.rpt", "timing_missed.rpt", r"misses timing by 0\.312 ns: 96\.9 MHz instead of 100 MHz"),
    ("top_utilization_synth.rpt", "utilisation_synth_too_large.rpt", "does not fit: LUT: 56422 of 53200, 3222 too many"),
])
def test_a_build_that_ended_early_elsewhere_tells_why(name: str, sample: str, told: str, tmp_path: Path) -> None:
    (tmp_path / FACTS).write_text('{"name": "top", "flow": "vivado"}')
    shutil.copyfile(REPORTS / "2022.2" / sample, tmp_path / name)
    with pytest.raises(BitstreamError, match=told):
        find_results(tmp_path)


def test_results_that_change_while_they_are_copied(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = find_results(built_elsewhere(project, tmp_path))
    copy = shutil.copyfile

    def slow(source: Path, target: Path) -> None:
        with source.open("ab") as file:
            file.write(b"x")
        copy(source, target)

    monkeypatch.setattr(module.shutil, "copyfile", slow)
    with pytest.raises(BitstreamError, match="changed while it was copied"):
        collect(results, tmp_path / "taken", netlist_of(project), BOARD, {})
    assert not (tmp_path / "taken" / "bitstream.json").exists()
