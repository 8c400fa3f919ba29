"""Projects with a network of one's own, for the tests of the steps that take it."""

import shutil
from pathlib import Path

from build_flows.project.load import Project
from build_flows.project.load import load as load_config

__all__ = ["FACTORY", "TOML", "own_project", "two_exits"]

FACTORY = """
import torch
from brevitas import nn as qnn
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from torch import nn


class Pixels(Uint8ActPerTensorFloat):
    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 255 / 256


def logits(size):
    return qnn.QuantLinear(size, 10, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=3, bias_quant=Int16Bias)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.first = qnn.QuantConv2d(1, 4, (3, 3), stride=2, padding=1, bias=True, weight_bit_width=3)
        self.norm = nn.BatchNorm2d(4)
        self.act = qnn.QuantReLU(bit_width=3, return_quant_tensor=True)
        self.pool, self.early = nn.MaxPool2d(2), logits(16)
        self.second = qnn.QuantConv2d(4, 6, (3, 1), bias=False, weight_bit_width=4)
        self.act2 = qnn.QuantIdentity(Int8ActPerTensorFloat, bit_width=4, return_quant_tensor=True)
        self.mean, self.act3 = nn.AdaptiveAvgPool2d(1), qnn.QuantIdentity(Int8ActPerTensorFloat, bit_width=6, return_quant_tensor=True)
        self.late = logits(6)

    def forward(self, x):
        x = self.act(self.norm(self.first(self.pixels(x))))
        late = self.act3(self.mean(self.act2(self.second(x))))
        return self.early(self.pool(x).flatten(1)), self.late(late.view(late.shape[0], -1))


def make():
    torch.manual_seed(5)
    net = Net()
    with torch.no_grad():
        net.norm.weight[1] = -0.7
        net.norm.bias.uniform_(-1, 1)
        for _ in range(40):
            net(torch.randint(0, 256, (16, 1, 8, 8)) / 256)
    return net.eval()
"""

TOML = """
[project]
name = "tiny"
output = "out/tiny"
[data]
name = "npz"
path = "digits.npz"
validation = 0.2
[model]
SOURCE
[train]
threads = 1
[[exits]]
policy = "softmax"
[[exits]]
policy = "max_logit"
[[exits]]
policy = "always"
[calibrate]
shares = [0.5, 0.3]
[target]
cycles_per_sample = 512
[simulate]
samples = 40
finn_images = 4
"""


def own_project(tiny: Project, folder: Path, source: str, **changes: str) -> Project:
    """A project in ``folder`` with the images of ``tiny`` and a network of one's own."""
    (folder / "out").mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny.file.parent / "digits.npz", folder)
    models = folder / "out" / ".models"
    if not models.exists():
        models.symlink_to((tiny.output.parent / ".models").resolve())
    text = TOML.replace("SOURCE", source)
    for old, new in changes.items():
        assert f"{old} = " in text
        text = "\n".join(f"{old} = {new}" if line.startswith(f"{old} = ") else line for line in text.splitlines())
    (folder / "config.toml").write_text(text)
    return load_config(folder / "config.toml")


def two_exits(made: Project) -> Project:
    text = made.file.read_text().replace('[[exits]]\npolicy = "max_logit"\n', "").replace("[0.5, 0.3]", "[0.5]")
    made.file.write_text(text)
    return load_config(made.file)
