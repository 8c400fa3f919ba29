"""Policy ``gate``: a learned gate head decides."""

from typing import Any

from amaranth.hdl import Module, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from hw.scores.arg_max import ArgMax
from hw.scores.base import Score, saturate_signed

__all__ = ["Gate"]


class Gate(Score, policy="gate"):
    """Leaves when the gate head's logit is at least the threshold; the class is that of the greatest logit. ``confidence`` is the gate's
    logit, signed and saturated. ``params``: ``gate_bits``, 1 to 32.

    ``gate`` gives one beat a sample, in the samples' order; it may come before the logits or after them, and a decision waits for it. A
    beat is taken in the cycle in which its sample's result goes into the output register.

    Latency: that of :class:`~hw.scores.arg_max.ArgMax`.

    Members
    -------
    gate : In(stream.Signature(signed(gate_bits)))
        The gate head's logits. ``ready`` depends on ``o.ready`` and on ``gate.valid``.
    """

    required = ("gate_bits",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.arg_max.latency

    def prepare(self) -> None:
        """Checks ``gate_bits``."""
        self.gate_bits: int = self.params["gate_bits"]
        if not 1 <= self.gate_bits <= 32:
            raise ValueError(f"gate_bits must be from 1 to 32, not {self.gate_bits}")

    def own_ports(self) -> dict[str, wiring.Member]:
        """The gate head's logits."""
        return {"gate": In(stream.Signature(signed(self.gate_bits)))}

    def thresholds(self) -> range:
        """Every logit of the gate, and one more that none reaches, where 32 bits hold it."""
        return range(-(1 << (self.gate_bits - 1)), min((1 << (self.gate_bits - 1)) + 1, 1 << 31))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        arg_max = self.arg_max
        self.one_pass(m, arg_max)
        m.d.comb += [
            self.leave.eq(self.gate.payload >= self.threshold),
            self.confidence.eq(saturate_signed(self.gate.payload, self.confidence_bits)),
            self.hold.eq(arg_max.valid & ~self.gate.valid),
            self.gate.ready.eq(arg_max.valid & self.advance),
        ]
        return m
