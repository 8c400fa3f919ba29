"""Networks of one's own of 1 and 2 bits, in the shape of FINN's CIFAR-10 network, from Brevitas down to the RTL."""

import json
from pathlib import Path

import numpy as np
import pytest

from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.steps import flow
from tests.build_flows.own_networks import FACTORY, own_project, two_exits
from tests.build_flows.steps.test_own_rewrites import SETTLED

pytestmark = pytest.mark.cosim

CNV = FACTORY[: FACTORY.index("class Net")] + """
from brevitas.quant import SignedBinaryActPerTensorConst, SignedBinaryWeightPerTensorConst

BITS = WIDTH


def act():
    if BITS == 1:
        return qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst, return_quant_tensor=True)
    return qnn.QuantReLU(bit_width=BITS, return_quant_tensor=True)


def weights():
    return dict(weight_quant=SignedBinaryWeightPerTensorConst) if BITS == 1 else dict(weight_bit_width=BITS)


def conv(i, o):
    return nn.Sequential(qnn.QuantConv2d(i, o, 3, bias=False, **weights()), nn.BatchNorm2d(o), act())


class Net(nn.Module):
    '''Convolutions without padding, in pairs, a pool behind each pair, then a linear layer; an exit after the first pair.'''

    def __init__(self):
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin = nn.Sequential(conv(1, 6), conv(6, 8), nn.MaxPool2d(2))
        self.early = nn.Sequential(nn.Flatten(), logits(32))
        self.late = nn.Sequential(nn.Flatten(), qnn.QuantLinear(32, 12, bias=False, **weights()), nn.BatchNorm1d(12), act(), logits(12))
""" + SETTLED


COUNTED = """
version = 2
[stage0_conv0]
body = "static"
pixels = 1
[stage0_conv1]
body = "shared_bits"
pixels = 2
inputs = 4
outputs = 3
lanes = 1
[stage0_pool0]
body = "shared_bits"
[head0_fc0]
body = "shared_lut"
pixels = 1
inputs = 4
outputs = 5
lanes = 1
[stage1_fc0]
body = "shared_bits"
pixels = 1
inputs = 8
outputs = 4
lanes = 2
[head1_fc0]
body = "shared_lut"
pixels = 1
inputs = 12
outputs = 2
lanes = 1
"""


@pytest.mark.slow
@pytest.mark.parametrize("stall", [0, 0.3])
def test_units_that_count_bits_are_the_golden_model_in_the_whole_accelerator(stall: float, tiny: Project, tmp_path: Path) -> None:
    made = own_project(tiny, tmp_path, 'factory = "nets:make"', samples="40")
    (tmp_path / "nets.py").write_text(CNV.replace("WIDTH", "1"))
    (tmp_path / "folding.toml").write_text(COUNTED)
    text = made.file.read_text().replace("[simulate]\n", f'[build]\nfolding = "folding.toml"\n[simulate]\nstall = {stall}\n')
    made.file.write_text(text)
    flow.report(two_exits(made), SilentUi())
    netlist, simulated, agreed = (json.loads((made.output / f"{name}.json").read_text()) for name in ("netlist", "sim", "agreement"))
    counted = {layer["name"] for layer in netlist["layers"] if layer["folding"].get("binary")}
    assert counted == {"stage0_conv1", "stage1_fc0"}
    assert (simulated["figures"]["samples"], simulated["figures"]["agree"], agreed["finn"], simulated["stall"]) == (40, 40, 4, stall)
    assert 0 < simulated["figures"]["exits"][0]["share"] < 1


@pytest.mark.slow
@pytest.mark.parametrize("bits", [1, 2])
def test_a_network_of_few_bits_runs_in_the_rtl_bit_for_bit(bits: int, tiny: Project, tmp_path: Path) -> None:
    made = own_project(tiny, tmp_path, 'factory = "nets:make"', samples="12")
    (tmp_path / "nets.py").write_text(CNV.replace("WIDTH", str(bits)))
    flow.report(two_exits(made), SilentUi())
    metrics, simulated, agreed, netlist = (json.loads((made.output / f"{name}.json").read_text())
                                           for name in ("metrics", "sim", "agreement", "netlist"))
    assert (metrics["own"]["compared_with"], metrics["own"]["images"]) == ("Brevitas", metrics["validation_samples"])
    figures = simulated["figures"]
    assert (figures["samples"], figures["agree"], agreed["finn"]) == (12, 12, 4)
    with np.load(made.output / "golden.npz") as arrays:
        layers = [layer for part in ("stages", "heads") for item in json.loads(str(arrays["meta"]))[part] for layer in item["layers"]
                  if "weight" in layer]
    wide = {layer["name"]: layer["in_bits"] for layer in layers}
    assert [wide.pop("stage0_conv0"), set(wide.values())] == [8, {bits}]
    assert {layer["weight_bits"] for layer in layers if "thresholds" in layer} == {bits}
    assert {stream["bits"] for stream in netlist["streams"] if stream["name"].startswith("stage0_conv0_to")} <= {6 * bits}
