"""What every source gives: a checked :class:`Dataset`."""

from dataclasses import dataclass

import numpy as np

from quant_models.datasets.shapes import check_images, label_advice, layout_advice, pixel_advice
from quant_models.errors import QuantModelError

__all__ = ["KEYS", "MAX_CLASSES", "ChannelScale", "Dataset", "check_labels", "checked", "stratified"]

KEYS = ("x_train", "y_train", "x_test", "y_test")
MAX_CLASSES = 1000


@dataclass(frozen=True, kw_only=True)
class ChannelScale:
    """How sensor values became 8-bit integers: of channel c, value v is ``round((v - low[c]) / step[c])``, kept within 0 to 255.

    ``low`` and ``step`` are finite, ``step`` above 0, one of each per channel.
    """

    low: tuple[float, ...]
    step: tuple[float, ...]

    def integers(self, values: np.ndarray) -> np.ndarray:
        """Finite ``values``, ``[..., channels]``, as uint8 of the same shape."""
        scaled = np.rint((values.astype(np.float64) - np.array(self.low)) / np.array(self.step))
        found: np.ndarray = np.clip(scaled, 0, 255).astype(np.uint8)
        return found


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Images uint8 ``[n, height, width, channels]``; labels int64 ``[n]`` in 0 to ``classes - 1``.

    Windows of sensor samples have the time as height and a width of 1; ``scale`` says how their values became integers (None: the
    integers are the data). ``names`` are the classes', in order of their labels (empty: they have none).
    """

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray
    names: tuple[str, ...] = ()
    scale: ChannelScale | None = None

    @property
    def classes(self) -> int:
        """One more than the largest label."""
        return int(max(self.y_train.max(), self.y_test.max())) + 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels

    @property
    def told(self) -> str:
        """A line on what was read: how many samples, of which shape and which values, in how many classes."""
        height, width, channels = self.shape
        many = f"{channels} channel{'' if channels == 1 else 's'}"
        if self.scale is None:
            what, shape = "images", f"{height} high, {width} wide, {many}, pixels {self.x_train.min()} to {self.x_train.max()}"
        else:
            what, shape = "windows", f"{height} times, {many}"
        return f"{len(self.x_train):,} training and {len(self.x_test):,} test {what}, {shape}, {self.classes} classes"


def stratified(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A boolean mask over ``labels`` that holds exactly ``count`` samples, each class in proportion (largest remainders first)."""
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    wanted = sizes * count / len(labels)
    take = np.floor(wanted).astype(np.int64)
    take[np.argsort(take - wanted, kind="stable")[: count - int(take.sum())]] += 1
    mask = np.zeros(len(labels), bool)
    for label, number in zip(classes, take, strict=True):
        mask[rng.permutation(np.flatnonzero(labels == label))[:number]] = True
    return mask


def check_labels(source: str, arrays: dict[str, np.ndarray], names: tuple[str, ...] = ()) -> None:
    """Raise :class:`QuantModelError` unless ``y_train`` and ``y_test`` hold an integer for each sample of ``x_train`` and ``x_test``, in 0
    to 999, at least 2 classes, and every class from 0 to the largest in both."""
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        advice = label_advice(y, len(x))
        if y.dtype.kind not in "iu":
            raise QuantModelError(f"{source}: y_{part} must be integers, not {y.dtype}{advice}")
        if y.shape != x.shape[:1]:
            if y.ndim == 1 and len(y) == x.shape[-1]:
                axes = (x.ndim - 1, *range(x.ndim - 1))
                advice = f"; x_{part} is {list(x.shape)}, its samples last: np.transpose(x, {axes}) puts them first"
            raise QuantModelError(f"{source}: y_{part} must be [{len(x)}] as x_{part} is, not {list(y.shape)}{advice}")
        if y.min() < 0 or y.max() >= MAX_CLASSES:
            raise QuantModelError(f"{source}: y_{part} must be in 0 to {MAX_CLASSES - 1}, not {y.min()} to {y.max()}")
    classes = int(max(arrays["y_train"].max(), arrays["y_test"].max())) + 1
    if classes < 2:
        raise QuantModelError(f"{source}: needs at least 2 classes, not {classes}")
    for part in ("train", "test"):
        missing = np.flatnonzero(np.bincount(arrays[f"y_{part}"].astype(np.int64), minlength=classes) == 0)
        if len(missing):
            told = [names[label] if names else str(label) for label in missing]
            more = f" and {len(told) - 5} more" if len(told) > 5 else ""
            if not names and min(arrays["y_train"].min(), arrays["y_test"].min()) == 1 and len(missing) == 1:
                more = "; labels begin at 0: y - 1 makes it so"
            raise QuantModelError(
                f"{source}: y_{part} must hold every class from 0 to {classes - 1}; it has no sample of class {', '.join(told[:5])}{more}"
            )


def checked(
    name: str, source: str, arrays: dict[str, np.ndarray], names: tuple[str, ...] = (), scale: ChannelScale | None = None
) -> Dataset:
    """``arrays`` (:data:`KEYS`; images uint8 ``[n, height, width(, channels)]``) as a data set called ``name``.

    Raises :class:`QuantModelError` that begins with ``source`` where an array has a wrong type or shape, and as :func:`check_labels`.
    """
    for part in ("train", "test"):
        x = arrays[f"x_{part}"]
        if x.dtype != np.uint8:
            raise QuantModelError(f"{source}: x_{part} must be uint8, not {x.dtype}{pixel_advice(x)}")
        if x.ndim not in (3, 4) or 0 in x.shape:
            told = f"{list(x.shape)}{layout_advice(x.shape)}"
            raise QuantModelError(f"{source}: x_{part} must be [n, height, width(, channels)], none of them zero, not {told}")
    check_labels(source, arrays, names)
    for part in ("train", "test"):
        # What was made of sensor windows, high and 1 wide, was looked at as windows.
        if scale is None and arrays[f"x_{part}"].ndim == 4:
            check_images(source, f"x_{part}", arrays[f"x_{part}"].shape)
    arrays = {key: (x[..., np.newaxis] if x.ndim == 3 else x) if key[0] == "x" else x.astype(np.int64) for key, x in arrays.items()}
    shapes = [list(arrays[key].shape[1:]) for key in ("x_train", "x_test")]
    if shapes[0] != shapes[1]:
        raise QuantModelError(f"{source}: x_train and x_test must have one image shape, not {shapes[0]} and {shapes[1]}")
    return Dataset(name=name, **arrays, names=names, scale=scale)
