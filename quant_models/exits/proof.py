"""Cuts with what may be promised of them: a ladder made of some samples, tested on others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quant_models.errors import QuantModelError
from quant_models.exits.exit_search import Ranked
from quant_models.exits.goals import Cuts
from quant_models.exits.ladder import harmful, harmless, of_quantiles, of_search
from quant_models.exits.promise import Division, Promise, walk

__all__ = ["Found", "Proof", "bounded", "promised"]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Which samples find thresholds and which prove (``division``: the first of ``order``, int64 ``[n]``, and the others), at which
    ``confidence`` (0 to 1, both excluded)."""

    division: Division
    order: np.ndarray
    confidence: float

    @property
    def search(self) -> np.ndarray:
        """Places of the samples that find thresholds."""
        return self.order[: self.division.search]

    @property
    def proof(self) -> np.ndarray:
        """Places of those that prove."""
        return self.order[self.division.search :]


@dataclass(frozen=True, kw_only=True)
class Found:
    """``cuts`` of the early exits (None: the test allows none of them to let any sample go), with the ``promise``, the number of samples of
    the proof, the ``harms`` among them and the ``bound`` of :class:`quant_models.exits.promise.Proven`."""

    cuts: Cuts | None
    promise: Promise
    proof_samples: int
    harms: int
    bound: float


def promised(
    ranked: Sequence[Ranked | None], last_right: np.ndarray, allowed: float, proof: Proof, trained: Sequence[Ranked | None] | None
) -> Found:
    """The rung of the ladder down to which the samples of the proof let one go, at a loss of ``allowed`` (0 to 1).

    ``ranked`` are the early exits over all samples (None: takes no part), ``last_right`` (bool ``[n]``) says where the last exit is right.
    ``trained`` are the early exits over samples that the network was trained on, of which the ladder is made where the division is not
    joint; only their sureness counts. Raises :class:`QuantModelError` where they are wanted and missing.
    """
    safe = [None if item is None else harmless(item, last_right) for item in ranked]
    if proof.division.joint:
        ladder = of_search(_of(safe, proof.search), allowed)
    elif trained is None:
        raise QuantModelError("with so few samples the ladder is made of scores on training samples, and there are none")
    else:
        ladder = of_quantiles(trained)
    promise, samples = proof.division.promise, len(proof.proof)
    if not ladder:
        # There is no exit to let samples go, and so no harm.
        return Found(cuts=[None] * len(ranked), promise=promise, proof_samples=samples, harms=0, bound=0.0)
    proven = walk(harmful(_of(safe, proof.proof), ladder), allowed, proof.confidence, promise)
    cuts = ladder[proven.rung] if proven.rung >= 0 else None
    return Found(cuts=cuts, promise=promise, proof_samples=samples, harms=proven.harms, bound=proven.bound)


def bounded(ranked: Sequence[Ranked | None], last_right: np.ndarray, cuts: Cuts, proof: Proof) -> Found:
    """What the samples of the proof say of ``cuts`` that they did not choose; otherwise as :func:`promised`. Every exit that takes part has
    cuts."""
    safe = [None if item is None else harmless(item, last_right) for item in ranked]
    proven = walk(harmful(_of(safe, proof.proof), [cuts]), 1.0, proof.confidence, "none")
    if all(item is None for item in ranked):
        return Found(cuts=cuts, promise="none", proof_samples=len(proof.proof), harms=0, bound=0.0)
    return Found(cuts=cuts, promise="none", proof_samples=len(proof.proof), harms=proven.harms, bound=proven.bound)


def _of(ranked: Sequence[Ranked | None], index: np.ndarray) -> list[Ranked | None]:
    return [None if item is None else item.of(index) for item in ranked]
