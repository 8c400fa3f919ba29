"""The greatest value of a sample and its class."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.exits.scores.base import BeatSignature, delay

__all__ = ["ArgMax"]

_RADIX = 4  # comparing four at once takes 6 comparators side by side instead of 3 in two levels: half the latency


class ArgMax(wiring.Component):
    """The greatest of a sample's ``classes`` values, ``pe`` a beat; of equals the lowest class.

    Takes a beat every cycle. Latency ``latency`` = ceil(log4(pe)), plus one if a sample has more than one beat.

    Members
    -------
    i : In(BeatSignature)
        Signed values of ``bits`` bits.
    valid : Out(1)
        The sample's result is there, for one cycle; a reset drops a sample that is under way.
    value : Out(signed(bits))
        The greatest value.
    label : Out(range(classes))
        Its class.
    """

    def __init__(self, *, classes: int, pe: int, bits: int) -> None:
        self.classes = classes
        self.pe = pe
        self.bits = bits
        levels = 0
        while _RADIX**levels < pe:
            levels += 1
        self.latency = levels + (classes > pe)
        super().__init__({
            "i": In(BeatSignature(pe, signed(bits))),
            "valid": Out(1),
            "value": Out(signed(bits)),
            "label": Out(range(classes)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        best: list[tuple[Value, Value]] = [(self.i.values[lane], Const(lane, range(self.pe))) for lane in range(self.pe)]
        levels = 0
        while len(best) > 1:
            best = [_greatest(m, best[at:at + _RADIX]) for at in range(0, len(best), _RADIX)]
            levels += 1
        value, lane = best[0]
        valid = delay(m, self.i.valid, levels, reset_less=False)
        if self.classes == self.pe:
            m.d.comb += [self.valid.eq(valid), self.value.eq(value), self.label.eq(lane)]
            return m
        first, last = delay(m, self.i.first, levels), delay(m, self.i.last, levels)
        base = Signal(range(self.classes))
        m.d.sync += self.valid.eq(valid & last)
        with m.If(valid):
            m.d.sync += base.eq(Mux(last, 0, base + self.pe))
            with m.If(first | (value > self.value)):
                m.d.sync += [self.value.eq(value), self.label.eq(base + lane)]
        return m


def _greatest(m: Module, group: list[tuple[Value, Value]]) -> tuple[Value, Value]:
    """The greatest of a few, registered: all pairs are compared at once, and the earlier of two equals wins."""
    if len(group) == 1:
        return delay(m, group[0][0], 1), delay(m, group[0][1], 1)
    ahead = {(i, j): group[i][0] >= group[j][0] for i in range(len(group)) for j in range(i + 1, len(group))}
    value, lane = Signal.like(group[0][0], init=0, reset_less=True), Signal.like(group[-1][1], init=0, reset_less=True)
    values, lanes = Const(0, len(value)), Const(0, len(lane))
    for i, (candidate, index) in enumerate(group):
        beats = [ahead[i, j] if i < j else ~ahead[j, i] for j in range(len(group)) if j != i]
        wins = Cat(*beats).all()
        values = values | (candidate.as_unsigned() & wins.replicate(len(candidate)))
        lanes = lanes | Mux(wins, index, 0)
    m.d.sync += [value.eq(values), lane.eq(lanes)]
    return value, lane
