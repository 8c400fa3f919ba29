"""Batches that go wrong, and the way back: what is raised, in which order things are reset, and that the next batch is right."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from offramp_driver import Accelerator, DmaError, DmaTimeout, DriverError
from offramp_driver.transfer import RESET_CYCLES
from tests.offramp_driver.fake_board import REST, FakeBoard
from tests.offramp_driver.test_accelerator import agree, draw

Open = Callable[..., tuple[FakeBoard, Accelerator]]
RECOVERY = ["dma reset", "dma reset", "soft reset", "dma reset", "dma reset"]


def resets(board: FakeBoard, since: int) -> list[Any]:
    """What was asked of the board after its last transfer was started, with only the resets kept."""
    return [item for item in board.log[since:] if isinstance(item, str)]


def after(board: FakeBoard, acc: Accelerator) -> None:
    """Nothing is inside, nothing of before comes out, and what was set is still set."""
    assert acc.status == REST
    assert acc.thresholds[0] == 90
    images = draw(40, seed=9)
    assert agree(acc.classify(images), images, 90)


@pytest.fixture
def ready(opened: Open) -> tuple[FakeBoard, Accelerator]:
    board, acc = opened(open={"timeout": 1e-4, "buffer_bytes": 64 * 16})
    acc.thresholds[0] = 90
    return board, acc


@pytest.mark.parametrize("taken", [0, 1, 5, 29])
def test_a_batch_that_does_not_end_is_a_timeout_and_the_next_is_right(ready: tuple[FakeBoard, Accelerator], taken: int) -> None:
    board, acc = ready
    before = len(board.log)
    board.faults["hold_results"] = taken
    with pytest.raises(DmaTimeout) as caught:
        acc.classify(draw(30))
    assert caught.value.counters["samples_out"] == taken
    assert taken < caught.value.counters["samples_in"] <= taken + 8
    assert sum(caught.value.counters["exits"]) > taken
    text = str(caught.value)
    assert "a batch of 30 images did not end within 10000 cycles" in text
    assert "not received all results" in text
    assert f"{taken} results out" in text
    assert "its next batch is right" in text
    assert resets(board, before) == RECOVERY
    after(board, acc)


def test_the_limit_is_counted_in_the_accelerators_cycles(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    board.faults["hold_results"] = 0
    begun = board.now
    with pytest.raises(DmaTimeout):
        acc.classify(draw(2))
    assert 10_000 < board.now - begun < 11_500


def test_a_slow_batch_within_the_limit_is_no_timeout(opened: Open) -> None:
    """The default: a second of the clock, and four times the slowest stage for every image."""
    _, acc = opened(clock_mhz=0.001, cycles_all_hard=60)
    acc.modes[0] = "none"
    assert set(acc.classify(draw(60)).exit) == {1}  # 3600 cycles, of 1000 + 14400 that are allowed
    assert acc._limit(60) == 1000 + 4 * 60 * 60


def test_a_program_that_was_stopped_for_a_while_looks_once_more(ready: tuple[FakeBoard, Accelerator]) -> None:
    """Twice the limit passes between its look at the DMA and its look at the clock; by then the batch has long ended."""
    board, acc = ready
    read, stopped = board.read_top, []

    def late(offset: int) -> int:
        if offset == 0x30 and board.dma[0x00].busy and not stopped:
            stopped.append(board.now)
            for _ in range(1000):
                board.step()
        return read(offset)

    board.read_top = late
    images = draw(20)
    assert agree(acc.classify(images), images, 90)
    assert stopped


def test_the_default_ends_too(opened: Open) -> None:
    board, acc = opened(clock_mhz=0.001)
    board.faults["hold_results"] = 3
    with pytest.raises(DmaTimeout, match=r"within 2200 cycles"):
        acc.classify(draw(5))


@pytest.mark.parametrize("ends", [True, False])
def test_words_lost_or_doubled_on_the_way_are_told_at_once(ready: tuple[FakeBoard, Accelerator], ends: bool) -> None:
    """Whether all results come, of images cut in other places, or one of them never."""
    board, acc = ready
    before, begun = len(board.log), board.now
    board.faults["tlast_errors"] = 3
    if not ends:
        board.faults["hold_results"] = 19
    with pytest.raises(DmaError, match=r"words were lost or doubled .* in a batch of 20 images .* \(TLAST\) was 3 times missing or not"):
        acc.classify(draw(20))
    assert board.now - begun < 5000
    assert resets(board, before) == RECOVERY
    after(board, acc)


def test_hardware_that_does_not_look_at_tlast(opened: Open) -> None:
    """That of before there was such a check: its STATUS has no such bits, and what is written to CONTROL beyond its own does nothing."""
    board, acc = opened()
    board.faults["old_map"] = True
    board.faults["tlast_errors"] = 3
    images = draw(20)
    assert agree(acc.classify(images), images)


@pytest.mark.parametrize(("base", "bit", "text"), [
    (0x00, 0x20, r"send \(MM2S\) channel tells of a slave error"),
    (0x00, 0x40, r"send \(MM2S\) channel tells of a decode error"),
    (0x30, 0x10, r"receive \(S2MM\) channel tells of an internal error: a packet longer"),
])
def test_an_error_of_the_dma_is_told_at_once(ready: tuple[FakeBoard, Accelerator], base: int, bit: int, text: str) -> None:
    board, acc = ready
    before, begun = len(board.log), board.now
    board.faults["error"] = (base, bit)
    with pytest.raises(DmaError, match=text) as caught:
        acc.classify(draw(20))
    assert not isinstance(caught.value, DmaTimeout)
    assert set(caught.value.counters) == {"samples_in", "samples_out", "cycles", "exits", "gates", "streams"}
    assert board.now - begun < 5000
    assert resets(board, before) == RECOVERY
    after(board, acc)


def test_a_batch_that_ends_too_soon_is_told(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    board.faults["short"] = 11
    with pytest.raises(DmaError, match="a batch of 20 images gave 96 bytes of results instead of 160"):
        acc.classify(draw(20))
    after(board, acc)


def test_results_of_another_image_are_told(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    before = len(board.log)
    board.faults["wrong_id"] = 3
    with pytest.raises(DriverError, match="results of a batch of 20 images were lost, doubled or mixed up"):
        acc.classify(draw(20))
    assert resets(board, before) == RECOVERY
    after(board, acc)


def test_a_fault_in_a_later_batch(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    board.faults["hold_results"] = 64 + 10
    with pytest.raises(DmaTimeout) as caught:
        acc.classify(draw(150))
    assert caught.value.counters["samples_out"] == 74
    after(board, acc)


@pytest.mark.parametrize("moment", range(1, 90, 4))
def test_interrupted_anywhere_it_is_right_afterwards(ready: tuple[FakeBoard, Accelerator], moment: int) -> None:
    """Ctrl-C in one of three batches, or while one is started: it comes through, and the next call is right."""
    board, acc = ready
    acc.classify(draw(1))
    board.faults["interrupt"] = moment
    with pytest.raises(KeyboardInterrupt):
        acc.classify(draw(150))
    after(board, acc)


def test_interrupted_just_after_the_length_was_written(ready: tuple[FakeBoard, Accelerator], monkeypatch: pytest.MonkeyPatch) -> None:
    """The register has the new length then, and nobody has noted it: a batch as long as the one before must write its own again."""
    board, acc = ready
    acc.classify(draw(20))
    write = acc._transfer._control.set_batch_length

    def interrupted(images: int) -> None:
        write(images)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(acc._transfer._control, "set_batch_length", interrupted)
        with pytest.raises(KeyboardInterrupt):
            acc.classify(draw(33))
    assert board.batch_length == 33
    assert agree(acc.classify(draw(20)), draw(20), 90)


def interrupted_twice(board: FakeBoard, acc: Accelerator, moment: int) -> None:
    """Let a batch end by its limit, and interrupt what follows after ``moment`` accesses."""
    original = acc._transfer._after

    def again(error: BaseException) -> None:
        board.faults["interrupt"] = moment
        original(error)

    acc._transfer._after = again
    with pytest.raises(KeyboardInterrupt):
        acc.classify(draw(20))
    acc._transfer._after = original
    board.faults.clear()


@pytest.mark.parametrize("moment", [1, 5, 20, 30, 40])
def test_interrupted_in_the_recovery_too(ready: tuple[FakeBoard, Accelerator], moment: int) -> None:
    board, acc = ready
    board.faults["hold_results"] = 0
    interrupted_twice(board, acc, moment)
    images = draw(40)
    assert agree(acc.classify(images), images, 90)
    after(board, acc)


def test_stale_results_in_the_dmas_queue_do_not_come_later(ready: tuple[FakeBoard, Accelerator]) -> None:
    """Between the first reset of the DMA and the accelerator's, results go into the queue in front of memory."""
    board, acc = ready
    board.faults["hold_results"] = 2
    taken: list[int] = []
    write = board.write_top

    def watch(offset: int, value: int) -> None:
        if offset == 0x0C and value & 1:
            taken.append(len(board.fifo))
        write(offset, value)

    board.write_top = watch
    with pytest.raises(DmaTimeout):
        acc.classify(draw(20))
    assert taken[0] > 0
    after(board, acc)


