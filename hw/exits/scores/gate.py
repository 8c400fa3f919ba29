"""Policy ``gate``: a learned gate head decides."""

from typing import Any

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from hw.exits.scores.arg_max import ArgMax
from hw.exits.scores.base import Score, saturate_signed

__all__ = ["Gate"]


class Gate(Score, policy="gate"):
    """Leaves when the gate head's logit is at least the threshold; the class is that of the greatest logit. ``confidence`` is the gate's
    logit, signed and saturated. ``params``: ``gate_bits``, the logit's width, 1 to 32; where the gate head's bias is still to be added,
    ``gate_bias`` and the width before that, ``gate_acc_bits``, up to ``gate_bits``, in which the sum must fit; and
    ``gate_scale``, what a unit of it is worth, for whoever reads the netlist.

    ``gate`` gives one beat a sample, in the samples' order; it may come before the logits or after them, and a decision waits for it. A
    beat is taken in the cycle in which its sample's result goes into the output register.

    Latency: that of :class:`~hw.exits.scores.arg_max.ArgMax`.

    Members
    -------
    gate : In(stream.Signature(signed(gate_acc_bits)))
        The gate head's logits, without that bias. ``ready`` depends on ``o.ready`` and on ``gate.valid``.
    """

    required = ("gate_bits",)
    optional = ("gate_acc_bits", "gate_bias", "gate_scale")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.arg_max.latency

    def prepare(self) -> None:
        """Checks ``gate_bits`` and what goes with it."""
        self.gate_bits: int = self.params["gate_bits"]
        if not 1 <= self.gate_bits <= 32:
            raise ValueError(f"gate_bits must be from 1 to 32, not {self.gate_bits}")
        self.gate_acc_bits: int = self.params.get("gate_acc_bits", self.gate_bits)
        self.gate_bias: int = self.params.get("gate_bias", 0)
        if not 1 <= self.gate_acc_bits <= self.gate_bits:
            raise ValueError(f"gate_acc_bits must be from 1 to gate_bits = {self.gate_bits}, not {self.gate_acc_bits}")

    def own_ports(self) -> dict[str, wiring.Member]:
        """The gate head's logits."""
        return {"gate": In(stream.Signature(signed(self.gate_acc_bits)))}

    def thresholds(self) -> range:
        """Every logit of the gate, and one more that none reaches, where 32 bits hold it."""
        return range(-(1 << (self.gate_bits - 1)), min((1 << (self.gate_bits - 1)) + 1, 1 << 31))

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        arg_max = self.arg_max
        self.one_pass(m, arg_max)
        logit = Signal(signed(self.gate_bits))
        m.d.comb += [
            logit.eq(self.gate.payload + self.gate_bias),
            self.leave.eq(logit >= self.threshold),
            self.confidence.eq(saturate_signed(logit, self.confidence_bits)),
            self.hold.eq(arg_max.valid & ~self.gate.valid),
            self.gate.ready.eq(arg_max.valid & self.advance),
        ]
        return m
