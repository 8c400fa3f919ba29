"""A difference between two models is named by its first place."""

import numpy as np
import pytest

from build_flows.base.errors import OfframpError
from build_flows.steps.agreement import compare_gates, compare_layers, compare_logits

NAMES = ("mine", "other")


def test_equal_logits_pass_and_different_ones_are_named() -> None:
    mine = [np.arange(6).reshape(2, 3), np.ones((2, 3), int)]
    compare_logits(mine, [item.copy() for item in mine], NAMES)
    other = [mine[0], mine[1].copy()]
    other[1][1, 2] = 7
    with pytest.raises(OfframpError, match=r"logits of exit 1, sample 1, position \(2,\): mine has 1, other 7 \(1 of 6 values differ\)"):
        compare_logits(mine, other, NAMES)


@pytest.mark.parametrize(
    ("other", "message"),
    [([np.zeros((2, 3))], "mine has 2 exits, other 1"), ([np.zeros((2, 3)), np.zeros((1, 3))], r"exit 1: mine gives shape \(2, 3\)")],
)
def test_other_exits_or_shapes_are_named(other: list[np.ndarray], message: str) -> None:
    with pytest.raises(OfframpError, match=message):
        compare_logits([np.zeros((2, 3)), np.zeros((2, 3))], other, NAMES)


def test_gate_heads_are_compared_by_exit() -> None:
    mine = {0: np.arange(3), 2: np.ones(3, int)}
    compare_gates(mine, {2: np.ones(3, int), 0: np.arange(3)}, NAMES)
    with pytest.raises(OfframpError, match=r"gate head of exit 2, sample 1, position \(\): mine has 1, other 5"):
        compare_gates(mine, {0: np.arange(3), 2: np.array([1, 5, 1])}, NAMES)
    with pytest.raises(OfframpError, match=r"mine has gate heads at exits \[0, 2\], other has gate heads at exits \[0\]"):
        compare_gates(mine, {0: np.arange(3)}, NAMES)


def test_layers_are_compared_by_name() -> None:
    mine = {"stage0_conv0": np.zeros((2, 2, 2, 3), int), "head0_fc0": np.ones((2, 4), int)}
    flat = {"stage0_conv0": np.zeros((2, 12), int), "head0_fc0": np.ones((2, 1, 1, 4), int), "more": np.zeros(1)}
    assert compare_layers(mine, flat, NAMES) == 2
    flat["stage0_conv0"][1, 4] = -1
    with pytest.raises(OfframpError, match=r"layer stage0_conv0, sample 1, position \(0, 1, 1\): mine has 0, other -1"):
        compare_layers(mine, flat, NAMES)
    with pytest.raises(OfframpError, match="other has no layer 'head0_fc0'"):
        compare_layers(mine, {"stage0_conv0": mine["stage0_conv0"]}, NAMES)
