import pytest

from build_flows.finn_bridge.compile_graph import compile_graph
from build_flows.finn_bridge.describe import _instance
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.verilog_ports import Pin, module_pins
from tests.build_flows.finn_bridge.conftest import PART, folding
from tests.build_flows.forking_networks import export

PINS = {
    "ap_clk": Pin(False, 1), "ap_rst_n": Pin(False, 1), "in0_V_TDATA": Pin(False, 8), "in0_V_TVALID": Pin(False, 1),
    "in0_V_TREADY": Pin(True, 1), "spare": Pin(False, 5), "flag": Pin(True, 1),
}


def test_every_input_pin_of_every_module_is_driven(compiled):
    graph, rtl = compiled
    for layer in graph.layers:
        text = "\n".join((rtl / name).read_text() for name in layer.files if name.startswith("units/"))
        for item in layer.instances:
            driven = {*item.clocks, *item.resets_n, *item.ties}
            driven |= {pin for port in item.inputs.values() for pin in (port.data, port.valid)}
            driven |= {port.ready for port in item.outputs.values()}
            assert driven == {name for name, pin in module_pins(text, item.module).items() if not pin.output}, item.name


def test_streams_join_all_layers(compiled):
    graph, _ = compiled
    layers = {layer.name: layer for layer in graph.layers}
    ends = [(item.src, item.dst, item.bits, item.frame_beats) for item in (*graph.streams, *graph.gates)]
    sources = [(name, n) for name, layer in layers.items() for n in range(len(layer.outputs))]
    assert sorted(src for src, *_ in ends) == sorted([("input", 0), *sources])
    assert sorted(dst for _, dst, *_ in ends) == sorted([*((name, 0) for name in layers), *((f"exit{k}", 0) for k in range(3))])
    for (src, _), (dst, _), bits, beats in ends:
        if src in layers:
            assert layers[src].out_beats == beats
        if dst in layers:
            (instance, port), = layers[dst].inputs
            assert layers[dst].in_beats == beats
            assert next(item for item in layers[dst].instances if item.name == instance).inputs[port].bits == bits
    assert [(gate.exit, gate.src) for gate in graph.gates] == [(0, ("fork0", 1)), (1, ("fork1", 1))]


@pytest.mark.slow
def test_what_a_stage_hands_on_goes_from_gate_to_gate(tmp_path):
    export("handed on", tmp_path)
    graph = compile_graph(tmp_path / "model.onnx", tmp_path / "golden.npz", folding(tmp_path, 3), PART, 100.0, tmp_path / "rtl")
    by_exit = [[(gate.src, gate.dst) for gate in graph.gates if gate.exit == k] for k in range(2)]
    assert sorted(by_exit[0]) == [(("fork0", 1), ("fork1", 0)), (("stage0_fork0", 0), ("gate1", 0))]
    assert [(src[0], dst[0]) for src, dst in by_exit[1]] == [("gate0", "stage2_act0_thr"), ("fork1_1", "stage2_act1_thr")]
    place = [src for src, _ in by_exit[0]].index(("stage0_fork0", 0))
    assert by_exit[1][0][0] == ("gate0", place)
    assert not {item.dst for item in graph.streams} & {dst for cut in by_exit for _, dst in cut}


def test_unused_inputs_are_tied_and_drift_is_an_error():
    assert _instance("a", "m", PINS, {"in0_V": 5}, {}).ties == {"spare": (0, 5)}
    with pytest.raises(CompileError, match="port in0_V_TDATA of module m must be an input of 16 bits, not an input of 8 bits"):
        _instance("a", "m", PINS, {"in0_V": 9}, {})
    with pytest.raises(CompileError, match="port out0_V_TDATA of module m must be an output of 8 bits, not missing"):
        _instance("a", "m", PINS, {}, {"out0_V": 8})
