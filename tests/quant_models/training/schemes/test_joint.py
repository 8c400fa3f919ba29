import pytest

from quant_models.errors import QuantModelError
from quant_models.training.schemes import Joint
from tests.quant_models.conftest import build_spec
from tests.quant_models.training.schemes.samples import batch, entropies, fresh, gradients, owners, seeded


def test_it_is_the_weighted_sum_of_all_exits_cross_entropies():
    given, model = batch(), fresh()
    found, told = Joint(exit_weights=(1.0, 0.5, 2.0)).loss(model, given, 0, seeded())
    alone = entropies(given)
    assert found.item() == pytest.approx(alone[0] + 0.5 * alone[1] + 2 * alone[2])
    assert told == {f"exit {k}": pytest.approx(value) for k, value in enumerate(alone)}
    assert owners(gradients(found, model)) == {f"{where}.{k}" for where in ("stages", "heads") for k in range(3)}


def test_an_exit_without_weight_learns_nothing():
    model = fresh()
    found, _ = Joint(exit_weights=(0.0, 1.0, 0.0)).loss(model, batch(), 0, seeded())
    assert owners(gradients(found, model)) == {"stages.0", "stages.1", "heads.1"}


def test_weights_must_fit_the_network():
    with pytest.raises(QuantModelError, match="exit_weights must be 3 numbers"):
        Joint(exit_weights=(1.0, 1.0)).check(build_spec())
