"""A network faster than FINN's units can be: static layers of several pixels a beat, forks and gates between them, in the whole flow."""

import json

import pytest

from build_flows.base.ui import SilentUi
from build_flows.planning.read_network import read_network
from build_flows.steps import flow
from hw.netlist import load
from tests.build_flows.projects import project

pytestmark = [pytest.mark.cosim, pytest.mark.slow]


def test_the_whole_accelerator_answers_as_the_golden_model_does(tmp_path, model_cache):
    """Every result is compared by the step itself, with and without stalls; FINN's own nodes with the golden model, layer by layer."""
    made = project(tmp_path, model_cache, cycles_per_sample="64", layers='"fused"')
    found = flow.simulate(made, SilentUi(), samples=40)
    netlist = load((made.output / "netlist.json").read_text())
    static = [layer for layer in netlist.layers if layer.op == "StaticConv_rtl"]
    assert static
    assert max(layer.folding["pixels"] for layer in static) > 1
    assert netlist.input.beat_bits == static[0].folding["pixels"] * 8
    layers = read_network(made.output / "golden.npz").layers
    assert json.loads((made.output / "agreement.json").read_text())["layers"] == len(layers)
    assert found.agree == found.samples == 40
    stages = json.loads((made.output / "sizing.json").read_text())["stages"]
    assert stages[0]["interval"] <= stages[0]["predicted"] + 2
    again = flow.simulate(made, SilentUi(), samples=40, stall=0.3)
    assert again.agree == again.samples == 40
