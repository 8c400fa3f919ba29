"""Figures are told, shown and written as they were measured."""

import json
import subprocess
import sys

import pytest

from benchmarks.figures import SEED, Figures, figure_table, machine, run_json, step_seconds, sure_share
from benchmarks.tables import marks
from build_flows.base.errors import OfframpError
from build_flows.base.ui import SilentUi
from build_flows.steps import engine


def test_figures_go_into_the_page_and_beside_it(tmp_path):
    page, data = tmp_path / "page.md", tmp_path / "data.json"
    begin, end = marks("some figures")
    page.write_text(f"# Page\n{begin}old\n{end}more\n")
    figures = Figures(SilentUi())
    figures.add("speed", "at least 5", "7", True, "`run`")
    figures.add("size", "at most 3", "4", False, "`look`")
    text = figures.write(page, "some figures", data)
    assert text == f"{machine()}; seed {SEED}.\n\n{figure_table(figures.found)}"
    assert page.read_text() == f"# Page\n{begin}{text}{end}more\n"
    assert "| speed | at least 5 | 7 | met | `run` |" in page.read_text()
    assert "| size | at most 3 | 4 | **missed** | `look` |" in page.read_text()
    assert [item["met"] for item in json.loads(data.read_text())["figures"]] == [True, False]


def test_figures_of_parts_that_are_not_measured_stay(tmp_path):
    page, data = tmp_path / "page.md", tmp_path / "data.json"
    page.write_text("".join(marks("p")))
    figures = Figures(SilentUi())
    for part in ("a", "b", "a"):
        figures.part = part
        figures.add(f"of {part}", "any", "1", True, "so")
    figures.write(page, "p", data)
    again = Figures(SilentUi())
    again.keep("a", data)
    assert again.found == [item for item in figures.found if item.part == "a"]
    again.keep("a", tmp_path / "absent.json")
    assert len(again.found) == 2


def test_a_command_that_fails_is_no_figure(tmp_path):
    program = "import sys; print('{\"a\": 1}'); sys.exit(int(sys.argv[1]))"
    assert run_json([sys.executable, "-c", program, "0"], tmp_path) == {"a": 1}
    with pytest.raises(subprocess.CalledProcessError):
        run_json([sys.executable, "-c", program, "1"], tmp_path)
    assert run_json([sys.executable, "-c", program, "1"], tmp_path, check=lambda code: code == 1) == {"a": 1}


def test_the_seconds_of_steps_are_those_in_their_stamps(tmp_path):
    (tmp_path / ".steps").mkdir()
    for name, seconds in (("one", 3.5), ("two", 2.25)):
        (tmp_path / ".steps" / f"{name}.json").write_text(json.dumps({"version": engine.VERSION, "seconds": seconds}))
    assert step_seconds(tmp_path, "one", "two") == 5.75
    with pytest.raises(OfframpError, match=r"three\.json is missing"):
        step_seconds(tmp_path, "three")


def test_a_share_has_its_interval():
    assert sure_share(0.9, 100) == "90.00 % (82.56 to 94.48)"  # Wilson's score interval
    assert sure_share(1.0, 10) == "100.00 % (72.25 to 100.00)"
