"""exp(-s d) in integers, without a table entry per d."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.scores.add_tree import Term, add_tree, tree_levels
from hw.scores.base import delay, rom

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
    and additions, gives the exponent; the fraction looks up one or two small tables, the whole part shifts what they give.

    A new ``d`` every cycle. ``latency`` = 2 cycles, plus ceil(log3(non-zero signed digits of mult)). A reset clears nothing: every
    ``e`` depends on one ``d`` only.

    Parameters
    ----------
    bits : int
        Width of ``d``.
    params : mapping
        ``frac_bits`` F, 1 to 30; ``mult`` M, 1 to 2^32 - 1, and ``mult_frac`` X, to 48: M = s / ln 2 * 2^X; ``table_bits`` B, 0 to 12, less
        than X; ``low_bits`` L, 0 (also when absent) to B; ``table``, 2^(B - L) integers; with L, ``low``, 2^L or more integers, a power of
        two of them. No sum of an entry of each exceeds 2^F.

    Attributes
    ----------
    whole_bits : int
        Bits of the whole part of ``x``: enough for every d whose E is not 0.

    Members
    -------
    d : In(bits)
        The distance from the greatest logit.
    e : Out(frac_bits + 1)
        E(d), 0 to 2^F.
    x : Out(whole_bits + table_bits)
        The exponent, -log2(E(d) / 2^F) in units of 2^-B; anything where E(d) is 0.
    """

    required = ("frac_bits", "mult", "mult_frac", "table_bits", "table")
    optional = ("low_bits", "low")

    def __init__(self, *, bits: int, params: Mapping[str, Any]) -> None:
        self.bits = bits
        self.frac_bits: int = params["frac_bits"]
        self.mult: int = params["mult"]
        self.mult_frac: int = params["mult_frac"]
        self.table_bits: int = params["table_bits"]
        self.low_bits: int = params.get("low_bits", 0)
        self.table = tuple(params["table"])
        self.low = tuple(params.get("low", (0,)))
        if not 1 <= self.frac_bits <= 30:
            raise ValueError(f"frac_bits must be from 1 to 30, not {self.frac_bits}")
        if not 1 <= self.mult < 1 << 32:
            raise ValueError(f"mult must be from 1 to 2**32 - 1, not {self.mult}")
        if not 0 <= self.table_bits <= 12:
            raise ValueError(f"table_bits must be from 0 to 12, not {self.table_bits}")
        if not self.table_bits < self.mult_frac <= 48:
            raise ValueError(f"mult_frac must be from {self.table_bits + 1} to 48, not {self.mult_frac}")
        if not 0 <= self.low_bits <= self.table_bits:
            raise ValueError(f"low_bits must be from 0 to {self.table_bits}, not {self.low_bits}")
        if len(self.table) != 1 << (self.table_bits - self.low_bits):
            raise ValueError(f"table must have {1 << (self.table_bits - self.low_bits)} entries, not {len(self.table)}")
        self.lead_bits = (len(self.low).bit_length() - 1) - self.low_bits
        if len(self.low) != 1 << max(0, self.lead_bits) + self.low_bits or self.lead_bits > self.table_bits - self.low_bits:
            raise ValueError(f"low must have 2**low_bits entries, or 2, 4, ... times as many, not {len(self.low)}")
        most = max(self.table) + max(self.low)
        if min(*self.table, *self.low) < 0 or self._entry(0) > 1 << self.frac_bits or most >= 2 << self.frac_bits:
            raise ValueError(f"table and low must add up to numbers from 0 to {1 << self.frac_bits}")
        # Beyond 2**near everything shifts out to 0, so the multiplication needs no wider operand.
        self.near = 0
        while self.near < bits and self._exponent(1 << self.near) >> self.table_bits <= self.frac_bits:
            self.near += 1
        self.whole_bits: int = max(1, (self._exponent((1 << self.near) - 1) >> self.table_bits).bit_length())
        self.digits = signed_digits(self.mult)
        self.multiply = tree_levels(len(self.digits), _RADIX)
        self.latency = self.multiply + 2
        super().__init__({"d": In(bits), "e": Out(self.frac_bits + 1), "x": Out(self.whole_bits + self.table_bits)})

    def _entry(self, fraction: int) -> int:
        high = fraction >> self.table_bits - self.lead_bits
        low: int = self.table[fraction >> self.low_bits] + self.low[high << self.low_bits | fraction & (1 << self.low_bits) - 1]
        return low

    def _exponent(self, d: int) -> int:
        return d * self.mult >> self.mult_frac - self.table_bits

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        d = self.d[:self.near]
        most = (1 << self.near) - 1
        product = add_tree(m, [Term(d.shift_left(exponent), 0, most << exponent, sign < 0) for exponent, sign in self.digits], _RADIX).value
        x = Signal(len(self.x))
        m.d.comb += x.eq(product.as_unsigned()[self.mult_frac - self.table_bits:])
        fraction = x[:self.table_bits]
        far = delay(m, self.d[self.near:].any(), self.multiply + 1)

        # Memories that are read synchronously: their entries need fewer LUTs than a choice that the synthesiser may restructure.
        entry = rom(m, self.table, fraction[self.low_bits:])
        if self.low_bits:
            entry = entry + rom(m, self.low, Cat(fraction[:self.low_bits], fraction[self.table_bits - self.lead_bits:]))
        at, value = Signal.like(x, reset_less=True), Signal.like(self.e, reset_less=True)
        m.d.sync += [
            at.eq(x),
            value.eq(Mux(far, 0, entry[:self.frac_bits + 1] >> at[self.table_bits:])),
            self.x.eq(at),
        ]
        m.d.comb += self.e.eq(value)
        return m
