import pytest

from build_flows.base.parts import BOARDS, PARTS, PartError, find_part


def test_boards_and_parts_are_found_by_name():
    part = find_part("pynq_z2")
    assert part is find_part("PYNQ-Z1") is find_part("xc7z020clg400-1")
    assert (part.lut, part.ff, part.bram36, part.bram18, part.dsp, part.dsp_block) == (53200, 106400, 140, 280, 220, "DSP48E1")
    assert [PARTS[name].carry for name in ("xc7z020clg400-1", "xc7z010clg400-1")] == [13300, 4400]


def test_every_board_has_its_part():
    assert set(BOARDS.values()) <= set(PARTS)


def test_an_unknown_board_is_told_with_those_known():
    with pytest.raises(PartError, match=r"'zcu104'; known are arty-z7-20, .*pynq-z1, pynq-z2, .*, xc7z010clg400-1, xc7z020clg400-1"):
        find_part("zcu104")
