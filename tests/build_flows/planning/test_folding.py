import dataclasses

import pytest

from build_flows.base.parts import find_part
from build_flows.planning.folding import RESERVE, TOLERANCE, FoldingError, evaluate, stage_targets
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Fold
from tests.build_flows.networks import b_lenet

PART = find_part("pynq-z2")
B_LENET_TARGETS = (1296, 4147)


def test_what_is_no_layer_counts_against_the_part():
    folding = search(b_lenet(), B_LENET_TARGETS, PART)
    part = dataclasses.replace(PART, lut=(folding.cost + RESERVE).occupied - 1)
    assert dataclasses.replace(folding, part=part).exceeds() == [f"LUT: {part.lut + 1} of {part.lut}"]


def test_targets_follow_reach_and_utilisation():
    assert stage_targets(1296, (1, 0.25)) == (1296, int(1296 / 0.25 * 0.8 * (1 + TOLERANCE)))
    assert stage_targets(1000, (1, 0.5, 0.5, 0.1), 1.0) == (1000, 2000, 2000, 10000)  # the whole rate, and no more than it
    assert stage_targets(1000, (1, 0.5), 0.99) == (1000, 2000)
    assert stage_targets(1000, (1, 1, 0.9)) == (1000, 1000, 1000)  # never faster than samples come
    assert stage_targets(90, (1, 0.3), 1.0) == (90, 300)  # a whole number, whatever its quotient in floating point is


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, (1,)), "ii must be at least 1 cycle, not 0"),
        ((10, (0.5,)), r"reach\[0\] must be 1, not 0.5"),
        ((10, (1, 0.3, 0.4)), r"reach\[2\] must be above 0 and at most 0.3, the one before, not 0.4"),
        ((10, (1, 0.0)), r"reach\[1\] must be above 0"),
        ((10, (1, 0.5), 1.2), "utilisation must be above 0 and at most 1, not 1.2"),
    ],
)
def test_wrong_targets_are_told(arguments, message):
    with pytest.raises(FoldingError, match=message):
        stage_targets(*arguments)


def test_an_edited_folding_is_evaluated_even_when_it_is_slow():
    net = b_lenet()
    folds = search(net, B_LENET_TARGETS, PART).folds | {"stage0_conv0": Fold(1, 25, True)}
    folding = evaluate(net, folds, B_LENET_TARGETS, PART)
    assert folding.limit(0).cycles == 5 * 1024
    assert folding.plans["stage0_conv0"].cost.dsp == 25
