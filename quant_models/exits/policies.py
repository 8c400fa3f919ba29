"""Exit policies: what each means in real numbers, and the integers it becomes in hardware (docs/interfaces.md, section 3). Pure numpy.

:data:`POLICIES` is the one table that configuration, command line and documentation read. A policy turns a head's integer logits into one
integer score per sample and compares it with an integer threshold; calibration and users think in real thresholds (a probability, nats).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quant_models.errors import QuantModelError
from quant_models.exits.fidelity import EPSILON, entropy_bound, entropy_constants, softmax_bound, softmax_constants

__all__ = ["POLICIES", "Head", "Params", "Policy", "integer_threshold", "policy", "real_threshold"]

Params = Mapping[str, Any]

CONFIDENCE_BITS = 16
"""Width of the result's signed confidence field: policies shift their score to fit."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What a policy's constants follow from: ``classes``, the logits' unit ``scale``, their width ``logit_bits`` (bias included), the
    ``epsilon`` asked of softmax and entropy, their ``frac_bits`` where they are not to be chosen, and the unit of a gate head's logits.
    Softmax and entropy are those of the logits over ``temperature``: to the hardware a scale like any other."""

    classes: int
    scale: float
    logit_bits: int = 16
    epsilon: float = EPSILON
    frac_bits: int | None = None
    gate_bits: int = 16
    gate_scale: float = 1.0
    id_bits: int = 16
    run_bits: int = 4
    temperature: float = 1.0
    fixed_bits: int | None = None
    """Width of logits whose constants are to have the same form at every scale (None: they are chosen for this one)."""

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= 1000:
            raise QuantModelError(f"classes must be 2 to 1000, not {self.classes}")
        for name in ("scale", "gate_scale", "temperature"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise QuantModelError(f"{name} must be positive, not {value}")
        for name in ("logit_bits", "gate_bits"):
            if not 1 <= getattr(self, name) <= 32:
                raise QuantModelError(f"{name} must be from 1 to 32, not {getattr(self, name)}")

    @property
    def unit(self) -> float:
        """What a step of a logit is in softmax and entropy."""
        return self.scale / self.temperature


def _none(head: Head) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Policy:
    """One row of the table.

    ``summary`` ends the sentence "a sample leaves ..."; ``unit`` says what a real threshold is, None when there is none; ``confidence``
    what the result's field holds. With ``rising`` a larger score is a surer one, and a sample leaves at score >= threshold, else at score
    <= threshold. ``constants`` gives the integer constants for a head. ``score`` is int64 ``[n]`` from int64 logits ``[n, classes]``; None
    when it needs ``streams``, the ports that bring what the logits do not hold. ``real`` is the score in real numbers, float ``[n]``.
    ``integer`` and ``back`` turn a real threshold into the integer one and back; ``limits`` are the least and the greatest real one.
    ``bound`` gives the epsilon of constants; None when the integer decision is the real one.
    """

    name: str
    summary: str
    confidence: str
    unit: str | None = None
    rising: bool = True
    constants: Callable[[Head], dict[str, Any]] = _none
    score: Callable[[np.ndarray, Params], np.ndarray] | None = None
    real: Callable[[np.ndarray], np.ndarray] | None = None
    integer: Callable[[float, Head, Params], int] = lambda real, head, params: 0
    back: Callable[[int, Head, Params], float] = lambda threshold, head, params: 0.0
    limits: Callable[[Head], tuple[float, float]] = lambda head: (-math.inf, math.inf)
    bound: Callable[[Params, Head], float] | None = None
    streams: Sequence[str] = field(default=())

    def leaves(self, logits: np.ndarray, threshold: int | np.ndarray, params: Params) -> np.ndarray:
        """bool ``[n]``: which samples leave, given int64 logits ``[n, classes]``."""
        if self.name in ("always", "never"):
            return np.full(len(logits), self.name == "always")
        if self.score is None:
            raise QuantModelError(f"policy {self.name} needs more than one exit's logits")
        score = self.score(logits, params)
        leave: np.ndarray = score >= threshold if self.rising else score <= threshold
        return leave


def _largest(logits: np.ndarray, params: Params) -> np.ndarray:
    best: np.ndarray = logits.max(1).astype(np.int64)
    return best


def _margin(logits: np.ndarray, params: Params) -> np.ndarray:
    ranked = np.sort(logits.astype(np.int64), axis=1)
    ahead: np.ndarray = ranked[:, -1] - ranked[:, -2]
    return ahead


def _terms(logits: np.ndarray, params: Params) -> tuple[np.ndarray, np.ndarray]:
    """E and x of every class, as :mod:`quant_models.exits.fidelity` defines them."""
    bits, low_bits = params["table_bits"], params.get("low_bits", 0)
    d = logits.max(1, keepdims=True).astype(np.int64) - logits
    x, near = np.zeros_like(d), 0
    for part in params["exponents"]:
        x += np.asarray(part, np.int64)[(d >> near) % len(part)]
        near += len(part).bit_length() - 1
    x >>= params["guard_bits"]
    f = x & ((1 << bits) - 1)
    entry = np.asarray(params["table"], np.int64)[f >> low_bits]
    if low_bits:
        low = np.asarray(params["low"], np.int64).reshape(-1, 1 << low_bits)
        entry = entry + low[f >> (bits - (len(low).bit_length() - 1)), f & ((1 << low_bits) - 1)]
    # An entry is at most 2**F, so one more than F shifts it out.
    return entry >> np.where(d >> near > 0, params["frac_bits"] + 1, np.minimum(x >> bits, params["frac_bits"] + 1)), x


def _softmax_score(logits: np.ndarray, params: Params) -> np.ndarray:
    total: np.ndarray = _terms(logits, params)[0].sum(1)
    return total


def _entropy_score(logits: np.ndarray, params: Params) -> np.ndarray:
    """The least threshold at which a sample leaves."""
    e, x = _terms(logits, params)
    fine, fraction, unit = params["threshold_frac"], params["frac_bits"], params["unit_bits"]
    total = e.sum(1)
    weighted = np.where(e > 0, e * (np.minimum(x, (fraction + 1) << params["table_bits"]) << (fine - params["table_bits"])), 0).sum(1)
    k = np.floor(np.log2(total)).astype(np.int64) - fraction
    index = (total - (1 << (fraction + k)) << params["log_bits"]) >> (fraction + k)
    low_bits = params["log_low_bits"]
    low = np.asarray(params["log_low"], np.int64).reshape(-1, 1 << low_bits)
    g = np.asarray(params["log_table"], np.int64)[index >> low_bits]
    g = g + low[index >> (params["log_bits"] - (len(low).bit_length() - 1)), index & ((1 << low_bits) - 1)]
    limit = (g << k) - (total >> (fraction - unit)) * (k - 1)
    # (weighted - t total) >> shift <= limit exactly when t total > weighted - (limit + 1) 2**shift
    score: np.ndarray = (weighted - ((limit + 1) << (fraction - unit + fine))) // total + 1
    return score


def _real_softmax(logits: np.ndarray) -> np.ndarray:
    best: np.ndarray = 1 / np.exp(logits - logits.max(1, keepdims=True)).sum(1)
    return best


def _real_entropy(logits: np.ndarray) -> np.ndarray:
    d = logits.max(1, keepdims=True) - logits
    e = np.exp(-d)
    total = e.sum(1)
    entropy: np.ndarray = np.log(total) + (d * e).sum(1) / total
    return entropy


def _real_margin(logits: np.ndarray) -> np.ndarray:
    ranked = np.sort(logits, axis=1)
    ahead: np.ndarray = ranked[:, -1] - ranked[:, -2]
    return ahead


def _fit(params: dict[str, Any], classes: int) -> dict[str, Any]:
    """``params`` with the shift at which S fits the confidence field."""
    return {**params, "conf_shift": max(0, (classes << params["frac_bits"]).bit_length() - (CONFIDENCE_BITS - 1))}


def _softmax_params(head: Head) -> dict[str, Any]:
    return _fit(softmax_constants(head.unit, head.classes, epsilon=head.epsilon, frac_bits=head.frac_bits,
                                   logit_bits=head.fixed_bits), head.classes)


def _entropy_params(head: Head) -> dict[str, Any]:
    return _fit(entropy_constants(head.unit, head.classes, epsilon=head.epsilon, frac_bits=head.frac_bits,
                                   logit_bits=head.fixed_bits), head.classes)


def _probability(threshold: int, head: Head, params: Params) -> float:
    """The greatest probability whose threshold this is."""
    one = 2 ** params["frac_bits"]
    if threshold <= one:
        return 1.0
    tau = one / threshold
    # the quotient may have been rounded up to one that has the threshold below
    return tau if math.floor(one / tau) == threshold else math.nextafter(tau, 0.0)


def _reaches(real: float, unit: float) -> int:
    """The least integer that times ``unit`` is at least ``real``, but for the rounding of the division."""
    return math.ceil(real / unit - 1e-9)


POLICIES: dict[str, Policy] = {
    row.name: row
    for row in (
        Policy(
            name="max_logit", summary="when its greatest logit is at least the threshold", unit="a logit", confidence="the greatest logit",
            score=_largest, real=lambda logits: logits.max(1),
            integer=lambda real, head, params: _reaches(real, head.scale),
            back=lambda threshold, head, params: threshold * head.scale,
            limits=lambda head: (-(2 ** (head.logit_bits - 1)) * head.scale, 2 ** (head.logit_bits - 1) * head.scale),
        ),
        Policy(
            name="margin", summary="when its greatest logit is ahead of the next one by at least the threshold",
            unit="a difference of logits", confidence="that difference", score=_margin, real=_real_margin,
            integer=lambda real, head, params: _reaches(real, head.scale),
            back=lambda threshold, head, params: threshold * head.scale,
            limits=lambda head: (0.0, 2**head.logit_bits * head.scale),
        ),
        Policy(
            name="softmax", summary="when its greatest softmax probability is at least the threshold", unit="a probability",
            confidence="2^F over the greatest probability, shifted right by conf_shift: smaller is surer", rising=False,
            constants=_softmax_params, score=_softmax_score, real=_real_softmax,
            integer=lambda real, head, params: math.floor(2 ** params["frac_bits"] / real),
            back=_probability,
            limits=lambda head: (1 / head.classes, 1.0),
            bound=lambda params, head: softmax_bound(params, head.unit, head.classes),
        ),
        Policy(
            name="entropy", summary="when the entropy of its softmax probabilities is at most the threshold", unit="nats",
            confidence="2^F over the greatest probability, shifted right by conf_shift: smaller is surer", rising=False,
            constants=_entropy_params, score=_entropy_score, real=_real_entropy,
            integer=lambda real, head, params: round(real / math.log(2) * 2 ** params["threshold_frac"]) - params["offset"],
            back=lambda threshold, head, params: (threshold + params["offset"]) * math.log(2) / 2 ** params["threshold_frac"],
            limits=lambda head: (0.0, math.log(head.classes)),
            bound=lambda params, head: entropy_bound(params, head.unit, head.classes),
        ),
        Policy(
            name="patience", summary="when at least so many exits of this policy in a row, this one included, find the same class",
            unit="a number of exits", confidence="how many exits in a row found this class",
            constants=lambda head: {"id_bits": head.id_bits, "run_bits": head.run_bits},
            integer=lambda real, head, params: math.ceil(real), back=lambda threshold, head, params: float(threshold),
            limits=lambda head: (1.0, float(2**head.run_bits - 1)), streams=("token_i", "token_o"),
        ),
        Policy(
            name="class_threshold", summary="when another policy's score reaches the threshold of the class that wins",
            unit="as of that policy, one a class",
            confidence="that of the other policy",
        ),
        Policy(
            name="gate", summary="when a learned gate head's logit is at least the threshold", unit="a logit of the gate head",
            confidence="the gate head's logit", constants=lambda head: {"gate_bits": head.gate_bits},
            integer=lambda real, head, params: _reaches(real, head.gate_scale),
            back=lambda threshold, head, params: threshold * head.gate_scale,
            limits=lambda head: (-(2 ** (head.gate_bits - 1)) * head.gate_scale, 2 ** (head.gate_bits - 1) * head.gate_scale),
            streams=("gate",),
        ),
        Policy(name="always", summary="in any case (the last exit)", confidence="the greatest logit", score=_largest),
        Policy(
            name="never", summary="in no case (a disabled exit)", confidence="0",
            score=lambda logits, params: np.zeros(len(logits), np.int64),
        ),
    )
}


def policy(name: str) -> Policy:
    """The policy called ``name``; raises :class:`QuantModelError` when there is none."""
    if name not in POLICIES:
        raise QuantModelError(f"policy must be one of {', '.join(POLICIES)}, not {name!r}")
    return POLICIES[name]


def integer_threshold(name: str, real: float, head: Head, params: Params) -> int:
    """The integer threshold of a real one; raises :class:`QuantModelError` when it is out of the policy's range, which it names."""
    row = policy(name)
    if row.unit is None:
        return 0
    least, most = row.limits(head)
    if not least - 1e-12 <= real <= most + 1e-12:
        raise QuantModelError(f"threshold of {name} must be from {least:.6g} to {most:.6g} ({row.unit}), not {real:g}")
    return row.integer(real, head, params)


def real_threshold(name: str, threshold: int, head: Head, params: Params) -> float:
    """The real threshold that an integer one stands for."""
    return policy(name).back(threshold, head, params)
