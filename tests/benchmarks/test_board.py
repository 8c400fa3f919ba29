"""Figures of the board can be measured part by part; those of other parts stay."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import benchmarks.board
from benchmarks.board import main
from benchmarks.figures import Figures


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    def measure(name: str) -> Callable[[Figures], None]:
        return lambda figures: figures.add(f"{name}'s", "1", f"{name} {count[0]}", True, "so")

    count = [1]
    found = tmp_path / "board.md"
    found.write_text("before\n<!-- board benchmark: begin -->\n<!-- board benchmark: end -->\nafter\n")
    monkeypatch.setattr(benchmarks.board, "PAGE", found)
    monkeypatch.setattr(benchmarks.board, "DATA", tmp_path / "board.json")
    for name in benchmarks.board.PARTS:
        monkeypatch.setitem(benchmarks.board.PARTS, name, measure(name))
    assert CliRunner().invoke(main, []).exit_code == 0
    count[0] = 2
    return found


def test_what_is_not_named_stays(page: Path) -> None:
    ran = CliRunner().invoke(main, ["storm", "digits"])
    assert ran.exit_code == 0
    rows = [line.split("|")[3].strip() for line in page.read_text().splitlines() if "'s |" in line]
    assert rows == ["digits 2", "b_lenet 1", "storm 2", "driver 1", "digits_plans 1", "b_lenet_plans 1"]
    assert page.read_text().startswith("before\n")
    assert page.read_text().endswith("after\n")


def test_a_part_that_there_is_none_of_is_told(page: Path) -> None:
    ran = CliRunner().invoke(main, ["strom"])
    assert ran.exit_code == 2
    assert "'strom' is not one of 'digits', 'b_lenet', 'storm'" in ran.output
