"""The choices of a layer as arrays, so that all of them are priced at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from build_flows.planning.fold_choices import Choice, Vector

__all__ = ["FAR", "Ints", "Table", "first_least", "integers"]

Ints = npt.NDArray[np.int64]
"""Whole numbers; of any size (dtype object) where 64 bits are too few."""

FAR = 1 << 48
"""More than any price in 64 bits: what cannot be folded costs so much."""


@dataclass(frozen=True)
class Table:
    """Choices of a layer, ordered by widths in and out, how many layers they are of, and key; those that are alike in all but the key are a
    group. Of choices ``costs`` ``[choices, resources]`` and ``ranks``, the places of their keys in order; of groups where they begin
    (``starts``, ``sizes``), ``outs``, the widths and layers that they end with, and ``ins``, the place of the width they begin with among
    ``widths``, rising, each of which begins at group ``firsts``."""

    choices: tuple[Choice, ...]
    costs: Ints
    ranks: Ints
    starts: Ints
    sizes: Ints
    outs: tuple[tuple[int, int], ...]
    ins: Ints
    widths: tuple[int, ...]
    firsts: Ints

    @classmethod
    def of(cls, choices: Sequence[Choice]) -> "Table":
        """Of at least one choice."""
        ordered = sorted(choices, key=lambda item: (item.in_bits, item.out_bits, len(item.folds), item.key))
        alike = [(item.in_bits, item.out_bits, len(item.folds)) for item in ordered]
        groups = list(dict.fromkeys(alike))
        widths = tuple(dict.fromkeys(group[0] for group in groups))
        by_key = sorted(range(len(ordered)), key=lambda at: ordered[at].key)
        ranks = np.empty(len(ordered), np.int64)
        ranks[by_key] = np.arange(len(ordered))
        starts = np.array([alike.index(group) for group in groups])
        ins = np.array([widths.index(group[0]) for group in groups])
        return cls(
            choices=tuple(ordered), costs=np.array([item.cost for item in ordered], np.int64), ranks=ranks, starts=starts,
            sizes=np.diff(np.append(starts, len(ordered))), outs=tuple((group[1], group[2]) for group in groups), ins=ins, widths=widths,
            firsts=np.searchsorted(ins, np.arange(len(widths))),
        )

    def cheapest(self, weights: Ints) -> tuple[Ints, Ints]:
        """Of each group the cheapest choice: its price, and its place; of equally cheap ones the one with the lowest key."""
        prices = self.costs @ weights
        least = np.minimum.reduceat(prices, self.starts)
        found = np.flatnonzero(prices == np.repeat(least, self.sizes))
        return least, found[np.searchsorted(found, self.starts)]


def first_least(prices: Ints, ranks: Ints) -> Ints:
    """Along the last axis the place of the least price; of equal ones the one with the lowest rank, from 0 to 2**14."""
    found: Ints = (prices * (1 << 14) + ranks).argmin(axis=-1)
    return found


def integers(weights: Vector, most: Ints) -> Ints:
    """``weights`` as an array in which sums of up to ``most`` of each resource have room."""
    bound = sum(int(count) * weight for count, weight in zip(most, weights, strict=True))
    return np.array(weights, np.int64 if bound < FAR // 4 else object)
