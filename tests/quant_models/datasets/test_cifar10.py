import numpy as np
import pytest

from quant_models.datasets.cifar10 import CIFAR10_NAMES, load_cifar10
from quant_models.errors import QuantModelError

FILES = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]


@pytest.fixture
def records(tmp_path):
    """Each of the six files with the ten classes in order; its images, NHWC."""
    images = {}
    for index, name in enumerate(FILES):
        images[name] = np.random.default_rng(index).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
        planes = images[name].transpose(0, 3, 1, 2)
        rows = [bytes([label]) + planes[label].tobytes() for label in range(10)]
        (tmp_path / name).write_bytes(b"".join(rows))
    return images


def test_binary_files(tmp_path, records):
    data = load_cifar10(tmp_path)
    assert (data.name, data.names, data.classes, data.shape) == ("cifar10", CIFAR10_NAMES, 10, (32, 32, 3))
    assert np.array_equal(data.x_train, np.concatenate([records[name] for name in FILES[:5]]))
    assert np.array_equal(data.x_test, records["test_batch.bin"])
    assert data.y_train.tolist() == [*range(10)] * 5
    inside = tmp_path / "cifar-10-batches-bin"
    inside.mkdir()
    for name in FILES:
        (tmp_path / name).rename(inside / name)
    assert np.array_equal(load_cifar10(tmp_path).x_test, data.x_test)


def test_broken_files_are_named(tmp_path, records):
    batch = tmp_path / "data_batch_3.bin"
    whole = batch.read_bytes()
    for size in (len(whole) - 1, 0):
        batch.write_bytes(whole[:size])
        with pytest.raises(QuantModelError, match=rf"data_batch_3\.bin must hold records of 3073 bytes, .*, not {size} bytes"):
            load_cifar10(tmp_path)
    batch.write_bytes(whole[: 3073 * 4] + bytes([10]) + whole[3073 * 4 + 1 :])
    with pytest.raises(QuantModelError, match=r"data_batch_3\.bin: labels must be in 0 to 9, not 10 of record 4"):
        load_cifar10(tmp_path)
    batch.unlink()
    with pytest.raises(QuantModelError, match=r"no data_batch_3\.bin in .*: give the folder of CIFAR-10's binary version"):
        load_cifar10(tmp_path)
