import random

import pytest

from hw.layers.upsample import Upsample, kept_beats
from hw.streams.axis import axis_verilog

# height, width, channels, pe, bits, factor
CASES = [
    (3, 4, 1, 1, 4, (2, 2)),
    (2, 3, 2, 1, 5, (2, 2)),
    (2, 3, 4, 2, 3, (3, 2)),
    (3, 2, 3, 3, 4, (2, 3)),
    (1, 1, 2, 1, 4, (4, 3)),        # a map of one pixel
    (1, 1, 2, 2, 4, (2, 2)),        # of one beat
    (2, 1, 3, 1, 4, (2, 2)),        # one column
    (5, 1, 2, 2, 4, (2, 1)),        # 1-D: time alone
    (1, 5, 4, 2, 2, (1, 3)),        # rows are not repeated: one pixel is kept
    (2, 3, 4, 4, 1, (1, 2)),        # nor is that
    (2, 5, 6, 2, 3, (3, 1)),
    (3, 3, 2, 1, 8, (1, 5)),
]


def build(case):
    return Upsample(*case)


def vectors(case, count, seed=3):
    """Beats of ``count`` random frames, and the same by the definition."""
    height, width, channels, pe, bits, (down, across) = case
    draw, folds = random.Random(seed), channels // pe
    frames = [[[[draw.getrandbits(pe * bits) for _ in range(folds)] for _ in range(width)] for _ in range(height)] for _ in range(count)]
    places = [(y // down, x // across) for y in range(height * down) for x in range(width * across)]
    return ([beat for frame in frames for row in frame for pixel in row for beat in pixel],
            [beat for frame in frames for y, x in places for beat in frame[y][x]])


@pytest.mark.many(4)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("gaps", "stalls"), [
    (0, 0), (0.3, 0.3), pytest.param(0, 0.9, marks=pytest.mark.slow), pytest.param(0.9, 0, marks=pytest.mark.slow)])
def test_repeats_pixels_and_rows(play, case, gaps, stalls):
    unit = build(case)
    given, expected = vectors(case, 3)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(expected))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == expected
    assert (len(given), len(expected)) == (3 * unit.in_beats, 3 * unit.out_beats)


@pytest.mark.many(4)
@pytest.mark.parametrize("case", CASES)
def test_gives_one_beat_a_cycle(play, case):
    unit = build(case)
    given, expected = vectors(case, 3)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(expected))})
    assert played.cycles["o"] == list(range(1, len(expected) + 1))


def test_a_row_is_taken_while_it_is_given_first(play):
    """Four frames of 2x3 to 4x6: each row of three beats comes in six cycles, of twelve."""
    case = (2, 3, 1, 1, 4, (2, 2))
    unit = build(case)
    given, expected = vectors(case, 4)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(expected))})
    assert played.cycles["i"] == [12 * row + 2 * column for row in range(8) for column in range(3)]


def test_a_frame_ends_without_a_beat_of_the_next(play):
    case = CASES[2]
    unit = build(case)
    given, expected = vectors(case, 1)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(expected))}, extra=20)
    assert played.beats["o"] == expected


@pytest.mark.parametrize("case", [CASES[1], CASES[3], CASES[8], CASES[9]])
@pytest.mark.parametrize("at", [1, 4, 7])
def test_reset_in_the_middle_of_a_frame(play, case, at):
    unit = build(case)
    given, expected = vectors(case, 3)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(expected))}, stalls=0.3, reset_at={"i": at})
    assert played.beats["o"] == expected


@pytest.mark.parametrize(("width", "folds", "factor", "kept"), [(5, 3, (2, 1), 15), (5, 3, (1, 2), 3), (1, 1, (2, 2), 1)])
def test_what_is_kept(width, folds, factor, kept):
    assert kept_beats(width, folds, factor) == kept


def test_verilog():
    unit = build(CASES[2])
    assert "module up(" in axis_verilog(unit, "up", {"in0_V": unit.i}, {"out0_V": unit.o})


@pytest.mark.parametrize(("change", "message"), [
    ({"pe": 3}, "pe must divide channels, not pe=3, channels=4"),
    ({"factor": (2, 0)}, "factor must be at least 1, not 0"),
    ({"factor": (1, 1)}, "factor must be above 1 for rows or for columns, not 1 for both"),
    ({"bits": 0}, "bits must be at least 1, not 0"),
])
def test_errors(change, message):
    arguments = {"height": 2, "width": 3, "channels": 4, "pe": 2, "bits": 4, "factor": (2, 2)}
    with pytest.raises(ValueError, match=f"^{message}$"):
        Upsample(**(arguments | change))
