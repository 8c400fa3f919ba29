"""Layers as one unit of ours: what FINN executes is still its own nodes, and nothing is lost or there twice."""

import dataclasses

import numpy as np
import pytest
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.codegen import Generated
from build_flows.finn_bridge.compile_graph import compile_graph
from build_flows.finn_bridge.describe import _layer
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.saved_graph import load_graph, save_graph
from build_flows.planning.read_network import read_network
from build_flows.planning.shared_units import shared_unit
from build_flows.planning.unit import Fold
from quant_models.networks.spec import Activation, Conv, Linear, MaxPool, NetSpec

from ...hw.conftest import play
from .conftest import PART, export
from .test_compile_graph import check_agreement

FINN = {
    "stage0_conv0": {"pe": 1, "simd": 2, "parallel_window": 0}, "stage0_pool0": {"pe": 2}, "head0_fc0": {"pe": 1, "simd": 3},
    "head0_fc1": {"pe": 3, "simd": 1}, "stage1_conv0": {"pe": 3, "simd": 4, "parallel_window": 0}, "stage1_pool0": {"pe": 1},
    "head1_fc0": {"pe": 1, "simd": 1},
}
POOLED = {"stage0_conv0": {"body": "static", "pixels": 2}, "stage0_pool0": {"body": "static"}}


def spec():
    """Two exits; a pool of two that a unit can hold and one of three and stride 2 that none can, signed and unsigned activations."""
    relu, signed = Activation(bits=4), Activation(kind="identity", bits=3)
    return NetSpec(
        name="pairs", height=6, width=8, channels=2, classes=3,
        stages=((Conv(out=4, kernel=3, pad=1, act=relu, weight_bits=4), MaxPool(kernel=2, stride=2)),
                (Conv(out=6, kernel=3, pad=1, act=signed, weight_bits=3), MaxPool(kernel=3, stride=2))),
        heads=((Linear(out=5, act=signed, weight_bits=4), Linear(out=3, weight_bits=4)), (Linear(out=3, weight_bits=4),)),
    )


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    return export(tmp_path_factory.mktemp("pairs"), spec())


def build(pairs, rtl, **change):
    return compile_graph(pairs / "model.onnx", pairs / "golden.npz", FINN | change, PART, 100.0, rtl)


def pictures(count):
    images = np.random.default_rng(1).integers(0, 256, (count, 6, 8, 2), dtype=np.uint8)
    images[0], images[1] = 0, 255
    return images


ALL = POOLED | {"head0_fc0": {"body": "static", "pixels": 1}, "head0_fc1": {"body": "static", "pixels": 1},
                "stage1_conv0": {"body": "static", "pixels": 4}, "head1_fc0": {"body": "static", "pixels": 1}}


@pytest.fixture(scope="session")
def every(pairs, tmp_path_factory):
    return build(pairs, tmp_path_factory.mktemp("every") / "rtl", **ALL)


def test_every_layer_agrees_with_the_golden_model_and_is_kept(pairs, every, tmp_path):
    graph = every
    check_agreement(graph, pairs, pictures(5))
    save_graph(graph, tmp_path / "graph.onnx")
    found, again = graph.execute(pictures(3)), load_graph(tmp_path / "graph.onnx").execute(pictures(3))
    for name, value in found.layers.items():
        np.testing.assert_array_equal(again.layers[name], value)
    for a, b in zip(found.logits, again.logits, strict=True):
        np.testing.assert_array_equal(a, b)


MIXED = {
    "stage0_conv0": {"body": "shared", "pixels": 2, "inputs": 2, "outputs": 2, "lanes": 1}, "stage0_pool0": {"body": "shared"},
    "head0_fc0": {"body": "shared", "pixels": 1, "inputs": 3, "outputs": 6, "lanes": 3}, "head0_fc1": {"body": "static", "pixels": 1},
    "stage1_conv0": {"body": "shared_lut", "pixels": 1, "inputs": 4, "outputs": 5, "lanes": 1},
}


@pytest.fixture(scope="session")
def mixed_rtl(tmp_path_factory):
    return tmp_path_factory.mktemp("mixed") / "rtl"


