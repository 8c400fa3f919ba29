"""When a transfer between a stream and memory begins, is aborted and is over, and what went wrong in it."""

from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.enum import Enum
from amaranth.lib.wiring import In, Out

from hw.zynq.axi3 import Response

__all__ = ["Fault", "Transfer"]


class Fault(Enum, shape=2):  # type: ignore[call-arg]
    """What went wrong. ``REFUSED``: nothing was begun. The others: memory's answer; the transfer went on to its end all the same."""

    NONE = 0
    REFUSED = 1
    SLVERR = 2
    DECERR = 3


class Transfer(wiring.Component):
    """One transfer after the other.

    ``start`` begins one if none is under way, nothing is aborted in the same cycle, no bit of ``misplaced`` is set and ``length`` is not 0;
    for either of the last two it is refused, which :attr:`error` tells; otherwise it is ignored. ``abort`` while one is under way makes it
    end early: ``aborting`` is high from the next cycle on until it is over.

    Latency: 1 cycle from ``start`` to ``busy`` and ``error``. Reset: no transfer, no error. ``begins``, ``stops`` and ``goes_on`` depend
    combinationally on inputs; ``busy``, ``aborting`` and ``error`` on nothing.

    Parameters
    ----------
    address_bits : those bits of an address that must be 0
    length_bits : bits of a length

    Members
    -------
    start, misplaced, length, abort : from whoever wants the transfer; all but ``abort`` are read in the cycle of ``start`` alone
    over : nothing of it is outstanding any more; for one that is under way
    answered, response : memory answers in this cycle, and how
    begins : a transfer is under way from the next cycle on
    stops : one is under way and is, or shall be, aborted
    goes_on : one is under way and is not, and shall not be
    busy, aborting : one is under way; and is aborted
    error : :class:`Fault`, the last one since the last ``start`` that was not ignored
    """

    def __init__(self, address_bits: int, length_bits: int) -> None:
        self.address_bits = address_bits
        self.length_bits = length_bits
        super().__init__({
            "start": In(1), "misplaced": In(address_bits), "length": In(length_bits), "abort": In(1),
            "over": In(1), "answered": In(1), "response": In(Response),
            "begins": Out(1), "stops": Out(1), "goes_on": Out(1), "busy": Out(1), "aborting": Out(1), "error": Out(Fault),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        stopped = self.abort | self.aborting
        looked_at = self.start & ~self.busy & ~self.abort
        good = (self.misplaced == 0) & (self.length != 0)
        m.d.comb += [
            self.begins.eq(looked_at & good),
            self.stops.eq(self.busy & stopped),
            self.goes_on.eq(self.busy & ~stopped),
        ]
        with m.If(looked_at):
            m.d.sync += [self.busy.eq(good), self.error.eq(Mux(good, Fault.NONE, Fault.REFUSED))]
        with m.If(self.busy):
            m.d.sync += [self.busy.eq(~self.over), self.aborting.eq(stopped & ~self.over)]
        with m.If(self.answered & self.response.as_value()[1]):
            m.d.sync += self.error.eq(self.response.as_value())
        return m
