"""Integer layers of the golden models, on NHWC arrays.

Products are summed by BLAS in floating point, in the narrowest type that holds every partial sum exactly: float32 below 2**24,
float64 below 2**53. That is as exact as integer arithmetic, and a hundred times faster than NumPy's integer ``matmul``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden.errors import GoldenError

__all__ = ["conv", "exact_type", "global_sum", "linear", "maxpool", "threshold"]

Array = npt.NDArray[Any]

_TABLE_LIMIT = 1 << 22


def exact_type(bound: int) -> type[np.float32] | type[np.float64]:
    """The floating-point type that holds every integer of magnitude ``bound`` or less exactly; raises above 2**53."""
    if bound < 1 << 24:
        return np.float32
    if bound < 1 << 53:
        return np.float64
    raise GoldenError(f"accumulators must stay below 2**53, not reach {bound}")


def _bound(weight: Array, peak: int) -> int:
    """The largest magnitude an accumulator can reach when no input exceeds ``peak`` in magnitude."""
    flat = np.abs(weight.reshape(len(weight), -1).astype(np.int64))
    return int(flat.sum(axis=1).max(initial=0)) * peak


def _product(columns: Array, weight: Array, peak: int) -> Array:
    kind = exact_type(_bound(weight, peak))
    result: Array = np.matmul(columns.astype(kind, copy=False), weight.reshape(len(weight), -1).astype(kind).T)
    return result.astype(np.int32 if kind is np.float32 else np.int64)


def conv(x: Array, weight: Array, pad: int, stride: int, peak: int) -> Array:
    """Accumulators ``[n, h', w', cout]`` of integers ``x [n, h, w, cin]``, no larger than ``peak`` in magnitude.

    ``weight`` is ``[cout, k, k, cin]``; the border is ``pad`` zeros wide on every side.
    """
    kernel = weight.shape[1]
    kind = exact_type(_bound(weight, peak))
    n, height, width, channels = x.shape
    padded = np.zeros((n, height + 2 * pad, width + 2 * pad, channels), kind)
    padded[:, pad : pad + height, pad : pad + width] = x
    if min(padded.shape[1:3]) < kernel:
        raise GoldenError(f"kernel must fit the padded image, not kernel={kernel}, image {padded.shape[1]}x{padded.shape[2]}")
    view = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]
    rows, columns = view.shape[1:3]
    # sliding_window_view gives [n, h', w', cin, k, k]; weights are [cout, k, k, cin]
    patches = np.ascontiguousarray(view.transpose(0, 1, 2, 4, 5, 3)).reshape(-1, kernel * kernel * channels)
    return _product(patches, weight, peak).reshape(n, rows, columns, len(weight))


def linear(x: Array, weight: Array, peak: int) -> Array:
    """Accumulators ``[n, out]`` of integers ``x [n, ...]`` (flattened), no larger than ``peak``; ``weight`` is ``[out, in]``."""
    return _product(x.reshape(len(x), weight.shape[1]), weight, peak)


def maxpool(x: Array, kernel: int, stride: int) -> Array:
    """Maximum over ``kernel`` x ``kernel`` windows of ``x [n, h, w, c]``, without padding, rounding down."""
    height = (x.shape[1] - kernel) // stride + 1
    width = (x.shape[2] - kernel) // stride + 1
    if height < 1 or width < 1:
        raise GoldenError(f"kernel must fit the image, not kernel={kernel}, image {x.shape[1]}x{x.shape[2]}")
    result: Array | None = None
    for row in range(kernel):
        for column in range(kernel):
            part = x[:, row : row + (height - 1) * stride + 1 : stride, column : column + (width - 1) * stride + 1 : stride]
            result = part.copy() if result is None else np.maximum(result, part, out=result)
    assert result is not None
    return result


def global_sum(x: Array) -> Array:
    """Sums ``[n, 1, 1, c]`` of ``x [n, h, w, c]`` over height and width."""
    result: Array = x.sum(axis=(1, 2), dtype=np.int64, keepdims=True)
    return result


def threshold(acc: Array, steps: Array, out_min: int) -> Array:
    """``out_min`` + how many of a channel's ``steps [c, n]`` (rising) are not above the accumulator ``acc [..., c]``."""
    low, high = int(acc.min(initial=0)), int(acc.max(initial=0))
    channels = len(steps)
    span = high - low + 1
    shape = acc.shape
    flat = acc.reshape(-1, channels)
    if span * channels <= min(_TABLE_LIMIT, 16 * flat.size + 4096):
        values = np.arange(low, high + 1)
        table = np.stack([np.searchsorted(row, values, side="right") for row in steps]) + out_min
        index = flat.astype(np.intp)
        index += np.arange(channels) * span - low
        return table.astype(np.int32).ravel().take(index).reshape(shape)
    result = np.empty(flat.shape, np.int32)
    for channel, row in enumerate(steps):
        result[:, channel] = np.searchsorted(row, flat[:, channel], side="right") + out_min
    return result.reshape(shape)
