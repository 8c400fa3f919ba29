import random

import pytest

from hw.layers.max_pool import MaxPool
from hw.streams.axis import axis_verilog

# height, width, channels, pe, bits, signed, kernel, stride
CASES = [
    (4, 4, 1, 1, 4, False, 2, 2),
    (5, 5, 2, 1, 4, False, 2, 2),   # a row and a column left over
    (6, 9, 3, 3, 5, True, 2, 2),
    (7, 7, 4, 2, 4, True, 3, 2),    # windows overlap
    (8, 6, 2, 1, 3, False, 3, 2),
    (6, 7, 2, 2, 4, True, 3, 3),
    (5, 6, 2, 1, 4, False, 3, 1),
    (9, 8, 4, 2, 2, True, 5, 2),
    (8, 9, 1, 1, 4, False, 4, 3),
    (8, 8, 2, 1, 4, True, 2, 3),    # gaps between windows
    (4, 5, 2, 1, 4, True, 1, 2),
    (4, 4, 2, 1, 4, False, 1, 1),
    (3, 3, 4, 1, 8, True, 3, 3),
    (1, 1, 3, 1, 4, True, 1, 1),
    (6, 6, 8, 8, 1, False, 2, 2),
    (12, 1, 4, 2, 4, False, (2, 1), (2, 1)),    # one column: pooling along the height alone
    (13, 1, 3, 3, 5, True, (3, 1), (2, 1)),
    (9, 1, 2, 1, 4, False, (4, 1), (4, 1)),
    (7, 8, 2, 1, 4, True, (3, 2), (1, 2)),
    (1, 9, 2, 2, 4, False, (1, 3), (1, 3)),
]


def windows(case):
    """Height and width of a window, then distance of rows and of columns."""
    return [side for size in case[6:] for side in (size if isinstance(size, tuple) else (size, size))]


def build(case):
    return MaxPool(*case)


def pooled(frame, case):
    """Max pooling of ``frame[y][x][c]`` by its definition."""
    (height, width, channels), (tall, wide, down, across) = case[:3], windows(case)
    return [[[max(frame[y + dy][x + dx][c] for dy in range(tall) for dx in range(wide)) for c in range(channels)]
             for x in range(0, width - wide + 1, across)] for y in range(0, height - tall + 1, down)]


def beats(frame, pe, bits):
    values = [value for row in frame for pixel in row for value in pixel]
    return [sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values[at:at + pe])) for at in range(0, len(values), pe)]


def frames(case, count, seed=3):
    """Frames of random values; one in three is all minimum, so that anything left of the frame before shows."""
    height, width, channels, _, bits, signed, _, _ = case
    rng = random.Random(seed)
    low = -(1 << (bits - 1)) if signed else 0
    high = low + (1 << bits) - 1
    return [[[[low if n % 3 == 2 else rng.randint(low, high) for _ in range(channels)] for _ in range(width)] for _ in range(height)]
            for n in range(count)]


def vectors(case, count):
    pe, bits = case[3], case[4]
    drawn = frames(case, count)
    return ([beat for frame in drawn for beat in beats(frame, pe, bits)],
            [beat for frame in drawn for beat in beats(pooled(frame, case), pe, bits)])


@pytest.mark.many(4)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("gaps", "stalls"), [
    (0, 0), (0.3, 0.3), pytest.param(0, 0.7, marks=pytest.mark.slow), pytest.param(0.7, 0, marks=pytest.mark.slow)])
def test_is_max_pooling(play, case, gaps, stalls):
    pool = build(case)
    given, expected = vectors(case, 4)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, len(expected))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == expected


@pytest.mark.many(4)
@pytest.mark.parametrize("case", CASES)
def test_takes_one_beat_a_cycle(play, case):
    pool = build(case)
    given, expected = vectors(case, 4)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, len(expected))}, extra=len(given))
    assert played.cycles["i"] == list(range(len(given)))
    (height, width, channels, pe), (tall, wide, down, across) = case[:4], windows(case)
    folds = channels // pe
    ends = [((y + tall - 1) * width + x + wide - 1) * folds + fold + n * height * width * folds for n in range(4)
            for y in range(0, height - tall + 1, down) for x in range(0, width - wide + 1, across) for fold in range(folds)]
    assert played.cycles["o"] == [end + 2 for end in ends]


@pytest.mark.parametrize(("kernel", "accepted"), [(2, 11), (3, 20)])
def test_a_stalled_output_holds_only_the_beat_that_needs_it(play, kernel, accepted):
    """Nobody takes the first result of a 6x6 frame. The second waits inside as its last row's maximum; the input stops at the end of
    the next row maximum: the one beside it, or with two windows a row the first of the row below."""
    case = (6, 6, 1, 1, 4, False, kernel, kernel)
    pool = build(case)
    given, _ = vectors(case, 2)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, 0)}, stalls=1.0, extra=72)
    assert played.cycles["i"] == list(range(accepted))


@pytest.mark.parametrize("case", [CASES[1], CASES[3], CASES[6], CASES[15]])
@pytest.mark.parametrize("at", [1, 11, 29, 48])
def test_reset_in_the_middle_of_a_frame(play, case, at):
    pool = build(case)
    given, expected = vectors(case, 3)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, len(expected))}, stalls=0.3, reset_at={"i": at})
    assert played.beats["o"] == expected


@pytest.mark.parametrize(("case", "shape"), [
    ((28, 28, 1, 1, 4, False, 2, 2), (14, 14)), ((5, 5, 1, 1, 4, False, 2, 2), (2, 2)), ((15, 9, 1, 1, 4, False, 3, 2), (7, 4)),
    ((15, 1, 1, 1, 4, False, (4, 1), (2, 1)), (6, 1)),
])
def test_output_shape(case, shape):
    pool = build(case)
    assert (pool.out_height, pool.out_width) == shape


def test_verilog():
    pool = build(CASES[3])
    text = axis_verilog(pool, "pool", {"in0_V": pool.i}, {"out0_V": pool.o})
    assert "module pool(" in text


@pytest.mark.parametrize(("change", "message"), [
    ({"pe": 3}, "pe must divide channels, not pe=3, channels=4"),
    ({"kernel": 9}, "kernel must be at most height and width, not kernel=9, height=8, width=10"),
    ({"kernel": (2, 11)}, r"kernel must be at most height and width, not kernel=\(2, 11\), height=8, width=10"),
    ({"stride": 0}, "stride must be at least 1, not 0"),
    ({"stride": (1, 0)}, "stride must be at least 1, not 0"),
    ({"bits": 0}, "bits must be at least 1, not 0"),
])
def test_errors(change, message):
    arguments = {"height": 8, "width": 10, "channels": 4, "pe": 2, "bits": 4, "signed": False, "kernel": 2, "stride": 2}
    with pytest.raises(ValueError, match=f"^{message}$"):
        MaxPool(**(arguments | change))
