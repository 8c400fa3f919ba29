"""A description as a Brevitas module."""

import copy

import pytest
import torch

from quant_models.networks.net import MIN_GAMMA, MultiExitNet
from quant_models.networks.spec import Activation, Conv, Linear, MaxPool, trace
from tests.quant_models.conftest import build_model, residual_spec, scales_spec
from tests.quant_models.networks.specs import spec


def test_gate_heads_change_nothing_of_all_else():
    net, gated = spec(), spec(gates=((MaxPool(kernel=2, stride=2), Linear(out=1)), ()))
    torch.manual_seed(0)
    bare = MultiExitNet(net).state_dict()
    torch.manual_seed(0)
    found = MultiExitNet(gated)
    assert all(torch.equal(found.state_dict()[key], value) for key, value in bare.items())
    assert {key.split(".")[2] for key in found.state_dict() if key not in bare} == {"gatehead0_fc0"}
    features = list(found.features(torch.rand(7, 2, 6, 5)))
    assert found.gate(0, features[0]).shape == (7, 1)


def test_windows_that_are_not_square():
    stage = (Conv(out=4, kernel=(5, 1), pad=(2, 0), stride=(2, 1)), MaxPool(kernel=(2, 1), stride=(2, 1)))
    net = spec(height=16, width=1, stages=(stage, (Conv(out=5, kernel=(3, 1)),)))
    assert MultiExitNet(net)(torch.rand(7, 2, 16, 1))[1].shape == (7, 3)


def test_forward_gives_logits_of_every_exit():
    model = MultiExitNet(spec())
    logits = model(torch.rand(7, 2, 6, 5))
    assert [tuple(item.shape) for item in logits] == [(7, 3), (7, 3)]
    assert all(isinstance(item, torch.Tensor) for item in logits)


def test_both_operands_of_a_sum_are_integers_of_one_scale():
    model = build_model(residual_spec())
    entering, total = [], model.stages[1]["stage1_add0"]
    hook = total.same.register_forward_hook(lambda module, args, out: entering.append(out))
    x = torch.rand(7, 2, 9, 7)
    with torch.no_grad():
        first, second, _ = model.features(x)
        [first] = first.values()
        body = model.stages[1]["stage1_conv1"](model.stages[1]["stage1_conv0"](first))
        skip = model.stages[1]["stage1_conv2"](first)
    hook.remove()
    assert len(entering) == 2
    assert entering[0].scale == entering[1].scale
    for found, real in zip(entering, (body, skip), strict=True):
        assert torch.equal(found.value, total.same(real).value)
        whole = found.int()
        assert (int(whole.min()) < 0 < int(whole.max()), int(whole.abs().max()) <= 16) == (True, True)
    assert torch.equal(second["stage1_add0"].value, total.act(entering[0].value + entering[1].value).value)
    # A skip as it is, through the same quantiser.
    alone = model.stages[0]["stage0_add0"]
    assert isinstance(model.stages[0]["stage0_act0"], torch.nn.Identity)
    assert {key.split(".")[0] for key in alone.state_dict()} == {"same", "act"}


def test_channels_side_by_side_are_integers_of_one_scale():
    """Of one quantiser, which the first convolution of the scale has, and the model's state once."""
    model = build_model(scales_spec())
    layers = {name: item for stage in model.stages for name, item in stage.items()}
    with torch.no_grad():
        first, _ = model.features(torch.rand(7, 2, 9, 7))
        made = model._run("stage", 1, first)
    for name, owner in (("stage1_concat0", "stage0_conv0"), ("stage1_concat1", "stage0_conv1"), ("stage0_concat0", "stage0_conv2")):
        assert torch.equal(made[name].scale, layers[owner].act(torch.zeros(1, 1)).scale)
        assert made[name].bit_width == 4
    followers = {unit.name: unit.follows for _, _, unit in trace(model.spec) if unit.follows}
    assert {(name, layers[name].act is layers[owner].act) for name, owner in followers.items()} == {(name, True) for name in followers}
    assert not [key for key in model.state_dict() if key.split(".")[2] in followers and ".act." in key]
    # A copy has a quantiser of its own, and once.
    other = copy.deepcopy(model)
    assert other.stages[1]["stage1_conv1"].act is other.stages[0]["stage0_conv1"].act is not layers["stage0_conv1"].act


def test_of_1_bit_weights_are_signs_and_activations_0_and_1():
    model = MultiExitNet(spec(stages=((Conv(out=4, kernel=3, weight_bits=1, act=Activation(bits=1)),), ()),
                              heads=((Linear(out=3, weight_bits=1),),
                                     (Linear(out=5, weight_bits=1, act=Activation(bits=1)), Linear(out=3)))))
    conv = model.stages[0]["stage0_conv0"]
    for module in (conv.linear, model.heads[0]["head0_fc0"][1]):
        weight = module.quant_weight()
        assert torch.equal((weight.value / weight.scale).round(), torch.where(module.weight < 0, -1.0, 1.0))
        assert weight.scale.numel() == 1
    values = torch.linspace(-3, 3, 64).reshape(1, 4, 4, 4).requires_grad_()
    given = conv.act(values)
    # Half of the step between 0 and 1 is the border.
    assert torch.equal((given.value / given.scale).round(), (values > given.scale / 2).to(torch.float32))
    # The gradient goes straight through between the two, and half a step beyond.
    given.value.sum().backward()
    assert torch.equal(values.grad != 0, (values > 0) & (values < 1.5 * given.scale.item()))
    # They begin as often 0 as 1.
    for norm, act in ((conv.norm, conv.act), (model.heads[1]["head1_fc0"][1].norm, model.heads[1]["head1_fc0"][1].act)):
        assert torch.equal(norm.bias, (act.act_quant.scale() / 2).expand(len(norm.bias)))


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
def test_integers_stay_in_range(bits):
    signed = Conv(out=5, kernel=1, act=Activation(kind="identity", bits=bits))
    net = spec(
        stages=((Conv(out=4, kernel=3, weight_bits=bits, act=Activation(bits=bits)),), (signed,)),
        heads=((Linear(out=3, weight_bits=bits),), (Linear(out=3),)),
    )
    model = MultiExitNet(net)
    conv = model.stages[0]["stage0_conv0"]
    weight = conv.linear.quant_weight()
    limit = 2 ** (bits - 1) - 1
    assert weight.int().abs().max() == limit
    assert weight.scale.numel() == 4
    assert model.heads[0]["head0_fc0"][1].quant_weight().scale.numel() == 1
    image = model.input_quant(torch.arange(256).reshape(1, 1, 16, 16) / 256)
    assert torch.equal(image.int(float_datatype=False).flatten().to(torch.int64), torch.arange(256))
    out = conv.act(torch.linspace(-100, 100, 64).reshape(1, 4, 4, 4)).int()
    assert (int(out.min()), int(out.max())) == (0, 2**bits - 1)
    signed = model.stages[1]["stage1_conv0"].act(torch.linspace(-100, 100, 60).reshape(1, 5, 4, 3)).int()
    assert (int(signed.min()), int(signed.max())) == (-(2 ** (bits - 1)), limit)


def test_clamp_keeps_gamma_positive():
    model = MultiExitNet(spec())
    norm = model.stages[0]["stage0_conv0"].norm
    torch.nn.init.constant_(norm.weight, -1.0)
    model.clamp()
    assert torch.equal(norm.weight, torch.full((4,), MIN_GAMMA))
