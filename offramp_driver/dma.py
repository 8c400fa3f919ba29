"""AXI DMA in direct register mode, as AMD's product guide PG021 describes it (register space; programming sequence of that mode).

PYNQ's own driver waits for an end without any limit and cannot reset the engine, so the few registers are written here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from offramp_driver.errors import DmaError

__all__ = ["MM2S", "S2MM", "Channel", "Dma", "Registers"]

MM2S, S2MM = 0x00, 0x30
"""Where the registers of the two channels begin: from memory into a stream, and out of a stream into memory."""

CONTROL, STATUS, ADDRESS, ADDRESS_MSB, LENGTH = 0x00, 0x04, 0x18, 0x1C, 0x28
RUN, RESET = 1 << 0, 1 << 2
HALTED = 1 << 0
INTERNAL_ERROR, SLAVE_ERROR, DECODE_ERROR = 1 << 4, 1 << 5, 1 << 6
COMPLETE, DELAYED, FAILED = 1 << 12, 1 << 13, 1 << 14
ERRORS = {
    INTERNAL_ERROR: "an internal error: a packet longer than the buffer, a length of 0, or an access to memory failed",
    SLAVE_ERROR: "a slave error: memory answered with an error",
    DECODE_ERROR: "a decode error: there is no memory at that address",
}
_LOOKS = 100


class Registers(Protocol):
    """What ``pynq.MMIO`` offers: 32-bit registers at byte offsets."""

    def read(self, offset: int) -> int: ...
    def write(self, offset: int, value: int) -> None: ...


class Channel:
    """One channel of the engine, at ``base``; ``name`` is for messages."""

    def __init__(self, registers: Registers, base: int, name: str) -> None:
        self._registers, self._base, self.name = registers, base, name

    def start(self, address: int, length: int) -> None:
        """Carry ``length`` bytes from or to the physical ``address``. The channel must be idle or reset; both ends must be aligned to the
        stream's width, since the engine has no realignment. Raises :class:`DmaError` when it does not begin to run."""
        write, base = self._registers.write, self._base
        write(base + CONTROL, RUN)
        if all(self._registers.read(base + STATUS) & HALTED for _ in range(_LOOKS)):
            raise DmaError(f"the DMA's {self.name} channel does not run: load the bitstream again")
        write(base + STATUS, COMPLETE | DELAYED | FAILED)  # a written 1 clears it
        write(base + ADDRESS, address & 0xFFFF_FFFF)
        write(base + ADDRESS_MSB, address >> 32)
        write(base + LENGTH, length)  # this one starts the transfer

    def done(self) -> bool:
        """Whether the transfer that was started has ended. Raises :class:`DmaError` when the engine tells of an error."""
        status = self._registers.read(self._base + STATUS)
        for bit, text in ERRORS.items():
            if status & bit:
                raise DmaError(f"the DMA's {self.name} channel tells of {text} (status {status:#010x})")
        return bool(status & COMPLETE)

    @property
    def received(self) -> int:
        """Bytes of the packet that the last transfer wrote to memory (S2MM only)."""
        return self._registers.read(self._base + LENGTH)

    def request_reset(self) -> None:
        """Begin a reset, which is one of the whole engine, whichever channel asks."""
        self._registers.write(self._base + CONTROL, RESET)

    @property
    def resetting(self) -> bool:
        """Whether a reset goes on."""
        return bool(self._registers.read(self._base + CONTROL) & RESET)


class Dma:
    """The engine: ``send`` (MM2S) and ``receive`` (S2MM)."""

    def __init__(self, registers: Registers) -> None:
        self.send = Channel(registers, MM2S, "send (MM2S)")
        self.receive = Channel(registers, S2MM, "receive (S2MM)")

    def reset(self, patience: Callable[[], bool]) -> None:
        """Stop whatever goes on and empty the engine; returns when the reset is over. ``patience`` is asked between looks, and when it
        says False :class:`DmaError` is raised."""
        for channel in (self.send, self.receive):
            channel.request_reset()
            while channel.resetting:
                if not patience():
                    raise DmaError("the DMA does not come out of its reset: load the bitstream again")
