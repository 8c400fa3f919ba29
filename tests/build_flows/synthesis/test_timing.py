"""Paths of tiny netlists are those one adds up by hand; a routed path of a real part is met; Yosys' netlists give what one expects."""

import json
import math
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from build_flows.artefacts.resources import PathHop
from build_flows.synthesis.cell_delays import UnknownCellError
from build_flows.synthesis.timing import (
    ASSUMPTIONS,
    CLOCK_LIMIT_MHZ,
    FANOUT_NS,
    NET_NS,
    SITE_NS,
    Hop,
    Timing,
    TimingError,
    format_path,
    longest_path,
)
from sim.tools.yosys import run_yosys

CLOCK_TO_Q = 0.303
TABLE = NET_NS  # a connection to a table, at fan-out 1
PIN = NET_NS + SITE_NS
NONE = dict.fromkeys(("ADREG", "ALUMODEREG", "AREG", "BREG", "CARRYINREG", "CARRYINSELREG", "CREG", "DREG", "INMODEREG", "MREG",
                      "OPMODEREG", "PREG"), "0" * 32)
ONE = f"{1:032b}"


def netlist(cells: Mapping[str, tuple[str, Mapping[str, Any]]], inputs: str = "", outputs: str = "",
            parameters: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
    """Cells by name, each a kind and what its pins are connected to: nets by name, a list for a port of many bits."""
    numbers: dict[str, Any] = {"0": "0", "1": "1", "x": "x"}

    def bits(nets: Any) -> list[Any]:
        return [numbers.setdefault(net, len(numbers)) for net in (nets if isinstance(nets, list) else [nets])]

    ports = {net: {"direction": direction, "bits": bits(net)} for direction, nets in (("input", inputs), ("output", outputs))
             for net in nets.split()}
    made = {name: {"type": kind, "parameters": (parameters or {}).get(name, {}), "attributes": {},
                   "connections": {port: bits(nets) for port, nets in pins.items()}} for name, (kind, pins) in cells.items()}
    names = {net: {"hide_name": int(net.startswith("$")), "bits": [bit], "attributes": {}}
             for net, bit in numbers.items() if isinstance(bit, int)}
    return {"modules": {"top": {"ports": ports, "cells": made, "netnames": names}}}


def flop(d: str, q: str, **pins: str) -> tuple[str, Mapping[str, Any]]:
    return "FDRE", {"C": "clk", "CE": "1", "R": "0", "D": d, "Q": q, **pins}


def table(inputs: list[str], output: str) -> tuple[str, Mapping[str, Any]]:
    return f"LUT{len(inputs)}", {**{f"I{at}": net for at, net in enumerate(inputs)}, "O": output}


def timing(cells: Mapping[str, tuple[str, Mapping[str, Any]]], inputs: str = "", outputs: str = "",
           parameters: Mapping[str, Mapping[str, str]] | None = None) -> Timing:
    return longest_path(netlist(cells, inputs, outputs, parameters), "top")


def test_two_registers_and_tables() -> None:
    cells = {"f": flop("x", "a"), "l": table(["a", "1"], "b"), "m": table(["b"], "c"), "g": flop("c", "q")}
    found = timing(cells, outputs="b")
    # The last table is in the flip-flop's slice.
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.238 + TABLE + FANOUT_NS + 0.127)
    assert found.period_ns == max(found.path_ns or 0, 1000 / CLOCK_LIMIT_MHZ)
    assert found.path == (
        Hop(cell="FDRE", name="a", into="", out="Q", net_ns=0, cell_ns=CLOCK_TO_Q, fanout=0),
        Hop(cell="LUT2", name="b", into="I0", out="O", net_ns=TABLE, cell_ns=0.238, fanout=1),
        Hop(cell="LUT1", name="c", into="I0", out="O", net_ns=TABLE + FANOUT_NS, cell_ns=0.127, fanout=2),
        Hop(cell="FDRE", name="q", into="D", out="", net_ns=0, cell_ns=0, fanout=1),
    )


