"""The pace that a network can keep, and the fastest that fits."""

import dataclasses

import pytest

from build_flows.base.parts import find_part
from build_flows.planning.folding import FoldingError, stage_targets
from build_flows.planning.folding_search import search
from build_flows.planning.pace import FILLED, LEAST_REACH, fastest, least_pace, planned_reach
from tests.build_flows.networks import b_lenet, network

PART = find_part("pynq-z2")
REACH = (1.0, 0.25)


def slow_later():
    """A second stage that takes 25 times as long as the first at least: 3 pixels of padding around each of a 1x1 convolution's."""
    return network((4, 4, 1), [[("conv", 1, 0, 1, 2)], [("conv", 3, 8, 1, 2)]], [[("linear", 2)], [("linear", 2)]])


def test_what_no_share_reaches_is_planned_for_the_least():
    assert planned_reach([0.5, 0.004, 0.2]) == (1, 0.5, LEAST_REACH, LEAST_REACH)
    assert planned_reach([]) == (1,)


def test_the_least_pace_is_the_first_that_can_be_folded():
    found = least_pace(b_lenet(), REACH, 0.8, 32)
    assert (found.cycles, found.what) == (1296, "stage0_conv0 takes at least 1296 cycles a frame (padding)")
    search(b_lenet(), stage_targets(found.cycles, REACH), PART)
    with pytest.raises(FoldingError):
        search(b_lenet(), stage_targets(found.cycles - 1, REACH), PART)


@pytest.mark.parametrize("utilisation", [0.5, 0.8, 1.0])
def test_a_later_stage_can_set_the_pace(utilisation):
    net = slow_later()
    found = least_pace(net, REACH, utilisation, 32)
    place = "in stage 1, which 25 % of the samples are planned to reach"
    assert found.what == f"stage1_conv0 takes at least 400 cycles a frame (padding) {place}"
    search(net, stage_targets(found.cycles, REACH, utilisation), PART)
    with pytest.raises(FoldingError, match="stage1_conv0"):
        search(net, stage_targets(found.cycles - 1, REACH, utilisation), PART)


def test_the_bus_can_set_the_pace():
    found = least_pace(network((4, 4, 3), [[("conv", 1, 0, 1, 2)]], [[("linear", 2)]]), (1,), 0.8, 8)
    assert (found.cycles, found.what) == (48, "the image bus takes at least 48 cycles a sample: 48 values, 1 a cycle")
    assert least_pace(network((4, 4, 3), [[("conv", 1, 0, 1, 2)]], [[("linear", 2)]]), (1,), 0.8, 64).cycles == 16


@pytest.mark.parametrize(("dsp", "lut"), [(40, 53200), (220, 16000), (220, 53200)])
def test_it_is_the_fastest_that_fits(dsp, lut):
    net, part = b_lenet(), dataclasses.replace(PART, dsp=dsp, lut=lut)
    found = fastest(net, REACH, 0.8, part, 1296)
    assert found is not None
    room = dataclasses.replace(part, **{name: int(FILLED * getattr(part, name)) for name in ("lut", "lutram", "ff")})
    assert not search(net, stage_targets(found, REACH), room, reach=REACH).exceeds()
    if found > 1296:
        assert search(net, stage_targets(found - 1, REACH), room, reach=REACH).exceeds()
    assert (found == 1296) is ((dsp, lut) == (220, 53200))
    assert fastest(net, REACH, 0.8, part, 1296) == found


def test_where_nothing_fits_there_is_none():
    assert fastest(b_lenet(), REACH, 0.8, dataclasses.replace(PART, lut=7000), 1296) is None
