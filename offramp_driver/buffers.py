"""Memory that processor and programmable logic share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from offramp_driver.errors import DriverError

__all__ = ["Buffer"]


class Buffer:
    """``size`` values of ``dtype``, contiguous: ``array`` is their content as the processor sees it, from ``address`` on as the logic does.

    Raises :class:`DriverError` when there is no such memory; ``allocate`` is pynq's, whose memory begins on a page.
    """

    def __init__(self, allocate: Callable[..., Any], size: int, dtype: np.dtype[Any]) -> None:
        try:
            self._memory = allocate((size,), dtype)
        except (MemoryError, RuntimeError) as error:
            raise DriverError(f"there is no contiguous memory for {size * dtype.itemsize} bytes: close other overlays and kernels, or give "
                              f"Accelerator a smaller buffer_bytes ({error})") from error
        self.array: npt.NDArray[Any] = np.asarray(self._memory)
        self.address = int(self._memory.physical_address)

    def flush(self) -> None:
        """Write what the processor's cache holds to memory."""
        self._memory.flush()

    def invalidate(self) -> None:
        """Forget what the processor's cache holds, so that memory is read."""
        self._memory.invalidate()

    def free(self) -> None:
        """Give the memory back; the buffer is not to be used any more."""
        self.array = np.empty(0, self.array.dtype)
        self._memory.freebuffer()
