"""``exits.json``: where samples leave, and how that was found."""

from pathlib import Path
from typing import Any

from quant_models.exits.records import ExitsFile
from tests.artefact_checks import checked

EXIT: dict[str, Any] = {
    "index": 0, "policy": "max_logit", "threshold": 37, "enabled": True, "scale": 0.0123, "params": {}, "reach": 1.0, "leave": 0.74,
    "accuracy": None,
}
CALIBRATION: dict[str, Any] = {
    "wanted": {"accuracy_loss": 0.005}, "samples": 144, "accuracy": 0.97, "last_exit_accuracy": 0.98, "exit_accuracy": [0.9, 0.98],
    "real_thresholds": {"0": 0.5, "1": [0.25, 0.5]}, "epsilon": {"0": 0.0009},
}


def test_exits(tmp_path: Path) -> None:
    exits = [EXIT, {**EXIT, "index": 1, "policy": "always"}]
    found = checked(ExitsFile, {"version": 1, "exits": exits, "calibration": CALIBRATION}, tmp_path)
    assert [item.scaled for item in found.exits] == [False, False]
    assert found.calibration.real_thresholds["1"] == [0.25, 0.5]


def test_what_a_policy_or_a_temperature_adds(tmp_path: Path) -> None:
    exits = [{**EXIT, "policy": "gate", "params": {"gate_bits": 9}, "gate_scale": 0.25}, {**EXIT, "index": 1, "temperature": 1.0}]
    scaled = {"temperature": 1.0, "log_loss": 0.5, "ece": 0.02, "log_loss_scaled": 0.5, "ece_scaled": 0.02}
    calibration = {**CALIBRATION, "wanted": {"mean_cost": 0.7, "cost": "MACs"}, "mean_cost": 0.69, "temperature": [scaled]}
    found = checked(ExitsFile, {"version": 1, "exits": exits, "calibration": calibration}, tmp_path)
    # A temperature of one is a temperature of its own.
    assert [item.scaled for item in found.exits] == [False, True]
    assert (found.exits[0].gate_scale, found.calibration.wanted.cost) == (0.25, "MACs")
