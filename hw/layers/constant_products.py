"""Constant multiples of a window's pixels: odd multiples computed once, as a column enters, and kept for all that read them."""

from collections.abc import Mapping, Sequence

from amaranth.hdl import Module, Shape, Signal, Value

from hw.layers.static_shape import StaticShape, value_range

__all__ = ["LATENCY", "constant_products"]

LATENCY = 1
"""Cycles from a column to its multiples at age 0."""


def constant_products(m: Module, columns: Value, step: Value, *, shape: StaticShape, channels: int, bits: int, signed: bool,
                      used: Mapping[tuple[int, int, int], Sequence[int]]) -> dict[tuple[int, int, int, int], Value]:
    """The multiples ``used`` (:func:`hw.layers.static_shape.used_multiples`) of the last columns, by (kernel row, channel, odd multiple,
    age): registers, which move by ``shape.pixels`` ages with each ``step``, :data:`LATENCY` cycles behind ``columns``.

    ``columns``: rows of ``shape.pixels`` pixels of ``channels`` values. A multiple is computed for the columns that enter, so it takes
    one adder for each of them, whatever number of windows, kernel columns and output channels reads it. Nothing is reset.
    """
    least, most = value_range(bits, signed)
    found: dict[tuple[int, int, int, int], Value] = {}
    moves = []
    for (row, channel, odd), ages in used.items():
        kept = Shape.cast(range(odd * least, odd * most + 1))
        for age in ages:
            register = Signal(kept, name=f"row{row}_channel{channel}_times{odd}_age{age}", reset_less=True)
            if age < shape.pixels:
                pixel = row * shape.pixels + shape.pixels - 1 - age
                value = columns.word_select(pixel * channels + channel, bits)
                moves.append(register.eq(_times(value.as_signed() if signed else value, odd)))
            else:
                moves.append(register.eq(found[row, channel, odd, age - shape.pixels]))
            found[row, channel, odd, age] = register
    with m.If(step):
        m.d.sync += moves
    return found


def _times(value: Value, odd: int) -> Value:
    if odd == 7:
        return (value << 3) - value
    return value if odd == 1 else value + (value << (odd.bit_length() - 1))
