"""A data set is known by the content of its training part."""

import hashlib
from dataclasses import replace

import numpy as np

from quant_models.datasets.base import Dataset
from quant_models.datasets.digest import array_digest, data_digest

X = np.arange(2 * 4, dtype=np.uint8).reshape(2, 2, 2, 1)
DATA = Dataset(name="some", x_train=X, y_train=np.array([0, 1]), x_test=X, y_test=np.array([0, 1]))


def test_it_is_the_sha_of_images_and_labels():
    assert data_digest(DATA) == hashlib.sha256(X.tobytes() + np.array([0, 1]).tobytes()).hexdigest() == array_digest(X, DATA.y_train)


def test_what_it_follows():
    others = [replace(DATA, x_train=X[::-1]), replace(DATA, y_train=np.array([1, 0]))]
    assert len({data_digest(item) for item in (DATA, *others)}) == 3
    assert data_digest(replace(DATA, name="other", x_test=X[:1], y_test=np.array([1]))) == data_digest(DATA)


def test_how_an_array_lies_in_memory_does_not_matter():
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert array_digest(values.T) == array_digest(values.T.copy()) != array_digest(values)
