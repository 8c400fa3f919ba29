"""Which designs of a front are verified first."""

import numpy as np
import pytest

from build_flows.explore.choose import spread


def test_the_best_of_each_come_first_then_the_middle_then_what_is_far_from_all():
    scaled = np.array([[0.5, 0.5], [0.0, 1.0], [0.02, 0.97], [1.0, 0.0], [0.3, 0.35], [0.75, 0.2]])
    order = spread(scaled)
    assert order[:3] == [1, 3, 4], "best of the first, best of the second, nearest to all the best"
    assert order[3] == 5, "the one that lies farthest from those three"
    assert order[-1] == 2, "what nearly was there before comes last"
    assert sorted(order) == list(range(6))


def test_of_equally_good_ones_the_better_elsewhere_is_the_best():
    assert spread(np.array([[0.0, 0.9, 0.5], [0.0, 0.1, 0.5], [1.0, 0.0, 0.0]]))[:2] == [1, 2]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_are_all_there(count):
    assert sorted(spread(np.zeros((count, 3)))) == list(range(count))


def test_every_design_is_named_once():
    scaled = np.random.default_rng(3).random((200, 3))
    assert sorted(spread(scaled)) == list(range(200))
