"""Enables and modes of exits, as mappings."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offramp_driver import Accelerator, DriverError, ExitError, InputError
from tests.offramp_driver.fake_board import FakeBoard

Open = Callable[..., tuple[FakeBoard, Accelerator]]


def test_they_are_read_from_and_written_to_the_hardware(opened: Open) -> None:
    board, acc = opened()
    assert dict(acc.enabled) == {0: True, 1: True}
    acc.enabled[0] = False
    assert board.enables == [0, 1]
    board.enables = [1, 0]
    assert list(acc.enabled.values()) == [True, False]
    assert dict(acc.modes) == {0: "policy", 1: "policy"}
    for name, number in (("all", 1), ("none", 2), ("policy", 0)):
        acc.modes[1] = name
        assert board.modes == [0, number]
        assert acc.modes[1] == name
    assert repr(acc.modes) == "Modes({0: 'policy', 1: 'policy'})"


def test_a_mode_leaves_the_class_of_thresholds_alone(opened: Open) -> None:
    board, acc = opened()
    board.modes[0] = 3 << 16
    acc.modes[0] = "none"
    assert board.modes[0] == 3 << 16 | 2


@pytest.mark.parametrize("what", ["enabled", "modes", "thresholds"])
@pytest.mark.parametrize("key", [2, -1, "0", 0.0, None])
def test_exits_that_are_not_there_are_told(opened: Open, what: str, key: Any) -> None:
    board, acc = opened()
    found = getattr(acc, what)
    with pytest.raises(ExitError, match=f"^exit must be a number from 0 to 1, not {key!r}$") as caught:
        found[key]
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, DriverError)
    with pytest.raises(ExitError):
        found[key] = "all"
    assert key not in found
    assert found.get(key, "no") == "no"
    assert np.int64(1) in found
    assert board.modes == [0, 0]


def test_other_modes_are_refused(opened: Open) -> None:
    _, acc = opened()
    with pytest.raises(InputError, match="a mode must be one of 'policy', 'all', 'none', not 'always'"):
        acc.modes[0] = "always"
