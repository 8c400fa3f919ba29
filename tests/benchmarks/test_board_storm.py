"""A storm on boards finds what is planted in the driver, and its figure says so."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.board_storm import NAMES, Stormed, board_storm
from build_flows.base.ui import SilentUi


def test_the_figure_counts_what_all_boards_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []

    class Board:
        def __init__(self, *args: object) -> None:
            pass

        def run(self, count: int, seed: int) -> dict[str, Any]:
            seeds.append(seed)
            wrong = len(seeds) == 2
            return {"answered": count, "wrong": int(wrong), "forgotten": 3, "errors": 1, "refused": 1, "interruptions": 2,
                    "reasons": ["image 7"] if wrong else []}

    monkeypatch.setattr("benchmarks.board_storm.Stormed", Board)
    figure = board_storm(SilentUi(), 5, count=110_000)
    assert figure.value == "110,000 answered, 1 wrong; 44 transfers ended by an error, 88 by Ctrl-C"
    assert not figure.met
    assert "--seed 5 --count 110000" in figure.how
    assert len(set(seeds)) == len(seeds) == 44
    fine = board_storm(SilentUi(), 5, count=110_000, names=("anytime",))
    assert fine.met
    assert not board_storm(SilentUi(), 5, count=1000).met


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize("name", NAMES)
def test_what_is_answered_is_right(name: str, tmp_path: Path, model_cache: Path) -> None:
    found = Stormed(name, tmp_path, model_cache, 1).run(1500, 7)
    assert (found["wrong"], found["reasons"]) == (0, [])
    assert found["answered"] >= 1500
    assert min(found["errors"], found["interruptions"], found["refused"]) > 0


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize(("file", "old", "new"), [
    # Errors are not looked at: what memory gave instead of an image is classified.
    ("dma.py", "        if error:\n", "        if error and False:\n"),
    # Nothing is reset: images that were inside come with the next batch's.
    ("transfer.py", "        self._turn += 1\n        self._length = None\n", "        self._underway = False\n        return\n"),
])
def test_a_planted_fault_is_found(file: str, old: str, new: str, tmp_path: Path, model_cache: Path) -> None:
    board = Stormed("arrival", tmp_path, model_cache, 1)
    path = tmp_path / "package" / "offramp_driver" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    assert board.run(1500, 6)["wrong"] > 0
