"""Sums are exact in whatever type they are computed, and thresholds are met exactly on both ways to them."""

import numpy as np
import pytest

from sim.golden import GoldenError
from sim.golden.layers import conv, exact_type, linear, threshold

INPUTS = 601
"""So many products of 255 and 127 are an odd number between 2**24 and 2**25, which float32 cannot hold, and none of them is near it."""


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_of_many_small_products_are_exact(sign):
    x = np.full((2, 1, 1, INPUTS), 255)
    weight = np.stack([np.full(INPUTS, 127 * sign), np.arange(INPUTS) % 3 - 1])
    wanted = [[int(a) for a in weight.sum(1) * 255]] * 2
    assert wanted[0][0] == sign * 255 * 127 * INPUTS
    assert linear(x, weight, 255).tolist() == wanted
    assert conv(x, weight.reshape(2, 1, 1, INPUTS), 0, 1, 255).reshape(2, 2).tolist() == wanted


def test_the_narrowest_type_that_is_exact():
    assert [exact_type(bound) for bound in (0, (1 << 24) - 1, 1 << 24, (1 << 53) - 1)] == [np.float32, np.float32, np.float64, np.float64]
    with pytest.raises(GoldenError, match=r"accumulators must stay below 2\*\*53, not reach 9007199254740992"):
        exact_type(1 << 53)


@pytest.mark.parametrize("unit", [1, 10**6])
def test_thresholds_near_and_far_apart(unit):
    """Sums that are near each other are looked up in a table, others one by one."""
    steps = unit * np.array([[-3, 0, 0, 2], [1, 2, 3, 4], [-9, -9, 9, 9]])
    acc = np.concatenate([unit * np.arange(-5, 6) + by for by in (-1, 0, 1)]).reshape(3, 11, 1).repeat(3, axis=2)
    found = threshold(acc, steps, -8)
    assert found.tolist() == [[[-8 + sum(value >= step for step in row) for value, row in zip(place, steps.tolist(), strict=True)]
                               for place in line] for line in acc.tolist()]
