import pytest
import torch

from quant_models.errors import QuantModelError
from quant_models.training.schemes import Distill
from quant_models.training.schemes.distill import divergence
from tests.quant_models.conftest import build_spec
from tests.quant_models.training.schemes.samples import batch, entropies, fresh, gradients, logits, owners, seeded


def by_hand(teacher, student, temperature):
    """T^2 times the mean of sum over classes of p * log(p / q)."""
    p, q = ((item.detach() / temperature).softmax(1) for item in (teacher, student))
    return float(temperature**2 * (p * (p / q).log()).sum(1).mean())


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_divergence_is_kullback_and_leiblers(temperature):
    first, second = (torch.randn(9, 4, generator=seeded(seed), requires_grad=True) for seed in (1, 2))
    found = divergence(first, second, temperature)
    assert found.item() == pytest.approx(by_hand(first, second, temperature), rel=1e-5)
    assert divergence(first, first, temperature).item() == pytest.approx(0, abs=1e-6)
    found.backward()
    assert first.grad is None
    assert second.grad is not None


def test_gradients_keep_their_size_at_any_temperature():
    teacher = torch.randn(64, 4, generator=seeded(1))
    sizes = []
    for temperature in (20.0, 40.0):
        student = torch.randn(64, 4, generator=seeded(2), requires_grad=True)
        divergence(teacher, student, temperature).backward()
        sizes.append(float(student.grad.norm()))
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)


@pytest.mark.parametrize(("teacher", "taught_by"), [("last", (2, 2)), ("next", (1, 2))])
def test_early_exits_learn_from_labels_and_teacher_the_last_from_labels(teacher, taught_by):
    given = batch()
    scheme = Distill(teacher=teacher, temperature=2.0, alpha=0.25, exit_weights=(1.0, 3.0, 0.5))
    found, told = scheme.loss(fresh(), given, 0, seeded())
    alone, said = entropies(given), logits(given)
    soft = [by_hand(said[by], said[k], 2.0) for k, by in enumerate(taught_by)]
    early = [0.75 * alone[k] + 0.25 * soft[k] for k in range(2)]
    assert found.item() == pytest.approx(early[0] + 3 * early[1] + 0.5 * alone[2], rel=1e-4)
    assert told == pytest.approx({"exit 0": alone[0], "exit 0's teacher": soft[0], "exit 1": alone[1], "exit 1's teacher": soft[1],
                                  "exit 2": alone[2]}, rel=1e-4)


def test_no_exit_moves_its_teacher():
    model = fresh()
    found, _ = Distill(alpha=1.0, exit_weights=(1.0, 0.0, 0.0)).loss(model, batch(), 0, seeded())
    assert owners(gradients(found, model)) == {"stages.0", "heads.0"}


def test_alpha_0_is_joint_training():
    given = batch()
    found, _ = Distill(alpha=0.0).loss(fresh(), given, 0, seeded())
    assert found.item() == pytest.approx(sum(entropies(given)))


@pytest.mark.parametrize(("changes", "message"), [
    ({"teacher": "first"}, "teacher must be last or next, not 'first'"),
    ({"temperature": 0.0}, "temperature must be above 0 up to 1000, not 0.0"),
    ({"temperature": float("nan")}, "temperature must be above 0 up to 1000, not nan"),
    ({"ramp": -1}, "ramp must be at least 0, not -1"),
    ({"alpha": 1.5}, "alpha must be 0 to 1, not 1.5"),
])
def test_settings_are_checked(changes, message):
    with pytest.raises(QuantModelError, match=message):
        Distill(**changes)


def test_weights_must_fit_the_network():
    with pytest.raises(QuantModelError, match="exit_weights must be 3 numbers"):
        Distill(exit_weights=(1.0, 1.0)).check(build_spec())


def test_the_teachers_share_rises_to_alpha():
    scheme = Distill(alpha=0.4, ramp=4)
    assert [scheme.share(epoch) for epoch in range(6)] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.4])
    assert Distill(alpha=0.4).share(0) == 0.4
    given = batch()
    found, _ = scheme.loss(fresh(), given, 0, seeded())
    assert found.item() == pytest.approx(sum(entropies(given)))
