"""Searches for thresholds: which samples may leave at which exit, given how sure each exit is of each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Ranked", "by_shares", "common"]


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

    def of(self, index: np.ndarray) -> "Ranked":
        """The samples ``index`` (int64) of it."""
        return replace(self, sure=self.sure[index], right=self.right[index], group=self.group[index])

    def leaves(self, cuts: np.ndarray) -> np.ndarray:
        """bool ``[n]``."""
        found: np.ndarray = self.sure >= cuts[self.group]
        return found


def common(item: Ranked) -> Ranked:
    """``item`` with one threshold for all its samples."""
    return replace(item, group=np.zeros_like(item.group), groups=1)


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
