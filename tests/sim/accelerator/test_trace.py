"""The bench's record, whole or cut off anywhere."""

import errno

import pytest

from sim.accelerator.trace import Trace, parse, whole_record

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


@pytest.mark.parametrize(("text", "final"), [("I 0\nI 1\nR 5 0 3\nR 6 1 4\n", None), ("I 0\nI 1\nR 5 0 1\nR 6 0 0\nR 7 1 1\n", 0)])
def test_a_record_that_is_whole_is_taken(tmp_path, text, final):
    path = tmp_path / "results.txt"
    path.write_text(text)
    assert whole_record(path, {"images_in": 2, "results": 2}, final) == parse(path)


@pytest.mark.parametrize("text", [
    "I 0\nR 5 0 3\nR 6 1 4\n", "I 0\nI 1\nR 5 0 3\n", "I 0\nI 1\nR 5 0", "I 0\nI 1R 5 0 3\nR 6 1 4\n", "I\n", "",
])
def test_a_record_that_lost_lines_is_a_full_disk_and_nothing_to_go_on_from(tmp_path, text):
    path = tmp_path / "results.txt"
    path.write_text(text)
    with pytest.raises(OSError, match="No space left on device") as caught:
        whole_record(path, {"images_in": 2, "results": 2}, None)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(path))
    assert not path.exists()
