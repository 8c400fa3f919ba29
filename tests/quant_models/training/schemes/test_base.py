import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from quant_models.errors import QuantModelError
from quant_models.training.schemes import SCHEMES, Consistent, ExitsOnly
from quant_models.training.schemes.base import Part, Scheme, check_weights, scalar, weighted
from tests.quant_models.conftest import build_spec


@dataclass(frozen=True, kw_only=True)
class Plain(Scheme):
    name = "plain"

    def loss(self, model, batch, epoch, generator):
        raise NotImplementedError


def test_a_scheme_that_says_nothing_trains_everything_in_one_phase(model):
    spec, plain = build_spec(), Plain()
    assert plain.phases(spec, 7) == ((plain, 7),)
    (part,) = plain.parts(spec)
    assert part.exits == plain.taken(spec) == (0, 1, 2)
    assert all(part.owns(key) for key in model.state_dict())
    assert not plain.needs_start()
    assert not plain.takes_unlabelled
    assert plain.labelled(np.arange(3), 0).tolist() == [True] * 3


def test_a_part_owns_names_by_their_beginning():
    part = Part(name="x", prefixes=("heads.1.", "input"), exits=(1,))
    assert [part.owns(key) for key in ("heads.1.fc", "input_quant.a", "heads.10.fc", "stages.1.heads.1.")] == [True, True, False, False]


@pytest.mark.parametrize("scheme", [*(kind() for kind in SCHEMES.values()), ExitsOnly(exits=(0, 1)), Consistent(perturb=("noise",))])
def test_settings_are_told_as_json(scheme):
    told = scheme.describe()
    assert json.loads(json.dumps(told)) == told
    assert SCHEMES[told.pop("name")](**{key: tuple(item) if isinstance(item, list) else item for key, item in told.items()}) == scheme


def test_losses_are_weighted():
    losses = [torch.tensor(value, requires_grad=True) for value in (1.0, 10.0, 100.0)]
    assert scalar(weighted(losses, None)) == 111
    total = weighted(losses, (1.0, 0.5, 2.0))
    assert scalar(total) == 206
    total.backward()
    assert [float(item.grad) for item in losses] == [1.0, 0.5, 2.0]


@pytest.mark.parametrize("weights", [(1.0,), (1.0, -1.0, 1.0), (0.0, 0.0, 0.0), (1.0, float("nan"), 1.0), (1.0, float("inf"), 1.0)])
def test_weights_that_weigh_nothing_are_refused(weights):
    with pytest.raises(QuantModelError, match="exit_weights must be 3 numbers, not negative and not all zero, not "):
        check_weights(weights, build_spec())


def test_weights_that_weigh_are_not():
    check_weights(None, build_spec())
    check_weights((0.0, 1.0, 0.0), build_spec())
