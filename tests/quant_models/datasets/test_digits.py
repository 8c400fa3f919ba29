import numpy as np

from quant_models.datasets.digits import load_digits


def test_digits_is_always_the_same_split():
    data = load_digits()
    assert (data.x_train.shape, data.x_test.shape) == ((1437, 8, 8, 1), (360, 8, 8, 1))
    assert (data.x_train.dtype, data.y_test.dtype, data.classes, data.shape) == (np.uint8, np.int64, 10, (8, 8, 1))
    assert (data.x_train.min(), data.x_train.max()) == (0, 255)
    again = load_digits()
    assert np.array_equal(data.x_test, again.x_test)
    assert np.bincount(data.y_test).min() >= 34
