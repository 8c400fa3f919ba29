"""How good every exit is by itself, and every gate head: by hand, and sample by sample."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from quant_models.networks.gate_layout import with_gates
from quant_models.networks.presets import preset
from quant_models.training.evaluate import evaluate, images_of, judged, targets
from tests.quant_models.conftest import build_model


@pytest.mark.parametrize("batch", [7, 64])
def test_accuracy_and_loss_are_those_of_every_exit_s_logits(batch, model, images):
    labels = np.arange(len(images)) % 4
    before = {key: value.clone() for key, value in model.state_dict().items()}
    found = evaluate(model, images, labels, batch=batch)
    with torch.no_grad():
        logits = model(torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 256)
    assert [item["accuracy"] for item in found] == [float((row.argmax(1).numpy() == labels).mean()) for row in logits]
    wanted = [float(functional.cross_entropy(row, torch.from_numpy(labels))) for row in logits]
    assert [item["loss"] for item in found] == pytest.approx(wanted, rel=1e-5)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in before.items())


def test_of_an_exit_with_a_gate_head_it_tells_how_that_judges():
    model = build_model(with_gates(preset("digits"), ["pool", None], 4, 4))
    images = np.random.default_rng(5).integers(0, 256, (60, 8, 8, 1), dtype=np.uint8)
    labels = np.arange(60) % 10
    found = evaluate(model, images, labels)
    assert [set(item) for item in found] == [{"accuracy", "loss", "gate_accuracy", "gate_auc"}, *[{"accuracy", "loss"}] * 2]
    x = images_of(images).float() / 256
    with torch.no_grad():
        right = [row.argmax(1).numpy() == labels for row in model(x)]
        gate = model.gate(0, next(iter(model.features(x))))[:, 0].numpy()
    assert {key: found[0][key] for key in ("gate_accuracy", "gate_auc")} == judged(gate, targets(right)[0])


def test_images_that_may_only_be_read_are_copied():
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(1, 2, 3, 4)
    images.flags.writeable = False
    found = images_of(images)
    assert (found.dtype, tuple(found.shape)) == (torch.uint8, (1, 4, 2, 3))
    assert np.array_equal(found.numpy().transpose(0, 2, 3, 1), images)


def test_leaving_is_fine_when_right_or_when_no_later_exit_is():
    right = [np.array([1, 0, 0, 0, 1, 0], bool), np.array([0, 1, 0, 0, 0, 1], bool), np.array([0, 0, 1, 0, 1, 1], bool)]
    wanted = [[1, 0, 0, 1, 1, 0], [1, 1, 0, 1, 0, 1], [1, 1, 1, 1, 1, 1]]
    assert [item.astype(int).tolist() for item in targets(right)] == wanted
    assert [item.int().tolist() for item in targets([torch.from_numpy(item) for item in right])] == wanted


def test_targets_for_every_pattern_of_answers():
    rows = np.array(list(itertools.product([False, True], repeat=4)))
    for k, found in enumerate(targets(list(rows.T))):
        assert found.tolist() == [bool(row[k] or not row[k + 1 :].any()) for row in rows]


def test_judged_by_hand():
    fine = np.array([1, 1, 1, 0, 0], bool)
    assert judged(np.array([3.0, 1.0, -1.0, -2.0, 1.0]), fine) == {"gate_accuracy": pytest.approx((2 / 3 + 1 / 2) / 2),
                                                                   "gate_auc": pytest.approx((2 + 1.5 + 1) / 6)}
    assert judged(np.array([1.0, -1.0]), np.array([True, True])) == {"gate_accuracy": 0.5, "gate_auc": 0.5}
    assert judged(np.zeros(0), np.zeros(0, bool)) == {"gate_accuracy": 0.5, "gate_auc": 0.5}
