"""From result words to beats of memory."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.zynq.burst_windows import BEAT_BITS

__all__ = ["BEAT", "WORD_BITS", "WordsToBeats"]

WORD_BITS = (32, 64)
"""Bits that a result word may have."""
BEAT = data.StructLayout({"data": BEAT_BITS, "upper": 1, "last": 1})
"""``upper``: its upper half counts too; ``last``: it is a transfer's last."""


class WordsToBeats(wiring.Component):
    """Joins words to beats, the first one in the lower half, and counts them, until the one that is marked or until there is no more room.

    Takes words from the cycle after ``start`` on, up to one with ``last`` or ``capacity`` of them, and then no more until the next
    ``start``. The beat with the transfer's last word is given as it is, with one word in it or two. ``stop`` drops what is held.

    Latency: 1 cycle from the word that completes a beat to the beat. Throughput: one word a cycle. Reset: as after a transfer,
    ``written`` 0. ``i.ready`` depends combinationally on ``o.ready``, ``o`` and ``written`` on nothing.

    Parameters
    ----------
    word_bits : bits of a word, 32 or 64
    length_bits : bits of a capacity

    Members
    -------
    start, capacity : from the next cycle on, a transfer of up to ``capacity`` words, at least 1
    stop : from the next cycle on nothing is taken and nothing is on offer
    i : ``{word, last}``
    o : :data:`BEAT`
    written : words taken since ``start``
    """

    def __init__(self, word_bits: int, length_bits: int) -> None:
        if word_bits not in WORD_BITS:
            raise ValueError(f"word_bits must be 32 or 64, not {word_bits}")
        self.word_bits = word_bits
        self.length_bits = length_bits
        super().__init__({
            "start": In(1), "capacity": In(length_bits), "stop": In(1),
            "i": In(stream.Signature(data.StructLayout({"word": word_bits, "last": 1}))),
            "o": Out(stream.Signature(BEAT)),
            "written": Out(length_bits),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        taking, taken, ends, completes = Signal(), Signal(), Signal(), Signal()
        capacity, number = Signal(self.length_bits), Signal(self.length_bits)  # number: of the word to come, from 1
        m.d.comb += [
            self.i.ready.eq(taking & (~self.o.valid | self.o.ready)),
            taken.eq(self.i.valid & self.i.ready),
            ends.eq(self.i.payload.last | (number == capacity)),
        ]
        beat = self.o.payload
        if self.word_bits == BEAT_BITS:
            m.d.comb += completes.eq(1)
            with m.If(taken):
                m.d.sync += [beat.data.eq(self.i.payload.word), beat.upper.eq(1)]
        else:
            half = Signal()  # a beat's first word is held
            m.d.comb += completes.eq(half | ends)
            with m.If(taken):
                m.d.sync += [beat.upper.eq(half), beat.data[self.word_bits:].eq(self.i.payload.word), half.eq(~completes)]
            with m.If(taken & ~half):
                m.d.sync += beat.data[:self.word_bits].eq(self.i.payload.word)
            with m.If(~taking):
                m.d.sync += half.eq(0)
        with m.If(taken):
            m.d.sync += [beat.last.eq(ends), number.eq(number + 1), self.written.eq(number)]
        m.d.sync += [
            self.o.valid.eq(~self.stop & Mux(taken, completes, self.o.valid & ~self.o.ready)),
            taking.eq(~self.stop & (self.start | (taking & ~(taken & ends)))),
        ]
        with m.If(~taking):
            m.d.sync += [capacity.eq(self.capacity), number.eq(1)]
        with m.If(self.start):
            m.d.sync += self.written.eq(0)
        return m
