"""Result words, taken apart as ``netlist.json`` says."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from hw.netlist import Result, ResultField

__all__ = ["saturate", "unpack"]


def _extract(words: npt.NDArray[np.uint64], field: ResultField) -> npt.NDArray[np.int64]:
    values = ((words >> np.uint64(field.offset)) & np.uint64((1 << field.width) - 1)).astype(np.int64)
    if field.signed and field.width < 64:
        values -= (values >> (field.width - 1)) << field.width
    return values


def unpack(words: Sequence[int], result: Result) -> dict[str, npt.NDArray[np.int64]]:
    """Fields by name, int64 ``[n]``, of result words."""
    array = np.array(words, np.uint64)
    return {field.name: _extract(array, field) for field in result.fields}


def saturate(values: npt.NDArray[np.int64], field: ResultField) -> npt.NDArray[np.int64]:
    """``values`` clamped to the range of ``field``."""
    low = -(1 << (field.width - 1)) if field.signed else 0
    high = (1 << (field.width - int(field.signed))) - 1
    return np.clip(values, low, high)
