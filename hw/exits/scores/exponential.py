"""exp(-s d) in integers, without a table entry per d."""

from collections.abc import Iterable, Mapping
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.exits.scores.add_tree import Term, add_tree, tree_levels
from hw.exits.scores.base import delay, rom

__all__ = ["Exponential"]

_RADIX = 3
_FINE = 2
"""Bits of the shift that are left to its last stage."""


class Exponential(wiring.Component):
    """E(d) = 2^F exp(-s d) in integers, as docs/interfaces.md section 3 defines it: small tables of six bits of d each add up to the
    exponent (Chapman, "Constant coefficient multipliers for the XC4000E", Xilinx XAPP 054, 1996); its fraction looks up one or two
    more, its whole part shifts what they give.

    A new ``d`` every cycle. ``latency`` = 4 cycles, plus ceil(log3(number of exponent tables)). A reset clears nothing: every ``e``
    depends on one ``d`` only.

    Parameters
    ----------
    bits : int
        Width of ``d``.
    params : mapping
        ``frac_bits`` F, 1 to 30; ``exponents``, one to eight tables of 2, 4, 8, ... integers, the first by the lowest bits of d;
        ``guard_bits``, 0 to 8, what the sum of their entries has behind the last bit of x; ``table_bits`` B, 0 to 12; ``low_bits`` L, 0
        (also when absent) to B; ``table``, 2^(B - L) integers; with L, ``low``, 2^L or more integers, a power of two of them. No sum of
        an entry of each exceeds 2^F.
    exchangeable : bool
        Whether other exponents, up to F + 1 in units of 2^-(B + G), make the same hardware (:mod:`hw.exchangeable`).

    Members
    -------
    d : In(bits)
        The distance from the greatest logit.
    e : Out(frac_bits + 1)
        E(d), 0 to 2^F.
    x : Out
        The exponent, -log2(E(d) / 2^F) in units of 2^-B; anything where E(d) is 0.
    """

    required = ("frac_bits", "exponents", "guard_bits", "table_bits", "table")
    optional = ("low_bits", "low")

    def __init__(self, *, bits: int, params: Mapping[str, Any], exchangeable: bool = False) -> None:
        self.bits = bits
        self.exchangeable = exchangeable
        self.frac_bits: int = params["frac_bits"]
        self.exponents = [tuple(table) for table in params["exponents"]]
        self.guard_bits: int = params["guard_bits"]
        self.table_bits: int = params["table_bits"]
        self.low_bits: int = params.get("low_bits", 0)
        self.table = tuple(params["table"])
        self.low = tuple(params.get("low", (0,)))
        if not 1 <= self.frac_bits <= 30:
            raise ValueError(f"frac_bits must be from 1 to 30, not {self.frac_bits}")
        if not 1 <= len(self.exponents) <= 8:
            raise ValueError(f"exponents must be 1 to 8 tables, not {len(self.exponents)}")
        for table in self.exponents:
            if len(table) not in (2, 4, 8, 16, 32, 64) or min(table) < 0:
                raise ValueError("an exponent table must have 2, 4, ... 64 entries from 0 up")
        if not 0 <= self.guard_bits <= 8:
            raise ValueError(f"guard_bits must be from 0 to 8, not {self.guard_bits}")
        if not 0 <= self.table_bits <= 12:
            raise ValueError(f"table_bits must be from 0 to 12, not {self.table_bits}")
        if not 0 <= self.low_bits <= self.table_bits:
            raise ValueError(f"low_bits must be from 0 to {self.table_bits}, not {self.low_bits}")
        if len(self.table) != 1 << (self.table_bits - self.low_bits):
            raise ValueError(f"table must have {1 << (self.table_bits - self.low_bits)} entries, not {len(self.table)}")
        self.lead_bits = (len(self.low).bit_length() - 1) - self.low_bits
        if not 0 <= self.lead_bits <= self.table_bits - self.low_bits or len(self.low) != 1 << self.lead_bits + self.low_bits:
            raise ValueError(f"low must have 2**low_bits entries, or 2, 4, ... times as many, not {len(self.low)}")
        if min(*self.table, *self.low) < 0 or max(map(self._entry, range(1 << self.table_bits))) > 1 << self.frac_bits:
            raise ValueError(f"table and low must add up to numbers from 0 to {1 << self.frac_bits}")
        # At F + 1 nothing is left of E: no exponent need be greater.
        limit = (self.frac_bits + 1) << (self.table_bits + self.guard_bits)
        if exchangeable and max(map(max, self.exponents)) > limit:
            raise ValueError(f"exchangeable exponents must be from 0 to {limit}, not {max(map(max, self.exponents))}")
        # Tables of bits that d does not have are left out.
        self.chunks: list[tuple[int, int]] = []
        at = 0
        for table in self.exponents:
            width = min(len(table).bit_length() - 1, bits - at)
            if width <= 0:
                break
            self.chunks.append((at, width))
            at += width
        self.near = at
        self.sums = tree_levels(len(self.chunks), _RADIX)
        self.latency = self.sums + 4
        self._most = [limit if exchangeable else max(table) for table, _ in zip(self.exponents, self.chunks, strict=False)]
        most = sum(self._most) >> self.guard_bits
        super().__init__({"d": In(bits), "e": Out(self.frac_bits + 1), "x": Out(max(most.bit_length(), self.table_bits + 1))})

    def _entry(self, fraction: int) -> int:
        low = fraction >> self.table_bits - self.lead_bits << self.low_bits | fraction & (1 << self.low_bits) - 1
        return int(self.table[fraction >> self.low_bits] + self.low[low])

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        terms = [
            Term(rom(m, table[:1 << width], self.d[at:at + width],
                     (f"exponents{index}", most.bit_length()) if self.exchangeable else None), 0, most)
            for index, (table, (at, width), most) in enumerate(zip(self.exponents, self.chunks, self._most, strict=False))
        ]
        x = Signal.like(self.x)
        m.d.comb += x.eq(add_tree(m, terms, _RADIX).value[self.guard_bits:])
        near = delay(m, ~self.d[self.near:].any(), self.sums + 3)

        # Memories that are read synchronously: their entries need fewer LUTs than a choice that the synthesiser may restructure.
        fraction, whole = x[:self.table_bits], x[self.table_bits:]
        entry = rom(m, self.table, fraction[self.low_bits:])
        if self.low_bits:
            entry = entry + rom(m, self.low, Cat(fraction[:self.low_bits], fraction[self.table_bits - self.lead_bits:]))
        # The shift in two halves with registers between, by choices of two: four choices fit a LUT only where nothing stands before them.
        coarse, value = Signal(self.frac_bits + 1, reset_less=True), Signal.like(self.e, reset_less=True)
        whole, place = delay(m, whole, 1), delay(m, x, 3)
        m.d.sync += [
            coarse.eq(_shift(m, entry[:self.frac_bits + 1], whole, range(_FINE, len(whole)))),
            value.eq(Mux(near, _shift(m, coarse, delay(m, whole[:_FINE], 1), range(min(_FINE, len(whole)))), 0)),
        ]
        m.d.comb += [self.e.eq(value), self.x.eq(place)]
        return m


def _shift(m: Module, value: Value, amount: Value, places: Iterable[int]) -> Value:
    """``value`` shifted right by those bits of ``amount``."""
    for place in places:
        shifted = Signal(len(value))
        m.d.comb += shifted.eq(Mux(amount[place], value >> (1 << place), value))
        value = shifted
    return value
