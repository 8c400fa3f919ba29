import io
import zipfile

import numpy as np
import pytest

from quant_models.datasets import limits
from quant_models.datasets.base import KEYS
from quant_models.datasets.npz import load_npz, read_npz
from quant_models.errors import QuantModelError

GOOD = {
    "x_train": np.zeros((4, 5, 6, 3), np.uint8), "y_train": np.array([0, 1, 2, 1]),
    "x_test": np.zeros((3, 5, 6, 3), np.uint8), "y_test": np.array([0, 1, 2], np.uint8),
}


def test_npz(tmp_path):
    np.savez(tmp_path / "mine.npz", **GOOD)
    data = load_npz(tmp_path / "mine.npz")
    assert (data.name, data.shape, data.classes, data.y_test.dtype) == ("mine", (5, 6, 3), 3, np.int64)
    assert (data.names, data.scale) == ((), None)
    np.savez(tmp_path / "grey.npz", **{**GOOD, "x_train": GOOD["x_train"][..., 0], "x_test": GOOD["x_test"][..., 0]})
    assert load_npz(tmp_path / "grey.npz").shape == (5, 6, 1)


@pytest.mark.parametrize(("changes", "message"), [
    ({"x_test": None}, "lacks x_test; it must hold x_train, y_train, x_test, y_test"),
    ({"x_train": np.zeros((4, 5, 6, 3))}, "x_train must be uint8, not float64"),
    ({"x_train": np.zeros((4, 30), np.uint8)}, r"x_train must be \[n, height, width\(, channels\)\], none of them zero, not \[4, 30\]"),
    ({"x_test": np.zeros((3, 5, 7, 3), np.uint8)}, r"one image shape, not \[5, 6, 3\] and \[5, 7, 3\]"),
    ({"y_train": np.array([0.0, 1, 2, 1])}, "y_train must be integers, not float64"),
    ({"y_train": np.array([0, 1])}, r"y_train must be \[4\] as x_train is, not \[2\]"),
    ({"y_test": np.array([0, -1, 2])}, "y_test must be in 0 to 999, not -1 to 2"),
    ({"y_test": np.array([0, 1000, 2])}, "y_test must be in 0 to 999, not 0 to 1000"),
    ({"y_train": np.zeros(4, int), "y_test": np.zeros(3, int)}, "needs at least 2 classes, not 1"),
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
    # A header of more than there is memory for, or of no shape that numpy has.
    vast, none = ("(4000000000000000, )", "does not fit into memory .Unable to allo"), ("(-1, )", r"plain arrays \((?!pickled)")
    for shape, message in (vast, none):
        text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}}}".encode().ljust(117) + b"\n"
        with zipfile.ZipFile(tmp_path / "vast.npz", "w") as file:
            file.writestr("x_train.npy", b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
        with pytest.raises(QuantModelError, match=rf"vast\.npz .*{message}"):
            load_npz(tmp_path / "vast.npz")
    buffer = io.BytesIO()
    np.save(buffer, np.zeros(3))
    (tmp_path / "array.npz").write_bytes(buffer.getvalue())
    with pytest.raises(QuantModelError, match=r"is not an \.npz file"):
        load_npz(tmp_path / "array.npz")
    np.savez(tmp_path / "whole.npz", **GOOD)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "whole.npz").read_bytes()[:-40])
    with pytest.raises(QuantModelError, match=r"cannot be read as \.npz"):
        load_npz(tmp_path / "cut.npz")


def test_arrays_beyond_the_memory_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "x.npz"
    np.savez_compressed(path, **{key: np.zeros(1000, np.uint8) for key in KEYS})
    monkeypatch.setattr(limits, "MOST_BYTES", 4000)
    with pytest.raises(QuantModelError, match=r"x\.npz: its arrays would take"):
        read_npz(path)
    monkeypatch.undo()
    head = np.lib.format.magic(1, 0)
    told = b"{'descr': '|u1', 'fortran_order': False, 'shape': (1125899906842624,), }"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("x_train.npy", head + (len(told) + 1).to_bytes(2, "little") + told + b"\n")
    with pytest.raises(QuantModelError, match=r"x\.npz does not fit into memory"):
        read_npz(path, ("x_train",))
