"""The best thresholds of all exits together.

Combinations of one cut an exit are looked at together (:mod:`quant_models.exits.grid`), and then cuts are moved one by one as long as that
helps: no single threshold can be changed for the better, but another combination of several may be better. With more early exits than that
takes, cuts are only moved one by one.

Thresholds of classes are too many for that. They begin at the best common one and, exit by exit, at prices for a sample's cost (Lagrange),
where each class's best cut does not depend on the others; then each goes on alone as long as that helps.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quant_models.exits.exit_search import Ranked, common
from quant_models.exits.goals import Cuts, Goal
from quant_models.exits.grid import best_of, closest, coarse

__all__ = ["outcome", "search", "search_each"]

PRICES = 24
"""Prices tried, twice: over all magnitudes, then around the best."""

BESIDE = 3
"""Prices on either side of the best whose cuts are gone on from."""

SWEEPS = 10


def search(ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal, begin: Sequence[Cuts] = ()) -> Cuts | None:
    """The best cuts found for ``goal``; None when none meets it. Of the ways to ``begin`` the best stays where nothing found is better in
    the first thing wanted.

    ``ranked`` are the early exits (None: takes no part), ``last_right`` (bool or int ``[n]``) says where the last exit is right.
    """
    found = closest(_common(ranked), last_right, goal)
    tried = [] if found is None else [_spread_out(ranked, found)]
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


def search_each(ranked: Sequence[Ranked | None], last_right: np.ndarray, goals: Sequence[Goal], cells: int) -> list[Cuts | None]:
    """For each of ``goals``, of one price, cuts nearly as good as those of :func:`search`, in a fraction of the time: all begin at the same
    ``cells`` combinations and, of classes, at the same prices. An exit of which none leaves has cuts out of reach, not None."""
    nothing: Cuts = [None if item is None else item.out_of_reach() for item in ranked]
    begun = [nothing if cuts is None else _spread_out(ranked, cuts) for cuts in coarse(_common(ranked), last_right, goals, cells)]
    ways: list[Cuts] = []
    if any(item is not None and item.groups > 1 for item in ranked):
        steps = np.cumsum(goals[0].price.steps) / goals[0].price.whole
        ways = [_at_a_price(ranked, last_right, steps, float(price), nothing) for price in np.geomspace(1e-2, 1e1, PRICES)]
    found: list[Cuts | None] = []
    for goal, own in zip(goals, begun, strict=True):
        way = min([own, *ways], key=lambda cuts: _key(ranked, last_right, goal, cuts))
        best = _refined(ranked, last_right, goal, way)
        found.append(best if np.isfinite(_key(ranked, last_right, goal, best)[0]) else None)
    return found


def _common(ranked: Sequence[Ranked | None]) -> list[Ranked | None]:
    """The same with one threshold an exit."""
    return [None if item is None else common(item) for item in ranked]


def _spread_out(ranked: Sequence[Ranked | None], shared: Cuts) -> Cuts:
    """The cuts that classes share, by class."""
    return [
        None if cuts is None or item is None else np.full(item.groups, cuts[0], np.int64) for item, cuts in zip(ranked, shared, strict=True)
    ]


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
    at = best_of(first, second, picks.shape)
    if at is not None:
        found = float(np.broadcast_to(first, picks.shape)[at]), float(np.broadcast_to(second, picks.shape)[at])
        if found < now:
            if at:
                own[group] = sure[picks[at] - 1]
            return found
    own[group] = kept
    return now
