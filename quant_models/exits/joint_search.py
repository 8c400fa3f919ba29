"""The best thresholds of all exits together.

A sample leaves at the first exit whose cut its sureness reaches. Of every combination of cuts the samples that leave at each exit, and the
right answers among them, follow from one histogram an exit over the place of each sample between its cuts, summed up along every axis (a
summed-area table, Crow, SIGGRAPH 1984), so that all combinations are known at once. With at most :data:`CELLS` combinations of all
thresholds that tell samples apart, the best one is found exactly. Else cuts are taken at equal distances first, and then, around the best
combination, closer and closer until none is left out between, and then one by one as long as that helps: no single threshold can be changed
for the better, but another combination of several may be better.

Thresholds of classes are too many for that. They begin at the best common one and, exit by exit, at prices for a sample's cost (Lagrange),
where each class's best cut does not depend on the others; then each goes on alone as long as that helps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from quant_models.exits.exit_search import Ranked
from quant_models.exits.price import Price

__all__ = ["CELLS", "MOST_EXITS", "Cuts", "Goal", "WithinCost", "WithinLoss", "outcome", "search"]

CELLS = 2**20
"""Combinations that are tried at once."""

MOST_EXITS = 10
"""With more early exits not even two cuts each could be tried in all combinations."""

PRICES = 24
"""Prices tried, twice: over all magnitudes, then around the best."""

BESIDE = 3
"""Prices on either side of the best whose cuts are gone on from."""

SWEEPS = 10

Cuts = list[np.ndarray | None]
"""By early exit, int64 ``[groups]``; None where none leaves."""


class Goal(Protocol):
    """What is wanted: ``rank(right, leave, samples)`` gives two numbers (or arrays that broadcast) of which the first, then the second, is
    to be small; inf where it is not met. ``right`` are right answers, ``leave`` samples that leave at each exit, the last one included."""

    @property
    def price(self) -> Price: ...

    def rank(self, right: Any, leave: list[Any], samples: int) -> tuple[Any, Any]: ...


@dataclass(frozen=True)
class WithinLoss:
    """The least mean cost with at least so many right answers."""

    price: Price
    right: float

    def rank(self, right: Any, leave: list[Any], samples: int) -> tuple[Any, Any]:
        return np.where(right >= self.right - 1e-9, self.price.mean(leave, samples), np.inf), -right


@dataclass(frozen=True)
class WithinCost:
    """The most right answers with at most so high a mean cost."""

    price: Price
    most: float

    def rank(self, right: Any, leave: list[Any], samples: int) -> tuple[Any, Any]:
        cost = self.price.mean(leave, samples)
        return np.where(cost <= self.most * (1 + 1e-9), -right, np.inf), cost


def search(ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal, begin: Sequence[Cuts] = ()) -> Cuts | None:
    """The best cuts found for ``goal``; None when none meets it. Of the ways to ``begin`` the best stays where nothing found is better in
    the first thing wanted.

    ``ranked`` are the early exits (None: takes no part), ``last_right`` (bool or int ``[n]``) says where the last exit is right.
    """
    common: list[Ranked | None] = [
        None if item is None else replace(item, group=np.zeros_like(item.group), groups=1) for item in ranked
    ]
    found = _grid(common, last_right, goal)
    tried: list[Cuts] = [] if found is None else [[
        None if cuts is None or item is None else np.full(item.groups, cuts[0], np.int64) for item, cuts in zip(ranked, found, strict=True)
    ]]
    if any(item is not None and item.groups > 1 for item in ranked):
        tried += _priced(ranked, last_right, goal, tried[0] if tried else [None] * len(ranked))
    tried = [_refined(ranked, last_right, goal, cuts) for cuts in (*begin, *tried)]
    kept, new = (
        min(((_key(ranked, last_right, goal, cuts), index, cuts) for index, cuts in enumerate(ways)), default=None, key=lambda way: way[:2])
        for ways in (list(begin), tried)
    )
    # A hair's breadth is rounding.
    best = kept if new is None or (kept is not None and kept[0][0] - new[0][0] < 1e-9 * len(last_right)) else new
    return None if best is None or not np.isfinite(best[0][0]) else best[2]


def outcome(ranked: Sequence[Ranked | None], last_right: np.ndarray, cuts: Cuts) -> tuple[int, list[int]]:
    """Right answers, and samples that leave at each exit, the last one included."""
    present = np.ones(len(last_right), bool)
    right, leave = 0, []
    for item, cut in zip(ranked, cuts, strict=True):
        gone = present & item.leaves(cut) if item is not None and cut is not None else np.zeros_like(present)
        right += 0 if item is None else int(item.right[gone].sum())
        leave.append(int(gone.sum()))
        present &= ~gone
    return right + int(np.asarray(last_right)[present].sum()), [*leave, int(present.sum())]


def _key(ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal, cuts: Cuts) -> tuple[float, float]:
    first, second = goal.rank(*outcome(ranked, last_right, cuts), len(last_right))
    return float(first), float(second)


def _best(first: Any, second: Any, shape: tuple[int, ...]) -> int | None:
    """The flat index of the least (first, second), the lowest of equal ones; None when there is none."""
    one = np.broadcast_to(first, shape).ravel()
    least = one.min()
    if not np.isfinite(least):
        return None
    equal = np.flatnonzero(one == least)
    return int(equal[np.argmin(np.broadcast_to(second, shape).ravel()[equal])])


def _grid(ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal) -> Cuts | None:
    """The best of all combinations of cuts, of one threshold an exit; see the module."""
    live = [k for k, item in enumerate(ranked) if item is not None]
    if len(live) > MOST_EXITS:
        return None
    values, places = [], []
    for k in live:
        item = ranked[k]
        assert item is not None
        found, place = np.unique(-item.sure, return_inverse=True)
        values.append(np.concatenate([item.out_of_reach(), -found]))
        # A sample leaves at all cuts from its own on; at the one in front none does.
        places.append(place.reshape(-1) + 1)
    each = max(2, int(CELLS ** (1 / len(live)) + 1e-9)) if live else 1
    bounds = [(0, len(found) - 1) for found in values]
    while True:
        tried = [_spread(low, high, each) for low, high in bounds]
        at = _try_all(ranked, live, last_right, goal, places, tried)
        if at is None:
            return None
        chosen = [int(cuts[index]) for cuts, index in zip(tried, at, strict=True)]
        closer = [
            (int(cuts[max(0, index - 1)]), int(cuts[min(len(cuts) - 1, index + 1)])) for cuts, index in zip(tried, at, strict=True)
        ]
        if all(len(cuts) == high - low + 1 for cuts, (low, high) in zip(tried, bounds, strict=True)):
            break
        bounds = closer
    result: Cuts = [None] * len(ranked)
    for k, found, index in zip(live, values, chosen, strict=True):
        result[k] = None if index == 0 else np.array([found[index]], np.int64)
    return result


def _spread(low: int, high: int, most: int) -> np.ndarray:
    """At most ``most`` integers from ``low`` to ``high``, both among them."""
    if high - low < most:
        return np.arange(low, high + 1)
    return np.unique(np.linspace(low, high, most).round().astype(np.int64))


def _try_all(
    ranked: Sequence[Ranked | None], live: Sequence[int], last_right: np.ndarray, goal: Goal, places: Sequence[np.ndarray],
    tried: Sequence[np.ndarray],
) -> tuple[int, ...] | None:
    """Which of the cuts ``tried`` are best together; None when no combination meets the goal."""
    shape = tuple(len(cuts) for cuts in tried)
    bins = [np.searchsorted(cuts, place) for cuts, place in zip(tried, places, strict=True)]
    leave: list[Any] = [0] * len(ranked)
    right: Any = 0
    for depth in range(len(live) + 1):
        own = last_right if depth == len(live) else _right(ranked[live[depth]])
        sizes = [size + 1 for size in shape[: depth + 1]]
        counts, good = (_table(bins[: depth + 1], sizes, weights, depth) for weights in (None, own))
        counts, good = (item.reshape(item.shape + (1,) * (len(shape) - item.ndim)) for item in (counts, good))
        right = right + good
        if depth == len(live):
            leave.append(counts)
        else:
            leave[live[depth]] = counts
    at = _best(*goal.rank(right, leave, len(last_right)), shape)
    return None if at is None else tuple(int(index) for index in np.unravel_index(at, shape))


def _right(item: Ranked | None) -> np.ndarray:
    assert item is not None
    return item.right


def _table(bins: Sequence[np.ndarray], sizes: Sequence[int], weights: np.ndarray | None, depth: int) -> np.ndarray:
    """By combination of cuts, the samples (or the sum of their weights) that pass the exits before ``depth`` and leave there, or are left
    after the last one."""
    if not bins:
        return np.array(0 if weights is None else int(np.asarray(weights).sum()))
    flat = np.ravel_multi_index(tuple(bins), tuple(sizes))
    found = np.bincount(flat, weights, int(np.prod(sizes))).round().astype(np.int64).reshape(sizes)
    for axis in range(len(sizes)):
        up = np.cumsum(found, axis)
        if axis < depth:
            # those whose own cut comes later
            up = np.take(up, [-1], axis) - up
        found = np.take(up, range(sizes[axis] - 1), axis)
    return found


def _priced(ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal, begin: Cuts) -> list[Cuts]:
    """The best cuts at any price tried for a sample's cost in right answers, and those at the prices next to it, which may miss the goal by
    little."""
    steps = np.cumsum(goal.price.steps) / goal.price.whole
    tried: list[tuple[float, tuple[float, float], Cuts]] = []
    low, high = 1e-3, 1e3
    for _ in range(2):
        for price in np.geomspace(low, high, PRICES):
            cuts = _at_a_price(ranked, last_right, steps, float(price), begin)
            tried.append((float(price), _key(ranked, last_right, goal, cuts), cuts))
        best = min(tried, key=lambda item: (item[1], item[0]))[0]
        low, high = best / 2, best * 2
    tried.sort(key=lambda item: item[0])
    distinct = [item for item, other in zip(tried, [None, *tried[:-1]], strict=True) if other is None or item[1] != other[1]]
    at = min(range(len(distinct)), key=lambda index: distinct[index][1])
    return [cuts for _, _, cuts in distinct[max(0, at - BESIDE) : at + BESIDE + 1]]


def _at_a_price(ranked: Sequence[Ranked | None], last_right: np.ndarray, costs: np.ndarray, price: float, begin: Cuts) -> Cuts:
    """Cuts of the most right answers less ``price`` for each unit of ``costs`` (of leaving at each exit), exit by exit until none moves."""
    cuts = list(begin)
    worth: float | None = None
    for _ in range(SWEEPS):
        for k in reversed(range(len(ranked))):
            item = ranked[k]
            if item is None:
                continue
            present = np.ones(len(last_right), bool)
            for other, cut in zip(ranked[:k], cuts[:k], strict=True):
                if other is not None and cut is not None:
                    present &= ~other.leaves(cut)
            stay = np.asarray(last_right, np.float64) - price * costs[-1]
            for j in reversed(range(k + 1, len(ranked))):
                later, cut = ranked[j], cuts[j]
                if later is not None and cut is not None:
                    stay = np.where(later.leaves(cut), later.right - price * costs[j], stay)
            cuts[k] = _prefixes(item, present, item.right - price * costs[k] - stay)
        right, leave = outcome(ranked, last_right, cuts)
        now = right - price * float(np.dot(leave, costs))
        if worth is not None and now <= worth + 1e-9:
            break
        worth = now
    return cuts


def _prefixes(item: Ranked, present: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """Of each group the cut whose samples gain most together."""
    index = np.flatnonzero(present)
    order = index[np.lexsort((-item.sure[index], item.group[index]))]
    cuts = item.out_of_reach()
    if not len(order):
        return cuts
    group, sure = item.group[order], item.sure[order]
    total = np.cumsum(gain[order])
    first = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
    before = np.where(first > 0, total[first - 1], 0.0)
    total = total - np.repeat(before, np.diff(np.append(first, len(order))))
    ends = np.append((sure[1:] != sure[:-1]) | (group[1:] != group[:-1]), True)
    total = np.where(ends, total, -np.inf)
    for start, stop in zip(first, np.append(first[1:], len(order)), strict=True):
        best = start + int(np.argmax(total[start:stop]))
        if total[best] > 1e-12:
            cuts[group[start]] = sure[best]
    return cuts


def _refined(ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal, begin: Cuts) -> Cuts:
    """Cuts in which no single threshold of an exit, or of a class at one, can be changed for the better."""
    cuts: Cuts = [
        None if item is None else (item.out_of_reach() if cut is None else cut.copy()) for item, cut in zip(ranked, begin, strict=True)
    ]
    now = _key(ranked, last_right, goal, cuts)
    for _ in range(SWEEPS):
        before = now
        for k, item in enumerate(ranked):
            if item is None:
                continue
            for group in np.unique(item.group):
                now = _one(ranked, last_right, goal, cuts, k, int(group), now)
        if now == before:
            break
    return cuts


def _one(
    ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal, cuts: Cuts, k: int, group: int, now: tuple[float, float]
) -> tuple[float, float]:
    """Puts one threshold where it is best, the others as they are; gives what the goal then says."""
    item, own = ranked[k], cuts[k]
    assert item is not None
    assert own is not None
    kept, own[group] = int(own[group]), int(item.sure.max()) + 1
    taken = np.full(len(last_right), len(ranked))
    right = np.asarray(last_right, np.int64).copy()
    for j in reversed(range(len(ranked))):
        other, cut = ranked[j], cuts[j]
        if other is not None and cut is not None:
            gone = other.leaves(cut)
            taken, right = np.where(gone, j, taken), np.where(gone, other.right, right)
    mine = np.flatnonzero((item.group == group) & (taken > k))
    order = mine[np.argsort(-item.sure[mine], kind="stable")]
    sure = item.sure[order]
    ends = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if len(sure) else np.array([], np.int64)
    picks = np.concatenate([[0], ends + 1])

    def upto(values: np.ndarray) -> np.ndarray:
        summed: np.ndarray = np.concatenate([[0], np.cumsum(values)])[picks]
        return summed

    total = np.bincount(taken, minlength=len(ranked) + 1)
    leave: list[Any] = [total[j] - upto(taken[order] == j) for j in range(len(ranked) + 1)]
    leave[k] = total[k] + picks
    first, second = goal.rank(right.sum() + upto(item.right[order].astype(np.int64) - right[order]), leave, len(last_right))
    at = _best(first, second, picks.shape)
    if at is not None:
        found = float(np.broadcast_to(first, picks.shape)[at]), float(np.broadcast_to(second, picks.shape)[at])
        if found < now:
            if at:
                own[group] = sure[picks[at] - 1]
            return found
    own[group] = kept
    return now
