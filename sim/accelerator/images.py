"""Images as bus words, the way the accelerator takes them."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.tools.array_file import write_array

__all__ = ["image_words", "pack", "write_words"]


def image_words(shape: tuple[int, int, int], bus_bits: int) -> int:
    """Bus words of one image of ``shape`` (height, width, channels), one byte a value; each image starts on a word."""
    return -(-shape[0] * shape[1] * shape[2] * 8 // bus_bits)


def pack(images: npt.NDArray[np.uint8], bus_bits: int) -> npt.NDArray[np.uint8]:
    """Bus words, uint8 ``[n, words, bus_bits // 8]`` with the least significant byte first, of images uint8 ``[n, h, w, c]``."""
    if bus_bits < 8 or bus_bits % 8:
        raise ValueError(f"bus_bits must be a multiple of 8, not {bus_bits}")
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(f"images must be uint8 [n, h, w, c], not {images.dtype} {list(images.shape)}")
    count, (height, width, channels) = len(images), images.shape[1:]
    words = image_words((height, width, channels), bus_bits)
    padded = np.zeros((count, words * bus_bits // 8), np.uint8)
    padded[:, : height * width * channels] = images.reshape(count, height * width * channels)
    return padded.reshape(count, words, bus_bits // 8)


def write_words(words: npt.NDArray[Any], path: Path) -> None:
    """Write bus words uint8 ``[..., bytes]`` as ``$fread`` reads them: most significant byte first."""
    write_array(words[..., ::-1], path)
