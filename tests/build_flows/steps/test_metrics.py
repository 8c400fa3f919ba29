"""What every way to a network leaves of what was measured, and when its thresholds may have been seen before."""

from pathlib import Path

import pytest

from build_flows.base.files import read_json
from build_flows.project.load import Project
from build_flows.steps.data import Held, project_dataset
from build_flows.steps.metrics import warn_of_other_split, write_metrics
from quant_models.datasets.digest import data_digest
from tests.build_flows.alone import work_of
from tests.build_flows.uis import Listening


def test_the_file_says_of_what_data(small: Project, tmp_path: Path) -> None:
    data = project_dataset(small)
    found = {"settings": None, "exits": [{"accuracy": 0.5, "loss": 1.5}], "history": [], "train_samples": 9, "validation_samples": 3}
    write_metrics(work_of(small, tmp_path), data, found)
    assert read_json(tmp_path / "metrics.json") == {
        "version": 1, "data": data.name, "input": {"shape": [8, 8, 1], "names": [], "scale": None}, **found,
    }


@pytest.mark.parametrize(("trained", "warned"), [
    ({}, False), ({"data": "other"}, True), ({"validation": 0.3}, True), ({"seed": 2}, True), ({"settings": None}, True),
])
def test_weights_of_another_split_are_told(trained: dict[str, object], warned: bool, small: Project, tmp_path: Path) -> None:
    ui, data = Listening(), project_dataset(small)
    settings = {"validation": 0.2, "seed": 1} | {key: value for key, value in trained.items() if key in ("validation", "seed")}
    run = {"data": data_digest(data), "settings": settings} | {key: value for key, value in trained.items() if key in ("data", "settings")}
    warn_of_other_split(Held(fraction=0.2, seed=1), run, data, work_of(small, tmp_path, ui))
    assert [line[:52] for line in ui.said] == (["warning: the weights were trained with other images,"] if warned else [])
