"""The clock and the port's width: set, read back, and found by the board where they are not."""

import contextlib
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offramp_driver import Accelerator, DriverError, MismatchError
from offramp_driver.processing_system import ProcessingSystem
from tests.offramp_driver.fake_board import FakeBoard
from tests.offramp_driver.test_accelerator import agree, draw

Open = Callable[..., tuple[FakeBoard, Accelerator]]


def clocks(value: float, *, refuses: bool = False) -> types.SimpleNamespace:
    """A pynq whose FCLK0 reads ``value``, whatever is written."""

    class Clocks:
        @property
        def fclk0_mhz(self) -> float:
            return value

        @fclk0_mhz.setter
        def fclk0_mhz(self, mhz: float) -> None:
            if refuses:
                raise ValueError("Frequency divider 0 value out of range.")

    return types.SimpleNamespace(Clocks=Clocks())


@pytest.mark.parametrize(("found", "good"), [(100.0, True), (100.099, True), (100.2, False), (50.0, True), (float("nan"), False)])
def test_a_clock_above_the_builds_is_refused(found: float, good: bool) -> None:
    system = ProcessingSystem(clocks(found))
    assert str(system.clock_mhz) == str(found)
    for call in (system.set_clock, system.check_clock):
        if good:
            call(100.0)
        else:
            with pytest.raises(MismatchError, match=rf"FCLK0 is {found:g} MHz, and the bitstream was built for 100 MHz"):
                call(100.0)


def test_a_clock_that_cannot_be_set_is_told() -> None:
    with pytest.raises(MismatchError, match=r"FCLK0 cannot be set to 0.01 MHz \(Frequency divider 0 value out of range.\)"):
        ProcessingSystem(clocks(50, refuses=True)).set_clock(0.01)


def test_opening_sets_the_clock_before_it_loads_and_widens_the_port(opened: Open) -> None:
    board, _ = opened(clock_mhz=1000 / 7)
    assert board.log[:2] == [("clock", 1000 / 7), ("download", "toy.bit")]
    assert board.fclk0 == pytest.approx(1000 / 7)
    assert board.afi == {0x00: 0x3B0, 0x14: 0xF00}


@pytest.mark.parametrize("download", [True, False])
def test_a_clock_that_stays_too_fast_is_refused_before_anything_else(opened: Open, download: bool) -> None:
    board = FakeBoard()
    board.faults["stuck_fclk"] = True
    with pytest.raises(MismatchError, match="FCLK0 is 250 MHz, and the bitstream was built for 100 MHz"):
        opened(board, open={"download": download})
    assert board.log == ([("clock", 100.0)] if download else [])
    assert board.afi[0x00] & 1


def test_what_another_program_changed_is_found(opened: Open) -> None:
    """Without loading the port is made wide again, and the clock is looked at, not set."""
    board, first = opened()
    first.close()
    board.afi = {0x00: 0x3B1, 0x14: 0xF00}
    _, acc = opened(board, open={"download": False})
    assert agree(acc.classify(draw(9)), draw(9))
    acc.close()
    board.set_clock(125)
    with pytest.raises(MismatchError, match="FCLK0 is 125 MHz"):
        opened(board, open={"download": False})


def test_a_slower_clock_is_taken_and_told(opened: Open) -> None:
    board, first = opened()
    first.close()
    board.set_clock(50)
    _, acc = opened(board, open={"download": False, "timeout": 1e-4})
    found = acc.benchmark(draw(10), repeat=1)
    assert found["clock_mhz"] == 50
    assert found["accelerator_samples_per_second"] == pytest.approx(50e6 / found["cycles_per_sample"])
    assert acc._limit(1) == 5000


@pytest.mark.parametrize("download", [True, False])
def test_a_port_that_stays_narrow_is_refused(opened: Open, download: bool) -> None:
    board, first = opened()
    first.close()
    board.faults["stuck_width"] = True
    board.afi[0x14] |= 1
    with pytest.raises(MismatchError, match="HP0 stays 32 bits wide: WRCHAN_CTRL at 0xf8008014 reads 0xf01 after bit 0 was cleared"):
        opened(board, open={"download": download})


def nothing(self: Any, *_: Any) -> None:
    """What a driver that forgets it does."""


@pytest.mark.parametrize("forgotten", [["set_clock"], ["widen_port"]])
def test_a_driver_that_forgets_it_is_found_by_the_board(opened: Open, monkeypatch: pytest.MonkeyPatch, forgotten: list[str]) -> None:
    for name in forgotten:
        monkeypatch.setattr(ProcessingSystem, name, nothing)
    _, acc = opened()
    images = draw(30)
    try:
        results = acc.classify(images)
    except DriverError:
        return
    assert not agree(results, images)


@pytest.mark.parametrize("offset", [0x00, 0x14])
def test_half_a_port_is_found_by_the_board(opened: Open, offset: int) -> None:
    board, acc = opened()
    images = draw(30)
    assert agree(acc.classify(images), images)
    board.afi[offset] |= 1
    with contextlib.suppress(DriverError):
        assert not agree(acc.classify(images), images)
    board.afi[offset] &= ~1
    results = acc.classify(images)
    assert agree(results, images)
    assert np.array_equal(results.label, [int(image.sum()) % 5 for image in images])