@pytest.fixture(scope="session")
def mixed(pairs, mixed_rtl):
    """A pool inside of a shared unit, FINN's behind one without DSPs, a linear layer behind a map, a static unit, and FINN's own chain."""
    return build(pairs, mixed_rtl, **MIXED)


def test_every_layer_of_mixed_bodies_agrees_with_the_golden_model_and_is_kept(pairs, mixed, tmp_path):
    check_agreement(mixed, pairs, pictures(5))
    save_graph(mixed, tmp_path / "graph.onnx")
    found, again = mixed.execute(pictures(3)), load_graph(tmp_path / "graph.onnx").execute(pictures(3))
    for a, b in zip(found.logits, again.logits, strict=True):
        np.testing.assert_array_equal(a, b)


def packed(frame, kind, per_beat):
    """Values of a tensor as beats, the first lowest."""
    flat = [int(value) % (1 << kind.bitwidth()) for value in np.asarray(frame).reshape(-1)]
    return [sum(value << (n * kind.bitwidth()) for n, value in enumerate(flat[at:at + per_beat])) for at in range(0, len(flat), per_beat)]


def units_make_what_finn_executes(graph, op_type, names):
    """The gateware of every unit of a graph, on what FINN's execution gives it, makes what FINN's own nodes make of it."""
    source = graph.model.graph.input[0].name
    units = [getCustomOp(node) for node in graph.model.graph.node if node.op_type == op_type]
    assert {unit.onnx_node.name for unit in units} == names
    for unit in units:
        beats, wanted = [], []
        for image in pictures(3):
            context = {item.name: graph.model.get_initializer(item.name) for item in graph.model.graph.initializer}
            context[source] = image[None].astype(np.float32)
            for node in graph.model.graph.node:
                op = getCustomOp(node)
                op.set_nodeattr("exec_mode", "cppsim")
                context[node.output[0]] = np.zeros(graph.model.get_tensor_shape(node.output[0]), np.float32)
                op.execute_node(context, graph.model.graph)
            for found, tensor, kind, shape in (
                (beats, unit.onnx_node.input[0], unit.get_input_datatype(), unit.get_folded_input_shape()),
                (wanted, unit.onnx_node.output[0], unit.get_output_datatype(), unit.get_folded_output_shape()),
            ):
                found += packed(context[tensor], kind, shape[-1])
        dut = unit.component(graph.model)
        # The Amaranth simulator knows no DSP48E1.
        dut.behavioural = True
        assert play(dut, {"i": (dut.i, beats)}, {"o": (dut.o, len(wanted))}).beats["o"] == wanted, unit.onnx_node.name


def test_the_static_units_make_what_finn_executes(every):
    units_make_what_finn_executes(every, "StaticConv_rtl", {"stage0_conv0", "head0_fc0", "head0_fc1", "stage1_conv0", "head1_fc0"})


def test_the_shared_units_make_what_finn_executes(mixed):
    units_make_what_finn_executes(mixed, "SharedConv_rtl", {"stage0_conv0", "head0_fc0", "stage1_conv0"})


@pytest.fixture(scope="session")
def alone(pairs, tmp_path_factory):
    """A pool by itself, of half as many pixels a beat as come."""
    return build(pairs, tmp_path_factory.mktemp("alone") / "rtl", stage0_conv0={"body": "static", "pixels": 4},
                 stage0_pool0={"body": "pool", "pixels": 2})


