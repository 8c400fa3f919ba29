"""Brevitas networks whose paths fork and join: skips as they are, through a convolution, across blocks, from the images on, in a head."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from brevitas import nn as qnn
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from torch import Tensor, nn

from build_flows.artefacts.own_layers import OwnNetwork, write_golden
from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.finn_bridge.write_qonnx import write_qonnx
from quant_models.bring.own import export_own, float_logits

__all__ = ["CLASSES", "NETWORKS", "SHAPE", "Block", "Net", "export", "settled"]

SHAPE = (6, 5, 2)
CLASSES = 3


class Pixels(Uint8ActPerTensorFloat):
    """The bytes of an image as they are."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 255 / 256


def conv(ins: int, outs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        qnn.QuantConv2d(ins, outs, kernel, stride=stride, padding=kernel // 2, bias=False, weight_bit_width=4), nn.BatchNorm2d(outs))


def relu(bits: int = 4) -> nn.Module:
    return qnn.QuantReLU(bit_width=bits, return_quant_tensor=True)


def both(bits: int = 4) -> nn.Module:
    return qnn.QuantIdentity(bit_width=bits, return_quant_tensor=True)


class Block(nn.Module):
    """Two convolutions and a skip, through a 1x1 convolution where ``outs`` or ``stride`` ask for it; one quantiser before the sum."""

    def __init__(self, ins: int, outs: int, stride: int = 1, bits: int = 4, behind: nn.Module | None = None) -> None:
        super().__init__()
        self.first, self.second = nn.Sequential(conv(ins, outs, 3, stride), relu(bits)), conv(outs, outs)
        self.skip = conv(ins, outs, 1, stride) if (ins, stride) != (outs, 1) else nn.Identity()
        self.same, self.behind = both(bits), behind or relu(bits)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(self.same(self.second(self.first(x))) + self.same(self.skip(x)))
        return found


class Net(nn.Module):
    """Two exits: images to ``begin``, ``early`` and ``onward``, ``last``."""

    def __init__(self, begin: nn.Module, early: nn.Module, onward: nn.Module, last: nn.Module) -> None:
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin, self.early, self.onward, self.last = begin, early, onward, last

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        begun = self.begin(self.pixels(x))
        return self.early(begun), self.last(self.onward(begun))


class Around(nn.Module):
    """``inner`` with a skip around all of it."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner, self.same, self.behind = inner, both(), relu()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(self.same(self.inner(x)) + self.same(x))
        return found


class Three(nn.Module):
    """The sum of three paths, behind which no ReLU stands."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.two, self.same, self.behind = conv(channels, channels, 1), conv(channels, channels), both(3), both(4)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(self.same(self.one(x)) + self.same(self.two(x)) + self.same(x))
        return found


class Beside(nn.Module):
    """A 3x3 and a 1x1 convolution and what came in, side by side."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.one, self.two, self.same = conv(channels, 3), conv(channels, 5, 1), both()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.same(self.one(x)), self.same(self.two(x)), self.same(x)], 1)


class Normed(nn.Module):
    """Batch norm and ReLU behind the sum, as blocks that normalise before they convolve have them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv, self.same, self.behind = conv(channels, channels), both(), nn.Sequential(nn.BatchNorm2d(channels), relu())

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(self.same(self.conv(x)) + self.same(x))
        return found


class Several(Net):
    """Two exits at one place, before the last."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        begun = self.begin(self.pixels(x))
        return self.early[0](begun), self.early[1](begun), self.last(self.onward(begun))


class Spanned(nn.Module):
    """A convolution whose sum with a skip comes only behind the exit: gives both."""

    def __init__(self) -> None:
        super().__init__()
        self.begin, self.conv, self.same, self.behind = first(), conv(4, 4), both(), relu()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        begun = self.begin(x)
        return self.same(self.conv(begun)), self.same(begun)


class Spans(Net):
    """A residual whose skip spans an exit, which leaves at the convolution in it."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        inner, skip = self.begin(self.pixels(x))
        return self.early(inner), self.last(self.onward(self.begin.behind(inner + skip)))


class Scales(nn.Module):
    """One layer of two scales, each of which joins what it makes of its own and of the finer scale to what it had (dense)."""

    def __init__(self, fine: int, coarse: int, grows: int = 2) -> None:
        super().__init__()
        self.fine = nn.Sequential(conv(fine, grows), relu())
        self.coarse, self.down = nn.Sequential(conv(coarse, grows), relu()), nn.Sequential(conv(fine, grows, 3, 2), relu())

    def forward(self, maps: tuple[Tensor, Tensor], same: nn.ModuleList) -> tuple[Tensor, Tensor]:
        fine, coarse = maps
        return (torch.cat([same[0](fine), same[0](self.fine(fine))], 1),
                torch.cat([same[1](coarse), same[1](self.coarse(coarse)), same[1](self.down(fine))], 1))


class Dense(nn.Module):
    """Two scales, dense, an exit at the coarse one of each block (MSDNet's shape): the cut of each exit has two tensors."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin, self.coarse = first(), nn.Sequential(conv(4, 4, 3, 2), relu())
        self.same = nn.ModuleList([both(), both()])
        self.blocks = nn.ModuleList(Scales(4 + 2 * n, 4 + 4 * n) for n in range(blocks))
        self.heads = nn.ModuleList(
            nn.Sequential(conv(8 + 4 * n, 4), relu(), logits(36)) for n in range(blocks))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        fine = self.begin(self.pixels(x))
        maps, found = (fine, self.coarse(fine)), []
        for block, head in zip(self.blocks, self.heads, strict=True):
            maps = block(maps, self.same)
            found.append(head(maps[1]))
        return tuple(found)


class HandedOn(Net):
    """What stage 0 begins with is read again behind both exits: stage 1 only hands it on. The second exit reads two tensors."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        begun = self.begin(self.pixels(x))
        near = self.onward[0](begun)
        far = self.onward[1](near)
        both = torch.cat([self.onward[2](far), self.onward[2](near)], 1)
        late = self.onward[3](self.onward[2](far) + self.onward[2](begun))
        return self.early[0](near), self.early[1](both), self.last(self.onward[4](late))


class DownAndUp(Net):
    """Down to a column of three pixels, where the exit leaves, and up again beside the first layer's map, which goes past the exit."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        begun = self.begin[0](self.pixels(x))
        deep = self.begin[1](begun)
        up = nn.functional.interpolate(self.onward[1](self.onward[0](deep)), size=begun.shape[-2:], mode="nearest")
        return self.early(deep), self.last(self.onward[2](torch.cat([up, self.onward[1](begun)], 1)))


class OfAll(nn.Module):
    """What a pixel of the whole map's mean gives, added to every pixel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.all = nn.Sequential(nn.AdaptiveAvgPool2d(1), both(5), conv(channels, channels, 1))
        self.same, self.behind = both(), relu()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(nn.functional.interpolate(self.same(self.all(x)), size=SHAPE[:2]) + self.same(x))
        return found


def up(*factor: int) -> nn.Module:
    return nn.Upsample(scale_factor=factor, mode="nearest")


def logits(size: int) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), qnn.QuantLinear(
        size, CLASSES, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=4, bias_quant=Int16Bias))


