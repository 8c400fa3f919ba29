"""Memory reader and writer in the programmable logic, through their registers (docs/board.md, Registers of reader and writer)."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from offramp_driver import dma_registers as at
from offramp_driver.errors import DmaError, MismatchError
from offramp_driver.manifest import Manifest

__all__ = ["Channel", "Dma", "Registers"]

_ERRORS = {
    at.ERROR_REFUSED: "its start was refused: an address must be a multiple of 64, and a length at least one word",
    at.ERROR_SLVERR: "memory answered with an error (SLVERR)",
    at.ERROR_DECERR: "there is no memory at an address of the buffer (DECERR)",
}


class Registers(Protocol):
    """What ``pynq.MMIO`` offers: 32-bit registers at byte offsets."""

    def read(self, offset: int) -> int: ...
    def write(self, offset: int, value: int) -> None: ...


class _Place(NamedTuple):
    """A channel's registers, its bits in CONTROL and STATUS, and where its error stands there."""

    address: int
    length: int
    silent: int
    busy: int
    error: int
    error_lsb: int


_READER = _Place(at.READER_ADDRESS, at.READER_LENGTH, at.READER_SILENT, at.STATUS_READER_BUSY, at.STATUS_READER_ERROR,
                 at.STATUS_READER_ERROR_LSB)
_WRITER = _Place(at.WRITER_ADDRESS, at.WRITER_LENGTH, at.WRITER_SILENT, at.STATUS_WRITER_BUSY, at.STATUS_WRITER_ERROR,
                 at.STATUS_WRITER_ERROR_LSB)


class Channel:
    """One direction, of words of ``word_bits`` bits; ``name`` is for messages."""

    def __init__(self, registers: Registers, place: _Place, name: str, word_bits: int, length_bits: int) -> None:
        self._registers, self._place, self.name = registers, place, name
        self._word_bytes, self._length_bits = word_bits // 8, length_bits

    def prepare(self, address: int, size: int) -> None:
        """Of the next :meth:`Dma.start`: ``size`` bytes, whole words, from or to the physical ``address``, a multiple of 64. The transfer
        before it may still be under way, whose own were read when it began.

        Raises :class:`DmaError` for what the registers cannot hold; what the hardware refuses :meth:`Dma.done` tells."""
        words, rest = divmod(size, self._word_bytes)
        if rest or words >> self._length_bits or address >> 32:
            raise DmaError(f"the DMA's {self.name} channel cannot carry {size} bytes at {address:#x}: it takes whole words of "
                           f"{self._word_bytes} bytes, fewer than 2**{self._length_bits}, below 4 GiB")
        write = self._registers.write
        write(self._place.address, address)
        write(self._place.length, words)

    def ended(self, status: int) -> bool:
        """Whether by this STATUS the transfer that was started has ended. Raises :class:`DmaError` when an error is told, also while the
        transfer goes on."""
        error = (status & self._place.error) >> self._place.error_lsb
        if error:
            raise DmaError(f"the DMA's {self.name} channel tells of an error: {_ERRORS[error]}")
        return not status & self._place.busy

    @property
    def busy(self) -> bool:
        """Whether a transfer or its abort goes on, whatever went wrong in it."""
        return bool(self._registers.read(at.STATUS) & self._place.busy)

    @property
    def silent(self) -> int:
        """Cycles since memory took or gave anything, while it owes something; else 0."""
        return int(self._registers.read(self._place.silent))


class Dma:
    """Both directions: ``send`` (the reader: images out of memory) and ``receive`` (the writer: results into memory)."""

    def __init__(self, registers: Registers, *, reader_bits: int, writer_bits: int, length_bits: int) -> None:
        self._registers = registers
        self._bits = reader_bits, writer_bits
        self.send = Channel(registers, _READER, "send (reader)", reader_bits, length_bits)
        self.receive = Channel(registers, _WRITER, "receive (writer)", writer_bits, length_bits)

    def check(self, manifest: Manifest) -> None:
        """Raise :class:`MismatchError` unless reader and writer of ``manifest`` are there, with the registers that this driver knows, and
        the accelerator is not held in reset."""
        read = self._registers.read
        found = int(read(at.ID))
        if found != at.MAGIC:
            raise MismatchError(f"there are no memory reader and writer of offramp at {manifest.dma.base:#x}: ID reads {found:#010x}, not "
                                f"{at.MAGIC:#010x}. Is its bitstream loaded?")
        version = int(read(at.VERSION))
        if version != at.MAP_VERSION:
            raise MismatchError(f"this driver knows version {at.MAP_VERSION} of the registers of memory reader and writer, and they have "
                                f"{version}: take driver and bitstream out of one package")
        bus = int(read(at.BUS))
        bits = (bus & at.BUS_READER) >> at.BUS_READER_LSB, (bus & at.BUS_WRITER) >> at.BUS_WRITER_LSB
        if bits != self._bits:
            raise MismatchError(f"BUS tells of words of {bits[0]} bits in and {bits[1]} out, and the manifest of {manifest.name} says "
                                f"{self._bits[0]} and {self._bits[1]}")
        if int(read(at.STATUS)) & at.STATUS_IN_RESET:
            raise MismatchError("the accelerator is held in reset, which this driver never does: load the bitstream again")

    def start(self) -> None:
        """Begin both transfers, as they were prepared; nothing may be under way."""
        self._registers.write(at.CONTROL, at.CONTROL_READER_START | at.CONTROL_WRITER_START)

    def done(self) -> tuple[bool, bool]:
        """Whether everything was sent, and received; results are in memory then. Raises :class:`DmaError` when an error is told, also while
        transfers go on."""
        status = self._registers.read(at.STATUS)
        return self.send.ended(status), self.receive.ended(status)

    @property
    def received(self) -> int:
        """Words that the last transfer of ``receive`` wrote to memory."""
        return int(self._registers.read(at.WRITER_WORDS))

    @property
    def busy(self) -> tuple[Channel, ...]:
        """The channels in which a transfer or its abort goes on."""
        return tuple(channel for channel in (self.send, self.receive) if channel.busy)

    def abort(self) -> None:
        """Ask both channels to end early. They are busy until memory owes them nothing; ``send`` also until the word that it offers the
        accelerator is taken."""
        self._registers.write(at.CONTROL, at.CONTROL_READER_ABORT | at.CONTROL_WRITER_ABORT)
