"""A small queue between two points of one pipeline."""

from typing import Any

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Ring"]


class Ring(wiring.Component):
    """A queue without flags, for a user who knows by construction that it never over- or underflows.

    Holds at least ``depth`` items (rounded up to a power of two). An item can be read from the cycle after its push. A reset empties it.

    Members
    -------
    push : In(1)
        Appends ``w_data``.
    w_data : In(shape)
        The item.
    pop : In(1)
        Drops the oldest item.
    r_data : Out(shape)
        The oldest item.
    """

    def __init__(self, *, shape: Shape, depth: int) -> None:
        self.shape = shape
        self.depth = 1 << max(1, (depth - 1).bit_length())
        super().__init__({"push": In(1), "w_data": In(shape), "pop": In(1), "r_data": Out(shape)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.items = items = Memory(shape=self.shape, depth=self.depth, init=[])
        write, read = items.write_port(), items.read_port(domain="comb")
        head, tail = Signal(range(self.depth)), Signal(range(self.depth))
        m.d.sync += [tail.eq(tail + self.push), head.eq(head + self.pop)]
        m.d.comb += [
            write.addr.eq(tail), write.en.eq(self.push), write.data.eq(self.w_data),
            read.addr.eq(head), self.r_data.eq(read.data),
        ]
        return m
