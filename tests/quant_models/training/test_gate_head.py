"""Gate heads learn last, from the network's own mistakes, and leave everything else as it was."""

import dataclasses

import numpy as np
import pytest
import torch

from quant_models.datasets.load import Dataset, load, split
from quant_models.errors import QuantModelError
from quant_models.exits.promise import parted, seen_by_training
from quant_models.integers.view import integer_outputs
from quant_models.networks.checkpoint import load_checkpoint, load_model
from quant_models.networks.gate_layout import with_gates
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import preset
from quant_models.training.evaluate import evaluate, judged, targets
from quant_models.training.gate_head import GateHeads
from quant_models.training.schemes import UNLABELLED, Batch, ExitsOnly
from quant_models.training.train import TrainSettings, train

SPEC = preset("digits")
GATED = with_gates(SPEC, ["pool", "linear"], 4, 4)
SETTINGS = TrainSettings(epochs=3, batch=64, seed=5)


class Stop(Exception):
    """What Ctrl-C would be."""


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return load("digits")


@pytest.fixture(scope="module")
def plain(tmp_path_factory, digits):
    """The network without gate heads."""
    path = tmp_path_factory.mktemp("plain") / "net"
    train(SPEC, digits, SETTINGS, path)
    return path


@pytest.fixture(scope="module")
def gated(tmp_path_factory, digits):
    """The same with gate heads, and its metrics."""
    path = tmp_path_factory.mktemp("gated") / "net"
    return path, train(GATED, digits, SETTINGS, path, gates=GateHeads(epochs=8))


@pytest.mark.slow
def test_all_else_is_bit_for_bit_what_it_is_without_gate_heads(plain, gated, digits):
    path, metrics = gated
    before, after = load_checkpoint(plain).model, load_checkpoint(path).model
    assert {key for key in after if key not in before} == {key for key in after if key.startswith("gates.")} != set()
    assert all(torch.equal(after[key], value) for key, value in before.items())
    there, logits = integer_outputs(load_model(plain), digits.x_test)[0], integer_outputs(load_model(path), digits.x_test)[0]
    assert all(np.array_equal(one, other) for one, other in zip(there, logits, strict=True))
    told = load_checkpoint(plain).progress["metrics"]
    assert [[item["accuracy"] for item in row] for row in metrics["history"][:3]] == [
        [item["accuracy"] for item in row] for row in told["history"]]
    assert len(metrics["history"]) == 3 + 8


def test_gate_heads_beat_chance_on_the_validation_split(gated, digits):
    path, metrics = gated
    assert metrics["exits"][0]["gate_auc"] > 0.6
    assert metrics["exits"][0]["gate_accuracy"] > 0.55
    assert metrics["exits"][0]["gate_auc"] > metrics["history"][2][0]["gate_auc"]
    assert "gate_auc" not in metrics["exits"][2]
    _, held = split(digits, 0.1, 5)
    logits, gates = integer_outputs(load_model(path), digits.x_train[held])
    fine = targets([item.argmax(1) == digits.y_train[held] for item in logits])
    assert judged(gates[0], fine[0])["gate_auc"] == pytest.approx(metrics["exits"][0]["gate_auc"], abs=0.02)


@pytest.mark.slow
@pytest.mark.parametrize("when", [(2, 5), (6, 3)])
def test_an_interrupted_run_ends_as_an_uninterrupted_one(tmp_path, gated, digits, when):
    def stop(progress):
        if (progress.epoch, progress.step) == when:
            raise Stop

    path, wanted = tmp_path / "net", load_checkpoint(gated[0])
    with pytest.raises(Stop):
        train(GATED, digits, SETTINGS, path, stop, gates=GateHeads(epochs=8))
    metrics = train(GATED, digits, SETTINGS, path, gates=GateHeads(epochs=8))
    found = load_checkpoint(path)
    assert all(torch.equal(found.model[key], value) for key, value in wanted.model.items())
    assert metrics == gated[1]


def test_only_gate_heads_on_a_trained_network(tmp_path, plain, digits):
    path = tmp_path / "net"
    metrics = train(GATED, digits, SETTINGS, path, scheme=ExitsOnly(exits=()), start=plain, gates=GateHeads(epochs=1))
    assert len(metrics["history"]) == 1
    assert all(torch.equal(load_checkpoint(path).model[key], value) for key, value in load_checkpoint(plain).model.items())


def test_early_stop_goes_by_what_gate_heads_tell_apart(tmp_path, digits):
    few = dataclasses.replace(digits, x_train=digits.x_train[:400], y_train=digits.y_train[:400])
    settings = dataclasses.replace(SETTINGS, epochs=6, early_stop=2)
    metrics = train(GATED, few, settings, tmp_path / "net")
    _, held = split(few, settings.validation, settings.seed)
    seen = held[np.sort(parted(len(held), settings.seed)[: seen_by_training(len(held))])]
    found = evaluate(load_model(tmp_path / "net"), few.x_train[seen], few.y_train[seen])
    done = len(metrics["history"]) - sum(1 for row in metrics["history"] if row[0]["loss"] != pytest.approx(found[0]["loss"], abs=1e-9))
    kept = metrics["kept_epochs"]["gate"]
    assert set(kept) == {"gate 0", "gate 1"}
    phase = metrics["history"][-done:]
    for k in (0, 1):
        assert found[k]["gate_auc"] == max(row[k]["gate_auc"] for row in phase)


def test_samples_without_labels_take_no_part():
    torch.manual_seed(0)
    model, scheme = MultiExitNet(GATED), GateHeads()
    x, y = torch.rand(20, 1, 8, 8), torch.arange(20) % 10
    scheme.begin(model)
    assert not model.stages.training
    assert model.gates[0].training
    generator = torch.Generator()
    wanted, _ = scheme.loss(model, Batch(x[:12], y[:12]), 0, generator)
    hidden = torch.cat([y[:12], torch.full((8,), UNLABELLED)])
    found, told = scheme.loss(model, Batch(x, hidden), 0, generator)
    assert float(found.detach()) == pytest.approx(float(wanted.detach()), rel=1e-5)
    assert set(told) == {"gate 0", "gate 1"}
    nothing, _ = scheme.loss(model, Batch(x, torch.full((20,), UNLABELLED)), 0, generator)
    assert float(nothing.detach()) == 0
    nothing.backward()


def test_wrong_epochs():
    with pytest.raises(QuantModelError, match="gate epochs must be at least 1, not 0"):
        GateHeads(epochs=0)
