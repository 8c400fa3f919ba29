"""CIFAR-10's binary version: a byte for the label, then 32 x 32 pixels of red, of green, of blue, image after image."""

from pathlib import Path

import numpy as np

from quant_models.datasets.base import Dataset, checked
from quant_models.errors import QuantModelError

__all__ = ["CIFAR10_NAMES", "load_cifar10"]

CIFAR10_NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
SUBFOLDER = "cifar-10-batches-bin"
RECORD = 1 + 3 * 32 * 32


def load_cifar10(folder: Path) -> Dataset:
    """``data_batch_1.bin`` to ``data_batch_5.bin`` and ``test_batch.bin`` of ``folder``, or of its ``cifar-10-batches-bin``: 32x32x3, 10
    classes.

    Raises :class:`QuantModelError` naming the file that is missing, is no whole number of records of 3073 bytes, or has a label above 9.
    """
    if (folder / SUBFOLDER).is_dir():
        folder = folder / SUBFOLDER
    train = [_read(folder / f"data_batch_{number}.bin") for number in range(1, 6)]
    x_test, y_test = _read(folder / "test_batch.bin")
    arrays = {
        "x_train": np.concatenate([x for x, _ in train]), "y_train": np.concatenate([y for _, y in train]),
        "x_test": x_test, "y_test": y_test,
    }
    return checked("cifar10", str(folder), arrays, CIFAR10_NAMES)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        raw = np.frombuffer(path.read_bytes(), np.uint8)
    except FileNotFoundError as error:
        raise QuantModelError(
            f"no {path.name} in {path.parent}: give the folder of CIFAR-10's binary version, data_batch_1.bin to data_batch_5.bin "
            "and test_batch.bin"
        ) from error
    except OSError as error:
        raise QuantModelError(f"{path} cannot be read: {error}") from error
    if not raw.size or raw.size % RECORD:
        raise QuantModelError(f"{path} must hold records of {RECORD} bytes, a label and 32x32x3 pixels, not {raw.size} bytes")
    records = raw.reshape(-1, RECORD)
    labels = records[:, 0]
    wrong = np.flatnonzero(labels >= len(CIFAR10_NAMES))
    if len(wrong):
        raise QuantModelError(f"{path}: labels must be in 0 to 9, not {labels[wrong[0]]} of record {wrong[0]}")
    return np.ascontiguousarray(records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)), labels
