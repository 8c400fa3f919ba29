"""One exit-decision unit as a user asks for it, and what follows from that."""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from build_flows.base.errors import OfframpError
from hw.exits.decision import ExitDecision
from quant_models.errors import QuantModelError
from quant_models.exits.fidelity import EPSILON
from quant_models.exits.policies import POLICIES, Head, integer_threshold, policy

__all__ = ["CLOCK_MHZ", "DEFAULTS", "UnitSpec", "latency_bound"]

CLOCK_MHZ = 100.0
"""The clock at which throughput is told."""

BIAS_LIMIT = 1 << 31
"""No bias is wider than the widest logit."""

DEFAULTS = {"max_logit": 5.0, "margin": 1.0, "softmax": 0.9, "entropy": 0.5, "patience": 2.0, "gate": 0.0}
"""Real thresholds where a user gives none."""


@dataclass(frozen=True, kw_only=True)
class UnitSpec:
    """A unit: ``policy`` with the real ``threshold`` (or ``class_thresholds``, one a class), for ``classes`` logits of ``logit_bits`` bits
    and unit ``scale``, ``pe`` a beat.

    ``score`` is the policy that ``class_threshold`` composes with. ``bias`` is added to the logits; without it they come as they are.
    ``epsilon`` and ``frac_bits`` are those of :mod:`quant_models.exits.fidelity`. ``made`` are a project's own constants and integer
    thresholds, instead of those that follow from the rest.

    Raises :class:`OfframpError`, before anything is built, with one line that names the value that is wrong.
    """

    policy: str
    classes: int
    pe: int
    logit_bits: int = 16
    scale: float = 0.0123
    threshold: float | None = None
    class_thresholds: Sequence[float] | None = None
    score: str = "softmax"
    bias: Sequence[int] | None = None
    epsilon: float = EPSILON
    frac_bits: int | None = None
    gate_bits: int = 16
    gate_scale: float | None = None
    run_bits: int = 4
    id_bits: int = 16
    made: tuple[dict[str, Any], int] | None = None

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= 1000:
            raise OfframpError(f"classes must be from 2 to 1000, not {self.classes}")
        if self.pe < 1 or self.classes % self.pe:
            divisors = [str(pe) for pe in range(1, self.classes + 1) if self.classes % pe == 0]
            raise OfframpError(f"pe must divide classes, not pe={self.pe}, classes={self.classes}", hint=f"allowed: {', '.join(divisors)}")
        wide = [value for value in self.bias or () if not -BIAS_LIMIT <= value < BIAS_LIMIT]
        if wide:
            raise OfframpError(f"bias must be from {-BIAS_LIMIT} to {BIAS_LIMIT - 1}, as the widest logit is, not {str(wide[0])[:40]}")
        try:
            policy(self.policy)
            self.decision()
        except (QuantModelError, ValueError) as error:
            raise OfframpError(str(error)) from None

    @property
    def name(self) -> str:
        """A name for files and tables: ``softmax_c10_pe2``."""
        inner = f"_{self.score}" if self.policy == "class_threshold" else ""
        return f"{self.policy}{inner}_c{self.classes}_pe{self.pe}"

    @property
    def beats(self) -> int:
        """Beats of a sample: the initiation interval in cycles."""
        return self.classes // self.pe

    @cached_property
    def head(self) -> Head:
        """What the policy's constants follow from."""
        return Head(
            classes=self.classes, scale=self.scale, logit_bits=self.logit_bits, epsilon=self.epsilon, frac_bits=self.frac_bits,
            gate_bits=self.gate_bits, gate_scale=self.scale if self.gate_scale is None else self.gate_scale, run_bits=self.run_bits,
            id_bits=self.id_bits,
        )

    @cached_property
    def scoring(self) -> str:
        """The policy whose score is compared: ``score`` of ``class_threshold``, else ``policy`` itself."""
        return self.score if self.policy == "class_threshold" else self.policy

    @cached_property
    def real(self) -> float:
        """The real threshold: what was given, or the default."""
        return self.threshold if self.threshold is not None else DEFAULTS.get(self.scoring, 0.0)

    @cached_property
    def params(self) -> dict[str, Any]:
        """The policy's integer constants."""
        if self.made is not None:
            return self.made[0]
        if self.policy != "class_threshold":
            return POLICIES[self.policy].constants(self.head)
        others = [name for name, row in POLICIES.items() if row.unit is not None and name != "class_threshold"]
        if self.score not in others:
            raise QuantModelError(f"score must be one of {', '.join(others)}, not {self.score!r}")
        inner = POLICIES[self.score].constants(self.head)
        reals = self.class_thresholds if self.class_thresholds is not None else [self.real] * self.classes
        if len(reals) != self.classes:
            raise QuantModelError(f"class thresholds must be one per class, not {len(reals)} for {self.classes} classes")
        return {"score": self.score, "score_params": inner,
                "thresholds": [integer_threshold(self.score, real, self.head, inner) for real in reals]}

    @cached_property
    def integer(self) -> int:
        """The integer threshold; 0 for ``class_threshold``, whose thresholds are among the constants."""
        if self.made is not None:
            return self.made[1]
        return 0 if self.policy == "class_threshold" else integer_threshold(self.policy, self.real, self.head, self.params)

    @property
    def bound(self) -> float | None:
        """How near to the threshold the real score may be when the integer decision differs; None when it never differs."""
        bound = POLICIES[self.scoring].bound
        inner = self.params.get("score_params", {}) if self.policy == "class_threshold" else self.params
        return None if bound is None else bound(inner, self.head)

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams beside logits and results."""
        return tuple(POLICIES[self.scoring].streams)

    def decision(self) -> ExitDecision:
        """A new gateware unit; its integer threshold is to be ``integer``."""
        unit = ExitDecision(classes=self.classes, pe=self.pe, acc_bits=self.logit_bits, bias=self.bias or [0] * self.classes,
                            policy=self.policy, params=self.params)
        if self.integer not in unit.threshold_range:
            span = f"from {unit.threshold_range[0]} to {unit.threshold_range[-1]}"
            raise OfframpError(f"the integer threshold of {self.policy} must be {span}, not {self.integer}")
        return unit

    def with_policy(self, name: str) -> "UnitSpec":
        """The same with another policy, and its default threshold."""
        return dataclasses.replace(self, policy=name, threshold=None, class_thresholds=None, made=None)


def latency_bound(classes: int, pe: int) -> int:
    """The latency, in cycles, that no unit exceeds: from a sample's first beat taken to its result valid."""
    return 2 * classes // pe + 2 * math.ceil(math.log2(pe)) + 12
