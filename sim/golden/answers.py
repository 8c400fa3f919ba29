"""What every exit says of every sample, for accelerators whose exits all answer (Laskaridis et al. 2021, anytime inference)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.golden.decision import scores
from sim.golden.exits import Exit

__all__ = ["Answers", "answers"]


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Per sample and exit ``[n, exits]``: the class and the policy's score (not yet saturated), int64, whether the sample gets there or
    not; which exits answer says :func:`sim.golden.decide`: those up to the one that the sample takes."""

    label: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.int64]


def answers(
    logits: Sequence[npt.NDArray[np.int64]], exits: Sequence[Exit], gates: Mapping[int, npt.NDArray[np.int64]] | None = None
) -> Answers:
    """Class and score of every sample at every exit; arguments and errors are those of :func:`sim.golden.decide`."""
    found = list(scores(logits, exits, gates))
    return Answers(label=np.stack([values.argmax(axis=1) for values in logits], axis=1).astype(np.int64),
                   confidence=np.stack([score.confidence for score in found], axis=1).astype(np.int64))
