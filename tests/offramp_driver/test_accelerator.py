"""The accelerator as one object: opening, classifying, registers, closing."""

import hashlib
import pydoc
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import offramp_driver
from offramp_driver import Accelerator, DriverError, InputError, ManifestError, MismatchError
from tests.offramp_driver.fake_board import BUILD, MEMORY, REST, FakeBoard, anytime, expected, manifest, write_package

Open = Callable[..., tuple[FakeBoard, Accelerator]]


def draw(count: int, seed: int = 0) -> np.ndarray:
    """Images of which about half are easy, with a threshold of 128."""
    rng = np.random.default_rng(seed)
    return (rng.integers(0, 256, (count, 4, 4, 1)) * rng.choice([1.0, 0.4], (count, 1, 1, 1))).astype(np.uint8)


def agree(results: Any, images: np.ndarray, thresholds: int | list[int] = 128) -> bool:
    label, which, confidence = expected(images, thresholds)
    assert results.label.dtype == results.exit.dtype == results.confidence.dtype == np.int64
    return bool((results.label == label).all() and (results.exit == which).all() and (results.confidence == confidence).all())


@pytest.mark.parametrize("count", [1, 2, 15, 16, 17, 200])
def test_results_are_in_the_order_of_the_images(opened: Open, count: int) -> None:
    """More images than ids, and easy ones overtake hard ones."""
    _, acc = opened()
    images = draw(count)
    results = acc.classify(images)
    assert agree(results, images)
    assert len(results) == count
    assert results.cycles is not None
    assert (results.cycles >= 20).all()
    if count > 10:
        assert set(results.exit) == {0, 1}


def test_many_batches_of_what_the_buffers_hold(opened: Open) -> None:
    board, acc = opened(open={"buffer_bytes": 7 * 16 + 3})
    images = draw(40)
    assert agree(acc.classify(images), images)
    assert [item for item in board.log if item[0] == "send"] == [("send", 28)] * 5 + [("send", 20)]
    assert [item for item in board.log if item[0] == "batch length"] == [("batch length", 7), ("batch length", 5)]
    assert agree(acc.classify(images[:5]), images[:5])
    assert [item for item in board.log if item[0] == "batch length"][2:] == []  # it was 5 already


def test_the_length_register_limits_a_batch(opened: Open) -> None:
    board, acc = opened(dma={**manifest()["dma"], "length_bits": 5})
    images = draw(17)
    assert agree(acc.classify(images), images)
    assert {item for item in board.log if item[0] in ("send", "receive")} == {("send", 28), ("receive", 7), ("send", 12), ("receive", 3)}


def test_the_length_register_limits_the_results_of_a_batch(opened: Open) -> None:
    """Of images of a word with two answers each: 31 words would be 31 images, but have room for the answers of 15."""
    shape = {**manifest()["input"], "height": 2, "width": 2, "words": 1}
    board, acc = opened(dma={**manifest()["dma"], "length_bits": 5}, input=shape, **anytime())
    images = draw(40)[:, :2, :2]
    assert agree(acc.classify(images), images)
    assert {item for item in board.log if item[0] in ("send", "receive")} == {("send", 15), ("receive", 30), ("send", 10), ("receive", 20)}


def test_an_image_larger_than_a_buffer_goes_alone(opened: Open) -> None:
    board, acc = opened(open={"buffer_bytes": 1})
    images = draw(3)
    assert agree(acc.classify(images), images)
    assert sum(item[0] == "send" for item in board.log) == 3


def test_both_channels_are_prepared_before_any_image_goes(opened: Open) -> None:
    board, acc = opened()
    acc.classify(draw(3))
    assert [item[0] for item in board.log if item[0] in ("batch length", "prepare", "receive", "send")] == [
        "prepare", "prepare", "batch length", "send", "receive"]


