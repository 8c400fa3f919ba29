"""Images from wherever they come into buffers, so many at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from offramp_driver.packing import Packing

__all__ = ["Feed"]


class Feed:
    """Packs the images of ``source`` (each item some of :meth:`Packing.batch`), in order. An item is packed, or what is left of it, before
    the next one is asked for, so the source may use its memory again.

    ``error`` is what the source raised; images before it are given first.
    """

    def __init__(self, source: Iterator[npt.NDArray[np.uint8] | npt.NDArray[np.int8]], packing: Packing) -> None:
        self._source, self._packing = source, packing
        self._left: npt.NDArray[np.uint8] | npt.NDArray[np.int8] | None = None
        self.error: Exception | None = None

    def fill(self, out: npt.NDArray[np.uint8], most: int) -> int:
        """Pack the next ``most`` images into the first bytes of ``out``, fewer where the source ends; how many."""
        count, size = 0, self._packing.image_bytes
        while count < most and self.error is None:
            if self._left is None or not len(self._left):
                try:
                    self._left = next(self._source, None)
                except Exception as error:
                    self._left, self.error = None, error
                if self._left is None:
                    break
            part = self._left[:most - count]
            self._packing.pack(part, out[count * size:])
            self._left = self._left[len(part):]
            count += len(part)
        return count
