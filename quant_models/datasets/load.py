"""Data sets as uint8 images, and the validation split taken from the training set."""

from pathlib import Path

import numpy as np

from quant_models.datasets.base import ChannelScale, Dataset, stratified
from quant_models.datasets.cifar10 import load_cifar10
from quant_models.datasets.digits import load_digits
from quant_models.datasets.folder import Colour, load_folder
from quant_models.datasets.idx import FASHION_DIR, load_idx
from quant_models.datasets.npz import load_npz
from quant_models.datasets.sensors import load_sensors
from quant_models.errors import QuantModelError

__all__ = ["DATASETS", "FASHION_DIR", "ChannelScale", "Dataset", "load", "load_npz", "split"]

DATASETS = ("digits", "fashion_mnist", "folder", "cifar10", "sensors")


def split(data: Dataset, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices (int64, ascending) into the training set: those to train on and those to validate on.

    ``fraction`` (0 to 0.5, both excluded) of each class is for validation, at least one sample in all. The same seed gives the same split.
    """
    if not 0 < fraction < 0.5:
        raise QuantModelError(f"validation fraction must be between 0 and 0.5, not {fraction}")
    mask = stratified(data.y_train, max(1, round(fraction * len(data.y_train))), seed)
    return np.flatnonzero(~mask), np.flatnonzero(mask)


def load(
    name: str, data_dir: Path | None = None, *, resize: tuple[int, int] | None = None, channels: Colour = "auto", cache: Path | None = None
) -> Dataset:
    """The data set called ``name``:

    - ``digits`` (8x8x1; ships with scikit-learn; always the same 360 test images),
    - ``fashion_mnist`` (28x28x1; from ``data_dir`` with the usual IDX files, else from where Debian's package puts them),
    - ``folder`` (the images in folder or tar file ``data_dir``; ``resize``, ``channels`` and ``cache`` as
      :func:`quant_models.datasets.folder.load_folder` takes them),
    - ``cifar10`` (32x32x3; its binary files in ``data_dir``),
    - ``sensors`` (windows in the ``.npz`` file ``data_dir``, as time x 1 x channels),
    - or the path of an ``.npz`` of images (relative to ``data_dir`` when given).

    Raises :class:`QuantModelError` with one line on what is missing and how to get it.
    """
    if name != "folder" and (resize is not None or channels != "auto"):
        raise QuantModelError(f"resize and channels are for image folders, not for {name}")
    if name == "digits":
        return load_digits()
    if name == "fashion_mnist":
        return load_idx(data_dir or FASHION_DIR)
    if name.endswith(".npz"):
        return load_npz((data_dir or Path()) / name)
    if name not in DATASETS:
        raise QuantModelError(f"dataset must be one of {', '.join(DATASETS)} or the path of an .npz, not {name!r}")
    if data_dir is None:
        raise QuantModelError(f"data set {name} needs the place of its files")
    if name == "folder":
        return load_folder(data_dir, resize=resize, channels=channels, cache=cache)
    return load_cifar10(data_dir) if name == "cifar10" else load_sensors(data_dir)
