"""The handwritten digits that ship with scikit-learn."""

import numpy as np

from quant_models.datasets.base import Dataset, stratified

__all__ = ["load_digits"]

DIGITS_TEST = 360
SPLIT_SEED = 2024


def load_digits() -> Dataset:
    """1437 training and 360 test images of 8x8x1, always the same ones; 10 classes."""
    # sklearn takes seconds to import and only this data set needs it.
    from sklearn.datasets import load_digits as load

    raw = load()
    # 0..16 to 0..255, rounded in integers so that every machine has the same pixels.
    x = ((raw.images.astype(np.int64) * 255 + 8) // 16).astype(np.uint8)[..., np.newaxis]
    y = raw.target.astype(np.int64)
    test = stratified(y, DIGITS_TEST, SPLIT_SEED)
    return Dataset(name="digits", x_train=x[~test], y_train=y[~test], x_test=x[test], y_test=y[test])
