"""Where the next burst of a transfer begins, and how long it is."""

from math import log2
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.zynq.axi3 import LONGEST_BURST, Burst

__all__ = ["BEAT_BITS", "BurstWindows", "fixed"]

BEAT_BITS = 64
"""Bits of a beat at an HP port."""

# Whole beats of 8 bytes; normal, secure and unprivileged accesses to data; cacheable and bufferable, do not allocate (ARM IHI 0022C,
# chapters 4 and 5).
_FIXED = {"id": 0, "size": 3, "burst": Burst.INCR, "lock": 0, "cache": 0b0011, "prot": 0, "qos": 0}


def fixed(axi: Any, channel: str) -> list[Any]:
    """What the members of ``channel`` (``ar`` or ``aw``) are that are the same for all bursts."""
    return [getattr(axi, f"{channel}{name}").eq(value) for name, value in _FIXED.items()]


class BurstWindows(wiring.Component):
    """Parts memory into windows of a longest burst: a burst ends where its window ends, or the transfer.

    So no burst goes beyond an aligned block of 4096 bytes (:data:`hw.zynq.axi3.PAGE`). A transfer may begin in the middle of a window: its
    first burst has half the beats then.

    Latency: 1 cycle from ``load`` or ``step`` to ``address``; ``len`` depends combinationally on ``upto``. Reset: address 0.
    ``load`` and ``step`` do not come together.

    Parameters
    ----------
    burst : beats of 8 bytes of a burst at most: 4, 8 or 16

    Members
    -------
    load, first : from the next cycle on, a transfer begins at ``first``; bits below half a window (64 bytes for 16 beats) are taken as 0
    step : the next window's turn
    upto : the burst's last beat, counted from 0 at the beginning of its window; in a first half window only its upper half
    address, len : of the burst, as AXI has them: ``len`` is beats less 1
    """

    def __init__(self, burst: int = LONGEST_BURST) -> None:
        if burst not in (4, 8, LONGEST_BURST):
            raise ValueError(f"burst must be 4, 8 or {LONGEST_BURST}, not {burst}")
        self.burst = burst
        self.beat_bits = int(log2(burst))
        self.aligned_bits = int(log2(burst * BEAT_BITS // 8 // 2))
        """Bits of an address below half a window."""
        super().__init__({"load": In(1), "first": In(32), "step": In(1), "upto": In(self.beat_bits), "address": Out(32), "len": Out(4)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        low = self.aligned_bits
        half = Signal()  # the burst begins in the middle of its window
        window = Signal(32 - low - 1)
        m.d.comb += [
            self.address.eq(Cat(Const(0, low), half, window)),
            self.len.eq(Cat(self.upto[:-1], self.upto[-1] & ~half)),
        ]
        with m.If(self.load | self.step):
            m.d.sync += [half.eq(self.load & self.first[low]), window.eq(Mux(self.load, self.first[low + 1:], window) + self.step)]
        return m