@pytest.mark.slow
def test_a_pool_by_itself_agrees_with_the_golden_model_and_is_kept(pairs, alone, tmp_path):
    check_agreement(alone, pairs, pictures(5))
    save_graph(alone, tmp_path / "graph.onnx")
    found, again = alone.execute(pictures(3)), load_graph(tmp_path / "graph.onnx").execute(pictures(3))
    for a, b in zip(found.logits, again.logits, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_a_pool_by_itself_makes_what_finn_executes(alone):
    units_make_what_finn_executes(alone, "PixelPool_rtl", {"stage0_pool0"})


def test_a_pool_by_itself_takes_several_pixels_a_beat(alone):
    (unit,) = (layer for layer in alone.layers if layer.name == "stage0_pool0")
    assert (unit.op, unit.folding, unit.in_beats, unit.out_beats, unit.cycles) == ("PixelPool_rtl", {"pixels": 2}, 24, 12, 24)
    assert [layer.name for layer in alone.layers][:4] == ["stage0_conv0", "stage0_pool0_dwc", "stage0_pool0", "fork0"]
    assert alone.last_units["stage0_pool0"] == "stage0_pool0"


def test_a_layer_is_one_unit_with_its_pool(every):
    unit = every.layers[0]
    assert (unit.name, unit.op, unit.folding, unit.in_beats, unit.out_beats) == ("stage0_conv0", "StaticConv_rtl", {"pixels": 2}, 24, 12)
    assert [layer.name for layer in every.layers][1:4] == ["fork0", "head0_fc0_dwc", "head0_fc0"]
    assert every.streams[0].bits == 2 * 2 * 8
    assert every.last_units["stage0_pool0"] == "stage0_conv0"


def test_a_shared_unit_takes_whole_pixels_and_gives_them(mixed):
    layers = {layer.name: layer for layer in mixed.layers}
    conv, linear = layers["stage0_conv0"], layers["head0_fc0"]
    assert (conv.op, conv.folding) == (
        "SharedConv_rtl", {"pixels": 2, "inputs": 2, "outputs": 2, "lanes": 1, "lut": 0, "binary": 0, "depthwise": 0})
    assert layers["stage1_conv0"].folding["lut"] == 1
    assert (conv.in_beats, conv.out_beats, linear.in_beats, linear.out_beats) == (48, 12, 12, 1)
    assert [item.bits for item in mixed.streams if item.src[0] in ("input", "stage0_conv0", "head0_fc0")] == [2 * 8, 4 * 4, 5 * 3]
    assert mixed.last_units["stage0_pool0"] == "stage0_conv0"


@pytest.mark.parametrize(("change", "message"), [
    ({}, None), ({"in_beats": 24}, "stage0_conv0 was planned for 24 beats in and 12 out a frame, but has 48 and 12"),
    ({"out_bits": 8}, "stage0_conv0 was planned for beats of 16 bits in and 8 out, but has 16 and 16"),
])
def test_what_was_planned_is_what_there_is(pairs, mixed, mixed_rtl, change, message):
    network = read_network(pairs / "golden.npz", layers="fused")
    plan = shared_unit(network.layer("stage0_conv0"), Fold(**MIXED["stage0_conv0"]), network.layer("stage0_pool0"))
    (node,) = (node for node in mixed.model.graph.node if node.name == "stage0_conv0")
    given = mixed.model, mixed.units[0], node, dataclasses.replace(plan, **change), Generated({"stage0_conv0": mixed.layers[0].files}, {})
    if message is None:
        assert _layer(*given, PART, mixed_rtl) == mixed.layers[0]
    else:
        with pytest.raises(CompileError, match=message):
            _layer(*given, PART, mixed_rtl)


@pytest.mark.slow
def test_a_layer_beside_finns_and_without_its_pool(pairs, tmp_path):
    graph = build(pairs, tmp_path / "rtl", stage0_conv0=POOLED["stage0_conv0"])
    assert [layer.name for layer in graph.layers][:3] == ["stage0_conv0", "stage0_pool0_dwc", "stage0_pool0"]
    assert graph.layers[0].out_beats == 24
    check_agreement(graph, pairs, pictures(5))


@pytest.mark.parametrize(("change", "message"), [
    ({"stage0_conv0": {"body": "static", "pixels": 5}},
     "stage0_conv0: pixels must divide the map's pixels, not pixels=5"),
    ({"stage0_pool0": {"body": "static"}}, 'stage0_pool0: body must be "finn" or "pool", not "static": the body of stage0_conv0 is finn'),
    ({"stage1_conv0": {"body": "static", "pixels": 2}, "stage1_pool0": {"body": "static"}},
     'stage1_pool0 must be "finn", not "static": its windows overlap or leave gaps: kernel 3x3, stride 2x2'),
    ({"stage1_pool0": {"body": "pool", "pixels": 1}},
     'stage1_pool0: body must be "finn", not "pool": its windows overlap or leave gaps: kernel 3x3, stride 2x2'),
    ({"stage0_pool0": {"body": "pool", "pixels": 3}}, "stage0_pool0: windows a step must divide the pool's columns"),
    ({"stage0_conv0": {"body": "pool", "pixels": 2}}, 'stage0_conv0: body must be that of a conv, not "pool"'),
    ({"stage0_pool0": {"body": "shared"}}, 'stage0_pool0: body must be "finn" or "pool", not "shared": the body of stage0_conv0 is finn'),
    (POOLED | {"stage0_pool0": {"body": "shared"}},
     'stage0_pool0: body must be "finn", "pool" or "static", not "shared": the body of stage0_conv0 is static'),
    ({"stage1_conv0": MIXED["stage1_conv0"] | {"body": "shared", "outputs": 4}},
     "stage1_conv0: outputs must be a multiple of 3, .*, not 4"),
    ({"stage1_conv0": MIXED["stage1_conv0"] | {"inputs": 5}}, "stage1_conv0: inputs must be at most beat, not inputs=5, beat=4"),
    ({"stage0_conv0": MIXED["stage0_conv0"] | {"pe": 2}}, "stage0_conv0: pe, simd and parallel_window must be left out where"),
    ({"stage0_conv0": {"body": "static", "lanes": 2}}, "stage0_conv0: lanes must be left out where the body is static, not 2"),
    ({"stage0_conv0": {"body": "dynamic"}},
     "stage0_conv0: body must be one of finn, static, shared, shared_lut, shared_bits, depthwise, pool, not 'dynamic'"),
    ({"stage0_conv0": {"body": "static", "pe": 2}}, "stage0_conv0: pe, simd and parallel_window must be left out"),
    ({"stage0_conv0": {"pe": 1, "simd": 2, "pixels": 2}}, "stage0_conv0: pixels must be left out where the body is finn, not 2"),
])
def test_what_cannot_be_is_refused(pairs, tmp_path, change, message):
    with pytest.raises(CompileError, match=message):
        build(pairs, tmp_path / "rtl", **change)


@pytest.mark.slow
def test_shared_exchangeable_heads_change_memories_alone(tmp_path):
    """The same network with heads of other weights, and with such as are all extreme."""
    texts = []
    heads = {"head0_fc0": MIXED["head0_fc0"], "head1_fc0": {"body": "shared_lut", "pixels": 1, "inputs": 6, "outputs": 2, "lanes": 1}}
    for name, change in (("as trained", None), ("mixed", 0.01), ("extreme", 1e6)):
        folder, rtl = export(tmp_path / name, spec(), change), tmp_path / name / "rtl"
        graph = compile_graph(folder / "model.onnx", folder / "golden.npz", FINN | heads, PART, 100.0, rtl, exchangeable=True)
        check_agreement(graph, folder, pictures(4))
        texts.append({path.relative_to(rtl).as_posix(): path.read_bytes() for path in rtl.rglob("*") if path.is_file()})
        assert {path for path in texts[-1] if path.startswith("memories/")} == set(graph.memories)
        units_make_what_finn_executes(graph, "SharedConv_rtl", set(heads))
    assert {"memories/head0_fc0_weights0.dat", "memories/head0_fc0_thresholds2_0.dat", "memories/head1_fc0_weights1.dat"} <= set(texts[0])
    for other in texts[1:]:
        assert texts[0].keys() == other.keys()
        changed = [name for name in other if other[name] != texts[0][name]]
        assert {"memories/head0_fc0_weights0.dat", "memories/head1_fc0_weights1.dat"} <= set(changed)
        assert all(name.startswith("memories/head") for name in changed)


def test_exchangeable_heads_are_not_static(pairs, tmp_path):
    change = {"head1_fc0": {"body": "static", "pixels": 1}}
    message = 'head1_fc0: body must be "finn", "shared" or "shared_lut", not "static": its weights are to be exchangeable'
    with pytest.raises(CompileError, match=message):
        compile_graph(pairs / "model.onnx", pairs / "golden.npz", FINN | change, PART, 100.0, tmp_path / "rtl", exchangeable=True)
