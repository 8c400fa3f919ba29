"""Policy ``margin``: leaves when the greatest logit is far enough ahead of the next one."""

from typing import Any

from amaranth.hdl import Module, Signal, unsigned

from hw.exits.scores.base import Score, saturate_unsigned
from hw.exits.scores.top_two import TopTwo

__all__ = ["Margin"]


class Margin(Score, policy="margin"):
    """Leaves when the greatest logit minus the next one is at least the threshold; ``confidence`` is that difference, saturated at the
    greatest number a signed field holds.

    Latency: that of :class:`~hw.exits.scores.top_two.TopTwo`.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.top_two = TopTwo(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.top_two.latency

    def thresholds(self) -> range:
        """Every difference, and one more that none reaches."""
        return range((1 << self.logit_bits) + 1)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        top_two = self.top_two
        self.one_pass(m, top_two)
        difference = Signal(unsigned(self.logit_bits))
        m.d.comb += [
            difference.eq(top_two.value - top_two.second),
            self.leave.eq(difference >= self.threshold),
            self.confidence.eq(saturate_unsigned(difference, self.confidence_bits - 1)),
        ]
        return m
