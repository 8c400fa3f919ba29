"""A fixed delay, counted in steps."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["DelayLine"]


class DelayLine(wiring.Component):
    """Remembers the last ``depth`` values: at each step ``q`` is the ``d`` of ``depth`` steps ago.

    Nothing moves between steps. ``q`` is registered and depends on no input. Reset: starts a new count of steps but clears nothing:
    ``q`` has no meaning until ``depth`` steps after it.

    Parameters
    ----------
    width : bits of a value, at least 1
    depth : steps of delay, at least 1; from 2 on a memory that is read synchronously

    Members
    -------
    step : high to take ``d`` and move on
    d : value of this step
    q : value of ``depth`` steps before this one
    """

    def __init__(self, width: int, depth: int) -> None:
        if width < 1:
            raise ValueError(f"width must be at least 1, not {width}")
        if depth < 1:
            raise ValueError(f"depth must be at least 1, not {depth}")
        self.width = width
        self.depth = depth
        super().__init__({"step": In(1), "d": In(width), "q": Out(width)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if self.depth == 1:
            with m.If(self.step):
                m.d.sync += self.q.eq(self.d)
            return m
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.depth, init=[])
        write = memory.write_port()
        read = memory.read_port()
        after = Signal(range(self.depth))
        m.d.comb += [
            after.eq(Mux(write.addr == self.depth - 1, 0, write.addr + 1)),
            write.en.eq(self.step),
            write.data.eq(self.d),
            read.en.eq(self.step),
            read.addr.eq(after),
            self.q.eq(read.data),
        ]
        with m.If(self.step):
            m.d.sync += write.addr.eq(after)
        return m
