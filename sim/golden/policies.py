"""Exit policies in integers (docs/interfaces.md, section 3): logits in, score and verdict out.

A policy is a function of logits, int64 ``[n, classes]``, its threshold (one integer, or int64 ``[n]``, one a sample), its constants, and
what comes from beside the logits. Writing one under :func:`policy` enters it in :data:`POLICIES`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden.errors import GoldenError

__all__ = ["POLICIES", "Policy", "Score", "Side"]

Integers = npt.NDArray[np.int64]
Threshold = int | Integers


@dataclass(frozen=True, kw_only=True)
class Side:
    """What a policy may see of a sample beside its logits: the ``gate`` head's logit, and the ``label`` and the ``run`` (0: none yet) of
    the token that came from the exit before; int64 ``[n]`` each."""

    gate: Integers | None = None
    label: Integers | None = None
    run: Integers | None = None


@dataclass(frozen=True, kw_only=True)
class Score:
    """``leaves`` bool ``[n]``; ``confidence`` int64 ``[n]``, before it is saturated to the width of the result's field; ``run`` int64
    ``[n]`` of the token that goes to the next exit, where the policy makes one."""

    leaves: npt.NDArray[np.bool_]
    confidence: Integers
    run: Integers | None = None


Policy = Callable[[Integers, Threshold, Mapping[str, Any], Side], Score]

POLICIES: dict[str, Policy] = {}
"""Every policy by its name."""


def policy(name: str) -> Callable[[Policy], Policy]:
    """Enters a function in :data:`POLICIES`."""

    def enter(function: Policy) -> Policy:
        POLICIES[name] = function
        return function

    return enter


def _constants(name: str, params: Mapping[str, Any], *keys: str) -> list[Any]:
    for key in keys:
        if key not in params:
            raise GoldenError(f"{name} lacks the constant {key!r}")
    return [params[key] for key in keys]


@policy("always")
def always(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Leaves; the confidence is the largest logit."""
    return Score(leaves=np.ones(len(logits), np.bool_), confidence=logits.max(axis=1))


