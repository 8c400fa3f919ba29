"""What classification gives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Results"]


@dataclass(frozen=True, eq=False)
class Results:
    """One result an image, in the order of the images; all int64 ``[n]``.

    ``label`` is the class, ``exit`` the exit at which the image left, ``confidence`` the score of that exit's policy (the greatest logit
    for ``max_logit`` and ``always``; docs/accelerator.md, Results out), ``cycles`` the clock cycles from the image's first word to its
    result, waiting inside included; None where the accelerator's results have 32 bits and no room for it.
    """

    label: npt.NDArray[np.int64]
    exit: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.int64]
    cycles: npt.NDArray[np.int64] | None

    def __len__(self) -> int:
        return len(self.label)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} at exit {k}" for k, count in enumerate(np.bincount(self.exit.astype(np.intp))) if count)
        return f"Results({len(self)} images{': ' if counts else ''}{counts})"
