from dataclasses import replace

import numpy as np
import pytest

from build_flows.finn_bridge.compile_graph import compile_graph
from build_flows.finn_bridge.errors import CompileError
from build_flows.planning.read_network import read_network
from quant_models.networks.presets import preset
from sim import golden
from tests.quant_models.conftest import bit_spec, residual_spec, scales_spec, separable_spec

from .conftest import PART, export, folding, spec


def check_agreement(graph, folder, images):
    """FINN's execution equals the golden model in every layer of every image."""
    layers = {}
    wanted = golden.load(folder / "golden.npz").run(images, collect=layers)
    found = graph.execute(images)
    assert set(found.layers) == set(layers)
    for name, value in layers.items():
        if name not in graph.last_layers:
            np.testing.assert_array_equal(found.layers[name].reshape(value.shape), value, err_msg=name)
    for item, logits, expected in zip(graph.exits, found.logits, wanted, strict=True):
        np.testing.assert_array_equal(logits + np.array(item.bias), expected, err_msg=f"exit {item.index}")


def pictures(count, seed=0):
    images = np.random.default_rng(seed).integers(0, 256, (count, 9, 7, 2), dtype=np.uint8)
    images[0], images[1] = 0, 255
    return images


def test_every_layer_agrees_with_the_golden_model(compiled, odd):
    check_agreement(compiled[0], odd, pictures(12))


@pytest.mark.slow
@pytest.mark.parametrize(("weight_bits", "act_bits"), [(2, 2), (8, 8)])
def test_narrow_and_wide_types(tmp_path, weight_bits, act_bits):
    folder = export(tmp_path / "net", spec(weight_bits, act_bits))
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folding(folder, 11), PART, 100.0, tmp_path / "rtl")
    check_agreement(graph, folder, pictures(6))


@pytest.mark.slow
def test_residual_blocks(tmp_path):
    folder = export(tmp_path / "net", residual_spec())
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folding(folder, 5), PART, 100.0, tmp_path / "rtl")
    check_agreement(graph, folder, pictures(12))
    assert {layer.op for layer in graph.layers} >= {"StreamAdd_rtl", "StreamFork_rtl"}


@pytest.mark.slow
def test_convolutions_in_groups(tmp_path):
    folder = export(tmp_path / "net", replace(separable_spec(), gates=()))
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folding(folder, 5), PART, 100.0, tmp_path / "rtl")
    check_agreement(graph, folder, pictures(12))


@pytest.mark.slow
def test_scales_with_dense_connections(tmp_path):
    """Whose gate is a group of three."""
    folder = export(tmp_path / "net", replace(scales_spec(), gates=()))
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folding(folder, 5), PART, 100.0, tmp_path / "rtl")
    check_agreement(graph, folder, pictures(8))
    assert {layer.op for layer in graph.layers} >= {"StreamConcat_rtl", "StreamFork_rtl"}
    assert [gate.exit for gate in graph.gates] == [0, 0, 0]


@pytest.mark.slow
def test_layers_of_1_bit(tmp_path):
    """Convolutions that count bits that agree, and a padded one that multiplies; linear layers behind an average of bits."""
    folder = export(tmp_path / "net", bit_spec())
    folds = {}
    for layer in read_network(folder / "golden.npz", layers="fused").layers:
        unit = {"pixels": 1, "inputs": 1, "outputs": 1, "lanes": 1}
        counted = layer.binary and layer.in_bits == 1 and layer.pad == (0, 0) and layer.activation
        folds[layer.name] = {"body": "shared_bits", **unit} if counted else {"body": "shared_lut", **unit}
        if layer.name == "stage0_conv0":
            folds[layer.name] = {"pe": 1, "simd": 1, "parallel_window": 0}
        elif not layer.weight_bits:
            folds[layer.name] = {"body": "shared_lut"} if layer.kind == "maxpool" else {"pe": 1}
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folds, PART, 100.0, tmp_path / "rtl")
    check_agreement(graph, folder, pictures(12))
    assert {layer.name for layer in graph.layers if layer.folding.get("binary")} == {"stage1_conv1"}


def test_linear_layers_alone(tmp_path):
    folder = export(tmp_path / "net", preset("tfc", 2, 2, shape=(9, 7, 2)))
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folding(folder, 5), PART, 100.0, tmp_path / "rtl")
    check_agreement(graph, folder, pictures(12))


@pytest.mark.slow
@pytest.mark.parametrize("pick", [0, 5, 30])
def test_a_network_along_the_time(tmp_path, pick):
    folder = export(tmp_path / "net", preset("har", shape=(32, 1, 3)))
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folding(folder, pick), PART, 100.0, tmp_path / "rtl")
    check_agreement(graph, folder, np.random.default_rng(0).integers(0, 256, (6, 32, 1, 3), dtype=np.uint8))


