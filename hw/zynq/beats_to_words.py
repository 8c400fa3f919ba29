"""From beats of memory to bus words."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.zynq.burst_windows import BEAT_BITS

__all__ = ["WORD_BITS", "BeatsToWords"]

WORD_BITS = (8, 16, 32, 64, 128)
"""Bits that a bus word may have."""


class BeatsToWords(wiring.Component):
    """Cuts beats into words, or joins two, lowest byte first, and marks the last word of a transfer.

    After ``start`` it gives ``length`` words; what the last beat holds beyond them goes with it. Nothing of a beat is kept from one
    transfer to the next.

    Latency: 0 cycles (combinational). Throughput: one word a cycle; for 128 bits one beat a cycle. Reset: as after a transfer.
    ``o`` depends combinationally on ``i``, ``i.ready`` on ``o.ready`` and ``i.valid``.

    Parameters
    ----------
    word_bits : bits of a word, one of :data:`WORD_BITS`
    length_bits : bits of a length

    Members
    -------
    start, length : from the next cycle without ``start`` on, a transfer of ``length`` words, at least 1
    i : beats
    o : ``{word, last}``, ``last`` with the last word of a transfer
    """

    def __init__(self, word_bits: int, length_bits: int) -> None:
        if word_bits not in WORD_BITS:
            raise ValueError(f"word_bits must be one of {', '.join(map(str, WORD_BITS))}, not {word_bits}")
        self.word_bits = word_bits
        self.length_bits = length_bits
        super().__init__({
            "start": In(1), "length": In(length_bits),
            "i": In(stream.Signature(BEAT_BITS)),
            "o": Out(stream.Signature(data.StructLayout({"word": word_bits, "last": 1}))),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        taken = Signal()
        words, after = Signal(self.length_bits), Signal(self.length_bits)  # after: the number of the word after the one on offer
        last = Signal()
        m.d.comb += [taken.eq(self.o.valid & self.o.ready), self.o.payload.last.eq(last)]
        with m.If(self.start):
            m.d.sync += [words.eq(self.length), after.eq(2), last.eq(self.length == 1)]
        with m.Elif(taken):
            m.d.sync += [after.eq(after + 1), last.eq(after == words)]
        if self.word_bits > BEAT_BITS:
            low, held = Signal(BEAT_BITS), Signal()
            m.d.comb += [
                self.o.payload.word.eq(Cat(low, self.i.payload)),
                self.o.valid.eq(self.i.valid & held),
                self.i.ready.eq(~held | self.o.ready),
            ]
            with m.If(~held):
                m.d.sync += low.eq(self.i.payload)
            with m.If(self.start):
                m.d.sync += held.eq(0)
            with m.Elif(self.i.valid & self.i.ready):
                m.d.sync += held.eq(~held)
            return m
        count = BEAT_BITS // self.word_bits
        index = Signal(range(count))
        m.d.comb += [
            self.o.payload.word.eq(self.i.payload.word_select(index, self.word_bits)),
            self.o.valid.eq(self.i.valid),
            self.i.ready.eq(taken & (last | (index == count - 1))),
        ]
        with m.If(self.start | taken):
            m.d.sync += index.eq(Mux(self.start, 0, index + 1))
        return m
