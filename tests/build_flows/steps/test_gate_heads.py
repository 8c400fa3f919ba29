"""An exit with a learned gate head, from training to the RTL: FINN's graph, golden model and RTL decide alike."""

import numpy as np
import pytest

from build_flows.base.files import read_json
from build_flows.base.ui import SilentUi
from build_flows.board.manifest import manifest
from build_flows.board.platforms import PLATFORMS
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import export, flow
from build_flows.steps.data import project_dataset
from build_flows.steps.engine import Build
from hw.netlist import load
from quant_models.integers.view import integer_outputs
from quant_models.networks.checkpoint import load_model
from sim import golden
from tests.build_flows.projects import configured, project

pytestmark = pytest.mark.cosim


@pytest.fixture(scope="module")
def gated(tmp_path_factory, model_cache) -> Project:
    """Two exits, the first of policy gate, compiled and simulated."""
    folder = tmp_path_factory.mktemp("gated")
    project(folder, model_cache)
    made = configured(folder, exits=[(0, "global")], policy='"gate"')
    made.file.write_text(made.file.read_text().replace("accuracy_loss = 2.0", "shares = [0.5]"))
    made = load_config(made.file)
    flow.simulate(made, SilentUi(), samples=40)
    return made


@pytest.mark.slow
def test_the_rtl_decides_as_the_golden_model_and_brevitas(gated: Project) -> None:
    found = read_json(gated.output / "sim.json")
    figures = found["figures"]
    assert figures["agree"] == figures["samples"] == 40
    shares = [item["share"] for item in figures["exits"]]
    assert 0 < shares[0] < 1
    images = project_dataset(gated).x_test[:40]
    net, gates = golden.load(gated.output / "golden.npz"), {}
    net.run(images, gates=gates)
    _, learned = integer_outputs(load_model(gated.output / "checkpoint.safetensors"), images)
    assert np.array_equal(gates[0], learned[0])
    wanted = golden.decide_images(net, golden.load_exits(gated.output / "exits.json"), images)
    entry = read_json(gated.output / "exits.json")["exits"][0]
    assert np.array_equal(wanted.exit == 0, gates[0] >= entry["threshold"])
    assert [item["exit"] for item in found["samples"]] == wanted.exit.tolist()
    told = np.array([item["confidence"] for item in found["samples"]])
    assert np.array_equal(told[wanted.exit == 0], gates[0][wanted.exit == 0])
    # Two heads' logits beside what every layer gives.
    assert read_json(gated.output / "agreement.json")["layers"] == len(golden_layers(net))


def golden_layers(net: golden.GoldenNet) -> list[str]:
    chains = [*net.stages, *net.heads, *net.gates.values()]
    return [layer.name for chain in chains for layer in chain]


@pytest.mark.slow
def test_the_netlist_has_the_gate_heads_stream_width_and_bias(gated: Project) -> None:
    netlist = load((gated.output / "netlist.json").read_text())
    streams = {item.dst: item for item in netlist.streams}
    item, params = streams["exit0", 1], netlist.exits[0].params
    assert item.src[0].startswith("gatehead0_")
    assert item.bits == params["gate_acc_bits"] <= params["gate_bits"]
    assert item.depth == read_json(gated.output / "sizing.json")["fifos"][item.name]["depth"]
    fork = netlist.layer("fork0")
    assert [place[1] for place in fork.outputs] == ["out0_V", "out1_V", "out2_V"]
    assert {layer.stage for layer in netlist.layers if layer.name.startswith("gatehead0")} == {0}
    with np.load(gated.output / "golden.npz", allow_pickle=False) as arrays:
        assert params["gate_bias"] == int(arrays["gatehead0_fc0.bias"][0])
    told = manifest(netlist, PLATFORMS["pynq-z2"], {}).exits[0]
    entry = read_json(gated.output / "exits.json")["exits"][0]
    assert told.gate_scale == entry["gate_scale"]
    assert told.threshold_range[0] <= entry["threshold"] <= told.threshold_range[1]


@pytest.mark.slow
def test_what_training_found_is_told(gated: Project) -> None:
    early = read_json(gated.output / "metrics.json")["exits"][0]
    assert 0 <= early["gate_accuracy"] <= 1
    assert 0 <= early["gate_auc"] <= 1
    assert len(read_json(gated.output / "metrics.json")["history"]) == 4 + 4
    curves = read_json(gated.output / "tradeoff.json")["curves"]
    assert [curve["exit"] for curve in curves] == [0]


@pytest.mark.slow
def test_another_gate_head_is_trained_and_another_policy_drops_it(gated: Project, tmp_path) -> None:
    """Whether a step is stale, of configurations that differ in the gate head alone."""
    text = gated.file.read_text()
    assert 'policy = "gate"' in text
    checkpoint = gated.output / "checkpoint.safetensors"
    with Build(gated.output, SilentUi()) as build:
        assert build.fresh(export.step(gated, checkpoint))
        for new in ('policy = "gate"\ngate_head = "linear"', 'policy = "max_logit"'):
            gated.file.write_text(text.replace('policy = "gate"', new))
            assert not build.fresh(export.step(load_config(gated.file), checkpoint))
    gated.file.write_text(text)
