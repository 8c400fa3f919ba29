"""Nearest upsampling in a traced network is what Brevitas takes for an identity; others stay as they are."""

import pytest
import torch
from torch import fx, nn
from torch.nn import functional

from quant_models.bring.repeats import Repeat, as_repeats


class Net(nn.Module):
    def __init__(self, up):
        super().__init__()
        self.up = up

    def forward(self, x):
        return self.up(x) + 1


class Function(nn.Module):
    def __init__(self, *args, **kwargs):
        super().__init__()
        self.args, self.kwargs = args, kwargs

    def forward(self, x):
        return functional.interpolate(x, *self.args, **self.kwargs)


class Like(nn.Module):
    def forward(self, x):
        return functional.interpolate(functional.max_pool2d(x, 2), size=x.shape[2])


def traced(module):
    graph = fx.symbolic_trace(Net(module))
    as_repeats(graph)
    return graph


@pytest.mark.parametrize("module", [
    nn.Upsample(scale_factor=2), nn.Upsample(size=(8, 9)), nn.UpsamplingNearest2d(scale_factor=3), Function(None, 2.0), Function((4, 12)),
    Function(scale_factor=(1, 2), mode="nearest"),
])
def test_what_repeats_is_an_identity_to_brevitas(module):
    found, x = traced(module), torch.rand(2, 3, 4, 3)
    repeats = [part for part in found.modules() if isinstance(part, Repeat)]
    assert len(repeats) == 1
    assert isinstance(repeats[0], nn.Identity)
    assert torch.equal(found(x), Net(module)(x))


@pytest.mark.parametrize("module", [
    nn.Upsample(scale_factor=2, mode="bilinear"), Function(scale_factor=2.0, mode="bilinear"), Function(None, 2.0, "area"), Like()])
def test_others_stay(module):
    found, x = traced(module), torch.rand(2, 3, 4, 4)
    assert not any(isinstance(part, Repeat) for part in found.modules())
    assert torch.equal(found(x), Net(module)(x))