@pytest.mark.parametrize("shape", [(3, 4, 4, 1), (3, 4, 4), (4, 4, 1), (4, 4)])
def test_every_shape_that_is_taken(opened: Open, shape: tuple[int, ...]) -> None:
    _, acc = opened()
    images = draw(3)[: 3 if shape[0] == 3 else 1].reshape(shape)
    results = acc.classify(images)
    assert len(results) == (3 if shape[0] == 3 else 1)
    assert agree(results, images.reshape(-1, 4, 4, 1))


def test_no_images_give_no_results(opened: Open) -> None:
    board, acc = opened()
    before = list(board.log)
    for results in (acc.classify(np.zeros((0, 4, 4, 1), np.uint8)), acc.classify(np.zeros((0, 4, 4), np.uint8))):
        assert len(results) == len(results.exit) == len(results.confidence) == 0
        assert results.label.dtype == np.int64
        assert results.cycles is not None
    assert board.log == before


def test_words_of_32_bits_have_no_cycles(opened: Open) -> None:
    fields = [field for field in manifest()["result"]["fields"] if field["name"] != "cycles"]
    _, acc = opened(result={"bits": 32, "fields": fields})
    images = draw(20)
    results = acc.classify(images)
    assert agree(results, images)
    assert results.cycles is None
    assert acc.classify(images[:0]).cycles is None


@pytest.mark.parametrize(("images", "message"), [
    (np.zeros((2, 5, 4, 1), np.uint8), r"shape \[n, 4, 4, 1\] or \[n, 4, 4\], or that of one image, not \[2, 5, 4, 1\]"),
    (np.zeros(16, np.uint8), r"not \[16\]"),
    (np.zeros((2, 4, 4, 1), np.float32), "must be uint8, not float32; pixels go in as they are"),
    (np.zeros((2, 4, 4, 1), np.int64), "must be uint8, not int64$"),
    (np.zeros((2, 4, 4, 1), np.int8), "must be uint8, not int8"),
])
def test_other_images_are_refused_and_nothing_is_sent(opened: Open, images: np.ndarray, message: str) -> None:
    board, acc = opened()
    before = list(board.log)
    for call in (acc.classify, acc.benchmark):
        with pytest.raises(InputError, match=message):
            call(images)
    assert board.log == before


