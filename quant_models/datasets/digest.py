"""What identifies a data set: digests of arrays."""

import hashlib

import numpy as np

from quant_models.datasets.base import Dataset

__all__ = ["array_digest", "data_digest"]


def data_digest(data: Dataset) -> str:
    """SHA-256 of the training images and labels, in hexadecimal."""
    return array_digest(data.x_train, data.y_train)


def array_digest(*arrays: np.ndarray) -> str:
    """SHA-256 of the content of ``arrays``, one after another, in hexadecimal."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
