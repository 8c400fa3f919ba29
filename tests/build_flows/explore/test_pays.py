"""What exits are worth, counted by hand."""

import pytest

from build_flows.explore.pays import pays
from build_flows.planning.layout_network import with_exits
from tests.build_flows.explore.material import network

# Multiplications of the network of the tests: 8x8x9x2, 4x4x18x4, 4x4x36x6 in the stages; a head of 2x2x4x10 after a convolution of
# 4x4x18x4, one of 2x2x2x10, one of 4x4x4x10, and the last one's 2x2x6x10.
STAGES = (1152, 0, 1152, 3456)
CONV, LINEAR, LAST = 1152 + 160, 640, 240
WHOLE = sum(STAGES) + LAST


def test_a_head_costs_all_that_pass_it_and_saves_what_lies_behind():
    first, second = pays("a", with_exits(network(), (0, 2)), ((0, "conv"), (1, "linear")), [0.6, 0.1, 0.3])
    assert (first.exit, first.after, first.head, first.passed, first.left) == (0, 0, "conv", 1.0, 0.6)
    assert first.cost == pytest.approx(CONV / WHOLE)
    # Behind it: both later stages, the second exit's head and the last one.
    assert first.saved == pytest.approx((1152 + LINEAR + 3456 + LAST) / WHOLE)
    assert first.pays
    assert (second.passed, second.left) == (pytest.approx(0.4), 0.1)
    assert second.cost == pytest.approx(LINEAR / WHOLE)
    assert second.saved == pytest.approx((3456 + LAST) / WHOLE)
    assert second.pays is (0.1 * (3456 + LAST) > 0.4 * LINEAR)


@pytest.mark.parametrize(("left", "worth"), [(0.28, True), (0.26, False), (0.0, False)])
def test_an_exit_that_lets_few_go_does_not_pay(left, worth):
    [found] = pays("a", with_exits(network(), (0,)), ((0, "conv"),), [left, 1 - left])
    assert found.pays is worth, (found.cost, found.saved)
    assert worth is (left * (1152 + 3456 + LAST) > CONV)