def test_the_longest_end_counts_with_its_setup() -> None:
    found = timing({"f": flop("x", "a"), "l": table(["a", "1"], "b"), "m": table(["b"], "c"), "g": flop("c", "q", R="b")})
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.238 + PIN + FANOUT_NS + 0.404)
    assert found.path[-1].into == "R"


def test_a_clock_faster_than_its_buffer_is_not_promised() -> None:
    found = timing({"f": flop("q", "a"), "g": flop("a", "q")})
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + PIN)
    assert found.fmax_mhz == pytest.approx(CLOCK_LIMIT_MHZ)
    assert f"464 MHz (the clock buffer's limit): {CLOCK_TO_Q + PIN:.2f} ns" in found.describe()


def test_fan_out() -> None:
    sinks = {f"g{at}": flop("0", f"q{at}", R="a") for at in range(64)}
    found = timing({"f": flop("x", "a"), **sinks})
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + PIN + FANOUT_NS * math.log2(64) + 0.404)
    assert found.path[-1].fanout == 64


def test_a_table_sits_beside_one_flip_flop_only() -> None:
    cells = {"f": flop("x", "a"), "l": table(["a"], "b"), "g": flop("b", "q")}
    alone = timing(cells)
    assert alone.path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.127)
    assert timing({**cells, "h": flop("b", "r")}).path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.127 + PIN + FANOUT_NS)
    # What else the table leads to does not move it away.
    assert timing({**cells, "m": table(["b"], "o")}, outputs="o").path_ns == alone.path_ns


def test_a_carry_chain_takes_no_connections() -> None:
    def link(at: int, first: bool) -> tuple[str, Mapping[str, Any]]:
        return "CARRY4", {"CI": "0" if first else f"c{at}", "CYINIT": "0", "DI": ["0"] * 4, "S": ["s" if first else "0", "0", "0", "0"],
                          "CO": ["x0", "x1", "x2", f"c{at + 1}"] if first else [f"y{at}", f"z{at}", f"w{at}", f"c{at + 1}"],
                          "O": [f"o{at}_{bit}" for bit in range(4)]}

    cells = {"f": flop("x", "a"), "l": table(["a", "1"], "s"), "c0": link(0, True), "c1": link(1, False), "c2": link(2, False),
             "g": flop("o2_1", "q")}
    found = timing(cells)
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.238 + 0.508 + 0.114 + 0.334)
    assert found.describe().endswith("from a (FDRE) through 1 LUT, 3 carry to q (FDRE)")


def test_wide_multiplexers_take_no_connections() -> None:
    cells = {"f": flop("x", "a"), "l": table(["a"], "b"), "m": ("MUXF7", {"I0": "b", "I1": "0", "S": "0", "O": "c"}),
             "n": ("MUXF8", {"I0": "0", "I1": "c", "S": "0", "O": "d"}), "g": flop("d", "q")}
    assert timing(cells).path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.127 + 0.217 + 0.094)
    cells["m"] = ("MUXF7", {"I0": "0", "I1": "0", "S": "b", "O": "c"})
    assert timing(cells).path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.127 + PIN + 0.296 + 0.094)


def test_dsp_slices_hand_on_without_a_connection() -> None:
    def slice_(p: str, **pins: Any) -> tuple[str, Mapping[str, Any]]:
        return "DSP48E1", {"CLK": "clk", "P": [f"{p}{bit}" for bit in range(48)], **pins}

    cascade = [f"k{bit}" for bit in range(48)]
    parameters = {name: {**NONE, "PREG": ONE, "USE_DPORT": "FALSE"} for name in ("s", "t")}
    found = timing({"s": slice_("p", PCOUT=cascade), "t": slice_("r", PCIN=cascade)}, parameters=parameters)
    assert found.path_ns == pytest.approx((0.435 + 1.025) * 1.37)
    assert [(hop.name, hop.out or hop.into) for hop in found.path] == [("s", "PCOUT[0]"), ("t", "PCIN[0]")]
    found = timing({"s": slice_("p"), "t": slice_("r", PCIN=[f"p{bit}" for bit in range(48)])}, parameters=parameters)
    assert found.path_ns == pytest.approx(0.329 * 1.37 + PIN + 1.025 * 1.37)


