import os
import subprocess
import sys

import numpy as np
import pytest

from quant_models.datasets.cache import cached

ARRAYS = {
    "x_train": np.arange(16, dtype=np.uint8).reshape(4, 2, 2, 1), "y_train": np.array([0, 1, 0, 1]),
    "x_test": np.zeros((2, 2, 2, 1), np.uint8), "y_test": np.array([0, 1]),
}
NAMES = ("cat", "dög")


class Source:
    """Counts how often it is decoded."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return {**ARRAYS, "x_test": ARRAYS["x_test"] + self.count}, NAMES


def test_decoded_once_until_the_content_differs(tmp_path):
    folder, source = tmp_path / "made" / "here", Source()
    first = cached(folder, "place", "content", source)
    again, names = cached(folder, "place", "content", source)
    assert source.count == 1
    assert names == NAMES
    for key, value in first[0].items():
        assert np.array_equal(again[key], value)
        assert again[key].dtype == value.dtype
    assert cached(folder, "place", "other", source)[0]["x_test"][0, 0, 0, 0] == 2
    assert len(list(folder.iterdir())) == 1
    cached(folder, "other place", "other", source)
    assert (source.count, len(list(folder.iterdir()))) == (3, 2)


@pytest.mark.parametrize("spoil", [
    lambda raw: raw[:-30], lambda raw: b"", lambda raw: b"hello", lambda raw: raw[:40] + bytes(9) + raw[49:], lambda raw: raw[64:],
    # The names' encoding has no checksum in a zip file.
    lambda raw: raw.replace(b"x_train.npy", b"x_trein.npy"), lambda raw: raw + b"0",
])
def test_a_broken_file_only_costs_the_decoding(tmp_path, spoil):
    source = Source()
    cached(tmp_path, "place", "content", source)
    (file,) = tmp_path.iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    assert np.array_equal(cached(tmp_path, "place", "content", source)[0]["x_train"], ARRAYS["x_train"])
    assert cached(tmp_path, "place", "content", source)[1] == NAMES
    assert source.count == 2


def test_without_a_folder_or_with_one_that_cannot_be_written(tmp_path):
    source = Source()
    (tmp_path / "file").write_text("in the way")
    for folder in (None, tmp_path / "file"):
        assert cached(folder, "place", "content", source)[1] == NAMES
    assert source.count == 2


def test_temporary_files_of_dead_processes_are_removed(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    for name in (f".x.decoded.{dead.pid}.offramp-tmp", f".x.decoded.{os.getppid()}.offramp-tmp", "x.offramp-tmp"):
        (tmp_path / name).touch()
    cached(tmp_path, "place", "content", Source())
    (made,) = tmp_path.glob("*.decoded")
    assert {path.name for path in tmp_path.iterdir()} == {made.name, f".x.decoded.{os.getppid()}.offramp-tmp", "x.offramp-tmp"}
