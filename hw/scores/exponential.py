"""exp(-s d) in integers, without a table entry per d."""

from typing import Any

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scores.add_tree import Term, add_tree, tree_levels
from hw.scores.base import delay

__all__ = ["Exponential", "signed_digits"]

_RADIX = 3


def signed_digits(number: int) -> list[tuple[int, int]]:
    """``number`` (not negative) as few signed powers of two: ``[(exponent, +1 or -1), ...]``, no two of them adjacent."""
    digits = []
    exponent = 0
    while number:
        if number & 1:
            sign = 2 - (number & 3)
            digits.append((exponent, sign))
            number -= sign
        number >>= 1
        exponent += 1
    return digits


class Exponential(wiring.Component):
    """E(d) = 2^F exp(-s d) in integers, as docs/interfaces.md section 3 defines it: a multiplication by a constant, made of shifts
    and additions, gives the exponent; the fraction looks up a small table, the whole part shifts it.

    A new ``d`` every cycle. ``latency`` = 2 cycles, plus ceil(log3(1 + non-zero signed digits of mult)). A reset clears nothing: every
    ``e`` depends on one ``d`` only.

    Parameters
    ----------
    bits : int
        Width of ``d``.
    frac_bits : int
        F, 1 to 24.
    mult, mult_frac : int
        M, 1 to 2^32 - 1; X, to 48: M = s / ln 2 * 2^X.
    table : sequence of int
        2^B integers from 0 to 2^F, B < X from 0 to 10.

    Members
    -------
    d : In(bits)
        The distance from the greatest logit.
    e : Out(frac_bits + 1)
        E(d), 0 to 2^F.
    """

    def __init__(self, *, bits: int, frac_bits: int, mult: int, mult_frac: int, table: list[int]) -> None:
        if not 1 <= frac_bits <= 24:
            raise ValueError(f"frac_bits must be from 1 to 24, not {frac_bits}")
        if not 1 <= mult < 1 << 32:
            raise ValueError(f"mult must be from 1 to 2**32 - 1, not {mult}")
        table_bits = len(table).bit_length() - 1
        if len(table) != 1 << table_bits or table_bits > 10:
            raise ValueError(f"table must have 2**B entries with B from 0 to 10, not {len(table)}")
        if not table_bits < mult_frac <= 48:
            raise ValueError(f"mult_frac must be from {table_bits + 1} to 48, not {mult_frac}")
        for entry in table:
            if not 0 <= entry <= 1 << frac_bits:
                raise ValueError(f"table must have integers from 0 to {1 << frac_bits}, not {entry}")
        self.bits = bits
        self.frac_bits = frac_bits
        self.mult = mult
        self.mult_frac = mult_frac
        self.table = list(table)
        self.table_bits = table_bits
        self.digits = signed_digits(mult)
        self.latency = tree_levels(len(self.digits) + 1, _RADIX) + 2
        super().__init__({"d": In(bits), "e": Out(frac_bits + 1)})

    def _exponent(self, d: int) -> int:
        shift = self.mult_frac - self.table_bits
        return (d * self.mult + (1 << (shift - 1))) >> shift

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        # Beyond 2**near everything shifts out to 0, so the multiplication needs no wider operand.
        near = 0
        while near < self.bits and self._exponent(1 << near) >> self.table_bits <= self.frac_bits:
            near += 1
        most = (1 << near) - 1
        multiply = tree_levels(len(self.digits) + 1, _RADIX)
        d = self.d[:near]
        rounding = 1 << (self.mult_frac - self.table_bits - 1)
        terms: list[Term] = [(Const(rounding), rounding, rounding)]
        for exponent, sign in self.digits:
            scaled = d.shift_left(exponent)
            terms.append((scaled, 0, most << exponent) if sign > 0 else (-scaled, -most << exponent, 0))
        product, _, _ = add_tree(m, terms, _RADIX)
        low = self.mult_frac - self.table_bits
        exponent_bits = max(self._exponent(most).bit_length(), self.table_bits + 1)
        x = product.as_unsigned()[low:low + exponent_bits]
        whole, fraction = x[self.table_bits:], x[:self.table_bits]
        far = delay(m, self.d[near:].any(), multiply + 1)

        entry, shift = Signal(self.frac_bits + 1, reset_less=True), Signal.like(whole, reset_less=True)
        value = Signal.like(self.e, reset_less=True)
        m.d.sync += [
            entry.eq(Array(self.table)[fraction]),
            shift.eq(whole),
            value.eq(Mux(far, 0, entry >> shift)),
        ]
        m.d.comb += self.e.eq(value)
        return m
