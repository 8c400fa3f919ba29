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
RECOVERY = ["abort", "soft reset"]
FULL = ["abort", "soft reset", "soft reset"]
"""Where the reader offers a word to an accelerator that is full."""


def resets(board: FakeBoard, since: int) -> list[Any]:
    """Which aborts and resets were asked of the board after that entry of its log."""
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


def test_the_next_batch_is_prepared_while_one_is_under_way(ready: tuple[FakeBoard, Accelerator]) -> None:
    """Its registers take the program as long as hundreds of cycles, which the accelerator need not wait for."""
    board, acc = ready
    images = draw(3 * 64)
    assert agree(acc.classify(images), images, 90)
    assert [item for item in board.log if item[0] == "prepare"] == [
        ("prepare", name, busy) for busy in (False, True, True) for name in ("writer", "reader")]


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
    assert resets(board, before) == (RECOVERY if taken == 29 else FULL)
    after(board, acc)


def test_the_limit_is_counted_in_the_accelerators_cycles(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    board.faults["hold_results"] = 0
    begun = board.now
    with pytest.raises(DmaTimeout):
        acc.classify(draw(2))
    assert 10_000 < board.now - begun < 11_500  # two images: nothing waits for the accelerator


def test_a_slow_batch_within_the_limit_is_no_timeout(opened: Open) -> None:
    """The default: a second of the clock, and four times the slowest stage for every image."""
    _, acc = opened(FakeBoard(pll_mhz=1, clock_mhz=0.001), clock_mhz=0.001, cycles_all_hard=60)
    acc.modes[0] = "none"
    assert set(acc.classify(draw(60)).exit) == {1}  # 3600 cycles, of 1000 + 14400 that are allowed
    assert acc._limit(60) == 1000 + 4 * 60 * 60


def test_a_program_that_was_stopped_for_a_while_looks_once_more(ready: tuple[FakeBoard, Accelerator]) -> None:
    """Twice the limit passes between its look at the DMA and its look at the clock; by then the batch has long ended."""
    board, acc = ready
    read, stopped = board.read_top, []

    def late(offset: int) -> int:
        if offset == 0x30 and board.dma.reader.busy and not stopped:
            stopped.append(board.now)
            for _ in range(1000):
                board.step()
        return read(offset)

    board.read_top = late
    images = draw(20)
    assert agree(acc.classify(images), images, 90)
    assert stopped


def test_the_default_ends_too(opened: Open) -> None:
    board, acc = opened(FakeBoard(pll_mhz=1, clock_mhz=0.001), clock_mhz=0.001)
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


@pytest.mark.parametrize(("channel", "number", "text"), [
    ("reader", 2, r"send \(reader\) channel tells of an error: memory answered with an error \(SLVERR\)"),
    ("reader", 3, r"send \(reader\) channel tells of an error: there is no memory at an address of the buffer \(DECERR\)"),
    ("writer", 2, r"receive \(writer\) channel tells of an error: memory answered with an error \(SLVERR\)"),
    ("writer", 3, r"receive \(writer\) channel .*DECERR"),
])
def test_an_error_of_the_dma_is_told_at_once(ready: tuple[FakeBoard, Accelerator], channel: str, number: int, text: str) -> None:
    board, acc = ready
    before, begun = len(board.log), board.now
    board.faults["error"] = (channel, number)
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
    with pytest.raises(DmaError, match="a batch of 20 images gave 12 words of results instead of 20:"):
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
    for _ in range(2):
        assert agree(acc.classify(draw(20)), draw(20), 90)
        assert board.batch_length == 20


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


def test_a_result_on_offer_at_the_reset_does_not_come_later(ready: tuple[FakeBoard, Accelerator]) -> None:
    """One waits for a writer that takes no more, and the reset alone would leave it there for the next batch."""
    board, acc = ready
    board.faults["hold_results"] = 2
    offered: list[bool] = []
    write = board.write_top

    def watch(offset: int, value: int) -> None:
        if offset == 0x0C and value & 1:
            offered.append(board.offered is not None)
        write(offset, value)

    board.write_top = watch
    with pytest.raises(DmaTimeout):
        acc.classify(draw(20))
    assert offered[0]
    after(board, acc)


def test_a_word_that_a_full_accelerator_was_offered_is_forgotten(ready: tuple[FakeBoard, Accelerator]) -> None:
    """The reader cannot end before it is taken; the reset lets it in, and another one forgets it."""
    board, acc = ready
    board.faults["hold_results"] = 2
    inside: list[tuple[bool, int]] = []
    write = board.write_top

    def watch(offset: int, value: int) -> None:
        if offset == 0x0C and value & 1:
            inside.append((board.dma.reader.busy, len(board.bytes_in)))
        write(offset, value)

    board.write_top = watch
    with pytest.raises(DmaTimeout):
        acc.classify(draw(20))
    assert inside == [(True, 0), (False, 4)]
    after(board, acc)


@pytest.mark.parametrize(("fault", "text"), [
    ("stuck_abort", "After that the DMA does not come to rest after an abort: load the bitstream again"),
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


@pytest.mark.parametrize("begins", ["before", "within"])
def test_a_memory_port_that_does_not_answer_is_told(ready: tuple[FakeBoard, Accelerator], begins: str) -> None:
    """No bitstream may be loaded then; what is not known to be over is tried again before the next batch."""
    board, acc = ready
    board.access_cycles = 2000
    if begins == "before":
        board.faults["dead"] = True
    else:
        board.faults["hold_results"] = 5
        step = board.step

        def late() -> None:
            if board.samples_out == 5:
                board.faults["dead"] = True
            step()

        board.step = late
    text = r"the memory port does not answer: the DMA's .* channel has waited \d+ cycles for it. Start the board anew .* load no bitstream"
    with pytest.raises(DmaTimeout, match=f"did not end within 10000 cycles.*After that {text}"):
        acc.classify(draw(50))
    with pytest.raises(DmaError, match=text):
        acc.classify(draw(3))
    assert board.dma.busy
    board.__dict__.pop("step", None)
    board.faults.clear()
    board.access_cycles = 20
    after(board, acc)


def test_memory_that_is_not_aligned_is_told(ready: tuple[FakeBoard, Accelerator]) -> None:
    board, acc = ready
    board.free += 32
    with pytest.raises(DmaError, match=r"send \(reader\) channel tells of an error: its start was refused: an address must be"):
        acc.classify(draw(3))


def test_closing_stops_what_is_underway_before_its_memory_goes(ready: tuple[FakeBoard, Accelerator]) -> None:
    """Ctrl-C, and again at once: nobody has stopped the DMA when the accelerator is closed."""
    board, acc = ready
    board.faults["hold_results"] = 0
    interrupted_twice(board, acc, 1)
    assert board.dma.busy
    assert board.buffers
    acc.close()
    assert not board.dma.busy
    assert board.buffers == []


def test_memory_is_not_given_back_while_it_may_be_written(ready: tuple[FakeBoard, Accelerator]) -> None:
    """A larger call after a recovery that failed recovers before it exchanges the buffers."""
    board, acc = ready
    board.faults |= {"hold_results": 0, "stuck_abort": True}
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
            seen.append(board.dma.reader.busy)
            super().pack(images, out)

    acc._transfer._packing = Watching(first.input)
    assert agree(acc.classify(images), images, 90)
    assert seen == [False, True]
