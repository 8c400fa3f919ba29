"""A FIFO of any depth."""

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Fifo"]

DISTRIBUTED = 64
"""The deepest FIFO that reads its memory asynchronously: 64 rows are one LUT RAM."""


class Fifo(wiring.Component):
    """Holds up to ``depth`` beats and hands them on in order.

    A beat may enter and another leave in the same cycle at any level between; a full FIFO takes a new beat in the cycle after one
    left (with ``depth=1`` in the same cycle). The output is registered.

    Latency: 1 cycle, 2 cycles above 64 beats (the memory is then read synchronously, so that it maps to block RAM). Throughput: one beat
    a cycle. Reset: empties it. For ``depth >= 2`` no output depends combinationally on an input; for ``depth=1``, ``i.ready`` depends
    on ``o.ready``.

    Parameters
    ----------
    width : bits of a beat, at least 1
    depth : beats it holds, its output register included, at least 1

    Members
    -------
    i : beats in
    o : beats out
    level : beats held, from 0 to ``depth``
    """

    def __init__(self, width: int, depth: int) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        self.width = width
        self.depth = depth
        super().__init__({
            "i": In(stream.Signature(width)),
            "o": Out(stream.Signature(width)),
            "level": Out(range(depth + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        push = Signal()
        pop = Signal()
        m.d.comb += [push.eq(self.i.valid & self.i.ready), pop.eq(self.o.valid & self.o.ready)]
        m.d.sync += self.level.eq(self.level + push - pop)
        m.d.comb += self.i.ready.eq(self.level != self.depth)
        if self.depth == 1:
            m.d.comb += [self.o.valid.eq(self.level), self.i.ready.eq(~self.level | self.o.ready)]
            with m.If(push):
                m.d.sync += self.o.payload.eq(self.i.payload)
        elif self.depth == 2:
            self._skid(m, push)
        else:
            self._ring(m, push)
        return m

    def _skid(self, m: Module, push: Signal) -> None:
        spare = Signal(self.width)
        m.d.comb += self.o.valid.eq(self.level != 0)
        with m.If(push):
            m.d.sync += spare.eq(self.i.payload)
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.payload.eq(Mux(self.level == 2, spare, self.i.payload))

    def _ring(self, m: Module, push: Signal) -> None:
        """The output register is one of the beats held; the others wait in a memory."""
        distributed = self.depth <= DISTRIBUTED
        rows = self.depth - 1 if distributed else self.depth
        m.submodules.memory = memory = Memory(shape=self.width, depth=rows, init=[])
        write = memory.write_port()
        read = memory.read_port(domain="comb" if distributed else "sync")
        stored = Signal(range(rows + 1))
        load = Signal()
        take = Signal()

        def step(pointer: Signal) -> Value:
            return Mux(pointer == rows - 1, 0, pointer + 1)

        m.d.comb += [
            load.eq(~self.o.valid | self.o.ready),
            take.eq(load & (stored != 0)),
            write.data.eq(self.i.payload),
        ]
        m.d.sync += stored.eq(stored + write.en - take)
        with m.If(write.en):
            m.d.sync += write.addr.eq(step(write.addr))
        with m.If(take):
            m.d.sync += read.addr.eq(step(read.addr))
        if distributed:
            m.d.comb += write.en.eq(push & ~(load & (stored == 0)))
            with m.If(load):
                m.d.sync += [
                    self.o.valid.eq(take | push),
                    self.o.payload.eq(Mux(stored != 0, read.data, self.i.payload)),
                ]
        else:
            m.d.comb += [write.en.eq(push), read.en.eq(take), self.o.payload.eq(read.data)]
            with m.If(load):
                m.d.sync += self.o.valid.eq(take)
