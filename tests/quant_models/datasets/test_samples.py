import dataclasses

import numpy as np
import pytest

from quant_models.datasets.base import ChannelScale, Dataset
from quant_models.datasets.samples import as_samples
from quant_models.errors import QuantModelError

Y = np.array([0, 1])
IMAGES = Dataset(name="some", x_train=np.zeros((2, 4, 3, 1), np.uint8), y_train=Y, x_test=np.zeros((2, 4, 3, 1), np.uint8), y_test=Y)
WINDOW = np.zeros((2, 5, 1, 2), np.uint8)
WINDOWS = dataclasses.replace(IMAGES, x_train=WINDOW, x_test=WINDOW, scale=ChannelScale(low=(-1.0, 0.0), step=(0.5, 2.0)))


def test_images_are_taken_as_they_are() -> None:
    x = np.random.default_rng(0).integers(0, 256, (7, 4, 3, 1), np.uint8)
    assert np.array_equal(as_samples(x, IMAGES, "x"), x)
    assert np.array_equal(as_samples(x[..., 0], IMAGES, "x"), x)


def test_windows_get_the_scale_of_the_training_set() -> None:
    x = np.array([[[-1.0, 0.0], [0.0, 4.1], [126.5, 510.0], [-9.0, 1e9], [0.24, 1.1]]])
    found = as_samples(x, WINDOWS, "x")
    assert (found.shape, found.dtype) == ((1, 5, 1, 2), np.uint8)
    assert found[0, :, 0].tolist() == [[0, 0], [2, 2], [255, 255], [0, 255], [2, 1]]
    single = dataclasses.replace(WINDOWS, x_train=WINDOW[..., :1], scale=ChannelScale(low=(0.0,), step=(1.0,)))
    assert as_samples(np.arange(5)[np.newaxis], single, "x")[0, :, 0, 0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("x", "data", "message"), [
    (np.zeros((2, 4, 3, 1)), IMAGES, "a.npz: x must be uint8, not float64"),
    (np.zeros((2, 4, 3, 1), np.uint16), IMAGES, "a.npz: x must be uint8, not uint16"),
    (np.zeros((2, 3, 4, 1), np.uint8), IMAGES, r"a.npz: x must be \[n, 4, 3, 1\] as some is, n at least 1, not \[2, 3, 4, 1\]"),
    (np.zeros((0, 4, 3, 1), np.uint8), IMAGES, r"a.npz: x must be \[n, 4, 3, 1\] as some is, n at least 1, not \[0, 4, 3, 1\]"),
    (np.zeros(3, np.uint8), IMAGES, r"a.npz: x must be \[n, 4, 3, 1\] as some is, n at least 1, not \[3\]"),
    (np.zeros((2, 5, 1, 2)), WINDOWS, r"a.npz: x must be \[n, 5, 2\] as some is, n at least 1, not \[2, 5, 1, 2\]"),
    (np.zeros((2, 5, 2), bool), WINDOWS, "a.npz: x must be integers or floating point, not bool"),
    (np.full((2, 5, 2), np.nan), WINDOWS, "a.npz: x must be finite, not nan at sample 0, time 0, channel 0"),
])
def test_what_does_not_fit_is_named(x: np.ndarray, data: Dataset, message: str) -> None:
    with pytest.raises(QuantModelError, match=f"^{message}"):
        as_samples(x, data, "a.npz: x")
