"""What is measured goes into the page and the file; what is not measured now stays as it is."""

import json
from pathlib import Path

import pytest

from benchmarks import trust as measured
from benchmarks.figures import Figure, Figures
from benchmarks.tables import fill
from benchmarks.trust import MEASURES, trust
from build_flows.base.ui import SilentUi, Ui

ROOT = Path(__file__).parents[2]


def one(name: str, value: str) -> Figure:
    return Figure(name=name, target="some", value=value, met=value != "bad", how="by hand")


def test_figures_are_kept_until_they_are_measured_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "trust.md"
    page.write_text("# P\n" + "".join(f"<!-- {part}: begin -->\n<!-- {part}: end -->\n" for part in ("trust", "left", "first")))
    said = {"first": "bad", "second": "good"}

    def first(figures: Figures) -> str:
        figures.add("first", "some", said["first"], said["first"] != "bad", "by hand")
        return "a table\n"

    def second(ui: Ui) -> list[Figure]:
        return [one("second", said["second"])]

    monkeypatch.setattr(measured, "PAGE", page)
    monkeypatch.setattr(measured, "DATA", tmp_path / "trust.json")
    monkeypatch.setattr(measured, "MEASURES", {"first": first, "second": measured._alone(second)})
    trust(SilentUi(), "first")
    assert "**Not measured yet**: second." in page.read_text()
    text = trust(SilentUi())
    assert "Not measured" not in page.read_text()
    assert "| first | some | bad | **missed** | by hand |" in text
    assert "| second | some | good | met | by hand |" in text
    assert "a table" in page.read_text()
    said.update(first="fine", second="other")
    trust(SilentUi(), "first")
    values = {item["name"]: item["value"] for item in json.loads((tmp_path / "trust.json").read_text())["figures"]}
    assert values == {"first": "fine", "second": "good"}


def test_the_page_has_a_place_for_all_that_is_measured() -> None:
    text = (ROOT / "docs" / "trust.md").read_text(encoding="utf-8")
    assert fill(text, {"trust": "x\n", "left": "", "promises": "y\n"}) != text
    assert set(MEASURES) == {"promises", "configurations", "damage", "full disk", "kills", "storm"}
