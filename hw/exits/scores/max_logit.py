"""Policy ``max_logit``: leaves when the greatest logit reaches the threshold."""

from typing import Any

from amaranth.hdl import Module, Value

from hw.exits.scores.arg_max import ArgMax
from hw.exits.scores.base import Score, saturate_signed

__all__ = ["MaxLogit"]


class MaxLogit(Score, policy="max_logit"):
    """Leaves when the greatest logit is at least the threshold; ``confidence`` is that logit, signed and saturated.

    Latency: that of :class:`~hw.exits.scores.arg_max.ArgMax`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.arg_max.latency

    def thresholds(self) -> range:
        """Every logit, and one more that none reaches."""
        return range(-(1 << (self.logit_bits - 1)), (1 << (self.logit_bits - 1)) + 1)

    def condition(self, greatest: Value) -> Value:
        """Whether the sample may leave, given its greatest logit."""
        return greatest >= self.threshold

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        arg_max = self.arg_max
        self.one_pass(m, arg_max)
        m.d.comb += [
            self.leave.eq(self.condition(arg_max.value)),
            self.confidence.eq(saturate_signed(arg_max.value, self.confidence_bits)),
        ]
        return m
