"""Thresholds in real numbers (a probability, a logit, nats) and the integers that the hardware compares with.

The formulas are those of docs/accelerator.md, Thresholds at run time; offramp's tests hold them against the ones that training uses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from offramp_driver.errors import InputError
from offramp_driver.manifest import Exit

__all__ = ["inner", "integer", "real", "unit"]


class _Unit(NamedTuple):
    """What a policy's real threshold is, how it becomes an integer and how back, and within what it must lie (None: only the integer's
    own range counts)."""

    name: str
    integer: Callable[[float, Exit, dict[str, Any]], int]
    real: Callable[[int, Exit, dict[str, Any]], float]
    limits: Callable[[Exit], tuple[float, float]] | None = None


def _reaches(value: float, one: float) -> int:
    """The least integer that times ``one`` is at least ``value``, but for the rounding of the division."""
    return math.ceil(value / one - 1e-9)


def _gate_scale(exit_: Exit) -> float:
    if exit_.gate_scale is None:
        raise InputError("the manifest does not tell the unit of the gate head's logits: write the integer threshold instead")
    return exit_.gate_scale


def _probability(threshold: int, frac_bits: int) -> float:
    """The greatest probability whose threshold this is."""
    one = 2**frac_bits
    if threshold <= one:
        return 1.0
    tau = one / threshold
    # the quotient may have been rounded up to one that has the threshold below
    return tau if math.floor(one / tau) == threshold else math.nextafter(tau, 0.0)


_UNITS = {
    "max_logit": _Unit("logit", lambda value, exit_, params: _reaches(value, exit_.scale),
                       lambda threshold, exit_, params: threshold * exit_.scale),
    "margin": _Unit("difference of logits", lambda value, exit_, params: _reaches(value, exit_.scale),
                    lambda threshold, exit_, params: threshold * exit_.scale),
    "softmax": _Unit("probability", lambda value, exit_, params: math.floor(2 ** params["frac_bits"] / value),
                     lambda threshold, exit_, params: _probability(threshold, params["frac_bits"]), lambda exit_: (1 / exit_.classes, 1.0)),
    "entropy": _Unit("nats", lambda value, exit_, params: round(value / math.log(2) * 2 ** params["threshold_frac"]) - params["offset"],
                     lambda threshold, exit_, params: (threshold + params["offset"]) * math.log(2) / 2 ** params["threshold_frac"],
                     lambda exit_: (0.0, math.log(exit_.classes))),
    "patience": _Unit("exits", lambda value, exit_, params: math.ceil(value), lambda threshold, exit_, params: float(threshold)),
    "gate": _Unit("logit of the gate head", lambda value, exit_, params: _reaches(value, _gate_scale(exit_)),
                  lambda threshold, exit_, params: threshold * _gate_scale(exit_)),
}


def inner(exit_: Exit) -> tuple[str, dict[str, Any]]:
    """The policy whose score is compared, and its constants: for ``class_threshold`` those of its ``score``."""
    if exit_.policy != "class_threshold":
        return exit_.policy, exit_.params
    return exit_.params["score"], exit_.params.get("score_params", exit_.params)


def _row(exit_: Exit) -> tuple[_Unit, dict[str, Any]]:
    name, params = inner(exit_)
    if name not in _UNITS:
        raise InputError(f"policy {name} compares with no threshold")
    return _UNITS[name], params


def unit(exit_: Exit) -> str | None:
    """What a real threshold of this exit is ("probability", "logit", "nats", ...); None when its policy compares with none."""
    name, _ = inner(exit_)
    return _UNITS[name].name if name in _UNITS else None


def integer(exit_: Exit, value: float) -> int:
    """The integer threshold for the real ``value``. Raises :class:`InputError` when the policy has none, or it cannot be one."""
    row, params = _row(exit_)
    if not math.isfinite(value):
        raise InputError(f"a threshold must be a number, not {value}")
    if row.limits is not None:
        least, most = row.limits(exit_)
        if not least - 1e-12 <= value <= most + 1e-12:
            raise InputError(f"threshold of {inner(exit_)[0]} must be from {least:.6g} to {most:.6g} ({row.name}), not {value:g}")
    return row.integer(value, exit_, params)


def real(exit_: Exit, threshold: int) -> float:
    """What the integer ``threshold`` stands for. Raises :class:`InputError` when the policy has none."""
    row, params = _row(exit_)
    return row.real(threshold, exit_, params)
