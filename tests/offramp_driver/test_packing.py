"""Images into bus words, result words into columns."""

import dataclasses
import time

import numpy as np
import pytest

from hw.exits.result_word import result_word
from offramp_driver import DriverError, InputError
from offramp_driver.manifest import Field, Input, Scale
from offramp_driver.packing import Packing, Unpacking
from quant_models.datasets.base import ChannelScale
from sim import result_word as reference


def entry(height: int = 4, width: int = 4, channels: int = 1, bits: int = 8, signed: bool = False, bus_bits: int = 32) -> Input:
    words = -(-height * width * channels * 8 // bus_bits)
    return Input(height=height, width=width, channels=channels, bits=bits, signed=signed, bus_bits=bus_bits, words=words)


def unpacking(*, bits: int = 64, order: str = "arrival", in_flight: int = 16, classes: int = 10) -> Unpacking:
    layout = result_word(bits=bits, classes=classes, exits=2, max_in_flight=in_flight)
    return Unpacking(bits, tuple(Field(item.name, item.offset, item.width, item.signed) for item in layout.fields), order)


def words(unpack: Unpacking, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Result words of these columns, put together one by one."""
    count = len(columns["id"])
    return np.array([sum((int(columns[field.name][i]) & ((1 << field.width) - 1)) << field.offset for field in unpack.fields)
                     for i in range(count)], unpack.dtype)


@pytest.mark.parametrize("bus_bits", [8, 16, 24, 32, 64, 128])
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 3, 1), (4, 4, 1), (5, 3, 3)])
def test_every_image_begins_on_a_word_with_its_first_value_lowest(size: tuple[int, int, int], bus_bits: int) -> None:
    height, width, channels = size
    packing = Packing(entry(height, width, channels, bus_bits=bus_bits))
    images = np.random.default_rng(0).integers(0, 256, (6, *size), np.uint8)
    out = np.full(6 * packing.image_bytes + 5, 0xEE, np.uint8)
    packing.pack(packing.batch(images), out)
    step = bus_bits // 8
    assert packing.image_bytes == -(-height * width * channels // step) * step
    for k, image in enumerate(images):
        row = bytes(out[k * packing.image_bytes:(k + 1) * packing.image_bytes])
        values = [int(image[y, x, c]) for y in range(height) for x in range(width) for c in range(channels)]
        whole = int.from_bytes(row, "little")
        assert [whole >> 8 * i & 0xFF for i in range(len(values))] == values
        assert whole >> 8 * len(values) == 0
    assert set(out[6 * packing.image_bytes:]) == {0xEE}


def test_images_may_lie_anyhow_in_memory() -> None:
    packing = Packing(entry(4, 5, 3))
    images = np.random.default_rng(1).integers(0, 256, (7, 3, 5, 4), np.uint8).transpose(0, 3, 2, 1)[::2]
    out, plain = (np.zeros(4 * packing.image_bytes, np.uint8) for _ in range(2))
    packing.pack(packing.batch(images), out)
    packing.pack(packing.batch(np.ascontiguousarray(images)), plain)
    assert (out == plain).all()
    assert out.any()


def test_nothing_is_copied_that_need_not_be() -> None:
    images = np.zeros((3, 4, 4), np.uint8)
    assert np.shares_memory(Packing(entry()).batch(images), images)


def test_signed_images_are_int8() -> None:
    packing = Packing(entry(signed=True))
    images = np.arange(-8, 8, dtype=np.int8).reshape(1, 4, 4, 1)
    out = np.zeros(16, np.uint8)
    packing.pack(packing.batch(images), out)
    assert list(out) == [value & 0xFF for value in range(-8, 8)]
    with pytest.raises(InputError, match="images must be int8, not uint8"):
        packing.batch(images.view(np.uint8))


@pytest.mark.parametrize(("bits", "signed", "good", "bad", "text"), [
    (4, False, [0, 15], 16, "from 0 to 15, not 16"), (4, True, [-8, 7], 8, "from -8 to 7, not 8"),
    (4, True, [-8, 7], -9, "from -8 to 7, not -9"), (1, False, [0, 1], 2, "from 0 to 1, not 2"),
])
def test_values_beyond_the_networks_input_are_refused(bits: int, signed: bool, good: list[int], bad: int, text: str) -> None:
    packing = Packing(entry(bits=bits, signed=signed))
    for values in (good, [*good, bad]):
        images = np.resize(np.array(values, packing.dtype), (2, 4, 4, 1))
        if bad not in values:
            packing.batch(images)
            continue
        with pytest.raises(InputError, match=f"images must hold values {text}"):
            packing.batch(images)


def windows(time: int = 6, channels: int = 3) -> tuple[Packing, ChannelScale]:
    low, step = (-2.0, 0.125, 1000.0)[:channels], (0.03, 1e-3, 7.5)[:channels]
    shape = entry(time, 1, channels)
    return Packing(dataclasses.replace(shape, scale=Scale(low, step))), ChannelScale(low=low, step=step)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("channels", [1, 3])
def test_windows_are_scaled_as_the_data_set_was(channels: int, dtype: type) -> None:
    """Values beyond the range, and those half way between two integers, too."""
    packing, scale = windows(channels=channels)
    steps = np.random.default_rng(6).integers(-40, 600, (50, 6, channels)) / 2
    values = (np.array(scale.low) + steps * np.array(scale.step)).astype(dtype)
    wanted = scale.integers(values)
    assert wanted.min() == 0
    assert wanted.max() == 255
    for given in (values, values[:, :, np.newaxis], values.tolist() if dtype == np.float64 else values):
        found = packing.batch(given)
        assert found.dtype == np.uint8
        assert (found == wanted[:, :, np.newaxis]).all()
    for one in (values[0], values[0][:, np.newaxis]):
        assert (packing.batch(one) == wanted[:1, :, np.newaxis]).all()


def test_windows_of_integers_pass_as_they_are() -> None:
    packing, _ = windows()
    ready = np.random.default_rng(7).integers(0, 256, (9, 6, 3), np.uint8)
    for given in (ready, ready[:, :, np.newaxis]):
        assert (packing.batch(given) == ready[:, :, np.newaxis]).all()
        assert np.shares_memory(packing.batch(given), ready)
    assert packing.batch(ready[:0]).shape == packing.batch(np.zeros((0, 6, 1, 3))).shape == (0, 6, 1, 3)


@pytest.mark.parametrize(("values", "message"), [
    (np.full((2, 6, 3), np.nan), "windows must hold numbers, not NaN or infinity"),
    (np.full((2, 6, 3), -np.inf), "windows must hold numbers"),
    (np.zeros((2, 6, 3), np.int16), "windows must be real numbers as the sensor gives them, or uint8 scaled already, not int16"),
    (np.zeros((2, 6, 4)), r"shape \[n, 6, 1, 3\] or \[n, 6, 3\], or that of one image, not \[2, 6, 4\]"),
    (np.zeros((2, 6)), r"not \[2, 6\]"),
])
def test_other_windows_are_refused(values: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        windows()[0].batch(values)


def test_images_without_a_scale_have_no_shape_without_a_width() -> None:
    with pytest.raises(InputError, match=r"\[n, 6, 1, 3\], or that of one image, not \[2, 6, 3\]"):
        Packing(entry(6, 1, 3)).batch(np.zeros((2, 6, 3), np.uint8))


@pytest.mark.parametrize("bits", [32, 64])
def test_columns_are_what_the_simulation_reads(bits: int) -> None:
    layout = result_word(bits=bits, classes=10, exits=2, max_in_flight=16)
    raw = np.random.default_rng(2).integers(0, 1 << bits, 500, np.uint64)
    unpack = unpacking(bits=bits)
    found = unpack.columns(raw.astype(unpack.dtype))
    wanted = reference.unpack(raw.tolist(), layout)
    assert set(found) == set(wanted)
    for name in wanted:
        assert found[name].dtype == np.int64
        assert (found[name] == wanted[name]).all()
    assert (found["confidence"] < 0).any()


@pytest.mark.parametrize("count", [1, 255, 256, 257, 1000])
def test_results_go_to_their_images_where_ids_come_round(count: int) -> None:
    """Eight bits of id; within one id the order of results is the order of images."""
    unpack = unpacking(bits=32)
    rng = np.random.default_rng(3)
    waiting, order = list(np.argsort(np.arange(count) + rng.uniform(0, 200, count))), []
    while waiting:  # as they would come, but that no image passes the one that had its id before
        order.append(next(i for i in waiting if i - 256 not in waiting))
        waiting.remove(order[-1])
    columns = {"id": np.array(order) % 256, "label": np.array(order) % 10, "exit": np.array(order) % 2,
               "confidence": np.array(order) - 500}
    found = unpack.unpack(words(unpack, columns))
    assert list(found["confidence"]) == [k - 500 for k in range(count)]
    assert list(found["label"]) == [k % 10 for k in range(count)]
    assert "id" not in found


@pytest.mark.parametrize("order", ["arrival", "input"])
@pytest.mark.parametrize("ids", [[0, 1, 1, 3], [0, 1, 2, 4], [1, 2, 3, 4], [0, 0, 0, 0]])
def test_ids_that_are_not_those_of_a_batch_are_told(order: str, ids: list[int]) -> None:
    unpack = unpacking(order=order)
    columns = {field.name: np.array(ids) if field.name == "id" else np.zeros(4, int) for field in unpack.fields}
    with pytest.raises(DriverError, match="results of a batch of 4 images were lost, doubled or mixed up"):
        unpack.unpack(words(unpack, columns))


def test_results_in_input_order_must_be_in_order() -> None:
    unpack = unpacking(order="input")
    columns = {field.name: np.arange(4) % 2 if field.name == "exit" else np.arange(4) for field in unpack.fields}
    assert list(unpack.unpack(words(unpack, columns))["label"]) == [0, 1, 2, 3]
    swapped = {name: values[[1, 0, 2, 3]] for name, values in columns.items()}
    with pytest.raises(DriverError, match="2 of the ids are wrong, the first where image 0"):
        unpack.unpack(words(unpack, swapped))


def test_ten_thousand_b_lenet_images_take_less_than_a_fifth_of_a_second() -> None:
    packing, unpack = Packing(entry(28, 28, 1)), unpacking()
    rng = np.random.default_rng(5)
    images = rng.integers(0, 256, (10_000, 28, 28, 1), np.uint8)
    out = np.zeros(10_000 * packing.image_bytes, np.uint8)
    arrived = np.argsort(np.arange(10_000) + rng.uniform(0, 14, 10_000), kind="stable").astype(np.uint64)
    best = min(_timed(packing, unpack, images, out, arrived) for _ in range(3))
    assert best < 0.2


def _timed(packing: Packing, unpack: Unpacking, images: np.ndarray, out: np.ndarray, arrived: np.ndarray) -> float:
    begun = time.perf_counter()
    packing.pack(packing.batch(images), out)
    unpack.unpack(arrived)
    return time.perf_counter() - begun
