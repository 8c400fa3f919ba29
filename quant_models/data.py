"""Data sets as uint8 images, and the validation split taken from the training set."""

import gzip
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quant_models.errors import QuantModelError

__all__ = ["DATASETS", "Dataset", "load", "load_npz", "split"]

DATASETS = ("digits", "fashion_mnist")
DIGITS_TEST = 360
SPLIT_SEED = 2024
# Where Debian's package puts its files.
FASHION_DIR = Path("/usr/share/datasets/fashion-mnist")
_IDX = {
    "x_train": ("train-images-idx3-ubyte", 2051),
    "y_train": ("train-labels-idx1-ubyte", 2049),
    "x_test": ("t10k-images-idx3-ubyte", 2051),
    "y_test": ("t10k-labels-idx1-ubyte", 2049),
}


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Images uint8 ``[n, height, width, channels]``; labels int64 ``[n]`` in 0 to ``classes - 1``."""

    name: str
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def classes(self) -> int:
        """One more than the largest label."""
        return int(max(self.y_train.max(), self.y_test.max())) + 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of an image."""
        height, width, channels = self.x_train.shape[1:]
        return height, width, channels


def _stratified(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    """A boolean mask over ``labels`` that holds exactly ``count`` samples, each class in proportion (largest remainders first)."""
    rng = np.random.default_rng(seed)
    classes, sizes = np.unique(labels, return_counts=True)
    wanted = sizes * count / len(labels)
    take = np.floor(wanted).astype(np.int64)
    take[np.argsort(take - wanted, kind="stable")[: count - int(take.sum())]] += 1
    mask = np.zeros(len(labels), bool)
    for label, number in zip(classes, take, strict=True):
        mask[rng.permutation(np.flatnonzero(labels == label))[:number]] = True
    return mask


def split(data: Dataset, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (int64, ascending) into the training set: those to train on and those to validate on.

    ``fraction`` (0 to 0.5, both excluded) of each class is for validation, at least one sample in all. The same seed gives the same split.
    """
    if not 0 < fraction < 0.5:
        raise QuantModelError(f"validation fraction must be between 0 and 0.5, not {fraction}")
    mask = _stratified(data.y_train, max(1, round(fraction * len(data.y_train))), seed)
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def _digits() -> Dataset:
    # sklearn takes seconds to import and only this data set needs it.
    from sklearn.datasets import load_digits

    raw = load_digits()
    # 0..16 to 0..255, rounded in integers so that every machine has the same pixels.
    x = ((raw.images.astype(np.int64) * 255 + 8) // 16).astype(np.uint8)[..., np.newaxis]
    y = raw.target.astype(np.int64)
    test = _stratified(y, DIGITS_TEST, SPLIT_SEED)
    return Dataset(name="digits", x_train=x[~test], y_train=y[~test], x_test=x[test], y_test=y[test])


def _idx(folder: Path, key: str) -> np.ndarray:
    stem, magic = _IDX[key]
    found = [path for path in (folder / f"{stem}.gz", folder / stem) if path.is_file()]
    if not found:
        raise QuantModelError(
            f"no {stem}(.gz) in {folder}: install Debian's package dataset-fashion-mnist, or give a data directory with the IDX files"
        )
    path = found[0]
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise QuantModelError(f"{path} cannot be read: {error}") from error
    if len(raw) < 8 or int.from_bytes(raw[:4], "big") != magic:
        raise QuantModelError(f"{path} is no IDX file of type {magic}")
    dims = 3 if magic == 2051 else 1
    shape = tuple(int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims))
    body = np.frombuffer(raw, np.uint8, offset=min(4 + 4 * dims, len(raw)))
    if body.size != int(np.prod(shape)):
        raise QuantModelError(f"{path} holds {body.size} bytes where its header says {' x '.join(map(str, shape))}")
    return body.reshape(shape)


def _checked(name: str, source: str, arrays: dict[str, np.ndarray]) -> Dataset:
    for part in ("train", "test"):
        x, y = arrays[f"x_{part}"], arrays[f"y_{part}"]
        if x.dtype != np.uint8:
            raise QuantModelError(f"{source}: x_{part} must be uint8, not {x.dtype}")
        if x.ndim not in (3, 4) or 0 in x.shape:
            raise QuantModelError(f"{source}: x_{part} must be [n, height, width(, channels)], none of them zero, not {list(x.shape)}")
        if y.dtype.kind not in "iu":
            raise QuantModelError(f"{source}: y_{part} must be integers, not {y.dtype}")
        if y.shape != x.shape[:1]:
            raise QuantModelError(f"{source}: y_{part} must be [{len(x)}] as x_{part} is, not {list(y.shape)}")
        if y.min() < 0 or y.max() > 999:
            raise QuantModelError(f"{source}: y_{part} must be in 0 to 999, not {y.min()} to {y.max()}")
    arrays = {key: (x[..., np.newaxis] if x.ndim == 3 else x) if key[0] == "x" else x.astype(np.int64) for key, x in arrays.items()}
    shapes = [list(arrays[key].shape[1:]) for key in ("x_train", "x_test")]
    if shapes[0] != shapes[1]:
        raise QuantModelError(f"{source}: x_train and x_test must have one image shape, not {shapes[0]} and {shapes[1]}")
    data = Dataset(name=name, **arrays)
    if data.classes < 2:
        raise QuantModelError(f"{source}: needs at least 2 classes, not {data.classes}")
    return data


def load_npz(path: Path) -> Dataset:
    """A user's data set: ``x_train``, ``x_test`` uint8 ``[n, height, width(, channels)]``, ``y_train``, ``y_test`` integers
    ``[n]`` in 0 to 999.

    Raises :class:`QuantModelError` naming the key that is missing or wrong. Pickled arrays are refused.
    """
    arrays = {}
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise QuantModelError(f"{path} is not an .npz file")
        with loaded as file:
            for key in _IDX:
                if key not in file:
                    raise QuantModelError(f"{path} lacks {key}; it must hold x_train, y_train, x_test, y_test")
                arrays[key] = file[key]
    except FileNotFoundError as error:
        raise QuantModelError(f"{path} does not exist") from error
    except QuantModelError:
        raise
    except ValueError as error:
        # NumPy's own words advise to load it unsafely.
        raise QuantModelError(f"{path} is not an .npz file of plain arrays (pickled objects are never loaded)") from error
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise QuantModelError(f"{path} cannot be read as .npz: {error}") from error
    return _checked(path.stem, str(path), arrays)


def load(name: str, data_dir: Path | None = None) -> Dataset:
    """The data set called ``name``: ``digits`` (8x8x1; ships with scikit-learn; always the same 360 test images),
    ``fashion_mnist`` (28x28x1; from ``data_dir`` with the usual IDX files, else from where Debian's package puts them), or the
    path of an ``.npz`` (relative to ``data_dir`` when given).

    Raises :class:`QuantModelError` with one line on what is missing and how to get it.
    """
    if name == "digits":
        return _digits()
    if name == "fashion_mnist":
        folder = data_dir or FASHION_DIR
        return _checked(name, str(folder), {key: _idx(folder, key) for key in _IDX})
    if name.endswith(".npz"):
        return load_npz((data_dir or Path()) / name)
    raise QuantModelError(f"dataset must be one of {', '.join(DATASETS)} or the path of an .npz file, not {name!r}")
