"""One stream to several consumers."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["StreamFork"]


class StreamFork(wiring.Component):
    """Gives every beat to each of several consumers, exactly once and in order.

    Eager: a consumer that is ready takes a beat without waiting for the others, and is not offered it again. The beat leaves the input
    in the cycle in which its last consumer takes it; consumers that take it together, or that took it before, all count.

    Latency: 0 cycles. Throughput: one beat a cycle while all consumers are ready. Reset: forgets who has taken the beat on offer.
    ``i.ready`` depends combinationally on every ``o[n].ready``; ``o[n].valid`` depends on no ready.

    Parameters
    ----------
    width : bits of a beat, at least 1
    outputs : number of consumers, at least 1

    Members
    -------
    i : beats
    o : the same beats, one stream for each consumer
    """

    def __init__(self, width: int, outputs: int = 2) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        if outputs < 1:
            raise ValueError(f"outputs must be at least 1, not {outputs}")
        self.width = width
        self.outputs = outputs
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width)).array(outputs)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        taken = Signal(self.outputs)
        done = Signal(self.outputs)
        for n, output in enumerate(self.o):
            m.d.comb += [
                output.payload.eq(self.i.payload),
                output.valid.eq(self.i.valid & ~taken[n]),
                done[n].eq(taken[n] | output.ready),
            ]
        m.d.comb += self.i.ready.eq(done.all())
        with m.If(self.i.valid):
            m.d.sync += taken.eq(Mux(self.i.ready, 0, done))
        return m
