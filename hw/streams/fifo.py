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
    looks_ahead : whether it tells what comes next; only for ``depth`` from 3 to 64

    Members
    -------
    i : beats in
    o : beats out
    level : beats held, from 0 to ``depth``
    coming, coming_payload : with ``looks_ahead``, whether and what ``o`` offers in the next cycle if what it offers now, if anything, is
        taken; combinationally from ``i``
    """

    def __init__(self, width: int, depth: int, *, looks_ahead: bool = False) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        if looks_ahead and not 2 < depth <= DISTRIBUTED:
            raise ValueError(f"depth must be from 3 to {DISTRIBUTED} to look ahead, not {depth}")
        self.width = width
        self.depth = depth
        self.looks_ahead = looks_ahead
        super().__init__({
            "i": In(stream.Signature(width)),
            "o": Out(stream.Signature(width)),
            "level": Out(range(depth + 1)),
            **({"coming": Out(1), "coming_payload": Out(width)} if looks_ahead else {}),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        push = Signal()
        pop = Signal()
        m.d.comb += [push.eq(self.i.valid & self.i.ready), pop.eq(self.o.valid & self.o.ready)]
        # ``o.ready`` often comes late: it decides whether the level and what is told of it change, not what they become.
        full = Signal()
        some = Signal()
        several = Signal()  # two or more
        with m.If(push ^ pop):
            m.d.sync += [
                self.level.eq(Mux(push, self.level + 1, self.level - 1)),
                full.eq(push & (self.level == self.depth - 1)),
                some.eq(push | (self.level != 1)),
                several.eq(Mux(push, self.level != 0, self.level > 2)),
            ]
        m.d.comb += self.i.ready.eq(~full)
        if self.depth == 1:
            m.d.comb += [self.o.valid.eq(full), self.i.ready.eq(~full | self.o.ready)]
            with m.If(push):
                m.d.sync += self.o.payload.eq(self.i.payload)
        elif self.depth == 2:
            self._skid(m, push, some)
        else:
            self._ring(m, push, some, several)
        return m

    def _skid(self, m: Module, push: Signal, some: Signal) -> None:
        spare = Signal(self.width)
        m.d.comb += self.o.valid.eq(some)
        with m.If(push):
            m.d.sync += spare.eq(self.i.payload)
        with m.If(~some | self.o.ready):
            m.d.sync += self.o.payload.eq(Mux(self.level[1], spare, self.i.payload))

    def _ring(self, m: Module, push: Signal, some: Signal, several: Signal) -> None:
        """The output register is one of the beats held; the others wait in a memory."""
        distributed = self.depth <= DISTRIBUTED
        rows = self.depth - 1 if distributed else self.depth
        m.submodules.memory = memory = Memory(shape=self.width, depth=rows, init=[])
        write = memory.write_port()
        read = memory.read_port(domain="comb" if distributed else "sync")
        load = Signal()
        stored = Signal()  # the memory holds a beat

        def step(pointer: Signal) -> Value:
            return Mux(pointer == rows - 1, 0, pointer + 1)

        m.d.comb += [
            load.eq(~self.o.valid | self.o.ready),
            # Read asynchronously, the memory is empty whenever the output register is.
            stored.eq(several if distributed else several | (some & ~self.o.valid)),
            write.en.eq(push),
            write.data.eq(self.i.payload),
        ]
        with m.If(push):
            m.d.sync += write.addr.eq(step(write.addr))
        # A beat that goes past the memory is written too, and its row skipped.
        with m.If(load & (stored | push) if distributed else load & stored):
            m.d.sync += read.addr.eq(step(read.addr))
        if distributed:
            coming, payload = stored | push, Mux(stored, read.data, self.i.payload)
            if self.looks_ahead:
                m.d.comb += [self.coming.eq(coming), self.coming_payload.eq(payload)]
            with m.If(load):
                m.d.sync += [self.o.valid.eq(coming), self.o.payload.eq(payload)]
        else:
            m.d.comb += [read.en.eq(load & stored), self.o.payload.eq(read.data)]
            m.d.sync += self.o.valid.eq(stored | (self.o.valid & ~self.o.ready))
