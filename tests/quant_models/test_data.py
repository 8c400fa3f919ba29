import gzip
import io

import numpy as np
import pytest

from quant_models.data import load, load_npz, split
from quant_models.errors import QuantModelError


def test_digits_is_always_the_same_split():
    data = load("digits")
    assert (data.x_train.shape, data.x_test.shape) == ((1437, 8, 8, 1), (360, 8, 8, 1))
    assert (data.x_train.dtype, data.y_test.dtype, data.classes, data.shape) == (np.uint8, np.int64, 10, (8, 8, 1))
    assert (data.x_train.min(), data.x_train.max()) == (0, 255)
    again = load("digits")
    assert np.array_equal(data.x_test, again.x_test)
    assert np.bincount(data.y_test).min() >= 34


def test_validation_split_is_stratified_seeded_and_disjoint():
    data = load("digits")
    kept, held = split(data, 0.1, 7)
    assert len(held) == 144
    assert sorted([*kept, *held]) == list(range(1437))
    assert np.bincount(data.y_train[held]).min() >= 13
    assert np.array_equal(held, split(data, 0.1, 7)[1])
    assert not np.array_equal(held, split(data, 0.1, 8)[1])
    with pytest.raises(QuantModelError, match=r"between 0 and 0\.5, not 0\.5"):
        split(data, 0.5, 0)


def idx(array):
    head = (2051 if array.ndim == 3 else 2049).to_bytes(4, "big") + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(np.uint8).tobytes()


def test_idx_files(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (6, 4, 4)), np.array([0, 1, 0, 1, 0, 1])
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx(x))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx(y))
    (tmp_path / "t10k-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(x[:2])))
    with pytest.raises(QuantModelError, match=r"no t10k-labels-idx1-ubyte\(.gz\) in .*dataset-fashion-mnist"):
        load("fashion_mnist", tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y[:2])))
    data = load("fashion_mnist", tmp_path)
    assert np.array_equal(data.x_train[..., 0], x)
    assert np.array_equal(data.y_test, y[:2])
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y[:2])[:-1]))
    with pytest.raises(QuantModelError, match="holds 1 bytes where its header says 2"):
        load("fashion_mnist", tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y[:2]))[:-9])
    with pytest.raises(QuantModelError, match="cannot be read"):
        load("fashion_mnist", tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(x)))
    with pytest.raises(QuantModelError, match="no IDX file of type 2049"):
        load("fashion_mnist", tmp_path)


GOOD = {
    "x_train": np.zeros((4, 5, 6, 3), np.uint8), "y_train": np.array([0, 1, 2, 1]),
    "x_test": np.zeros((2, 5, 6, 3), np.uint8), "y_test": np.array([0, 1], np.uint8),
}


def test_npz(tmp_path):
    np.savez(tmp_path / "mine.npz", **GOOD)
    data = load("mine.npz", tmp_path)
    assert (data.name, data.shape, data.classes, data.y_test.dtype) == ("mine", (5, 6, 3), 3, np.int64)
    np.savez(tmp_path / "grey.npz", **{**GOOD, "x_train": GOOD["x_train"][..., 0], "x_test": GOOD["x_test"][..., 0]})
    assert load_npz(tmp_path / "grey.npz").shape == (5, 6, 1)


@pytest.mark.parametrize(("changes", "message"), [
    ({"x_test": None}, "lacks x_test; it must hold x_train, y_train, x_test, y_test"),
    ({"x_train": np.zeros((4, 5, 6, 3))}, "x_train must be uint8, not float64"),
    ({"x_train": np.zeros((4, 30), np.uint8)}, r"x_train must be \[n, height, width\(, channels\)\], none of them zero, not \[4, 30\]"),
    ({"x_test": np.zeros((2, 5, 7, 3), np.uint8)}, r"one image shape, not \[5, 6, 3\] and \[5, 7, 3\]"),
    ({"y_train": np.array([0.0, 1, 2, 1])}, "y_train must be integers, not float64"),
    ({"y_train": np.array([0, 1])}, r"y_train must be \[4\] as x_train is, not \[2\]"),
    ({"y_test": np.array([0, -1])}, "y_test must be in 0 to 999, not -1 to 0"),
    ({"y_test": np.array([0, 1000])}, "y_test must be in 0 to 999, not 0 to 1000"),
    ({"y_train": np.zeros(4, int), "y_test": np.zeros(2, int)}, "needs at least 2 classes, not 1"),
    ({"y_train": np.array([0, 1, None, 2], object)}, "pickled objects are never loaded"),
])
def test_wrong_npz_says_what_is_wrong(tmp_path, changes, message):
    np.savez(tmp_path / "bad.npz", **{key: value for key, value in {**GOOD, **changes}.items() if value is not None})
    with pytest.raises(QuantModelError, match=message):
        load_npz(tmp_path / "bad.npz")


def test_files_that_are_no_npz(tmp_path):
    with pytest.raises(QuantModelError, match="does not exist"):
        load_npz(tmp_path / "none.npz")
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(QuantModelError, match=r"not an \.npz file of plain arrays"):
        load_npz(tmp_path / "text.npz")
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    (tmp_path / "array.npz").write_bytes(buffer.getvalue())
    with pytest.raises(QuantModelError, match=r"is not an \.npz file"):
        load_npz(tmp_path / "array.npz")
    np.savez(tmp_path / "whole.npz", **GOOD)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-40])
    with pytest.raises(QuantModelError, match=r"cannot be read as \.npz"):
        load_npz(tmp_path / "cut.npz")


def test_unknown_data_set():
    with pytest.raises(QuantModelError, match=r"one of digits, fashion_mnist or the path of an \.npz file, not 'cifar'"):
        load("cifar")