def test_a_way_through_a_dsp_slice_and_one_inside() -> None:
    pins = {"CLK": "clk", "A": ["a", *["0"] * 29], "B": ["0"] * 18, "P": [f"p{bit}" for bit in range(48)]}
    cells = {"f": flop("x", "a"), "s": ("DSP48E1", pins), "g": flop("p5", "q")}
    found = timing(cells, parameters={"s": {**NONE, "USE_DPORT": "FALSE"}})
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + PIN + 2.823 * 1.37 + PIN)
    assert [hop.cell for hop in found.path] == ["FDRE", "DSP48E1", "FDRE"]
    assert found.path[1].into == "A[0]"
    assert found.path[1].net_ns == pytest.approx(PIN)
    assert found.path[1].cell_ns == pytest.approx(2.823 * 1.37)
    found = timing(cells, parameters={"s": {**NONE, "AREG": ONE, "BREG": ONE, "PREG": ONE, "USE_DPORT": "FALSE"}})
    assert found.path_ns == pytest.approx(3.89, abs=0.05)
    assert "inside DSP48E1 s, AREG to PREG" in found.describe()
    assert sum(hop.cell_ns for hop in found.path) == found.path_ns


def test_memories_begin_and_end_paths_and_are_read_through() -> None:
    address = ["a", "0", "0", "0", "0"]
    ram = ("RAM32M", {"WCLK": "clk", "WE": "1", "ADDRA": address, "ADDRD": ["0"] * 5, "DIA": ["d", "0"], "DOA": ["o", "u"]})
    found = timing({"f": flop("x", "a"), "e": flop("y", "d"), "m": ram, "g": flop("o", "q")})
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.642)
    assert found.path[1].name == "m"
    ram[1]["ADDRA"][0] = "0"
    found = timing({"e": flop("y", "d"), "m": ram})
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + PIN + 0.453)
    block = ("RAMB18E1", {"CLKARDCLK": "clk", "CLKBWRCLK": "clk", "ADDRARDADDR": ["a"], "DOADO": ["o"]})
    found = timing({"f": flop("x", "a"), "memory.0.0": block, "l": table(["o"], "b"), "g": flop("b", "q")})
    assert found.path_ns == pytest.approx(2.454 + TABLE + 0.127)
    assert found.path[0] == Hop(cell="RAMB18E1", name="memory.0.0", into="", out="DOADO", net_ns=0, cell_ns=2.454, fanout=0)


def test_long_shift_registers_hand_on_without_a_connection() -> None:
    first = ("SRLC32E", {"CLK": "clk", "CE": "1", "A": ["1"] * 5, "D": "a", "Q31": "m"})
    second = ("SRLC32E", {"CLK": "clk", "CE": "1", "A": ["1"] * 5, "D": "m", "Q": "o"})
    found = timing({"s": first, "t": second}, "a")
    assert found.path_ns == pytest.approx(1.114 + 0.173)
    assert found.in_ns == pytest.approx(PIN + 0.173)


def test_ports() -> None:
    found = timing({"l": table(["i", "1"], "a"), "f": flop("a", "b"), "m": table(["b"], "o"), "n": table(["j"], "p")}, "i j clk", "o p")
    assert (found.path_ns, found.period_ns, found.fmax_mhz, found.path) == (None, None, None, ())
    assert found.in_ns == pytest.approx(TABLE + 0.238)
    assert found.out_ns == pytest.approx(CLOCK_TO_Q + TABLE + 0.127)
    assert found.through_ns == pytest.approx(TABLE + 0.127)
    assert found.describe() == (f"no path between registers; input to register {TABLE + 0.238:.2f} ns, "
                                f"register to output {CLOCK_TO_Q + TABLE + 0.127:.2f} ns, input to output {TABLE + 0.127:.2f} ns")
    assert format_path(found) == found.describe()


def test_units_add_up() -> None:
    one = timing({"f": flop("x", "a"), "l": table(["a"], "o")}, "clk", "o")
    other = timing({"m": table(["i", "1"], "b"), "g": flop("b", "q")}, "clk i")
    whole = timing({"f": flop("x", "a"), "l": table(["a"], "o"), "m": table(["o", "1"], "b"), "g": flop("b", "q")}, "clk")
    assert whole.path_ns == pytest.approx((one.out_ns or 0) + (other.in_ns or 0))


