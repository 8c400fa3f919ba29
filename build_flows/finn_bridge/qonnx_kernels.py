"""Kernels made into others that compute the same: of all channels in for groups of them, of neighbouring pixels for those apart, and padded
alike on opposite sides. What is added is zeros."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

__all__ = ["Pads", "dense", "even", "placed", "spread"]

IntArray = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)
Pads = tuple[int, int, int, int]
"""Rows above, columns on the left, rows below, columns on the right, as ONNX orders them."""


def dense(weight: npt.NDArray[Number], group: int) -> npt.NDArray[Number]:
    """Weights ``[out, in, rows, columns]`` of ``group`` groups, each of ``[out / group, in / group]``, with zeros where an output does not
    look at an input: ``weight`` is ``[out, in / group, rows, columns]``."""
    outputs, inputs = weight.shape[:2]
    if group == 1:
        return weight
    found = np.zeros((outputs, inputs * group, *weight.shape[2:]), weight.dtype)
    for place in range(outputs):
        begin = place // (outputs // group) * inputs
        found[place, begin : begin + inputs] = weight[place]
    return found


def spread(weight: IntArray, dilations: tuple[int, int]) -> IntArray:
    """Weights ``[out, in, rows, columns]`` with ``dilations`` - 1 zeros between two rows and between two columns."""
    rows, columns = ((size - 1) * step + 1 for size, step in zip(weight.shape[2:], dilations, strict=True))
    found = np.zeros((*weight.shape[:2], rows, columns), weight.dtype)
    found[:, :, :: dilations[0], :: dilations[1]] = weight
    return found


def even(weight: IntArray, size: tuple[int, int], pads: Pads, stride: tuple[int, int]) -> tuple[IntArray, tuple[int, int]]:
    """The kernel ``[out, in, rows, columns]`` and its padding, the same on opposite sides, that give what ``weight`` does on maps of
    ``size`` (rows, columns) with ``pads``; its first or its last rows and columns are zeros where that takes some."""
    found = [_even(size[at], pads[at], pads[at + 2], weight.shape[2 + at], stride[at]) for at in (0, 1)]
    added = [(front, behind) for front, behind, _ in found]
    return np.pad(weight, ((0, 0), (0, 0), *added)), (found[0][2], found[1][2])


def _even(size: int, before: int, after: int, kernel: int, stride: int) -> tuple[int, int, int]:
    """Zeros before and behind the kernel, and padding on either side.

    The last window rarely takes all padding there is: so much and up to a stride less one more may be there. Where that in front is less,
    it grows with the kernel's front; where it is more, the kernel's end reaches as much further.
    """
    count = (size + before + after - kernel) // stride + 1
    least = (count - 1) * stride + kernel - size - before
    if before < least:
        return least - before, 0, least
    return 0, max(0, before - (least + stride - 1)), before


def placed(weight: IntArray, window: IntArray, stride: tuple[int, int]) -> IntArray:
    """Weights ``[out, rows, columns, in]`` over sums of windows, ``stride`` apart and weighted by ``window`` (``[rows, columns]``), as
    weights over what is summed."""
    outputs, rows, columns, inputs = weight.shape
    sizes = [(count - 1) * step + side for count, step, side in zip((rows, columns), stride, window.shape, strict=True)]
    found = np.zeros((outputs, *sizes, inputs), weight.dtype)
    for row, column in np.argwhere(window):
        part = found[:, row : row + (rows - 1) * stride[0] + 1 : stride[0], column : column + (columns - 1) * stride[1] + 1 : stride[1]]
        part += weight * window[row, column]
    return found
