"""The two greatest values of a sample, and the class of the greatest."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.exits.scores.base import BeatSignature, delay

__all__ = ["TopTwo"]


@dataclass(frozen=True)
class _Pair:
    """The greatest of some values, where it stands, and the next one; no ``second`` when there is but one value."""

    value: Value
    lane: Value
    second: Value | None


class TopTwo(wiring.Component):
    """The greatest of a sample's ``classes`` values and the greatest of the others (which may be equal to it), ``pe`` a beat.

    Takes a beat every cycle. Latency ``latency`` = ceil(log2(pe)), plus one if a sample has more than one beat.

    Members
    -------
    i : In(BeatSignature)
        Signed values of ``bits`` bits.
    valid : Out(1)
        The sample's result is there, for one cycle; a reset drops a sample that is under way.
    value, second : Out(signed(bits))
        The greatest value and the next one.
    label : Out(range(classes))
        The class of the greatest, of equals the lowest.
    """

    def __init__(self, *, classes: int, pe: int, bits: int) -> None:
        self.classes = classes
        self.pe = pe
        self.bits = bits
        self.levels = (pe - 1).bit_length()
        self.latency = self.levels + (classes > pe)
        super().__init__({
            "i": In(BeatSignature(pe, signed(bits))),
            "valid": Out(1),
            "value": Out(signed(bits)),
            "second": Out(signed(bits)),
            "label": Out(range(classes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pairs = [_Pair(self.i.values[lane], Const(lane, range(self.pe)), None) for lane in range(self.pe)]
        while len(pairs) > 1:
            pairs = [_merge(m, pairs[at:at + 2]) for at in range(0, len(pairs), 2)]
        best = pairs[0]
        valid = delay(m, self.i.valid, self.levels, reset_less=False)
        if self.classes == self.pe:
            assert best.second is not None
            m.d.comb += [self.valid.eq(valid), self.value.eq(best.value), self.second.eq(best.second), self.label.eq(best.lane)]
            return m
        first, last = delay(m, self.i.first, self.levels), delay(m, self.i.last, self.levels)
        base = Signal(range(self.classes))
        m.d.sync += self.valid.eq(valid & last)
        # The next one may be the greatest so far, or the new beat's own next one.
        least = Const(-(1 << (self.bits - 1)), signed(self.bits))
        own: Value = least if best.second is None else best.second
        wins = Signal()
        m.d.comb += wins.eq(best.value > self.value)
        with m.If(valid):
            m.d.sync += base.eq(Mux(last, 0, base + self.pe))
            with m.If(first | wins):
                m.d.sync += [self.value.eq(best.value), self.label.eq(base + best.lane)]
            with m.If(first):
                m.d.sync += self.second.eq(own)
            with m.Elif(wins):
                m.d.sync += self.second.eq(self.value if best.second is None else _greater(self.value, own))
            with m.Elif(best.value > self.second):
                m.d.sync += self.second.eq(best.value)
        return m


def _greater(a: Value, b: Value) -> Value:
    return Mux(a > b, a, b)


def _merge(m: Module, group: Sequence[_Pair]) -> _Pair:
    """The registered pair of two pairs; of two equals the first wins."""
    if len(group) == 1:
        item = group[0]
        return _Pair(delay(m, item.value, 1), delay(m, item.lane, 1), None if item.second is None else delay(m, item.second, 1))
    a, b = group
    ahead = a.value >= b.value
    if a.second is None:
        loser: Value = Mux(ahead, b.value, a.value)
    else:
        after_a = _greater(b.value, a.second)
        after_b = a.value if b.second is None else _greater(a.value, b.second)
        loser = Mux(ahead, after_a, after_b)
    registers = [Signal.like(a.value, init=0, reset_less=True), Signal.like(b.lane, init=0, reset_less=True),
                 Signal.like(a.value, init=0, reset_less=True)]
    m.d.sync += [register.eq(value) for register, value in
                 zip(registers, (Mux(ahead, a.value, b.value), Mux(ahead, a.lane, b.lane), loser), strict=True)]
    return _Pair(*registers)
