"""``metrics.json``: how good a network is, and how it came to be."""

from pathlib import Path
from typing import Any

from quant_models.training.records import InputScale, MetricsFile
from tests.artefact_checks import checked

EXIT = {"accuracy": 0.9, "loss": 0.3}
CONTENT: dict[str, Any] = {
    "version": 1, "data": "digits", "input": {"shape": [8, 8, 1], "names": [], "scale": None}, "settings": {"epochs": 3},
    "exits": [EXIT, {**EXIT, "gate_accuracy": 0.8, "gate_auc": None}], "history": [[EXIT, EXIT]], "train_samples": 1293,
    "validation_samples": 144, "scheme": {"name": "joint"}, "kept_epochs": {"joint": {"all": 2}},
}
BARE = {key: value for key, value in CONTENT.items() if key not in ("scheme", "kept_epochs")}


def test_a_training(tmp_path: Path) -> None:
    found = checked(MetricsFile, CONTENT, tmp_path)
    assert (found.input.shape, found.kept_epochs) == ((8, 8, 1), {"joint": {"all": 2}})
    assert (found.taken, found.import_, found.own) == (None, None, None)


def test_networks_that_came_another_way(tmp_path: Path) -> None:
    own = {"from": "mine:net", "weights": None, "compared_with": "your module", "images": 1200, "rounded": 0}
    layers = {"float": [EXIT], "quantised": [EXIT], "layers": {"stage0_conv0": "conv1"}, "calibration_images": 300}
    for key, value in (("taken", {"digest": "ab", "exits": [0, 2]}), ("import", layers), ("own", own)):
        found = checked(MetricsFile, {**BARE, "settings": None, "history": [], key: value}, tmp_path)
        assert [item is not None for item in (found.taken, found.import_, found.own)].count(True) == 1


def test_sensor_windows_have_a_scale(tmp_path: Path) -> None:
    scale = {"low": [-1.5, 0.0], "step": [0.01, 0.5]}
    found = checked(MetricsFile, {**BARE, "input": {"shape": [128, 1, 2], "names": ["a", "b"], "scale": scale}}, tmp_path)
    assert found.input.scale == InputScale(low=[-1.5, 0.0], step=[0.01, 0.5])
