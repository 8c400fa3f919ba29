"""The second pass over a sample: how far each value is below the greatest."""

from typing import Any

from amaranth.hdl import Const, Module, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.exits.scores.base import BeatSignature, carry, count_beats, delay

__all__ = ["Replay"]


class Replay(wiring.Component):
    """Keeps a sample's values until its greatest is known, then gives greatest - value for each, in the same beats.

    Takes a beat every cycle: while one sample is given, the next ones are kept. The first beat at ``o`` comes ``delay`` cycles after
    ``found``, 1 when a sample is one beat and 2 otherwise; the others follow without a gap: ``latency`` = delay + classes / pe - 1 cycles
    from ``found`` to the last one.

    Parameters
    ----------
    classes, pe, bits : int
        Values of a sample, values a beat, width of a (signed) value.
    found_after : int
        Cycles from a sample's last beat at ``i`` to ``found``, at least 1: how many beats more must be kept.

    Members
    -------
    i : In(BeatSignature)
        The values, signed.
    found, greatest : In(1), In(signed(bits))
        The greatest value of the oldest sample that was not given yet is there.
    o : Out(BeatSignature)
        The distances, unsigned, of ``bits`` bits.
    """

    def __init__(self, *, classes: int, pe: int, bits: int, found_after: int) -> None:
        self.classes = classes
        self.pe = pe
        self.bits = bits
        self.beats = classes // pe
        self.found_after = found_after
        self.delay = 1 + (self.beats > 1)
        self.latency = self.delay + self.beats - 1
        super().__init__({
            "i": In(BeatSignature(pe, signed(bits))),
            "found": In(1),
            "greatest": In(signed(bits)),
            "o": Out(BeatSignature(pe, unsigned(bits))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        distances = Signal.like(self.o.values, reset_less=True)
        m.d.comb += self.o.values.eq(distances)
        if self.beats == 1:
            values = data.View(self.i.values.shape(), delay(m, self.i.values.as_value(), self.found_after))
            m.d.sync += [distances[lane].eq(self.greatest - values[lane]) for lane in range(self.pe)]
            m.d.comb += [self.o.valid.eq(delay(m, self.found, 1, reset_less=False)), self.o.first.eq(1), self.o.last.eq(1)]
            return m
        depth = 1 << max(1, (self.beats + self.found_after - 1).bit_length())
        m.submodules.kept = kept = Memory(shape=data.ArrayLayout(signed(self.bits), self.pe), depth=depth, init=[])
        write, read = kept.write_port(), kept.read_port()
        head, tail = Signal(range(depth)), Signal(range(depth))
        reading = Signal()
        _, first, last = count_beats(m, reading, self.beats)
        m.d.comb += [
            reading.eq(self.found | ~first),
            write.addr.eq(tail), write.en.eq(self.i.valid), write.data.eq(self.i.values),
            read.addr.eq(head), read.en.eq(Const(1)),
        ]
        m.d.sync += [tail.eq(tail + self.i.valid), head.eq(head + reading)]
        greatest = carry(m, self.greatest, self.found, gap=self.beats, cycles=1)
        m.d.comb += [
            self.o.valid.eq(delay(m, reading, 2, reset_less=False)),
            self.o.first.eq(delay(m, first, 2)),
            self.o.last.eq(delay(m, last, 2)),
        ]
        m.d.sync += [distances[lane].eq(greatest - read.data[lane]) for lane in range(self.pe)]
        return m
