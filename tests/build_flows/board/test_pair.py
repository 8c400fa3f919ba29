"""A .bit, and a .hwh where there is one, are those of a netlist and a board, or a line says what differs."""

import dataclasses
from pathlib import Path

import pytest

from build_flows.board.bitfile import BitError, bit_header
from build_flows.board.hwh import HwhError
from build_flows.board.pair import PairError, check_pair, mismatches
from build_flows.board.platforms import find_platform
from build_flows.board.stand_in import write_stand_in
from hw.accelerator import build_id
from tests import toy

Z2 = find_platform("pynq-z2")
NETLIST = toy.build(None)
BUILD = build_id(NETLIST)


def bit(folder: Path, design: str, part: str = "7z020clg400") -> Path:
    path = folder / "toy.bit"
    path.write_bytes(bit_header(design=design, part=part, date="2026/11/29", time="12:00:00", length=0))
    return path


def test_the_stand_in(tmp_path: Path) -> None:
    assert mismatches(write_stand_in(tmp_path, NETLIST, Z2), None, NETLIST, Z2) == []


@pytest.mark.parametrize("title", [f"top;UserID=0X{BUILD:08X};Version=2022.2", "top;UserID=0XFFFFFFFF;Version=2024.2", "top", "xc7.frames"])
def test_a_bitstream_that_says_no_other_build_of_itself_will_do(tmp_path: Path, title: str) -> None:
    check_pair(bit(tmp_path, title), None, NETLIST, Z2)


def test_one_line_for_what_differs(tmp_path: Path) -> None:
    path = bit(tmp_path, "top;UserID=0X12345678;Version=2022.2", "7z010clg400")
    with pytest.raises(PairError) as caught:
        check_pair(path, None, NETLIST, Z2)
    assert str(caught.value).splitlines() == [
        "toy.bit: part must be 7z020clg400, not 7z010clg400", f"toy.bit: UserID must be {BUILD:#010x}, not 0x12345678"]


def test_a_bitstream_of_another_netlist_is_told(tmp_path: Path) -> None:
    other = toy.build(None, thresholds=(501,) * 8)
    assert mismatches(write_stand_in(tmp_path, other, Z2), None, NETLIST, Z2) == [
        f"toy.bit: UserID must be {BUILD:#010x}, not {build_id(other):#010x}"]


def test_files_of_other_kinds_are_told(tmp_path: Path) -> None:
    path = write_stand_in(tmp_path, NETLIST, Z2)
    text = tmp_path / "toy.hwh"
    text.write_text("<nothing/>")
    with pytest.raises(BitError):
        check_pair(text, None, NETLIST, Z2)
    with pytest.raises(HwhError):
        check_pair(path, path, NETLIST, Z2)
    with pytest.raises(HwhError):
        check_pair(path, text, dataclasses.replace(NETLIST, clock_mhz=50.0), Z2)
