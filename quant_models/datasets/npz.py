"""A user's own images in an ``.npz`` file."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from quant_models.datasets.base import KEYS, Dataset, checked
from quant_models.datasets.limits import check_bytes
from quant_models.errors import QuantModelError

__all__ = ["load_npz", "read_npz"]


def load_npz(path: Path) -> Dataset:
    """A user's data set: ``x_train``, ``x_test`` uint8 ``[n, height, width(, channels)]``, ``y_train``, ``y_test`` integers
    ``[n]`` in 0 to 999.

    Raises :class:`QuantModelError` naming the key that is missing or wrong. Pickled arrays are refused.
    """
    return checked(path.stem, str(path), read_npz(path))


def read_npz(path: Path, keys: Sequence[str] = KEYS) -> dict[str, np.ndarray]:
    """The arrays ``keys`` of the ``.npz`` file at ``path``, of whatever type and shape; raises :class:`QuantModelError` when one is missing
    or pickled, or the file cannot be read."""
    arrays = {}
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise QuantModelError(f"{path} is not an .npz file")
        with loaded as file:
            sizes = {item.filename.removesuffix(".npy"): item.file_size for item in file.zip.infolist()} if file.zip else {}
            check_bytes(path, sum(sizes.get(key, 0) for key in keys), "its arrays")
            for key in keys:
                if key not in file:
                    raise QuantModelError(f"{path} lacks {key}; it must hold {', '.join(keys)}")
                arrays[key] = file[key]
    except FileNotFoundError as error:
        raise QuantModelError(f"{path} does not exist") from error
    except QuantModelError:
        raise
    except (MemoryError, RecursionError) as error:
        raise QuantModelError(f"{path} does not fit into memory ({error})") from error
    except ValueError as error:
        # NumPy's own words advise to load it unsafely.
        told = "(pickled objects are never loaded)" if "pickle" in str(error) else f"({error})"
        raise QuantModelError(f"{path} is not an .npz file of plain arrays {told}") from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise QuantModelError(f"{path} cannot be read as .npz: {error}") from error
    return arrays
