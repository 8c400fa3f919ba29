"""Where results of an exit wait for the merge, and for their batch."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.placing import place
from hw.streams.fifo import DISTRIBUTED, Fifo

__all__ = ["ResultQueue"]

_FRONT = 3
"""Places of the FIFO whose next beat is known, where the whole is too deep for that."""


class ResultQueue(wiring.Component):
    """Holds up to ``depth`` results of one exit and offers them in order, each only while its batch is going on.

    The batch that is going on is number 0 after a reset, and with each cycle of ``ends`` the next one from the following cycle on. Whether
    a result is of it is found out a cycle ahead, with the one that comes next, so that the merge need not compare anything.

    Latency: 1 cycle, of a result whose batch is going on by then (at most 3 cycles with ``depth`` above 64). Throughput: one result a
    cycle, over the end of a batch too. Reset: empties it. No output depends combinationally on an input.

    Parameters
    ----------
    result : layout of a result (:func:`hw.exits.router.result_layout`); its ``token`` tells its ``batch``
    depth : results it holds, at least 3

    Members
    -------
    i, o : results in and out
    ends : high for one cycle with the last result of a batch: one that is taken in this cycle or was before, of whichever exit
    level : results held, from 0 to ``depth``
    """

    def __init__(self, result: data.StructLayout, depth: int) -> None:
        if depth < _FRONT:
            raise ValueError(f"depth must be at least {_FRONT}, not {depth}")
        self.result = result
        self.depth = depth
        super().__init__({
            "i": In(stream.Signature(result)), "o": Out(stream.Signature(result)), "ends": In(1), "level": Out(range(depth + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        deep = self.depth > DISTRIBUTED
        front = place(m, "front", Fifo(self.result.size, _FRONT if deep else self.depth, looks_ahead=True))
        first = front
        if deep:
            first = place(m, "back", Fifo(self.result.size, self.depth - _FRONT))
            wiring.connect(m, first.o, front.i)
        m.d.comb += [
            first.i.valid.eq(self.i.valid), first.i.payload.eq(self.i.payload.as_value()), self.i.ready.eq(first.i.ready),
            self.level.eq(front.level + first.level if deep else front.level),
        ]

        batch, following = Signal(len(self.o.payload.token.batch)), Signal(len(self.o.payload.token.batch), init=1)
        with m.If(self.ends):
            m.d.sync += [batch.eq(following), following.eq(following + 1)]

        # Whether the first result will be of a batch: of the one going on, or of the next if ``ends``; if the first one now is taken, or
        # not. These two words are late, and only choose, in the next cycle.
        takes = self.o.valid & self.o.ready
        took, ended = Signal(), Signal()
        m.d.sync += [took.eq(takes), ended.eq(self.ends)]

        def first_of(number: Value, name: str) -> Value:
            came, here = (data.View(self.result, payload).token.batch == number for payload in (front.coming_payload, front.o.payload))
            if_taken, else_ = Signal(name=f"{name}_if_taken"), Signal(name=f"{name}_else")
            m.d.sync += [if_taken.eq(front.coming & came), else_.eq(Mux(front.o.valid, here, front.coming & came))]
            return Mux(took, if_taken, else_)

        m.d.comb += self.o.valid.eq(Mux(ended, first_of(following, "of_next"), first_of(batch, "of_this")))
        m.d.comb += [self.o.payload.as_value().eq(front.o.payload), front.o.ready.eq(takes)]
        return m
