"""Memory reader and writer in plain Python: the registers of ``hw.zynq.dma_map``, and what they do, as their gateware is described.

What the gateware ignores or leaves undefined, and a driver therefore must not do, is a :class:`ProtocolError`.
"""

from collections.abc import Callable
from typing import Any

from hw.control.registers import offsets
from hw.zynq.dma_map import LENGTH_BITS, MAGIC, VERSION, dma_registers

AT = offsets(dma_registers(32, 64))
CONTROL, STATUS = ({field.name: field.lsb for field in item.fields} for item in dma_registers(32, 64) if item.name in ("CONTROL", "STATUS"))
REFUSED, SLVERR, DECERR = 1, 2, 3
QUEUE = 128
"""Words that the writer holds before memory must take some."""


class ProtocolError(AssertionError):
    """The driver did what hardware does not define."""


class Channel:
    """A transfer: where it goes, how far it is, and whether it is to end early."""

    def __init__(self) -> None:
        self.address = self.length = 0  # as written
        self.reset()

    def reset(self) -> None:
        self.begin, self.words, self.moved, self.error, self.silent = 0, 0, 0, 0, 0
        self.busy = self.aborting = False

    def start(self) -> None:
        self.error = REFUSED if self.address % 64 or not self.length else 0
        if not self.error:
            self.begin, self.words, self.moved, self.busy, self.aborting = self.address, self.length, 0, True, False

    def owed(self, cycles: int) -> None:
        """Memory has not answered for so many cycles more."""
        self.silent = min(self.silent + cycles, 1 << 31)


class FakeDma:
    """Reader and writer of words of ``word_bytes``, with ``read`` and ``write`` for the page's registers.

    ``log`` gets ``("prepare", channel, whether one was busy)``, ``("send", words)``, ``("receive", words)`` and ``"abort"``.
    ``faults`` are those of
    :class:`~tests.offramp_driver.fake_board.FakeBoard`: ``error`` (channel's name, number) is told of its next transfer, ``dead``: memory
    does not answer, ``stuck_abort``: an aborted channel stays busy.
    """

    def __init__(self, reader_bits: int, writer_bits: int, log: list[Any], faults: dict[str, Any],
                 memory: Callable[[int, int], Any], store: Callable[[int, bytes], None]) -> None:
        self.bits = reader_bits, writer_bits
        self.log, self.faults, self._memory, self._store = log, faults, memory, store
        self.reader, self.writer = Channel(), Channel()
        self.reset()

    def reset(self) -> None:
        """As after configuration."""
        for channel in (self.reader, self.writer):
            channel.reset()
        self.offer: bytes | None = None
        self.queue: list[bytes] = []
        self.ended = False

    @property
    def busy(self) -> bool:
        return self.reader.busy or self.writer.busy

    # Registers.

    def read(self, offset: int) -> int:
        if offset in self.faults.get("bad_dma", {}):
            return int(self.faults["bad_dma"][offset])
        reader, writer = self.reader, self.writer
        status = (reader.busy << STATUS["reader_busy"] | writer.busy << STATUS["writer_busy"]
                  | reader.error << STATUS["reader_error"] | writer.error << STATUS["writer_error"])
        found = {"ID": MAGIC, "VERSION": VERSION, "BUS": self.bits[0] | self.bits[1] << 8, "STATUS": status,
                 "READER_SILENT": reader.silent, "WRITER_SILENT": writer.silent, "WRITER_WORDS": writer.moved}
        for name, value in found.items():
            if AT[name] == offset:
                return value
        raise ProtocolError(f"register {offset:#x} of the DMA was read")

    def write(self, offset: int, value: int) -> None:
        for name, channel in (("READER", self.reader), ("WRITER", self.writer)):
            if offset == AT[f"{name}_ADDRESS"]:
                channel.address = value
                return
            if offset == AT[f"{name}_LENGTH"]:
                if value >> LENGTH_BITS:
                    raise ProtocolError(f"LENGTH of {value} words")
                channel.length = value
                self.log.append(("prepare", name.lower(), self.busy))
                return
        if offset != AT["CONTROL"]:
            raise ProtocolError(f"register {offset:#x} of the DMA was written")
        for name, told, channel in (("reader", "send", self.reader), ("writer", "receive", self.writer)):
            if value >> CONTROL[f"{name}_start"] & 1:
                if channel.busy or value >> CONTROL[f"{name}_abort"] & 1:
                    raise ProtocolError(f"a start of the {name} would be ignored")
                self.log.append((told, channel.length))
                channel.start()
                failing = self.faults.get("error", ("", 0))
                if channel.busy and failing[0] == name:
                    channel.error = failing[1]
                    del self.faults["error"]
                if name == "writer":
                    self.queue, self.ended = [], False
        aborts = [channel for name, channel in (("reader", self.reader), ("writer", self.writer)) if value >> CONTROL[f"{name}_abort"] & 1]
        if aborts:
            self.log.append("abort")
        for channel in aborts:
            channel.aborting = channel.busy

    # Time.

    def step_reader(self, cycles: int, take: Callable[[bytes], bool]) -> None:
        """A word to the accelerator, whose ``take`` says whether it took it."""
        reader, size = self.reader, self.bits[0] // 8
        if not reader.busy:
            return
        dead = self.faults.get("dead")
        if self.offer is None and not dead and not reader.aborting:
            self.offer = self._memory(reader.begin + reader.moved * size, size)
            if self.offer is None:
                reader.error, self.offer = DECERR, bytes(size)
        if self.offer is not None:
            # What is on offer is not taken back.
            if not take(self.offer):
                return
            self.offer = None
            reader.moved += 1
        if dead:
            reader.owed(cycles)
            return
        reader.silent = 0
        if reader.moved == reader.words or (reader.aborting and not self.faults.get("stuck_abort")):
            reader.busy = reader.aborting = False

    @property
    def takes(self) -> bool:
        """Whether the writer takes a word now."""
        writer = self.writer
        return writer.busy and not writer.aborting and not self.ended and writer.moved < writer.words and len(self.queue) < QUEUE

    def result(self, word: bytes, last: bool) -> None:
        """A word of the accelerator that the writer takes."""
        assert self.takes
        self.queue.append(word)
        self.writer.moved += 1
        self.ended = last or self.writer.moved == self.writer.words

    def step_writer(self, cycles: int) -> bool:
        """What was taken goes to memory, 16 beats at a time; whether the transfer has just ended well."""
        writer, size = self.writer, self.bits[1] // 8
        if not writer.busy:
            return False
        burst = 128 // size
        if self.faults.get("dead"):
            if writer.aborting or self.ended or len(self.queue) >= burst:
                writer.owed(cycles)
            return False
        writer.silent = 0
        if writer.aborting:
            writer.busy = writer.aborting = bool(self.faults.get("stuck_abort"))
            self.queue = []
            return False
        if self.ended or len(self.queue) >= burst:
            begin = writer.begin + (writer.moved - len(self.queue)) * size
            now, self.queue = self.queue[:burst], self.queue[burst:]
            if self._memory(begin, len(now) * size) is None:
                writer.error = DECERR
            else:
                self._store(begin, b"".join(now))
        writer.busy = not self.ended or bool(self.queue)
        return not writer.busy
