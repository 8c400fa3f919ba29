"""Exit policies on integer logits, exactly as the hardware decides (docs/interfaces.md, section 3). Pure numpy.

A policy turns int64 logits ``[n, classes]`` into one integer score per sample and compares it with one integer threshold.
Policies that need more than one exit's logits of one sample (patience, gate) get a class of their own here when they come.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from quant_models.errors import QuantModelError

__all__ = ["POLICIES", "Params", "Policy", "policy", "softmax_params", "softmax_tau", "softmax_threshold"]

Params = Mapping[str, Any]


class Policy(Protocol):
    """One exit policy."""

    @property
    def rising(self) -> bool:
        """Whether a larger score is a surer one, so that a sample leaves at score >= threshold (else at score <= threshold)."""

    def params(self, scale: float, classes: int) -> dict[str, Any]:
        """The integer constants for a head whose logit unit is ``scale``."""

    def score(self, logits: np.ndarray, params: Params) -> np.ndarray:
        """int64 ``[n]`` from int64 logits ``[n, classes]``."""

    def leaves(self, logits: np.ndarray, threshold: int, params: Params) -> np.ndarray:
        """bool ``[n]``: which samples leave."""


@dataclass(frozen=True)
class _MaxLogit:
    """Leaves when the largest logit is at least the threshold."""

    rising: bool = True

    def params(self, scale: float, classes: int) -> dict[str, Any]:
        return {}

    def score(self, logits: np.ndarray, params: Params) -> np.ndarray:
        best: np.ndarray = logits.max(1).astype(np.int64)
        return best

    def leaves(self, logits: np.ndarray, threshold: int, params: Params) -> np.ndarray:
        return self.score(logits, params) >= threshold


@dataclass(frozen=True)
class _Softmax:
    """Leaves when S = sum of E(z_max - z_i) is at most the threshold floor(2**F / tau): 2**F / S is the largest softmax probability."""

    rising: bool = False

    def params(self, scale: float, classes: int) -> dict[str, Any]:
        return softmax_params(scale, classes)

    def score(self, logits: np.ndarray, params: Params) -> np.ndarray:
        bits, table = params["table_bits"], np.asarray(params["table"], np.int64)
        shift = params["mult_frac"] - bits
        d = logits.max(1, keepdims=True).astype(np.int64) - logits
        x = (d * params["mult"] + (1 << (shift - 1))) >> shift
        n = np.minimum(x >> bits, params["frac_bits"] + 1)
        # 2**F >> (F + 1) is 0, and so is every smaller entry: the limit on n stands for "0 when n > F".
        total: np.ndarray = (table[x & ((1 << bits) - 1)] >> n).sum(1)
        return total

    def leaves(self, logits: np.ndarray, threshold: int, params: Params) -> np.ndarray:
        return self.score(logits, params) <= threshold


@dataclass(frozen=True)
class _Constant:
    """``always``: the last exit. ``never``: a disabled one. The threshold is not looked at."""

    leave: bool
    rising: bool = True

    def params(self, scale: float, classes: int) -> dict[str, Any]:
        return {}

    def score(self, logits: np.ndarray, params: Params) -> np.ndarray:
        score: np.ndarray = logits.max(1).astype(np.int64) if self.leave else np.zeros(len(logits), np.int64)
        return score

    def leaves(self, logits: np.ndarray, threshold: int, params: Params) -> np.ndarray:
        return np.full(len(logits), self.leave)


POLICIES: dict[str, Policy] = {
    "max_logit": _MaxLogit(), "softmax": _Softmax(), "always": _Constant(leave=True), "never": _Constant(leave=False),
}


def policy(name: str) -> Policy:
    """The policy called ``name``; raises :class:`QuantModelError` when there is none."""
    if name not in POLICIES:
        raise QuantModelError(f"policy must be one of {', '.join(POLICIES)}, not {name!r}")
    return POLICIES[name]


def softmax_params(scale: float, classes: int, frac_bits: int = 12, table_bits: int = 5) -> dict[str, Any]:
    """F, M, X, B and the table of the integer softmax for logits of unit ``scale`` (> 0).

    E(d) = 2**F * exp(-scale * d) is taken as 2**-x with x in steps of 2**-B, so each E is within about 2**-(B+1) * ln 2 of
    itself. M has just the bits that keep its own rounding below half such a step up to x = F, where E becomes 0. ``classes`` is
    checked only: S fits F + log2(classes) bits.
    """
    if not (math.isfinite(scale) and scale > 0):
        raise QuantModelError(f"scale must be positive, not {scale}")
    if not 2 <= classes <= 1000:
        raise QuantModelError(f"classes must be 2 to 1000, not {classes}")
    if not 1 <= table_bits <= 10 or not 4 <= frac_bits <= 24:
        raise QuantModelError(f"frac_bits must be 4 to 24 and table_bits 1 to 10, not {frac_bits} and {table_bits}")
    rate = scale / math.log(2)
    # x <= F + 1 has an error of x * 2**-(B+1) * ... / M: M of B + log2(F + 1) bits holds it to half a step.
    bits = table_bits + math.ceil(math.log2(frac_bits + 1))
    mult_frac = max(table_bits + 1, bits - 1 - math.floor(math.log2(rate)))
    table = [round(2**frac_bits * 2 ** (-i / 2**table_bits)) for i in range(2**table_bits)]
    return {"frac_bits": frac_bits, "mult": round(rate * 2**mult_frac), "mult_frac": mult_frac, "table_bits": table_bits, "table": table}


def softmax_threshold(tau: float, params: Params) -> int:
    """The integer threshold floor(2**F / tau) of a probability ``tau`` (0 to 1, 0 excluded)."""
    if not 0 < tau <= 1:
        raise QuantModelError(f"tau must be more than 0 and at most 1, not {tau}")
    limit: int = 2 ** params["frac_bits"]
    return math.floor(limit / tau)


def softmax_tau(threshold: int, params: Params) -> float:
    """The probability an integer threshold stands for: the largest tau whose threshold it is, ``2**F / threshold``, at most 1."""
    limit: int = 2 ** params["frac_bits"]
    return min(1.0, limit / threshold) if threshold >= 1 else 1.0
