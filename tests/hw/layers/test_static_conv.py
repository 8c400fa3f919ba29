import random
from itertools import pairwise

import numpy as np
import pytest

from hw.layers.static_conv import StaticConv
from hw.layers.static_shape import static_conv_error
from hw.streams.axis import axis_verilog
from tests.hw.layers.static_cases import parameters, vectors

CASES = {
    "padded": {},
    "two pixels a beat": {"pixels": 2},
    "padding is no multiple of pixels": {"pixels": 3, "height": 3},
    "pixels do not divide the width": {"pixels": 4, "height": 4, "pad": (2, 2)},
    "pixels do not divide the width, more padding": {"pixels": 4, "height": 4, "kernel": (5, 5), "pad": (3, 3), "pool": (2, 2)},
    "pixels do not divide the width, full padding and pool": {"pixels": 4, "height": 4, "width": 7, "kernel": (2, 2), "pad": (1, 1),
                                                              "pool": (2, 2)},
    "pixels do not divide the width, no padding above": {"pixels": 4, "height": 4, "pad": (0, 3), "kernel": (3, 5), "width": 6},
    "pixels do not divide the width, no padding": {"pixels": 4, "width": 9, "height": 4, "kernel": (2, 2), "pad": (0, 0)},
    "pixels do not divide the width, stride": {"pixels": 4, "height": 6, "width": 6, "stride": (2, 2), "kernel": (2, 2), "pad": (1, 1)},
    "more padding than pixels": {"pixels": 2, "kernel": (5, 5), "pad": (2, 2)},
    "full padding": {"kernel": (3, 5), "pad": (2, 4), "width": 4, "height": 4, "pixels": 2},
    "no padding": {"pad": (0, 0)},
    "no padding, two pixels": {"pad": (0, 0), "pixels": 2},
    "no padding above": {"pad": (0, 1)},
    "no padding beside": {"pad": (1, 0), "width": 4},
    "even kernel": {"kernel": (2, 4), "pad": (1, 2), "width": 5},
    "one row": {"height": 1, "kernel": (1, 3), "pad": (0, 1)},
    "one column": {"width": 1, "kernel": (3, 1), "pad": (1, 0)},
    "one pixel": {"height": 1, "width": 1, "kernel": (1, 1), "pad": (0, 0), "channels": 9, "outputs": 1},
    "kernel larger than the map": {"height": 2, "width": 2, "kernel": (5, 5), "pad": (2, 2), "channels": 1},
    "kernel larger than a map of one pixel": {"height": 1, "width": 1, "kernel": (7, 7), "pad": (3, 3), "channels": 1, "outputs": 2},
    "1x1": {"kernel": (1, 1), "pad": (0, 0), "pixels": 3},
    "one channel": {"channels": 1, "bits": 8, "pixels": 2},
    "stride": {"stride": (2, 2), "height": 6, "width": 7},
    "stride and two pixels": {"stride": (2, 2), "pixels": 2},
    "stride and four pixels": {"stride": (2, 2), "pixels": 4, "width": 8},
    "stride of rows": {"stride": (2, 1)},
    "stride over more than a beat": {"stride": (1, 4), "pixels": 2, "width": 8, "kernel": (3, 4), "pad": (1, 0)},
    "pool": {"pool": (2, 2), "height": 7},
    "pool, two pixels": {"pool": (2, 2), "pixels": 2},
    "pool, four pixels": {"pool": (2, 2), "pixels": 4, "width": 8},
    "pool across": {"pool": (1, 2), "pixels": 2},
    "pool down": {"pool": (3, 1)},
    "pool down, two pixels": {"pool": (2, 1), "pixels": 2},
    "pool of three, something left over": {"pool": (3, 3), "height": 7, "width": 8},
    "pool of four, two pixels": {"pool": (4, 4), "height": 9, "width": 8, "pixels": 2},
    "pool of three, three pixels": {"pool": (3, 3), "pixels": 3},
    "pool and stride": {"pool": (2, 2), "stride": (2, 2), "height": 8, "width": 8, "pixels": 4},
    "signed": {"signed": True, "pool": (2, 2)},
    "negative outputs": {"out_min": -8, "out_signed": True},
    "narrow negative outputs": {"out_min": -7, "out_signed": True, "steps": 14},
    "one threshold": {"steps": 1, "out_bits": 1},
    "bits": {"bits": 1, "weight_bits": 1, "steps": 3, "out_bits": 2},
    "signed bits": {"bits": 1, "signed": True, "weight_bits": 2, "steps": 2, "out_bits": 2},
    "eight bits": {"bits": 8, "weight_bits": 8, "steps": 40, "out_bits": 8, "outputs": 1},
    "sums": {"steps": 0, "out_bits": 14, "out_signed": True},
    "sums, pooled": {"steps": 0, "out_bits": 14, "out_signed": True, "pool": (2, 2), "pixels": 2, "signed": True},
}
SOME = ["padded", "pixels do not divide the width, more padding", "more padding than pixels", "no padding", "no padding above",
        "one pixel", "stride", "pool", "pool of four, two pixels", "sums, pooled"]


