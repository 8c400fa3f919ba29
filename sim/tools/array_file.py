"""Arrays as files of nothing but their values."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["write_array"]


def write_array(array: npt.NDArray[Any], path: Path) -> None:
    """Write the values of ``array``, the last axis fastest, to ``path``. Raises the operating system's own :class:`OSError`, with its
    number and the path, where ``numpy.ndarray.tofile`` says how many values were written alone."""
    try:
        path.write_bytes(np.ascontiguousarray(array).tobytes())
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
