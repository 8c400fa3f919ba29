"""A look at the arrays that a user gives: what they are read as, whether that is plausible, and what would make them right."""

from itertools import permutations

import numpy as np

from quant_models.errors import QuantModelError

__all__ = ["check_images", "check_windows", "label_advice", "layout_advice", "pixel_advice", "turned"]

FEW = 4
"""Images have as many channels at most, but for those of special cameras, and are higher than that."""

ODD = 4
"""Sides of an image are not more than so many times each other, nor has a window so many times more channels than times."""

SHORT = 16


def check_images(source: str, key: str, shape: tuple[int, ...]) -> None:
    """Raise :class:`QuantModelError` where images ``[n, height, width, channels]`` look like ``[n, channels, height, width]``."""
    _, height, width, channels = shape
    if height <= FEW < min(width, channels) and max(width, channels) <= ODD * min(width, channels):
        raise QuantModelError(
            f"{source}: {key} is {list(shape)}, read as {height} high, {width} wide and {channels} channels, but its channels seem to come "
            "first; allowed: [n, height, width, channels], by np.transpose(x, (0, 2, 3, 1)), or, if the images are as low as that, "
            "height and width swapped, by np.transpose(x, (0, 2, 1, 3))"
        )


def check_windows(source: str, key: str, shape: tuple[int, ...]) -> None:
    """Raise :class:`QuantModelError` where windows ``[n, time, channels]`` look like ``[n, channels, time]``."""
    _, time, channels = shape
    if channels > ODD * time or (time <= SHORT and channels >= 2 * time and channels > SHORT):
        raise QuantModelError(
            f"{source}: {key} is {list(shape)}, read as {time} times of {channels} channels, but its channels seem to come first; allowed: "
            "[n, time, channels], by np.transpose(x, (0, 2, 1)); windows that are as short as that can be given as uint8 images "
            '[n, time, 1, channels] (data.name = "npz")'
        )


def layout_advice(shape: tuple[int, ...]) -> str:
    """What may be meant by images of a wrong number of axes; empty, or in brackets with a space before."""
    side = round(shape[1] ** 0.5) if len(shape) == 2 else 0
    if side > 1 and side * side == shape[1]:
        return f" (flattened images? x.reshape(-1, {side}, {side}))"
    return ""


def pixel_advice(x: np.ndarray) -> str:
    """How pixels of another type become uint8; empty, or after ``; ``."""
    if x.dtype == bool:
        return "; x.astype(np.uint8) * 255 makes it so"
    if x.dtype.kind not in "iuf" or not x.size or not np.isfinite(x).all():
        return ""
    low, high = float(x.min()), float(x.max())
    ways = (
        (x.dtype.kind == "f" and low >= 0 and high <= 1, "np.round(x * 255).astype(np.uint8)"),
        (x.dtype.kind == "f" and low >= -1 and high <= 1, "np.round((x + 1) * 127.5).astype(np.uint8)"),
        (low >= 0 and high <= 255, "np.round(x).astype(np.uint8)" if x.dtype.kind == "f" else "x.astype(np.uint8)"),
        (x.dtype == np.uint16, "(x >> 8).astype(np.uint8)"),
    )
    found = next((way for fits, way in ways if fits), None)
    span = f"its values are {low:g} to {high:g}"
    if found is None:
        return f'; {span}: bring them to 0 to 255 (sensor windows: data.name = "sensors")'
    return f"; {span}: {found} makes it so"


def label_advice(y: np.ndarray, count: int) -> str:
    """How labels of another form become integers ``[count]``; empty, or after ``; ``."""
    if y.shape == (count, 1):
        return "; y[:, 0] makes it so"
    if y.ndim == 2 and len(y) == count and y.dtype.kind in "iufb" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all():
        return "; it is one-hot: np.argmax(y, axis=1) makes it so"
    if y.shape != (count,):
        return ""
    if y.dtype.kind == "b" or (y.dtype.kind == "f" and np.isfinite(y).all() and (y == np.rint(y)).all()):
        return "; y.astype(np.int64) makes it so"
    if y.dtype.kind in "US":
        return "; np.unique(y, return_inverse=True)[1] numbers them, in order of their names"
    return ""


def turned(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """How samples ``[n, *found]`` become ``[n, *wanted]``; empty where no order of axes does it, else after ``; ``."""
    if len(found) != len(wanted) or found == wanted:
        return ""
    for order in permutations(range(len(found))):
        if tuple(found[axis] for axis in order) == wanted:
            return f"; np.transpose(x, {(0, *(axis + 1 for axis in order))}) makes it so"
    return ""
