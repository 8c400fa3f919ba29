"""Reads a buffer in memory and gives it as a stream: what a DMA does, at a port of a Zynq-7000's processing system."""

from amaranth.hdl import Cat, Const, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.fifo import Fifo
from hw.zynq.axi3 import LONGEST_BURST, Axi3Signature
from hw.zynq.beats_to_words import BeatsToWords
from hw.zynq.burst_windows import BEAT_BITS, BurstWindows, fixed
from hw.zynq.transfer import Fault, Transfer

__all__ = ["StreamReader"]


class StreamReader(wiring.Component):
    """Gives ``length`` words from ``address`` on, the last one marked.

    Reads 64 bits a beat in bursts of up to 16 (INCR, one ID, ARM IHI 0022C), several at a time: an address goes out only when there is room
    for all of its burst, so that ``rready`` is always high. No burst goes beyond a window of 128 bytes, hence none beyond 4096. What the
    last beat holds beyond the last word is dropped.

    A response that is an error is told in ``error``, and the words go on. ``start`` is refused (``Fault.REFUSED``, nothing is read) for an
    address whose lower 6 bits are not all 0, and for length 0; it is ignored while ``busy``, and in a cycle with ``abort``.

    ``abort`` while ``busy``: no new address goes out (one that is on offer stays until it is taken), every beat that is outstanding is
    taken and dropped, then ``busy`` falls: after no more than ``depth`` beats, in whatever time memory takes. What was on offer on ``o``
    is taken back, so whoever took the words before is to be reset. A transfer that is over in the same cycle was not aborted.

    Latency: 2 cycles from ``start`` to ``arvalid``, 1 from a beat to its first word (2 for a ``depth`` above 64). Throughput: one word a
    cycle, or one beat a cycle for words of 64 bits or more, as long as memory answers within about ``depth`` - 16 cycles.
    Reset: no transfer, nothing outstanding: memory must be reset too, or idle. ``o`` depends on registers alone, as do all of ``axi``.

    Parameters
    ----------
    word_bits : bits of a word of the stream: 8, 16, 32, 64 or 128
    depth : beats that may be held or outstanding, at least ``burst``; up to 64 of them are held in look-up tables, more in block RAM
    length_bits : bits of a length: a transfer has fewer than two to this power words
    burst : beats of a burst at most: 4, 8 or 16. The window and the alignment above, 128 and 64 bytes, are those of 16.

    Members
    -------
    start, address, length : begins a transfer; both are read in this cycle alone
    abort : ends it early
    busy : a transfer is under way; it ends with the cycle in which its last word is taken
    error : :class:`hw.zynq.transfer.Fault`, until the next ``start``
    owed : an address is on offer, or beats that were asked for are yet to come
    axi : the memory
    o : ``{word, last}``
    """

    def __init__(self, word_bits: int, depth: int = 64, *, length_bits: int = 26, burst: int = LONGEST_BURST) -> None:
        self._windows = BurstWindows(burst)
        self._words = BeatsToWords(word_bits, length_bits)
        if depth < burst:
            raise ValueError(f"depth must be at least {burst}, a longest burst, not {depth}")
        if not 3 <= length_bits <= 32:
            raise ValueError(f"length_bits must be from 3 to 32, not {length_bits}")
        self.word_bits = word_bits
        self.depth = depth
        self.length_bits = length_bits
        self.burst = burst
        super().__init__({
            "start": In(1), "address": In(32), "length": In(length_bits), "abort": In(1), "busy": Out(1), "error": Out(Fault),
            "owed": Out(1), "axi": Out(Axi3Signature(BEAT_BITS, 6, writes=False)),
            "o": Out(stream.Signature(data.StructLayout({"word": word_bits, "last": 1}))),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        axi, windows, words = self.axi, self._windows, self._words
        m.submodules.transfer = transfer = Transfer(windows.aligned_bits, self.length_bits)
        m.submodules.windows, m.submodules.words = windows, words
        beats = Fifo(BEAT_BITS, self.depth)
        m.submodules.beats = ResetInserter(transfer.stops)(beats)
        wiring.connect(m, beats.o, words.i)
        wiring.connect(m, wiring.flipped(self.o), words.o)
        # What a transfer begins with is loaded until one does: whether it does comes late.
        idle = ~transfer.busy
        issue, issued, accepted = Signal(), Signal(), Signal()
        bursts = Signal(range(-(-self.depth // self.burst) + 1))  # on offer or accepted, and their last beats yet to come
        free = Signal(range(self.depth + 1), init=self.depth)  # places for beats that neither are held nor will come
        popped = Signal()
        m.d.comb += [
            transfer.start.eq(self.start), transfer.misplaced.eq(self.address), transfer.length.eq(self.length),
            transfer.abort.eq(self.abort),
            self.busy.eq(transfer.busy), self.error.eq(transfer.error), self.owed.eq(bursts != 0),
            transfer.over.eq(Mux(transfer.aborting, bursts == 0, self.o.valid & self.o.ready & self.o.payload.last)),
            transfer.answered.eq(axi.rvalid), transfer.response.eq(axi.rresp),
            words.start.eq(idle), words.length.eq(self.length),
            windows.load.eq(idle), windows.first.eq(self.address), windows.step.eq(accepted),
            axi.araddr.eq(windows.address), *fixed(axi, "ar"),
            accepted.eq(axi.arvalid & axi.arready),
            axi.rready.eq(1), beats.i.valid.eq(axi.rvalid), beats.i.payload.eq(axi.rdata),
            popped.eq(beats.o.valid & beats.o.ready),
        ]
        more = self._count_windows(m, idle, accepted)
        m.d.comb += issue.eq(more & ~axi.arvalid & (free >= self.burst) & transfer.goes_on)
        with m.If(issue):
            m.d.sync += [axi.arvalid.eq(1), axi.arlen.eq(windows.len)]
        with m.Elif(axi.arready):
            m.d.sync += axi.arvalid.eq(0)
        m.d.sync += bursts.eq(bursts + issue - (axi.rvalid & axi.rlast))
        # Adding the complement of beats less 1 takes the beats away; a cycle late is in time, for no address follows at once.
        taken = Mux(issued, ~Cat(axi.arlen, Const(0, len(free))), 0)
        m.d.sync += issued.eq(issue)
        m.d.sync += free.eq(Mux(transfer.aborting, self.depth, free + taken + popped))
        return m

    def _count_windows(self, m: Module, idle: Value, accepted: Signal) -> Signal:
        """Tells the windows how far its burst goes; whether there is one more to send out."""
        windows = self._windows
        per_beat, per_word = max(1, BEAT_BITS // self.word_bits), max(1, self.word_bits // BEAT_BITS)
        # The transfer's last beat, counted from 0 at the beginning of its first window. One sum: length - 1, and half a window if it begins
        # in the middle of one.
        bits = self.length_bits + 1
        half = self.burst // 2 * per_beat // per_word
        last_word = Signal(bits)
        m.d.comb += last_word.eq(self.length + Mux(self.address[windows.aligned_bits], half - 1, (1 << bits) - 1))
        last_beat = last_word[per_beat.bit_length() - 1:] if per_word == 1 else Cat(1, last_word)
        ends_at, last_window = Signal(windows.beat_bits), Signal(max(1, len(last_beat) - windows.beat_bits))
        window = Signal.like(last_window)
        final, more = Signal(), Signal()
        m.d.comb += [final.eq(window == last_window), windows.upto.eq(Mux(final, ends_at, self.burst - 1))]
        with m.If(idle):
            m.d.sync += [ends_at.eq(last_beat), last_window.eq(last_beat[windows.beat_bits:]), window.eq(0), more.eq(1)]
        with m.Elif(accepted):
            m.d.sync += [window.eq(window + 1), more.eq(~final)]
        return more
