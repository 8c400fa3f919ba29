"""Names of the design, and the clock that the processing system makes."""

import dataclasses

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.design import actual_clock, design_name, file_name
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
