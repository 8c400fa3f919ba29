"""Names and numbers of the block design: what the Tcl is told, and the clock that the processing system makes."""

import dataclasses

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.boards import find_board
from build_flows.board.design import ACCELERATOR_BASE, ACCELERATOR_RANGE, actual_clock, arguments, design_name, file_name, memory_bits
from hw.accelerator import build_id
from tests import toy


def test_names_say_which_netlist():
    netlist = dataclasses.replace(toy.build(None), name="my-net")
    assert file_name(netlist) == "my_net"
    assert design_name(netlist) == f"my_net_{build_id(netlist):08x}"


@pytest.mark.parametrize(("wanted", "got"), [
    (100, 100), (125, 125), (250, 250), (75, 1000 / 13), (160, 1000 / 6), (150, 1000 / 7), (249, 250), (1, 1),
    (0.1, 1000 / 3969),  # the slowest that two dividers of six bits make
])
def test_clocks_that_the_pll_gives(wanted, got):
    assert actual_clock(wanted) == pytest.approx(got)


def test_of_two_equally_near_the_slower():
    # 1000/6 and 1000/7 are as far from their mean.
    assert actual_clock((1000 / 6 + 1000 / 7) / 2) == pytest.approx(1000 / 7)


@pytest.mark.parametrize("wanted", [0, -1, 250.1, 300])
def test_clocks_that_there_are_not(wanted):
    with pytest.raises(OfframpError, match=f"must be above 0 and at most 250 MHz, not {wanted:g}"):
        actual_clock(wanted)


def test_arguments():
    netlist = toy.build(None, bus_bits=128, result_bits=32)
    words = arguments(netlist, find_board("pynq-z1"), jobs=4)
    found = dict(zip(words[::2], words[1::2], strict=True))
    assert found["--design"] == design_name(netlist)
    assert found["--user_id"] == f"0x{build_id(netlist):08X}"
    assert (found["--bus_bits"], found["--memory_read_bits"]) == ("128", "128")
    assert (found["--result_bits"], found["--memory_write_bits"]) == ("32", "64")
    assert int(found["--accelerator_base"], 0) == ACCELERATOR_BASE
    assert int(found["--accelerator_range"], 0) == ACCELERATOR_RANGE == 4096
    assert (found["--board"], found["--part"], found["--clock_mhz"], found["--jobs"]) == ("pynq-z1", "xc7z020clg400-1", "100", "4")
    assert arguments(netlist, find_board("pynq-z1")) == arguments(netlist, find_board("pynq-z1"))


def test_arguments_that_are_refused():
    netlist = toy.build(None)
    with pytest.raises(OfframpError, match="pynq-z2 has part xc7z020clg400-1, but toy is made for xc7z045ffg900-2"):
        arguments(dataclasses.replace(netlist, part="xc7z045ffg900-2"), find_board("pynq-z2"))
    with pytest.raises(OfframpError, match="at most 250 MHz, not 275"):
        arguments(dataclasses.replace(netlist, clock_mhz=275.0), find_board("pynq-z2"))
    with pytest.raises(OfframpError, match="jobs must be from 1 to 32, not 0"):
        arguments(netlist, find_board("pynq-z2"), jobs=0)


@pytest.mark.parametrize(("stream", "memory"), [(8, 64), (64, 64), (128, 128)])
def test_memory_side_is_no_narrower_than_the_stream(stream, memory):
    assert memory_bits(stream) == memory
