"""Registers as declared data: the one place from which Verilog, the driver's constants and the documentation come."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["Field", "Register", "check", "markdown", "offsets", "with_init"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A part of a register: ``bits`` bits from bit ``lsb`` on. ``access`` is its own; None: that of the register."""

    name: str
    lsb: int
    bits: int
    doc: str
    access: Literal["rw", "ro", "pulse"] | None = None


@dataclass(frozen=True, kw_only=True)
class Register:
    """One register, at most 32 bits wide, alone in its 32-bit word.

    Parameters
    ----------
    name
        In capitals, ``THRESHOLD_0``; the gateware's member is the same in lower case.
    offset
        Of its word, in bytes; a multiple of 4.
    bits
        1 to 32. Bits above read as 0, or as the sign of a ``signed`` register, and are ignored when written.
    access
        ``"rw"`` (written by the host, read back), ``"ro"`` (told by the hardware) or ``"pulse"`` (a written 1 lasts one
        cycle; reads as 0).
    init
        ``rw``: value after reset. ``ro``: what it reads when the hardware leaves it unconnected, so a constant needs no wire.
    signed
        Two's complement.
    fields
        When there are any, the gateware has one member per field, ``control_soft_reset``, instead of one per register.
    strobe
        ``rw`` only: the gateware has another member, ``<name>_written``, that tells when the host writes the register.
    read_with
        ``ro`` without fields only: another register's name. This one reads as it was when that one was read last (0 before), so that
        the two are of one moment. "": it reads as it is.
    doc
        One line for the documentation.
    """

    name: str
    offset: int
    bits: int
    access: Literal["rw", "ro", "pulse"]
    init: int = 0
    signed: bool = False
    fields: tuple[Field, ...] = ()
    strobe: bool = False
    read_with: str = ""
    doc: str

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name != self.name.upper():
            raise ValueError(f"a register's name must be an identifier in capitals, not {self.name!r}")
        if self.offset < 0 or self.offset % 4:
            raise ValueError(f"{self.name}: offset must be a multiple of 4, not {self.offset:#x}")
        if not 1 <= self.bits <= 32:
            raise ValueError(f"{self.name}: bits must be from 1 to 32, not {self.bits}")
        if self.access not in ("rw", "ro", "pulse"):
            raise ValueError(f"{self.name}: access must be 'rw', 'ro' or 'pulse', not {self.access!r}")
        least, most = (-(1 << self.bits - 1), (1 << self.bits - 1) - 1) if self.signed else (0, (1 << self.bits) - 1)
        if not least <= self.init <= most:
            raise ValueError(f"{self.name}: init must be from {least} to {most}, not {self.init}")
        if self.access == "pulse" and self.init:
            raise ValueError(f"{self.name}: init of a pulse must be 0, not {self.init}")
        if self.strobe and self.access != "rw":
            raise ValueError(f"{self.name}: only an 'rw' register may have a strobe, not {self.access!r}")
        if self.read_with and (self.access != "ro" or self.fields or self.read_with == self.name):
            raise ValueError(f"{self.name}: only an 'ro' register without fields may be read with another, not {self.access!r} with "
                             f"{self.read_with}")
        used = 0
        for item in self.fields:
            if item.access not in (None, "rw", "ro", "pulse"):
                raise ValueError(f"{self.name}: access of field {item.name} must be 'rw', 'ro' or 'pulse', not {item.access!r}")
            mask = ((1 << item.bits) - 1) << item.lsb
            if item.bits < 1 or item.lsb < 0 or item.lsb + item.bits > self.bits or used & mask:
                raise ValueError(f"{self.name}: field {item.name} must have bits of its own below bit {self.bits}, "
                                 f"not {item.bits} from bit {item.lsb}")
            used |= mask


def check(registers: Iterable[Register], addr_width: int) -> None:
    """Raise :class:`ValueError` when two registers share a name or a word, one lies beyond ``addr_width`` address bits, or is read with
    one that there is not."""
    registers = list(registers)
    names: set[str] = set()
    words: dict[int, str] = {}
    for item in registers:
        if item.name in names:
            raise ValueError(f"two registers are called {item.name}")
        if item.offset in words:
            raise ValueError(f"{item.name} and {words[item.offset]} are both at {item.offset:#x}")
        if item.offset >= 1 << addr_width:
            raise ValueError(f"{item.name}: offset {item.offset:#x} is beyond {addr_width} address bits")
        names.add(item.name)
        words[item.offset] = item.name
    for item in registers:
        if item.read_with and item.read_with not in names:
            raise ValueError(f"{item.name} is read with {item.read_with}, and no register is called so")


def offsets(registers: Iterable[Register]) -> dict[str, int]:
    """Byte offset of every register by name, for drivers."""
    return {item.name: item.offset for item in registers}


def with_init(registers: Sequence[Register], init: dict[str, int]) -> list[Register]:
    """The registers with other initial values, by name; raises :class:`ValueError` for a name that no register has."""
    unknown = sorted(set(init) - {item.name for item in registers})
    if unknown:
        raise ValueError(f"no register is called {unknown[0]}")
    return [replace(item, init=init.get(item.name, item.init)) for item in registers]


def markdown(registers: Iterable[Register]) -> str:
    """The registers as a Markdown table, in order of their offsets, fields below their register."""
    lines = ["| offset | name | bits | access | initial | meaning |", "|---|---|---|---|---|---|"]
    for item in sorted(registers, key=lambda register: register.offset):
        init = f"{item.init:#x}" if item.init > 9 else str(item.init)
        bits = f"{item.bits}, signed" if item.signed else str(item.bits)
        lines.append(f"| {item.offset:#05x} | `{item.name}` | {bits} | {item.access} | {init} | {item.doc} |")
        for part in item.fields:
            place = str(part.lsb) if part.bits == 1 else f"{part.lsb + part.bits - 1}:{part.lsb}"
            lines.append(f"| | `.{part.name}` | [{place}] | {part.access or ''}{' ' * bool(part.access)}| | {part.doc} |")
    return "\n".join(lines) + "\n"
