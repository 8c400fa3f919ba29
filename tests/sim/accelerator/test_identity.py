"""Results find their images, and whatever is lost, doubled or mixed up is noticed."""

import random

import pytest

from sim.accelerator.identity import positions
from sim.errors import SimulationError


def marks(*lengths):
    return [index == length - 1 for length in lengths for index in range(length)]


def test_wrapping_ids_in_any_order_within_a_window():
    draw = random.Random(3)
    expected = []
    for start, length in ((0, 40), (40, 1), (41, 25)):
        batch = list(range(start, start + length))
        # at most 4 in flight, ids of 3 bits
        for at in range(0, length, 4):
            window = batch[at : at + 4]
            draw.shuffle(window)
            expected += window
    starts = {**dict.fromkeys(range(40), 0), 40: 40, **dict.fromkeys(range(41, 66), 41)}
    ids = [(image - starts[image]) % 8 for image in expected]
    assert positions(ids, marks(40, 1, 25), [40, 1, 25], 3).tolist() == expected


@pytest.mark.parametrize(("ids", "last", "message"), [
    ([0, 1, 1], marks(3), "batch 0, result 2: id 1 was there already"),
    ([0, 1], [False, False], "batch 0: 2 of 3 results came; the first image without one is 2"),
    ([0, 1, 2], [False, True, True], "batch 0, result 1 of 3: TLAST is 1"),
    ([0, 1, 2], [False] * 3, "batch 0, result 2 of 3: TLAST is 0"),
    ([0, 1, 2, 0], [False, False, True, True], "1 results more than the 3 images sent"),
])
def test_what_must_not_happen(ids, last, message):
    with pytest.raises(SimulationError, match=message):
        positions(ids, last, [3], 4)
