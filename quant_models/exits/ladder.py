"""Ladders of thresholds: rungs, each one vector of cuts over all exits, from strict to loose, made without a look at the samples that
decide how far down one may go (:mod:`quant_models.exits.promise`)."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quant_models.exits.exit_search import Ranked, common
from quant_models.exits.goals import Cuts, WithinLoss
from quant_models.exits.joint_search import search_each
from quant_models.exits.price import Price

__all__ = ["CELLS", "LEVELS", "Ladder", "harmful", "harmless", "of_quantiles", "of_search"]

Ladder = list[Cuts]
"""Rungs, the strictest first."""

LEVELS = tuple((level + 1) / 50 for level in range(50))
"""The shares of training samples that may leave at a rung's cuts."""

SHARES = (0.25, 0.5, 0.75, 0.9)
"""What the first rungs of a search let go of the samples that leave without harm: that none of so few was harmed says little of others, of
thresholds by class in particular."""

PER_CLASS = 400
"""Samples for each class that a search needs for thresholds by class. With fewer they fit these samples and not others: of Fashion-MNIST,
with 166, less left at what was allowed than at one threshold for all classes, with 400 as much."""

BUDGETS = 16
"""Rungs with harm, at most."""

CELLS = 2**14
"""Combinations of cuts looked at; then cuts move one by one."""


def harmless(item: Ranked, last_right: np.ndarray) -> Ranked:
    """``item`` with the answers for right that do no harm: those that are right, and those where the last exit (bool ``[n]``) is wrong
    too."""
    return replace(item, right=item.right | ~np.asarray(last_right, bool))


def of_quantiles(trained: Sequence[Ranked | None]) -> Ladder:
    """Rungs at which each exit lets the same share of its training samples ``trained`` go (:data:`LEVELS`; never more, where scores are
    equal), were all to reach it; classes share the cut. Rungs that are all the same are one."""
    sure = [None if item is None else np.sort(item.sure)[::-1] for item in trained]
    if all(values is None for values in sure):
        return []
    rungs: Ladder = []
    known: set[tuple[int, ...]] = set()
    for level in LEVELS:
        found = [None if values is None else _at_most(values, level) for values in sure]
        key = tuple(cut for cut in found if cut is not None)
        if key not in known:
            known.add(key)
            rungs.append([
                None if item is None or cut is None else np.full(item.groups, cut, np.int64)
                for item, cut in zip(trained, found, strict=True)
            ])
    return rungs


def _at_most(values: np.ndarray, level: float) -> int:
    """The lowest cut that lets at most the share ``level`` of ``values`` (surest first) go."""
    count = math.floor(level * len(values) + 1e-9)
    if count == len(values):
        return int(values[-1])
    # The first one that must stay: whoever is as sure as that one stays too.
    return int(values[count]) + 1


def of_search(ranked: Sequence[Ranked | None], allowed: float, cells: int = CELLS) -> Ladder:
    """Rungs that are the best cuts of all exits together on the samples ``ranked`` (of :func:`harmless`): the fewest stages a sample with
    at most so much harm among them, from none up to half as much again as ``allowed`` (0 to 1); before these, parts of what leaves without
    any (:data:`SHARES`). Classes share the cut where there are fewer than :data:`PER_CLASS` samples for each.
    """
    live = [item for item in ranked if item is not None]
    if not live:
        return []
    samples = len(live[0].sure)
    most = min(samples, math.ceil(1.5 * allowed * samples) + 1)
    budgets = np.unique(np.linspace(0, most, min(most, BUDGETS) + 1).round().astype(np.int64))
    price = Price.stages(len(ranked) + 1)
    goals = [WithinLoss(price, samples - int(budget)) for budget in budgets]
    shared = [item if item is None or samples >= PER_CLASS * item.groups else common(item) for item in ranked]
    rungs = [cuts for cuts in search_each(shared, np.ones(samples, bool), goals, cells) if cuts is not None]
    return [
        [None if item is None or cut is None else np.broadcast_to(cut, item.groups).copy() for item, cut in zip(ranked, rung, strict=True)]
        for rung in (*(_part(shared, rungs[0], share) for share in SHARES), *rungs)
    ]


def _part(ranked: Sequence[Ranked | None], cuts: Cuts, share: float) -> Cuts:
    """Cuts at which, of the samples that leave at ``cuts`` at each exit and class, the surest leave: this ``share``."""
    present = np.ones(next(len(item.sure) for item in ranked if item is not None), bool)
    found: Cuts = []
    for item, cut in zip(ranked, cuts, strict=True):
        if item is None or cut is None:
            found.append(None)
            continue
        gone = present & item.leaves(cut)
        own = item.out_of_reach()
        for group in np.unique(item.group[gone]):
            sure = np.sort(item.sure[gone & (item.group == group)])[::-1]
            own[group] = max(int(cut[group]), int(sure[math.ceil(share * len(sure)) - 1]))
        found.append(own)
        present &= ~gone
    return found


def harmful(ranked: Sequence[Ranked | None], rungs: Ladder) -> np.ndarray:
    """bool ``[rungs, samples]``: whether a sample leaves where that harms it, ``ranked`` being of :func:`harmless`. Every exit that takes
    part has cuts on every rung."""
    samples = next((len(item.sure) for item in ranked if item is not None), 0)
    harm = np.zeros((len(rungs), samples), bool)
    present = np.ones_like(harm)
    for k, item in enumerate(ranked):
        if item is None:
            continue
        cuts = np.stack([own for own in (rung[k] for rung in rungs) if own is not None])
        gone = present & (item.sure >= cuts[:, item.group])
        harm |= gone & ~item.right
        present &= ~gone
    return harm
