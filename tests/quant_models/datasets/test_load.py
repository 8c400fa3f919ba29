import numpy as np
import pytest

from quant_models.datasets.load import load, split
from quant_models.errors import QuantModelError


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


def test_each_name_reaches_its_source(tmp_path):
    labels = np.array([0, 1])
    windows = {"x_train": np.array([[1.0, 2], [3, 4]]), "y_train": labels, "x_test": np.array([[1.0, 2], [3, 4]]), "y_test": labels}
    np.savez(tmp_path / "windows.npz", **windows)
    np.savez(tmp_path / "mine.npz", **{**windows, **{f"x_{part}": np.zeros((2, 3, 4), np.uint8) for part in ("train", "test")}})
    assert load("sensors", tmp_path / "windows.npz").shape == (2, 1, 1)
    assert load("mine.npz", tmp_path).shape == (3, 4, 1)
    with pytest.raises(QuantModelError, match=r"no train-images-idx3-ubyte\(\.gz\)"):
        load("fashion_mnist", tmp_path)
    with pytest.raises(QuantModelError, match=r"no data_batch_1\.bin"):
        load("cifar10", tmp_path)
    with pytest.raises(QuantModelError, match=r"must hold train/<class>/"):
        load("folder", tmp_path)


def test_unknown_data_set_or_option():
    with pytest.raises(QuantModelError, match=r"one of digits, fashion_mnist, folder, cifar10, sensors or the path of an \.npz, not 'c'"):
        load("c")
    with pytest.raises(QuantModelError, match="data set cifar10 needs the place of its files"):
        load("cifar10")
    with pytest.raises(QuantModelError, match="resize and channels are for image folders, not for digits"):
        load("digits", resize=(4, 4))
