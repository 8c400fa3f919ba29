"""The registers of a standalone exit decision: one declaration for its gateware, its documentation and its users."""

from collections.abc import Sequence

from amaranth.utils import ceil_log2

from hw.control.registers import Field, Register

__all__ = ["ADDR_WIDTH", "MAGIC", "VERSION", "exit_unit_registers", "letters"]

ADDR_WIDTH = 6
"""Address bits: sixteen words."""
VERSION = 1
"""Version of this map: a driver refuses another."""


def letters(text: str) -> int:
    """The first four characters of ``text``, in capitals, as a register reads them: the first one in the highest byte."""
    return int.from_bytes(text[:4].upper().encode("ascii").ljust(4), "big")


MAGIC = letters("OFRX")
"""What ID reads."""


def exit_unit_registers(
    *, policy: str, classes: int, pe: int, threshold: int | None = None, enable: bool = True, thresholds: Sequence[int] = (),
    score: str = "",
) -> list[Register]:
    """The registers of a unit of ``policy``, with their initial values.

    A policy that compares with nothing gives no ``threshold``. One with a threshold per class gives ``thresholds`` and the ``score`` they
    are compared with. A register that a unit does not have leaves its place empty: all others keep theirs.
    """
    found = [
        Register(name="ID", offset=0x00, bits=32, access="ro", init=MAGIC, doc="The letters OFRX: an offramp exit decision."),
        Register(name="VERSION", offset=0x04, bits=32, access="ro", init=VERSION, doc="Version of this register map."),
        Register(name="POLICY", offset=0x08, bits=32, access="ro", init=letters(policy),
                 doc="The first four characters of the policy's name, in capitals, the first one in the highest byte."),
        Register(name="CONTROL", offset=0x0C, bits=3, access="pulse", doc="Commands; write 1.", fields=(
            Field(name="soft_reset", lsb=0, bits=1,
                  doc="Forgets every sample inside and sets the counters to 0; thresholds, `ENABLE` and `MODE` keep their values."),
            Field(name="discard", lsb=2, bits=1,
                  doc="Drops what a soft reset left on offer; together with `soft_reset` it leaves nothing. That breaks AXI4-Stream: only "
                  "while what takes results and tokens is in reset."),)),
        Register(name="CLASSES", offset=0x10, bits=32, access="ro", init=classes, doc="Number of classes."),
        Register(name="PE", offset=0x14, bits=32, access="ro", init=pe, doc="Classes a beat."),
    ]
    if threshold is not None:
        found.append(Register(
            name="THRESHOLD", offset=0x18, bits=32, access="rw", signed=True, init=threshold,
            doc="What the policy compares with; a value beyond the policy's range acts like the nearest one in it."))
    found += [
        Register(name="ENABLE", offset=0x1C, bits=1, access="rw", init=int(enable), doc="0: no sample leaves."),
        Register(name="MODE", offset=0x20, bits=2, access="rw", doc="0: the policy decides. 1: every sample leaves. 2, 3: none does."),
    ]
    if thresholds:
        found += [
            Register(name="CLASS_INDEX", offset=0x24, bits=ceil_log2(classes), access="rw",
                     doc="The class whose threshold is written next."),
            Register(name="CLASS_THRESHOLD", offset=0x28, bits=32, access="rw", signed=True, strobe=True,
                     doc="A write makes it the threshold of class `CLASS_INDEX`, limited to the score's range, and does nothing when there "
                     "is no such class. Reads as what was written last, for whatever class."),
            Register(name="SCORE", offset=0x2C, bits=32, access="ro", init=letters(score),
                     doc="The policy whose score is compared, as in `POLICY`."),
        ]
    return [
        *found,
        Register(name="SAMPLES", offset=0x30, bits=32, access="ro", doc="Results taken since the last reset, modulo 2^32."),
        Register(name="LEFT", offset=0x34, bits=32, access="ro", doc="Of them, those with `exit` = 1, modulo 2^32."),
        Register(name="STATUS", offset=0x38, bits=4, access="ro", doc="What happened.", fields=(
            Field(name="output_pending", lsb=1, bits=1, doc="A beat of before a soft reset is still on offer; none enters until it is "
                  "taken or discarded."),
            Field(name="bad_address", lsb=3, bits=1, doc="An address without a register was read or written since the last reset."),)),
    ]
