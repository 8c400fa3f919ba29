"""How several products share one DSP48E1: values in fields of one operand, whose products land in fields of the sum."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["CHAIN_LIMIT", "Packing", "dsp_packing", "longest_chain", "packed_weights"]

_A_BITS, _B_BITS, _P_BITS = 25, 18, 48
CHAIN_LIMIT = 16
"""The longest cascade that is made: a column of DSP48E1 has 20 a clock region, and operands come a cycle later at each step."""


@dataclass(frozen=True, kw_only=True)
class Packing:
    """``pixels`` activations times ``outputs`` weights in one DSP48E1, each product in a field of ``field`` bits of the sum: field
    ``pixel * outputs + output``, the lowest first.

    With two pixels these lie on the 25-bit operand, ``outputs * field`` bits apart; with one pixel it is the weights that do.
    """

    pixels: int
    outputs: int
    field: int

    @property
    def lanes(self) -> int:
        """Products of one DSP48E1."""
        return self.pixels * self.outputs


def dsp_packing(bits: int, signed: bool, weight_bits: int, length: int, *, pixels: int = 2) -> Packing | None:
    """The packing with the most lanes in which sums of ``length`` products of ``bits``-bit activations and narrow ``weight_bits``-bit
    weights stay within their fields: two outputs or one with two ``pixels``, three or two with one pixel. None: there is none.

    Narrow weights are those from ``-(2 ** (weight_bits - 1) - 1)`` to its opposite; binary ones (-1, 1) are narrow weights of 2 bits.
    A field holds its sum plus half its range, so that none borrows from the next; it is as wide as ``length`` asks for. Raises ValueError
    for ``bits`` or ``length`` below 1, ``weight_bits`` below 2, ``pixels`` other than 1 or 2.
    """
    for name, value, least in (("bits", bits, 1), ("weight_bits", weight_bits, 2), ("length", length, 1)):
        if value < least:
            raise ValueError(f"{name} must be at least {least}, not {value}")
    if pixels not in (1, 2):
        raise ValueError(f"pixels must be 1 or 2, not {pixels}")
    activation = 1 << (bits - 1) if signed else (1 << bits) - 1
    largest = length * activation * ((1 << (weight_bits - 1)) - 1)
    field = largest.bit_length() + 1
    for outputs in (2, 1) if pixels == 2 else (3, 2):
        if pixels == 2:
            # A second signed activation borrows from below it, and unsigned ones must look positive: both take a bit.
            a, b = outputs * field + bits + 1, (outputs - 1) * field + weight_bits
        else:
            a, b = (outputs - 1) * field + weight_bits, bits + (not signed)
        if a <= _A_BITS and b <= _B_BITS and pixels * outputs * field <= _P_BITS:
            return Packing(pixels=pixels, outputs=outputs, field=field)
    return None


@lru_cache(maxsize=4096)
def longest_chain(bits: int, signed: bool, weight_bits: int, *, pixels: int = 2, limit: int = CHAIN_LIMIT) -> tuple[int, Packing] | None:
    """The most products, at most ``limit``, that one cascade adds up without giving up lanes, and their packing; None: not even one fits.
    Errors as of :func:`dsp_packing`."""
    best = dsp_packing(bits, signed, weight_bits, 1, pixels=pixels)
    if best is None:
        return None
    length = 1
    while length < limit:
        packing = dsp_packing(bits, signed, weight_bits, length + 1, pixels=pixels)
        if packing is None or packing.lanes < best.lanes:
            break
        best, length = packing, length + 1
    return length, best


def packed_weights(weights: Sequence[int]) -> tuple[int, ...]:
    """What is stored for the narrow ``weights`` that share an operand, the lowest field first.

    A negative value reaches into the fields above it: those are stored less one, and the operand is the stored values side by side, each
    extended with its sign up to the next one. Narrow weights take no more bits for it.
    """
    stored: list[int] = []
    for weight in weights:
        stored.append(weight - (bool(stored) and stored[-1] < 0))
    return tuple(stored)
