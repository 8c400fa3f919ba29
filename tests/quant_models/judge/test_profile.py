"""What a profile says of a network that is known: noise, ranges, dead channels, and what each layer costs."""

import copy
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from quant_models.integers.view import frozen
from quant_models.judge.profile import Profiled, profile
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import preset

GENERATOR = torch.Generator().manual_seed(1)
IMAGES = torch.randint(0, 256, (600, 1, 8, 8), generator=GENERATOR).to(torch.float32) / 256


def layer(path: str) -> str:
    return path.split(".")[2] if "." in path else path


def net(**bits: int) -> MultiExitNet:
    torch.manual_seed(2)
    found = MultiExitNet(preset("digits", bits.get("weight", 4), bits.get("act", 4)))
    with torch.no_grad():
        for module in found.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_var.fill_(0.05)
    return found.eval()


def told(network: MultiExitNet, labels: np.ndarray, reference: MultiExitNet | None = None) -> Profiled:
    return profile(network, reference or network, lambda item, x: item(x), IMAGES, labels, named=layer)


def answers(network: nn.Module) -> list[np.ndarray]:
    with frozen(network):
        return [item.argmax(1).numpy() for item in network(IMAGES)]


@pytest.fixture(scope="module")
def found() -> tuple[MultiExitNet, Profiled]:
    network = net()
    return network, told(network, answers(network)[-1])


def test_accuracies_are_the_networks_own(found: tuple[MultiExitNet, Profiled]) -> None:
    network, profiled = found
    own = answers(network)
    assert profiled.accuracy == pytest.approx([float((item == own[-1]).mean()) for item in own])
    assert profiled.accuracy[-1] == 1
    assert profiled.float_accuracy[-1] < 1
    for before, after, whole in zip(profiled.float_accuracy, profiled.accuracy, profiled.whole, strict=True):
        assert before - after == pytest.approx((whole.lost - whole.gained) / len(IMAGES))


def test_changes_add_up_to_the_accuracies(found: tuple[MultiExitNet, Profiled]) -> None:
    _, profiled = found
    for unit in profiled.units:
        for items in (unit.alone, unit.back, unit.alone_weight or [], unit.alone_output or []):
            for k, item in enumerate(items):
                before = profiled.accuracy[k] if items is unit.back else profiled.float_accuracy[k]
                assert 0 <= before - (item.lost - item.gained) / len(IMAGES) <= 1
    heads = [unit for unit in profiled.units if unit.name.startswith("head0")]
    assert all(item.lost == item.gained == 0 for unit in heads for item in (*unit.alone[1:], *unit.back[1:]))
    first = next(unit for unit in profiled.units if unit.name == "stage0_conv0")
    assert first.alone[-1].lost > 0
    assert first.alone_weight is not None
    assert first.alone_weight != first.alone


def test_noise_is_that_of_the_values(found: tuple[MultiExitNet, Profiled]) -> None:
    network, profiled = found
    units = {unit.name: unit for unit in profiled.units}
    assert units["input_quant"].sqnr is None
    stage: Any = network.stages[0]["stage0_conv0"]
    with frozen(network):
        linear, norm = stage.linear, stage.norm
        x = nn.functional.conv2d(IMAGES, linear.weight, linear.bias, padding=linear.padding, stride=linear.stride)
        real = torch.relu(norm(x))
        rounded = stage(network.input_quant(IMAGES)).value
    wanted = 10 * math.log10(float(real.double().square().sum() / (rounded - real).double().square().sum()))
    assert units["stage0_conv0"].sqnr == pytest.approx(wanted, abs=1e-3)
    # Nothing is quantised before the first layer but the images, which are whole numbers already.
    assert units["stage0_conv0"].sqnr_alone == pytest.approx(wanted, abs=1e-3)
    deep = units["stage2_conv0"]
    assert deep.sqnr is not None
    assert deep.sqnr_alone is not None
    assert deep.sqnr < deep.sqnr_alone
    weight = units["stage0_conv0"].weight
    assert weight is not None
    q = linear.quant_weight().value.detach()
    assert weight.sqnr == pytest.approx(10 * math.log10(float(linear.weight.square().sum() / (q - linear.weight).square().sum())), abs=1e-3)
    assert (weight.bits, weight.clipped) == (4, 0)
    assert weight.zeroed == pytest.approx(float((q == 0).double().mean()))


def test_more_bits_leave_less_noise() -> None:
    labels = answers(net())[-1]
    few, many = ({unit.name: unit for unit in told(net(weight=bits, act=bits), labels).units} for bits in (3, 8))
    # Beyond these layers values are clipped, which no bits mend.
    for name in ("stage0_conv0", "head0_fc0", "stage1_conv0"):
        assert few[name].sqnr + 15 < many[name].sqnr  # type: ignore[operator]
    assert few["stage2_conv0"].output.clipped > 0.05  # type: ignore[union-attr]


def test_ranges_dead_and_saturated_channels_are_counted() -> None:
    network = net()
    stage: Any = network.stages[0]["stage0_conv0"]
    with torch.no_grad():
        stage.norm.bias[0] = -100
        stage.norm.bias[1] = 100
        stage.norm.weight[2], stage.norm.bias[2] = 1e-3, 0.01
        stage.norm.running_mean[2] = 0
    units = {unit.name: unit for unit in told(network, answers(network)[-1]).units}
    output = units["stage0_conv0"].output
    assert output is not None
    # One below 0 always, one at the end always, one that is less than half a step.
    assert (output.dead, output.dead_float, output.saturated) == (3, 1, 1)
    assert output.clipped >= 1 / output.channels
    assert output.high > 90 > output.range_high > 0 == output.range_low
    assert output.common_high > 90


def test_float_may_be_another_network() -> None:
    network, other = net(), net()
    with torch.no_grad():
        for parameter in other.heads[2].parameters():
            parameter.mul_(-1)
    labels = answers(network)[-1]
    profiled = told(network, labels, other)
    assert profiled.accuracy[-1] == 1
    assert profiled.float_accuracy[-1] < 0.5
    assert next(unit for unit in profiled.units if unit.name == "head2_fc0").sqnr < 0  # type: ignore[operator]


def test_hooks_are_gone_afterwards() -> None:
    network = net()
    before = copy.deepcopy(answers(network))
    told(network, before[-1])
    assert all((a == b).all() for a, b in zip(answers(network), before, strict=True))


def test_images_of_any_number_count_each_once() -> None:
    network = net()
    labels = answers(network)[-1]
    parts = [profile(network, network, lambda item, x: item(x), IMAGES[part], labels[part], named=layer)
             for part in (slice(0, 251), slice(251, 600))]
    whole = told(network, labels)
    sums = [sum(len(labels[part]) * item.float_accuracy[0] for part, item in zip((slice(0, 251), slice(251, 600)), parts, strict=True))]
    assert sums == pytest.approx([600 * whole.float_accuracy[0]])