def test_opening_loads_resets_and_keeps_what_was_set(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    board, acc = opened()
    assert board.log == [("clock", 100.0), ("download", "toy.bit"), "abort", "soft reset"]
    acc.thresholds[0] = 50
    acc.close()
    _, again = opened(board, open={"download": False})
    assert board.log[4:] == ["abort", "soft reset"]
    assert again.thresholds[0] == 50
    images = draw(30)
    assert agree(again.classify(images), images, 50)


def test_what_a_killed_program_left_inside_is_forgotten(opened: Open) -> None:
    board, first = opened()
    first.classify(draw(3))
    board.batch_length = 5
    board.push(draw(1).tobytes())
    board.push(b"half")
    board.dma.write(0x40, MEMORY)
    board.dma.write(0x44, 400)
    board.dma.write(0x0C, 1)
    for _ in range(500):
        board.step()
    assert board.read_top(0x10) & 1
    assert board.offered is not None  # to a writer that takes none
    assert board.dma.offer is not None  # to an accelerator that is full
    _, acc = opened(board, open={"download": False})
    assert acc.status == REST
    images = draw(20)
    assert agree(acc.classify(images), images)


@pytest.mark.parametrize(("offset", "value", "message"), [
    (0x00, 0, "no offramp accelerator at 0x43c00000: ID reads 0x00000000, not 0x4f465250"),
    (0x04, 2, "knows version 1 of the registers; the accelerator has 2"),
    (0x08, 0x99, "another bitstream is loaded: BUILD reads 0x00000099, and toy has 0x1a2b3c4d"),
    (0x18, 3, "EXITS reads 3, and the manifest of toy says 2"),
    (0x1C, 10, "CLASSES reads 10"),
    (0x20, 1, "STREAMS reads 1"),
    (0x24, 0, "GATES reads 0"),
])
def test_another_accelerator_is_refused(opened: Open, offset: int, value: int, message: str) -> None:
    board = FakeBoard()
    board.faults["bad"] = {offset: value}
    with pytest.raises(MismatchError, match=message):
        opened(board)
    assert board.log == [("clock", 100.0), ("download", "toy.bit")]


@pytest.mark.parametrize(("offset", "value", "message"), [
    (0x00, 0x10002, "no memory reader and writer of offramp at 0x40400000: ID reads 0x00010002, not 0x4f465244"),
    (0x04, 3, "knows version 1 of the registers of memory reader and writer, and they have 3"),
    (0x08, 0x4040, "BUS tells of words of 64 bits in and 64 out, and the manifest of toy says 32 and 64"),
    (0x08, 0x2020, "32 bits in and 32 out"),
    (0x10, 4, "the accelerator is held in reset"),
])
def test_another_reader_and_writer_are_refused(opened: Open, offset: int, value: int, message: str) -> None:
    board = FakeBoard()
    board.faults["bad_dma"] = {offset: value}
    with pytest.raises(MismatchError, match=message):
        opened(board)
    assert board.log == [("clock", 100.0), ("download", "toy.bit")]


def test_a_package_without_a_hwh_is_whole(opened: Open) -> None:
    """Addresses come out of the manifest."""
    _, acc = opened(files={"toy.bit": hashlib.sha256(b"configuration").hexdigest()})
    assert agree(acc.classify(draw(5)), draw(5))


def test_nothing_is_loaded_before_the_package_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    board = FakeBoard()
    monkeypatch.setitem(sys.modules, "pynq", board.pynq)
    bit = write_package(tmp_path)
    bit.write_bytes(b"damaged")
    with pytest.raises(ManifestError, match=r"toy.bit is not the file"):
        Accelerator(bit)
    write_package(tmp_path, register_map=2)
    with pytest.raises(MismatchError, match="version 2 of the registers, and this driver knows 1"):
        Accelerator(bit)
    write_package(tmp_path, dma={**manifest()["dma"], "register_map": 2})
    with pytest.raises(MismatchError, match="version 2 of the registers of memory reader and writer, and this driver knows 1"):
        Accelerator(bit)
    write_package(tmp_path, dma={**manifest()["dma"], "length_bits": 2})
    with pytest.raises(ManifestError, match="an image of 4 words in and 1 out is more than the DMA carries at once, 3"):
        Accelerator(bit)
    with pytest.raises(InputError, match="timeout must be more than 0 seconds, not 0"):
        Accelerator(bit, timeout=0)
    assert board.log == []


def test_counters_status_and_reset(opened: Open) -> None:
    board, acc = opened()
    acc.thresholds[0] = 77
    images = draw(30)
    results = acc.classify(images)
    found = acc.counters
    assert (found["samples_in"], found["samples_out"]) == (30, 30)
    assert found["exits"] == [int((results.exit == k).sum()) for k in (0, 1)]
    assert found["gates"] == [3]
    assert found["streams"]["gate0"] == {"stall": 8, "occupancy": 12}
    assert list(found["streams"]) == ["input", "gate0", "exit0", "exit1", "output"]
    assert found["cycles"] > 30 * 20
    acc.clear_counters()
    assert acc.counters["samples_in"] == 0
    board.faults["hold_results"] = 0
    board.push(images[0].tobytes())
    assert acc.status == {**REST, "busy": True, "in_flight": 1}
    acc.reset()
    assert acc.status == REST
    assert acc.thresholds[0] == 77


def test_thresholds_enables_and_modes_decide(opened: Open) -> None:
    _, acc = opened()
    images = draw(25)
    acc.thresholds[0] = 60
    assert agree(acc.classify(images), images, 60)
    acc.enabled[0] = False
    assert set(acc.classify(images).exit) == {1}
    acc.enabled[0] = True
    acc.modes[0] = "all"
    assert set(acc.classify(images).exit) == {0}
    acc.modes[0] = "none"
    assert set(acc.classify(images).exit) == {1}
    acc.modes[0] = "policy"
    acc.thresholds.restore()
    assert agree(acc.classify(images), images, 128)


def test_closing_gives_the_memory_back(opened: Open) -> None:
    board, acc = opened()
    with acc as same:
        assert same is acc
        acc.classify(draw(5))
        assert len(board.buffers) == 3
    assert board.buffers == []
    acc.close()
    assert "closed" in repr(acc)
    for use in (lambda: acc.classify(draw(1)), lambda: acc.thresholds, lambda: acc.counters, acc.reset, acc.__enter__, acc.clear_counters,
                lambda: acc.status, lambda: acc.benchmark(draw(1)), lambda: acc.enabled, lambda: acc.modes):
        with pytest.raises(DriverError, match="this Accelerator is closed: open another"):
            use()


def test_no_memory_is_told(opened: Open) -> None:
    board, acc = opened()
    board.no_memory = True
    with pytest.raises(DriverError, match=r"no contiguous memory for 128 bytes.*smaller buffer_bytes \(Failed to allocate Memory!\)"):
        acc.classify(draw(7))
    board.no_memory = False
    assert agree(acc.classify(draw(7)), draw(7))


def test_buffers_are_as_large_as_is_needed_and_grow(opened: Open) -> None:
    board, acc = opened()
    acc.classify(draw(1))
    first = list(board.buffers)
    acc.classify(draw(1))
    assert board.buffers == first
    acc.classify(draw(100))
    assert len(board.buffers) == 3
    assert not set(first) & set(board.buffers)


def test_benchmark_counts_what_happened(opened: Open) -> None:
    board, acc = opened(open={"buffer_bytes": 64 * 16})
    images = draw(100)
    found = acc.benchmark(images, repeat=2)
    assert (found["images"], found["repeat"], found["batch"], found["clock_mhz"]) == (100, 2, 64, 100.0)
    assert found["samples_per_second"] == pytest.approx(100 / found["seconds"])
    assert found["packing_s"] + found["dma_s"] + found["unpacking_s"] <= found["seconds"]
    assert min(found["packing_s"], found["dma_s"], found["unpacking_s"]) > 0
    hard = (expected(images)[1] == 1).mean()
    assert found["exits"] == pytest.approx([1 - hard, hard])
    # The second stage takes 60 cycles for each hard image of the batch; looking at registers costs a little.
    least = 60 * (expected(images[:64])[1] == 1).mean()
    assert least < found["cycles_per_sample"] < 1.3 * least + 5
    assert found["accelerator_samples_per_second"] == pytest.approx(100e6 / found["cycles_per_sample"])
    assert sum(item[0] == "send" for item in board.log) == 1 + 2 * 2
    with pytest.raises(InputError, match="repeat must be at least 1, not 0"):
        acc.benchmark(images, repeat=0)
    with pytest.raises(InputError, match="images must be at least one"):
        acc.benchmark(images[:0])


def test_a_batch_that_has_ended_at_the_first_look_took_time_too(opened: Open) -> None:
    board, acc = opened()
    acc.classify(draw(1))
    board.access_cycles = 2000
    assert acc.benchmark(draw(1), repeat=1)["cycles_per_sample"] >= 2000


def test_help_teaches() -> None:
    text = pydoc.plain(pydoc.render_doc(Accelerator))
    for part in ("with Accelerator(", "classify(images)", "set_real(0, 0.9)", "download", "timeout", "buffer_bytes", "MismatchError",
                 "stream(camera)"):
        assert part in text
    for name, member in vars(Accelerator).items():
        assert name.startswith("_") or member.__doc__, name
    assert "Accelerator" in (offramp_driver.__doc__ or "")


def test_it_tells_what_it_is(opened: Open) -> None:
    _, acc = opened()
    assert repr(acc) == "<Accelerator toy: 4 x 4 x 1 uint8 into 5 classes, 2 exits (max_logit, always), 100 MHz>"
    assert (acc.input_shape, acc.input_dtype) == ((4, 4, 1), np.uint8)
    assert acc.manifest.build == BUILD
