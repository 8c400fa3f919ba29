import random

import pytest

from hw.streams.axis import axis_verilog
from hw.streams.bus_unpack import BusUnpack

# bus_bits, beat_bits, frame_beats
CASES = [
    (64, 8, 20), (64, 8, 16), (64, 8, 1), (64, 24, 9), (64, 24, 8), (64, 24, 1), (32, 24, 7), (64, 56, 5), (64, 64, 4), (8, 8, 5),
    (32, 64, 5), (8, 24, 4), (24, 64, 5), (56, 64, 9), (64, 72, 7), (64, 200, 3), (64, 200, 1), (16, 24, 5), (40, 16, 7),
]


def vectors(unpack, count, seed=3):
    """Bus words of random images, with noise where the last word of each is not used, and the beats they hold."""
    rng = random.Random(seed)
    word, beat = unpack.bus_bits // 8, unpack.beat_bits // 8
    words, beats = [], []
    for _ in range(count):
        image = rng.randbytes(unpack.frame_beats * beat)
        padded = image + rng.randbytes(-len(image) % word)
        words += [int.from_bytes(padded[at:at + word], "little") for at in range(0, len(padded), word)]
        beats += [int.from_bytes(image[at:at + beat], "little") for at in range(0, len(image), beat)]
    return words, beats


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("gaps", "stalls"), [
    (0, 0), (0.3, 0.3), pytest.param(0, 0.7, marks=pytest.mark.slow), pytest.param(0.7, 0, marks=pytest.mark.slow)])
def test_cuts_words_into_beats(play, case, gaps, stalls):
    unpack = BusUnpack(*case)
    words, beats = vectors(unpack, 6)
    assert len(words) == 6 * unpack.words
    played = play(unpack, {"i": (unpack.i, words)}, {"o": (unpack.o, len(beats))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == beats
    assert played.beats["i"] == words


@pytest.mark.parametrize("case", CASES)
def test_full_rate_on_the_narrower_side(play, case):
    unpack = BusUnpack(*case)
    words, beats = vectors(unpack, 6)
    played = play(unpack, {"i": (unpack.i, words)}, {"o": (unpack.o, len(beats))})
    if unpack.beat_bits >= unpack.bus_bits:
        assert played.cycles["i"] == list(range(len(words)))
    else:
        assert played.cycles["o"] == list(range(1, 1 + len(beats)))


@pytest.mark.parametrize("case", [(64, 24, 9), (8, 24, 4), (64, 8, 12)])
@pytest.mark.parametrize("at", [1, 4, 7])
def test_reset_in_the_middle_of_a_frame(play, case, at):
    unpack = BusUnpack(*case)
    words, beats = vectors(unpack, 4)
    played = play(unpack, {"i": (unpack.i, words)}, {"o": (unpack.o, len(beats))}, stalls=0.3, reset_at={"i": at})
    assert played.beats["o"] == beats


def test_verilog():
    unpack = BusUnpack(64, 24, 9)
    text = axis_verilog(unpack, "unpack", {"in0_V": unpack.i}, {"out0_V": unpack.o})
    assert "output [23:0] out0_V_TDATA" in text


@pytest.mark.parametrize(("arguments", "message"), [
    ((12, 8, 4), "bus_bits must be a positive multiple of 8, not 12"),
    ((64, 0, 4), "beat_bits must be a positive multiple of 8, not 0"),
    ((64, 8, 0), "frame_beats must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        BusUnpack(*arguments)
