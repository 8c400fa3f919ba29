import random

import pytest

from hw.streams.axis import axis_verilog
from hw.streams.skid import Skid

BEATS = random.Random(6).choices(range(1 << 12), k=250)


def test_passes_in_the_same_cycle(play):
    skid = Skid(12)
    played = play(skid, {"i": (skid.i, BEATS)}, {"o": (skid.o, len(BEATS))})
    assert played.beats["o"] == BEATS
    assert played.cycles["i"] == played.cycles["o"] == list(range(len(BEATS)))


@pytest.mark.parametrize(("gaps", "stalls"), [(0.3, 0.3), (0, 0.6), (0.6, 0), (0.9, 0.9)])
def test_order(play, gaps, stalls):
    skid = Skid(12)
    played = play(skid, {"i": (skid.i, BEATS)}, {"o": (skid.o, len(BEATS))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == BEATS


def test_keeps_one(play):
    skid = Skid(12)
    played = play(skid, {"i": (skid.i, BEATS)}, {"o": (skid.o, 0)}, stalls=1.0, extra=12)
    assert played.beats["i"] == BEATS[:1]
    assert played.cycles["i"] == [0]


def test_leaves_a_stall_without_a_bubble(play):
    skid = Skid(12)
    played = play(skid, {"i": (skid.i, BEATS)}, {"o": (skid.o, len(BEATS))}, first_stall=10)
    assert played.beats["o"] == BEATS
    assert played.span("o") == len(BEATS)


def test_reset_empties_it(play):
    skid = Skid(12)
    played = play(skid, {"i": (skid.i, BEATS)}, {"o": (skid.o, len(BEATS))}, stalls=0.5, reset_at={"i": 150})
    assert played.beats["o"] == BEATS


def test_verilog():
    skid = Skid(12)
    assert "module skid(" in axis_verilog(skid, "skid", {"in0_V": skid.i}, {"out0_V": skid.o})


def test_errors():
    with pytest.raises(ValueError, match=r"^width must be at least 1, not 0$"):
        Skid(0)