def test_nothing_but_wires() -> None:
    module = netlist({}, "a", "a")
    module["modules"]["top"]["ports"] = {"a": {"direction": "input", "bits": [2]}, "b": {"direction": "output", "bits": [2]},
                                         "c": {"direction": "output", "bits": ["0"]}}
    found = longest_path(module, "top")
    assert found == Timing(path_ns=None, period_ns=None, fmax_mhz=None, in_ns=None, out_ns=None, through_ns=None, path=())
    assert found.describe() == "no paths"


def test_a_latch_ends_a_path_and_begins_one() -> None:
    latch = ("LDCE", {"G": "gate", "GE": "1", "CLR": "0", "D": "b", "Q": "c"})
    found = timing({"f": flop("x", "a"), "l": table(["a"], "b"), "h": latch, "m": table(["c"], "d"), "g": flop("d", "q")})
    assert found.path_ns == pytest.approx(max(CLOCK_TO_Q + TABLE + 0.127 + PIN, 0.443 + TABLE + 0.127))


def test_a_combinational_loop_is_told() -> None:
    cells = {"f": flop("c", "q"), "l": table(["q", "c"], "a"), "m": table(["a"], "b"), "n": table(["b"], "c"), "after": table(["c"], "d")}
    with pytest.raises(TimingError) as raised:
        timing(cells)
    message = raised.value.message
    assert message.startswith("combinational loop through ")
    assert set(re.findall(r"\w+ \(LUT\d\)", message)) == {"a (LUT2)", "b (LUT1)", "c (LUT1)"}
    assert raised.value.hint


def test_registers_on_both_edges_are_refused() -> None:
    falling = ("FDRE_1", {"C": "clk", "CE": "1", "R": "0", "D": "a", "Q": "b"})
    with pytest.raises(TimingError, match=r"both edges of the clock \(f on the rising, g on the falling edge\)"):
        timing({"f": flop("x", "a"), "g": falling})
    assert timing({"g": falling, "l": table(["b"], "c"), "h": ("FDRE_1", {"C": "clk", "CE": "1", "R": "0", "D": "c", "Q": "d"})}).path


def test_a_cell_without_delays_and_a_module_that_is_not_there() -> None:
    with pytest.raises(UnknownCellError, match="cell BLACKBOX"):
        timing({"b": ("BLACKBOX", {"I": "a"})})
    with pytest.raises(KeyError):
        longest_path(netlist({}), "other")


# A routed path of an Artix-7 at speed grade -1, as the vendor's tool reports it: a flip-flop, then each cell with the pins it goes through
# and the fan-out of the connection that leads there, at the end a set input. The ways into tables are those a mapper gives to late signals.
ROUTED = [("LUT3", "I2", "O", 7), ("CARRY4", "CYINIT", ("O", 1), 1), ("LUT6", "I4", "O", 7), ("LUT5", "I3", "O", 4),
          ("CARRY4", ("S", 2), ("CO", 3), 1), ("CARRY4", "CI", ("O", 3), 1), ("LUT6", "I4", "O", 1), ("LUT6", "I4", "O", 1),
          ("LUT6", "I4", "O", 1)]
ROUTED_NS = 20.294 - 11.240 + 0.456  # without the setup


def test_a_routed_path() -> None:
    cells: dict[str, tuple[str, Mapping[str, Any]]] = {"f": flop("x", "n0")}
    for at, (kind, into, out, fanout) in enumerate([*ROUTED, ("FDSE", "S", "", 6)]):
        pins: dict[str, Any] = {"C": "clk", "D": "0", "CE": "1", "Q": "q"} if kind == "FDSE" else {}
        for pin, net in ((into, f"n{at}"), (out, f"n{at + 1}")):
            if pin:
                name, bit = pin if isinstance(pin, tuple) else (pin, 0)
                pins[name] = [*["x"] * bit, net]
        cells[f"c{at}"] = (kind, pins)
        # The rest of the fan-out goes elsewhere.
        cells |= {f"else{at}_{sink}": flop("0", f"e{at}_{sink}", CE=f"n{at}") for sink in range(1, fanout)}
    found = timing(cells)
    assert [hop.cell for hop in found.path] == ["FDRE", *[step[0] for step in ROUTED], "FDSE"]
    assert (found.path_ns or 0) - 0.404 == pytest.approx(ROUTED_NS, rel=0.05)


