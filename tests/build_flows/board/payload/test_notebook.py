"""The notebook's cells, run in order as Jupyter would."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.build_flows.board.payload.board_package import PAYLOAD, Setup
from tests.offramp_driver.fake_board import by_class, manifest

TEXT = (PAYLOAD / "notebook.ipynb").read_text(encoding="utf-8")
NOTEBOOK = json.loads(TEXT)
CODE = ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(autouse=True)
def _no_screen() -> Any:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    before = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


def run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the cells leave in their variables."""
    monkeypatch.chdir(folder)
    space: dict[str, Any] = {"__name__": "__main__"}
    for number, cell in enumerate(CODE):
        exec(compile(cell, f"cell {number}", "exec"), space)
    return space


def test_it_is_a_clean_notebook() -> None:
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    assert json.dumps(NOTEBOOK, indent=1, sort_keys=True, ensure_ascii=False) + "\n" == TEXT
    cells = NOTEBOOK["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells)
    assert {cell["cell_type"] for cell in cells} == {"markdown", "code"}
    for cell in cells:
        own = set(cell) - {"cell_type", "id", "metadata", "source"}
        assert own == ({"execution_count", "outputs"} if cell["cell_type"] == "code" else set())
        assert (cell.get("execution_count"), cell.get("outputs", [])) == (None, [])
    assert NOTEBOOK["metadata"]["kernelspec"]["name"] == "python3"


def test_cells_run_in_order(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import matplotlib.pyplot as plt

    board, folder = setup(30)
    space = run(folder, monkeypatch)
    printed = capsys.readouterr().out
    assert "30 of 30 as the golden model has them" in printed
    assert "exit 0: max_logit, enabled, threshold 128 within (-256, 256), stands for: logit" in printed
    assert "30 images in, 30 results out" in printed
    assert len(plt.get_fignums()) == 2
    assert board.thresholds == [128, 0]
    assert board.buffers == []
    # The sweep goes from where all leave at the first exit to where none does, and no further.
    greatest = space["images"].reshape(30, -1).max(1)
    thresholds, shares, accuracy = zip(*space["sweep"], strict=True)
    assert (thresholds[0], thresholds[-1]) == (greatest.min(), greatest.max() + 1)
    assert (shares[0], shares[-1]) == ([1.0, 0.0], [0.0, 1.0])
    assert [first for first, _ in shares] == [np.mean(greatest >= threshold) for threshold in thresholds]
    assert set(accuracy) == {float(np.mean(space["results"].label == space["labels"]))}


def test_thresholds_of_classes(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    board, folder = setup(20, exits=by_class([128] * 5))
    space = run(folder, monkeypatch)
    assert len(space["sweep"]) > 5
    assert board.table == [128] * 5


def test_no_early_exit_with_a_threshold(setup: Setup, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    first, last = manifest()["exits"]
    _, folder = setup(20, exits=[{**first, "policy": "never", "threshold_range": None}, last])
    space = run(folder, monkeypatch)
    assert space["sweep"] == []
    assert "this network has no early exit with a threshold" in capsys.readouterr().out
