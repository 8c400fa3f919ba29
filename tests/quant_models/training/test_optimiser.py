import itertools

import pytest
import torch
from torch import nn

from quant_models.errors import QuantModelError
from quant_models.training.optimiser import SCHEDULES, flatten, optimiser, rate, unflatten


def rates(schedule, warmup=0.1, total=100):
    return [rate(schedule, 2.0, warmup, step, total) for step in range(total)]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_rate_rises_in_a_line_to_the_highest(schedule):
    found = rates(schedule)
    assert found[:10] == pytest.approx([2.0 * (step + 1) / 11 for step in range(10)])
    assert found[10] == max(found) == 2.0
    assert rates(schedule, warmup=0)[0] == 2.0


def test_after_that_each_schedule_goes_its_own_way():
    cosine, constant, step = (rates(schedule) for schedule in ("cosine", "constant", "step"))
    assert cosine[55] == pytest.approx(1.0)
    assert all(later < earlier for earlier, later in itertools.pairwise(cosine[10:]))
    assert cosine[-1] < 0.001
    assert set(constant[10:]) == {2.0}
    assert step[10:] == pytest.approx([2.0] * 40 + [0.2] * 25 + [0.02] * 25)


def test_an_unknown_schedule_is_named():
    with pytest.raises(QuantModelError, match="schedule must be one of cosine, constant, step, not 'linear'"):
        rate("linear", 1.0, 0, 0, 1)


def some(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def test_only_weights_decay():
    model = some(0)
    made = optimiser(model.parameters(), 0.5, 0.1)
    for value in model.parameters():
        value.grad = torch.zeros_like(value)
    before = [value.detach().clone() for value in model.parameters()]
    made.step()
    assert [torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)] == [False, True, True, True]
    assert torch.allclose(model[0].weight, before[0] * (1 - 0.5 * 0.1))


def test_its_state_goes_through_tensors():
    models = [some(1), some(1)]
    first, second = (optimiser(model.parameters(), 0.1, 0.1) for model in models)

    def step(model, made):
        made.zero_grad()
        model(torch.arange(12.0).reshape(4, 3)).pow(3).sum().backward()
        made.step()

    step(models[0], first)
    models[1].load_state_dict(models[0].state_dict())
    unflatten(second, {key: value.clone() for key, value in flatten(first).items()})
    for model, made in zip(models, (first, second), strict=True):
        step(model, made)
    assert all(torch.equal(a, b) for a, b in zip(models[0].state_dict().values(), models[1].state_dict().values(), strict=True))
    assert flatten(first).keys() == {f"{index}.{key}" for index in range(4) for key in ("step", "exp_avg", "exp_avg_sq")}
