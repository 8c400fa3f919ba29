"""Small Brevitas networks of the kinds that people bring, two or three exits each: the modules of the zoo (:mod:`benchmarks.zoo`)."""

from collections.abc import Callable
from typing import Any

import torch
from brevitas import nn as qnn
from brevitas.core.restrict_val import RestrictValueType
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import (
    Int8ActPerTensorFloat,
    Int8WeightPerTensorFloat,
    Int16Bias,
    SignedBinaryActPerTensorConst,
    SignedBinaryWeightPerTensorConst,
    SignedTernaryWeightPerTensorConst,
    Uint8ActPerTensorFloat,
)
from torch import Tensor, nn

__all__ = ["CLASSES", "MODULES", "SHAPE", "settled"]

SHAPE = (8, 6, 2)
CLASSES = 4
Make = Callable[[], nn.Module]


class Pixels(Uint8ActPerTensorFloat):
    """The bytes of an image as they are, of images that hold pixels / 256."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 255 / 256


class Bytes(Uint8ActPerTensorFloat):
    """The bytes of an image as they are, of images that hold pixels / 255."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 1.0


class Few(Uint8ActPerTensorFloat):
    """4 bits of an image."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init, bit_width = 15 / 16, 4


class Signed(Int8ActPerTensorFloat):
    """8 bits with a sign, of a power of two."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init, restrict_scaling_type = 1.0, RestrictValueType.POWER_OF_TWO


def conv(ins: int, outs: int, kernel: Any = 3, bits: int = 4, **more: Any) -> nn.Sequential:
    """A convolution without a bias, batch norm behind it; as large as before unless ``more`` says otherwise."""
    sides = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    given = {"padding": tuple(side // 2 for side in sides), "bias": False, "weight_bit_width": bits, **more}
    return nn.Sequential(qnn.QuantConv2d(ins, outs, sides, **given), nn.BatchNorm2d(outs))


def relu(bits: int = 4) -> nn.Module:
    return qnn.QuantReLU(bit_width=bits, return_quant_tensor=True)


def same(bits: int = 4) -> nn.Module:
    return qnn.QuantIdentity(bit_width=bits, return_quant_tensor=True)


def block(ins: int, outs: int, kernel: Any = 3, bits: int = 4, **more: Any) -> nn.Sequential:
    """Convolution, batch norm, ReLU."""
    return nn.Sequential(conv(ins, outs, kernel, bits, **more), relu(bits))


def logits(size: int, *, bits: int = 4) -> nn.Sequential:
    return nn.Sequential(nn.Flatten(), qnn.QuantLinear(
        size, CLASSES, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=bits, bias_quant=Int16Bias))


def pooled(channels: int) -> nn.Sequential:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), same(6), logits(channels))


class Net(nn.Module):
    """Images through ``begin``; ``early`` and ``onward``, ``last`` from there."""

    def __init__(self, begin: nn.Module, early: nn.Module, onward: nn.Module, last: nn.Module, pixels: nn.Module | None = None) -> None:
        super().__init__()
        self.pixels = pixels or qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin, self.early, self.onward, self.last = begin, early, onward, last

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        begun = self.begin(self.pixels(x))
        return self.early(begun), self.last(self.onward(begun))


class Skip(nn.Module):
    """``path`` and what came in, through ``side``, one quantiser before the sum and one behind it."""

    def __init__(self, path: nn.Module, side: nn.Module | None = None, behind: nn.Module | None = None) -> None:
        super().__init__()
        self.path, self.side, self.same, self.behind = path, side or nn.Identity(), same(), behind or relu()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(self.same(self.path(x)) + self.same(self.side(x)))
        return found


class Unequal(Skip):
    """A sum of two quantisers' values, each with a scale of its own."""

    def __init__(self, path: nn.Module) -> None:
        super().__init__(path)
        self.other = same(5)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.behind(self.same(self.path(x)) + self.other(x))
        return found


class Beside(nn.Module):
    """Several paths side by side."""

    def __init__(self, *paths: nn.Module) -> None:
        super().__init__()
        self.paths, self.same = nn.ModuleList(paths), same()

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.same(path(x)) for path in self.paths], 1)


def up() -> nn.Module:
    return nn.Upsample(scale_factor=2, mode="nearest")


