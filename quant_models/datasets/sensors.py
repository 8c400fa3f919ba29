"""Windows of sensor samples, scaled to 8 bits; a 1-D network runs on them as height x 1."""

from pathlib import Path

import numpy as np

from quant_models.datasets.base import ChannelScale, Dataset, check_labels, checked
from quant_models.datasets.npz import read_npz
from quant_models.datasets.shapes import check_windows
from quant_models.errors import QuantModelError

__all__ = ["channel_scale", "check_finite", "load_sensors"]


def load_sensors(path: Path) -> Dataset:
    """An ``.npz`` file with ``x_train``, ``x_test`` ``[n, time(, channels)]``, integers or floating point, and ``y_train``, ``y_test``
    integers ``[n]`` in 0 to 999, as uint8 ``[n, time, 1, channels]``.

    Each channel is scaled by its range in ``x_train`` alone (:func:`channel_scale`); what lies beyond in ``x_test`` is clipped. Raises
    :class:`QuantModelError` naming the key that is missing or wrong, and the place of a value that is not finite.
    """
    arrays, source = read_npz(path), str(path)
    for part in ("train", "test"):
        x = arrays[f"x_{part}"]
        if x.dtype.kind not in "iuf":
            raise QuantModelError(f"{source}: x_{part} must be integers or floating point, not {x.dtype}")
        if x.ndim not in (2, 3) or 0 in x.shape:
            raise QuantModelError(f"{source}: x_{part} must be [n, time(, channels)], none of them zero, not {list(x.shape)}")
        arrays[f"x_{part}"] = x = x[..., np.newaxis] if x.ndim == 2 else x
        check_windows(source, f"x_{part}", x.shape)
        check_finite(f"{source}: x_{part}", x)
    train, test = arrays["x_train"], arrays["x_test"]
    if train.shape[1:] != test.shape[1:]:
        raise QuantModelError(
            f"{source}: x_train and x_test must have one shape of window, not {list(train.shape[1:])} and {list(test.shape[1:])}"
        )
    check_labels(source, arrays)
    scale = channel_scale(train)
    for key in ("x_train", "x_test"):
        arrays[key] = scale.integers(arrays[key])[:, :, np.newaxis]
    return checked(path.stem, source, arrays, scale=scale)


def channel_scale(values: np.ndarray) -> ChannelScale:
    """The scale that takes each channel's least value in ``values`` ``[..., channels]`` to 0 and its greatest to 255; a channel that never
    changes becomes 0 everywhere. Raises :class:`QuantModelError` for a range beyond floating point."""
    flat = values.reshape(-1, values.shape[-1]).astype(np.float64)
    low, high = flat.min(0), flat.max(0)
    with np.errstate(over="ignore"):
        step = (high - low) / 255
    for channel in np.flatnonzero(~np.isfinite(step)):
        raise QuantModelError(f"channel {channel} must have a finite range, not {low[channel]} to {high[channel]}")
    step[step == 0] = 1
    return ChannelScale(low=tuple(map(float, low)), step=tuple(map(float, step)))


def check_finite(source: str, x: np.ndarray) -> None:
    """Raise :class:`QuantModelError` that begins with ``source`` and names the first value of ``x`` ``[n, time, channels]`` that is not
    finite."""
    wrong = np.argwhere(~np.isfinite(x))
    if len(wrong):
        sample, time, channel = wrong[0]
        raise QuantModelError(
            f"{source} must be finite, not {x[sample, time, channel]} at sample {sample}, time {time}, channel {channel}"
            f" ({len(wrong)} such values)"
        )
