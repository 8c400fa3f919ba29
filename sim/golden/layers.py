"""Integer layers of the golden models, on NHWC arrays.

Products are summed by BLAS in floating point, in the narrowest type that holds every partial sum exactly: float32 below 2**24,
float64 below 2**53. That is as exact as integer arithmetic, and a hundred times faster than NumPy's integer ``matmul``.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.golden.errors import GoldenError

__all__ = ["Size", "both", "conv", "exact_type", "global_sum", "linear", "maxpool", "threshold", "upsample"]

Array = npt.NDArray[Any]
Size = int | tuple[int, int]

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


def both(size: Size) -> tuple[int, int]:
    """``size`` of rows and of columns."""
    return (size, size) if isinstance(size, int) else size


def _told(size: tuple[int, ...]) -> str:
    return str(size[0]) if size[0] == size[1] else f"{size[0]}x{size[1]}"


def conv(x: Array, weight: Array, pad: Size, stride: Size, peak: int) -> Array:
    """Accumulators ``[n, h', w', cout]`` of integers ``x [n, h, w, cin]``, no larger than ``peak`` in magnitude.

    ``weight`` is ``[cout, kh, kw, cin]``; the border is ``pad`` zeros wide on every side, or (above and below, left and right), and
    ``stride`` that of rows and columns alike, or (rows, columns).
    """
    kernel, (above, left), (down, across) = weight.shape[1:3], both(pad), both(stride)
    kind = exact_type(_bound(weight, peak))
    n, height, width, channels = x.shape
    padded = np.zeros((n, height + 2 * above, width + 2 * left, channels), kind)
    padded[:, above : above + height, left : left + width] = x
    if padded.shape[1] < kernel[0] or padded.shape[2] < kernel[1]:
        raise GoldenError(
            f"kernel must fit the padded image, not kernel={_told(kernel)}, image {padded.shape[1]}x{padded.shape[2]}"
        )
    view = np.lib.stride_tricks.sliding_window_view(padded, kernel, axis=(1, 2))[:, ::down, ::across]
    rows, columns = view.shape[1:3]
    # sliding_window_view gives [n, h', w', cin, kh, kw]; weights are [cout, kh, kw, cin]
    patches = np.ascontiguousarray(view.transpose(0, 1, 2, 4, 5, 3)).reshape(-1, kernel[0] * kernel[1] * channels)
    return _product(patches, weight, peak).reshape(n, rows, columns, len(weight))


def linear(x: Array, weight: Array, peak: int) -> Array:
    """Accumulators ``[n, out]`` of integers ``x [n, ...]`` (flattened), no larger than ``peak``; ``weight`` is ``[out, in]``."""
    return _product(x.reshape(len(x), weight.shape[1]), weight, peak)


def maxpool(x: Array, kernel: Size, stride: Size) -> Array:
    """Maximum over windows of ``x [n, h, w, c]``, without padding, rounding down; ``kernel`` and ``stride`` are those of rows and columns
    alike, or (rows, columns)."""
    sides, (down, across) = both(kernel), both(stride)
    height = (x.shape[1] - sides[0]) // down + 1
    width = (x.shape[2] - sides[1]) // across + 1
    if height < 1 or width < 1:
        raise GoldenError(f"kernel must fit the image, not kernel={_told(sides)}, image {x.shape[1]}x{x.shape[2]}")
    result: Array | None = None
    for row in range(sides[0]):
        for column in range(sides[1]):
            part = x[:, row : row + (height - 1) * down + 1 : down, column : column + (width - 1) * across + 1 : across]
            result = part.copy() if result is None else np.maximum(result, part, out=result)
    assert result is not None
    return result


def upsample(x: Array, factor: Size) -> Array:
    """Each pixel of ``x [n, h, w, c]`` repeated: ``factor`` times along rows and along columns alike, or (rows, columns) times."""
    down, across = both(factor)
    result: Array = x.repeat(down, axis=1).repeat(across, axis=2)
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
