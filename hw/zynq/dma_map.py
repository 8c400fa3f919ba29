"""The registers of memory reader and writer, and where they lie: a page beside the accelerator's.

====== =====================================================
offset what
====== =====================================================
0x00   what is there, commands, state, interrupts
0x40   the reader: images out of memory to the accelerator
0x60   the writer: results of the accelerator into memory
====== =====================================================
"""

from hw.control.registers import Field, Register

__all__ = ["ADDR_WIDTH", "LENGTH_BITS", "MAGIC", "SILENT_BITS", "VERSION", "dma_registers"]

ADDR_WIDTH = 12
"""Address bits: one 4 KiB page."""
MAGIC = int.from_bytes(b"OFRD", "big")
"""What ID reads: the letters OFRD."""
VERSION = 1
"""Version of this map: a driver refuses another."""
LENGTH_BITS = 26
"""Bits of a length in words."""
SILENT_BITS = 32
"""Bits of a count of cycles without an answer; the highest one stops it."""

_ERROR = ("0: none. 1: the start was refused, for a length of 0 or an address that is no multiple of 64. 2, 3: memory answered SLVERR, "
          "DECERR; the transfer went on.")
_INTERRUPTS = {"batch": "The accelerator's last result of a batch was taken.", "reader": "The reader is not busy any more.",
               "writer": "The writer is not busy any more: all that was written is in memory."}


def _interrupts() -> tuple[Field, ...]:
    return tuple(Field(name=name, lsb=lsb, bits=1, doc=doc) for lsb, (name, doc) in enumerate(_INTERRUPTS.items()))


def dma_registers(reader_bits: int, writer_bits: int) -> list[Register]:
    """The registers of a reader of words of ``reader_bits`` bits (8 to 128) and a writer of words of ``writer_bits`` bits (32 or 64)."""
    found = [
        Register(name="ID", offset=0x00, bits=32, access="ro", init=MAGIC, doc="The letters OFRD: memory reader and writer of offramp."),
        Register(name="VERSION", offset=0x04, bits=32, access="ro", init=VERSION, doc="Version of this register map."),
        Register(name="BUS", offset=0x08, bits=16, access="ro", init=reader_bits | writer_bits << 8, doc="Bits of a word.", fields=(
            Field(name="reader", lsb=0, bits=8, doc="Of the words that the reader gives to the accelerator."),
            Field(name="writer", lsb=8, bits=8, doc="Of the accelerator's results, which the writer takes."),
        )),
        Register(name="CONTROL", offset=0x0C, bits=5, access="pulse", doc="Commands; write 1. Several may be given at once.", fields=(
            Field(name="reader_start", lsb=0, bits=1, doc="Begins a transfer; ignored while the reader is busy, and with `reader_abort`."),
            Field(name="writer_start", lsb=1, bits=1, doc="Begins a transfer; ignored while the writer is busy, and with `writer_abort`."),
            Field(name="reader_abort", lsb=2, bits=1, doc="Ends a transfer early, but for one or two words that are on their way to the "
                  "accelerator: they stay until they are taken, or it is in reset. It has part of a batch then: reset it before the next "
                  "one."),
            Field(name="writer_abort", lsb=3, bits=1, doc="Ends a transfer early. What of the buffer is written is undefined."),
            Field(name="clear", lsb=4, bits=1, doc="Sets the sticky bits of `STATUS` to 0."),
        )),
        Register(name="STATUS", offset=0x10, bits=12, access="ro", doc="The state of everything.", fields=(
            Field(name="reader_busy", lsb=0, bits=1, doc="A transfer is under way, its abort is, or the accelerator has not taken its last "
                  "words."),
            Field(name="writer_busy", lsb=1, bits=1, doc="A transfer is under way, or its abort is."),
            Field(name="in_reset", lsb=2, bits=1, doc="The accelerator is in reset."),
            Field(name="missed", lsb=3, bits=1, doc="An access to the accelerator's registers came while it was in reset; it read 0 or "
                  "changed nothing. Sticky."),
            Field(name="bad_address", lsb=4, bits=1, doc="An address of this page without a register was read or written. Sticky."),
            Field(name="reader_error", lsb=8, bits=2, doc=f"Until the reader's next start. {_ERROR}"),
            Field(name="writer_error", lsb=10, bits=2, doc="Until the writer's next start; the same numbers."),
        )),
        Register(name="RESET", offset=0x14, bits=1, access="rw", doc="1: holds the accelerator in reset, its registers too, from when "
                 "accesses to them that are under way are answered (`STATUS.in_reset`). Reader and writer go on: abort them."),
        Register(name="HP0", offset=0x18, bits=30, access="ro", doc="What lies in the FIFOs of the processing system's port.", fields=(
            Field(name="rcount", lsb=0, bits=8, doc="Beats read."),
            Field(name="wcount", lsb=8, bits=8, doc="Beats to be written."),
            Field(name="racount", lsb=16, bits=3, doc="Addresses of reads."),
            Field(name="wacount", lsb=24, bits=6, doc="Addresses of writes."),
        )),
        Register(name="INTERRUPTS", offset=0x1C, bits=3, access="ro", doc="What happened since it was cleared.", fields=_interrupts()),
        Register(name="INTERRUPTS_CLEAR", offset=0x20, bits=3, access="pulse", fields=_interrupts(),
                 doc="A written 1 clears the bit of `INTERRUPTS`; what happens in the same cycle stays."),
        Register(name="INTERRUPTS_ENABLE", offset=0x24, bits=3, access="rw", fields=_interrupts(),
                 doc="The interrupt is high while a bit is 1 here and in `INTERRUPTS`."),
    ]
    for channel, base, words in (("READER", 0x40, "read"), ("WRITER", 0x60, "written")):
        found += [
            Register(name=f"{channel}_ADDRESS", offset=base, bits=32, access="rw",
                     doc=f"Physical address of the first word to be {words}, a multiple of 64; read with the start alone."),
            Register(name=f"{channel}_LENGTH", offset=base + 4, bits=LENGTH_BITS, access="rw",
                     doc=f"Words to be {words}, at least 1{', at most' if words == 'written' else ''}; read with the start alone."),
            Register(name=f"{channel}_SILENT", offset=base + 8, bits=SILENT_BITS, access="ro",
                     doc="Cycles since the port took or gave anything of this channel, while it owes something; else 0. Stays at "
                     f"2^{SILENT_BITS - 1}. Seconds of it: the port is dead, and the board must be started anew."),
        ]
    return [*found, Register(name="WRITER_WORDS", offset=0x6C, bits=LENGTH_BITS, access="ro",
                             doc="Words taken since the start; in memory when the writer is not busy any more.")]
