"""The integers that a layer computes with, where they are known: what a static body is made of."""

import hashlib
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Constants"]

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Constants:
    """``weights`` ``[outputs, rows, columns, channels]`` and ``thresholds`` ``[outputs, steps]`` (None: the sums are the output), those
    that no sum reaches drawn in to the nearest that decides the same; ``out_min`` is what a sum is that reaches none. Equal where
    ``digest``, a hash of all, is."""

    digest: str
    weights: IntArray = field(compare=False, repr=False)
    thresholds: IntArray | None = field(compare=False, repr=False)
    out_min: int = 0

    @classmethod
    def of(cls, weights: IntArray, thresholds: IntArray | None, out_min: int) -> "Constants":
        """These with their digest."""
        hashed = hashlib.sha256(f"{out_min}".encode())
        for array in (weights, thresholds):
            if array is not None:
                hashed.update(f"{array.shape}".encode() + np.ascontiguousarray(array, dtype=np.int64).tobytes())
        return cls(hashed.hexdigest(), weights, thresholds, out_min)
