"""Thresholds of all exits while it runs: integers, real numbers, and those of every class."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offramp_driver import Accelerator, DriverError, ExitError, InputError
from tests.offramp_driver.fake_board import FakeBoard, by_class
from tests.offramp_driver.test_accelerator import agree, draw

Open = Callable[..., tuple[FakeBoard, Accelerator]]


def test_they_are_read_from_and_written_to_the_hardware(opened: Open) -> None:
    board, acc = opened()
    assert acc.thresholds[0] == 128
    acc.thresholds[0] = np.int32(-200)
    assert board.thresholds[0] == -200
    assert acc.thresholds[0] == -200
    board.thresholds[0] = 55
    assert dict(acc.thresholds) == {0: 55, 1: 0}
    assert acc.thresholds.range(0) == (-256, 256)
    assert repr(acc.thresholds) == "Thresholds({0: 55, 1: 0})"


def test_real_ones_are_in_the_policys_unit(opened: Open) -> None:
    board, acc = opened()
    assert acc.thresholds.unit(0) == "logit"
    assert acc.thresholds.real(0) == 64.0
    acc.thresholds.set_real(0, 10.1)
    assert board.thresholds[0] == 21
    assert acc.thresholds.real(0) == 10.5
    assert acc.thresholds.unit(1) is None


@pytest.mark.parametrize(("value", "message"), [
    (257, r"threshold of exit 0 must be from -256 to 256 \(policy max_logit\), not 257"),
    (-257, "not -257"),
    (0.9, r"a threshold must be an integer, not 0.9: set_real\(0, 0.9\) takes a real one \(logit\)"),
    ("high", "a threshold must be an integer, not 'high'$"),
])
def test_what_is_out_of_range_is_not_written(opened: Open, value: Any, message: str) -> None:
    board, acc = opened()
    with pytest.raises(InputError, match=message):
        acc.thresholds[0] = value
    assert board.thresholds[0] == 128


def test_real_ones_out_of_range_are_not_written(opened: Open) -> None:
    board, acc = opened()
    with pytest.raises(InputError, match="threshold of exit 0 must be from -256 to 256"):
        acc.thresholds.set_real(0, 129.0)
    with pytest.raises(InputError, match="a threshold must be a number, not nan"):
        acc.thresholds.set_real(0, float("nan"))
    assert board.thresholds[0] == 128


def test_an_exit_without_a_threshold_says_so(opened: Open) -> None:
    _, acc = opened()
    for use in (lambda: acc.thresholds.real(1), lambda: acc.thresholds.set_real(1, 0.5), lambda: acc.thresholds.range(1),
                lambda: acc.thresholds.__setitem__(1, 5)):
        with pytest.raises(InputError, match=r"exit 1 compares with no threshold \(policy always\)"):
            use()
    with pytest.raises(InputError, match=r"exit 0 has one threshold for all classes \(policy max_logit\): thresholds\[0\]"):
        acc.thresholds[0, 3]


def test_every_class_has_its_own(opened: Open) -> None:
    built = [100, 120, 140, 160, 180]
    board, acc = opened(exits=by_class(built))
    images = draw(60)
    assert agree(acc.classify(images), images, built)
    assert acc.thresholds[0] == built
    assert acc.thresholds[0, 2] == 140
    acc.modes[0] = "policy"
    acc.thresholds[0, 2] = 30
    assert board.table == [100, 120, 30, 160, 180]
    assert acc.thresholds[0, 2] == 30
    assert agree(acc.classify(images), images, board.table)
    acc.thresholds.set_real(0, 25.2, 4)
    assert acc.thresholds.real(0, 4) == 25.5
    assert board.table[4] == 51
    acc.thresholds[0] = [1, 2, 3, 4, 5]
    assert board.table == [1, 2, 3, 4, 5]
    acc.thresholds[0] = 77
    assert board.table == [77] * 5
    acc.thresholds.set_real(0, 10.0)
    assert board.table == [20] * 5
    acc.thresholds.restore()
    assert board.table == built
    assert agree(acc.classify(images), images, built)
    assert acc.thresholds.unit(0) == "logit"


@pytest.mark.parametrize("mode", ["policy", "all", "none"])
def test_a_threshold_of_a_class_leaves_the_mode_alone(opened: Open, mode: str) -> None:
    """The class is in the register of the mode."""
    board, acc = opened(exits=by_class([100] * 5))
    acc.modes[0] = mode
    acc.thresholds[0, 3] = 30
    assert acc.modes[0] == mode
    assert board.modes[0] == 3 << 16 | {"policy": 0, "all": 1, "none": 2}[mode]
    acc.thresholds[0] = 77
    assert acc.modes[0] == mode
    assert board.table == [77] * 5
    if mode != "policy":
        assert set(acc.classify(draw(20)).exit) == {0 if mode == "all" else 1}


def test_thresholds_of_classes_outlive_a_reset(opened: Open) -> None:
    board, acc = opened(exits=by_class([100] * 5))
    acc.thresholds[0, 1] = 7
    acc.reset()
    assert (acc.thresholds[0, 1], board.table[1]) == (7, 7)


def test_classes_that_are_not_there_and_lists_of_other_lengths_are_refused(opened: Open) -> None:
    board, acc = opened(exits=by_class([100] * 5))
    for key in ((0, 5), (0, -1), (0, "a")):
        with pytest.raises(ExitError, match=f"class must be a number from 0 to 4, not {key[1]!r}"):
            acc.thresholds[key]
        assert key not in acc.thresholds
    assert (0, 4) in acc.thresholds
    with pytest.raises(ExitError, match=r"thresholds\[exit\] or thresholds\[exit, class\], not \(0, 1, 2\)"):
        acc.thresholds[0, 1, 2]
    with pytest.raises(InputError, match=r"thresholds\[0\] takes one integer a class, 5, not 4"):
        acc.thresholds[0] = [1] * 4
    with pytest.raises(InputError, match="not 999"):
        acc.thresholds[0] = [1, 2, 3, 4, 999]
    with pytest.raises(InputError, match=r"exit 0 has a threshold for every class: real\(0, class\)"):
        acc.thresholds.real(0)
    assert board.table == [100] * 5


def test_what_cannot_be_known_is_not_invented(opened: Open) -> None:
    """Another program may have written thresholds of classes, and the hardware does not tell them."""
    exits = by_class([100] * 5)
    board, first = opened(exits=exits)
    first.thresholds[0, 3] = 9
    _, acc = opened(board, open={"download": False}, exits=exits)
    with pytest.raises(DriverError, match=r"threshold of class 3 at exit 0 is cannot be read.*write thresholds\[0, 3\] first"):
        acc.thresholds[0, 3]
    assert repr(acc.thresholds) == "Thresholds({0: [None, None, None, None, None], 1: 0})"
    acc.thresholds[0, 3] = 8
    assert acc.thresholds[0, 3] == 8
    acc.thresholds.restore()
    assert acc.thresholds[0] == [100] * 5
    assert board.table == [100] * 5
