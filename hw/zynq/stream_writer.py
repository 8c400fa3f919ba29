"""Writes a stream into a buffer in memory: what a DMA does, at a port of a Zynq-7000's processing system."""

from amaranth.hdl import Cat, Module, Mux, ResetInserter, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.fifo import Fifo
from hw.zynq.axi3 import LONGEST_BURST, Axi3Signature
from hw.zynq.burst_windows import BEAT_BITS, BurstWindows, fixed
from hw.zynq.transfer import Fault, Transfer
from hw.zynq.words_to_beats import WordsToBeats

__all__ = ["StreamWriter"]

_BEAT = data.StructLayout({"data": BEAT_BITS, "upper": 1, "closes": 1})


class StreamWriter(wiring.Component):
    """Writes words from ``address`` on, up to the one that is marked or until ``length`` of them are written.

    Writes 64 bits a beat in bursts of up to 16 (INCR, one ID, no interleaving, ARM IHI 0022C): an address goes out only when all of its
    beats are held, the next one while the data of the one before still goes. Data does not wait for its address to be taken, nor an
    address for data: memory may take either first. No burst goes beyond a window of 128 bytes, hence none beyond 4096. Nothing is written
    beyond the last word: where it is the only word of 32 bits in its beat, the other half has no strobes.

    ``busy`` falls when memory has taken all addresses and answered for all that was written, in whatever order (AXI3 allows the answer
    first). A response that is an error is told in ``error``, and writing goes on. Once ``length`` words are taken nothing more is until
    the next ``start``: whoever sends more waits. ``start`` is refused (``Fault.REFUSED``, nothing is taken) for an address whose lower
    6 bits are not all 0, and for length 0; it is ignored while ``busy``, and in a cycle with ``abort``.

    ``abort`` while ``busy``: no new address goes out (one that is on offer stays until it is taken), no word is taken, the data of every
    burst whose address went out follows without strobes, but for a beat that was on offer, and what memory has to answer is awaited; then
    ``busy`` falls: after no more than ``depth`` beats, in whatever time memory takes. Of the buffer some bursts are written then, and
    ``written`` means nothing. A transfer that is over in the same cycle was not aborted.

    Latency: 3 cycles from the word that completes a burst to ``awvalid`` and its first beat's ``wvalid``. Throughput: one word a
    cycle, as long as memory takes a burst's address and data within about ``depth`` - 16 cycles and answers within about
    ``unanswered`` bursts. Reset: no transfer, nothing outstanding: memory must be reset too, or idle. ``i.ready`` depends on registers
    alone, as do all of ``axi``.

    Parameters
    ----------
    word_bits : bits of a word of the stream: 32 or 64
    depth : beats that may be held, at least ``burst``; up to 64 of them are held in look-up tables, more in block RAM
    length_bits : bits of a length: a transfer has fewer than two to this power words
    burst : beats of a burst at most: 4, 8 or 16. The window and the alignment above, 128 and 64 bytes, are those of 16.
    unanswered : bursts at most that memory has not answered yet, at least 1

    Members
    -------
    start, address, length : begins a transfer; both are read in this cycle alone
    abort : ends it early
    busy : a transfer is under way
    error : :class:`hw.zynq.transfer.Fault`, until the next ``start``
    written : words taken since ``start``; they are in memory once ``busy`` has fallen
    owed : an address is on offer, or an answer is yet to come
    axi : the memory
    i : ``{word, last}``
    """

    def __init__(self, word_bits: int, depth: int = 32, *, length_bits: int = 26, burst: int = LONGEST_BURST, unanswered: int = 8) -> None:
        self._windows = BurstWindows(burst)
        self._words = WordsToBeats(word_bits, length_bits)
        if depth < burst:
            raise ValueError(f"depth must be at least {burst}, a longest burst, not {depth}")
        if not 3 <= length_bits <= 32:
            raise ValueError(f"length_bits must be from 3 to 32, not {length_bits}")
        if unanswered < 1:
            raise ValueError(f"unanswered must be at least 1, not {unanswered}")
        self.word_bits = word_bits
        self.depth = depth
        self.length_bits = length_bits
        self.burst = burst
        self.unanswered = unanswered
        super().__init__({
            "start": In(1), "address": In(32), "length": In(length_bits), "abort": In(1), "busy": Out(1), "error": Out(Fault),
            "written": Out(length_bits), "owed": Out(1),
            "axi": Out(Axi3Signature(BEAT_BITS, 6, reads=False)),
            "i": In(stream.Signature(data.StructLayout({"word": word_bits, "last": 1}))),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        axi, windows, words = self.axi, self._windows, self._words
        m.submodules.transfer = transfer = Transfer(windows.aligned_bits, self.length_bits)
        m.submodules.windows, m.submodules.words = windows, words
        wiring.connect(m, wiring.flipped(self.i), words.i)
        beats, flush = Fifo(_BEAT.size, self.depth), Signal()
        m.submodules.beats = ResetInserter(flush)(beats)
        # What a transfer begins with is loaded until one does: whether it does comes late.
        idle = ~transfer.busy
        collected, ended, at = self._collect(m, idle, beats)

        issue, sent = Signal(), Signal()
        bursts = range(self.depth // self.burst + 3)
        waiting, sending = Signal(bursts), Signal(bursts)  # bursts held of which no address went out; of which one did
        answers = Signal(range(self.unanswered + 1))       # bursts whose address went out and that are not answered
        m.d.comb += [
            transfer.start.eq(self.start), transfer.misplaced.eq(self.address), transfer.length.eq(self.length),
            transfer.abort.eq(self.abort),
            self.busy.eq(transfer.busy), self.error.eq(transfer.error), self.written.eq(words.written),
            self.owed.eq(~((answers == 0) & ~axi.awvalid)),
            transfer.over.eq(~self.owed & (transfer.aborting | (ended & (waiting == 0)))),
            transfer.answered.eq(axi.bvalid), transfer.response.eq(axi.bresp),
            words.start.eq(transfer.begins), words.capacity.eq(self.length), words.stop.eq(transfer.stops),
            windows.load.eq(idle), windows.first.eq(self.address), windows.step.eq(axi.awvalid & axi.awready),
            windows.upto.eq(Mux(ended & (waiting == 1), at, self.burst - 1)),
            axi.awaddr.eq(windows.address), *fixed(axi, "aw"), axi.wid.eq(0),
            axi.bready.eq(1),
            issue.eq((waiting != 0) & ~axi.awvalid & (answers != self.unanswered) & transfer.goes_on),
            sent.eq(axi.wvalid & axi.wready & axi.wlast),
        ]
        with m.If(issue):
            m.d.sync += [axi.awvalid.eq(1), axi.awlen.eq(windows.len)]
        with m.Elif(axi.awready):
            m.d.sync += axi.awvalid.eq(0)
        m.d.sync += [
            waiting.eq(Mux(idle, 0, waiting + collected - issue)),
            sending.eq(sending + issue - sent),
            answers.eq(answers + issue - axi.bvalid),
        ]
        self._send(m, transfer, beats, sending)
        # What nobody asked memory to take goes when all that somebody did is gone.
        m.d.comb += flush.eq(transfer.aborting & (sending == 0))
        return m

    def _collect(self, m: Module, idle: Value, beats: Fifo) -> tuple[Signal, Signal, Signal]:
        """Fills the queue; whether the last beat of a burst enters it, whether that of the transfer has, and the next beat's place in its
        window, or that of the transfer's last."""
        words, windows = self._words, self._windows
        collected, ended, at = Signal(), Signal(), Signal(windows.beat_bits)
        beat, entry, enters = words.o.payload, Signal(_BEAT), Signal()
        m.d.comb += [
            entry.data.eq(beat.data), entry.upper.eq(beat.upper), entry.closes.eq(beat.last | (at == self.burst - 1)),
            beats.i.payload.eq(entry), beats.i.valid.eq(words.o.valid), words.o.ready.eq(beats.i.ready),
            enters.eq(words.o.valid & beats.i.ready),
            collected.eq(enters & entry.closes),
        ]
        with m.If(idle):
            m.d.sync += [ended.eq(0), at.eq(Mux(self.address[windows.aligned_bits], self.burst // 2, 0))]
        with m.Elif(enters):
            m.d.sync += [ended.eq(beat.last), at.eq(at + ~beat.last)]
        return collected, ended, at

    def _send(self, m: Module, transfer: Transfer, beats: Fifo, sending: Signal) -> None:
        axi = self.axi
        beat = data.View(_BEAT, beats.o.payload)
        void = Signal()
        m.d.comb += [
            axi.wvalid.eq(beats.o.valid & (sending != 0)), beats.o.ready.eq(axi.wready & (sending != 0)),
            axi.wdata.eq(beat.data), axi.wlast.eq(beat.closes),
            axi.wstrb.eq(Cat((~void).replicate(4), (~void & beat.upper).replicate(4))),
        ]
        # A beat that is on offer must stay as it is.
        with m.If(~transfer.busy):
            m.d.sync += void.eq(0)
        with m.Elif(transfer.stops & (axi.wready | ~axi.wvalid)):
            m.d.sync += void.eq(1)