@pytest.mark.parametrize(("fault", "text"), [
    ("stuck_reset", "After that the DMA does not come out of its reset: load the bitstream again"),
    ("stuck_busy", "After that the accelerator does not come to rest after a reset: load the bitstream again"),
])
def test_a_recovery_that_does_not_end_is_told_and_tried_again(ready: tuple[FakeBoard, Accelerator], fault: str, text: str) -> None:
    board, acc = ready
    board.faults |= {"hold_results": 0, fault: True}
    board.access_cycles = 2000
    begun = board.now
    with pytest.raises(DmaTimeout, match=text):
        acc.classify(draw(3))
    assert RESET_CYCLES < board.now - begun < RESET_CYCLES + 200_000
    with pytest.raises(DmaError, match="load the bitstream again"):
        acc.classify(draw(3))
    board.faults.clear()
    board.access_cycles = 20
    after(board, acc)


def test_a_clock_that_stands_still_ends_the_wait(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    board.faults |= {"hold_results": 0, "stuck_clock": True}
    with pytest.raises(DmaError, match="the accelerator's clock stands still: load the bitstream again"):
        acc.classify(draw(3))
    board.faults.clear()
    after(board, acc)


def test_a_channel_that_does_not_run_is_told(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    board.faults["no_run"] = True
    with pytest.raises(DmaError, match=r"receive \(S2MM\) channel does not run"):
        acc.classify(draw(3))
    del board.faults["no_run"]
    after(board, acc)


def test_closing_stops_what_is_underway_before_its_memory_goes(ready: tuple[FakeBoard, Accelerator]) -> None:
    """Ctrl-C, and again at once: nobody has stopped the DMA when the accelerator is closed."""
    board, acc = ready
    board.faults["hold_results"] = 0
    interrupted_twice(board, acc, 1)
    assert board.dma[0x30].busy
    assert board.buffers
    acc.close()
    assert not board.dma[0x30].busy
    assert board.buffers == []


def test_memory_is_not_given_back_while_it_may_be_written(ready: tuple[FakeBoard, Accelerator]) -> None:
    """A larger call after a recovery that failed recovers before it exchanges the buffers."""
    board, acc = ready
    board.faults |= {"hold_results": 0, "stuck_reset": True}
    board.access_cycles = 2000
    with pytest.raises(DmaTimeout):
        acc.classify(draw(3))
    held = board.buffers[:]
    with pytest.raises(DmaError):
        acc.classify(draw(30))
    assert board.buffers == held
    board.faults.clear()
    board.access_cycles = 20
    images = draw(30)
    assert agree(acc.classify(images), images, 90)


def test_packing_goes_on_while_the_dma_sends(ready: tuple[FakeBoard, Accelerator]) -> None:
    """The second batch is in memory before the first one's results are."""
    board, acc = ready
    acc.classify(draw(64))
    images = draw(128, seed=4)
    first = acc._transfer._packing
    seen: list[bool] = []

    class Watching(type(first)):
        def pack(self, images: np.ndarray, out: np.ndarray) -> None:
            seen.append(board.dma[0x00].busy)
            super().pack(images, out)

    acc._transfer._packing = Watching(first.input)
    assert agree(acc.classify(images), images, 90)
    assert seen == [False, True]
