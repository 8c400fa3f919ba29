"""What a build of the Vivado project leaves is found, and taken in whole, of this design and in time, or not at all."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.board import results as module
from build_flows.board.boards import BOARDS
from build_flows.board.design import design_name, file_name
from build_flows.board.results import BitstreamError, check_results, collect, find_results, hashes
from build_flows.project.load import Project
from hw.accelerator import build_id
from hw.netlist import Netlist, load
from tests.build_flows.board.bitstreams import built_elsewhere
from tests.build_flows.board.test_vivado_reports import REPORTS

BOARD = BOARDS["pynq-z2"]


def netlist_of(project: Project) -> Netlist:
    return load((project.output / "netlist.json").read_text())


def test_what_is_taken_in_is_described(project: Project, tmp_path: Path) -> None:
    results, netlist = built_elsewhere(project, tmp_path, "2024.2") / "results", netlist_of(project)
    folder, name = tmp_path / "taken", file_name(netlist)
    collect(results, folder, netlist, BOARD)
    found = json.loads((folder / "bitstream.json").read_text())
    files = found.pop("files")
    assert found == {"version": 1, "design": design_name(netlist), "build": build_id(netlist), "board": "pynq-z2",
                     "part": "xc7z020clg400-1", "vivado": "2024.2", "clock_mhz": 100.0}
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {"bitstream.json"}
    reports = {f"reports/{item}.rpt" for item in ("utilisation", "utilisation_synth", "timing", "power")}
    assert set(files) == there == {f"{name}.bit", f"{name}.hwh", "build.txt", *reports}
    assert files == hashes(results, netlist)
    assert all(hash_path(folder / item) == value for item, value in files.items())


def test_results_of_another_board_or_design(project: Project, tmp_path: Path) -> None:
    results, netlist = built_elsewhere(project, tmp_path) / "results", netlist_of(project)
    with pytest.raises(BitstreamError, match=r"build\.txt: board must be pynq-z1, not pynq-z2"):
        check_results(results, netlist, BOARDS["pynq-z1"])
    summary = results / "build.txt"
    summary.write_text(summary.read_text().replace(design_name(netlist), "other_00000000"))
    with pytest.raises(BitstreamError, match=f"results is of design other_00000000, not {design_name(netlist)}") as caught:
        check_results(results, netlist, BOARD)
    assert "--project-only" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "change", "told"), [
    ("build.txt", lambda data: data.replace(b"part xc7z020", b"part xc7z010"), "part must be xc7z020clg400-1, not xc7z010clg400-1"),
    ("build.txt", lambda data: data.replace(b"vivado 2022.2", b"vivado ?"), r"vivado must be a version, not \?"),
    ("build.txt", lambda data: data.replace(b"vivado 2022.2", b"vivado 2021.1"), r"was built by Vivado 2021\.1; 2022\.2 or newer"),
    (".bit", lambda data: data[:-8], r"\.bit (must hold|ends within its header)"),
    (".bit", lambda data: data.replace(b"_wrapper;UserID", b"_trapper;UserID"), r"\.bit: design must be \w+_wrapper, not \w+_trapper"),
    (".bit", lambda data: data.replace(b"7z020", b"7z010"), r"\.bit: part must be 7z020clg400, not 7z010clg400"),
    (".bit", lambda data: re.sub(rb"UserID=0X\w{8}", b"UserID=0XFFFFFFFF", data), r"\.bit: UserID must be 0x\w{8}, not 0xffffffff"),
    (".hwh", lambda data: re.sub(rb'(?<=SYSTEMINFO )(.*?)NAME="\w+"', rb'\1NAME="other_00000000"', data, count=1),
     r"\.hwh: design must be \w+, not other_00000000"),
    (".hwh", None, r"lacks \w+\.hwh"),
    ("reports/power.rpt", None, r"lacks reports/power\.rpt"),
    ("reports/timing.rpt", lambda data: (REPORTS / "2022.2" / "timing_missed.rpt").read_bytes(), r"misses timing by 0\.312 ns"),
])
def test_results_that_are_not_whole(
    name: str, change: Callable[[bytes], bytes] | None, told: str, project: Project, tmp_path: Path
) -> None:
    results, netlist = built_elsewhere(project, tmp_path) / "results", netlist_of(project)
    assert check_results(results, netlist, BOARD)["vivado"] == "2022.2"
    path = results / (f"{file_name(netlist)}{name}" if name.startswith(".") else name)
    if change is None:
        path.unlink()
    else:
        data = path.read_bytes()
        assert change(data) != data
        path.write_bytes(change(data))
    with pytest.raises(OfframpError, match=told):
        check_results(results, netlist, BOARD)


def test_a_folder_without_results(tmp_path: Path) -> None:
    with pytest.raises(BitstreamError, match="none is no folder"):
        find_results(tmp_path / "none")
    with pytest.raises(BitstreamError, match=r"holds no build\.txt, nor does results/ in it") as caught:
        find_results(tmp_path)
    assert "build.sh" in (caught.value.hint or "")


@pytest.mark.parametrize(("name", "sample", "told"), [
    ("timing.rpt", "timing_missed.rpt", r"misses timing by 0\.312 ns: 96\.9 MHz instead of 100 MHz"),
    ("utilisation_synth.rpt", "utilisation_synth_too_large.rpt", "does not fit: LUT: 56422 of 53200, 3222 too many"),
])
def test_a_build_that_ended_early_elsewhere_tells_why(name: str, sample: str, told: str, tmp_path: Path) -> None:
    reports = tmp_path / "results" / "reports"
    reports.mkdir(parents=True)
    shutil.copyfile(REPORTS / "2022.2" / sample, reports / name)
    with pytest.raises(BitstreamError, match=told):
        find_results(tmp_path)


def test_results_that_change_while_they_are_copied(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results = built_elsewhere(project, tmp_path) / "results"
    copy = shutil.copyfile

    def slow(source: Path, target: Path) -> None:
        with source.open("ab") as file:
            file.write(b"x")
        copy(source, target)

    monkeypatch.setattr(module.shutil, "copyfile", slow)
    with pytest.raises(BitstreamError, match="changed while it was copied"):
        collect(results, tmp_path / "taken", netlist_of(project), BOARD)
    assert not (tmp_path / "taken" / "bitstream.json").exists()
