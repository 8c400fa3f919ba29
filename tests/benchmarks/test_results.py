"""Running and keeping results, on the small project of this folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks import results
from benchmarks.results_records import Entry, ResultsFile
from benchmarks.results_runs import CIFAR10, RUNS, Run
from build_flows.project.load import Project
from build_flows.steps.data import project_dataset
from sim import golden
from tests.benchmarks.results_samples import entry


@pytest.mark.cosim
def test_figures_are_those_of_the_golden_model(tiny: Project) -> None:
    found = results.measure(tiny)
    data = project_dataset(tiny)
    logits = golden.load(tiny.output / "golden.npz").run(data.x_test)
    wanted = golden.decide(logits, golden.load_exits(tiny.output / "exits.json"))
    assert found.accuracy == pytest.approx((wanted.label == data.y_test).mean())
    assert found.exit_share == pytest.approx([(wanted.exit == k).mean() for k in range(3)])
    assert found.exit_accuracy == pytest.approx([(item.argmax(1) == data.y_test).mean() for item in logits])
    assert [row.strength for row in found.noisy] == [1, 2, 3, 4, 5]
    assert np.mean(found.noisy[4].exit_accuracy) < np.mean(found.exit_accuracy)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, place in (("DOCS", tmp_path / "docs"), ("WORK", tmp_path / "work")):
        place.mkdir()
        monkeypatch.setattr(results, name, place)
    return tmp_path


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(results.main, words)
    return found.exit_code, found.output


@pytest.mark.slow
def test_measured_runs_are_kept_and_others_are_made(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def measured(item: Run, project: Project, ui: Any) -> Entry:
        made.append(item.name)
        return entry(item.scheme, item.seed, name=item.name, settings={"train": dict(item.train), item.scheme: dict(item.own)})

    monkeypatch.setattr(results, "_entry", measured)
    monkeypatch.setattr(results, "load", lambda file: file)
    names = [item.name for item in RUNS if item.scheme == "joint" and item.network == "b_lenet"]
    for name in reversed(names):
        assert run("--only", name)[0] == 0
    assert run("--only", "b_lenet-*-joint-*")[0] == 0
    assert made == names[::-1]
    kept = json.loads((places / "docs" / "results.json").read_text(encoding="utf-8"))
    assert [item["name"] for item in kept["entries"]] == names
    assert "RESULTS.md" in {item.name for item in (places / "docs").iterdir()}
    assert f"measured  {names[0]}" in run("--list")[1]
    assert run("--only", names[0], "--again")[0] == 0
    assert made[-1] == names[0]


def test_other_settings_are_measured_again(places: Path) -> None:
    item = RUNS[-1]
    settings = {"train": {**item.train, "epochs": 1}, item.scheme: dict(item.own)}
    (places / "docs" / "results.json").write_text(ResultsFile(entries=[entry(name=item.name, settings=settings)]).dump())
    assert f"-         {item.name}" in run("--list", "--only", item.name)[1]


def test_a_name_that_no_run_has_and_missing_data_are_one_line_each(places: Path) -> None:
    code, text = run("--only", "nonsense")
    assert code == 1
    assert "no run is called nonsense" in text
    name = next(item.name for item in RUNS if item.data == CIFAR10)
    code, text = run("--only", name)
    assert code == 1
    assert f"{name} needs CIFAR-10" in text
    assert "Traceback" not in text
