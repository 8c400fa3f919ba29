"""A residual network of one's own, which offramp trains: two exits on 8x8 digits, plain Brevitas layers of 4 bits."""

from brevitas import nn as qnn
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from torch import Tensor, nn


class PixelQuant(Uint8ActPerTensorFloat):
    """8 bits, unsigned, of scale 1/256: the integers are the pixels."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 255 / 256


def conv(channels: int, out: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution of 4 bits and batch norm."""
    layer = qnn.QuantConv2d(channels, out, kernel, stride=stride, padding=kernel // 2, bias=False, weight_bit_width=4)
    return nn.Sequential(layer, nn.BatchNorm2d(out))


def relu() -> qnn.QuantReLU:
    """ReLU of 4 bits."""
    return qnn.QuantReLU(bit_width=4, return_quant_tensor=True)


class Block(nn.Module):
    """Two convolutions beside a skip. One and the same quantiser stands in front of the sum on both paths, so that it has one scale."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = nn.Sequential(conv(channels, out, 3, stride), relu()), conv(out, out)
        self.skip = conv(channels, out, 1, stride) if stride > 1 or channels != out else nn.Identity()
        self.shared = qnn.QuantIdentity(bit_width=4, return_quant_tensor=True)
        self.act = relu()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.shared(self.second(self.first(x))) + self.shared(self.skip(x)))


def classifier(size: int) -> nn.Sequential:
    """Logits: one scale for all weights, and a bias in whole accumulator units."""
    logits = qnn.QuantLinear(size, 10, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=4, bias_quant=Int16Bias)
    return nn.Sequential(nn.Flatten(), logits)


class Residual(nn.Module):
    """The first exit leaves behind one block, the second behind three."""

    def __init__(self) -> None:
        super().__init__()
        self.begin = nn.Sequential(qnn.QuantIdentity(PixelQuant, return_quant_tensor=True), conv(1, 8), relu(), Block(8, 8, 2))
        self.early = nn.Sequential(nn.MaxPool2d(2), classifier(8 * 2 * 2))
        self.onward = nn.Sequential(Block(8, 16, 1), Block(16, 16, 2))
        self.last = classifier(16 * 2 * 2)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.begin(images)
        return self.early(features), self.last(self.onward(features))


def network() -> Residual:
    """What ``model.factory`` names."""
    return Residual()
