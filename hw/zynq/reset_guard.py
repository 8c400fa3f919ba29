"""Registers that answer while what has them is in reset."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.axi_lite import AxiLiteSignature

__all__ = ["ResetGuard"]


class ResetGuard(wiring.Component):
    """Stands before the registers of a unit, resets the unit on demand, and answers for it meanwhile.

    An access that a unit in reset takes it forgets, and one that is not answered freezes the processor. So the guard lets no access begin
    once ``hold`` has changed, and resets the unit, or takes its place no more, when those under way are answered: it asks of ``inner`` to
    answer each access in bounded time. While the unit is in reset, reads give 0, writes change nothing, and every answer is OKAY, as at
    an address without a register: an error on the bus may stop the whole processor. :attr:`missed` tells of them.

    An access passes as it is, without a cycle between, one read and one write at a time. Latency: 2 cycles from ``hold`` to ``rst_n``, 1
    back, where no access is under way; in the unit's place an answer is there 1 cycle after the later of address and data was taken. A
    hold shorter than that may go unnoticed. Reset: the unit is in reset, until the cycle after. Offers out depend combinationally on
    those in, as do readies.

    Parameters
    ----------
    addr_width : bits of an address

    Members
    -------
    hold : In(1), the unit shall be in reset
    rst_n : Out(1), the unit's reset, active low, from a register
    missed : Out(1), an access is answered in the unit's place
    bus : In(AxiLiteSignature(addr_width)), the manager's side
    inner : Out(AxiLiteSignature(addr_width)), the unit's registers, which ``rst_n`` resets too
    """

    def __init__(self, addr_width: int) -> None:
        self.addr_width = addr_width
        super().__init__({"hold": In(1), "rst_n": Out(1), "missed": Out(1),
                          "bus": In(AxiLiteSignature(addr_width)), "inner": Out(AxiLiteSignature(addr_width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus, inner = self.bus, self.inner
        instead = Signal(init=1)  # the guard answers; the unit is in reset for a part of that time
        reading, addressed, filled = Signal(), Signal(), Signal()  # what was taken and is not answered
        waits = Signal(3)  # on offer to the unit, and not taken
        turns = Signal()
        m.d.comb += turns.eq(self.hold != instead)
        idle = ~(reading | addressed | filled | waits.any())
        with m.If(turns & idle):
            m.d.sync += instead.eq(self.hold)
        # The unit is out of reset when the first access may reach it.
        m.d.sync += self.rst_n.eq(~(instead & self.hold))
        m.d.comb += self.missed.eq(instead & (reading | addressed | filled))

        # Half a write is waited for; whoever began it is to go on.
        writing = addressed | filled | waits[1:].any()
        for waiting, channel, taken, begun in zip(waits, ("ar", "aw", "w"), (reading, addressed, filled), (waits[0], writing, writing),
                                                  strict=True):
            opened = (~turns | begun) & ~taken
            offered, ready = getattr(bus, f"{channel}valid"), getattr(bus, f"{channel}ready")
            m.d.comb += [
                getattr(inner, f"{channel}valid").eq(offered & opened & ~instead),
                ready.eq(opened & (instead | getattr(inner, f"{channel}ready"))),
            ]
            m.d.sync += waiting.eq(getattr(inner, f"{channel}valid") & ~getattr(inner, f"{channel}ready"))
            with m.If(offered & ready):
                m.d.sync += taken.eq(1)
        for channel, asked, answered in (("r", reading, [reading]), ("b", addressed & filled, [addressed, filled])):
            there, ready = getattr(bus, f"{channel}valid"), getattr(bus, f"{channel}ready")
            m.d.comb += [
                there.eq(asked & (instead | getattr(inner, f"{channel}valid"))),
                getattr(inner, f"{channel}ready").eq(ready & asked),
                getattr(bus, f"{channel}resp").eq(getattr(inner, f"{channel}resp") & (~instead).replicate(2)),
            ]
            with m.If(there & ready):
                m.d.sync += [taken.eq(0) for taken in answered]
        m.d.comb += [
            inner.araddr.eq(bus.araddr), inner.awaddr.eq(bus.awaddr), inner.wdata.eq(bus.wdata), inner.wstrb.eq(bus.wstrb),
            bus.rdata.eq(inner.rdata & (~instead).replicate(32)),
        ]
        return m
