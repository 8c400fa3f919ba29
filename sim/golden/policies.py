"""Exit policies in integers (docs/interfaces.md, section 3): logits in, score and verdict out.

A policy is a function of logits, int64 ``[n, classes]``, its threshold and its constants. Add one by writing it and entering it in
:data:`POLICIES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden.errors import GoldenError

__all__ = ["POLICIES", "Policy", "Score"]

Logits = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Score:
    """``leaves`` bool ``[n]``; ``confidence`` int64 ``[n]``, before it is saturated to the width of the result's field."""

    leaves: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.int64]


Policy = Callable[[Logits, int, Mapping[str, Any]], Score]


def max_logit(logits: Logits, threshold: int, params: Mapping[str, Any]) -> Score:
    """Leaves when the largest logit is ``threshold`` or more; the confidence is that logit."""
    peak = logits.max(axis=1)
    return Score(leaves=peak >= threshold, confidence=peak)


def softmax(logits: Logits, threshold: int, params: Mapping[str, Any]) -> Score:
    """Leaves when S, the sum of exp(z - max z) scaled by 2**frac_bits, is ``threshold`` or less; the confidence is S >> conf_shift."""
    keys = ("frac_bits", "mult", "mult_frac", "table_bits", "table")
    missing = [key for key in keys if key not in params]
    if missing:
        raise GoldenError(f"softmax lacks the constant {missing[0]!r}")
    frac_bits, mult, mult_frac, table_bits = (int(params[key]) for key in keys[:4])
    table = np.asarray(params["table"], np.int64)
    if table.shape != (1 << table_bits,):
        raise GoldenError(f"softmax: table must have {1 << table_bits} entries, not {table.shape}")
    if mult_frac <= table_bits:
        raise GoldenError(f"softmax: mult_frac must exceed table_bits, not mult_frac={mult_frac}, table_bits={table_bits}")
    distance = logits.max(axis=1, keepdims=True) - logits
    if distance.size and int(distance.max()) * mult >= 1 << 62:
        raise GoldenError(f"softmax: logits {int(distance.max())} apart times mult={mult} exceed 62 bits")
    drop = mult_frac - table_bits
    exponent = (distance * mult + (1 << (drop - 1))) >> drop
    whole = exponent >> table_bits
    terms = table[exponent & ((1 << table_bits) - 1)] >> np.minimum(whole, 63)
    total = np.where(whole > frac_bits, 0, terms).sum(axis=1)
    return Score(leaves=total <= threshold, confidence=total >> int(params.get("conf_shift", 0)))


def always(logits: Logits, threshold: int, params: Mapping[str, Any]) -> Score:
    """Leaves; the confidence is the largest logit."""
    return Score(leaves=np.ones(len(logits), np.bool_), confidence=logits.max(axis=1))


def never(logits: Logits, threshold: int, params: Mapping[str, Any]) -> Score:
    """Stays; the confidence is 0."""
    return Score(leaves=np.zeros(len(logits), np.bool_), confidence=np.zeros(len(logits), np.int64))


POLICIES: dict[str, Policy] = {"always": always, "max_logit": max_logit, "never": never, "softmax": softmax}
