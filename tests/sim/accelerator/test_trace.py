"""The bench's record, whole or cut off anywhere."""

import pytest

from sim.accelerator.trace import Trace, parse

TEXT = "I 3\nR 17 0 1f\nI 9\nR 123 1 ff00ff00ff00ff00\n"


def test_images_and_results_are_read_in_their_order(tmp_path):
    path = tmp_path / "results.txt"
    path.write_text(TEXT)
    assert parse(path) == Trace(images=[3, 9], results=[(17, False, 0x1F), (123, True, 0xFF00FF00FF00FF00)])


@pytest.mark.parametrize("length", range(len(TEXT) + 1))
def test_half_a_line_is_left_out(tmp_path, length):
    path = tmp_path / "results.txt"
    path.write_text(TEXT[:length])
    found, lines = parse(path), TEXT[:length].count("\n")
    assert (len(found.images), len(found.results)) == [(0, 0), (1, 0), (1, 1), (2, 1), (2, 2)][lines]


def test_results_after_a_step_of_the_scenario():
    trace = Trace(images=[], results=[(5, False, 1), (9, False, 2), (12, True, 3)], log=[{"step": "Reset", "cycle": 6},
                                                                                          {"step": "Sent", "cycle": 9}])
    assert trace.after(0) == trace.after(1) == [(9, False, 2), (12, True, 3)]
