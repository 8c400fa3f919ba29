import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from build_flows.board.bitfile import BitError
from build_flows.board.boards import find_board
from build_flows.board.hwh import HwhError
from build_flows.board.pair import PairError, check_pair, mismatches
from build_flows.board.stand_in import write_stand_in
from hw.accelerator import build_id
from tests import toy

Z2 = find_board("pynq-z2")
NETLIST = toy.build(None)
NAME = f"toy_{build_id(NETLIST):08x}"


def _changed(folder: Path, change: Callable[[str], str]) -> list[str]:
    bit, hwh = write_stand_in(folder, NETLIST, Z2)
    text = hwh.read_text(encoding="utf-8")
    assert change(text) != text
    hwh.write_text(change(text), encoding="utf-8")
    return mismatches(bit, hwh, NETLIST, Z2)


def test_a_pair(tmp_path: Path) -> None:
    assert mismatches(*write_stand_in(tmp_path, NETLIST, Z2), NETLIST, Z2) == []


@pytest.mark.parametrize(("old", "new", "line"), [
    ('NAME="toy_', 'NAME="old_', f"toy.hwh: design must be {NAME}, not old{NAME[3:]}"),
    ('DEVICE="7z020"', 'DEVICE="7z010"', "toy.hwh: part must be xc7z020clg400-1, not xc7z010clg400-1"),
    ('"C_SG_LENGTH_WIDTH" VALUE="26"', '"C_SG_LENGTH_WIDTH" VALUE="14"', "toy.hwh: axi_dma_0's C_SG_LENGTH_WIDTH must be 26, not 14"),
    ('"C_INCLUDE_SG" VALUE="0"', '"C_INCLUDE_SG" VALUE="1"', "toy.hwh: axi_dma_0's C_INCLUDE_SG must be 0, not 1"),
    ('"C_M_AXIS_MM2S_TDATA_WIDTH" VALUE="32"', '"C_M_AXIS_MM2S_TDATA_WIDTH" VALUE="64"',
     "toy.hwh: axi_dma_0's C_M_AXIS_MM2S_TDATA_WIDTH must be 32, not 64"),
    ('"C_S_AXIS_S2MM_TDATA_WIDTH"', '"renamed"', "toy.hwh: axi_dma_0's C_S_AXIS_S2MM_TDATA_WIDTH must be 64, not absent"),
    ('BASEVALUE="0x40400000" HIGHNAME="C_HIGHADDR" HIGHVALUE="0x4040FFFF"',
     'BASEVALUE="0x40500000" HIGHNAME="C_HIGHADDR" HIGHVALUE="0x4050FFFF"',
     "toy.hwh: axi_dma_0's registers must be 65536 bytes at 0x40400000, not 65536 bytes at 0x40500000"),
    ('HIGHVALUE="0x43C00FFF"', 'HIGHVALUE="0x43C0FFFF"',
     "toy.hwh: accelerator_0's registers must be 4096 bytes at 0x43c00000, not 65536 bytes at 0x43c00000"),
    ('VALUE="100.000000"', 'VALUE="90.909088"', "toy.hwh: FCLK_CLK0 must be 100.000000 MHz, not 90.909088"),
    ('VIVADOVERSION="2022.2"', 'VIVADOVERSION="2024.2"',
     "toy.bit is of Vivado 2022.2 and toy.hwh of 2024.2: they do not come from one build"),
    ('MODTYPE="accelerator"', 'MODTYPE="adder"', "toy.hwh: accelerator_0's kind must be accelerator, not adder"),
])
def test_one_line_for_what_differs(tmp_path: Path, old: str, new: str, line: str) -> None:
    assert _changed(tmp_path, lambda text: text.replace(old, new)) == [line]


def test_files_of_another_netlist_are_told_line_by_line(tmp_path: Path) -> None:
    other = toy.build(None, thresholds=(501,) * 8)
    bit, hwh = write_stand_in(tmp_path, other, Z2)
    with pytest.raises(PairError) as caught:
        check_pair(bit, hwh, NETLIST, Z2)
    assert str(caught.value).splitlines() == [
        f"toy.bit: design must be {NAME}_wrapper, not toy_{build_id(other):08x}_wrapper",
        f"toy.bit: UserID must be {build_id(NETLIST):#010x}, not {build_id(other):#010x}",
        f"toy.hwh: design must be {NAME}, not toy_{build_id(other):08x}",
    ]


def test_a_hwh_of_another_bit_is_told(tmp_path: Path) -> None:
    bit, _ = write_stand_in(tmp_path / "a", NETLIST, Z2)
    other = dataclasses.replace(NETLIST, clock_mhz=50.0)
    _, hwh = write_stand_in(tmp_path / "b", other, Z2)
    assert mismatches(bit, hwh, NETLIST, Z2) == [
        f"toy.hwh: design must be {NAME}, not toy_{build_id(other):08x}", "toy.hwh: FCLK_CLK0 must be 100.000000 MHz, not 50.000000"]


def test_files_of_other_kinds_are_told(tmp_path: Path) -> None:
    bit, hwh = write_stand_in(tmp_path, NETLIST, Z2)
    with pytest.raises(BitError):
        check_pair(hwh, hwh, NETLIST, Z2)
    with pytest.raises(HwhError):
        check_pair(bit, bit, NETLIST, Z2)
