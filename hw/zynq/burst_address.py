"""Where the beats of an AXI3 burst go."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.zynq.axi3 import PAGE, Burst

__all__ = ["BurstAddress"]

_CHANGES = (PAGE - 1).bit_length()
"""Address bits that differ between beats of a burst."""
_WRAPS = 6
"""Address bits that differ between beats of a wrapping burst: 16 beats of 4 bytes."""


class BurstAddress(wiring.Component):
    """The addresses of a burst's beats of up to 4 bytes, one after the other (ARM IHI 0022C, section 4.5).

    Latency: from the cycle after ``start`` on ``address`` is that of the first beat, from the cycle after each ``step`` on that of the
    next. Throughput: a step a cycle. ``start`` goes before ``step``. Reset: until the next ``start`` the members out mean nothing.

    The first address is that of the burst, aligned or not; those after it are aligned to the size of a beat, but for FIXED, which stays.
    A burst that would leave its aligned 4 KiB, which AXI forbids, goes on at their beginning. Other values that AXI forbids are taken as
    allowed ones: ``size`` 3 as 2, burst 3 as INCR. A WRAP of a length that AXI forbids stays in 64 bytes.

    Members
    -------
    start : In(1), high in the cycle in which the burst's members below hold
    addr, len, size, burst : In, as on the bus
    step : In(1), the next beat's turn
    address : Out(32), of the beat
    last : Out(1), the beat is the burst's last
    """

    def __init__(self) -> None:
        super().__init__({"start": In(1), "addr": In(32), "len": In(4), "size": In(2), "burst": In(Burst), "step": In(1),
                          "address": Out(32), "last": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        left = Signal(4, reset_less=True)
        # Ones in the places that a beat's own bytes are counted in, and in those that may differ from the address before.
        within, around, beyond = Signal(2, reset_less=True), Signal(_WRAPS, reset_less=True), Signal(reset_less=True)
        wrap = Signal(_WRAPS)
        with m.Switch(self.size):
            with m.Case(0):
                m.d.comb += wrap.eq(self.len)
            with m.Case(1):
                m.d.comb += wrap.eq(self.len << 1 | 0b1)
            with m.Default():
                m.d.comb += wrap.eq(self.len << 2 | 0b11)
        following = Signal(_CHANGES)
        m.d.comb += following.eq((self.address[:_CHANGES] | within) + 1)
        m.d.comb += self.last.eq(left == 0)
        with m.If(self.start):
            m.d.sync += [self.address.eq(self.addr), left.eq(self.len), within.eq(Cat(self.size.any(), self.size[1]))]
            with m.Switch(self.burst):
                with m.Case(Burst.FIXED):
                    m.d.sync += [around.eq(0), beyond.eq(0)]
                with m.Case(Burst.WRAP):
                    m.d.sync += [around.eq(wrap), beyond.eq(0)]
                with m.Default():
                    m.d.sync += [around.eq(-1), beyond.eq(1)]
        with m.Elif(self.step):
            changes = Cat(around, beyond.replicate(_CHANGES - _WRAPS))
            m.d.sync += [left.eq(left - 1), *(self.address[bit].eq(Mux(changes[bit], following[bit], self.address[bit]))
                                              for bit in range(_CHANGES))]
        return m
