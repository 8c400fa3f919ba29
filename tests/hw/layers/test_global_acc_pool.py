import random

import pytest

from hw.layers.global_acc_pool import GlobalAccPool
from hw.streams.axis import axis_verilog

# pixels, channels, pe, bits, signed, out_bits
CASES = [
    (16, 8, 2, 4, True, None),
    (16, 8, 2, 4, False, None),
    (9, 6, 6, 4, False, 12),
    (9, 6, 1, 3, True, 16),
    (49, 2, 1, 2, False, None),
    (4, 1, 1, 8, True, None),
    (1, 4, 2, 4, True, None),
    (1, 4, 4, 4, False, 9),
    (2, 12, 1, 1, False, None),
]


def vectors(pool, count, seed=3):
    """Input beats and expected sums of random frames; the first two are all minimum and all maximum."""
    rng = random.Random(seed)
    low = -(1 << (pool.bits - 1)) if pool.signed else 0
    high = low + (1 << pool.bits) - 1
    bounds = [(low, low), (high, high)] + [(low, high)] * (count - 2)
    frames = [[[rng.randint(*bound) for _ in range(pool.channels)] for _ in range(pool.pixels)] for bound in bounds]

    def packed(values, bits):
        return [sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values[at:at + pool.pe]))
                for at in range(0, len(values), pool.pe)]

    given = [beat for frame in frames for pixel in frame for beat in packed(pixel, pool.bits)]
    return given, [beat for frame in frames for beat in packed([sum(channel) for channel in zip(*frame, strict=True)], pool.out_bits)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("gaps", "stalls"), [
    (0, 0), (0.3, 0.3), pytest.param(0, 0.7, marks=pytest.mark.slow), pytest.param(0.7, 0, marks=pytest.mark.slow)])
def test_sums_each_channel(play, case, gaps, stalls):
    pool = GlobalAccPool(*case)
    given, expected = vectors(pool, 5)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, len(expected))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == expected


@pytest.mark.parametrize("case", CASES)
def test_takes_one_beat_a_cycle(play, case):
    pool = GlobalAccPool(*case)
    given, expected = vectors(pool, 5)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, len(expected))})
    assert played.cycles["i"] == list(range(len(given)))
    folds, frame = pool.channels // pool.pe, len(given) // 5
    assert played.cycles["o"] == [n * frame + frame - folds + fold + 1 for n in range(5) for fold in range(folds)]


def test_a_stalled_output_leaves_the_next_frame_room(play):
    """Nobody takes the first frame's sums: the next frame goes in up to its last pixel."""
    pool = GlobalAccPool(10, 6, 1, 4, False)
    given, _ = vectors(pool, 5)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, 0)}, stalls=1.0, extra=200)
    assert played.cycles["i"] == list(range(60 + 54))


@pytest.mark.parametrize("case", [CASES[0], CASES[2], CASES[6]])
@pytest.mark.parametrize("at", [1, 3, 7])
def test_reset_in_the_middle_of_a_frame(play, case, at):
    pool = GlobalAccPool(*case)
    given, expected = vectors(pool, 4)
    played = play(pool, {"i": (pool.i, given)}, {"o": (pool.o, len(expected))}, stalls=0.3, reset_at={"i": at})
    assert played.beats["o"] == expected


@pytest.mark.parametrize(("pixels", "bits", "out_bits"), [(1, 4, 4), (2, 4, 5), (16, 4, 8), (17, 4, 9), (49, 2, 8)])
def test_sum_is_wide_enough(pixels, bits, out_bits):
    assert GlobalAccPool(pixels, 4, 2, bits, True).out_bits == out_bits


def test_verilog():
    pool = GlobalAccPool(*CASES[0])
    text = axis_verilog(pool, "sums", {"in0_V": pool.i}, {"out0_V": pool.o})
    assert "output [15:0] out0_V_TDATA" in text


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, 8, 2, 4, True), "pixels must be at least 1, not 0"),
    ((16, 8, 3, 4, True), "pe must divide channels, not pe=3, channels=8"),
    ((17, 8, 2, 4, True, 8), "out_bits must be at least 9 for bits=4, pixels=17, not 8"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        GlobalAccPool(*arguments)
