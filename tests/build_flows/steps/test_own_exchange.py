"""Heads of networks of one's own are exchanged: other weights of theirs make the same RTL with other contents of its memories."""

import re
from pathlib import Path

import numpy as np
import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from quant_models.bring.modules import importable
from quant_models.bring.own import make_network
from quant_models.bring.own_training import save_weights
from tests.build_flows.finn_bridge.small_graphs import CLASSES, Builder, act, conv, fc, flat, logits, write
from tests.build_flows.steps.test_own_rewrites import COMMON

HEADS = COMMON + """
from brevitas.quant import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst


def conv(i, o, k=3, **kw):
    kw = {"weight_bit_width": 3, **kw}
    return nn.Sequential(qnn.QuantConv2d(i, o, k, bias=False, **kw), nn.BatchNorm2d(o))


def relu(bits=3):
    return qnn.QuantReLU(bit_width=bits, return_quant_tensor=True)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv, self.same = conv(channels, channels, padding=1), qnn.QuantIdentity(bit_width=4, return_quant_tensor=True)
        self.behind = relu()

    def forward(self, x):
        return self.behind(self.same(self.conv(x)) + self.same(x))


class Net(nn.Module):
    '''A head of channels by themselves, weights and activations of -1 and 1, paths that fork and join, and an average pool.'''

    def __init__(self):
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin, self.rest = nn.Sequential(conv(1, 4, stride=2, padding=1), relu()), nn.Sequential(conv(4, 6), relu())
        sign = qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst, return_quant_tensor=True)
        mean = qnn.QuantIdentity(bit_width=6, return_quant_tensor=True)
        self.early = nn.Sequential(
            conv(4, 4, groups=4, padding=1), relu(), conv(4, 4, 1, weight_quant=SignedBinaryWeightPerTensorConst), sign,
            conv(4, 4, padding=1, weight_bit_width=2), relu(4), Block(4), nn.AdaptiveAvgPool2d(1), mean, nn.Flatten(), logits(4))
        self.late = nn.Sequential(nn.Flatten(), logits(24))

    def forward(self, x):
        x = self.begin(self.pixels(x))
        return self.early(x), self.late(self.rest(x))


def make():
    torch.manual_seed(5)
    net = Net()
    with torch.no_grad():
        for _ in range(40):
            net(torch.randint(0, 256, (16, 1, 8, 8)) / 256)
    return net.eval()


def other():
    '''The same with heads of quite other weights, scales, batch norms and biases.'''
    net = make()
    torch.manual_seed(6)
    with torch.no_grad():
        for head in (net.early, net.late):
            for name, value in head.named_parameters():
                far = 0.3 * value + 2 * value.abs().mean() * torch.randn(value.shape)
                value.copy_(far if value.dim() > 1 or "bias" in name else 1.4 * value)
            for part in head.modules():
                if isinstance(part, nn.BatchNorm2d):
                    part.running_var.mul_(0.5)
                    part.running_mean.add_(0.1)
    return net
"""

TOML = """
[project]
name = "{name}"
output = "out/{name}"
[data]
name = "digits"
validation = 0.2
[model]
factory = "nets:make"{weights}
[train]
threads = 1
[[exits]]
policy = "softmax"
[[exits]]
policy = "always"
[calibrate]
shares = [0.5]
[target]
cycles_per_sample = 512
[build]
exchangeable_heads = true
[simulate]
samples = 20
finn_images = 4
"""


def project(folder: Path, name: str, weights: str = "") -> Project:
    """With the network that the file has, or other ``weights`` of it."""
    (folder / "nets.py").write_text(HEADS)
    told = f'\nweights = "{weights}"' if weights else ""
    (folder / f"{name}.toml").write_text(TOML.format(name=name, weights=told))
    return load_config(folder / f"{name}.toml")


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.timeout(1200)
def test_other_heads_of_ones_own_change_memories_alone(tmp_path: Path, model_cache: Path) -> None:
    """Whatever stands in a head; both designs are the golden model's, and the second says that it has the RTL of the first."""
    (tmp_path / "out").mkdir()
    model_cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / ".models").symlink_to(model_cache.resolve())
    first = project(tmp_path, "first")
    assert flow.compile(first, SilentUi()).exchange is None
    with importable(tmp_path):
        save_weights(make_network("nets:other"), first.output / "other.safetensors")
    second = project(tmp_path, "second", "out/first/other.safetensors")
    found = flow.compile(second, SilentUi()).exchange
    assert found is not None
    assert (found.start, found.same_rtl, found.others) == (str(first.output), True, [])
    heads = ("memories/accelerator_", "memories/decision", "memories/head")
    assert all(name.startswith(heads) for name in found.memories)
    units = {re.sub(r"_(mvau|thr|thresholds|weights).*", "", name.partition("/")[2]) for name in found.memories}
    assert {f"head0_conv{k}" for k in range(4)} | {"head0_fc0", "head1_fc0"} <= units
    assert (first.output / "sizing.json").read_bytes() == (second.output / "sizing.json").read_bytes()
    figures = [flow.simulate(made, SilentUi(), samples=20, stall=0.2) for made in (first, second)]
    assert [(item.agree, item.samples) for item in figures] == [(20, 20)] * 2


def test_a_bias_that_an_exchangeable_head_has_no_room_for_is_refused(tmp_path: Path) -> None:
    def far(b: Builder) -> None:
        unit = b.scale / 8
        fc(CLASSES)(b)
        b.node("Add", b.constant(np.array([[0, -32769, 5]]) * unit))

    write(tmp_path / "net.onnx", (6, 5, 2), [conv(4), act()], [flat, far], [flat, fc(4), act()], [logits])
    draw = np.random.default_rng(1)
    np.savez(tmp_path / "images.npz", **{f"x_{part}": draw.integers(0, 256, (60, 6, 5, 2), np.uint8) for part in ("train", "test")},
             **{f"y_{part}": np.arange(60) % CLASSES for part in ("train", "test")})
    made = project(tmp_path, "far")
    text = made.file.read_text().replace('factory = "nets:make"', 'qonnx = "net.onnx"')
    made.file.write_text(text.replace('name = "digits"', 'name = "npz"\npath = "images.npz"'))
    told = (r"far\.toml: build\.exchangeable_heads = true: MatMul my_MatMul_\d+ \(exit 0\) has a bias of -32769 units of its logits, and "
            r"exchangeable heads have biases of 16 bits; allowed: -32768 to 32767, of larger units")
    with pytest.raises(ConfigError, match=told):
        flow.train(load_config(made.file), SilentUi())
    made.file.write_text(made.file.read_text().replace("exchangeable_heads = true", "exchangeable_heads = false"))
    flow.train(load_config(made.file), SilentUi())
