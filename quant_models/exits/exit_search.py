"""Searches for thresholds: which samples may leave at which exit, given how sure each exit is of each."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Ranked", "by_loss", "by_shares"]

# The accuracy that may be lost is dealt out to the exits in this many parts.
PARTS = 20

# How often the price of a lost answer is halved in the search for a class's threshold.
HALVINGS = 40


@dataclass(frozen=True)
class Ranked:
    """One early exit's samples by sureness: ``sure`` is the score, negated where smaller is surer; ``group`` numbers the thresholds, of
    which each sample has one (0 but for ``class_threshold``), ``groups`` of them."""

    sure: np.ndarray
    right: np.ndarray
    rising: bool
    group: np.ndarray
    groups: int

    def thresholds(self, cuts: np.ndarray) -> list[int]:
        """Integer thresholds of cuts, int64 ``[groups]``."""
        return [int(cut if self.rising else -cut) for cut in cuts]

    def out_of_reach(self) -> np.ndarray:
        """Cuts just above the surest sample seen."""
        return np.full(self.groups, int(self.sure.max()) + 1, np.int64)

    def leaves(self, cuts: np.ndarray) -> np.ndarray:
        """bool ``[n]``."""
        found: np.ndarray = self.sure >= cuts[self.group]
        return found


@dataclass(frozen=True)
class _Steps:
    """The prefixes that a threshold can let go, of the samples in ``order`` (surest first): a threshold takes all samples of one score or
    none. ``ends`` are their last places, ``loss`` the wrong answers more than the last exit's among them, ``cut`` their thresholds."""

    order: np.ndarray
    ends: np.ndarray
    loss: np.ndarray
    cut: np.ndarray


def _steps(ranked: Ranked, index: np.ndarray, gain: np.ndarray) -> _Steps:
    order = index[np.argsort(-ranked.sure[index], kind="stable")]
    sure = ranked.sure[order]
    ends = np.flatnonzero(np.append(sure[1:] != sure[:-1], True)) if len(sure) else np.array([], np.int64)
    return _Steps(order, ends, -np.cumsum(gain[order])[ends], sure[ends])


def _allowed(ranked: Ranked, present: np.ndarray, gain: np.ndarray, budget: float) -> np.ndarray:
    """The lowest cuts at which the samples ``present`` may leave with a loss (wrong answers more than the last exit's) within ``budget``.

    With one threshold that is found exactly. With one a class there are two ways to begin, and what lets more go wins: the best common
    threshold; and a price for each wrong answer, at which each class takes the cut that is worth most (Lagrange), the lowest price that
    keeps within the budget being searched for. Then classes go on one by one as far as the rest of the budget lets them.
    """
    groups = [_steps(ranked, np.flatnonzero(present & (ranked.group == group)), gain) for group in range(ranked.groups)]
    if ranked.groups == 1:
        return _cuts(ranked, groups, _go_on(groups, [-1], budget))
    common = _allowed(replace(ranked, group=np.zeros_like(ranked.group), groups=1), present, gain, budget)[0]
    begun = [[int(np.count_nonzero(steps.cut >= common)) - 1 for steps in groups], _at_a_price(groups, budget)]
    tried = [_cuts(ranked, groups, _go_on(groups, chosen, budget)) for chosen in begun]
    return max(tried, key=lambda cuts: int((present & ranked.leaves(cuts)).sum()))


def _cuts(ranked: Ranked, groups: Sequence[_Steps], chosen: Sequence[int]) -> np.ndarray:
    """The cuts of the chosen steps, -1 being none."""
    cuts = ranked.out_of_reach()
    for group, (steps, at) in enumerate(zip(groups, chosen, strict=True)):
        if at >= 0:
            cuts[group] = steps.cut[at]
    return cuts


def _loss(groups: Sequence[_Steps], chosen: Sequence[int]) -> int:
    return sum(int(steps.loss[at]) for steps, at in zip(groups, chosen, strict=True) if at >= 0)


