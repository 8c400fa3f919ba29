"""The conditional buffer between an exit and the next stage."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["FrameGate"]


class FrameGate(wiring.Component):
    """Holds whole frames until their verdict arrives, then lets each pass or forgets it.

    Frames enter as they come; verdicts, one a frame and in the same order, arrive at any time and wait on ``keep`` until their frame is
    wholly in. A kept frame leaves at one beat a cycle, and gives back its room beat by beat as it leaves; the next verdict is taken in the
    cycle after its last beat was read, so that frames kept in a row leave without a bubble. A dropped frame costs one cycle, however large
    it is, and gives back all its room in it. Frames of one beat are kept or dropped at one a cycle.

    Writing, reading and a verdict may all fall in one cycle; room given back is there in the next.

    Latency: a frame's first beat is on ``o`` 2 cycles after the frame's last beat entered, or 1 cycle after its verdict came if that is
    later. Throughput: one beat a cycle in and out. Reset: forgets all frames, a part of one included. The memory is read synchronously
    (block RAM). ``i.ready`` and ``keep.ready`` come from registers alone.

    It can not deadlock as long as verdicts keep coming for frames that are wholly in: a full gate always holds a whole frame.

    Parameters
    ----------
    width : bits of a beat, at least 1
    frame_beats : beats of a frame, at least 1
    frames : whole frames it holds, at least 1

    Members
    -------
    i : frames, beat by beat
    keep : one verdict a frame, 1 to let it pass and 0 to drop it
    o : the frames that were kept
    level : beats held, from 0 to ``frames * frame_beats`` (the beat on offer at ``o`` has left it)
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
            "level": Out(range(frames * frame_beats + 1)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beats, rows = self.frame_beats, self.frames * self.frame_beats
        m.submodules.memory = memory = Memory(shape=self.width, depth=rows, init=[])
        write = memory.write_port()
        read = memory.read_port()
        written = Signal(range(beats))      # beats of the frame that is entering
        whole = Signal(range(self.frames + 1))  # frames wholly in, without a verdict yet
        left = Signal(range(beats + 1))     # beats of the frame that is leaving
        verdict, start, drop, complete = Signal(), Signal(), Signal(), Signal()

        m.d.comb += [
            self.i.ready.eq(self.level != rows),
            write.en.eq(self.i.valid & self.i.ready),
            write.data.eq(self.i.payload),
            complete.eq(write.en & (written == beats - 1)),
            self.keep.ready.eq((whole != 0) & (left == 0)),
            verdict.eq(self.keep.valid & self.keep.ready),
            start.eq(verdict & self.keep.payload),
            drop.eq(verdict & ~self.keep.payload),
            read.en.eq((start | (left != 0)) & (~self.o.valid | self.o.ready)),
            self.o.payload.eq(read.data),
        ]
        m.d.sync += [
            self.level.eq(self.level + write.en - Mux(drop, beats, read.en)),
            whole.eq(whole + complete - verdict),
            left.eq(Mux(start, beats, left) - read.en),
        ]
        with m.If(write.en):
            m.d.sync += [
                write.addr.eq(Mux(write.addr == rows - 1, 0, write.addr + 1)),
                written.eq(Mux(complete, 0, written + 1)),
            ]
        with m.If(drop):
            m.d.sync += read.addr.eq(Mux(read.addr == rows - beats, 0, read.addr + beats))
        with m.Elif(read.en):
            m.d.sync += read.addr.eq(Mux(read.addr == rows - 1, 0, read.addr + 1))
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.valid.eq(read.en)
        return m