class Across(nn.Module):
    """Down, and up to the size of what came in, which is put beside it, or added."""

    def __init__(self, *, joined: bool) -> None:
        super().__init__()
        self.down, self.same, self.joined, self.behind = nn.Sequential(nn.MaxPool2d(2), conv(4, 4)), same(), joined, relu()

    def forward(self, x: Tensor) -> Tensor:
        deep = nn.functional.interpolate(self.same(self.down(x)), size=x.shape[-2:], mode="nearest")
        if self.joined:
            return torch.cat([deep, self.same(x)], 1)
        found: Tensor = self.behind(deep + self.same(x))
        return found


class Several(Net):
    """Two heads at one tensor before the last exit."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        begun = self.begin(self.pixels(x))
        return self.early[0](begun), self.early[1](begun), self.last(self.onward(begun))


class Past(Net):
    """A skip from the images' first layer past the early exit."""

    def __init__(self) -> None:
        super().__init__(block(2, 4), logits(4 * 48), block(4, 4), logits(4 * 48))
        self.middle, self.same, self.behind = block(4, 4), same(), relu()

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        begun = self.begin(self.pixels(x))
        middle = self.middle(begun)
        return self.early(middle), self.last(self.behind(self.same(self.onward(middle)) + self.same(begun)))


class Around(Net):
    """Down, an exit at the bottom, and up again to the first layer's map, which goes past the exit."""

    def __init__(self) -> None:
        super().__init__(block(2, 4), pooled(6), block(6, 4), logits(3 * 48))
        self.middle, self.up, self.same, self.join = nn.Sequential(nn.MaxPool2d(2), block(4, 6)), up(), same(), block(8, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        begun = self.begin(self.pixels(x))
        middle = self.middle(begun)
        deep = self.up(self.same(self.onward(middle)))
        return self.early(middle), self.last(self.join(torch.cat([deep, self.same(begun)], 1)))


class Apart(Net):
    """Two exits whose order in the tuple is ``turned``, or that end in something else than logits."""

    def __init__(self, end: Callable[[Tensor], Tensor], *, turned: bool = False) -> None:
        super().__init__(block(2, 4), logits(4 * 48), block(4, 3, stride=2), logits(3 * 12))
        self.end, self.turned = end, turned

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        found = tuple(map(self.end, super().forward(x)))
        return found[::-1] if self.turned else found


class Normal(nn.Module):
    """``(x - mean) / std``, quantised by ``quantiser``."""

    def __init__(self, mean: float, std: float, quantiser: nn.Module) -> None:
        super().__init__()
        self.mean, self.std, self.quantiser = mean, std, quantiser

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.quantiser((x - self.mean) / self.std)
        return found


class _Viewed(nn.Module):
    """The images as vectors, as code says that takes tensors to be contiguous."""

    def forward(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], -1)


