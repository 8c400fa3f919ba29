"""Networks whose exits all answer, on the board."""

from collections.abc import Callable

import numpy as np
import pytest

from offramp_driver import Accelerator, DmaError, DriverError
from offramp_driver.transfer import Timing
from tests.offramp_driver.fake_board import REST, FakeBoard, anytime
from tests.offramp_driver.test_accelerator import agree, draw

Open = Callable[..., tuple[FakeBoard, Accelerator]]


@pytest.mark.parametrize("count", [1, 2, 16, 17, 150])
@pytest.mark.parametrize("bits", [64, 32])
def test_every_exit_answers(opened: Open, count: int, bits: int) -> None:
    board, acc = opened(open={"buffer_bytes": 64 * 16}, **anytime(bits))
    images = draw(count)
    results = acc.classify(images)
    assert agree(results, images)
    flat = images.reshape(count, -1).astype(int)
    hard = results.exit == 1
    assert results.answers is not None
    assert (results.answers.label == np.stack([flat.sum(1) % 5, np.where(hard, flat.sum(1) % 5, -1)], 1)).all()
    assert (results.answers.confidence == np.stack([flat.max(1), np.where(hard, flat[:, 0] - 100, 0)], 1)).all()
    if bits == 32:
        assert results.cycles is results.answers.cycles is None
    else:
        cycles = results.answers.cycles
        assert cycles is not None
        assert (cycles[np.arange(count), results.exit] == results.cycles).all()
        assert (cycles[~hard, 1] == 0).all()
        assert (cycles[hard, 0] < cycles[hard, 1]).all()
    assert next(item for item in board.log if item[0] == "receive") == ("receive", 2 * min(count, 64))
    assert board.samples_out == count
    assert acc.status == REST


def test_no_images_and_a_network_with_one_answer(opened: Open) -> None:
    _, acc = opened(**anytime())
    none = acc.classify(draw(0)).answers
    assert none is not None
    assert none.label.shape == none.confidence.shape == (0, 2)
    _, acc = opened()
    assert acc.classify(draw(3)).answers is None


def test_buffers_hold_the_answers_of_all_exits(opened: Open) -> None:
    """Every image goes through the whole network: the last words lie at the end of the buffer."""
    board, acc = opened(**anytime())
    acc.modes[0] = "none"
    images = draw(64)
    results = acc.classify(images)
    assert set(results.exit) == {1}
    assert board.held[-1].nbytes == 64 * 2 * 8


@pytest.mark.parametrize(("count", "fault", "value", "kind", "text"), [
    (20, "wrong_id", 3, DriverError, "results of a batch of .* were lost, doubled or mixed up"),
    (20, "short", 18, DriverError, "results of a batch of .* were lost, doubled or mixed up"),
    (10, "short", 1, DmaError, r"a batch of 10 images gave \d words of results instead of 10 to 20:"),
])
def test_words_that_are_lost_or_of_another_image_are_told(opened: Open, count: int, fault: str, value: int, kind: type[Exception],
                                                          text: str) -> None:
    board, acc = opened(open={"timeout": 1e-4}, **anytime())
    acc.modes[0] = "none"
    board.faults[fault] = value
    with pytest.raises(kind, match=text):
        acc.classify(draw(count))
    acc.modes[0] = "policy"
    assert agree(acc.classify(draw(20)), draw(20))


def test_as_many_final_words_come_as_images_went(opened: Open) -> None:
    """Words enough, and each of an image whose answers are whole, but of one image fewer."""
    _, acc = opened(**anytime())
    final = 1 << 63
    words = np.array([0, 1, 0 | 1 << 7 | final, 1 | 1 << 7 | final], np.uint64)
    assert acc._transfer is not None
    assert len(acc._transfer._unpack(words, 2, Timing())["label"]) == 2
    with pytest.raises(DriverError, match="results of a batch of 3 images were lost, doubled or mixed up: 2 are final"):
        acc._transfer._unpack(words, 3, Timing())


def test_a_stream_gives_final_results(opened: Open) -> None:
    _, acc = opened(**anytime())
    images = draw(30)
    found = list(acc.stream(images, batch=7))
    wanted = acc.classify(images)
    assert [item.label for item in found] == wanted.label.tolist()
    assert [item.exit for item in found] == wanted.exit.tolist()