@policy("never")
def never(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Stays; the confidence is 0."""
    return Score(leaves=np.zeros(len(logits), np.bool_), confidence=np.zeros(len(logits), np.int64))


@policy("max_logit")
def max_logit(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Leaves when the largest logit is ``threshold`` or more; the confidence is that logit."""
    peak = logits.max(axis=1)
    return Score(leaves=peak >= threshold, confidence=peak)


@policy("margin")
def margin(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Leaves when the largest logit is ``threshold`` or more above the second largest; the confidence is that distance."""
    ranked = np.sort(logits, axis=1)
    distance = ranked[:, -1] - ranked[:, -2]
    return Score(leaves=distance >= threshold, confidence=distance)


def _exponentials(name: str, logits: Integers, params: Mapping[str, Any]) -> tuple[Integers, Integers]:
    """E and x of every logit, int64 ``[n, classes]`` each."""
    keys = ("frac_bits", "exponents", "guard_bits", "table_bits", "table")
    frac_bits, exponents, guard_bits, bits, entries = _constants(name, params, *keys)
    low_bits = int(params.get("low_bits", 0))
    table, low = np.asarray(entries, np.int64), np.asarray(params.get("low", [0]), np.int64)
    if table.shape != (1 << (bits - low_bits),):
        raise GoldenError(f"{name}: table must have {1 << (bits - low_bits)} entries, not {len(table)}")
    lead_bits = len(low).bit_length() - 1 - low_bits
    if len(low) != 1 << (lead_bits + low_bits):
        raise GoldenError(f"{name}: low must have a power of two of entries, at least {1 << low_bits}, not {len(low)}")
    distance = logits.max(axis=1, keepdims=True) - logits
    steps, near = np.zeros_like(distance), 0
    for part in exponents:
        width = len(part).bit_length() - 1
        if len(part) != 1 << width or width == 0:
            raise GoldenError(f"{name}: an exponent table must have 2, 4, 8, ... entries, not {len(part)}")
        steps += np.asarray(part, np.int64)[distance >> near & ((1 << width) - 1)]
        near += width
    x = steps >> guard_bits
    fraction = x & ((1 << bits) - 1)
    entry = table[fraction >> low_bits] + low[(fraction >> (bits - lead_bits) << low_bits) | (fraction & ((1 << low_bits) - 1))]
    whole = x >> bits
    return np.where((whole > frac_bits) | (distance >> near > 0), 0, entry >> np.minimum(whole, 62)), x


@policy("softmax")
def softmax(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Leaves when S, the sum of exp(z - max z) scaled by 2**frac_bits, is ``threshold`` or less; the confidence is S >> conf_shift."""
    terms, _ = _exponentials("softmax", logits, params)
    total = terms.sum(axis=1)
    return Score(leaves=total <= threshold, confidence=total >> int(params.get("conf_shift", 0)))


@policy("entropy")
def entropy(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Leaves when the entropy is at most (``threshold`` + ``offset``) / 2**threshold_frac bits, ``offset`` being in the table of
    logarithms; the confidence is the S of softmax >> conf_shift."""
    terms, x = _exponentials("entropy", logits, params)
    keys = ("frac_bits", "table_bits", "threshold_frac", "unit_bits", "log_bits", "log_low_bits", "log_table", "log_low")
    frac_bits, bits, threshold_frac, unit_bits, log_bits, low_bits, entries, slopes = _constants("entropy", params, *keys)
    table, low = np.asarray(entries, np.int64), np.asarray(slopes, np.int64)
    total = terms.sum(axis=1)
    limit = np.broadcast_to(np.asarray(threshold, np.int64), total.shape)
    # where E is 0, x may be too large for 63 bits to hold the product
    distances = np.where(terms == 0, 0, x << (threshold_frac - bits))
    weighted = (terms * (distances - limit[:, None])).sum(axis=1)
    octave = np.array([int(value).bit_length() - 1 - frac_bits for value in total], np.int64)
    index = (total << log_bits) >> (frac_bits + octave) & ((1 << log_bits) - 1)
    lead_bits = len(low).bit_length() - 1 - low_bits
    curve = table[index >> low_bits] + low[(index >> (log_bits - lead_bits) << low_bits) | (index & ((1 << low_bits) - 1))]
    drop = frac_bits - unit_bits
    left = (weighted >> (drop + threshold_frac)) + (total >> drop) * (octave - 1)
    return Score(leaves=left <= curve << octave, confidence=total >> int(params.get("conf_shift", 0)))


@policy("class_threshold")
def class_threshold(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Policy ``params["score"]`` with constants ``params["score_params"]``, and the threshold of the winning class out of
    ``params["thresholds"]``; ``threshold`` is not looked at."""
    name, thresholds = _constants("class_threshold", params, "score", "thresholds")
    if name not in POLICIES:
        raise GoldenError(f"class_threshold: score must be one of {', '.join(sorted(POLICIES))}, not {name!r}")
    if len(thresholds) != logits.shape[1]:
        raise GoldenError(f"class_threshold: thresholds must be one per class, not {len(thresholds)} for {logits.shape[1]} classes")
    own = np.asarray(thresholds, np.int64)[logits.argmax(axis=1)]
    return POLICIES[name](logits, own, params.get("score_params", {}), side)


@policy("patience")
def patience(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Leaves when at least ``threshold`` exits in a row, this one included, agree on the class; the confidence is how many do, which stops
    at the greatest number of ``run_bits`` bits."""
    (run_bits,) = _constants("patience", params, "run_bits")
    run = np.ones(len(logits), np.int64)
    if side.label is not None and side.run is not None:
        agrees = (side.label == logits.argmax(axis=1)) & (side.run > 0)
        run = np.where(agrees, np.minimum(side.run + 1, (1 << run_bits) - 1), 1)
    return Score(leaves=run >= threshold, confidence=run, run=run)


@policy("gate")
def gate(logits: Integers, threshold: Threshold, params: Mapping[str, Any], side: Side) -> Score:
    """Leaves when the gate head's logit is ``threshold`` or more; the confidence is that logit."""
    if side.gate is None:
        raise GoldenError("gate needs the gate head's logits")
    return Score(leaves=side.gate >= threshold, confidence=side.gate)