class _Shuffled(nn.Module):
    """Channels of two groups one by one, as ShuffleNet has them."""

    def forward(self, x: Tensor) -> Tensor:
        images, channels, *size = x.shape
        return x.view(images, 2, channels // 2, *size).transpose(1, 2).reshape(images, channels, *size)


def plain(*onward: nn.Module, ins: int = 4, out: int, begin: nn.Module | None = None, pixels: nn.Module | None = None,
          early: nn.Module | None = None) -> Net:
    """A first layer of 4 channels, then ``onward``, which gives ``out`` values."""
    return Net(begin or block(2, ins), early or logits(ins * 48), nn.Sequential(*onward), logits(out), pixels)


def _last(ins: int, kernel: Any = 1) -> nn.Module:
    """A convolution that gives the classes."""
    return qnn.QuantConv2d(ins, CLASSES, kernel, bias=False, weight_bit_width=4)


def _classes(ins: int) -> nn.Sequential:
    return nn.Sequential(_last(ins), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def linear(ins: int, outs: int) -> nn.Sequential:
    return nn.Sequential(qnn.QuantLinear(ins, outs, bias=False, weight_bit_width=4), nn.BatchNorm1d(outs), relu())


def _gamma(net: Net, *values: float) -> Net:
    """The factors of the second batch norm."""
    norm = [part for part in net.modules() if isinstance(part, nn.BatchNorm2d)][1]
    norm.register_buffer("fixed", torch.tensor(values))
    return net


BINARY = {"weight_quant": SignedBinaryWeightPerTensorConst, "weight_bit_width": 1, "weight_scaling_init": 0.1}
TERNARY = {"weight_quant": SignedTernaryWeightPerTensorConst, "weight_bit_width": 2, "weight_scaling_init": 0.1}


def sign() -> nn.Module:
    return qnn.QuantIdentity(SignedBinaryActPerTensorConst, scaling_init=1.0, bit_width=1, return_quant_tensor=True)


MODULES: dict[str, tuple[str, Make]] = {
    "identity skip": ("graphs", lambda: plain(Skip(conv(4, 4)), out=192)),
    "skip through a 1x1 convolution": ("graphs", lambda: plain(
        Skip(nn.Sequential(block(4, 6, stride=2), conv(6, 6)), conv(4, 6, 1, stride=2)), out=72)),
    "skip across blocks": ("graphs", lambda: plain(Skip(nn.Sequential(Skip(conv(4, 4)), Skip(conv(4, 4)))), out=192)),
    "skip in the first stage": ("graphs", lambda: Net(nn.Sequential(block(2, 4), Skip(conv(4, 4))), logits(192), block(4, 3), logits(144))),
    "skip in a head": ("graphs", lambda: Net(block(2, 4), nn.Sequential(Skip(conv(4, 4)), logits(192)), block(4, 3), logits(144))),
    "skip past an exit": ("open", Past),
    "skip of another scale": ("refused", lambda: plain(Unequal(conv(4, 4)), out=192)),
    "no ReLU behind the sum": ("graphs", lambda: plain(Skip(conv(4, 4), behind=same()), out=192)),
    "batch norm behind the sum": ("graphs", lambda: plain(Skip(conv(4, 4), behind=nn.Sequential(nn.BatchNorm2d(4), relu())), out=192)),
    "two paths side by side": ("graphs", lambda: plain(Beside(conv(4, 3), conv(4, 5, 1)), block(8, 3), out=144)),
    "dense block": ("graphs", lambda: plain(Beside(nn.Identity(), conv(4, 4)), Beside(nn.Identity(), conv(8, 4)), out=12 * 48)),
    "two heads at one tensor": ("graphs", lambda: Several(block(2, 4), nn.ModuleList([logits(192), pooled(4)]), block(4, 3), logits(144))),
    "depthwise": ("layers", lambda: plain(block(4, 4, groups=4), block(4, 6, 1), out=288)),
    "grouped": ("layers", lambda: plain(block(4, 6, groups=2), out=288)),
    "channel shuffle": ("layers", lambda: plain(
        block(4, 4, 1, groups=2), _Shuffled(), block(4, 4, groups=4), block(4, 6, 1, groups=2), out=288)),
    "dilated": ("layers", lambda: plain(block(4, 4, dilation=2, padding=2), out=192)),
    "padding same": ("layers", lambda: plain(block(4, 4, 4, padding="same"), out=192)),
    "asymmetric padding": ("layers", lambda: plain(nn.ZeroPad2d((1, 0, 2, 1)), block(4, 4, padding=0), out=4 * 9 * 5)),
    "stride 2, wide padding": ("layers", lambda: plain(block(4, 4, 5, stride=2, padding=3), out=4 * 5 * 4)),
    "1x1 at stride 2": ("layers", lambda: plain(block(4, 5, 1, stride=2), out=60)),
    "kernel of two sides": ("layers", lambda: plain(block(4, 4, (3, 1)), block(4, 4, (1, 5)), out=192)),
    "average pool over windows": ("layers", lambda: plain(nn.AvgPool2d(2), same(), out=48)),
    "global average pool": ("layers", lambda: Net(block(2, 4), pooled(4), block(4, 6), pooled(6))),
    "global average pool, no quantiser": ("layers", lambda: Net(block(2, 4), logits(192), block(4, 6),
                                                               nn.Sequential(nn.AdaptiveAvgPool2d(1), logits(6)))),
    "adaptive average pool": ("layers", lambda: plain(nn.AdaptiveAvgPool2d(2), same(), out=16)),
    "max pool with padding": ("layers", lambda: plain(nn.MaxPool2d(3, 2, 1), out=4 * 12)),
    "max pool with padding of signed values": ("layers", lambda: plain(conv(4, 4), same(), nn.MaxPool2d(3, 2, 1), out=4 * 12)),
    "max pool, ceil mode": ("layers", lambda: plain(block(4, 4, padding=0, kernel=(2, 2)), nn.MaxPool2d(2, ceil_mode=True), out=4 * 4 * 3)),
    "pool first": ("layers", lambda: Net(nn.Sequential(nn.MaxPool2d(2), block(2, 4)), logits(48), block(4, 3), logits(36))),
    "linear first": ("layers", lambda: Net(nn.Sequential(nn.Flatten(), linear(96, 12)), logits(12), linear(12, 8), logits(8))),
    "1x1 convolution and mean at the end": ("layers", lambda: Net(block(2, 4), _classes(4), block(4, 6), _classes(6))),
    "mean and 1x1 convolution at the end": ("layers", lambda: Net(
        block(2, 4), nn.Sequential(nn.AdaptiveAvgPool2d(1), same(6), _last(4), nn.Flatten()), block(4, 6),
        nn.Sequential(nn.AdaptiveAvgPool2d(1), _last(6), nn.Flatten()))),
    "convolution over the map at the end": ("layers", lambda: plain(block(4, 3), out=144, early=nn.Sequential(
        nn.MaxPool2d(2), _last(4, (4, 3)), nn.Flatten()))),
    "mean of classes": ("layers", lambda: plain(block(4, 3), out=144, early=nn.Sequential(
        conv(4, CLASSES), qnn.QuantReLU(bit_width=4), nn.AdaptiveAvgPool2d(1), nn.Flatten()))),
    "view of the images": ("layers", lambda: Net(nn.Sequential(_Viewed(), linear(96, 12)), logits(12), linear(12, 8), logits(8))),
    "upsampling": ("layers", lambda: plain(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="nearest"), block(4, 3), out=144)),
    "upsampling, rows and columns apart": ("layers", lambda: plain(nn.MaxPool2d(4), nn.Upsample(scale_factor=(3, 2)), conv(4, 3), same(),
                                                                   out=3 * 6 * 2)),
    "upsampling before the quantiser": ("layers", lambda: plain(block(4, 4, stride=2), conv(4, 3), nn.Upsample(scale_factor=2), same(),
                                                                out=144)),
    "upsampling of one pixel": ("layers", lambda: plain(Beside(nn.Sequential(
        nn.AdaptiveAvgPool2d(1), same(), conv(4, 2, 1), nn.Upsample(size=(8, 6))), conv(4, 3)), block(5, 3), out=144)),
    "upsampling in a head": ("layers", lambda: Net(block(2, 4), nn.Sequential(nn.MaxPool2d(2), up(), logits(192)), block(4, 3),
                                                   logits(144))),
    "upsampling first": ("layers", lambda: Net(nn.Sequential(up(), block(2, 3)), logits(576), nn.MaxPool2d(4), logits(36))),
    "upsampling behind an exit": ("layers", lambda: plain(up(), block(4, 2, stride=2), out=96)),
    "U-Net, side by side": ("graphs", lambda: plain(Across(joined=True), block(8, 3), out=144)),
    "U-Net, added": ("graphs", lambda: plain(Across(joined=False), block(4, 3), out=144)),
    "U-Net past an exit": ("graphs", Around),
    "upsampling of signs": ("layers", lambda: plain(nn.MaxPool2d(2), conv(4, 4), sign(), up(), conv(4, 4, 1, **BINARY), sign(), out=192)),
    "upsampling between pixels": ("refused", lambda: plain(nn.MaxPool2d(2), nn.Upsample(scale_factor=2, mode="bilinear"), block(4, 3),
                                                           out=144)),
    "upsampling by one and a half": ("refused", lambda: plain(nn.MaxPool2d(2), nn.Upsample(scale_factor=1.5), block(4, 3), out=72)),
    "negative and zero gammas": ("layers", lambda: _gamma(plain(block(4, 4), out=192), 1.0, -0.8, 0.0, 0.6)),
    "no batch norm, a bias": ("layers", lambda: plain(qnn.QuantConv2d(4, 4, 3, padding=1, bias=True, weight_bit_width=4), relu(), out=192)),
    "ReLU6": ("layers", lambda: plain(conv(4, 4), nn.ReLU6(), same(), out=192)),
    "hard tanh": ("layers", lambda: plain(conv(4, 4), qnn.QuantHardTanh(bit_width=4, min_val=-1.0, max_val=1.0, return_quant_tensor=True),
                                         out=192)),
    "2 bits": ("layers", lambda: plain(block(4, 4, bits=2), out=192)),
    "8 bits": ("layers", lambda: plain(block(4, 4, bits=8), out=192)),
    "1-bit weights": ("layers", lambda: plain(conv(4, 4, **BINARY), relu(), out=192)),
    "1-bit weights and activations": ("layers", lambda: plain(conv(4, 4), sign(), conv(4, 4, 1, **BINARY), sign(), out=192)),
    "ternary weights": ("layers", lambda: plain(conv(4, 4, **TERNARY), relu(), out=192)),
    "image of 4 bits": ("inputs", lambda: plain(block(4, 3), out=144, pixels=qnn.QuantIdentity(Few, return_quant_tensor=True))),
    "image with a sign": ("inputs", lambda: plain(block(4, 3), out=144, begin=block(2, 4, padding=0, kernel=1),
                                                  pixels=Normal(0.5, 1.0, qnn.QuantIdentity(Signed, return_quant_tensor=True)))),
    "image of pixels / 255": ("inputs", lambda: plain(block(4, 3), out=144, pixels=qnn.QuantIdentity(Bytes, return_quant_tensor=True))),
    "normalised image": ("inputs", lambda: plain(block(4, 3), out=144, begin=block(2, 4, padding=0, kernel=1),
                                                 pixels=Normal(0.45, 0.25, qnn.QuantIdentity(bit_width=8, return_quant_tensor=True)))),
    "image without a quantiser": ("inputs", lambda: plain(block(4, 3), out=144, pixels=nn.Identity())),
    "softmax at the ends": ("ends", lambda: Apart(lambda x: x.softmax(1))),
    "log-softmax at the ends": ("ends", lambda: Apart(lambda x: x.log_softmax(-1))),
    "outputs turned round": ("ends", lambda: Apart(lambda x: x, turned=True)),
    "tanh": ("refused", lambda: plain(conv(4, 4), nn.Tanh(), same(), out=192)),
    "quantised logits": ("refused", lambda: plain(block(4, 3), out=144, early=nn.Sequential(logits(192), qnn.QuantIdentity()))),
    "batch norm behind the logits": ("refused", lambda: plain(
        block(4, 3), out=144, early=nn.Sequential(logits(192), nn.BatchNorm1d(CLASSES)))),
    "batch norm of a vector": ("refused", lambda: plain(nn.Flatten(), nn.BatchNorm1d(192), same(), out=192)),
    "sigmoid at the ends": ("refused", lambda: Apart(torch.sigmoid)),
    "no quantiser between two convolutions": ("refused", lambda: plain(conv(4, 4), nn.ReLU(), block(4, 4), out=192)),
    "transposed convolution": ("refused", lambda: plain(qnn.QuantConvTranspose2d(4, 4, 2, stride=2, weight_bit_width=4), relu(), out=768)),
    "instance norm": ("refused", lambda: plain(
        qnn.QuantConv2d(4, 4, 3, padding=1, weight_bit_width=4), nn.InstanceNorm2d(4), relu(), out=192)),
    "float weights": ("refused", lambda: plain(nn.Conv2d(4, 4, 3, padding=1), relu(), out=192)),
}
"""By name: the row of what people bring that it stands for ("refused": it must be), and what makes it."""


def settled(name: str) -> nn.Module:
    """The module called ``name``, untrained, its scales and statistics those of random images."""
    torch.manual_seed(7)
    net = MODULES[name][1]()
    with torch.no_grad():
        for part in net.modules():
            if isinstance(part, nn.BatchNorm2d | nn.BatchNorm1d):
                part.weight.uniform_(0.5, 1.5)
                part.bias.normal_(0, 0.2)
                if hasattr(part, "fixed"):
                    part.weight.copy_(part.fixed)
        for _ in range(10):
            net(torch.randint(0, 256, (16, SHAPE[2], *SHAPE[:2])) / 256)
    return net.eval()
