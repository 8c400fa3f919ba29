import random

import pytest
from amaranth.hdl import Cat, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.meet import meet

BEATS = [[random.Random(seed).getrandbits(6) for _ in range(100)] for seed in (1, 2)]
TOGETHER = [a | b << 6 for a, b in zip(*BEATS, strict=True)]


class Pair(wiring.Component):
    a: In(stream.Signature(6))
    b: In(stream.Signature(6))
    o: Out(stream.Signature(12))

    def elaborate(self, platform):
        m = Module()
        meet(m, [self.a, self.b], self.o, Cat(self.a.payload, self.b.payload))
        return m


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.5, 0), (0, 0.5), (0.4, 0.4)])
def test_beats_come_out_with_those_they_belong_to(play, gaps, stalls):
    unit = Pair()
    played = play(unit, {"a": (unit.a, BEATS[0]), "b": (unit.b, BEATS[1])}, {"o": (unit.o, 100)}, gaps=gaps, stalls=stalls, seed=3)
    assert played.beats["o"] == TOGETHER
    if not gaps and not stalls:
        assert played.cycles["o"] == list(range(1, 101))
