import numpy as np
import pytest
import torch
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.training.perturb import perturb_any
from quant_models.training.schemes import UNLABELLED, Batch, Consistent
from tests.quant_models.conftest import build_spec
from tests.quant_models.training.schemes.samples import batch, fresh, gradients, owners, seeded
from tests.quant_models.training.schemes.test_distill import by_hand

NAMES = ("noise", "cutout")


def parts(given, strength=0.5):
    """Each exit's logits of the clean and of the perturbed batch, through the network together."""
    changed = perturb_any(given.x, NAMES, strength, seeded(3))
    with torch.no_grad():
        return [item.chunk(2) for item in fresh()(torch.cat([given.x, changed]))]


def test_every_exit_answers_right_and_the_same_when_perturbed():
    given = batch()
    scheme = Consistent(perturb=NAMES, weight=0.5, exit_weights=(1.0, 2.0, 3.0))
    found, told = scheme.loss(fresh(), given, 0, seeded(3))
    right = [float(functional.cross_entropy(clean, given.y)) for clean, _ in parts(given)]
    same = [by_hand(clean, changed, 1.0) for clean, changed in parts(given)]
    assert min(same) > 0
    assert found.item() == pytest.approx(sum(w * (a + 0.5 * b) for w, a, b in zip((1, 2, 3), right, same, strict=True)), rel=1e-4)
    assert told == pytest.approx({f"exit {k}{tail}": items[k] for k in range(3) for tail, items in (("", right), ("'s consistency", same))},
                                 rel=1e-4)


def test_the_clean_answer_is_a_label_without_gradient():
    """What the consistency pulls at is the perturbed answer alone."""
    given, model = batch(), fresh().eval()
    silent = Batch(given.x, torch.full_like(given.y, UNLABELLED))
    found, _ = Consistent(perturb=NAMES).loss(model, silent, 0, seeded(3))
    gradients(found, model)
    pulled = {key: value.grad.clone() for key, value in model.named_parameters() if value.grad is not None}
    changed = perturb_any(given.x, NAMES, 0.5, seeded(3))
    with torch.no_grad():
        wanted = [item.softmax(1) for item in model(given.x)]
    alone = sum(functional.kl_div(item.log_softmax(1), p, reduction="batchmean") for item, p in zip(model(changed), wanted, strict=True))
    gradients(alone, model)
    for key, value in model.named_parameters():
        if value.grad is not None:
            assert torch.allclose(pulled[key], value.grad, rtol=1e-3, atol=1e-6), key


def test_samples_without_labels_take_part_by_consistency_alone():
    given = batch()
    some = Batch(given.x, torch.where(torch.arange(24) < 8, given.y, UNLABELLED))
    found, told = Consistent(perturb=NAMES).loss(fresh(), some, 0, seeded(3))
    for k, (clean, changed) in enumerate(parts(given)):
        assert told[f"exit {k}"] == pytest.approx(float(functional.cross_entropy(clean[:8], given.y[:8])), rel=1e-4)
        assert told[f"exit {k}'s consistency"] == pytest.approx(by_hand(clean, changed, 1.0), rel=1e-4)
    none = Batch(given.x, torch.full_like(given.y, UNLABELLED))
    model = fresh()
    found, told = Consistent(perturb=NAMES).loss(model, none, 0, seeded(3))
    assert told["exit 0"] == 0
    assert owners(gradients(found, model)) == {f"{where}.{k}" for where in ("stages", "heads") for k in range(3)}


def test_lambda_rises_in_a_line():
    scheme = Consistent(weight=2.0, ramp=4)
    assert [scheme.pull(epoch) for epoch in range(6)] == [0, 0.5, 1.0, 1.5, 2.0, 2.0]
    assert Consistent(weight=2.0).pull(0) == 2.0
    given = batch()
    first, told = scheme.loss(fresh(), given, 0, seeded(3))
    assert first.item() == pytest.approx(sum(told[f"exit {k}"] for k in range(3)))


def test_perturbations_are_those_of_the_data_when_none_are_named():
    given = batch()
    named = Consistent(perturb=("shift", "noise", "cutout", "brightness")).loss(fresh(), given, 0, seeded(3))
    assert Consistent().loss(fresh(), given, 0, seeded(3))[1] == named[1]


def test_a_share_of_every_classs_labels_is_put_away():
    labels = np.repeat(np.arange(3), (100, 40, 2))
    scheme = Consistent(unlabelled=0.9)
    mask = scheme.labelled(labels, 5)
    assert [int(mask[labels == k].sum()) for k in range(3)] == [10, 4, 1]
    assert np.array_equal(mask, scheme.labelled(labels, 5))
    assert not np.array_equal(mask, scheme.labelled(labels, 6))
    assert Consistent().labelled(labels, 5).all()


@pytest.mark.parametrize(("changes", "message"), [
    ({"weight": -1.0}, "weight must be at least 0, not -1.0"),
    ({"weight": float("nan")}, "weight must be at least 0, not nan"),
    ({"ramp": -1}, "ramp must be at least 0, not -1"),
    ({"strength": 0.0}, "strength must be above 0 up to 1, not 0.0"),
    ({"unlabelled": 0.96}, "unlabelled must be 0 to 0.95, not 0.96"),
    ({"perturb": ("fog",)}, "perturb must be of shift, .*, not 'fog'"),
    ({"perturb": ()}, "perturb must name at least one of"),
])
def test_settings_are_checked(changes, message):
    with pytest.raises(QuantModelError, match=message):
        Consistent(**changes)


def test_weights_must_fit_the_network():
    with pytest.raises(QuantModelError, match="exit_weights must be 3 numbers"):
        Consistent(exit_weights=(1.0, 1.0)).check(build_spec())
