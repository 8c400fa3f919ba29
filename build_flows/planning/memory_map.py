"""Where Yosys puts a memory of an RTL unit, and how many LUTs or block RAMs it takes there.

This is the choice of Yosys' ``memory_libmap`` with the memories of 7-series (``lutrams_xc5v.txt`` and ``brams_xc4v.txt`` among its files):
every shape of every kind has a cost, and the cheapest one wins. Counts are therefore those that synthesis reports.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

__all__ = ["STYLES", "Placed", "place", "place_rom", "place_table"]

STYLES = ("auto", "block", "distributed")
"""What an RTL attribute can ask for; ``auto`` leaves the choice to the tool."""

_MUX = 0.5
"""Cost of one bit of a multiplexer behind the memory, or of a decoded write enable before it."""
_REGISTER_BIT = 1.0
"""Cost of a bit in flip-flops."""
_TABLE_BIT = 1 / 64
"""Cost of a bit of a table that is only read: 64 of them fill a LUT."""
_PORT = 2.0
"""Cost of a read port that is not the write port."""

# Memories of LUTs: (address bits, bits a unit); a unit is four LUTs and costs 8.
_SINGLE = ((5, 8), (6, 4), (7, 2), (8, 1))
_DUAL = ((5, 4), (6, 2), (7, 1))
_SIMPLE = ((5, 6), (6, 3))
# Block RAMs: (half blocks, cost, address bits at one bit wide, widths).
_TRUE_DUAL = ((1, 129, 14, (1, 2, 4, 9, 18)), (2, 257, 15, (1, 2, 4, 9, 18, 36)))
_SIMPLE_DUAL = ((1, 129, 14, (1, 2, 4, 9, 18, 36)), (2, 257, 15, (1, 2, 4, 9, 18, 36, 72)))
_BYTE = 9


@dataclass(frozen=True)
class Placed:
    """A memory in its place: ``style`` is ``block``, ``distributed``, ``registers`` or ``logic``; ``lutram`` LUTs that are memory,
    ``bram18`` half blocks, ``registers`` flip-flops that hold its words. ``banks``: parts that a multiplexer of as many inputs joins on
    the way out."""

    style: str
    lutram: int = 0
    bram18: int = 0
    registers: int = 0
    banks: int = 1


@lru_cache(maxsize=65536)
def place(words: int, bits: int, *, used: int | None = None, shared: bool = False, style: str = "auto") -> Placed:
    """A memory of ``words`` x ``bits`` with one port to write and one, clocked, to read.

    ``used``: of the bits, those that something reads, the lowest (None: all); cells and blocks that hold no such bit are left out.
    ``shared``: both ports have the same address. ``style`` is one of :data:`STYLES` (else ValueError). A memory of one word is a register.
    """
    if style not in STYLES:
        raise ValueError(f"style must be one of {', '.join(STYLES)}, not {style!r}")
    if words < 2:
        return Placed("registers", registers=words * bits)
    found = []
    if style in ("auto", "distributed"):
        found += list(_distributed(words, bits, bits if used is None else used, shared))
    if style in ("auto", "block"):
        found += list(_block(words, bits, bits if used is None else used, shared))
    cost, placed = min(found, key=lambda item: item[0])
    if style == "auto" and words * bits * _REGISTER_BIT < cost:
        return Placed("registers", registers=words * bits, banks=words)
    return placed


@lru_cache(maxsize=65536)
def place_table(words: int, bits: int) -> Placed:
    """A table of ``words`` x ``bits`` that is only read, with a clocked port: ``logic``, or ``block`` when that is cheaper. (A table with
    words that are alike may shrink before that, and then stay in logic.)"""
    cost, placed = _read_only(words, bits)
    return placed if cost < words * bits * _TABLE_BIT else Placed("logic", banks=words)


@lru_cache(maxsize=65536)
def place_rom(words: int, bits: int) -> Placed:
    """A table of ``words`` x ``bits`` that is only read, with a clocked port, and is to be block RAM."""
    return _read_only(words, bits)[1]


def _read_only(words: int, bits: int) -> tuple[float, Placed]:
    """The cheapest blocks for a table, and their cost."""
    found = []
    for halves, price, address, widths in (*_SIMPLE_DUAL, *_TRUE_DUAL):
        for step, unit in enumerate(widths):
            banks = ceil(words / 2 ** (address - step))
            units = ceil(banks * bits / unit)
            found.append((price * units + _PORT + _MUX * (banks - 1) * bits, Placed("block", bram18=halves * units, banks=banks)))
    return min(found, key=lambda item: item[0])


def _distributed(words: int, bits: int, used: int, shared: bool) -> Iterator[tuple[float, Placed]]:
    kinds = [(_SIMPLE, 7, _PORT), (_DUAL, 8, _PORT)]
    if shared:
        kinds.insert(0, (_SINGLE, 8, 0.0))
    for shapes, scale, port in kinds:
        for address, unit in shapes:
            banks = ceil(words / 2**address)
            # A LUT RAM has one write enable, so every bank fills units of its own.
            units = banks * ceil(bits / unit)
            cost = (8 - scale) * units + scale * banks * bits / unit + port + _decoding(banks, bits)
            # From 64 words on, a unit with one port is a cell for each bit, and those without a bit are left out.
            luts = banks * used * 2 ** (address - 6) if shapes is _SINGLE and address > 5 else 4 * units
            yield cost, Placed("distributed", lutram=luts, banks=banks)


def _block(words: int, bits: int, used: int, shared: bool) -> Iterator[tuple[float, Placed]]:
    for shapes, port in ((_SIMPLE_DUAL, _PORT), (_TRUE_DUAL, 0.0 if shared else _PORT)):
        for halves, price, address, widths in shapes:
            for step, unit in enumerate(widths):
                banks = ceil(words / 2 ** (address - step))
                byte = min(_BYTE, unit)
                padded = ceil(bits / byte) * byte
                units = ceil(banks * padded / unit)
                # Blocks are chosen for all bits; those that hold only bits that nothing reads are left out after that (of more than two
                # banks Yosys leaves out none).
                kept = min(units, banks * ceil(used / unit)) if banks <= 2 else units
                yield price * units + port + _decoding(banks, bits), Placed("block", bram18=halves * kept, banks=banks)


def _decoding(banks: int, bits: int) -> float:
    return _MUX * ((banks - 1) * bits + (banks if banks > 1 else 0))
