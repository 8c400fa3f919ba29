"""Boards: each has its part and its settings, and is found by any spelling."""

import pytest

from build_flows.base import parts
from build_flows.base.errors import OfframpError
from build_flows.board.boards import BOARDS, find_board


def test_every_board_that_a_project_may_name_is_here():
    assert BOARDS.keys() == parts.BOARDS.keys()
    for name, board in BOARDS.items():
        assert (board.name, board.part) == (name, parts.BOARDS[name])
        assert board.ps_config.is_file()
        assert board.label.lower() == name


def test_settings_are_data_with_their_sources():
    for board in BOARDS.values():
        text = board.ps_config.read_text(encoding="utf-8")
        assert "UG585" in text
        assert "github.com/Xilinx/PYNQ" in text
        code = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert code[:2] == ["set ::offramp::memory_range 0x20000000", "set ::offramp::ps_settings {"]
        assert code[-1] == "}"
        assert all(line.startswith("    PCW_") for line in code[2:-1])


@pytest.mark.parametrize("name", ["pynq-z2", "PYNQ_Z2", "Pynq-Z2"])
def test_any_spelling(name):
    assert find_board(name) is BOARDS["pynq-z2"]


def test_unknown_board():
    with pytest.raises(OfframpError, match="no board is called 'zedboard'; known are pynq-z1, pynq-z2"):
        find_board("zedboard")
