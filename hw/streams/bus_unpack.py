"""From bus words to the beats of the first layer."""

from math import gcd

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["BusUnpack"]


class BusUnpack(wiring.Component):
    """Cuts frames that arrive packed in bus words into beats, lowest byte first.

    Each frame starts on a bus word; what its last word holds beyond it is ignored. Words and beats may have any number of bytes.

    Latency: 1 cycle from the word that completes a beat to the beat. Throughput: one word a cycle where beats are wider or as wide,
    else one beat a cycle; the rest of a frame's last word costs no cycle. Reset: the next word is the first of a frame.
    ``i.ready`` depends combinationally on ``o.ready``; ``o`` on registers alone.

    Parameters
    ----------
    bus_bits : bits of a bus word, a multiple of 8
    beat_bits : bits of a beat, a multiple of 8
    frame_beats : beats of a frame, at least 1

    Members
    -------
    i : bus words, ``words`` of them a frame
    o : beats, ``frame_beats`` of them a frame
    """

    def __init__(self, bus_bits: int, beat_bits: int, frame_beats: int) -> None:
        for name, value in (("bus_bits", bus_bits), ("beat_bits", beat_bits)):
            if value < 8 or value % 8:
                raise ValueError(f"{name} must be a positive multiple of 8, not {value}")
        if frame_beats < 1:
            raise ValueError(f"frame_beats must be at least 1, not {frame_beats}")
        self.bus_bits = bus_bits
        self.beat_bits = beat_bits
        self.frame_beats = frame_beats
        self.words = -(-frame_beats * beat_bits // bus_bits)
        super().__init__({"i": In(stream.Signature(bus_bits)), "o": Out(stream.Signature(beat_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        unit = gcd(self.bus_bits, self.beat_bits)
        bus, beat = self.bus_bits // unit, self.beat_bits // unit
        held = Signal((bus + beat - 1) * unit)
        count = Signal(range(bus + beat))       # units held
        beats = Signal(range(max(2, self.frame_beats)))
        last = Signal(init=int(self.frame_beats == 1))  # the next beat is a frame's last
        short, out, take = Signal(), Signal(), Signal()
        rest = Signal.like(held)                # what stays when this cycle's beat has left
        stay = Signal(range(beat + bus))
        m.d.comb += [
            short.eq(count < beat),
            self.o.valid.eq(~short),
            self.o.payload.eq(held),
            out.eq(self.o.valid & self.o.ready),
            rest.eq(Mux(out, held >> self.beat_bits, held)),
            stay.eq(Mux(out, Mux(last, 0, count - beat), count)),
            # Less than a beat is left: the next word is needed, so it never belongs to the frame after. (``o.ready`` comes last.)
            self.i.ready.eq(short | (self.o.ready & (last | (count < 2 * beat)))),
            take.eq(self.i.valid & self.i.ready),
        ]
        m.d.sync += [held.eq(rest), count.eq(Mux(take, stay + bus, stay))]
        with m.If(take), m.Switch(stay):
            for at in range(beat):
                with m.Case(at):
                    m.d.sync += held[at * unit:(at + bus) * unit].eq(self.i.payload)
        with m.If(out):
            m.d.sync += [beats.eq(Mux(last, 0, beats + 1)), last.eq(beats == max(0, self.frame_beats - 2))]
        return m