def build(name):
    given = parameters(**CASES[name])
    return given, StaticConv(**given, behavioural=True)


@pytest.mark.many(3)
@pytest.mark.parametrize("name", [name if name in SOME else pytest.param(name, marks=pytest.mark.slow) for name in CASES])
def test_is_the_convolution(play, name):
    """At full rate: frames come ``cycles`` apart, and each output beat ``latency`` cycles after what completes it."""
    given, unit = build(name)
    beats, expected = vectors(given, unit.lanes)
    assert (len(beats), len(expected)) == (3 * unit.in_beats, 3 * unit.out_beats)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))})
    assert played.beats["o"] == expected
    ends = played.cycles["o"][unit.out_beats - 1::unit.out_beats]
    assert [after - before for before, after in pairwise(ends)] == [unit.cycles] * 2


@pytest.mark.many(3)
@pytest.mark.parametrize(("name", "gaps", "stalls"), [
    *(pytest.param(name, 0.3, 0.5, marks=[] if name in SOME else [pytest.mark.slow]) for name in CASES),
    *(pytest.param(name, 0, 0.9, marks=pytest.mark.slow) for name in CASES),
])
def test_waits_for_both_sides(play, name, gaps, stalls):
    given, unit = build(name)
    beats, expected = vectors(given, unit.lanes, 2)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == expected


@pytest.mark.many(3)
@pytest.mark.parametrize("name", SOME)
@pytest.mark.parametrize("at", [pytest.param(1, marks=pytest.mark.slow), 7, pytest.param(26, marks=pytest.mark.slow)])
def test_reset_at_any_cycle(play, name, at):
    given, unit = build(name)
    beats, expected = vectors(given, unit.lanes)
    stream = "i" if at < len(beats) else "o"
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, stalls=0.3, reset_at={stream: min(at, len(expected) - 1)})
    assert played.beats["o"] == expected


@pytest.mark.parametrize("name", ["padded", "pool", "one pixel", "stride over more than a beat"])
def test_nothing_is_lost_where_nobody_takes_anything(play, name):
    """The FIFO fills up, and no further: all that was taken comes out when the consumer is there again."""
    given, unit = build(name)
    beats, expected = vectors(given, unit.lanes, 40 if name == "one pixel" else 4)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, first_stall=400, limit=3000)
    assert played.beats["o"] == expected
    assert sum(cycle < 400 for cycle in played.cycles["i"]) < len(beats)


@pytest.mark.many(2)
@pytest.mark.parametrize("name", ["padded", "pool", "pool of four, two pixels", "no padding", "eight bits", "sums"])
def test_latency(play, name):
    """From the beat that completes the first output to it: where the last pixel is needed, after the zeros that follow it."""
    given, unit = build(name)
    beats, expected = vectors(given, unit.lanes, 2)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))})
    steps = unit.shape.ending_steps
    last = unit.shape.ending_rows[-1] * unit.shape.row_steps + steps[-1]
    # Steps come one a cycle from the second frame's first beat on.
    assert played.cycles["o"][-1] == played.cycles["i"][unit.in_beats] + last + unit.latency


