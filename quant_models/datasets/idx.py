"""Fashion-MNIST, MNIST and others of their form: four IDX files in a folder."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from quant_models.datasets.base import KEYS, Dataset, checked
from quant_models.datasets.limits import check_bytes
from quant_models.errors import QuantModelError

__all__ = ["FASHION_DIR", "load_idx"]

FASHION_DIR = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package puts its files."""

_IDX = {
    "x_train": ("train-images-idx3-ubyte", 2051),
    "y_train": ("train-labels-idx1-ubyte", 2049),
    "x_test": ("t10k-images-idx3-ubyte", 2051),
    "y_test": ("t10k-labels-idx1-ubyte", 2049),
}


def load_idx(folder: Path, name: str = "fashion_mnist") -> Dataset:
    """The data set ``name`` out of ``train-images-idx3-ubyte``, ``t10k-labels-idx1-ubyte`` and so on in ``folder``, each as it is or with
    ``.gz``. Raises :class:`QuantModelError` naming the file that is missing or broken."""
    return checked(name, str(folder), {key: _read(folder, key) for key in KEYS})


def _read(folder: Path, key: str) -> np.ndarray:
    stem, magic = _IDX[key]
    found = [path for path in (folder / f"{stem}.gz", folder / stem) if path.is_file()]
    if not found:
        raise QuantModelError(
            f"no {stem}(.gz) in {folder}: install Debian's package dataset-fashion-mnist, or give a data directory with the IDX files"
        )
    path = found[0]
    dims = 3 if magic == 2051 else 1
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            head = stream.read(4 + 4 * dims)
            if len(head) < 8 or int.from_bytes(head[:4], "big") != magic:
                raise QuantModelError(f"{path} is no IDX file of type {magic}")
            shape = tuple(int.from_bytes(head[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims))
            size = math.prod(shape)
            check_bytes(path, size, " x ".join(map(str, shape)))
            # No more than it should hold: a small file may be made to become a very large one.
            body = np.frombuffer(stream.read(size + 1), np.uint8)
    except (OSError, EOFError, zlib.error) as error:
        raise QuantModelError(f"{path} cannot be read: {error}") from error
    if body.size != size:
        held = f"more than {size}" if body.size > size else str(body.size)
        raise QuantModelError(f"{path} holds {held} bytes where its header says {' x '.join(map(str, shape))}")
    return body.reshape(shape)
