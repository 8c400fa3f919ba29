"""Promises about accuracy that hold for new samples, with the confidence that was asked for.

*Harm* of a sample: the last exit is right, and the answer given is wrong. Its mean is at least the accuracy that exits lose against the
last exit alone. Thresholds come from a ladder (:mod:`quant_models.exits.ladder`) that was fixed before the samples of ``proof`` were looked
at, strict rungs first; how far down it one may go is decided here, by the harm counted on ``proof``:

- with *confidence*: rungs are accepted while the upper bound of the harm (Clopper and Pearson, 1934) is within what is allowed, up to the
  first that is not (Learn then Test by fixed sequence testing: Angelopoulos, Bates, Candès, Jordan, Lei, 2021). The chance that a rung with
  more harm than allowed is accepted is that of the first such rung passing its own test, whatever the number of exits and rungs;
- *on average*, where ``proof`` is too small for that: the harm is made monotone (of each sample the greatest up to that rung), and rungs
  are accepted while (H + 1) / (m + 1) is within what is allowed (conformal risk control: Angelopoulos, Bates, Fisch, Lei, Schuster, 2022).
  Over all draws of ``proof`` the mean harm is then within it; of a single one it may be more.

Both want samples that are independent draws of what comes later: windows that overlap, or one user's samples, are not.
"""

import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from scipy.special import betaincinv
from scipy.stats import binom

from quant_models.errors import QuantModelError

__all__ = [
    "LARGEST_SEARCH", "Division", "Promise", "Proven", "TooFew", "divide", "halve", "most_harms", "needed", "on_average", "parted",
    "seen_by_training", "upper_bound", "walk",
]

Promise: TypeAlias = Literal["confidence", "average", "none"]

LARGEST_SEARCH = 4000
"""More samples find no better thresholds, but prove more."""

PLENTY = 4
"""With so many times the samples that a proof needs at least, thresholds are searched for on a part of them."""


class TooFew(QuantModelError):
    """There are too few samples for any promise: ``samples``, of which ``average`` would do for one on average, ``confident`` for one with
    confidence (None: no number would)."""

    def __init__(self, samples: int, average: int | None, confident: int | None) -> None:
        self.samples, self.average, self.confident = samples, average, confident
        wanted = "no number would do" if average is None else f"at least {average} are needed"
        super().__init__(f"{samples} samples are too few for the promise: {wanted}")


@dataclass(frozen=True, kw_only=True)
class Division:
    """How the samples of a validation split are used: so many to ``search`` thresholds, so many as ``proof``, for which ``promise``. With
    ``joint`` the ladder is searched for on the former, else it is made of scores on training samples."""

    search: int
    proof: int
    promise: Promise
    joint: bool


@dataclass(frozen=True, kw_only=True)
class Proven:
    """The ``rung`` that was accepted last, from 0 (-1: none), with its ``harms`` on the proof and the ``bound``, 0 to 1, under which the
    mean harm of new samples is, with the confidence asked for. The bound is that of the most harms with which a rung would have been
    accepted: it holds for the rung that was chosen by these samples, which that of its own harms would not."""

    rung: int
    harms: int
    bound: float


def upper_bound(harms: int, samples: int, confidence: float) -> float:
    """The one-sided upper bound of Clopper and Pearson, Beta^-1(``confidence``; H + 1, m - H), of a mean of which ``harms`` were seen in
    ``samples`` (at least 1) independent draws, 0 to 1."""
    return 1.0 if harms >= samples else float(betaincinv(harms + 1, samples - harms, confidence))


def needed(allowed: float, confidence: float) -> int | None:
    """The least number of samples, all without harm, that show at ``confidence`` (0 to 1, both excluded) that the mean harm is within
    ``allowed``: ln(1 - confidence) / ln(1 - allowed); None when no number does, for an ``allowed`` of 0."""
    if allowed <= 0:
        return None
    return 1 if allowed >= 1 else max(1, math.ceil(math.log1p(-confidence) / math.log1p(-allowed) - 1e-9))


