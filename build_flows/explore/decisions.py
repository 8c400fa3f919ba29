"""What a layout with a policy makes of validation images, by the integers that its exits gave: thresholds, accuracy and shares.

One part of the images selects; the other is looked at once, for designs that were chosen (:func:`harm_bound`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from build_flows.explore.answers import Answers
from quant_models.exits.calibrate import calibrate
from quant_models.exits.deciding import ExitLogits, apply
from quant_models.exits.fidelity import EPSILON
from quant_models.exits.promise import upper_bound

__all__ = ["Decided", "Parted", "Scoring", "decided", "harm_bound", "parted"]


@dataclass(frozen=True, kw_only=True)
class Parted:
    """Places of the validation images that ``select``, and of those that ``certify``."""

    select: npt.NDArray[np.int64]
    certify: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """What the constants of softmax and entropy follow from beside the answers: ``epsilon`` as in ``calibrate.epsilon``, and ``bits``, the
    width of each exit's logits where heads are exchangeable (None: constants are chosen for each head)."""

    epsilon: float = EPSILON
    bits: tuple[int, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class Decided:
    """The real ``thresholds`` of early exits (None: lets none go); of the images that select the ``right`` answers, and how many leave at
    each exit (``leave``, the last one included)."""

    thresholds: tuple[float | None, ...]
    right: int
    leave: tuple[int, ...]

    @property
    def samples(self) -> int:
        """Images that select."""
        return sum(self.leave)

    @property
    def shares(self) -> tuple[float, ...]:
        """By exit, the share of samples that leaves there."""
        return tuple(count / self.samples for count in self.leave)

    @property
    def hard_share(self) -> tuple[float, ...]:
        """By early exit, the share of the samples that reach it that it passes on; 1 where none does."""
        reach, found = self.samples, []
        for count in self.leave[:-1]:
            found.append((reach - count) / reach if reach else 1.0)
            reach -= count
        return tuple(found)

    def planned(self, confidence: float) -> tuple[float, ...]:
        """By early exit, the share of the samples that reach it to plan for that it passes on: of new samples no more than are planned for
        go past each exit, with ``confidence`` (0 to 1, both excluded) for that exit alone (Clopper and Pearson)."""
        before, reach, found = 1.0, self.samples, []
        for count in self.leave[:-1]:
            reach -= count
            bound = upper_bound(reach, self.samples, confidence)
            found.append(bound / before)
            before = bound
        return tuple(found)


def parted(samples: int, seed: int) -> Parted:
    """``samples`` validation images, half and half, at random."""
    order = np.random.default_rng([seed, 3]).permutation(samples)
    return Parted(select=np.sort(order[: samples - samples // 2]), certify=np.sort(order[samples - samples // 2 :]))


def decided(answers: Answers, exits: Sequence[int], policy: str, loss: float, seed: int, scoring: Scoring) -> Decided:
    """What the early ``exits`` of the network and its last one decide by ``policy``, thresholds losing at most ``loss`` points of accuracy
    against the last one alone, of the images that select."""
    where = parted(len(answers.labels), seed).select
    logits = _logits(answers, exits, policy, where, scoring)
    found = calibrate(logits, answers.labels[where], accuracy_loss=loss / 100, epsilon=scoring.epsilon)
    label, taken = apply(found.exits, [item.logits for item in logits])
    real = found.calibration.real_thresholds
    used = [entry.enabled and str(k) in real and bool((taken == k).any()) for k, entry in enumerate(found.exits[:-1])]
    thresholds = tuple(float(real[str(k)]) if use else None for k, use in enumerate(used))  # type: ignore[arg-type]
    return Decided(
        thresholds=thresholds, right=int((label == answers.labels[where]).sum()),
        leave=tuple(int((taken == k).sum()) for k in range(len(logits))),
    )


def harm_bound(
    answers: Answers, exits: Sequence[int], policy: str, thresholds: Sequence[float], seed: int, scoring: Scoring, confidence: float,
) -> float:
    """The upper bound, at ``confidence`` (0 to 1, both excluded), of the share of new samples that these ``thresholds`` harm: that the last
    exit has right and they have wrong. It is the most accuracy that they can cost. Of the images that certify (Clopper and Pearson)."""
    where = parted(len(answers.labels), seed).certify
    logits = _logits(answers, exits, policy, where, scoring)
    found = calibrate(logits, answers.labels[where], thresholds=list(thresholds), epsilon=scoring.epsilon)
    label, _ = apply(found.exits, [item.logits for item in logits])
    last = logits[-1].logits.argmax(1) == answers.labels[where]
    return upper_bound(int((last & (label != answers.labels[where])).sum()), len(where), confidence)


def _logits(answers: Answers, exits: Sequence[int], policy: str, where: npt.NDArray[np.int64], scoring: Scoring) -> list[ExitLogits]:
    last = len(answers.logits) - 1
    return [
        ExitLogits(
            policy=policy if k < last else "always", logits=answers.logits[k][where].astype(np.int64), scale=answers.scales[k],
            fixed_bits=None if scoring.bits is None else scoring.bits[k],
        )
        for k in (*exits, last)
    ]
