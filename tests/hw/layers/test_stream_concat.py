import random

import pytest

from hw.layers.stream_concat import StreamConcat
from hw.streams.axis import axis_verilog

WIDTHS = (5, 1, 12)


def beats(count, seed):
    """Beats of each input, and both side by side."""
    draw = random.Random(seed)
    given = [[draw.getrandbits(width) for _ in range(count)] for width in WIDTHS]
    return given, [a | b << 5 | c << 6 for a, b, c in zip(*given, strict=True)]


def test_one_beat_a_cycle(play):
    unit = StreamConcat(WIDTHS)
    given, wanted = beats(60, 1)
    played = play(unit, {f"i{n}": (item, given[n]) for n, item in enumerate(unit.i)}, {"o": (unit.o, 60)})
    assert played.beats["o"] == wanted
    assert played.cycles["o"] == list(range(1, 61))


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0.5), (0.5, 0), (0.3, 0.3), (0, 0.9)])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_beat_meets_its_own(play, gaps, stalls, seed):
    unit = StreamConcat(WIDTHS)
    given, wanted = beats(120, seed)
    played = play(unit, {f"i{n}": (item, given[n]) for n, item in enumerate(unit.i)}, {"o": (unit.o, 120)}, gaps=gaps, stalls=stalls,
                  seed=seed)
    assert played.beats["o"] == wanted


@pytest.mark.parametrize("widths", [(4,), (3, 0)])
def test_parameters_that_make_no_unit(widths):
    with pytest.raises(ValueError, match="widths must be two or more, of at least 1 bit, not"):
        StreamConcat(widths)


def test_verilog_is_the_same_every_time():
    def made():
        unit = StreamConcat(WIDTHS)
        return axis_verilog(unit, "top", inputs={f"in{n}_V": item for n, item in enumerate(unit.i)}, outputs={"out0_V": unit.o})

    assert made() == made()
    assert "in2_V_TREADY" in made()
