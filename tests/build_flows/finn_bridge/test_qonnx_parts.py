"""Stages and heads of networks that fork and join: the integer network is Brevitas', and FINN's graph of its layers computes the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from build_flows.finn_bridge.compile_graph import compile_graph
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.golden_file import read_golden
from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.steps.own import compare_float
from quant_models.bring.own import export_own
from sim import golden
from tests.build_flows.finn_bridge.conftest import PART, folding
from tests.build_flows.forking_networks import NETWORKS, SHAPE, Net, both, conv, export, first, gap, logits, relu

QUICK = ("of three",)


@pytest.mark.parametrize("name", [
    item if item in QUICK else pytest.param(item, marks=pytest.mark.slow) for item in NETWORKS])
def test_brevitas_golden_and_finn_agree(name: str, tmp_path: Path) -> None:
    found, images, wanted = export(name, tmp_path)
    net = golden.load(tmp_path / "golden.npz")
    assert compare_float(found, net, images, wanted, "Brevitas") < len(images) // 4
    graph = compile_graph(tmp_path / "model.onnx", tmp_path / "golden.npz", folding(tmp_path, 3), PART, 100.0, tmp_path / "rtl")
    collected: dict[str, np.ndarray] = {}
    net.run(images[:3], collect=collected)
    execution = graph.execute(images[:3].astype(np.int64))
    assert set(execution.layers) == set(collected)
    for layer, values in execution.layers.items():
        bias = 0 if collected[layer].ndim > 2 else net.heads[int(layer[4])][-1].bias
        assert np.array_equal(values.reshape(collected[layer].shape) + bias, collected[layer]), layer


def test_layers_are_named_and_know_what_they_read(tmp_path: Path) -> None:
    found, _, _ = export("through a convolution", tmp_path)
    assert {layer.name: layer.inputs for layer in found.stages[1]} == {
        "stage1_conv0": ("stage0_conv0",), "stage1_conv1": ("stage0_conv0",), "stage1_conv2": ("stage1_conv1",),
        "stage1_add0": ("stage1_conv2", "stage1_conv0"),
    }
    assert [layer.inputs for layer in found.heads[1]] == [("stage1_add0",), ("head1_gap0",)]


@pytest.mark.parametrize(("name", "cuts"), [
    ("spanned by a skip", (("stage0_conv0", "stage0_conv1"), ())),
    pytest.param("dense of two scales", (("stage0_conv0", "stage0_concat0"), ("stage1_concat0", "stage1_concat1"), ()),
                 marks=pytest.mark.slow),
    ("handed on", (("stage0_conv0", "stage0_conv1"), ("stage0_conv0", "stage1_conv0"), ())),
    ("across blocks", ()),
])
def test_cuts_are_what_is_read_behind_them(name: str, cuts: tuple[tuple[str, ...], ...], tmp_path: Path) -> None:
    found, _, _ = export(name, tmp_path)
    assert found.cuts == cuts
    assert read_golden(tmp_path / "golden.npz").cuts == (cuts or (("stage0_conv0",), ()))
    golden.load(tmp_path / "golden.npz")


class Joined(nn.Module):
    """``inner`` and what comes in, joined by ``join``."""

    def __init__(self, inner: nn.Module, join: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.inner, self.join, self.behind = inner, join, relu()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.behind(self.join(self.inner(x), x))
        return found


class Past(Net):
    """A convolution behind each other, of which the exit leaves at the last, and the trunk reads all."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        begun = [self.begin[0](self.pixels(x))]
        for layer in self.begin[1:]:
            begun.append(layer(begun[-1]))
        return self.early(begun[-1]), self.last(torch.cat([self.onward(item) for item in begun], 1))


class Twice(Net):
    """The first exit reads two tensors."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.begin[0](self.pixels(x))
        begun = self.begin[1](image)
        return self.early(begun) + self.early(image), self.last(self.onward(begun))


def plain(value: object) -> torch.Tensor:
    """Without its scale: as networks are that do not hand on quantised tensors."""
    return getattr(value, "value", value)  # type: ignore[return-value]


def beside(a: object, b: object) -> torch.Tensor:
    return torch.cat([plain(a), plain(b)], 1)


@pytest.mark.parametrize(("net", "message"), [
    (lambda: Net(first(), logits(120), Joined(nn.Sequential(conv(4, 4), both()), lambda a, b: plain(a) + plain(b)), logits(120)),
     r"Add .*: what it adds must have one scale, not .* \(.*\) and .* \(.*\); allowed: one and the same QuantIdentity on both paths"),
    (lambda: Net(first(), logits(120), Joined(conv(4, 4), lambda a, b: plain(a) + plain(b)), logits(120)),
     "Add .*: .* must be quantised before it is added .one QuantIdentity for both paths"),
    (lambda: Net(first(), logits(120), Joined(nn.Sequential(conv(4, 4), both()), lambda a, b: plain(a) * plain(b)), logits(120)),
     "Mul .* joins 2 paths; allowed: an Add of two that are quantised to one scale"),
    (lambda: Net(first(), logits(120), Joined(nn.Identity(), lambda a, b: plain(a) + plain(b)), logits(120)),
     "Add .* adds .* to itself; allowed: a Mul by 2"),
    (lambda: Net(first(), logits(120), nn.Sequential(Joined(nn.Sequential(conv(4, 4), relu()), beside), conv(8, 4), relu()), logits(120)),
     r"Concat .*: what it joins must have one scale and type, not .* \(.*\) and .* \(.*\); allowed: one and the same QuantReLU or"),
    (lambda: Past(nn.Sequential(first(), *(nn.Sequential(conv(4, 4, 1), relu()) for _ in range(4))), logits(120), both(), gap(20)),
     r"behind output exit0 the trunk reads 5 tensors \((.*, ){4}.*\); allowed: at most 4, for each takes a gate"),
])
def test_what_joins_otherwise_is_one_line(net: Callable[[], Net], message: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    made = net()
    with torch.no_grad():
        for _ in range(3):
            made(torch.randint(0, 256, (8, SHAPE[2], *SHAPE[:2])) / 256)
    export_own(made.eval(), SHAPE, tmp_path / "exported.onnx")
    with pytest.raises(CompileError, match=message):
        read_qonnx(tmp_path / "exported.onnx")
