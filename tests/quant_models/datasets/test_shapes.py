"""Arrays that are something else than they should be: told with what makes them right, and what is told does make them right."""

import numpy as np
import pytest

from quant_models.datasets.base import Dataset, checked
from quant_models.datasets.samples import as_samples
from quant_models.datasets.sensors import load_sensors
from quant_models.datasets.shapes import check_images, check_windows, label_advice, layout_advice, pixel_advice, turned
from quant_models.errors import QuantModelError

N = 6
Y = np.arange(N) % 3


def images(x: np.ndarray, y: np.ndarray = Y) -> Dataset:
    return checked("mine", "a.npz", {"x_train": x, "y_train": y, "x_test": x, "y_test": y})


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 28, 28), (4, 24, 32), (3, 12, 40), (1, 8, 8), (2, 9, 5)])
def test_channels_first_are_refused_with_the_transpose(shape: tuple[int, int, int]) -> None:
    x = np.zeros((N, *shape), np.uint8)
    told = rf"read as {shape[0]} high, {shape[1]} wide and {shape[2]} channels, but its channels seem to come first; allowed: \[n, height, "
    with pytest.raises(QuantModelError, match=told) as error:
        images(x)
    assert "np.transpose(x, (0, 2, 3, 1))" in str(error.value)
    assert images(np.transpose(x, (0, 2, 3, 1))).shape == (shape[1], shape[2], shape[0])
    # The way out of images that are as low as that.
    assert images(np.transpose(x, (0, 2, 1, 3))).shape == (shape[1], shape[0], shape[2])


@pytest.mark.parametrize("shape", [(32, 32, 3), (28, 28, 1), (4, 32, 1), (2, 2, 3), (1, 1, 64), (1, 128, 9), (128, 1, 9), (9, 9, 12)])
def test_plausible_images_are_taken(shape: tuple[int, int, int]) -> None:
    check_images("a.npz", "x_train", (N, *shape))


@pytest.mark.parametrize("shape", [(9, 128), (3, 50), (6, 32), (1, 128), (22, 1000)])
def test_windows_with_channels_first_are_refused(shape: tuple[int, int], tmp_path) -> None:
    x = np.random.default_rng(0).normal(size=(N, *shape))
    np.savez(tmp_path / "w.npz", x_train=x, y_train=Y, x_test=x, y_test=Y)
    told = rf"x_train is \[6, {shape[0]}, {shape[1]}\], read as {shape[0]} times of {shape[1]} channels, but its channels seem to come"
    with pytest.raises(QuantModelError, match=told) as error:
        load_sensors(tmp_path / "w.npz")
    assert "np.transpose(x, (0, 2, 1))" in str(error.value)


@pytest.mark.parametrize("shape", [(128, 9), (50, 3), (1, 1), (7, 3), (20, 40), (64, 64), (8, 12)])
def test_plausible_windows_are_taken(shape: tuple[int, int]) -> None:
    check_windows("a.npz", "x_train", (N, *shape))


@pytest.mark.parametrize(
    ("x", "way"),
    [
        (np.linspace(0, 1, 8), "np.round(x * 255).astype(np.uint8)"),
        (np.linspace(-1, 1, 8), "np.round((x + 1) * 127.5).astype(np.uint8)"),
        (np.linspace(0, 255, 8), "np.round(x).astype(np.uint8)"),
        (np.arange(0, 256, 5), "x.astype(np.uint8)"),
        (np.array([0, 65535], np.uint16), "(x >> 8).astype(np.uint8)"),
        (np.array([True, False]), "x.astype(np.uint8) * 255"),
    ],
)
def test_what_is_told_of_pixels_makes_them_uint8(x: np.ndarray, way: str) -> None:
    assert f"{way} makes it so" in pixel_advice(x)
    made = eval(way, {"np": np, "x": x})
    assert (made.dtype, made.min()) == (np.uint8, 0)
    assert made.max() >= 254 or x.max() <= made.max()


def test_pixels_of_no_known_range_are_told_what_to_bring_them_to() -> None:
    assert pixel_advice(np.array([-3.0, 900.0])).startswith("; its values are -3 to 900: bring them to 0 to 255 (sensor windows")
    assert pixel_advice(np.array([np.nan])) == pixel_advice(np.array(["a"])) == ""
    with pytest.raises(QuantModelError, match=r"a\.npz: x_train must be uint8, not float32; its values are 0 to 1: np\.round\(x \* 255\)"):
        images(np.linspace(0, 1, N * 4, dtype=np.float32).reshape(N, 2, 2))


@pytest.mark.parametrize(
    ("y", "way"),
    [
        (Y[:, np.newaxis], "y[:, 0]"),
        (np.eye(3, dtype=int)[Y], "np.argmax(y, axis=1)"),
        (np.eye(3)[Y], "np.argmax(y, axis=1)"),
        (Y.astype(float), "y.astype(np.int64)"),
        (np.array(["a", "b", "c"])[Y], "np.unique(y, return_inverse=True)[1]"),
        (Y + 1, "y - 1"),
    ],
)
def test_what_is_told_of_labels_makes_them_right(y: np.ndarray, way: str) -> None:
    x = np.zeros((N, 5, 5, 3), np.uint8)
    with pytest.raises(QuantModelError) as error:
        images(x, y)
    assert way in str(error.value)
    assert np.array_equal(images(x, eval(way, {"np": np, "y": y})).y_train, Y)


@pytest.mark.parametrize("y", [np.zeros((N, 3), int), np.full((N, 2), 0.5), np.zeros(N - 1), np.full(N, 0.5), np.zeros((2, 2, 2))])
def test_labels_that_nothing_is_known_of_get_no_advice(y: np.ndarray) -> None:
    assert label_advice(y, N) == ""


def test_samples_last_and_flattened_images_are_told() -> None:
    x = np.zeros((32, 30, 3, N), np.uint8)
    with pytest.raises(QuantModelError, match=r"y_train must be \[32\] as x_train is, not \[6\]; .*transpose\(x, \(3, 0, 1, 2\)\) puts"):
        images(x)
    assert images(np.transpose(x, (3, 0, 1, 2))).shape == (32, 30, 3)
    assert layout_advice((N, 784)) == " (flattened images? x.reshape(-1, 28, 28))"
    assert layout_advice((N, 30)) == layout_advice((2, 3, 4, 5, 6)) == layout_advice((4, 1)) == ""


def test_samples_in_another_order_of_axes_are_told_the_right_one() -> None:
    x = np.random.default_rng(0).integers(0, 256, (N, 9, 7, 3), np.uint8)
    data = images(x)
    other = np.transpose(x, (0, 3, 1, 2))
    with pytest.raises(QuantModelError, match=r"n at least 1, not \[6, 3, 9, 7\]; np\.transpose\(x, \(0, 2, 3, 1\)\) makes it so"):
        as_samples(other, data, "b.npz: x")
    assert np.array_equal(as_samples(np.transpose(other, (0, 2, 3, 1)), data, "x"), x)
    assert turned((9, 7), (7, 9, 1)) == turned((9, 7), (9, 7)) == turned((9, 8), (9, 7)) == ""


def test_what_was_read_is_told_in_a_line() -> None:
    x = np.zeros((N, 5, 4, 1), np.uint8)
    x[0] = 9
    assert images(x).told == "6 training and 6 test images, 5 high, 4 wide, 1 channel, pixels 0 to 9, 3 classes"
