"""Networks of one's own whose layers are rewritten, from Brevitas down to the RTL."""

import json
from pathlib import Path

import numpy as np
import pytest

from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.steps import flow
from tests.build_flows.own_networks import FACTORY, own_project, two_exits

pytestmark = pytest.mark.cosim

COMMON = FACTORY[: FACTORY.index("class Net")]
SETTLED = """
    def forward(self, x):
        x = self.begin(self.pixels(x))
        return self.early(x), self.late(x)


def make():
    torch.manual_seed(5)
    net = Net()
    with torch.no_grad():
        for _ in range(40):
            net(torch.randint(0, 256, (16, 1, 8, 8)) / 256)
    return net.eval()
"""

WINDOWS = COMMON + """
def conv(i, o, k, **kw):
    return nn.Sequential(qnn.QuantConv2d(i, o, k, bias=False, weight_bit_width=3, **kw), nn.BatchNorm2d(o),
                         qnn.QuantReLU(bit_width=3, return_quant_tensor=True))


class Net(nn.Module):
    '''Padding on two sides, a depthwise layer, dilation, even kernels of the same size, means without quantisers.'''

    def __init__(self):
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin = nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), conv(1, 4, 3, stride=2))
        self.early = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), logits(16))
        self.late = nn.Sequential(conv(4, 4, 3, groups=4, dilation=2, padding=2), conv(4, 6, 2, padding="same"), nn.AdaptiveAvgPool2d(1),
                                  nn.Flatten(), logits(6))
""" + SETTLED

LEVELS = COMMON + """
from brevitas.quant import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst


def conv(i, o):
    return nn.Sequential(qnn.QuantConv2d(i, o, 3, padding=1, bias=False, weight_quant=SignedBinaryWeightPerTensorConst), nn.BatchNorm2d(o))


class Net(nn.Module):
    '''1 bit, a pool with padding, a clip of its own and a batch norm behind a ReLU.'''

    def __init__(self):
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin = nn.Sequential(conv(1, 4), nn.ReLU6(), qnn.QuantReLU(bit_width=3, return_quant_tensor=True),
                                   nn.MaxPool2d(3, 2, padding=1))
        self.early = nn.Sequential(nn.Flatten(), logits(64))
        sign = qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst, return_quant_tensor=True)
        self.late = nn.Sequential(conv(4, 5), sign, conv(5, 6), nn.ReLU(), nn.BatchNorm2d(6),
                                  qnn.QuantIdentity(bit_width=3, return_quant_tensor=True), nn.Flatten(), logits(96))
""" + SETTLED


@pytest.mark.slow
@pytest.mark.parametrize("source", [WINDOWS, LEVELS], ids=["windows", "levels"])
def test_what_is_rewritten_runs_in_the_rtl_bit_for_bit(source: str, tiny: Project, tmp_path: Path) -> None:
    made = own_project(tiny, tmp_path, 'factory = "nets:make"', samples="12")
    (tmp_path / "nets.py").write_text(source)
    flow.report(two_exits(made), SilentUi())
    metrics, simulated, agreed = (json.loads((made.output / name).read_text()) for name in ("metrics.json", "sim.json", "agreement.json"))
    assert (metrics["own"]["compared_with"], metrics["own"]["images"]) == ("Brevitas", metrics["validation_samples"])
    figures = simulated["figures"]
    assert (figures["samples"], figures["agree"], agreed["finn"]) == (12, 12, 4)
    assert 0 < figures["exits"][0]["share"] < 1
    with np.load(made.output / "golden.npz") as arrays:
        kinds = [layer["kind"] for stage in json.loads(str(arrays["meta"]))["stages"] for layer in stage["layers"]]
    assert set(kinds) <= {"conv", "maxpool"}
