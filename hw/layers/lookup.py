"""Constant tables in look-up tables of the device."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Shape, Value

__all__ = ["look_up"]


def look_up(row: Sequence[int], at: Value, shape: Shape | None = None) -> Value:
    """``row[at]``, combinational, of ``shape`` (None: as wide and as signed as its values need); each bit is a table of its own, so up to
    64 entries are one look-up table a bit, and what stands behind it can be in that table too. Beyond ``row`` the value is of no meaning.
    Raises ValueError for an empty ``row``.
    """
    if not row:
        raise ValueError("a table has at least one entry")
    wide = shape or (Shape.cast(range(min(0, *row), max(*row, 0) + 1)) if len(row) > 1 else Const(row[0]).shape())
    if len(set(row)) == 1:
        return Const(row[0], wide)
    bits = []
    for bit in range(wide.width):
        column = sum(((number >> bit) & 1) << place for place, number in enumerate(row))
        bits.append(Const(column, len(row)).bit_select(at, 1))
    value = Cat(bits)
    return value.as_signed() if wide.signed else value
