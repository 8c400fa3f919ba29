"""A board to open, with its package."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from offramp_driver import Accelerator
from tests.offramp_driver.fake_board import FakeBoard, write_package


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., tuple[FakeBoard, Accelerator]]]:
    """``opened(open={...}, **manifest changes)`` gives a board and its opened accelerator.

    All are closed in the end, must have given all memory back, and written nothing into it since."""
    made: list[tuple[FakeBoard, Accelerator]] = []

    def make(board: FakeBoard | None = None, *, open: dict[str, Any] | None = None, **changes: Any) -> tuple[FakeBoard, Accelerator]:
        board = FakeBoard(**changes) if board is None else board
        monkeypatch.setitem(sys.modules, "pynq", board.pynq)
        found = Accelerator(write_package(tmp_path, **changes), **(open or {}))
        made.append((board, found))
        return board, found

    yield make
    for board, acc in made:
        board.faults.clear()
        acc.close()
    for board, _ in made:
        assert board.buffers == []
        assert board.given_back_is_left_alone
