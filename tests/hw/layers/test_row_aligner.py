"""Each row begins with a beat, and what is beyond a row is zeros."""

import pytest

from hw.layers.row_aligner import RowAligner, aligned_steps
from tests.hw.layers.static_cases import draw_frames, pack

SIZES = [(4, 6, 4), (3, 4, 3), (6, 4, 8), (2, 5, 2), (1, 6, 6), (8, 7, 4), (5, 3, 5), (2, 1, 2), (6, 28, 8)]
BITS = 5


def beats(height, width, pixels):
    frames = draw_frames({"height": height, "width": width, "channels": 1, "bits": BITS, "signed": False}, 3)
    out = [beat for frame in frames for row in frame for beat in pack(row, pixels, BITS)]
    return [beat for frame in frames for beat in pack(frame, pixels, BITS)], out


@pytest.mark.parametrize(("height", "width", "pixels"), SIZES)
@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0), (0.4, 0.4)])
def test_rows_begin_with_beats(play, height, width, pixels, gaps, stalls):
    given, expected = beats(height, width, pixels)
    unit = RowAligner(height, width, pixels, BITS)
    played = play(unit, {"i": (unit.i, given)}, {"o": (unit.o, len(expected))}, gaps=gaps, stalls=stalls)
    assert played.beats["o"] == expected
    if not gaps:
        first, last = played.cycles["o"][0], played.cycles["o"][-1]
        assert last - first == len(expected) - 1, "a beat a cycle"


def test_a_step_holds_less_than_a_beat_and_takes_one_at_most():
    for width in range(1, 40):
        for pixels in range(1, 20):
            steps = aligned_steps(width, pixels)
            assert all(held < pixels for held, _, _ in steps)
            assert sum(taken for _, taken, _ in steps) == pixels * sum(needs for _, _, needs in steps)


@pytest.mark.parametrize(("sizes", "message"), [
    ((3, 5, 2, 8), "pixels must divide a map's pixels, not pixels=2, 3x5"), ((0, 5, 1, 8), "height must be at least 1, not 0"),
    ((3, 4, 2, 0), "pixel_bits must be at least 1, not 0"),
])
def test_wrong_sizes_are_told(sizes, message):
    with pytest.raises(ValueError, match=message):
        RowAligner(*sizes)
