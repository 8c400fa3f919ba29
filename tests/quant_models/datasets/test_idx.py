import gzip

import numpy as np
import pytest

from quant_models.datasets.idx import load_idx
from quant_models.errors import QuantModelError


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
        load_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y[:2])))
    data = load_idx(tmp_path)
    assert np.array_equal(data.x_train[..., 0], x)
    assert np.array_equal(data.y_test, y[:2])
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y[:2])[:-1]))
    with pytest.raises(QuantModelError, match="holds 1 bytes where its header says 2"):
        load_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(y[:2]))[:-9])
    with pytest.raises(QuantModelError, match="cannot be read"):
        load_idx(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(idx(x)))
    with pytest.raises(QuantModelError, match="no IDX file of type 2049"):
        load_idx(tmp_path)


def test_a_file_that_says_or_holds_too_much_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12))
    with pytest.raises(QuantModelError, match=r"4294967295 x 4294967295 x 4294967295 would take .* GiB of memory; at most 8 are allowed"):
        load_idx(tmp_path)
    path.write_bytes(gzip.compress(idx(np.zeros((1, 4, 4))) + bytes(1 << 20)))
    with pytest.raises(QuantModelError, match="holds more than 16 bytes where its header says 1 x 4 x 4"):
        load_idx(tmp_path)
