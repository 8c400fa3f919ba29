import dataclasses

import numpy as np
import pytest
import torch

from quant_models.checkpoint import load_checkpoint, load_model
from quant_models.data import Dataset, load
from quant_models.errors import QuantModelError
from quant_models.integers import integer_logits
from quant_models.presets import preset
from quant_models.train import TrainSettings, evaluate, train

SPEC = preset("digits")


@pytest.fixture(scope="module")
def few():
    data = load("digits")
    return dataclasses.replace(data, x_train=data.x_train[:240], y_train=data.y_train[:240])


SETTINGS = TrainSettings(epochs=3, batch=40, shift=1, flip=True, exit_weights=(1.0, 0.5, 2.0), seed=5)


class Stop(Exception):
    """What Ctrl-C would be."""


def test_interrupted_run_ends_as_the_uninterrupted_one(tmp_path, few):
    whole = train(SPEC, few, SETTINGS, tmp_path / "whole")

    def stop(progress):
        if progress.epoch == 1 and progress.step == 2:
            raise Stop

    with pytest.raises(Stop):
        train(SPEC, few, SETTINGS, tmp_path / "parts", stop)
    assert not (tmp_path / "parts").exists()
    seen = []
    parts = train(SPEC, few, SETTINGS, tmp_path / "parts", seen.append)
    assert seen[0].epoch == 1
    assert parts == whole
    assert (tmp_path / "parts").read_bytes() == (tmp_path / "whole").read_bytes()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["parts", "whole"]
    assert load_checkpoint(tmp_path / "whole").progress["metrics"] == whole


def test_other_settings_start_afresh(tmp_path, few):
    def stop(progress):
        if progress.accuracy:
            raise Stop

    with pytest.raises(Stop):
        train(SPEC, few, SETTINGS, tmp_path / "net", stop)
    seen = []
    train(SPEC, few, dataclasses.replace(SETTINGS, epochs=1, seed=6), tmp_path / "net", seen.append)
    assert seen[0].epoch == 0


def test_interrupted_run_leaves_the_earlier_checkpoint(tmp_path, few):
    train(SPEC, few, dataclasses.replace(SETTINGS, epochs=1), tmp_path / "net")
    before = (tmp_path / "net").read_bytes()

    def stop(progress):
        raise Stop

    with pytest.raises(Stop):
        train(SPEC, few, SETTINGS, tmp_path / "net", stop)
    assert (tmp_path / "net").read_bytes() == before


def test_training_learns_and_reports(tmp_path):
    data = load("digits")
    data = dataclasses.replace(data, x_train=data.x_train[:720], y_train=data.y_train[:720])
    state, seen = torch.get_rng_state(), []
    metrics = train(SPEC, data, TrainSettings(epochs=10, batch=24, validation=0.2), tmp_path / "net", seen.append)
    assert torch.equal(torch.get_rng_state(), state)
    assert len(seen) == 10 * (576 // 24)
    assert [item.accuracy is not None for item in seen].count(True) == 10
    assert (metrics["train_samples"], metrics["validation_samples"], len(metrics["history"])) == (576, 144, 10)
    model = load_model(tmp_path / "net", SPEC)
    found = evaluate(model, data.x_test, data.y_test)
    assert len(found) == 3
    assert all(item["accuracy"] > 0.5 for item in found)
    right = [(logits.argmax(1) == data.y_test).mean() for logits in integer_logits(model, data.x_test)]
    assert np.allclose(right, [item["accuracy"] for item in found], atol=0.006)
    assert all((value > 0).all() for key, value in model.state_dict().items() if key.endswith("norm.weight"))


@pytest.mark.parametrize(("changes", "message"), [
    ({"epochs": 0}, "epochs must be at least 1, not 0"),
    ({"batch": 1}, "batch must be at least 2, not 1"),
    ({"learning_rate": 0.0}, "learning_rate must be between 0 and 1, not 0.0"),
    ({"warmup": 2.0}, "warmup must be 0 to 1, not 2.0"),
    ({"shift": -1}, "shift must be at least 0, not -1"),
])
def test_settings_are_checked(changes, message):
    with pytest.raises(QuantModelError, match=message):
        TrainSettings(**{"epochs": 1, **changes})


def test_data_and_net_must_fit(tmp_path, few):
    with pytest.raises(QuantModelError, match=r"images of digits are \(8, 8, 1\), the network b_lenet takes \(28, 28, 1\)"):
        train(preset("b_lenet"), few, SETTINGS, tmp_path / "net")
    with pytest.raises(QuantModelError, match="digits has 10 classes, the network digits has 9"):
        train(preset("digits", classes=9), few, SETTINGS, tmp_path / "net")
    with pytest.raises(QuantModelError, match=r"exit_weights must be 3 numbers, not negative and not all zero, not \(1.0,\)"):
        train(SPEC, few, dataclasses.replace(SETTINGS, exit_weights=(1.0,)), tmp_path / "net")
    one = Dataset(name="one", x_train=few.x_train[:9], y_train=few.y_train[:9] * 0, x_test=few.x_test[:1], y_test=few.y_test[:1] * 0)
    with pytest.raises(QuantModelError, match="batch must be at most the 8 training samples, not 40"):
        train(SPEC, one, SETTINGS, tmp_path / "net")
