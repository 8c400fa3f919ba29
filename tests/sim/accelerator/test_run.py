"""What a run of batches tells the bench to do, step by step; the runs themselves are played in tests/cosim."""

import pytest

from sim.accelerator.run import BATCH, _split, _steps, expected_ids
from sim.accelerator.scenario import Read, Reset, Results, Send, Sent, Stall, Write

STALL = Stall(0.1, 0.2)


def test_ids_count_within_a_batch_and_wrap():
    assert expected_ids([3, 1, 6], 2).tolist() == [0, 1, 2, 0, 0, 1, 2, 3, 0, 1]


def test_images_are_shared_out_to_batches():
    assert _split(2 * BATCH + 5, None) == [BATCH, BATCH, 5]
    assert _split(4, (1, 3)) == [1, 3]
    for batches in (2, 1), (5, 0), (6, -1):
        with pytest.raises(ValueError, match=rf"batches must be positive and add up to 5 images, not \[{batches[0]}, {batches[1]}\]"):
            _split(5, batches)


def test_batches_of_one_length_follow_each_other_and_of_another_after_its_length_was_written():
    found = _steps([2, 2, 3, 1], 12, 5, {"MODE_0": 1}, STALL)
    assert found == [
        Reset(), STALL, Write("MODE_0", 1), Write("BATCH_LENGTH", 2), Send(0, 48), Sent(), Write("BATCH_LENGTH", 3), Send(4, 36), Sent(),
        Write("BATCH_LENGTH", 1), Send(7, 12), Sent(), Results(8), Read(),
    ]


@pytest.mark.parametrize("words", [4, 5])
def test_where_a_whole_image_may_wait_outside_all_results_come_before_another_length(words):
    found = _steps([2, 3, 3, 1], words, 5, {}, STALL)
    assert found == [
        Reset(), STALL, Write("BATCH_LENGTH", 2), Send(0, 2 * words), Sent(), Results(2),
        Write("BATCH_LENGTH", 3), Send(2, 6 * words), Sent(), Results(6),
        Write("BATCH_LENGTH", 1), Send(8, words), Sent(), Results(1), Read(),
    ]
