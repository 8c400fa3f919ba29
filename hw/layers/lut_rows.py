"""How products are added up in look-up tables: digit by digit of the weights, a multiple of an activation onto the sum in one row of
a carry chain."""

from dataclasses import dataclass
from functools import lru_cache

from hw.layers.dsp_packing import Packing

__all__ = ["LONGEST_STAGES", "ROWS_PER_STAGE", "Row", "chain_rows", "chain_stages", "longest_lut_chain", "lut_packing", "row_offset"]

ROWS_PER_STAGE = 2
"""Rows from one register to the next: two are some 5.4 ns by the estimate, three do not reach 150 MHz."""
LONGEST_STAGES = 8
"""The longest chain that is made: operands come a cycle later at each stage, and each row is as wide as the sum up to there."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row: bits ``low`` to ``low + width - 1`` of the weight of product ``product`` times its activation are added, and the sum is
    ``sum_bits`` bits of two's complement after it. ``top``: the weight's sign is in this digit. The sum is registered behind the last row
    of ``stage``."""

    product: int
    low: int
    width: int
    top: bool
    stage: int
    sum_bits: int


def row_offset(weight_bits: int, length: int) -> int:
    """By how much the sum exceeds that of the products: each row adds 1 more at its weight (see :class:`hw.layers.lut_chain.LutChain`),
    so that sums begin with the opposite."""
    return length * sum(1 << low for low in range(0, weight_bits, 2))


@lru_cache(maxsize=4096)
def chain_rows(bits: int, signed: bool, weight_bits: int, length: int) -> tuple[Row, ...]:
    """The rows of a sum of ``length`` products of ``bits``-bit activations and narrow ``weight_bits``-bit weights, in their order.

    Sums are as wide as those up to there need, or as the last one does: what is above is never read. Raises ValueError for ``bits`` or
    ``length`` below 1 or ``weight_bits`` below 2.
    """
    for name, value, least in (("bits", bits, 1), ("weight_bits", weight_bits, 2), ("length", length, 1)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    smallest, largest = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)
    final = _bits_of(length * max(largest, -smallest) * ((1 << (weight_bits - 1)) - 1))
    low = high = -row_offset(weight_bits, length)
    rows: list[Row] = []
    for product in range(length):
        for digit in range(0, weight_bits, 2):
            width, top = min(2, weight_bits - digit), digit + 2 >= weight_bits
            factors = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if top else (0, (1 << width) - 1)
            products = [factor * value for factor in factors for value in (smallest, largest)]
            low, high = low + ((min(products) + 1) << digit), high + ((max(products) + 1) << digit)
            rows.append(Row(product=product, low=digit, width=width, top=top, stage=len(rows) // ROWS_PER_STAGE,
                            sum_bits=min(final, max(_bits_of(high), _bits_of(low)))))
    return tuple(rows)


def _bits_of(value: int) -> int:
    """Bits of two's complement that hold ``value`` and, above 0, its opposite."""
    return (value if value >= 0 else -value - 1).bit_length() + 1


def chain_stages(weight_bits: int, length: int) -> int:
    """Registers that a sum of so many products passes."""
    return -(-length * len(range(0, weight_bits, 2)) // ROWS_PER_STAGE)


def lut_packing(bits: int, signed: bool, weight_bits: int, length: int, *, pixels: int = 2) -> Packing:
    """What a chain gives for each weight: ``pixels`` sums, ``field`` bits each. Raises ValueError as :func:`chain_rows` does."""
    return Packing(pixels=pixels, outputs=1, field=chain_rows(bits, signed, weight_bits, length)[-1].sum_bits)


def longest_lut_chain(bits: int, signed: bool, weight_bits: int, *, pixels: int = 2) -> tuple[int, Packing]:
    """The most products that one chain adds up, and what it gives. Raises ValueError as :func:`chain_rows` does."""
    length = max(1, LONGEST_STAGES * ROWS_PER_STAGE // len(range(0, weight_bits, 2)))
    return length, lut_packing(bits, signed, weight_bits, length, pixels=pixels)
