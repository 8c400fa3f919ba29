"""Arrays are written as they lie in C order, and a full disk is an error with its number."""

import errno
from pathlib import Path

import numpy as np
import pytest

from sim.tools.array_file import write_array


def test_what_is_written_are_the_values(tmp_path: Path) -> None:
    array = np.arange(24, dtype=np.int64).reshape(2, 3, 4)[:, ::-1, ::2]
    write_array(array, tmp_path / "words.bin")
    assert np.array_equal(np.fromfile(tmp_path / "words.bin", np.int64), array.ravel())


def test_a_full_disk_is_told_with_its_number() -> None:
    with pytest.raises(OSError, match="No space left on device: '/dev/full'") as caught:
        write_array(np.zeros(3), Path("/dev/full"))
    assert caught.value.errno == errno.ENOSPC


def test_nothing_of_ours_writes_arrays_without_it() -> None:
    rooms = Path(__file__).parents[3]
    found = [str(path.relative_to(rooms)) for room in ("build_flows", "hw", "offramp", "quant_models", "sim")
             for path in sorted((rooms / room).rglob("*.py")) if ".tofile(" in path.read_text(encoding="utf-8")]
    assert found == []
