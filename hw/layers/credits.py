"""Credits for what a pipeline that nothing stops may still send into the FIFO at its end."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Credits"]


class Credits(wiring.Component):
    """As many credits as beats that a FIFO holds: one is taken with what will become a beat, and comes back as that beat leaves.

    Latency: what comes back can be taken 1 cycle later. Throughput: one taken and one back a cycle. Reset: all are there. ``credit`` is
    a register.

    Parameters
    ----------
    count : credits, at least 1 (else ValueError)

    Members
    -------
    take : one is taken; only with ``credit``
    back : one comes back; only while one is out
    credit : there is one
    """

    def __init__(self, count: int) -> None:
        if count < 1:
            raise ValueError(f"count must be at least 1, not {count}")
        self.count = count
        super().__init__({"take": In(1), "back": In(1), "credit": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left = Signal(range(self.count + 1), init=self.count)
        with m.If(self.take & ~self.back):
            m.d.sync += [left.eq(left - 1), self.credit.eq(left != 1)]
        with m.Elif(self.back & ~self.take):
            m.d.sync += [left.eq(left + 1), self.credit.eq(1)]
        return m
