"""Figures are told, shown and written as they were measured."""

import json
import subprocess
import sys

import pytest

from benchmarks.figures import Figures, between, run_json, table
from build_flows.base.ui import SilentUi

MARKS = ("<!-- a -->", "<!-- b -->")


def test_the_table_replaces_what_stood_between_its_marks():
    text = f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n"
    assert between(text, MARKS, "| new |\n") == f"before\n{MARKS[0]}\n| new |\n{MARKS[1]}\nafter\n"


def test_figures_go_into_the_page_and_beside_it(tmp_path):
    page, data = tmp_path / "page.md", tmp_path / "data.json"
    page.write_text(f"# Page\n{MARKS[0]}\n{MARKS[1]}\nmore\n")
    figures = Figures(SilentUi())
    figures.add("speed", "at least 5", "7", True, "`run`")
    figures.add("size", "at most 3", "4", False, "`look`")
    text = figures.write(page, MARKS, data)
    assert text == table(figures.found)
    assert "| speed | at least 5 | 7 | met | `run` |" in page.read_text()
    assert "| size | at most 3 | 4 | **missed** | `look` |" in page.read_text()
    assert page.read_text().endswith("more\n")
    assert [item["met"] for item in json.loads(data.read_text())["figures"]] == [True, False]


def test_a_command_that_fails_is_no_figure(tmp_path):
    program = "import sys; print('{\"a\": 1}'); sys.exit(int(sys.argv[1]))"
    assert run_json([sys.executable, "-c", program, "0"], tmp_path) == {"a": 1}
    with pytest.raises(subprocess.CalledProcessError):
        run_json([sys.executable, "-c", program, "1"], tmp_path)
    assert run_json([sys.executable, "-c", program, "1"], tmp_path, check=lambda code: code == 1) == {"a": 1}
