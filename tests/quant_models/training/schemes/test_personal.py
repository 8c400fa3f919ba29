"""One user's heads: nothing but the early heads' weights differs."""

import dataclasses

import numpy as np
import pytest
import torch

from quant_models.datasets.load import load
from quant_models.errors import QuantModelError
from quant_models.integers.view import integer_logits
from quant_models.networks.checkpoint import load_checkpoint, load_model
from quant_models.networks.layouts import layout
from quant_models.networks.presets import preset
from quant_models.training.evaluate import evaluate
from quant_models.training.schemes import Personal, personal_data
from quant_models.training.train import TrainSettings, train

SPEC = preset("digits")
SETTINGS = TrainSettings(epochs=20, batch=20, validation=0.2, seed=3)


@pytest.fixture(scope="module")
def data():
    found = load("digits")
    return dataclasses.replace(found, x_train=found.x_train[:400], y_train=found.y_train[:400])


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("global") / "net"
    train(SPEC, data, dataclasses.replace(SETTINGS, epochs=6), path)
    return path


def user(images):
    """A user who writes upside down, with white ink."""
    return 255 - images[:, ::-1]


def test_only_the_early_heads_move_and_they_learn_the_user(tmp_path, data, trained):
    full = load("digits")
    x, y = user(full.x_train[400:800]), full.y_train[400:800]
    mine = personal_data(data, load_model(trained), x, y, "true")
    assert (len(mine.x_train), mine.x_test is data.x_test) == (400, True)
    found = train(SPEC, mine, SETTINGS, tmp_path / "net", scheme=Personal(), start=trained)
    before, after = load_checkpoint(trained), load_checkpoint(tmp_path / "net")
    assert after.spec == before.spec
    moved = {key.split(".")[1] for key in before.model if not torch.equal(before.model[key], after.model[key])}
    assert moved == {"0", "1"}
    assert all(torch.equal(before.model[key], after.model[key]) for key in before.model if not key.startswith(("heads.0.", "heads.1.")))
    x, y = user(full.x_train[800:]), full.y_train[800:]
    old, new = (evaluate(load_model(path), x, y) for path in (trained, tmp_path / "net"))
    assert all(new[k]["accuracy"] > old[k]["accuracy"] + 0.1 for k in (0, 1))
    assert new[2] == old[2]
    assert found["train_samples"] == 320


def test_without_labels_the_last_exit_teaches(data, trained):
    model, x = load_model(trained), data.x_test[:40]
    taught = integer_logits(model, x)[-1].argmax(1)
    mine = personal_data(data, model, x, None, "last_exit")
    assert np.array_equal(mine.y_train, taught)
    assert mine.y_train.dtype == np.int64
    assert not np.array_equal(taught, data.y_test[:40])
    assert np.array_equal(personal_data(data, model, x, data.y_test[:40], "last_exit").y_train, taught)
    assert np.array_equal(personal_data(data, model, x, data.y_test[:40], "true").y_train, data.y_test[:40])


def test_what_cannot_be_is_named(tmp_path, data, trained):
    model, x = load_model(trained), data.x_test[:4]
    with pytest.raises(QuantModelError, match="labels must be true or last_exit, not 'none'"):
        Personal(labels="none")
    with pytest.raises(QuantModelError, match='true labels need y beside the samples; without them labels must be "last_exit"'):
        personal_data(data, model, x, None, "true")
    with pytest.raises(QuantModelError, match="labels must be in 0 to 9, not 1 to 10"):
        personal_data(data, model, x, np.array([1, 2, 3, 10]), "true")
    with pytest.raises(QuantModelError, match=r"labels must be integers \[4\] as the samples are, not int64 \[3\]"):
        personal_data(data, model, x, np.array([1, 2, 3]), "true")
    with pytest.raises(QuantModelError, match=r"labels must be integers \[4\] as the samples are, not float64 \[4\]"):
        personal_data(data, model, x, np.zeros(4), "true")
    with pytest.raises(QuantModelError, match="it needs a checkpoint to start from"):
        train(SPEC, data, SETTINGS, tmp_path / "net", scheme=Personal())
    with pytest.raises(QuantModelError, match="scheme personal trains early exits, and digits has none"):
        train(layout("digits", []), data, SETTINGS, tmp_path / "net", scheme=Personal(), start=trained)
