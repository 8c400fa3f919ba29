"""A network of one's own whose channels are convolved by themselves, down to the RTL, in units made for that."""

import json
from pathlib import Path

import pytest

from build_flows.base.parts import find_part
from build_flows.base.ui import SilentUi
from build_flows.planning.folding import evaluate
from build_flows.planning.folding_file import to_toml
from build_flows.planning.folding_search import search
from build_flows.planning.read_network import read_network
from build_flows.planning.unit import Fold
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from tests.build_flows.own_networks import own_project, two_exits
from tests.build_flows.steps.test_own_rewrites import COMMON, SETTLED

pytestmark = pytest.mark.cosim

SEPARABLE = COMMON + """
def conv(i, o, k, **kw):
    return nn.Sequential(qnn.QuantConv2d(i, o, k, bias=False, weight_bit_width=3, **kw), nn.BatchNorm2d(o),
                         qnn.QuantReLU(bit_width=3, return_quant_tensor=True))


def separable(i, o, **kw):
    return nn.Sequential(conv(i, i, 3, groups=i, padding=1, **kw), conv(i, o, 1))


class Net(nn.Module):
    '''Two depthwise separable blocks, of which the second has a stride.'''

    def __init__(self):
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.begin = nn.Sequential(conv(1, 6, 3, padding=1), separable(6, 8))
        self.early = nn.Sequential(nn.MaxPool2d(4), nn.Flatten(), logits(32))
        self.late = nn.Sequential(separable(8, 10, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), logits(10))
""" + SETTLED
FOLDS = {
    "stage0_conv1": Fold(body="depthwise", pixels=2, inputs=4, outputs=4, lanes=2),
    "stage1_conv0": Fold(body="depthwise", pixels=1, inputs=8, outputs=8, lanes=4),
}


@pytest.mark.slow
def test_channels_by_themselves_run_in_the_rtl_bit_for_bit(tiny: Project, tmp_path: Path) -> None:
    made = two_exits(own_project(tiny, tmp_path, 'factory = "nets:make"', samples="12"))
    (tmp_path / "nets.py").write_text(SEPARABLE)
    flow.train(made, SilentUi())
    network, part = read_network(made.output / "golden.npz", layers="fused"), find_part("pynq-z2")
    folds = {**search(network, [512, 512], part).folds, **FOLDS}
    (tmp_path / "mine.toml").write_text(to_toml(evaluate(network, folds, [512, 512], part)))
    made.file.write_text(made.file.read_text() + '\n[build]\nfolding = "mine.toml"\n')
    flow.report(load_config(made.file), SilentUi())
    simulated, agreed, netlist = (json.loads((made.output / f"{name}.json").read_text()) for name in ("sim", "agreement", "netlist"))
    assert (simulated["figures"]["samples"], simulated["figures"]["agree"], agreed["finn"]) == (12, 12, 4)
    folding = {layer["name"]: layer["folding"] for layer in netlist["layers"]}
    assert [name for name, found in folding.items() if found.get("depthwise")] == list(FOLDS)
    assert [(folding[name]["outputs"], folding[name]["lanes"]) for name in FOLDS] == [(4, 2), (8, 4)]
