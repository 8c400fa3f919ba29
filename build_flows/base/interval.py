"""How sure figures over a set of samples are: 95 % intervals of shares, and of the difference between two shares.

All suppose samples that are drawn independently of each other, such as the images of a test set; windows that overlap, or many samples of
one person, tell less than their number.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["CONFIDENCE", "Difference", "independent", "of_those", "paired", "paired_counts", "wilson"]

CONFIDENCE = 0.95
_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)

Pair = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One share less another, and the interval from ``low`` to ``high``; ``paired``: both are of the same samples, one by one."""

    value: float
    low: float
    high: float
    paired: bool

    @property
    def certain(self) -> bool:
        """Whether the interval leaves out 0: which of the two is the greater."""
        return self.low > 0 or self.high < 0


def wilson(share: float, count: int) -> Pair:
    """The interval of the true share (0 to 1) where ``share`` of ``count`` samples have it (Wilson 1927, the score interval). None of none
    tells nothing: (0, 1)."""
    if count == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    found = binomtest(_whole(share, count), count).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def of_those(value: float | None, share: float, samples: int) -> Pair | None:
    """The interval of ``value`` among those that are the ``share`` of ``samples``, such as the accuracy of those that leave at an exit;
    None where there is no value."""
    return None if value is None else wilson(value, round(share * samples))


def independent(a: float, a_count: int, b: float, b_count: int) -> Difference:
    """Share ``a`` of ``a_count`` samples less share ``b`` of ``b_count`` other ones (Newcombe 1998, method 10: from both Wilson
    intervals). For the same samples it is too wide."""
    (a_low, a_high), (b_low, b_high) = wilson(a, a_count), wilson(b, b_count)
    low, high = math.hypot(a - a_low, b_high - b), math.hypot(a_high - a, b - b_low)
    return Difference(value=a - b, low=a - b - low, high=a - b + high, paired=False)


def paired(a: "npt.NDArray[np.bool_]", b: "npt.NDArray[np.bool_]") -> Difference:
    """The share of samples that are right in ``a`` less that in ``b``, both bool of shape (samples,), of the same samples in one order.

    Only samples on which the two differ tell them apart (McNemar 1947). The interval is that of Bonett and Price (2012): Wald's, with one
    more sample on each side of those that differ, so that it also holds where they hardly ever do. Raises ValueError for arrays of
    different length or none.
    """
    count = len(a)
    if count != len(b) or not count:
        raise ValueError(f"both must be of the same samples, at least one, not of {count} and {len(b)}")
    return paired_counts(int((a & ~b).sum()), int((b & ~a).sum()), count)


def paired_counts(gained: int, lost: int, count: int) -> Difference:
    """:func:`paired` where of ``count`` samples ``gained`` are right in the first alone, ``lost`` in the second alone."""
    more, less = (gained + 1) / (count + 2), (lost + 1) / (count + 2)
    middle, half = more - less, _Z * math.sqrt((more + less - (more - less) ** 2) / (count + 2))
    return Difference(value=(gained - lost) / count, low=max(-1.0, middle - half), high=min(1.0, middle + half), paired=True)


def _whole(share: float, count: int) -> int:
    """How many samples a share is; it must be one of whole samples."""
    found = round(share * count)
    if not 0 <= found <= count:
        raise ValueError(f"share must be from 0 to 1, not {share:g}")
    return found
