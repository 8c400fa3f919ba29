import pytest

from build_flows.base.parts import find_part
from build_flows.finn_bridge.compile_graph import compile_graph
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.finn_folding import finn_folding
from build_flows.planning.folding import evaluate
from build_flows.planning.layer_costs import Fold
from build_flows.planning.read_network import read_network
from quant_models.networks.presets import PRESETS

from .conftest import PART, export


@pytest.fixture(scope="module")
def b_lenet(tmp_path_factory):
    return export(tmp_path_factory.mktemp("b_lenet"), PRESETS["b_lenet"](4, 4, 10))


def choose(folder, targets, **options):
    return finn_folding(folder / "model.onnx", folder / "golden.npz", targets, PART, **options)


def test_b_lenet_is_folded_as_setfolding_is_known_to(b_lenet):
    """One target for all stages: the SIMD and PE that FINN by itself was seen to choose at 1300 cycles."""
    folds = choose(b_lenet, (1300, 1300))
    assert list(folds) == [layer.name for layer in read_network(b_lenet / "golden.npz").layers]
    assert (folds["stage1_conv0"].simd, folds["stage1_conv0"].pe) == (125, 5)
    assert (folds["stage1_conv1"].simd, folds["stage1_conv1"].pe) == (250, 4)


def test_each_stage_has_its_own_target(b_lenet):
    targets = (1296, 4147)
    folds = choose(b_lenet, targets)
    assert folds["stage0_conv0"] == Fold(5, 25, True)
    assert folds["head0_conv0"] == Fold(2, 45, True)
    assert folds["stage1_conv0"].simd == 125
    assert folds["stage1_conv0"].pe == 1
    assert folds["stage1_conv1"].simd == 250
    assert folds["stage1_conv1"].pe == 1
    folding = evaluate(read_network(b_lenet / "golden.npz"), folds, targets, find_part("pynq-z2"))
    assert all(unit.meets(targets[plan.stage]) for plan in folding.plans.values() for unit in plan.units)


def test_pools_keep_up_with_the_least_pe(b_lenet):
    folds = choose(b_lenet, (1296, 4147))
    assert folds["stage0_pool0"] == Fold(5)
    assert folds["head0_pool0"] == Fold(2)
    assert folds["stage1_pool1"] == Fold(1)


def test_finns_default_width_of_weights_misses_the_target(b_lenet):
    folds = choose(b_lenet, (1296, 4147), weight_stream_bits=36)
    assert (folds["stage1_conv0"].simd, folds["stage1_conv0"].pe) == (5, 10)
    folding = evaluate(read_network(b_lenet / "golden.npz"), folds, (1296, 4147), find_part("pynq-z2"))
    assert folding.plans["stage1_conv0"].cycles == 10000


@pytest.mark.slow
def test_every_kind_of_layer_compiles_with_it(odd, tmp_path):
    targets = (200, 300, 300)
    folds = choose(odd, targets)
    folding = evaluate(read_network(odd / "golden.npz"), folds, targets, find_part("pynq-z2"))
    graph = compile_graph(odd / "model.onnx", odd / "golden.npz", folding.as_dict(), PART, 100.0, tmp_path / "rtl")
    found = {layer.name: layer.folding for layer in graph.layers}
    for name, fold in folds.items():
        if f"{name}_mvau" in found:
            assert (found[f"{name}_mvau"]["pe"], found[f"{name}_mvau"]["simd"]) == (fold.pe, fold.simd)


def test_wrong_input_is_told(odd, b_lenet):
    with pytest.raises(ValueError, match="targets must have one value a stage, 3, not 1"):
        choose(odd, (200,))
    with pytest.raises(CompileError):
        finn_folding(odd / "model.onnx", b_lenet / "golden.npz", (1296, 4147), PART)
