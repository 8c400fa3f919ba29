import random
from itertools import pairwise

import numpy as np
import pytest

from hw.layers.pixel_pool import PixelPool
from hw.streams.axis import axis_verilog
from tests.hw.layers.static_cases import pack

DEFAULTS = {"height": 6, "width": 8, "channels": 2, "bits": 4, "signed": False, "kernel": (2, 2), "pixels": 1}

CASES = {
    "a pixel a beat": {},
    "two pixels": {"pixels": 2},
    "four pixels": {"pixels": 4},
    "a row a beat": {"pixels": 8},
    "signed": {"pixels": 4, "signed": True},
    "signed, one bit": {"pixels": 2, "signed": True, "bits": 1},
    "one bit": {"pixels": 2, "bits": 1},
    "eight bits": {"pixels": 2, "bits": 8, "channels": 1},
    "eight bits, signed": {"bits": 8, "channels": 1, "signed": True},
    "a row left over": {"height": 7, "pixels": 2},
    "a column left over": {"width": 7},
    "a row and two columns left over": {"height": 7, "width": 8, "kernel": (3, 3)},
    "columns left over of beats that a row does not begin with": {"width": 5, "pixels": 2},
    "pixels do not divide the width": {"height": 4, "width": 9, "pixels": 4},
    "pixels do not divide the width, signed": {"height": 4, "width": 6, "pixels": 4, "kernel": (2, 4), "signed": True},
    "pixels do not divide the width, three columns": {"height": 6, "width": 7, "pixels": 3, "kernel": (3, 3)},
    "a window over two beats": {"kernel": (2, 4), "pixels": 2},
    "a window over four beats": {"kernel": (4, 4)},
    "windows of three": {"height": 6, "width": 9, "kernel": (3, 3), "pixels": 3},
    "windows of three, two a beat": {"width": 6, "kernel": (3, 3), "pixels": 6},
    "columns alone": {"kernel": (1, 2), "pixels": 4},
    "columns alone, over four beats": {"kernel": (1, 4)},
    "rows alone": {"kernel": (3, 1), "pixels": 2},
    "one column": {"height": 12, "width": 1, "kernel": (4, 1)},
    "one row": {"height": 1, "width": 9, "kernel": (1, 3), "pixels": 3},
    "the whole map": {"height": 4, "width": 4, "kernel": (4, 4), "pixels": 4},
    "the whole map, two pixels": {"height": 4, "width": 4, "kernel": (4, 4), "pixels": 2, "signed": True},
    "nothing to compare": {"kernel": (1, 1), "pixels": 4},
    "one pixel": {"height": 1, "width": 1, "kernel": (1, 1), "channels": 3},
}
SOME = ["a pixel a beat", "a row a beat", "signed", "pixels do not divide the width, signed", "a window over two beats", "windows of three",
        "columns alone", "rows alone", "a row and two columns left over", "one pixel"]
QUICK = [name if name in SOME else pytest.param(name, marks=pytest.mark.slow) for name in CASES]


def build(name):
    given = DEFAULTS | CASES[name]
    return given, PixelPool(**given)


def frames(given, count, seed=3):
    """Frames of random values; one in three is all of the least value, so that anything left of the frame before shows."""
    rng = np.random.default_rng(seed)
    low, high = (-(1 << (given["bits"] - 1)), 1 << (given["bits"] - 1)) if given["signed"] else (0, 1 << given["bits"])
    shape = given["height"], given["width"], given["channels"]
    return [np.full(shape, low) if n % 3 == 2 else rng.integers(low, high, shape) for n in range(count)]


def pooled(given, frame):
    """Max pooling by its definition."""
    down, across = given["kernel"]
    height, width = given["height"] // down, given["width"] // across
    return frame[:height * down, :width * across].reshape(height, down, width, across, -1).max((1, 3))


def vectors(given, unit, count=4):
    drawn = frames(given, count)
    return ([beat for frame in drawn for beat in pack(frame, given["pixels"] * given["channels"], given["bits"])],
            [beat for frame in drawn for beat in pack(pooled(given, frame), unit.lanes * given["channels"], given["bits"])])


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize(("gaps", "stalls"), [(0.3, 0.5), *(pytest.param(*item, marks=pytest.mark.slow) for item in ((0, 0.9), (0.8, 0)))])
def test_is_max_pooling(play, name, gaps, stalls):
    given, unit = build(name)
    beats, expected = vectors(given, unit)
    assert (len(beats), len(expected)) == (4 * unit.in_beats, 4 * unit.out_beats)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == expected