def most_harms(samples: int, allowed: float, confidence: float) -> int:
    """The most harms in ``samples`` with which :func:`upper_bound` is within ``allowed``; -1 when there are too few samples."""
    if allowed >= 1:
        return samples
    # The bound is within it exactly when so few harms would be as rare as 1 - confidence at a mean of what is allowed.
    counts = np.arange(samples)
    return int(np.count_nonzero(binom.cdf(counts, samples, allowed) <= (1 - confidence) * (1 + 1e-9))) - 1


def on_average(samples: int, allowed: float) -> int:
    """The most harms H in ``samples`` with which (H + 1) / (m + 1) is within ``allowed``; -1 when there are too few samples."""
    return min(samples, math.floor(allowed * (samples + 1) + 1e-9) - 1)


def divide(samples: int, allowed: float, confidence: float) -> Division:
    """How ``samples`` of a validation split are used to lose at most ``allowed``, 0 to 1.

    n_min of :func:`needed` counts samples of the proof, m. With n >= 4 n_min a third searches, at most :data:`LARGEST_SEARCH`, so that m is
    at least 2.6 n_min; with fewer a sixth, and m >= n_min decides whether the promise has a confidence. Below that it is one on average,
    which takes m + 1 >= 1 / ``allowed``. Raises :class:`TooFew` for fewer still.
    """
    least = needed(allowed, confidence)
    if least is not None and samples >= PLENTY * least:
        search = min(samples // 3, LARGEST_SEARCH)
        return Division(search=search, proof=samples - search, promise="confidence", joint=True)
    search = _sixth(samples)
    proof = samples - search
    if least is not None and proof >= least:
        return Division(search=search, proof=proof, promise="confidence", joint=False)
    if on_average(proof, allowed) < 0:
        raise TooFew(samples, _with_a_sixth(math.ceil(1 / allowed - 1e-9) - 1 if allowed > 0 else None), _with_a_sixth(least))
    return Division(search=search, proof=proof, promise="average", joint=False)


def halve(samples: int) -> Division:
    """How ``samples`` are used where thresholds follow from something else than a loss: half of them (at most :data:`LARGEST_SEARCH`) find
    them, the others bound the harm, and nothing is promised."""
    search = max(1, min(samples // 2, LARGEST_SEARCH))
    return Division(search=search, proof=samples - search, promise="none", joint=False)


def parted(samples: int, seed: int) -> np.ndarray:
    """Places of ``samples`` in an order drawn by ``seed``, int64 ``[samples]``: those that search come first, whatever their number. So the
    first sixth, which is all that training may look at (early stopping), is never part of a proof."""
    # Another stream than that of the validation split itself.
    return np.random.default_rng([seed, 1]).permutation(samples)


def seen_by_training(samples: int) -> int:
    """How many of :func:`parted` training may look at: as many as search in any case."""
    return _sixth(samples)


def walk(harm: np.ndarray, allowed: float, confidence: float, promise: Promise) -> Proven:
    """How far down a ladder one may go: ``harm``, bool ``[rungs, samples]``, says which samples of the proof each rung harms.

    With the promise ``none`` there is one rung, the thresholds as they are, and nothing to choose: the bound is that of its own harms.
    """
    samples = harm.shape[1]
    if promise == "none":
        [harms] = (int(count) for count in harm.sum(1))
        return Proven(rung=0, harms=harms, bound=upper_bound(harms, samples, confidence) if samples else 1.0)
    if promise == "average":
        harm = np.logical_or.accumulate(harm, axis=0)
    most = most_harms(samples, allowed, confidence) if promise == "confidence" else on_average(samples, allowed)
    counts = harm.sum(1)
    failed = np.flatnonzero(counts > most)
    rung = (int(failed[0]) if len(failed) else len(counts)) - 1
    if rung < 0:
        return Proven(rung=-1, harms=0, bound=0.0)
    return Proven(rung=rung, harms=int(counts[rung]), bound=upper_bound(most, samples, confidence))


def _sixth(samples: int) -> int:
    return max(1, min(samples // 6, LARGEST_SEARCH))


def _with_a_sixth(proof: int | None) -> int | None:
    """The least number of samples of which so many are left when a sixth was taken."""
    if proof is None:
        return None
    found = max(2, proof)
    while found - _sixth(found) < proof:
        found += 1
    return found