def test_names_are_those_of_the_source() -> None:
    module = netlist({"$auto$1": flop("x", "$2"), "$abc$3": table(["$2"], "$4"), "$auto$5": flop("$4", "$6")})
    top = module["modules"]["top"]
    number = {name: net["bits"][0] for name, net in top["netnames"].items()}
    # The same bit is a register in one instance, and a port of others; that the register's declaration stands above it tells.
    named = {"reader.data": "design.v:90.1-90.5", "fifo.count": "design.v:20.2-20.9", "now": "design.v:5.1-5.4", "a.a": "another.v:3.1"}
    for name, source in named.items():
        top["netnames"][name] = {"hide_name": 0, "bits": ["0", number["$2"]], "attributes": {"src": source}}
    top["cells"]["$auto$1"]["attributes"]["src"] = "design.v:30.3-33.6|/somewhere/share/xilinx/ff_map.v:3.4-5.6"
    top["cells"]["$auto$5"]["attributes"]["src"] = "/somewhere/share/xilinx/ff_map.v:3.4-5.6|rtl/design.v:41.3"
    path = longest_path(module, "top").path
    assert [hop.name for hop in path] == ["fifo.count[1]", "", "design.v:41"]


def test_a_lost_name_is_told_by_its_instance() -> None:
    module = netlist({"$flatten\\core.\\fifo.$auto$1": flop("x", "$2"), "$auto$5": flop("$2", "q")})
    assert [hop.name for hop in longest_path(module, "top").path] == ["core.fifo", "q"]
    module = netlist({"$auto$1": ("SRL16E", {"CLK": "clk", "CE": "1", "D": "data", "A0": "0", "Q": "$2"}), "g": flop("$2", "q")}, "data")
    assert longest_path(module, "top").path[0].name == "data delayed"


@pytest.mark.slow
def test_fifty_thousand_cells_and_a_path_through_all() -> None:
    cells = {"f": flop("x", "n0"), **{f"l{at}": table(["0", f"n{at}"], f"n{at + 1}") for at in range(50_000)}, "g": flop("n50000", "q")}
    module = netlist(cells)
    start = time.perf_counter()
    found = longest_path(module, "top")
    assert time.perf_counter() - start < 10
    assert len(found.path) == 50_002
    assert found.path_ns == pytest.approx(CLOCK_TO_Q + 50_000 * (TABLE + 0.127))


def test_a_record_and_lines() -> None:
    found = timing({"f": flop("x", "a"), "l": table(["a", "1"], "b"), "g": flop("b", "q")}, "clk", "b")
    value = found.record()
    assert value.path_ns == round(CLOCK_TO_Q + TABLE + 0.238, 3)
    assert value.path[1] == PathHop(cell="LUT2", name="b", into="I0", out="O", net_ns=TABLE, cell_ns=0.238, fanout=1)
    assert value.in_ns is None
    assert value.assumptions == list(ASSUMPTIONS)
    lines = format_path(found).splitlines()
    assert lines[0] == found.describe()
    assert lines[1].split(maxsplit=2) == ["0.303", "+0.303", "FDRE clock to Q: a"]
    assert lines[2].split(maxsplit=2) == [f"{CLOCK_TO_Q + TABLE:.3f}", f"{TABLE:+.3f}", "connection, fan-out 1"]
    assert lines[-1].split(maxsplit=2) == [f"{CLOCK_TO_Q + TABLE + 0.238:.3f}", "+0.000", "FDRE setup of D: q"]
    assert float(lines[-1].split()[0]) == value.path_ns
    slow = replace(found, path_ns=10.0, period_ns=10.0, fmax_mhz=100.0)
    assert slow.describe() == "about 100 MHz: 10.00 ns from a (FDRE) through 1 LUT to q (FDRE)"


