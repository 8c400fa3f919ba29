"""AXI3 as the ports of a Zynq-7000's processing system have it (ARM IHI 0022C; Xilinx UG585, chapter 5)."""

from typing import Any

from amaranth.lib import wiring
from amaranth.lib.enum import Enum
from amaranth.lib.wiring import In, Out

__all__ = ["LONGEST_BURST", "PAGE", "Axi3Signature", "Burst", "Response"]

LONGEST_BURST = 16
"""Beats of a burst at most."""
PAGE = 4096
"""Bytes of an aligned block of addresses that no burst goes beyond."""


class Burst(Enum, shape=2):  # type: ignore[call-arg]
    """How addresses follow each other in a burst."""

    FIXED = 0
    INCR = 1
    WRAP = 2


class Response(Enum, shape=2):  # type: ignore[call-arg]
    """The answer to a beat that was read, or to a burst that was written."""

    OKAY = 0
    EXOKAY = 1
    SLVERR = 2
    DECERR = 3


class Axi3Signature(wiring.Signature):
    """AXI3 as the manager sees it; ``reads`` and ``writes``: whether it has the channels for these.

    Parameters
    ----------
    data_bits : bits of a beat: 32 or 64 at the processing system
    id_bits : bits of an ID: 6 at its HP ports, 12 at its GP ports
    reads, writes : at least one of them

    Members: those of the standard in lower case, ``arid`` to ``bready``; widths are those of the PS7 primitive (``len`` 4, ``size`` 2 bits,
    the standard's third being 0, ``lock`` 2).
    """

    def __init__(self, data_bits: int, id_bits: int, *, reads: bool = True, writes: bool = True) -> None:
        if data_bits not in (32, 64):
            raise ValueError(f"data_bits must be 32 or 64, not {data_bits}")
        if id_bits < 1:
            raise ValueError(f"id_bits must be at least 1, not {id_bits}")
        if not (reads or writes):
            raise ValueError("reads or writes must be true")
        self.data_bits = data_bits
        self.id_bits = id_bits
        self.reads = reads
        self.writes = writes
        members: dict[str, Any] = {}
        if reads:
            members |= self._address("ar") | {
                "rid": In(id_bits), "rdata": In(data_bits), "rresp": In(Response), "rlast": In(1), "rvalid": In(1), "rready": Out(1),
            }
        if writes:
            members |= self._address("aw") | {
                "wid": Out(id_bits), "wdata": Out(data_bits), "wstrb": Out(data_bits // 8), "wlast": Out(1), "wvalid": Out(1),
                "wready": In(1), "bid": In(id_bits), "bresp": In(Response), "bvalid": In(1), "bready": Out(1),
            }
        super().__init__(members)

    def _address(self, channel: str) -> dict[str, Any]:
        widths: dict[str, Any] = {"id": self.id_bits, "addr": 32, "len": 4, "size": 2, "burst": Burst, "lock": 2, "cache": 4, "prot": 3,
                                  "qos": 4, "valid": 1}
        return {**{f"{channel}{name}": Out(width) for name, width in widths.items()}, f"{channel}ready": In(1)}
