"""Layers on DSP chains beside constant ones and FINN's, forks and gates between them, in the whole flow, by a folding of one's own."""

import json

import pytest

from build_flows.base.ui import SilentUi
from build_flows.steps import flow
from hw.netlist import load
from tests.build_flows.projects import project

pytestmark = [pytest.mark.cosim, pytest.mark.slow]

FOLDING = """
version = 2
[stage0_conv0]
body = "static"
pixels = 2
[head0_pool0]
pe = 8
[head0_fc0]
body = "shared"
pixels = 1
inputs = 3
outputs = 6
lanes = 2
[stage1_conv0]
body = "shared"
pixels = 2
inputs = 8
outputs = 8
lanes = 2
[stage1_pool0]
body = "shared"
[head1_pool0]
pe = 8
[head1_fc0]
pe = 2
simd = 4
[stage2_conv0]
body = "shared"
pixels = 2
inputs = 8
outputs = 16
lanes = 4
[head2_gap0]
pe = 8
[head2_fc0]
body = "shared"
pixels = 1
inputs = 2
outputs = 12
lanes = 12
"""


def test_the_whole_accelerator_answers_as_the_golden_model_does(tmp_path, model_cache):
    """Every result is compared by the step itself, with and without stalls; FINN's own nodes with the golden model, layer by layer."""
    (tmp_path / "folding.toml").write_text(FOLDING)
    made = project(tmp_path, model_cache, cycles_per_sample="400", layers='"fused"', folding='"folding.toml"')
    found = flow.simulate(made, SilentUi(), samples=40)
    assert found.agree == found.samples == 40
    netlist = load((made.output / "netlist.json").read_text())
    ops = {layer.name: layer.op for layer in netlist.layers}
    assert [name for name, op in ops.items() if op == "SharedConv_rtl"] == ["head0_fc0", "stage1_conv0", "stage2_conv0", "head2_fc0"]
    assert (ops["stage0_conv0"], ops["head1_fc0_mvau"]) == ("StaticConv_rtl", "MVAU_rtl")
    assert json.loads((made.output / "agreement.json").read_text())["layers"] == 10
    for stage in json.loads((made.output / "sizing.json").read_text())["stages"]:
        assert stage["interval"] <= stage["predicted"] + 2
    # What is synthesised has the part's own slices.
    assert "DSP48E1" not in (made.output / "rtl" / "filelist.f").read_text()
    assert not list((made.output / "rtl").rglob("DSP48E1*"))
    again = flow.simulate(made, SilentUi(), samples=40, stall=0.3)
    assert again.agree == again.samples == 40
