"""Keeps a promise across a reset: a beat that was on offer stays on offer."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["OfferHold"]


class OfferHold(wiring.Component):
    """Stands at the end of a stream whose units are reset without the consumer: AXI4-Stream forbids to take an offered beat back.

    Passes beats through. A beat that is on offer and not taken in a cycle with ``cut`` is kept, and stays on offer, as it is, until it is
    taken or discarded; meanwhile ``pending`` is high and no other beat passes. So between ``cut`` and the next beat of the source, which
    whoever resets it holds back with ``closed``, the consumer sees that one beat at most.

    Latency: 0 cycles (combinational). Throughput: one beat a cycle. Reset: nothing is kept. ``cut`` while a beat is kept changes nothing.
    ``cut`` and ``discard`` together keep nothing: what is on offer then is gone in the next cycle. ``discard`` alone drops what is kept,
    and nothing else; a beat that is taken in the same cycle was taken.

    Parameters
    ----------
    width : bits of a beat, at least 1

    Members
    -------
    i, o : beats in and out, ``unsigned(width)``
    cut : high in the last cycle in which ``i`` is what it was before the reset
    closed : high while nothing of ``i`` counts
    discard : high for one cycle; breaks the promise, so the consumer must be in reset
    pending : a beat of before is on offer
    """

    def __init__(self, width: int) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        self.width = width
        super().__init__({
            "i": In(stream.Signature(width)),
            "o": Out(stream.Signature(width)),
            "cut": In(1),
            "closed": In(1),
            "discard": In(1),
            "pending": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        kept = Signal(self.width)
        opened = Signal()
        m.d.comb += [
            opened.eq(~self.pending & ~self.closed),
            self.o.valid.eq(self.pending | (self.i.valid & opened)),
            self.o.payload.eq(Mux(self.pending, kept, self.i.payload)),
            self.i.ready.eq(self.o.ready & opened),
        ]
        with m.If(self.discard | (self.pending & self.o.ready)):
            m.d.sync += self.pending.eq(0)
        with m.Elif(self.cut & self.o.valid & ~self.o.ready):
            m.d.sync += self.pending.eq(1)
        with m.If(self.cut & ~self.pending):
            m.d.sync += kept.eq(self.i.payload)
        return m