@pytest.mark.many(4)
@pytest.mark.parametrize(("weights", "thresholds"), [
    ("all zero", [0, 1]), ("all zero", [-1, 0]), ("all zero", [5, 6]), ("all equal", [10, 40]), ("all negative", [-90, -30]),
    ("one weight", [5, 20]), ("one zero channel", [0, 9]),
    ("one weight beside many", [3, 20]), ("drawn", [-100_000, 100_000]), ("drawn", [100_000, 100_000]),
    ("drawn", [-100_000, -100_000]), ("drawn", [3, 3]),
])
@pytest.mark.parametrize("pool", [(1, 1), (2, 2)])
def test_weights_and_thresholds_of_all_kinds(play, weights, thresholds, pool):
    given = parameters(pool=pool, outputs=2, channels=1, steps=2)
    made = np.array(given["weights"])
    if weights == "all zero":
        made[:] = 0
    elif weights == "all equal":
        made[:] = 3
    elif weights == "all negative":
        made[:] = -np.abs(made) - (made == 0)
    elif weights == "one weight":
        made[:] = 0
        made[0, 1, 2, 0], made[1, 0, 0, 0] = -4, 4
    elif weights == "one weight beside many":
        made[0] = 0
        made[0, 1, 1, 0] = 3
    elif weights == "one zero channel":
        made[0] = 0
    given |= {"weights": made.tolist(), "thresholds": [thresholds] * 2}
    unit = StaticConv(**given, behavioural=True)
    beats, expected = vectors(given, unit.lanes)
    played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, stalls=0.2)
    assert played.beats["o"] == expected


def test_weights_and_thresholds_may_be_arrays(play):
    given = parameters()
    unit = StaticConv(**given | {name: np.array(given[name]) for name in ("weights", "thresholds")}, behavioural=True)
    beats, expected = vectors(given, unit.lanes, 1)
    assert play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}).beats["o"] == expected


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60))
def test_drawn_shapes(play, seed):
    """Shapes at random, of those that are taken."""
    rng = random.Random(seed)
    while True:
        kernel = rng.randint(1, 7), rng.randint(1, 7)
        changes = {
            "height": rng.randint(1, 9), "width": rng.randint(1, 9), "channels": rng.randint(1, 3), "bits": rng.choice([1, 2, 4, 8]),
            "signed": rng.random() < 0.3, "kernel": kernel, "stride": (rng.randint(1, 3), rng.randint(1, 3)),
            "pad": tuple(rng.randrange(side) for side in kernel), "pool": (rng.randint(1, 3), rng.randint(1, 3)),
            "pixels": rng.randint(1, 5), "steps": rng.choice([1, 3, 15]), "weight_bits": rng.choice([2, 4, 8]),
            "outputs": rng.randint(1, 4),
        }
        given = parameters(seed, **changes)
        if static_conv_error(**given) is None:
            break
    unit = StaticConv(**given, behavioural=True)
    beats, expected = vectors(given, unit.lanes)
    for gaps, stalls in ((0, 0), (0.3, 0.3), (0, 0.8)):
        unit = StaticConv(**given, behavioural=True)
        played = play(unit, {"i": (unit.i, beats)}, {"o": (unit.o, len(expected))}, gaps=gaps, stalls=stalls)
        assert played.beats["o"] == expected, changes


def test_verilog_is_the_same_every_time():
    texts = {axis_verilog(unit, "conv", {"in0_V": unit.i}, {"out0_V": unit.o}) for unit in (build("pool")[1] for _ in range(2))}
    assert len(texts) == 1
    assert "module conv(" in texts.pop()


def test_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match=r"^pixels must divide the map's pixels, not pixels=4, height=5, width=6$"):
        StaticConv(**parameters(pixels=4))
