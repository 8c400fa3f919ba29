"""Corruptions of images at five strengths, after Hendrycks and Dietterich (2019), as seeded functions of 8-bit pixels. Pure numpy.

Images are uint8 ``[n, height, width, channels]``, windows of sensor samples among them (time as height, a width of 1); so are results. The
same images, name, strength and seed give the same result, and a sample's does not depend on how many come after it.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from quant_models.errors import QuantModelError

__all__ = ["CORRUPTIONS", "STRENGTHS", "Corruption", "corrupt"]

STRENGTHS = (1, 2, 3, 4, 5)

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def _gaussian(x: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    found: np.ndarray = x + amount * random.standard_normal(x.shape)
    return found


def _shot(x: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    found: np.ndarray = random.poisson(x * amount) / amount
    return found


def _blur(x: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """Gaussian of deviation ``amount`` of the longer side, edges repeated."""
    deviation = amount * max(x.shape[1:3])
    reach = max(1, int(np.ceil(3 * deviation)))
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weights /= weights.sum()
    for axis in (1, 2):
        if x.shape[axis] > 1:
            places = np.arange(x.shape[axis])
            x = sum(
                weight * x.take((places + by).clip(0, x.shape[axis] - 1), axis)
                for by, weight in zip(range(-reach, reach + 1), weights, strict=True)
            )
    return x


def _contrast(x: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    mean = x.mean((1, 2), keepdims=True)
    found: np.ndarray = mean + (x - mean) * amount
    return found


def _brightness(x: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    return x + amount


def _pixelate(x: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """As few as ``amount`` of the places each way, each the mean of those it stands for."""
    for axis in (1, 2):
        size = x.shape[axis]
        fewer = max(1, round(amount * size))
        block = np.arange(size) * fewer // size
        means = np.stack([x.take(np.flatnonzero(block == index), axis).mean(axis) for index in range(fewer)], axis)
        x = means.take(block, axis)
    return x


def _cutout(x: np.ndarray, amount: float, random: np.random.Generator) -> np.ndarray:
    """A rectangle of ``amount`` of each side at a place of its own in each image, black."""
    inside = np.ones((len(x), 1, 1, 1), bool)
    # Both places of a sample are drawn together, so that they do not depend on how many samples there are.
    places = random.random((len(x), 2))
    for index, axis in enumerate((1, 2)):
        size = x.shape[axis]
        side = max(1, round(amount * size))
        start = np.floor(places[:, index] * (size - side + 1)).astype(np.int64).reshape(-1, 1, 1, 1)
        shape = [1, 1, 1, 1]
        shape[axis] = size
        at = np.arange(size).reshape(shape)
        inside = inside & (at >= start) & (at < start + side)
    return np.where(inside, 0.0, x)


@dataclass(frozen=True, kw_only=True)
class Corruption:
    """One corruption: ``amounts``, one for each of the five strengths, in the ``unit`` that says what they are; ``summary`` in words."""

    summary: str
    unit: str
    amounts: tuple[float, float, float, float, float]
    change: Change


CORRUPTIONS = {
    "gaussian_noise": Corruption(
        summary="normal noise on every pixel", unit="its deviation, of 255", amounts=(10, 20, 35, 55, 80), change=_gaussian
    ),
    "shot_noise": Corruption(
        summary="as few photons reach the sensor", unit="photons a grey level", amounts=(0.5, 0.2, 0.1, 0.05, 0.025), change=_shot
    ),
    "blur": Corruption(
        summary="Gaussian blur", unit="its deviation, of the longer side", amounts=(0.02, 0.04, 0.06, 0.08, 0.1), change=_blur
    ),
    "contrast": Corruption(summary="less contrast", unit="what is left of it", amounts=(0.7, 0.5, 0.35, 0.2, 0.1), change=_contrast),
    "brightness": Corruption(
        summary="brighter everywhere", unit="added, of 255", amounts=(20, 40, 60, 90, 120), change=_brightness
    ),
    "pixelate": Corruption(
        summary="fewer, larger pixels", unit="pixels left, of each side", amounts=(0.8, 0.65, 0.5, 0.35, 0.25), change=_pixelate
    ),
    "cutout": Corruption(summary="a black rectangle", unit="of each side", amounts=(0.15, 0.25, 0.35, 0.45, 0.6), change=_cutout),
}
"""Every corruption by its name."""


def corrupt(images: np.ndarray, name: str, strength: int, seed: int = 1) -> np.ndarray:
    """``images`` corrupted by ``name`` with ``strength`` 1 to 5; raises :class:`QuantModelError` for others."""
    if name not in CORRUPTIONS:
        raise QuantModelError(f"corruption must be one of {', '.join(CORRUPTIONS)}, not {name!r}")
    if strength not in STRENGTHS:
        raise QuantModelError(f"strength must be 1 to 5, not {strength}")
    if images.dtype != np.uint8 or images.ndim != 4:
        raise QuantModelError(f"images must be uint8 [n, height, width, channels], not {images.dtype} {list(images.shape)}")
    row = CORRUPTIONS[name]
    # Every strength has the same draws, so that a stronger one is the same corruption, only more of it.
    random = np.random.default_rng([seed, list(CORRUPTIONS).index(name)])
    changed = row.change(images.astype(np.float64), row.amounts[strength - 1], random)
    found: np.ndarray = changed.round().clip(0, 255).astype(np.uint8)
    return found