@pytest.mark.parametrize("name", QUICK)
def test_a_frame_every_so_many_cycles(play, name):
    """At full rate: frames come ``cycles`` apart, and the last output beat ``latency`` cycles after what completes it."""
    given, unit = build(name)
    beats, expected = vectors(given, unit)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, extra=len(beats))
    assert played.beats["o"] == expected
    ends = played.cycles["o"][unit.out_beats - 1::unit.out_beats]
    assert [after - before for before, after in pairwise(ends)] == [unit.cycles] * 3
    columns = -(-given["width"] // given["pixels"])
    assert unit.cycles == given["height"] * columns
    if given["width"] % given["pixels"] == 0:
        assert played.cycles["i"] == list(range(len(beats)))
        last = (unit.out_height * given["kernel"][0] - 1) * columns + -(-unit.out_width * given["kernel"][1] // given["pixels"]) - 1
        assert ends[0] == last + unit.latency


@pytest.mark.parametrize("name", ["a pixel a beat", "a row a beat", "a window over two beats", "pixels do not divide the width",
                                  "one pixel", "rows alone"])
def test_nothing_is_lost_where_nobody_takes_anything(play, name):
    """The FIFO fills up, and no further: all that was taken comes out when the consumer is there again."""
    given, unit = build(name)
    beats, expected = vectors(given, unit, 40)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, first_stall=300, limit=4000)
    assert played.beats["o"] == expected
    assert sum(cycle < 300 for cycle in played.cycles["i"]) < len(beats)


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("at", [pytest.param(1, marks=pytest.mark.slow), 7, pytest.param(26, marks=pytest.mark.slow)])
def test_reset_at_any_cycle(play, name, at):
    given, unit = build(name)
    beats, expected = vectors(given, unit)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, stalls=0.3, reset_at={"i": min(at, len(beats) - 1)})
    assert played.beats["o"] == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(40))
def test_drawn_shapes(play, seed):
    """Shapes at random, of those that are taken."""
    rng = random.Random(seed)
    while True:
        given = {"height": rng.randint(1, 9), "width": rng.randint(1, 12), "channels": rng.randint(1, 3), "bits": rng.randint(1, 8),
                 "signed": rng.random() < 0.5, "kernel": (rng.randint(1, 4), rng.randint(1, 4)), "pixels": rng.randint(1, 8)}
        try:
            unit = PixelPool(**given)
        except ValueError:
            continue
        break
    beats, expected = vectors(given, unit, 3)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, gaps=0.2, stalls=0.4)
    assert played.beats["o"] == expected, given


def test_verilog_is_the_same_every_time():
    texts = {axis_verilog(unit, "pool", {"in0_V": unit.i}, {"out0_V": unit.o}) for unit in (build("four pixels")[1] for _ in range(2))}
    assert len(texts) == 1
    assert "module pool(" in texts.pop()


@pytest.mark.parametrize(("change", "message"), [
    ({"channels": 0}, "channels must be at least 1, not 0"),
    ({"bits": 9}, "bits must be 1 to 8, not 9"),
    ({"bits": 0}, "bits must be 1 to 8, not 0"),
    ({"pixels": 5}, "pixels must divide the map's pixels, not pixels=5, height=6, width=8"),
    ({"pixels": 12}, "pixels must be at most width, not pixels=12, width=8"),
    ({"pixels": 3}, r"windows a step must divide the pool's columns or be a multiple of them, not pixels=3, stride=\(1, 1\), "
                     r"pool=\(2, 2\)"),
    ({"width": 6, "pixels": 4}, "lanes must divide the output's width, not lanes=2, width=3, pixels=4"),
    ({"kernel": (7, 2)}, r"pool must be at most the windows of height, not pool=\(7, 2\), windows=6"),
])
def test_refuses_what_does_not_fit(change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        PixelPool(**DEFAULTS | change)
