"""The top: ports, registers and refusals; what else it does is tested where it runs (tests/cosim, test_scenarios.py of steps)."""

import dataclasses
import re
from functools import partial

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from hw.accelerator import Accelerator, build_id, counted_streams, registers, result_depth
from hw.control.registers import offsets
from hw.layers.dataflow import attach_layers
from hw.netlist import NetlistError, dump
from hw.streams.interface_attributes import interface_attributes
from sim.accelerator.images import pack
from sim.golden import Exit, decide
from sim.result_word import unpack
from tests import toy
from tests.hw.toy_core import toy_layers

PORTS = {
    "ap_clk": 1, "ap_rst_n": 1, "s_axis_tdata": 32, "s_axis_tvalid": 1, "s_axis_tready": 1, "s_axis_tlast": 1, "m_axis_tdata": 64,
    "m_axis_tvalid": 1, "m_axis_tready": 1, "m_axis_tlast": 1, "irq": 1, "s_axilite_awaddr": 12, "s_axilite_awvalid": 1,
    "s_axilite_awready": 1, "s_axilite_wdata": 32, "s_axilite_wstrb": 4, "s_axilite_wvalid": 1, "s_axilite_wready": 1,
    "s_axilite_bresp": 2, "s_axilite_bvalid": 1, "s_axilite_bready": 1, "s_axilite_araddr": 12, "s_axilite_arvalid": 1,
    "s_axilite_arready": 1, "s_axilite_rdata": 32, "s_axilite_rresp": 2, "s_axilite_rvalid": 1, "s_axilite_rready": 1,
}


TEXTS = {}


def convert(netlist):
    """Its Verilog, made once for all tests."""
    known = dump(netlist)
    if known not in TEXTS:
        TEXTS[known] = converted(netlist)
    return TEXTS[known]


def converted(netlist):
    return verilog.convert(Accelerator(netlist), name="accelerator", emit_src=False, strip_internal_attrs=True)


def test_ports_are_those_of_the_documentation():
    text = convert(toy.build(None, exits=3))
    body = text[text.index("module accelerator("):text.index("endmodule")]
    found = {name: int(high or 0) + 1 for high, name in re.findall(r"^  (?:input|output) (?:\[(\d+):0\] )?(\w+);", body, re.M)}
    assert found == PORTS


def test_every_port_tells_a_block_design_what_it_is():
    text = convert(toy.build(None))
    body = text[text.index("module accelerator("):text.index("endmodule")]
    declared = re.findall(r"^((?:  \(\* .* \*\)\n)*)  (?:input|output) (?:\[\d+:0\] )?(\w+);", body, re.M)
    found = {port: dict(re.findall(r'\(\* (X_\w+) = "(.*)" \*\)', lines)) for lines, port in declared}
    assert found == interface_attributes(PORTS)


