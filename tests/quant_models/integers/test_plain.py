"""What FINN's import does not know is spelled otherwise, and computes the same."""

import numpy as np
import pytest
import torch

from quant_models.integers.plain import plain, spread
from quant_models.integers.view import integer_layers as layers_of
from quant_models.integers.view import integer_logits, integer_outputs, logit_scales, thresholds
from quant_models.networks.spec import Conv, Linear, trace
from tests.quant_models.conftest import bit_spec, build_model, build_spec, residual_spec, separable_spec


@pytest.mark.parametrize("spec", [separable_spec, bit_spec])
def test_it_computes_the_same_without_groups_and_bits(images, spec):
    model = build_model(spec())
    found = plain(model)
    assert found is not model
    assert {unit.layer.groups for _, _, unit in trace(found.spec) if isinstance(unit.layer, Conv)} == {1}
    assert min(unit.layer.weight_bits for _, _, unit in trace(found.spec) if isinstance(unit.layer, Conv | Linear)) >= 2
    (logits, learned), (wanted, taught) = (integer_outputs(item, images) for item in (found, model))
    for one, other in zip([*logits, *learned.values()], [*wanted, *taught.values()], strict=True):
        assert np.array_equal(one, other)
        assert np.ptp(one) > 0
    assert logit_scales(found) == logit_scales(model)
    with torch.no_grad():
        for one, other in zip(layers_of(found), layers_of(model), strict=True):
            if one.act is not None:
                assert np.array_equal(thresholds(one), thresholds(other))


def test_a_network_of_what_is_known_is_itself():
    for spec in (build_spec(), residual_spec()):
        model = build_model(spec)
        assert plain(model) is model


def test_weights_are_spread_group_by_group():
    weight = torch.arange(1, 13).reshape(6, 2, 1, 1)
    found = spread(weight, 2)
    assert found.shape == (6, 4, 1, 1)
    assert torch.equal(found[:3, :2], weight[:3])
    assert torch.equal(found[3:, 2:], weight[3:])
    assert int(found[:3, 2:].abs().sum()) == int(found[3:, :2].abs().sum()) == 0
    x = torch.randn(2, 4, 5, 5)
    real = torch.randn(6, 2, 3, 3)
    conv = torch.nn.functional.conv2d
    assert torch.allclose(conv(x, spread(real, 2)), conv(x, real, groups=2), atol=1e-5)


def test_it_leaves_the_network_as_it_was(images):
    model = build_model(separable_spec())
    before = {key: value.clone() for key, value in model.state_dict().items()}
    wanted = integer_logits(model, images)
    plain(model)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(np.array_equal(a, b) for a, b in zip(integer_logits(model, images), wanted, strict=True))
