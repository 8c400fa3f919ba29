"""Thresholds of all exits together: against all combinations, tried one by one."""

import itertools

import numpy as np
import pytest

from quant_models.exits import grid
from quant_models.exits.exit_search import Ranked
from quant_models.exits.goals import WithinCost, WithinLoss
from quant_models.exits.joint_search import outcome, search, search_each
from quant_models.exits.price import Price


def ranked(rng: np.random.Generator, n: int, values: int, groups: int = 1) -> Ranked:
    sure = rng.integers(0, values, n)
    # Surer samples are right more often.
    right = rng.random(n) < 0.4 + 0.5 * sure / values
    return Ranked(sure, right, True, rng.integers(0, groups, n), groups)


def all_cuts(item: Ranked | None) -> list[np.ndarray | None]:
    if item is None:
        return [None]
    values = [*np.unique(item.sure), item.sure.max() + 1]
    return [np.array(found, np.int64) for found in itertools.product(values, repeat=item.groups)]


def brute(items: list[Ranked | None], last: np.ndarray, price: Price, most: float) -> int | None:
    """The most right answers of all combinations within ``most``."""
    best = None
    for cuts in itertools.product(*map(all_cuts, items)):
        right, leave = outcome(items, last, list(cuts))
        if price.mean(leave, len(last)) <= most + 1e-9 and (best is None or right > best):
            best = right
    return best


@pytest.mark.parametrize("exits", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_no_combination_is_better(exits: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    items: list[Ranked | None] = [ranked(rng, 30, 5) for _ in range(exits)]
    if exits == 3:
        items[1] = None
    last = rng.random(30) < 0.9
    price = Price(steps=tuple(float(step) for step in rng.integers(1, 9, exits + 1)), whole=10.0)
    for most in np.linspace(price.steps[0], sum(price.steps), 7):
        wanted = brute(items, last, price, most)
        cuts = search(items, last, WithinCost(price, most))
        assert (cuts is None) == (wanted is None)
        if cuts is not None:
            right, leave = outcome(items, last, cuts)
            assert right == wanted
            assert price.mean(leave, 30) <= most + 1e-9


def test_thresholds_of_classes_are_no_worse_than_common_ones() -> None:
    rng = np.random.default_rng(5)
    gained = 0
    for _ in range(6):
        own = ranked(rng, 60, 6, groups=3)
        common = Ranked(own.sure, own.right, True, np.zeros(60, np.int64), 1)
        last = rng.random(60) < 0.9
        price = Price(steps=(2.0, 8.0), whole=9.0)
        for most in (3.0, 5.0, 7.0):
            goal = WithinCost(price, most)
            two = [search([item], last, goal) for item in (own, common)]
            assert two[0] is not None
            assert two[1] is not None
            first, second = (outcome([item], last, cuts)[0] for item, cuts in zip((own, common), two, strict=True))
            assert first >= second
            gained += first - second
    assert gained > 0


def test_a_coarse_grid_ends_where_no_single_threshold_can_be_bettered(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(7)
    items: list[Ranked | None] = [ranked(rng, 400, 90) for _ in range(2)]
    last = rng.random(400) < 0.9
    price = Price(steps=(2.0, 3.0, 5.0), whole=9.0)
    monkeypatch.setattr(grid, "CELLS", 25)
    cuts = search(items, last, WithinCost(price, 5.0))
    assert cuts is not None
    right, _ = outcome(items, last, cuts)
    for k, item in enumerate(items):
        assert item is not None
        for value in (*np.unique(item.sure), item.sure.max() + 1):
            other = [*cuts]
            other[k] = np.array([value], np.int64)
            found, leave = outcome(items, last, other)
            assert found <= right or price.mean(leave, 400) > 5.0 + 1e-9


def test_what_cannot_be_met_is_none_and_the_least_cost_is_found() -> None:
    rng = np.random.default_rng(1)
    items: list[Ranked | None] = [ranked(rng, 20, 4), ranked(rng, 20, 4)]
    last = np.ones(20, bool)
    price = Price.stages(3)
    assert search(items, last, WithinCost(price, 0.9)) is None
    cuts = search(items, last, WithinLoss(price, 0))
    assert cuts is not None
    assert price.mean(outcome(items, last, cuts)[1], 20) == 1.0


def surest(places: list[int], right: list[int]) -> Ranked:
    """An exit that is as sure of ten samples' ``places`` as it ever is, and right about those of ``right`` alone."""
    index = np.arange(10)
    return Ranked(np.where(np.isin(index, places), 5, 0), np.isin(index, right), True, np.zeros(10, np.int64), 1)


@pytest.mark.parametrize(("first", "second", "wanted"), [
    # Three samples that leave at the first exit spare two stages each, four at the second one each.
    (([0, 1, 2], [0, 1]), ([3, 4, 5, 6], [3, 4, 5]), [3, 0, 7]),
    # Of one at the first and four at the second the latter spare more.
    (([0], []), ([3, 4, 5, 6], [3, 4, 5]), [0, 4, 6]),
])
def test_one_wrong_answer_is_spent_where_it_spares_most_stages(
    first: tuple[list[int], list[int]], second: tuple[list[int], list[int]], wanted: list[int]
) -> None:
    exits, last = [surest(*first), surest(*second)], np.ones(10, bool)
    cuts = search(exits, last, WithinLoss(Price.stages(3), 9))
    assert cuts is not None
    assert outcome(exits, last, cuts) == (9, wanted)


def test_beyond_ten_early_exits_cuts_move_one_by_one() -> None:
    """Each of twelve exits is sure and right of one sample of its own."""
    exits = [Ranked(np.where(np.arange(14) == k, 5, 0), np.arange(14) == k, True, np.zeros(14, np.int64), 1) for k in range(12)]
    last = np.ones(14, bool)
    cuts = search(exits, last, WithinLoss(Price.stages(13), 14), [[None] * 12])
    assert cuts is not None
    assert outcome(exits, last, cuts) == (14, [1] * 12 + [2])
    [coarse] = search_each(exits, last, [WithinLoss(Price.stages(13), 14)], 64)
    assert coarse is not None
    assert outcome(exits, last, coarse) == (14, [1] * 12 + [2])
