"""Combinations of cuts, one an exit, all looked at at once.

A sample leaves at the first exit whose cut its sureness reaches. Of every combination of cuts the samples that leave at each exit, and the
right answers among them, follow from one histogram an exit over the place of each sample between its cuts, summed up along every axis (a
summed-area table, Crow, SIGGRAPH 1984), so that all combinations are known at once.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from quant_models.exits.exit_search import Ranked
from quant_models.exits.goals import Cuts, Goal

__all__ = ["CELLS", "MOST_EXITS", "best_of", "closest", "coarse"]

CELLS = 2**20
"""Combinations that are tried at once."""

MOST_EXITS = 10
"""With more early exits not even two cuts each could be tried in all combinations."""


def best_of(first: Any, second: Any, shape: tuple[int, ...]) -> int | None:
    """The flat index of the least (first, second), the lowest of equal ones; None when there is none."""
    one = np.broadcast_to(first, shape).ravel()
    least = one.min()
    if not np.isfinite(least):
        return None
    equal = np.flatnonzero(one == least)
    return int(equal[np.argmin(np.broadcast_to(second, shape).ravel()[equal])])


def closest(ranked: Sequence[Ranked | None], last_right: np.ndarray, goal: Goal) -> Cuts | None:
    """The best of all combinations of cuts, of one threshold an exit; exactly, with at most :data:`CELLS` of those that tell samples apart,
    else closer and closer around the best of those at equal distances. None when none meets the goal, or with more than :data:`MOST_EXITS`
    exits."""
    live = [k for k, item in enumerate(ranked) if item is not None]
    if len(live) > MOST_EXITS:
        return None
    values, places = _places(ranked, live)
    each = _each(CELLS, len(live))
    bounds = [(0, len(found) - 1) for found in values]
    while True:
        tried = [_spread(low, high, each) for low, high in bounds]
        [at] = _try_all(ranked, live, last_right, [goal], places, tried)
        if at is None:
            return None
        chosen = [int(cuts[index]) for cuts, index in zip(tried, at, strict=True)]
        closer = [
            (int(cuts[max(0, index - 1)]), int(cuts[min(len(cuts) - 1, index + 1)])) for cuts, index in zip(tried, at, strict=True)
        ]
        if all(len(cuts) == high - low + 1 for cuts, (low, high) in zip(tried, bounds, strict=True)):
            break
        bounds = closer
    return _cuts(len(ranked), live, values, chosen)


def coarse(ranked: Sequence[Ranked | None], last_right: np.ndarray, goals: Sequence[Goal], cells: int) -> list[Cuts | None]:
    """For each of ``goals`` the best of ``cells`` combinations of cuts at equal distances, one threshold an exit, all from one look; None
    as :func:`closest` says."""
    live = [k for k, item in enumerate(ranked) if item is not None]
    if len(live) > MOST_EXITS:
        return [None] * len(goals)
    values, places = _places(ranked, live)
    tried = [_spread(0, len(found) - 1, _each(cells, len(live))) for found in values]
    return [
        None if at is None else _cuts(len(ranked), live, values, [int(cuts[index]) for cuts, index in zip(tried, at, strict=True)])
        for at in _try_all(ranked, live, last_right, goals, places, tried)
    ]


def _places(ranked: Sequence[Ranked | None], live: Sequence[int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Of every exit that takes part all cuts that tell samples apart, strictest first, and the place among them of each sample's own."""
    values, places = [], []
    for k in live:
        item = ranked[k]
        assert item is not None
        found, place = np.unique(-item.sure, return_inverse=True)
        values.append(np.concatenate([item.out_of_reach(), -found]))
        # A sample leaves at all cuts from its own on; at the one in front none does.
        places.append(place.reshape(-1) + 1)
    return values, places


def _each(cells: int, exits: int) -> int:
    return max(2, int(cells ** (1 / exits) + 1e-9)) if exits else 1


def _cuts(exits: int, live: Sequence[int], values: Sequence[np.ndarray], chosen: Sequence[int]) -> Cuts:
    result: Cuts = [None] * exits
    for k, found, index in zip(live, values, chosen, strict=True):
        result[k] = None if index == 0 else np.array([found[index]], np.int64)
    return result


def _spread(low: int, high: int, most: int) -> np.ndarray:
    """At most ``most`` integers from ``low`` to ``high``, both among them."""
    if high - low < most:
        return np.arange(low, high + 1)
    return np.unique(np.linspace(low, high, most).round().astype(np.int64))


def _try_all(
    ranked: Sequence[Ranked | None], live: Sequence[int], last_right: np.ndarray, goals: Sequence[Goal], places: Sequence[np.ndarray],
    tried: Sequence[np.ndarray],
) -> list[tuple[int, ...] | None]:
    """For each goal which of the cuts ``tried`` are best together; None when no combination meets it."""
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
    found = [best_of(*goal.rank(right, leave, len(last_right)), shape) for goal in goals]
    return [None if at is None else tuple(int(index) for index in np.unravel_index(at, shape)) for at in found]


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