@pytest.mark.parametrize("waits", [0, 20])
def test_what_the_ports_do(monkeypatch, waits):
    """Two batches of three images, with layers in Amaranth, and a sink that is ready ``waits`` cycles after valid at the earliest."""
    netlist, unit = toy_layers(exits=2, thresholds=(900,))
    monkeypatch.setattr("hw.accelerator.attach_layers", partial(attach_layers, unit=unit))
    top, images = Accelerator(netlist), toy.images(6, seed=3)
    words = [int.from_bytes(word.tobytes(), "little") for image in pack(images, netlist.input.bus_bits) for word in image]
    taken, irq = [], []

    async def bench(ctx):
        ctx.set(top.ap_rst_n, 1)
        ctx.set(top.s_axilite_awaddr, offsets(top.registers)["BATCH_LENGTH"])
        ctx.set(top.s_axilite_wdata, 3)
        ctx.set(top.s_axilite_wstrb, 15)
        sent, patience, held = 0, waits, None
        for cycle in range(360):
            for channel in ("aw", "w"):
                ctx.set(getattr(top, f"s_axilite_{channel}valid"), cycle == 20)
            ctx.set(top.s_axis_tvalid, cycle > 30 and sent < len(words))
            ctx.set(top.s_axis_tdata, words[sent] if sent < len(words) else 0)
            valid = ctx.get(top.m_axis_tvalid)
            assert valid or held is None, "a result on offer was taken back"
            ctx.set(top.m_axis_tready, valid and not patience)
            if valid:
                word = ctx.get(top.m_axis_tdata), ctx.get(top.m_axis_tlast)
                assert held in (None, word), "a result on offer changed"
                if not patience:
                    taken.append((cycle, *word))
                held, patience = (word, patience - 1) if patience else (None, waits)
            if ctx.get(top.irq):
                irq.append(cycle)
            sent += sent < len(words) and cycle > 30 and ctx.get(top.s_axis_tready)
            await ctx.tick()

    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    found = unpack([word for _, word, _ in taken], netlist.result)
    exits = [Exit(index=item.index, policy=item.policy, threshold=item.threshold, params=item.params) for item in netlist.exits]
    want = decide(toy.logits(images, netlist), exits)
    order = [3 * (n // 3) + id_ for n, id_ in enumerate(found["id"].tolist())]
    assert sorted(order) == list(range(6))
    assert (found["label"].tolist(), found["exit"].tolist()) == (want.label[order].tolist(), want.exit[order].tolist())
    assert [last for _, _, last in taken] == [0, 0, 1, 0, 0, 1]
    assert irq == [cycle + 1 for cycle, _, last in taken if last]


def test_the_same_netlist_gives_the_same_text():
    assert converted(toy.build(None)) == convert(toy.build(None))


def test_layers_and_streams_are_submodules_of_their_names():
    netlist = toy.build(None, exits=2)
    text = convert(netlist)
    for name in [*(layer.name for layer in netlist.layers), *(item.name for item in netlist.streams), "gate0", "merge"]:
        assert re.search(rf"^  \\?accelerator\.{name}\s+{name} \(|^  \\accelerator\.{name}  {name} \(", text, re.M), name


NET = re.compile(r"^  (?:(?:input|output|wire|reg) )+(?:signed )?(?:\[-?\d+:\d+\] )?(?:\\(\S+) |(\w+))(?= ?[;=])", re.M)
NUMBERED = re.compile(r"[^$].*\$\d")
RUNS = {"id_bits": 16, "run_bits": 3}
FOUR = {"exits": 4, "policies": ("gate", "patience", "patience"), "params": ({"gate_bits": 11}, {**RUNS, "first": True}, RUNS)}


def nets(netlist):
    """The top's nets that have a name: all but Amaranth's own, ``$1`` and so on."""
    text = convert(netlist)
    body = text[text.index("module accelerator("):text.index("endmodule")]
    return {escaped or plain for escaped, plain in NET.findall(body) if not escaped.startswith("$")}


@pytest.mark.parametrize("shape", [{"exits": 1}, {"exits": 3, "anytime": True}, {"exits": 2, "order": "input"}, FOUR],
                         ids=["one", "anytime", "input-order", "four"])
def test_nets_of_the_top_have_names_that_tell_what_they_are(shape):
    """No two units' nets have one name, which Amaranth would number: ``o__valid$53``. There are as many as ports and fields, no more."""
    netlist = toy.build(None, **shape)
    netlist = dataclasses.replace(netlist, streams=tuple(
        dataclasses.replace(item, depth=0) if item.name.startswith("fork0__") else item for item in netlist.streams))
    found = nets(netlist)
    assert not {name for name in found if NUMBERED.match(name)}
    parts = ("payload", "valid", "ready")
    streams = {f"{item.name}{end}" for item in netlist.streams for end in (("_i", "_o") if item.depth else ("",))}
    streams |= {f"gate{gate.exit}_{end}" for gate in netlist.gates for end in "io"}
    streams |= {f"{layer.name}_{end}" for layer in netlist.layers for end in ("i0", "o0")} | {"merge_o", "admission_token", "tokens0_o"}
    assert {f"{name}_{part}" for name in streams for part in parts} <= found
    counters = {f"{kind}_{name}" for kind in ("stall", "occupancy") for name in counted_streams(netlist)}
    counters |= {"cycles", "samples_in", "samples_out", "exit_count0", "core_reset", *(f"gate{gate.exit}_level" for gate in netlist.gates)}
    assert counters <= found
    assert len(found) < 130 + 195 * len(netlist.exits)


def test_registers_start_as_calibrated():
    netlist = toy.build(None, exits=3, thresholds=(700, -3))
    found = {item.name: item.init for item in registers(netlist)}
    assert (found["THRESHOLD_0"], found["THRESHOLD_1"], found["ENABLE_1"]) == (700, -3, 1)
    assert found["CLASSES"] == 3
    assert found["BUILD"] == build_id(netlist)
    assert counted_streams(netlist) == ["input", "gate0", "gate1", "exit0", "exit1", "exit2", "output"]
    assert f"STALL_{len(counted_streams(netlist)) - 1}" in offsets(registers(netlist))


def test_an_exit_that_is_off_starts_switched_off():
    netlist = toy.build(None, exits=3)
    off = dataclasses.replace(netlist.exits[0], enabled=False)
    found = {item.name: item.init for item in registers(dataclasses.replace(netlist, exits=(off, *netlist.exits[1:])))}
    assert (found["ENABLE_0"], found["ENABLE_1"]) == (0, 1)


def test_another_netlist_has_another_identity():
    netlist = toy.build(None)
    assert build_id(netlist) == build_id(toy.build(None))
    assert build_id(netlist) != build_id(dataclasses.replace(netlist, clock_mhz=50.0))


@pytest.mark.parametrize(("change", "message"), [
    (lambda net: {"gates": ()}, r"every exit but the last needs one gate, in order, not \[\]"),
    (lambda net: {"exits": net.exits[::-1]}, r"exits must be numbered from 0 in order, not \[1, 0\]"),
    (lambda net: {"streams": tuple(item for item in net.streams if item.dst[0] != "exit1")}, "no stream ends at 'exit1'"),
    (lambda net: {"streams": tuple(dataclasses.replace(item, bits=item.bits + 1) if item.dst[0] == "exit0" else item
                                   for item in net.streams)}, "stream 'head0_sum0__exit0' has bits=34, but one end of it is 33 wide"),
    (lambda net: {"gates": (dataclasses.replace(net.gates[0], src=("fork7", 1)),)}, "no layer is called 'fork7'"),
])
def test_a_netlist_that_does_not_fit_is_refused(change, message):
    netlist = toy.build(None)
    with pytest.raises(NetlistError, match=message):
        convert(dataclasses.replace(netlist, **change(netlist)))


@pytest.mark.parametrize(("shape", "message"), [
    ({"order": "input"}, "where every exit answers, order must be 'arrival', not 'input'"),
    ({"policies": ("never", "max_logit")}, "exit 0 has policy never, which finds no class, and every exit must answer"),
])
def test_answers_at_any_time_that_cannot_be(shape, message):
    with pytest.raises(NetlistError, match=message):
        convert(toy.build(None, anytime=True, **shape))


def test_answers_at_any_time_change_nothing_where_they_are_not_asked_for():
    """Without a field ``final`` nothing of it is in the netlist (whose checksum is the register BUILD), nor in the Verilog."""
    plain, anytime = toy.build(None, exits=3), toy.build(None, exits=3, anytime=True)
    assert (plain.anytime, anytime.anytime) == (False, True)
    assert "final" not in dump(plain) + convert(plain)
    assert "anytime" not in dump(anytime)
    assert "final" in convert(anytime)
    assert [result_depth(anytime, k) for k in range(3)] == [8, 8, 4]
    assert [result_depth(plain, k) for k in range(3)] == [4, 4, 4]
