"""The end of a stream that is cut off, without a word taken back."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["CleanStop"]


class CleanStop(wiring.Component):
    """Stands between a :class:`~hw.zynq.stream_reader.StreamReader` and what takes its words, and aborts the reader between two words.

    An abort of the reader takes back the word that is on offer, which AXI4-Stream forbids. After ``stop`` the guard waits for a cycle in
    which no word is on offer, or the one that is is taken, or whoever takes them is in reset. Then, for one cycle, it is closed and
    ``abort`` is high. So it ends at once, but where a word waits and is not taken: there it ends when that is, or with a reset. A transfer
    that ends before is not aborted.

    Latency: 0 cycles from ``i`` to ``o``; from ``stop`` to ``abort`` 2 cycles at least. Throughput: a word a cycle. Reset: no
    stop is asked for. ``o`` depends combinationally on ``i``, ``i.ready`` on ``o.ready`` and ``rst_n``.

    Parameters
    ----------
    word_bits : bits of a word

    Members
    -------
    stop : In(1), whoever wants the transfer aborted
    busy : In(1), a transfer is under way: the reader's
    abort : Out(1), to the reader
    rst_n : In(1), low where what takes the words is in reset: nothing passes
    i : ``{word, last}``
    o : ``{word, last}``
    """

    def __init__(self, word_bits: int) -> None:
        if word_bits < 1:
            raise ValueError(f"word_bits must be at least 1, not {word_bits}")
        self.word_bits = word_bits
        words = stream.Signature(data.StructLayout({"word": word_bits, "last": 1}))
        super().__init__({"stop": In(1), "busy": In(1), "abort": Out(1), "rst_n": In(1), "i": In(words), "o": Out(words)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wanted, passes = Signal(), Signal()
        between = ~passes | ~self.i.valid | self.o.ready
        m.d.comb += [
            passes.eq(self.rst_n & ~self.abort),
            self.o.payload.eq(self.i.payload), self.o.valid.eq(self.i.valid & passes), self.i.ready.eq(self.o.ready & passes),
        ]
        m.d.sync += [
            wanted.eq((self.stop | wanted) & self.busy & ~self.abort),
            self.abort.eq(wanted & between & ~self.abort),
        ]
        return m
