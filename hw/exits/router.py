"""What a decision sets in motion: a result or a token for the next stage, and the verdict for the gate."""

from amaranth.hdl import Const, Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["ExitRouter", "result_layout"]


def result_layout(token: data.StructLayout, *, label_bits: int, confidence_bits: int, anytime: bool = False) -> data.StructLayout:
    """One sample's answer on its way from an exit to the merge: its token, the class and the confidence, and with ``anytime``
    whether it is ``final``: the sample leaves there."""
    return data.StructLayout({"token": token, "label": label_bits, "confidence": confidence_bits, **({"final": 1} if anytime else {})})


class ExitRouter(wiring.Component):
    """Joins each decision with its sample's token and sends both where they belong.

    A sample that leaves becomes a ``result``; one that stays passes its token on, and with ``anytime`` becomes a ``result`` that is not
    final too. The gate hears of either on ``keep``. All of it happens in
    one cycle, in which every receiver concerned is ready, so that no sample is ever half decided.

    Latency: 0 cycles. Throughput: one sample a cycle. No state. Receivers must not derive ``ready`` from ``valid``
    (put a FIFO behind each).

    Parameters
    ----------
    token : layout of a token (``hw.exits.token.token_layout``)
    label_bits, confidence_bits : widths of the decision's fields
    last : the last exit: every decision is a result, whatever it says, and there is no gate behind it
    anytime : samples that stay give a result too

    Members
    -------
    decision : ``{label, exit, confidence}`` of one sample, in the order of ``token``
    token : the samples that reach this exit
    result : ``{token, label, confidence}`` of samples that leave; with ``anytime`` of all samples, and ``final``, set for those that leave
    keep : 1 to keep the frame, 0 to drop it (not with ``last``)
    passed : tokens of samples that go on (not with ``last``)
    taken : high in each cycle in which a sample leaves here
    """

    def __init__(self, *, token: data.StructLayout, label_bits: int, confidence_bits: int, last: bool, anytime: bool = False) -> None:
        self.last = last
        self.anytime = anytime
        decision = data.StructLayout({"label": label_bits, "exit": 1, "confidence": confidence_bits})
        result = result_layout(token, label_bits=label_bits, confidence_bits=confidence_bits, anytime=anytime)
        members = {
            "decision": In(stream.Signature(decision)),
            "token": In(stream.Signature(token)),
            "result": Out(stream.Signature(result)),
            "taken": Out(1),
        }
        if not last:
            members |= {"keep": Out(stream.Signature(1)), "passed": Out(stream.Signature(token))}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        both = self.decision.valid & self.token.valid
        m.d.comb += [
            self.result.payload.token.eq(self.token.payload),
            self.result.payload.label.eq(self.decision.payload.label),
            self.result.payload.confidence.eq(self.decision.payload.confidence),
        ]
        leaves = Const(1) if self.last else self.decision.payload.exit
        answered = self.result.valid & self.result.ready
        m.d.comb += self.taken.eq(answered & leaves if self.anytime else answered)
        if self.anytime:
            m.d.comb += self.result.payload.final.eq(leaves)
        if self.last:
            m.d.comb += [
                self.result.valid.eq(both),
                self.decision.ready.eq(self.result.ready & self.token.valid),
                self.token.ready.eq(self.result.ready & self.decision.valid),
            ]
            return m
        # When a result may be offered, and when a token, as far as the other one of the two is concerned.
        if self.anytime:
            gives, goes_on = leaves | self.passed.ready, ~leaves & self.result.ready
            target_ready = self.result.ready & (leaves | self.passed.ready)
        else:
            gives, goes_on = leaves, ~leaves
            target_ready = (leaves & self.result.ready) | (~leaves & self.passed.ready)
        m.d.comb += [
            self.keep.payload.eq(~leaves),
            self.passed.payload.eq(self.token.payload),
            self.keep.valid.eq(both & target_ready),
            self.result.valid.eq(both & gives & self.keep.ready),
            self.passed.valid.eq(both & goes_on & self.keep.ready),
            self.decision.ready.eq(self.token.valid & self.keep.ready & target_ready),
            self.token.ready.eq(self.decision.valid & self.keep.ready & target_ready),
        ]
        return m
