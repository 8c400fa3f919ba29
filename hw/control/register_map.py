"""The accelerator's registers and where they lie.

====== ========================= ===============================================================
offset what                      stride
====== ========================= ===============================================================
0x000  the accelerator           4
0x100  exit k, up to 32          0x10: threshold, enable, count of samples that left, mode
0x300  gate k, up to 32          0x08: highest fill, free
0x400  counted stream j, to 384  0x08: cycles stalled, highest fill
====== ========================= ===============================================================

Counters wrap at 32 bits. They and the sticky bits of STATUS are cleared by a reset, ``CONTROL.soft_reset`` and
``CONTROL.clear_counters``.
"""

from hw.control.registers import Field, Register

__all__ = ["ADDR_WIDTH", "MAGIC", "VERSION", "accelerator_registers"]

ADDR_WIDTH = 12
"""Address bits: the registers fill one 4 KiB page."""
MAGIC = int.from_bytes(b"OFRP", "big")
"""What ID reads: the letters OFRP."""
VERSION = 1
"""Version of this map: a driver refuses another."""

EXIT_BASE, EXIT_STRIDE, EXITS = 0x100, 0x10, 32
GATE_BASE, GATE_STRIDE, GATES = 0x300, 0x08, 32
STREAM_BASE, STREAM_STRIDE, STREAMS = 0x400, 0x08, 384


def accelerator_registers(exits: int, streams: int, gates: int) -> list[Register]:
    """The registers of an accelerator with ``exits`` exits (1 to 32), ``streams`` counted streams (0 to 384) and ``gates`` gates (0 to 32).

    Thresholds are 0 and exits enabled after reset, the informative ``CLASSES`` 0: :func:`hw.control.registers.with_init` gives them their
    values. Raises :class:`ValueError` that names a number out of range.
    """
    for name, number, least, most in (("exits", exits, 1, EXITS), ("streams", streams, 0, STREAMS), ("gates", gates, 0, GATES)):
        if not least <= number <= most:
            raise ValueError(f"{name} must be from {least} to {most}, not {number}")
    found = [
        Register(name="ID", offset=0x00, bits=32, access="ro", init=MAGIC, doc="The letters OFRP: an offramp accelerator."),
        Register(name="VERSION", offset=0x04, bits=32, access="ro", init=VERSION, doc="Version of this register map."),
        Register(name="BUILD", offset=0x08, bits=32, access="ro",
                 doc="Hash of what was built: tells whether driver and bitstream belong together."),
        Register(name="CONTROL", offset=0x0C, bits=4, access="pulse", doc="Commands; write 1. A write sets `check_tlast` too.", fields=(
            Field(name="soft_reset", lsb=0, bits=1, doc="Forgets every sample inside; registers keep their values, counters start again."),
            Field(name="clear_counters", lsb=1, bits=1, doc="Sets all counters, highest fills and sticky bits to 0."),
            Field(name="discard", lsb=2, bits=1, doc="Drops the result that a soft reset left on offer; together with `soft_reset` it "
                  "leaves none. That breaks AXI4-Stream: only while what drains `m_axis` is in reset."),
            Field(name="check_tlast", lsb=3, bits=1, access="rw", doc="1: `s_axis_tlast` must be there with the last word of each batch, "
                  "and may be with the last word of any image; what it does else is told in `STATUS`. 0: it is not looked at."),
        )),
        Register(name="STATUS", offset=0x10, bits=32, access="ro", doc="What the accelerator is doing.", fields=(
            Field(name="busy", lsb=0, bits=1, doc="Samples are inside, a result of theirs has not been taken, or a reset is going on."),
            Field(name="output_pending", lsb=1, bits=1, doc="A result of before a soft reset is still on offer; no image enters until it "
                  "is taken or discarded. `busy` does not tell of it."),
            Field(name="tlast_error", lsb=2, bits=1, doc="With `check_tlast`: TLAST was missing or misplaced. Sticky."),
            Field(name="bad_address", lsb=3, bits=1, doc="An address without a register was read or written. Sticky."),
            Field(name="tlast_errors", lsb=8, bits=8, doc="How often TLAST was missing or misplaced; 255: so often or more."),
            Field(name="in_flight", lsb=16, bits=16, doc="Samples inside."),
        )),
        Register(name="BATCH_LENGTH", offset=0x14, bits=32, access="rw", init=1,
                 doc="Samples in a batch, at least 1; taken over with a batch's first sample."),
        Register(name="EXITS", offset=0x18, bits=32, access="ro", init=exits, doc="Number of exits."),
        Register(name="CLASSES", offset=0x1C, bits=32, access="ro", doc="Number of classes."),
        Register(name="STREAMS", offset=0x20, bits=32, access="ro", init=streams, doc="Number of counted streams."),
        Register(name="GATES", offset=0x24, bits=32, access="ro", init=gates, doc="Number of gates."),
        Register(name="SAMPLES_IN", offset=0x28, bits=32, access="ro", doc="Samples that entered."),
        Register(name="SAMPLES_OUT", offset=0x2C, bits=32, access="ro", doc="Results that left."),
        Register(name="CYCLES_LO", offset=0x30, bits=32, access="ro", doc="Clock cycles, low word."),
        Register(name="CYCLES_HI", offset=0x34, bits=32, access="ro", read_with="CYCLES_LO",
                 doc="Clock cycles, high word, as it was when the low word was read last: read that one first."),
    ]
    for k in range(exits):
        base = EXIT_BASE + k * EXIT_STRIDE
        found += [
            Register(name=f"THRESHOLD_{k}", offset=base, bits=32, access="rw", signed=True, strobe=True,
                     doc=f"What exit {k}'s policy compares with, limited to its range; a write holds from the next sample on. "
                     f"With policy class_threshold a write sets the threshold of class MODE_{k}.class, from the next decision on."),
            Register(name=f"ENABLE_{k}", offset=base + 4, bits=1, access="rw", init=1,
                     doc=f"0: no sample leaves at exit {k}; holds from the next sample on."
                     + (" The last exit always lets samples leave." if k == exits - 1 else "")),
            Register(name=f"EXIT_COUNT_{k}", offset=base + 8, bits=32, access="ro", doc=f"Samples that left at exit {k}."),
            Register(name=f"MODE_{k}", offset=base + 12, bits=26, access="rw", doc=f"What exit {k} does with its policy.", fields=(
                Field(name="mode", lsb=0, bits=2, doc="0: the policy decides; 1: all samples leave that the exit is enabled for; 2: none "
                      "does. Holds from the next sample on."),
                Field(name="class", lsb=16, bits=10, doc=f"The class whose threshold a write to THRESHOLD_{k} sets (class_threshold)."),
            )),
        ]
    for k in range(gates):
        found.append(Register(name=f"GATE_OCCUPANCY_MAX_{k}", offset=GATE_BASE + k * GATE_STRIDE, bits=32, access="ro",
                              doc=f"Most frames that gate {k} ever held."))
    for j in range(streams):
        base = STREAM_BASE + j * STREAM_STRIDE
        found += [
            Register(name=f"STALL_{j}", offset=base, bits=32, access="ro", doc=f"Cycles in which stream {j} was valid and not ready."),
            Register(name=f"OCCUPANCY_MAX_{j}", offset=base + 4, bits=32, access="ro", doc=f"Most that stream {j}'s FIFO ever held."),
        ]
    return found
