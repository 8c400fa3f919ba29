import dataclasses
import warnings

import numpy as np
import pytest
import torch

from quant_models.errors import QuantModelError
from quant_models.integers.view import REACH, IntegerLayer, frozen, integer_layers, integer_logits, logit_scales, thresholds
from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, NetSpec, trace
from tests.quant_models.conftest import build_model, build_spec, residual_spec, scales_spec


@pytest.mark.parametrize("spec", [build_spec, residual_spec, scales_spec])
@pytest.mark.parametrize("bits", [(4, 4), (2, 2), (3, 5), (8, 8)])
def test_integer_view_is_what_brevitas_computes_in_float(images, spec, bits):
    model = build_model(spec(*bits))
    logits = integer_logits(model, images, batch=16)
    with torch.no_grad():
        floats = model(torch.from_numpy(images).permute(0, 3, 1, 2) / 256)
    for whole, real, scale in zip(logits, floats, logit_scales(model), strict=True):
        assert whole.dtype == np.int64
        assert np.ptp(whole) > 0
        # Float sums may land on the other side of a rounding tie somewhere inside, in a rare sample.
        assert (np.abs(real.numpy() / scale - whole).max(1) < 0.01).mean() >= 0.96


def test_a_global_pool_is_the_mean_over_rows_and_columns():
    relu = Activation(bits=6)
    spec = dataclasses.replace(build_spec(), stages=((Conv(out=5, kernel=3, act=relu),),), heads=((GlobalPool(act=relu), Linear(out=4)),))
    model = build_model(spec)
    with frozen(model):
        pool = next(layer for layer in integer_layers(model) if isinstance(layer.unit.layer, GlobalPool))
        assert pool.unit.in_shape == (7, 5, 5)
        x = torch.randint(0, 64, (20, 5, 7, 5), generator=torch.Generator().manual_seed(1))
        acc = pool.accumulate(x)
        assert torch.equal(acc, x.sum((2, 3), keepdim=True))
        steps = torch.from_numpy(thresholds(pool))
        wanted = pool.act(x.float().mean((2, 3), keepdim=True) * pool.scale).int(float_datatype=False)
        found = (acc[:, :, 0, 0, None] >= steps).sum(2)
    assert torch.equal(found, wanted[:, :, 0, 0].long())
    assert len(found.unique()) > 3


def test_a_concatenation_puts_integers_of_one_scale_side_by_side():
    model = build_model(scales_spec())
    with frozen(model):
        layers = {layer.unit.name: layer for layer in integer_layers(model)}
    maps = [torch.randint(0, 16, (20, channels, 3, 2), generator=torch.Generator().manual_seed(channels)) for channels in (2, 1, 4)]
    joined = layers["stage0_concat0"]
    assert (joined.act, joined.scale) == (None, None)
    assert torch.equal(joined.accumulate(*maps), torch.cat(maps, 1))
    assert layers["stage0_conv3"].act is layers["stage1_conv8"].act is layers["stage0_conv2"].act


def test_a_sum_adds_integers_of_one_scale():
    model = build_model(residual_spec())
    with frozen(model):
        layers = {layer.unit.name: layer for layer in integer_layers(model)}
        total = layers["stage0_add0"]
        body, skip = (torch.randint(-16, 16, (20, 5, 9, 7), generator=torch.Generator().manual_seed(k)) for k in (1, 2))
        acc = total.accumulate(body, skip)
        assert torch.equal(acc, body + skip)
        same = model.stages[0]["stage0_add0"].same
        assert layers["stage0_conv2"].act is layers["stage0_act0"].act is same
        assert float(total.scale) == float(same(torch.zeros(1, 1)).scale)
        # What the skip makes of the integers that come in.
        x = torch.arange(16).reshape(1, 1, 4, 4).expand(1, 5, 4, 4)
        wanted = same(x * layers["stage0_act0"].scale).int(float_datatype=False).long()
        steps = torch.from_numpy(thresholds(layers["stage0_act0"]))
        found = (x[:, :, :, :, None] >= steps.reshape(1, 5, 1, 1, -1)).sum(-1) - 16
    assert torch.equal(found, wanted)
    assert len(found.unique()) > 3


def test_accumulators_equal_plain_integer_sums(model, images):
    with frozen(model):
        conv = integer_layers(model)[0]
        acc = conv.accumulate(torch.from_numpy(images[:2].astype(np.int64).transpose(0, 3, 1, 2)))
    padded = np.pad(images[:2].astype(np.int64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    weight = conv.weight.numpy()
    for y, x in ((0, 0), (4, 3), (8, 6)):
        window = padded[:, y : y + 3, x : x + 3].transpose(0, 3, 1, 2)
        assert np.array_equal(acc[:, :, y, x].numpy(), np.einsum("ncyx,ocyx->no", window, weight))


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_of_many_products_are_exact(sign):
    """An odd number between 2**24 and 2**25, which float32 cannot hold, of products none of which is near it."""
    stage = (Conv(out=1, kernel=1, act=Activation(bits=8)),)
    *_, (_, _, unit) = trace(NetSpec(name="long", height=601, width=1, channels=1, classes=2, stages=(stage,), heads=((Linear(out=2),),)))
    layer = IntegerLayer(where="head", index=0, unit=unit, weight=torch.full((2, 601), sign * 127))
    assert layer.accumulate(torch.full((1, 1, 601, 1), 255)).tolist() == [[sign * 601 * 127 * 255] * 2]


def test_thresholds_are_where_the_modules_step(model):
    with frozen(model):
        for layer in integer_layers(model):
            if layer.act is None:
                continue
            steps = thresholds(layer)
            act = layer.unit.layer.act
            assert steps.shape == (layer.unit.out_shape[2], 2**act.bits - 1)
            assert (np.diff(steps) >= 0).all()
            for i in (0, steps.shape[1] // 2, steps.shape[1] - 1):
                at = torch.from_numpy(steps[:, i]).reshape(1, -1, *(() if layer.unit.name.startswith("head0") else (1, 1)))
                level = act.minimum + i + 1
                inside = torch.from_numpy(np.abs(steps[:, i]) < REACH)
                assert (layer.respond(at).flatten()[inside] >= level).all()
                assert (layer.respond(at - 1).flatten()[inside] < level).all()


def test_a_step_out_of_reach_has_a_threshold_out_of_reach():
    model = build_model(build_spec())
    norm = model.stages[0]["stage0_conv0"].norm
    with torch.no_grad():
        norm.weight[0], norm.bias[0] = 1e-3, -1e6
        norm.weight[1], norm.bias[1] = 1e-3, 1e6
    with frozen(model):
        steps = thresholds(integer_layers(model)[0])
    assert (steps[0] == REACH + 1).all()
    assert (steps[1] == -REACH).all()


def test_mode_is_restored_and_images_are_checked(model, images):
    model.train()
    try:
        integer_logits(model, images[:1])
        assert model.training
    finally:
        model.eval()
    assert [item.shape for item in integer_logits(model, images[:0])] == [(0, 4)] * 3
    with pytest.raises(QuantModelError, match=r"images must be uint8 \[n, 9, 7, 2\], not uint8 \[50, 9, 7\]"):
        integer_logits(model, images[..., 0])
    with pytest.raises(QuantModelError, match="not float64"):
        integer_logits(model, images / 256)


def test_no_warnings_of_our_own(model, images):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        integer_logits(model, images[:2])
