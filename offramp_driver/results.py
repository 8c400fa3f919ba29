"""What classification gives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from offramp_driver.answers import PREFIX

__all__ = ["Answers", "Result", "Results"]

Values = npt.NDArray[np.int64]


class Result(NamedTuple):
    """The result of one image; see :class:`Results`."""

    label: int
    exit: int
    confidence: int
    cycles: int | None


@dataclass(frozen=True, eq=False)
class Answers:
    """What every exit said of every image, int64 ``[n, exits]``, of a network whose exits all answer.

    An image has an answer of each exit up to the one at which it left; beyond it ``label`` is -1, and ``confidence`` and ``cycles`` are 0.
    ``cycles`` is None where results have 32 bits.
    """

    label: Values
    confidence: Values
    cycles: Values | None


@dataclass(frozen=True, eq=False)
class Results:
    """One result an image, in the order of the images; all int64 ``[n]``.

    ``label`` is the class, ``exit`` the exit at which the image left, ``confidence`` the score of that exit's policy (the greatest logit
    for ``max_logit`` and ``always``; docs/accelerator.md, Results out), ``cycles`` the clock cycles from the image's first word to its
    result, waiting inside included; None where the accelerator's results have 32 bits and no room for it. ``answers`` are those of all
    exits, None where only the one answers at which an image leaves (``build.mode`` is not ``"anytime"``).
    """

    label: Values
    exit: Values
    confidence: Values
    cycles: Values | None
    answers: Answers | None = None

    @classmethod
    def of(cls, found: Mapping[str, Values]) -> Results:
        """The results in the columns of :class:`offramp_driver.packing.Unpacking`."""
        answers = None
        if PREFIX + "label" in found:
            answers = Answers(found[PREFIX + "label"], found[PREFIX + "confidence"], found.get(PREFIX + "cycles"))
        return cls(found["label"], found["exit"], found["confidence"], found.get("cycles"), answers)

    def __len__(self) -> int:
        return len(self.label)

    def __iter__(self) -> Iterator[Result]:
        cycles = [None] * len(self) if self.cycles is None else self.cycles.tolist()
        return map(Result, self.label.tolist(), self.exit.tolist(), self.confidence.tolist(), cycles)

    def __repr__(self) -> str:
        counts = ", ".join(f"{count} at exit {k}" for k, count in enumerate(np.bincount(self.exit.astype(np.intp))) if count)
        return f"Results({len(self)} images{': ' if counts else ''}{counts})"
