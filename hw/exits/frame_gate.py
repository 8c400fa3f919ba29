"""The conditional buffer between an exit and the next stage."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.streams.fifo import Fifo

__all__ = ["FrameGate"]


class FrameGate(wiring.Component):
    """Holds whole frames until their verdict arrives, then lets each pass or forgets it.

    Each frame has a slot of its own, from its first beat in until it is dropped or its last beat is read out. A verdict, one a frame and in
    the same order, may arrive at any time and waits on ``keep`` until its frame is wholly in; from then on it is taken whatever ``o`` does,
    one a cycle. A dropped frame gives back its slot in that one cycle, however large it is and however many kept frames wait before it.
    Kept frames leave in the order in which they came. A frame is let in only when a slot is free.

    Writing, reading and a verdict may all fall in one cycle, and so may a drop and the end of a read-out: both slots come back. A slot
    given back is there in the next cycle.

    Latency: a verdict is taken 1 cycle after its frame's last beat entered at the earliest; a kept frame's first beat is on ``o`` 2
    cycles after its verdict was taken, or behind the beats of the kept frames before it. A new frame may enter 1 cycle after a drop was
    taken or the last beat of a kept frame was read (1 cycle before ``o`` offers it). With more than 64 frames each of these may be one
    cycle longer.

    Throughput: one beat a cycle in and out, without a bubble between frames as long as slots are free. A slot is taken for
    ``frame_beats + 1`` cycles by a frame dropped at once, ``2 * frame_beats + 1`` by one kept at once and read without a stall: dropped
    frames enter at full rate from 2 slots on, kept ones leave at full rate from 3 on (with 2, one cycle is lost every two frames; with 1, a
    frame takes those cycles).

    Reset: forgets all frames, a part of one included. The memory is read synchronously (block RAM). ``i.ready``, ``keep.ready`` and all of
    ``o`` come from registers alone.

    It can not deadlock as long as verdicts keep coming for frames that are wholly in: what has begun to enter has room for all its beats.

    Parameters
    ----------
    width : bits of a beat, at least 1
    frame_beats : beats of a frame, at least 1
    frames : slots, that is, whole frames it holds, at least 1

    Members
    -------
    i : frames, beat by beat
    keep : one verdict a frame, 1 to let it pass and 0 to drop it
    o : the frames that were kept
    level : slots in use, from 0 to ``frames``: frames entering, waiting for their verdict, or kept and not yet wholly read
    first : the next beat in is a frame's first
    finished : high in the cycle in which a kept frame gives its slot back
    """

    def __init__(self, width: int, frame_beats: int, frames: int) -> None:
        for name, value in (("width", width), ("frame_beats", frame_beats), ("frames", frames)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        self.width = width
        self.frame_beats = frame_beats
        self.frames = frames
        super().__init__({
            "i": In(stream.Signature(width)),
            "keep": In(stream.Signature(1)),
            "o": Out(stream.Signature(width)),
            "level": Out(range(frames + 1)),
            "first": Out(1, init=1),
            "finished": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beats, rows = self.frame_beats, self.frames * self.frame_beats
        m.submodules.memory = memory = Memory(shape=self.width, depth=rows, init=[])
        write = memory.write_port()
        read = memory.read_port()

        # A slot goes by the address of its first row. None of these can overflow: there are no more slots than places.
        def queue() -> Fifo:
            return Fifo(max(1, ceil_log2(rows)), self.frames)

        m.submodules.undecided = undecided = queue()
        m.submodules.kept = kept = queue()
        # Two queues of free slots, as two may come free in one cycle; and those that no frame has had since the reset.
        m.submodules.dropped = dropped = queue()
        m.submodules.sent = sent = queue()
        fresh = Signal(range(rows + 1))
        unused = Signal(init=1)

        enter, begin, complete = Signal(), Signal(), Signal()
        verdict, drop = Signal(), Signal()
        leave, finish = Signal(), Signal()
        written = Signal(range(max(2, beats)))          # beats of the frame that is entering
        outset, ending = Signal(init=1), Signal(init=int(beats == 1))   # the next beat is a frame's first; its last
        whole = Signal(range(self.frames + 1))  # frames wholly in, without a verdict yet
        taken = Signal(range(max(2, beats)))            # beats read of the frame that is leaving
        opening, closing = Signal(init=1), Signal(init=int(beats == 1))   # the next one is its first; its last
        row_in, row_out = Signal.like(write.addr), Signal.like(read.addr)

        m.d.comb += [
            self.i.ready.eq(~outset | unused | dropped.o.valid | sent.o.valid),
            enter.eq(self.i.valid & self.i.ready),
            # Of the first beat's own signals, for its way is long: from a source that a fork offers it to, into three queues of slots.
            begin.eq(self.i.valid & outset & (unused | dropped.o.valid | sent.o.valid)),
            complete.eq(enter & ending),
            undecided.i.valid.eq(begin),
            undecided.i.payload.eq(Mux(unused, fresh, Mux(dropped.o.valid, dropped.o.payload, sent.o.payload))),
            dropped.o.ready.eq(begin & ~unused),
            sent.o.ready.eq(begin & ~unused & ~dropped.o.valid),
            write.en.eq(enter),
            write.data.eq(self.i.payload),
            write.addr.eq(Mux(outset, undecided.i.payload, row_in)),
        ]
        with m.If(begin & unused):
            m.d.sync += [fresh.eq(fresh + beats), unused.eq(fresh != rows - beats)]
        with m.If(enter):
            m.d.sync += [
                written.eq(Mux(ending, 0, written + 1)), outset.eq(ending), ending.eq(written == (beats - 2 if beats > 1 else 0)),
                row_in.eq(write.addr + 1),
            ]

        m.d.comb += [
            self.keep.ready.eq((whole != 0) & undecided.o.valid),
            verdict.eq(self.keep.valid & self.keep.ready),
            drop.eq(verdict & ~self.keep.payload),
            undecided.o.ready.eq(verdict),
            dropped.i.valid.eq(drop),
            dropped.i.payload.eq(undecided.o.payload),
            kept.i.valid.eq(verdict & self.keep.payload),
            kept.i.payload.eq(undecided.o.payload),
        ]
        m.d.sync += whole.eq(whole + complete - verdict)

        m.d.comb += [
            leave.eq(kept.o.valid & (~self.o.valid | self.o.ready)),
            finish.eq(leave & closing),
            read.en.eq(leave),
            read.addr.eq(Mux(opening, kept.o.payload, row_out)),
            kept.o.ready.eq(finish),
            sent.i.valid.eq(finish),
            sent.i.payload.eq(kept.o.payload),
            self.o.payload.eq(read.data),
        ]
        with m.If(leave):
            m.d.sync += [
                taken.eq(Mux(closing, 0, taken + 1)), opening.eq(closing), closing.eq(taken == (beats - 2 if beats > 1 else 0)),
                row_out.eq(read.addr + 1),
            ]
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.valid.eq(leave)

        m.d.sync += self.level.eq(self.level + begin - drop - finish)
        m.d.comb += [self.first.eq(outset), self.finished.eq(finish)]
        return m
