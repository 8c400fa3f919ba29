"""``offramp train`` ends with what it made."""

import json
from pathlib import Path
from typing import Any

import pytest

from build_flows.base.interval import wilson
from build_flows.cli.train import show_exits
from build_flows.pages.html import share_told
from build_flows.project.load import load as load_config
from build_flows.steps.flow import Trained
from tests.build_flows.cli.stand_in import Flow, offramp
from tests.build_flows.report_samples import exits, metrics


def test_the_exits_are_a_table_and_the_folder_comes_last(
    flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    assert offramp(monkeypatch, "train", config) == 0
    lines = capfd.readouterr().out.splitlines()
    made = exits()
    assert lines[0].startswith(f"digits: {share_told(made.calibration.accuracy, 144)} of 144 validation images right with exits")
    assert lines[-1].endswith("build/digits")
    table = "\n".join(lines)
    for alone, item in zip(metrics().exits, made.exits, strict=True):
        for part in share_told(alone.accuracy, 144).split(" ("):
            assert part in table
        assert f"{100 * item.leave:.2f} %" in table
        assert item.policy in table
    for real in made.calibration.real_thresholds.values():
        assert isinstance(real, float)
        assert f"{real:.4g}" in table


def test_json_is_no_table(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    assert offramp(monkeypatch, "train", config, "--json") == 0
    told = json.loads(capfd.readouterr().out)
    assert told["project"] == "digits"
    made = exits()
    samples = made.calibration.samples
    assert (told["accuracy"], told["samples"]) == (made.calibration.accuracy, samples)
    assert told["accuracy_interval"] == pytest.approx(wilson(made.calibration.accuracy, samples))
    for row, alone, item in zip(told["exits"], metrics().exits, made.exits, strict=True):
        assert row["accuracy_interval"] == pytest.approx(wilson(alone.accuracy, 144))
        assert row["leave_interval"] == pytest.approx(wilson(item.leave, samples))


def test_thresholds_of_classes_are_told_from_least_to_most(config: str, capfd: Any) -> None:
    made = exits()
    calibration = made.calibration.replace(real_thresholds={"0": [0.5, 0.9, 0.7]})
    result = Trained(metrics=metrics(), exits=made.replace(calibration=calibration), subnet=None, mode="all")
    show_exits(load_config(Path(config)), result)
    assert "0.5 to 0.9" in capfd.readouterr().out
