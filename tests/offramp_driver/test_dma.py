"""AXI DMA's registers, one by one, against what PG021 says."""

from collections.abc import Callable

import pytest

from offramp_driver import DmaError
from offramp_driver.dma import Dma


class Recorded:
    """Registers that remember what was written and read as they are told."""

    def __init__(self) -> None:
        self.written: list[tuple[int, int]] = []
        self.values: dict[int, Callable[[], int]] = {}

    def read(self, offset: int) -> int:
        return self.values.get(offset, lambda: 0)()

    def write(self, offset: int, value: int) -> None:
        self.written.append((offset, value))


@pytest.mark.parametrize(("channel", "base"), [("send", 0x00), ("receive", 0x30)])
def test_a_transfer_is_started_in_the_guides_order(channel: str, base: int) -> None:
    """Run, clear the interrupts of before, address (low, high), and the length last."""
    found = Recorded()
    getattr(Dma(found), channel).start(0x1_2345_6780, 1000)
    assert found.written == [(base + 0x00, 1), (base + 0x04, 0x7000), (base + 0x18, 0x2345_6780), (base + 0x1C, 1), (base + 0x28, 1000)]


def test_a_channel_that_stays_halted_gets_no_length() -> None:
    found = Recorded()
    found.values[0x04] = lambda: 1
    with pytest.raises(DmaError, match=r"send \(MM2S\) channel does not run"):
        Dma(found).send.start(0x1000, 8)
    assert found.written == [(0x00, 1)]


@pytest.mark.parametrize(("status", "done"), [(0x0, False), (0x2, False), (0x1002, True), (0x1000, True), (0x1_1002, True)])
def test_done_is_the_interrupt_of_this_transfer(status: int, done: bool) -> None:
    """Idle alone is not the end: it may still be of the transfer before."""
    found = Recorded()
    found.values[0x34] = lambda: status
    assert Dma(found).receive.done() is done


@pytest.mark.parametrize(("bit", "text"), [(4, "internal error"), (5, "slave error"), (6, "decode error")])
def test_errors_are_told_by_name(bit: int, text: str) -> None:
    found = Recorded()
    found.values[0x04] = lambda: 1 << bit | 0x5001
    with pytest.raises(DmaError, match=rf"{text}.*status 0x{1 << bit | 0x5001:08x}") as caught:
        Dma(found).send.done()
    assert caught.value.counters == {}


def test_what_was_received_is_in_the_length_register() -> None:
    found = Recorded()
    found.values[0x58] = lambda: 88
    assert Dma(found).receive.received == 88


def test_a_reset_asks_both_channels_and_waits_for_each() -> None:
    found, looks = Recorded(), {0x00: 3, 0x30: 2}

    def control(base: int) -> int:
        looks[base] -= 1
        return 4 if looks[base] > 0 else 0x1_0002

    found.values = {base: (lambda base=base: control(base)) for base in looks}
    asked: list[int] = []
    Dma(found).reset(lambda: asked.append(1) is None)
    assert found.written == [(0x00, 4), (0x30, 4)]
    assert len(asked) == 2 + 1
    assert looks == {0x00: 0, 0x30: 0}


def test_a_reset_that_does_not_end_is_an_error() -> None:
    found = Recorded()
    found.values[0x00] = lambda: 4
    patience = iter([True, True, False])
    with pytest.raises(DmaError, match="the DMA does not come out of its reset: load the bitstream again"):
        Dma(found).reset(lambda: next(patience))