@pytest.mark.slow
def test_same_inputs_give_same_bytes_anywhere(compiled, odd, tmp_path, imported):
    graph, rtl = compiled
    imported.clear()
    other = tmp_path / "elsewhere"
    again = compile_graph(odd / "model.onnx", odd / "golden.npz", folding(odd, 5), PART, 100.0, other)
    first = {path.relative_to(rtl): path.read_bytes() for path in rtl.rglob("*") if path.is_file()}
    second = {path.relative_to(other): path.read_bytes() for path in other.rglob("*") if path.is_file()}
    assert first == second
    assert {str(path) for path in first} == {*graph.files, *graph.memories}
    assert (again.layers, again.streams, again.gates, again.exits) == (graph.layers, graph.streams, graph.gates, graph.exits)


@pytest.mark.slow
def test_other_weights_of_exchangeable_heads_change_memories_alone(tmp_path):
    """The same network with heads of other weights, and with such as are all extreme."""
    texts, folds = [], None
    for name, change in (("as trained", None), ("mixed", 0.01), ("extreme", 1e6)):
        folder = export(tmp_path / name, spec(), change)
        folds = folds or folding(folder, 5)
        graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folds, PART, 100.0, tmp_path / name / "rtl", exchangeable=True)
        check_agreement(graph, folder, pictures(4))
        rtl = tmp_path / name / "rtl"
        texts.append({path.relative_to(rtl).as_posix(): path.read_bytes() for path in rtl.rglob("*") if path.is_file()})
    for other in texts[1:]:
        assert texts[0].keys() == other.keys()
        changed = [name for name in other if other[name] != texts[0][name]]
        assert changed
        assert all(name.startswith("memories/head") for name in changed)


@pytest.mark.slow
def test_without_it_the_rtl_follows_from_the_weights(compiled, odd, tmp_path):
    rtl = compiled[1]
    folder = export(tmp_path / "extreme", spec(), 1e6)
    compile_graph(folder / "model.onnx", folder / "golden.npz", folding(odd, 5), PART, 100.0, tmp_path / "rtl")
    units = {path.name for path in (rtl / "units").iterdir() if path.read_bytes() != (tmp_path / "rtl" / "units" / path.name).read_bytes()}
    assert {"head0_fc0_mvau_wrapper.v", "head0_fc0_thr.v"} <= units
    assert all(name.startswith("head") for name in units)


@pytest.mark.parametrize(("key", "change", "message"), [
    ("stage1_conv0.weight", 0, r"stage1_conv0: weight \d+ of output 0 must be -?\d+ as in the golden model, not -?\d+"),
    ("stage1_conv0.thresholds", 2, r"stage1_conv0: threshold \d+ of channel 0 must be -?\d+ as in the golden model, not -?\d+"),
    ("stage1_conv0.thresholds", 1, r"stage1_conv0: threshold \d+ of channel 0 must be above -?\d+ and at most -?\d+ as in the golden"),
    ("stage1_conv0.thresholds", -1, "which is further off than float32 rounds"),
    ("head1_fc0.bias", 2, r"exit 1: the bias of class 0 must be -?\d+ accumulator units, not -?[\d.]+"),
])
def test_another_network_is_refused(odd, tmp_path, key, change, message):
    with np.load(odd / "golden.npz") as data:
        arrays = dict(data)
    part = arrays[key] = arrays[key].copy()
    if key.endswith("weight"):
        part[0, 0, 0, 0] = 3 if part[0, 0, 0, 0] < 3 else -3
    else:
        part[0] += change
    np.savez(tmp_path / "golden.npz", **arrays)
    with pytest.raises(CompileError, match=message):
        compile_graph(odd / "model.onnx", tmp_path / "golden.npz", folding(odd, 5), PART, 100.0, tmp_path / "rtl")


@pytest.mark.parametrize(("change", "message"), [
    ({"stage0_conv0": {"pe": 3}}, r"stage0_conv0: pe must divide 5 \(1, 5\), not 3"),
    ({"stage0_conv0": {"lanes": 3}}, "stage0_conv0: lanes must be left out where the body is finn, not 3"),
    ({"stage0_conv0": {"pes": 3}}, "stage0_conv0: folding has no key 'pes'; keys are pe, simd, parallel_window"),
    ({"stage0_conv0": {"pe": 1, "parallel_window": 2}}, "stage0_conv0: parallel_window must be 0 or 1, not 2"),
    ({"stage9_conv0": {"pe": 1}}, "folding names 'stage9_conv0', which is no layer; layers are stage0_conv0, "),
])
def test_impossible_folding_is_refused(odd, tmp_path, change, message):
    with pytest.raises(CompileError, match=message):
        compile_graph(odd / "model.onnx", odd / "golden.npz", folding(odd, 5) | change, PART, 100.0, tmp_path / "rtl")


def test_not_a_model(odd, tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"no model")
    with pytest.raises(CompileError, match=r"model\.onnx is not a QONNX model"):
        compile_graph(tmp_path / "model.onnx", odd / "golden.npz", folding(odd, 5), PART, 100.0, tmp_path / "rtl")
