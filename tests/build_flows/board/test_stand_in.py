"""The file that stands in for a bitstream."""

from pathlib import Path

from build_flows.board.bitfile import read_bit_header
from build_flows.board.platforms import find_platform
from build_flows.board.stand_in import write_stand_in
from hw.accelerator import build_id
from tests import toy


def test_it_says_of_itself_what_it_stands_for(tmp_path: Path) -> None:
    netlist = toy.build(None)
    header = read_bit_header(write_stand_in(tmp_path, netlist, find_platform("pynq-z1")))
    assert (header.part, header.user_id, header.length) == ("7z020clg400", build_id(netlist), 0)
    assert header.design == f"toy_{build_id(netlist):08x}"


def test_the_same_netlist_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_stand_in(tmp_path / name, toy.build(None), find_platform("pynq-z2")) for name in "ab")
    assert first.name == second.name == "toy.bit"
    assert first.read_bytes() == second.read_bytes()
