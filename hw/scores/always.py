"""Policy ``always``: the last exit."""

from typing import Any

from amaranth.hdl import Module
from amaranth.lib import wiring

from hw.scores.arg_max import ArgMax
from hw.scores.base import Score, saturate_signed

__all__ = ["Always"]


class Always(Score):
    """Every sample leaves, whatever the threshold; ``confidence`` is the greatest logit, signed and saturated.

    Latency: that of :class:`~hw.scores.arg_max.ArgMax`.
    """


    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.arg_max.latency

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.arg_max = arg_max = self.arg_max
        wiring.connect(m, wiring.flipped(self.i), arg_max.i)
        m.d.comb += [
            self.take.eq(arg_max.valid),
            self.valid.eq(arg_max.valid),
            self.label.eq(arg_max.label),
            self.leave.eq(1),
            self.confidence.eq(saturate_signed(arg_max.value, self.confidence_bits)),
        ]
        return m
