"""Samples from elsewhere, made to what a data set holds."""

import numpy as np

from quant_models.datasets.base import Dataset
from quant_models.datasets.sensors import check_finite
from quant_models.datasets.shapes import pixel_advice, turned
from quant_models.errors import QuantModelError

__all__ = ["as_samples"]


def as_samples(x: np.ndarray, data: Dataset, source: str) -> np.ndarray:
    """``x`` as samples like those of ``data``, uint8 ``[n, height, width, channels]``.

    ``x`` is uint8 ``[n, height, width(, channels)]``; where ``data`` has a scale, windows ``[n, time(, channels)]`` of integers or floating
    point, to which that scale is applied. Raises :class:`QuantModelError` that begins with ``source`` for another type or shape, no samples
    at all, or a value that is not finite.
    """
    height, width, channels = data.shape
    windows = data.scale is not None
    kinds, told = ("iuf", "integers or floating point") if windows else ("u", "uint8")
    if x.dtype.kind not in kinds or (not windows and x.dtype != np.uint8):
        raise QuantModelError(f"{source} must be {told}, not {x.dtype}{'' if windows else pixel_advice(x)}")
    wanted = (height, channels) if windows else (height, width, channels)
    found = x[..., np.newaxis] if x.ndim == len(wanted) else x
    if found.shape[1:] != wanted or not len(found):
        raise QuantModelError(
            f"{source} must be [n, {', '.join(map(str, wanted))}] as {data.name} is, n at least 1, not {list(x.shape)}"
            + turned(found.shape[1:], wanted)
        )
    if data.scale is None:
        return found
    check_finite(source, found)
    return data.scale.integers(found)[:, :, np.newaxis]