def test_what_is_assumed_is_said_with_its_numbers() -> None:
    text = " ".join(ASSUMPTIONS)
    for number in (NET_NS, NET_NS + SITE_NS, FANOUT_NS, CLOCK_LIMIT_MHZ):
        assert f"{number:g} " in text
    assert "estimate" in text


REAL = """
module adder(input clk, input [15:0] a, b, output reg [15:0] s);
  reg [15:0] ra, rb; always @(posedge clk) begin ra <= a; rb <= b; s <= ra + rb; end endmodule
module counter(input clk, input enable, input [7:0] step, output reg [15:0] count);
  reg [7:0] held; always @(posedge clk) begin held <= step; if (enable) count <= count + held; end endmodule
module product(input clk, input signed [17:0] a, b, input [35:0] c, output reg signed [35:0] q);
  reg signed [17:0] x, y; wire signed [35:0] p = x * y; always @(posedge clk) begin x <= a; y <= b; q <= p ^ c; end endmodule
module pipelined(input clk, input signed [17:0] a, b, input [35:0] c, output reg signed [35:0] q);
  reg signed [17:0] x, y; reg signed [35:0] m, p; always @(posedge clk) begin x <= a; y <= b; m <= x * y; p <= m; q <= p ^ c; end endmodule
module line(input clk, input d, input [3:0] a, output reg q);
  reg [15:0] s; reg i; always @(posedge clk) begin i <= d; s <= {s[14:0], i}; q <= s[a] ^ i; end endmodule
module all(input clk, input [15:0] a, b, input signed [17:0] x, y, input [35:0] c, output [15:0] s, n, output [35:0] q, r, output l);
  adder i0(clk, a, b, s); counter i1(clk, a[0], b[7:0], n); product i2(clk, x, y, c, q); pipelined i3(clk, x, y, c, r);
  line i4(clk, a[0], b[3:0], l); endmodule
"""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Timing]:
    folder: Path = tmp_path_factory.mktemp("real")
    (folder / "real.v").write_text(REAL)
    # Without -flatten each module is mapped by itself, and one run does for all.
    run_yosys(["read_verilog real.v", "synth_xilinx -family xc7 -noiopad -noclkbuf -top all", "write_json real.json"], folder)
    found = json.loads((folder / "real.json").read_text())
    return {top: longest_path(found, top) for top in re.findall(r"^module (?!all)(\w+)", REAL, re.MULTILINE)}


def test_an_adder(real: dict[str, Timing]) -> None:
    found = real["adder"]
    assert 250 < (found.fmax_mhz or 0) < 450
    assert re.fullmatch(r"about \d+ MHz: \d\.\d\d ns from r[ab]\[\d+\] \(FDRE\) through (1 LUT, )?[45] carry to s\[\d+\] \(FDRE\)",
                        found.describe())
    assert found.through_ns is None
    assert found.in_ns == pytest.approx(PIN)
    assert found.out_ns == pytest.approx(CLOCK_TO_Q)


def test_a_counter_with_an_enable(real: dict[str, Timing]) -> None:
    found = real["counter"]
    assert 250 < (found.fmax_mhz or 0) < 450
    assert found.path[-1].name.startswith("count[")
    assert found.in_ns == pytest.approx(PIN + FANOUT_NS * math.log2(16) + 0.109)


def test_registers_inside_a_dsp_slice_make_it_faster(real: dict[str, Timing]) -> None:
    slow, fast = real["product"], real["pipelined"]
    assert "DSP48E1" in {hop.cell for hop in slow.path}
    assert 150 < (slow.fmax_mhz or 0) < 300
    assert 350 < (fast.fmax_mhz or 0) < CLOCK_LIMIT_MHZ
    assert (fast.path_ns or 0) < 0.6 * (slow.path_ns or 0)


def test_a_shift_register(real: dict[str, Timing]) -> None:
    found = real["line"]
    assert found.path[0].cell == "SRL16E"
    assert found.path[-1].name == "q"
    assert found.path_ns == pytest.approx(1.472 + TABLE + found.path[1].cell_ns)
