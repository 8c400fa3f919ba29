"""A float module of one's own becomes a Brevitas network in the form that the hardware is read from."""

import brevitas.nn as qnn
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from quant_models.bring.graph_quantize import Seeing, calibrate, quantised
from quant_models.bring.importing import seen_pixels
from quant_models.errors import QuantModelError


class Float(nn.Module):
    """A residual block with batch norms, a head behind a pool, and one behind a mean."""

    def __init__(self):
        super().__init__()
        self.stem, self.inner, self.norm = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.early, self.last = nn.Linear(6 * 16, 10), nn.Linear(6, 10)
        nn.init.uniform_(self.norm.running_mean, -0.2, 0.2)
        nn.init.uniform_(self.norm.running_var, 0.5, 2.0)

    def forward(self, x):
        x = functional.relu(self.stem(x))
        y = functional.relu(self.norm(self.inner(x)) + x)
        return self.early(functional.max_pool2d(x, 2).flatten(1)), self.last(functional.adaptive_avg_pool2d(y, 1).flatten(1))


IMAGES = np.random.default_rng(1).integers(0, 256, (96, 8, 8, 1), dtype=np.uint8)


def made(seed=1):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Float().eval()


def answers(seeing):
    x = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).astype(np.float32)) * seeing.fed
    with torch.no_grad():
        return seeing.eval()(x)


@pytest.mark.parametrize(("seen", "fed"), [
    (seen_pixels(1, 255), 1 / 255), (seen_pixels(1, 256), 1 / 256), (seen_pixels(1, 1), 1.0), (seen_pixels(1, 255, [0.3], [0.25]), 1 / 256),
    (seen_pixels(1, 100), 1 / 256),
])
def test_the_float_network_sees_what_is_said(seen, fed):
    seeing = Seeing(made(), seen)
    assert seeing.fed == pytest.approx(fed)
    wanted = torch.from_numpy(IMAGES.transpose(0, 3, 1, 2).astype(np.float32)) * seen.gain[0] + seen.offset[0]
    with torch.no_grad():
        expected = seeing.network(wanted)
    for found, item in zip(answers(seeing), expected, strict=True):
        assert torch.allclose(found, item, atol=1e-4)


@pytest.mark.parametrize("seen", [seen_pixels(1, 255), seen_pixels(1, 255, [0.3], [0.25])], ids=["pixels", "normalised"])
def test_eight_bits_are_close_to_float_and_the_float_network_stays(seen):
    module = made()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    seeing = Seeing(module, seen)
    found = quantised(seeing, 8, 8)
    calibrate(found, IMAGES, bias_correction=True)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    for near, exact in zip(answers(found), answers(seeing), strict=True):
        assert float((near - exact).norm() / exact.norm()) < 0.05


def test_both_paths_of_a_sum_have_one_scale_and_logits_whole_biases():
    found = quantised(Seeing(made(), seen_pixels(1, 255)), 4, 3)
    calibrate(found, IMAGES, bias_correction=True)
    scales = {}

    def watch(module, args, result):
        scales[module] = (float(result.scale), float(result.bit_width))

    acts = [module for module in found.modules() if isinstance(module, qnn.QuantReLU | qnn.QuantIdentity)]
    hooks = [module.register_forward_hook(watch) for module in acts]
    answers(found)
    for hook in hooks:
        hook.remove()
    assert {bits for _, bits in scales.values()} == {3.0, 8.0}
    values = [scale for scale, bits in scales.values() if bits == 3]
    assert len(set(values)) == len(values) - 1
    heads = [module for module in found.modules() if isinstance(module, qnn.QuantLinear)]
    assert all(head.bias_quant.is_quant_enabled and head.quant_weight().scale.numel() == 1 for head in heads)


class Up(Float):
    """Down, up by a module or a function, and beside what came in."""

    def __init__(self, beside=True):
        super().__init__()
        self.beside, self.up, self.merge = beside, nn.Upsample(scale_factor=2), nn.Conv2d(12, 6, 3, padding=1)

    def forward(self, x):
        x = functional.relu(self.stem(x))
        y = functional.relu(self.inner(functional.max_pool2d(x, 2)))
        up = self.up(y) if self.beside else functional.interpolate(y, scale_factor=2.0)
        z = functional.relu(self.merge(torch.cat([up, x], 1)))
        return self.early(y.flatten(1)), self.last(functional.adaptive_avg_pool2d(z, 1).flatten(1))


@pytest.mark.parametrize("beside", [False, True])
def test_what_stands_side_by_side_is_of_one_quantiser_and_on_its_steps(beside):
    """An upsampling between them or not: nothing else is quantised there, and calibration leaves none without rounding."""
    found = quantised(Seeing(Up(beside).eval(), seen_pixels(1, 255)), 4, 4)
    calibrate(found, IMAGES, bias_correction=False)
    seen = []

    def watch(module, args, result):
        seen.append(args[0])

    hook = found.network.merge.register_forward_hook(watch)
    answers(found)
    hook.remove()
    steps = seen[0].value / seen[0].scale
    assert (seen[0].signed, float(seen[0].bit_width), seen[0].scale.numel()) == (False, 4.0, 1)
    assert torch.allclose(steps, steps.round(), atol=1e-4)
    assert len(steps.round().unique()) > 8


def test_weights_go_into_the_same_module_made_anew():
    found = quantised(Seeing(made(), seen_pixels(1, 255)), 4, 4)
    calibrate(found, IMAGES, bias_correction=True)
    again = quantised(Seeing(made(2), seen_pixels(1, 255)), 4, 4)
    again.load_state_dict(found.state_dict())
    for one, other in zip(answers(found), answers(again), strict=True):
        assert torch.equal(one, other)


class One(Float):
    def forward(self, x):
        return super().forward(x)[0]


class Dynamic(Float):
    def forward(self, x):
        return super().forward(x if x.sum() > 0 else -x)


class Late(Float):
    def forward(self, x):
        return tuple(functional.relu(item) for item in super().forward(x))


@pytest.mark.parametrize(("kind", "message"), [
    (One, "its forward gives one tensor, not a tuple of logits, one for each exit: exits are needed"),
    (Dynamic, "its forward cannot be traced: .*; allowed: one that does not depend on values or shapes of its input"),
    (Late, "exit 0 must come from an nn.Linear"),
])
def test_what_cannot_be_taken_is_one_line(kind, message):
    with pytest.raises(QuantModelError, match=message):
        quantised(Seeing(kind().eval(), seen_pixels(1, 255)), 4, 4)
