"""Images that come one after the other, and results while they come."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from offramp_driver import Accelerator, DmaTimeout, DriverError, InputError, Result
from tests.offramp_driver.fake_board import REST, FakeBoard, expected
from tests.offramp_driver.test_accelerator import agree, draw

Open = Callable[..., tuple[FakeBoard, Accelerator]]


def equal(found: list[Result], images: np.ndarray) -> bool:
    label, which, confidence = expected(images)
    assert all(type(value) is int for item in found for value in item)
    return [item[:3] for item in found] == list(zip(label.tolist(), which.tolist(), confidence.tolist(), strict=True))


def collect(stream: Iterator[Result], found: list[Result]) -> None:
    """Add to ``found`` until it ends or fails."""
    for result in stream:
        found.append(result)


@pytest.mark.parametrize("batch", [1, 3, 64])
@pytest.mark.parametrize("chunks", [[1] * 20, [7, 1, 0, 12], [20], [2, 3, 15], []])
def test_a_result_for_every_image_in_order(opened: Open, batch: int, chunks: list[int]) -> None:
    """However images come together, batches are as long as they may be."""
    board, acc = opened()
    images = draw(sum(chunks))
    ends = np.cumsum(chunks)
    frames = [images[end - size:end] if size != 1 else images[end - 1] for size, end in zip(chunks, ends, strict=True)]
    found = list(acc.stream(frames, batch=batch))
    assert equal(found, images)
    assert all(item.cycles is not None and item.cycles >= 20 for item in found)
    full, rest = divmod(len(images), batch)
    assert [item for item in board.log if item[0] == "send"] == [("send", 4 * batch)] * full + [("send", 4 * rest)] * (rest > 0)
    assert acc.status == REST


def test_it_takes_no_more_frames_than_it_says(opened: Open) -> None:
    _, acc = opened()
    taken = [0]

    def frames() -> Iterator[np.ndarray]:
        for image in draw(12):
            taken[0] += 1
            yield image

    seen = []
    for result in acc.stream(frames(), batch=2):
        seen.append((taken[0], result.label))
    assert [count for count, _ in seen] == [4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 12, 12]
    assert [label for _, label in seen] == expected(draw(12))[0].tolist()


def test_memory_of_a_frame_may_be_used_again(opened: Open) -> None:
    _, acc = opened()
    images, frame = draw(20), np.zeros((4, 4), np.uint8)

    def frames() -> Iterator[np.ndarray]:
        for image in images:
            frame[:] = image[..., 0]
            yield frame

    assert equal(list(acc.stream(frames(), batch=8)), images)


def test_the_next_batch_is_under_way_while_results_are_used(opened: Open) -> None:
    board, acc = opened()
    stream = acc.stream(draw(6), batch=2)
    busy = [board.dma.reader.busy for _ in stream]
    assert busy == [True, True, True, True, False, False]


@pytest.mark.parametrize("good", [0, 5, 8])
def test_what_the_frames_raise_comes_after_the_results_before(opened: Open, good: int) -> None:
    _, acc = opened()

    def frames() -> Iterator[Any]:
        yield from draw(good)
        raise OSError("the camera is gone")

    found: list[Result] = []
    with pytest.raises(OSError, match="the camera is gone"):
        collect(acc.stream(frames(), batch=4), found)
    assert equal(found, draw(good))
    found.clear()
    with pytest.raises(InputError, match=r"shape .* not \[3, 3\]"):
        collect(acc.stream([*draw(good), np.zeros((3, 3), np.uint8), *draw(3)], batch=4), found)
    assert equal(found, draw(good))
    assert acc.status == REST
    assert agree(acc.classify(draw(9)), draw(9))


@pytest.mark.parametrize("left", [1, 4, 9])
def test_left_early_it_is_stopped(opened: Open, left: int) -> None:
    board, acc = opened()
    stream = acc.stream(draw(12), batch=4)
    assert equal([next(stream) for _ in range(left)], draw(12)[:left])
    stream.close()
    assert not board.dma.busy
    assert acc.status == REST
    assert agree(acc.classify(draw(9)), draw(9))


@pytest.mark.parametrize("other", ["classify", "benchmark", "reset", "stream", "grow"])
def test_another_call_ends_it(opened: Open, other: str) -> None:
    """Its own results are right, and the stream gives none of theirs."""
    board, acc = opened()
    stream = acc.stream(draw(12), batch=4)
    assert equal([next(stream) for _ in range(2)], draw(12)[:2])
    images = draw(100 if other == "grow" else 7, seed=3)
    if other in ("classify", "grow"):
        assert agree(acc.classify(images), images)
    elif other == "benchmark":
        assert acc.benchmark(images, repeat=1)["images"] == 7
    elif other == "stream":
        assert equal(list(acc.stream(images)), images)
    else:
        acc.reset()
    assert equal([next(stream) for _ in range(2)], draw(12)[2:4])  # these had come
    with pytest.raises(DriverError, match="images of this stream that were inside were forgotten: another call"):
        next(stream)
    assert not board.dma.busy
    assert agree(acc.classify(images), images)


def test_what_makes_the_frames_may_not_send_images_itself(opened: Open) -> None:
    _, acc = opened()

    def frames() -> Iterator[np.ndarray]:
        for image in draw(9):
            yield image
            acc.classify(draw(80))

    with pytest.raises(DriverError, match="images of this stream that were inside were forgotten"):
        list(acc.stream(frames(), batch=2))
    assert agree(acc.classify(draw(9)), draw(9))


def test_closed_while_it_waits(opened: Open) -> None:
    board, acc = opened()
    stream = acc.stream(draw(12), batch=4)
    later = acc.stream(draw(12), batch=4)
    next(stream)
    assert board.dma.busy
    acc.close()
    assert not board.dma.busy
    assert board.buffers == []
    assert equal([next(stream) for _ in range(3)], draw(12)[1:4])
    with pytest.raises(DriverError, match="were forgotten"):
        next(stream)
    for use in (lambda: next(later), lambda: acc.stream([])):
        with pytest.raises(DriverError, match="this Accelerator is closed"):
            use()


def test_ctrl_c_while_a_frame_is_waited_for(opened: Open) -> None:
    board, acc = opened()

    def frames() -> Iterator[np.ndarray]:
        yield from draw(6)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(acc.stream(frames(), batch=2))
    assert not board.dma.busy
    assert acc.status == REST
    assert agree(acc.classify(draw(9)), draw(9))


def test_a_batch_that_does_not_end_is_a_timeout(opened: Open) -> None:
    board, acc = opened(open={"timeout": 1e-4})
    found: list[Result] = []
    board.faults["hold_results"] = 5
    with pytest.raises(DmaTimeout, match="a batch of 4 images did not end"):
        collect(acc.stream(draw(12), batch=4), found)
    assert equal(found, draw(12)[:4])
    assert equal(list(acc.stream(draw(12), batch=4)), draw(12))


def test_batches_are_no_larger_than_a_buffer(opened: Open) -> None:
    board, acc = opened(open={"buffer_bytes": 5 * 16})
    assert equal(list(acc.stream(draw(12))), draw(12))
    assert {item for item in board.log if item[0] == "send"} == {("send", 20), ("send", 8)}
    with pytest.raises(InputError, match="batch must be at least 1, not 0"):
        acc.stream(draw(1), batch=0)
