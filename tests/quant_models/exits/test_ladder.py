"""Ladders: rungs from strict to loose, the best of so much harm, and what each does to samples."""

import itertools

import numpy as np
import pytest

from quant_models.exits import ladder
from quant_models.exits.exit_search import Ranked, common
from quant_models.exits.ladder import harmful, harmless, of_quantiles, of_search


def ranked(rng: np.random.Generator, n: int, values: int, groups: int = 1) -> Ranked:
    sure = rng.integers(0, values, n)
    # Surer samples are right more often.
    right = rng.random(n) < 0.5 + 0.5 * sure / values
    return Ranked(sure, right, True, rng.integers(0, groups, n), groups)


def stages(items: list[Ranked | None], cuts: list[np.ndarray | None]) -> int:
    """Stages that all samples run together."""
    present = np.ones(len(next(item for item in items if item is not None).sure), bool)
    total = 0
    for item, cut in zip(items, cuts, strict=True):
        total += int(present.sum())
        if item is not None and cut is not None:
            present &= ~item.leaves(cut)
    return total + int(present.sum())


def test_an_answer_that_the_last_exit_has_wrong_too_does_no_harm() -> None:
    item = Ranked(np.arange(4), np.array([True, True, False, False]), True, np.zeros(4, np.int64), 1)
    assert harmless(item, np.array([True, False, True, False])).right.tolist() == [True, True, False, True]


@pytest.mark.parametrize("seed", range(3))
def test_rungs_are_the_best_cuts_of_so_much_harm(seed: int) -> None:
    """Against all combinations."""
    rng = np.random.default_rng(seed)
    items: list[Ranked | None] = [ranked(rng, 60, 6), None, ranked(rng, 60, 6)]
    rungs = of_search(items, 0.05)
    harm = harmful(items, rungs).sum(1)
    before = len(ladder.SHARES)
    assert list(harm[before:]) == sorted(harm[before:])
    assert (harm[: before + 1] == 0).all()
    tried = [[np.array([first]), None, np.array([second])] for first, second in itertools.product(range(7), repeat=2)]
    costs = [stages(items, cuts) for cuts in tried]
    harms = harmful(items, tried).sum(1)
    for budget, rung in enumerate(rungs[before:]):
        best = min(cost for cost, found in zip(costs, harms, strict=True) if found <= budget)
        assert (harm[before + budget] <= budget, stages(items, rung)) == (True, best)
    # Up to half as much again as is allowed, and one.
    assert len(rungs) == before + 7


def test_classes_share_the_cut_until_there_are_samples_enough_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of one threshold for all; then each has its own."""
    rng = np.random.default_rng(3)
    item = ranked(rng, 400, 50, 4)
    one = [int(rung[0][0]) for rung in of_search([common(item)], 0.02) if rung[0] is not None]
    assert [rung[0].tolist() for rung in of_search([item], 0.02) if rung[0] is not None] == [[cut] * 4 for cut in one]
    monkeypatch.setattr(ladder, "PER_CLASS", 100)
    assert any(len(set(rung[0].tolist())) > 1 for rung in of_search([item], 0.02) if rung[0] is not None)


def test_the_first_rungs_are_parts_of_what_leaves_without_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "PER_CLASS", 100)
    rng = np.random.default_rng(1)
    items: list[Ranked | None] = [ranked(rng, 400, 50, 4), ranked(rng, 400, 50, 4)]
    rungs = of_search(items, 0.02)
    left = [stages(items, rung) for rung in rungs[: len(ladder.SHARES) + 1]]
    assert left == sorted(left, reverse=True)
    assert left[0] < 1200
    for strict, loose in itertools.pairwise(rungs[: len(ladder.SHARES) + 1]):
        for one, other in zip(strict, loose, strict=True):
            assert one is not None
            assert (one >= other).all()


def test_many_samples_have_no_more_rungs() -> None:
    rng = np.random.default_rng(2)
    assert len(of_search([ranked(rng, 3000, 100)], 0.05)) <= len(ladder.SHARES) + ladder.BUDGETS + 1
    assert of_search([None], 0.05) == of_quantiles([None]) == []


def test_one_quantile_for_all_exits_and_classes() -> None:
    first = Ranked(np.arange(100), np.zeros(100, bool), True, np.arange(100) % 3, 3)
    second = Ranked(-np.arange(0, 1000, 10), np.zeros(100, bool), False, np.zeros(100, np.int64), 1)
    rungs = of_quantiles([first, None, second])
    assert len(rungs) == len(ladder.LEVELS)
    for level, (one, none, other) in zip(ladder.LEVELS, rungs, strict=True):
        assert none is None
        assert one is not None
        assert other is not None
        assert len(set(one.tolist())) == 1
        assert (first.leaves(one).mean(), second.leaves(other).mean()) == pytest.approx((level, level))


def test_equal_scores_never_let_more_go_than_the_quantile() -> None:
    """As patience has them: at the first exit all runs are one exit long, at the next most are two."""
    first = Ranked(np.ones(100, np.int64), np.zeros(100, bool), True, np.zeros(100, np.int64), 1)
    second = Ranked(np.where(np.arange(100) < 90, 2, 1), np.zeros(100, bool), True, np.zeros(100, np.int64), 1)
    rungs = [[int(cut[0]) for cut in rung] for rung in of_quantiles([first, second])]
    assert rungs == [[2, 3], [2, 2], [1, 1]]


def test_who_is_harmed_is_who_leaves_first_where_the_answer_is_wrong() -> None:
    first = Ranked(np.array([3, 1, 3, 0]), np.array([True, False, False, False]), True, np.zeros(4, np.int64), 1)
    second = Ranked(np.array([0, 0, 9, 9]), np.array([False, False, False, True]), True, np.array([0, 1, 0, 1]), 2)
    rungs = [[np.array([2]), np.array([10, 10])], [np.array([4]), np.array([5, 0])], [np.array([0]), np.array([0, 0])]]
    assert harmful([first, second], rungs).tolist() == [
        [False, False, True, False], [False, True, True, False], [False, True, True, True],
    ]
