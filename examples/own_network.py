"""A network of one's own: two exits on 8x8 digits, plain Brevitas layers. ``python own_network.py`` trains it in some seconds."""

from pathlib import Path

import torch
from brevitas import nn as qnn
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from torch import Tensor, nn
from torch.nn import functional

WEIGHTS = Path(__file__).parent / "own_network.safetensors"


class PixelQuant(Uint8ActPerTensorFloat):
    """8 bits, unsigned, of scale 1/256: the integers are the pixels."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 255 / 256


def conv(channels: int, out: int) -> nn.Sequential:
    """3x3 convolution of 4 bits, batch norm, ReLU of 4 bits."""
    return nn.Sequential(
        qnn.QuantConv2d(channels, out, 3, padding=1, bias=False, weight_bit_width=4),
        nn.BatchNorm2d(out),
        qnn.QuantReLU(bit_width=4, return_quant_tensor=True),
    )


def classifier(size: int) -> qnn.QuantLinear:
    """Logits: one scale for all weights, and a bias in whole accumulator units."""
    return qnn.QuantLinear(size, 10, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=4, bias_quant=Int16Bias)


class TwoExits(nn.Module):
    """The first exit leaves after one convolution, the second after three."""

    def __init__(self) -> None:
        super().__init__()
        self.pixels = qnn.QuantIdentity(PixelQuant, return_quant_tensor=True)
        self.begin = nn.Sequential(conv(1, 8), nn.MaxPool2d(2))
        self.early = nn.Sequential(nn.MaxPool2d(2), nn.Flatten(), classifier(8 * 2 * 2))
        self.onward = nn.Sequential(conv(8, 16), conv(16, 16), nn.MaxPool2d(2))
        self.last = nn.Sequential(nn.Flatten(), classifier(16 * 2 * 2))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.begin(self.pixels(images))
        return self.early(features), self.last(self.onward(features))


def network() -> TwoExits:
    """What ``model.factory`` names."""
    return TwoExits()


def main() -> None:
    """Train on scikit-learn's digits and write the weights."""
    from safetensors.torch import save_file

    from quant_models.datasets.load import load, split

    torch.manual_seed(1)
    data = load("digits")
    # The images that thresholds are calibrated on are left out, as own_network.toml splits them off.
    kept, _ = split(data, 0.2, 1)
    x = torch.from_numpy(data.x_train[kept].transpose(0, 3, 1, 2).astype("float32")) / 256
    y = torch.from_numpy(data.y_train[kept])
    model = network()
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 20)
    for _ in range(20):
        for some in torch.randperm(len(x)).split(64):
            optimiser.zero_grad()
            sum(functional.cross_entropy(logits, y[some]) for logits in model(x[some])).backward()
            optimiser.step()
        schedule.step()
    save_file(model.state_dict(), WEIGHTS)
    print(WEIGHTS)


if __name__ == "__main__":
    main()
