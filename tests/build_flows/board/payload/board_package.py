"""A package beside a board in plain Python: the scripts and the notebook run on it as they do on a board."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.board import payload
from tests.offramp_driver import fake_board
from tests.offramp_driver.fake_board import FakeBoard

PAYLOAD = Path(payload.__file__).parent

Setup = Callable[..., tuple[FakeBoard, Path]]


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """``setup(count=, **manifest changes)``: a board, and the folder of its package with so many samples."""

    def make(count: int = 30, **changes: Any) -> tuple[FakeBoard, Path]:
        board = FakeBoard(access_cycles=200, **changes)
        monkeypatch.setitem(sys.modules, "pynq", board.pynq)
        fake_board.write_package(tmp_path, **changes)
        images = np.random.default_rng(3).integers(0, 160, (count, 4, 4, 1), dtype=np.uint8)
        images[::3] //= 2
        label, exit_, confidence = fake_board.expected(images)
        np.savez(tmp_path / "samples.npz", images=images, labels=np.where(np.arange(count) % 5, label, 0), expected_label=label,
                 expected_exit=exit_, expected_confidence=confidence)
        assert set(exit_) == {0, 1}
        for name in ("selftest.py", "benchmark.py", "notebook.ipynb"):
            shutil.copyfile(PAYLOAD / name, tmp_path / name)
        return board, tmp_path

    return make


def change_samples(folder: Path, **changes: Callable[[np.ndarray], np.ndarray]) -> None:
    """Replace arrays of the package's samples."""
    with np.load(folder / "samples.npz") as archive:
        arrays = dict(archive)
    np.savez(folder / "samples.npz", **{name: changes[name](value) if name in changes else value for name, value in arrays.items()})
