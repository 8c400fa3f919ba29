"""Takes the consumer's word out of the producer's way."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Skid"]


class Skid(wiring.Component):
    """Passes beats through, and keeps one that the consumer does not take at once, so that ``i.ready`` comes from a register.

    Latency: 0 cycles (combinational). Throughput: one beat a cycle. A beat that is on offer while ``o`` is not ready is taken into the one
    place there is; ``i.ready`` is low from the next cycle on until that beat has left, and the next beat passes in the cycle after.
    Reset: nothing is kept. ``o`` depends combinationally on ``i.valid`` and ``i.payload``; ``i.ready`` on nothing.

    Parameters
    ----------
    width : bits of a beat, at least 1

    Members
    -------
    i, o : beats in and out, ``unsigned(width)``
    """

    def __init__(self, width: int) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        self.width = width
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # The register is what the producer sees, with no gate between.
        kept, empty = Signal(self.width, reset_less=True), Signal(init=1)
        m.d.comb += [
            self.i.ready.eq(empty),
            self.o.valid.eq(self.i.valid | ~empty),
            self.o.payload.eq(Mux(empty, self.i.payload, kept)),
        ]
        m.d.sync += empty.eq(~self.o.valid | self.o.ready)
        # Whatever is on the input, needed or not: when it is, nothing has come after it.
        with m.If(empty):
            m.d.sync += kept.eq(self.i.payload)
        return m
