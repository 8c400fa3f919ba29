"""Follows the words of images at the input: when each image began, and whether TLAST stands where it may."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.exits.token import STAMP_BITS
from hw.placing import place
from hw.streams.fifo import Fifo

__all__ = ["Arrivals"]


class Arrivals(wiring.Component):
    """Counts the words of images of ``words`` words each, as they are taken at the input; images enter, at admission, some cycles later.

    ``stamp`` is the time at which the first word of the image that enters next was taken. ``misplaced`` tells of a word with TLAST that is
    not an image's last, ``missing`` of the last word of a batch's last image without: TLAST may stand on any image's last word, and must
    stand on a batch's. Of an image whose words are lost or doubled the images after it are cut in other places; ``words`` are counted
    on all the same.

    Latency: ``stamp`` and ``misplaced`` two cycles after the word; ``missing`` up to four cycles after the later of the image's last word
    and its entrance. Throughput: one word a cycle. Reset: the next word is the first of an image, and none waits to enter.

    Parameters
    ----------
    words : words of an image, at least 1
    outside : words that may have been taken before their image enters, at most

    Members
    -------
    taken, last : a word is taken in this cycle; with TLAST
    now : free-running cycle count
    entered, ends_batch : an image enters in this cycle, at the earliest two after its first word; it is the last one of its batch
    stamp : ``now`` of the cycle in which the first word was taken of the image that enters next
    misplaced, missing : high for one cycle
    """

    def __init__(self, words: int, outside: int) -> None:
        if words < 1 or outside < 1:
            raise ValueError(f"words and outside must be at least 1, not words={words}, outside={outside}")
        self.words = words
        self.outside = outside
        self.waiting = -(-outside // words) + 1
        """Images of which words were taken and that have not entered, at most."""
        super().__init__({
            "taken": In(1), "last": In(1), "now": In(STAMP_BITS), "entered": In(1), "ends_batch": In(1),
            "stamp": Out(STAMP_BITS), "misplaced": Out(1), "missing": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Whether a word is taken comes late. An image enters two cycles after its first word at the earliest: there is a cycle to spare.
        taken, last, now = Signal(), Signal(reset_less=True), Signal(STAMP_BITS, reset_less=True)
        m.d.sync += [taken.eq(self.taken), last.eq(self.last), now.eq(self.now)]
        word = Signal(range(max(2, self.words)))
        first, end = Signal(), Signal()
        m.d.comb += [first.eq(taken & (word == 0)), end.eq(taken & (word == self.words - 1))]
        with m.If(end):
            m.d.sync += word.eq(0)
        with m.Elif(taken):
            m.d.sync += word.eq(word + 1)
        m.d.sync += self.misplaced.eq(taken & last & ~end)

        stamps = place(m, "stamps", Fifo(STAMP_BITS, self.waiting))
        m.d.comb += [
            stamps.i.valid.eq(first), stamps.i.payload.eq(now), stamps.o.ready.eq(self.entered), self.stamp.eq(stamps.o.payload),
        ]

        # An image's last word may be taken before it enters or after; before the next one enters in any case.
        ends = place(m, "ends", Fifo(1, self.waiting))
        batches = place(m, "batches", Fifo(1, 2))
        both = Signal()
        m.d.comb += [
            ends.i.valid.eq(end), ends.i.payload.eq(last), batches.i.valid.eq(self.entered), batches.i.payload.eq(self.ends_batch),
            both.eq(ends.o.valid & batches.o.valid), ends.o.ready.eq(both), batches.o.ready.eq(both),
        ]
        m.d.sync += self.missing.eq(both & batches.o.payload & ~ends.o.payload)
        return m
