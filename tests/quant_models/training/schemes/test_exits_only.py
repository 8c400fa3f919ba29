"""Heads on a backbone that does not move: each ends the same whichever others are trained, before it, after it or beside it."""

import dataclasses

import numpy as np
import pytest
import torch

from quant_models.datasets.load import load
from quant_models.errors import QuantModelError
from quant_models.integers.view import integer_logits
from quant_models.networks.checkpoint import load_checkpoint, load_model
from quant_models.networks.layouts import layout
from quant_models.training.schemes import Backbone, ExitsOnly
from quant_models.training.train import TrainSettings, train
from tests.quant_models.conftest import build_spec
from tests.quant_models.training.schemes.samples import batch, entropies, fresh, gradients, owners, seeded

EXITS = [(0, "conv"), (1, "global"), (1, "linear")]
SPEC = layout("digits", EXITS)
SETTINGS = TrainSettings(epochs=2, batch=40, shift=1, clip=0.5, early_stop=5, seed=3)


@pytest.fixture(scope="module")
def few():
    data = load("digits")
    return dataclasses.replace(data, x_train=data.x_train[:240], y_train=data.y_train[:240])


@pytest.fixture(scope="module")
def backbone(tmp_path_factory, few):
    """A checkpoint of the last exit alone."""
    path = tmp_path_factory.mktemp("backbone") / "net"
    train(layout("digits", []), few, dataclasses.replace(SETTINGS, early_stop=None), path)
    return path


def test_the_backbone_learns_from_the_last_exit_alone():
    given, model = batch(), fresh()
    found, told = Backbone().loss(model, given, 0, seeded())
    assert told == {"exit 2": pytest.approx(entropies(given)[2])}
    assert owners(gradients(found, model)) == {"stages.0", "stages.1", "stages.2", "heads.2"}
    (part,) = Backbone().parts(build_spec())
    assert owners(key for key in model.state_dict() if part.owns(key)) >= {"stages.0", "stages.2", "heads.2"}
    assert not any(part.owns(key) for key in model.state_dict() if key.startswith(("heads.0", "heads.1")))


def test_phases():
    spec, scheme = build_spec(), ExitsOnly(backbone_epochs=4)
    assert scheme.phases(spec, 3) == ((Backbone(), 4), (scheme, 3))
    assert ExitsOnly().phases(spec, 3) == ((ExitsOnly(), 3),)
    assert scheme.phases(layout("digits", []), 3) == ((Backbone(), 4),)
    assert (scheme.needs_start(), ExitsOnly().needs_start()) == (False, True)


def test_the_last_exit_does_not_change_by_a_bit(tmp_path, few, backbone):
    train(SPEC, few, SETTINGS, tmp_path / "net", scheme=ExitsOnly(), start=backbone)
    alone = integer_logits(load_model(backbone), few.x_test[:50])
    found = integer_logits(load_model(tmp_path / "net", SPEC), few.x_test[:50])
    assert np.array_equal(found[-1], alone[-1])
    before, after = load_checkpoint(backbone).model, load_checkpoint(tmp_path / "net").model
    assert torch.equal(before["stages.0.stage0_conv0.norm.running_mean"], after["stages.0.stage0_conv0.norm.running_mean"])


def head(path, k):
    return {key.split(".", 3)[3]: value for key, value in load_checkpoint(path).model.items() if key.startswith(f"heads.{k}.")}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_heads_are_trained_together_apart_or_in_another_layout_with_the_same_result(tmp_path, few, backbone):
    together = train(SPEC, few, SETTINGS, tmp_path / "together", scheme=ExitsOnly(), start=backbone)
    start = backbone
    for k in (2, 0, 1):
        spec = layout("digits", [EXITS[k]])
        alone = train(spec, few, SETTINGS, tmp_path / f"alone{k}", scheme=ExitsOnly(), start=start)
        assert same(head(tmp_path / f"alone{k}", 0), head(tmp_path / "together", k))
        assert alone["exits"] == [together["exits"][k], together["exits"][-1]]
    # One after another into the same network: the first two, then the third beside them.
    first = layout("digits", EXITS[:2])
    train(first, few, SETTINGS, tmp_path / "first", scheme=ExitsOnly(), start=backbone)
    start = tmp_path / "first"
    train(SPEC, few, SETTINGS, tmp_path / "added", scheme=ExitsOnly(exits=(2,)), start=start)
    whole, added = (load_checkpoint(tmp_path / name).model for name in ("together", "added"))
    assert same(whole, added)


def test_heads_do_learn(tmp_path, few, backbone):
    settings = TrainSettings(epochs=8, batch=20, seed=3)
    found = train(SPEC, few, settings, tmp_path / "net", scheme=ExitsOnly(), start=backbone)
    # The mean of the few features that so short a training leaves tells little: the global head's loss falls, but slowly.
    for k, least in ((0, 0.5), (1, 0.995), (2, 0.8)):
        assert found["exits"][k]["loss"] < least * found["history"][0][k]["loss"]
    assert all(epoch[-1] == found["history"][0][-1] for epoch in found["history"])


def test_backbone_first_then_heads_in_one_go(tmp_path, few, backbone):
    settings = dataclasses.replace(SETTINGS, early_stop=None)
    seen = []
    found = train(SPEC, few, settings, tmp_path / "net", seen.append, scheme=ExitsOnly(backbone_epochs=2))
    assert len(found["history"]) == 4
    assert (seen[-1].epoch, {item.epochs for item in seen}) == (3, {4})
    # The heads are those that a checkpoint of that backbone gives.
    train(SPEC, few, settings, tmp_path / "again", scheme=ExitsOnly(), start=tmp_path / "net")
    assert same(load_checkpoint(tmp_path / "net").model, load_checkpoint(tmp_path / "again").model)


def test_without_early_exits_a_given_backbone_stays_as_it_is(tmp_path, few, backbone):
    found = train(layout("digits", []), few, SETTINGS, tmp_path / "net", scheme=ExitsOnly(), start=backbone)
    assert found["history"] == []
    assert same(load_checkpoint(tmp_path / "net").model, load_checkpoint(backbone).model)


def test_what_cannot_be_is_named(tmp_path, few):
    with pytest.raises(QuantModelError, match="backbone_epochs must be at least 0, not -1"):
        ExitsOnly(backbone_epochs=-1)
    with pytest.raises(QuantModelError, match=r"exits must be early exits of digits, each once \(0 to 2\), not \[3\]"):
        train(SPEC, few, SETTINGS, tmp_path / "net", scheme=ExitsOnly(exits=(3,), backbone_epochs=1))
    with pytest.raises(QuantModelError, match="scheme exits_only goes on from trained weights: it needs a checkpoint to start from"):
        train(SPEC, few, SETTINGS, tmp_path / "net", scheme=ExitsOnly())
