"""Corruptions: deterministic, 8 bits, stronger with strength."""

import itertools

import numpy as np
import pytest

from quant_models.errors import QuantModelError
from quant_models.judge.corruptions import CORRUPTIONS, STRENGTHS, corrupt


def images(*shape: int) -> np.ndarray:
    """Smooth blobs, so that blur and fewer pixels have something to spoil but not all of it."""
    random = np.random.default_rng(4)
    n, height, width, channels = shape
    y, x = np.mgrid[:height, :width]
    waves = [
        np.sin(random.uniform(0.3, 1.2) * y + random.uniform(0.3, 1.2) * x + random.uniform(0, 6)) for _ in range(n * channels)
    ]
    return (100 + 90 * np.reshape(waves, (n, channels, height, width)).transpose(0, 2, 3, 1)).astype(np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize("shape", [(30, 16, 12, 3), (30, 32, 1, 4)], ids=["image", "window"])
def test_stronger_is_further_from_the_clean_image(name: str, shape: tuple[int, ...]) -> None:
    clean = images(*shape)
    before = clean.copy()
    found = [corrupt(clean, name, strength) for strength in STRENGTHS]
    assert (clean == before).all()
    assert all(item.dtype == np.uint8 and item.shape == clean.shape for item in found)
    distance = [np.abs(item.astype(float) - clean).mean() for item in found]
    assert distance[0] > 0
    assert all(less < more for less, more in itertools.pairwise(distance))


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_the_same_seed_gives_the_same_pixels_whatever_comes_after(name: str) -> None:
    clean = images(6, 9, 7, 2)
    assert (corrupt(clean, name, 3) == corrupt(clean, name, 3)).all()
    assert (corrupt(clean[:4], name, 3) == corrupt(clean, name, 3)[:4]).all()


@pytest.mark.parametrize("name", ["gaussian_noise", "shot_noise", "cutout"])
def test_another_seed_gives_others(name: str) -> None:
    clean = images(6, 9, 7, 2)
    assert (corrupt(clean, name, 3) != corrupt(clean, name, 3, seed=2)).any()


def test_what_they_do_by_hand() -> None:
    flat = np.full((1, 8, 8, 1), 100, np.uint8)
    for name in ("blur", "contrast", "pixelate"):
        assert (corrupt(flat, name, 5) == flat).all()
    assert (corrupt(flat, "brightness", 2) == 140).all()
    assert (corrupt(np.full_like(flat, 250), "brightness", 1) == 255).all()
    assert np.count_nonzero(corrupt(flat, "cutout", 5) == 0) == round(0.6 * 8) ** 2
    step = np.zeros((1, 8, 8, 1), np.uint8)
    step[:, :, 4:] = 200
    assert sorted(np.unique(corrupt(step, "contrast", 2))) == [50, 150]
    assert (corrupt(step, "pixelate", 3) == step).all()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((np.zeros((1, 2, 2, 1), np.uint8), "fog", 1), "corruption must be one of gaussian_noise.*, not 'fog'"),
        ((np.zeros((1, 2, 2, 1), np.uint8), "blur", 6), "strength must be 1 to 5, not 6"),
        ((np.zeros((2, 2, 1), np.uint8), "blur", 1), r"images must be uint8 .*, not uint8 \[2, 2, 1\]"),
    ],
)
def test_errors(arguments: tuple[np.ndarray, str, int], told: str) -> None:
    with pytest.raises(QuantModelError, match=told):
        corrupt(*arguments)
