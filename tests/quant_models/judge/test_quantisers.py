"""Quantisers are found in the order in which they run, and switched one by one."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from brevitas import nn as qnn
from brevitas.quant import Int8WeightPerTensorFloat, Int16Bias
from torch import Tensor, nn

from quant_models.integers.view import frozen
from quant_models.judge.quantisers import Quantised, Seen
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import preset

IMAGES = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))


class Skip(nn.Module):
    """Two convolutions and a skip: one quantiser before the sum, used twice, and one behind it."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = qnn.QuantIdentity(bit_width=8, return_quant_tensor=True)
        self.first, self.second = (qnn.QuantConv2d(ins, 3, 3, padding=1, weight_bit_width=4) for ins in (1, 3))
        self.relu = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.same = qnn.QuantIdentity(bit_width=4, return_quant_tensor=True)
        self.side = qnn.QuantConv2d(3, 3, 1, weight_bit_width=4)
        self.behind = qnn.QuantReLU(bit_width=4, return_quant_tensor=True)
        self.clip = qnn.QuantHardTanh(bit_width=4, min_val=-0.5, max_val=0.5, return_quant_tensor=True)
        self.last = qnn.QuantLinear(192, 5, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=4, bias_quant=Int16Bias)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        begun = self.relu(self.first(self.pixels(x)))
        both = self.same(self.second(begun)) + self.same(self.side(begun))
        return (self.last(self.clip(self.behind(both)).flatten(1)),)


@pytest.fixture
def skip() -> nn.Module:
    torch.manual_seed(3)
    net = Skip()
    for _ in range(8):
        net(IMAGES)
    return net.eval()


def test_an_activation_belongs_to_the_layer_before_it(skip: nn.Module) -> None:
    with frozen(skip):
        found = Quantised(skip, lambda: skip(IMAGES[:1]))
    assert [(unit.name, unit.kind, unit.weight, unit.output) for unit in found.units] == [
        ("pixels", "activation", None, "pixels:act_quant"), ("first", "conv", "first:weight", "relu:act_quant"),
        ("second", "conv", "second:weight", "same:act_quant"), ("side", "conv", "side:weight", None),
        ("behind", "activation", None, "behind:act_quant"), ("clip", "activation", None, "clip:act_quant"),
        ("last", "linear", "last:weight", None),
    ]


def test_a_presets_units_have_the_names_of_its_report() -> None:
    net = MultiExitNet(preset("digits")).eval()
    with frozen(net):
        found = Quantised(net, lambda: net(IMAGES[:1]), lambda path: path.split(".")[2] if "." in path else path)
    assert [unit.name for unit in found.units] == [
        "input_quant", "stage0_conv0", "head0_fc0", "stage1_conv0", "head1_fc0", "stage2_conv0", "head2_gap0", "head2_fc0"]


def by_hand(net: Any, rounded: Callable[[str], bool]) -> Tensor:
    """What ``Skip`` gives when only the parts that are ``rounded`` are, computed step by step."""
    def weight(part: Any, name: str) -> Tensor:
        found: Tensor = part.quant_weight().value if rounded(f"{name}:weight") else part.weight
        return found

    def act(part: Any, name: str, x: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
        found: Tensor = part(x).value if rounded(f"{name}:act_quant") else make(x)
        return found

    conv = nn.functional.conv2d
    x = act(net.pixels, "pixels", IMAGES, lambda x: x)
    begun = act(net.relu, "relu", conv(x, weight(net.first, "first"), net.first.bias, padding=1), torch.relu)
    sides = (conv(begun, weight(net.second, "second"), net.second.bias, padding=1), conv(begun, weight(net.side, "side"), net.side.bias))
    both = sum(act(net.same, "same", side, lambda x: x) for side in sides)
    behind = act(net.clip, "clip", act(net.behind, "behind", both, torch.relu), lambda x: x.clamp(-0.5, 0.5))
    return nn.functional.linear(behind.flatten(1), weight(net.last, "last"), net.last.bias)


@pytest.mark.parametrize("on", [
    (), ("first:weight",), ("relu:act_quant",), ("same:act_quant",), ("clip:act_quant", "pixels:act_quant"),
    ("side:weight", "behind:act_quant"),
])
def test_only_what_is_on_rounds(on: tuple[str, ...], skip: nn.Module) -> None:
    with frozen(skip):
        found = Quantised(skip, lambda: skip(IMAGES[:1]))
        with found.switched(on):
            (given,) = skip(IMAGES)
        assert torch.allclose(given, by_hand(skip, lambda name: name in on), atol=1e-5)
        whole = skip(IMAGES)[0]
        with found.switched(found.names):
            assert torch.equal(skip(IMAGES)[0], whole)
        assert not torch.allclose(given, whole, atol=1e-4)
        assert torch.equal(skip(IMAGES)[0], whole)


def test_what_passes_is_seen_with_the_quantisers_ends(skip: nn.Module) -> None:
    with frozen(skip):
        found = Quantised(skip, lambda: skip(IMAGES[:1]))
        seen: dict[str, list[Seen]] = {}
        with found.switched((), seen):
            (given,) = skip(IMAGES)
    assert [len(seen[unit.name]) for unit in found.units] == [1, 1, 2, 1, 1, 1, 1]
    assert torch.equal(seen["last"][0].gave, given)
    relu = seen["first"][0]
    assert torch.equal(relu.x, relu.gave)
    assert not torch.equal(relu.quantised, relu.gave)
    low, high = found.ends("relu:act_quant", relu)
    assert float(low) == 0
    assert float(high) == pytest.approx(15 * float(relu.scale))  # type: ignore[arg-type]
    assert (found.signed("relu:act_quant"), found.signed("same:act_quant")) == (False, True)
    weights = found.weights(found.units[1])
    assert found.limits("first:weight", weights) == (-7, 7)
    assert torch.equal(weights.x, skip.first.weight)  # type: ignore[union-attr]
