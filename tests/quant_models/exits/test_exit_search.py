"""One exit's samples by sureness, and cuts for given shares."""

import numpy as np

from quant_models.exits.exit_search import Ranked, by_shares


def test_cuts_let_the_nearest_share_go() -> None:
    """Of those that are left, counted in shares of all; equal scores leave together."""
    first = Ranked(np.arange(10), np.ones(10, bool), True, np.zeros(10, np.int64), 1)
    second = Ranked(np.where(np.arange(10) < 4, 3, 1), np.ones(10, bool), True, np.arange(10) % 2, 2)
    cuts = by_shares([first, None, second], [0.4, 0.0, 0.3])
    assert [None if cut is None else cut.tolist() for cut in cuts] == [[6], None, [3, 3]]
    assert by_shares([first], [0.04]) == [None]


def test_some_of_the_samples() -> None:
    item = Ranked(np.arange(4), np.array([True, False, True, False]), False, np.array([0, 1, 2, 0]), 3).of(np.array([3, 0]))
    assert (item.sure.tolist(), item.right.tolist(), item.group.tolist()) == ([3, 0], [False, True], [0, 0])
    assert (item.groups, item.thresholds(np.array([2, 5, 1]))) == (3, [-2, -5, -1])
    assert item.out_of_reach().tolist() == [4, 4, 4]