def _go_on(groups: Sequence[_Steps], chosen: list[int], budget: float) -> list[int]:
    """Each class in turn takes its lowest cut that the budget still allows."""
    for group, steps in enumerate(groups):
        others = _loss(groups, chosen) - (int(steps.loss[chosen[group]]) if chosen[group] >= 0 else 0)
        good = np.flatnonzero(others + steps.loss <= budget + 1e-9)
        if len(good):
            chosen[group] = max(chosen[group], int(good[-1]))
    return chosen


def _at_a_price(groups: Sequence[_Steps], budget: float) -> list[int]:
    """What each class takes at the lowest price of a wrong answer that keeps within the budget; nothing where none does."""
    chosen, low, high = [-1] * len(groups), 0.0, 1.0
    while high < 2.0**HALVINGS and _loss(groups, [_worth_most(steps, high) for steps in groups]) > budget + 1e-9:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        price = (low + high) / 2
        tried = [_worth_most(steps, price) for steps in groups]
        if _loss(groups, tried) <= budget + 1e-9:
            chosen, high = tried, price
        else:
            low = price
    return chosen


def _worth_most(steps: _Steps, price: float) -> int:
    """The prefix with the most samples, less ``price`` for each wrong answer; -1 for none at all."""
    if not len(steps.ends):
        return -1
    worth = steps.ends + 1 - price * steps.loss
    best = len(worth) - 1 - int(np.argmax(worth[::-1]))
    return best if worth[best] > 0 else -1


def by_loss(ranked: Sequence[Ranked | None], last_right: np.ndarray, allowed: float) -> list[np.ndarray | None]:
    """Cuts that run the fewest stages a sample while accuracy stays within ``allowed`` of the last exit alone.

    Wrong answers are one budget that exits spend on letting samples go. Given how it is dealt out, each exit in turn has one
    best cut, found by a sweep over its sorted scores; so it is enough to try every way of dealing the budget out in
    PARTS parts. What one exit leaves unspent (or earns, where it is right and the last exit wrong: overthinking) goes to the
    next.
    """
    total = allowed * len(last_right)
    live = [k for k, item in enumerate(ranked) if item is not None]
    best: tuple[int, list[np.ndarray | None]] = (0, [None] * len(ranked))
    if not live:
        return best[1]
    parts = PARTS if len(live) <= 3 else max(2, round(2000 ** (1 / (len(live) - 1))))
    for shares in itertools.combinations_with_replacement(range(parts + 1), len(live) - 1):
        cuts: list[np.ndarray | None] = [None] * len(ranked)
        present = np.ones(len(last_right), bool)
        spent = saved = 0
        for k, share in zip(live, (*shares, parts), strict=True):
            item = ranked[k]
            assert item is not None
            gain = item.right.astype(np.int64) - last_right
            cuts[k] = found = _allowed(item, present, gain, total * share / parts - spent)
            leave = present & item.leaves(found)
            spent -= int(gain[leave].sum())
            present &= ~leave
            saved += int(leave.sum()) * (len(ranked) - k)
        if saved > best[0]:
            best = (saved, cuts)
    return best[1]


def by_shares(ranked: Sequence[Ranked | None], shares: Sequence[float]) -> list[np.ndarray | None]:
    """Cuts at which the share of all samples that leaves at each exit is nearest to the one wanted; with a threshold for each class, they
    start from the same one."""
    cuts: list[np.ndarray | None] = []
    present: np.ndarray | None = None
    for item, share in zip(ranked, shares, strict=True):
        if item is None:
            cuts.append(None)
            continue
        present = np.ones(len(item.sure), bool) if present is None else present
        wanted = share * len(item.sure)
        values = np.unique(item.sure[present])
        counts = np.array([int((item.sure[present] >= value).sum()) for value in values])
        if not len(values) or wanted < np.abs(counts - wanted).min():
            cuts.append(None)
            continue
        found = np.full(item.groups, int(values[np.argmin(np.abs(counts - wanted))]), np.int64)
        cuts.append(found)
        present = present & ~item.leaves(found)
    return cuts