def gap(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), qnn.QuantIdentity(bit_width=8, return_quant_tensor=True), logits(channels))


def first() -> nn.Sequential:
    return nn.Sequential(conv(2, 4), relu())


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "as it is": lambda: Net(first(), logits(120), Block(4, 4), logits(120)),
    "through a convolution": lambda: Net(first(), logits(120), Block(4, 6, 2), gap(6)),
    "blocks on both sides": lambda: Net(
        nn.Sequential(first(), Block(4, 4)), logits(120), nn.Sequential(Block(4, 6, 2), Block(6, 6)), gap(6)),
    "across blocks": lambda: Net(first(), logits(120), Around(nn.Sequential(Block(4, 4), Block(4, 4))), gap(4)),
    "from the images": lambda: Net(Block(2, 4), logits(120), nn.Sequential(conv(4, 3), relu()), logits(90)),
    "in a head": lambda: Net(first(), nn.Sequential(Block(4, 4, bits=3), logits(120)), nn.Sequential(conv(4, 3), relu()), logits(90)),
    "of three": lambda: Net(first(), logits(120), Three(4), logits(120)),
    "side by side": lambda: Net(first(), logits(120), nn.Sequential(Beside(4), conv(12, 4), relu()), logits(120)),
    "normed behind": lambda: Net(first(), logits(120), nn.Sequential(Normed(4), nn.MaxPool2d(2)), logits(24)),
    "two exits at one place": lambda: Several(
        first(), nn.ModuleList([logits(120), nn.Sequential(conv(4, 3), relu(), logits(90))]), Block(4, 4), logits(120)),
    "spanned by a skip": lambda: Spans(Spanned(), logits(120), nn.Sequential(conv(4, 3), relu()), logits(90)),
    "dense of two scales": lambda: Dense(3),
    "handed on": lambda: HandedOn(
        first(), nn.ModuleList([logits(120), nn.Sequential(conv(8, 3), relu(), logits(90))]),
        nn.ModuleList([nn.Sequential(conv(4, 4), relu()), nn.Sequential(conv(4, 4), relu()), both(), relu(),
                       nn.Sequential(conv(4, 3), relu())]), logits(90)),
    "down and up": lambda: DownAndUp(
        nn.ModuleList([first(), nn.Sequential(nn.MaxPool2d((2, 5)), conv(4, 6), relu())]), nn.Sequential(up(1, 3), logits(54)),
        nn.ModuleList([conv(6, 3, 1), both(), nn.Sequential(conv(7, 4), relu())]), logits(120)),
    "of all pixels": lambda: Net(nn.Sequential(first(), OfAll(4)), logits(120), nn.Sequential(up(3, 2), conv(4, 3, 3, 2), relu()),
                                 gap(3)),
    "pooled first": lambda: Net(nn.Sequential(first(), nn.MaxPool2d(2)), logits(24), Block(4, 4, bits=5), logits(24)),
}


def settled(name: str) -> nn.Module:
    """The network called ``name``, untrained, its scales and statistics those of random images."""
    torch.manual_seed(7)
    net = NETWORKS[name]()
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.weight.uniform_(0.5, 1.5)
                part.bias.normal_(0, 0.2)
        for _ in range(12):
            net(torch.randint(0, 256, (16, SHAPE[2], *SHAPE[:2])) / 256)
    return net.eval()


def export(name: str, folder: Path, images: int = 60) -> tuple[OwnNetwork, np.ndarray, tuple[np.ndarray, ...]]:
    """``golden.npz`` and ``model.onnx`` of the network called ``name`` in ``folder``; what was read, random images and what Brevitas makes
    of them."""
    net = settled(name)
    folder.mkdir(parents=True, exist_ok=True)
    export_own(net, SHAPE, folder / "exported.onnx")
    found = read_qonnx(folder / "exported.onnx")
    write_golden(found, "forking", folder / "golden.npz")
    write_qonnx(found, folder / "model.onnx")
    some = np.random.default_rng(3).integers(0, 256, (images, *SHAPE), dtype=np.uint8)
    return found, some, float_logits(net, some, found.fed)
