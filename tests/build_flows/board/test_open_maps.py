"""What the open flow maps primitives to does the same as they do: for every sequence of inputs, from the initial contents on."""

import importlib.util
import random
import re
from pathlib import Path

import pytest

from build_flows.board import open_plan
from build_flows.board.primitive_check import TAKEN
from sim.errors import YosysError
from sim.tools.yosys import read_written, run_yosys

MAPS = open_plan._MAPS


def wrapper(name, kind, ports, parameters):
    """A module of one cell, with its ports."""
    declared = ", ".join(f"{direction} [{bits - 1}:0] {port}" for port, (direction, bits) in ports.items())
    values = ", ".join(f".{key}({bits}'h{value:x})" for key, (bits, value) in parameters.items())
    return f"module {name}({declared});\n  {kind} #({values}) cell_ ({', '.join(f'.{port}({port})' for port in ports)});\nendmodule\n"


def single(bits):
    inputs = [*(f"A{at}" for at in range(bits)), "D", "WE", "WCLK"]
    return {**{name: ("input", 1) for name in inputs}, "O": ("output", 1)}


def four(address, data):
    return {**{f"ADDR{port}": ("input", address) for port in "ABCD"}, **{f"DI{port}": ("input", data) for port in "ABCD"},
            "WE": ("input", 1), "WCLK": ("input", 1), **{f"DO{port}": ("output", data) for port in "ABCD"}}


MEMORIES = {
    "RAM64X1S": (single(6), {"INIT": 64}),
    "RAM128X1S": (single(7), {"INIT": 128}),
    "RAM256X1S": ({"A": ("input", 8), "D": ("input", 1), "WE": ("input", 1), "WCLK": ("input", 1), "O": ("output", 1)}, {"INIT": 256}),
    "RAM128X1D": ({"A": ("input", 7), "DPRA": ("input", 7), "D": ("input", 1), "WE": ("input", 1), "WCLK": ("input", 1),
                   "SPO": ("output", 1), "DPO": ("output", 1)}, {"INIT": 128}),
    "RAM64M": (four(6, 1), {f"INIT_{port}": 64 for port in "ABCD"}),
    "RAM32M": (four(5, 2), {f"INIT_{port}": 64 for port in "ABCD"}),
}
OTHERS = {
    "SRLC32E": ({"A": ("input", 5), "CE": ("input", 1), "CLK": ("input", 1), "D": ("input", 1), "Q": ("output", 1), "Q31": ("output", 1)},
                {"INIT": 32}),
    "LUT6_2": ({**{f"I{at}": ("input", 1) for at in range(6)}, "O5": ("output", 1), "O6": ("output", 1)}, {"INIT": 64}),
}
LUT6_2 = """module LUT6_2 #(parameter [63:0] INIT = 0) (input I0, I1, I2, I3, I4, I5, output O5, O6);
  wire [31:0] low = INIT[31:0];
  assign O5 = low[{I4, I3, I2, I1, I0}];
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule
"""


def proof(kind, folder, map_text=None, inverted=False):
    """Compare ``kind`` with what the maps make of it; the kinds of cell that they make."""
    ports, widths = {**MEMORIES, **OTHERS}[kind]
    # Two steps write any word and read any other; a shift register's last bits tell themselves apart after some.
    rng = random.Random(kind)
    parameters = {key: (bits, rng.getrandbits(bits)) for key, bits in widths.items()}
    if inverted:
        parameters["IS_CLK_INVERTED" if kind == "SRLC32E" else "IS_WCLK_INVERTED"] = (1, 1)
    file = "lut_ram.v" if kind in MEMORIES else "unchained.v"
    (folder / "both.v").write_text(wrapper("gold", kind, ports, parameters) + wrapper("gate", kind, ports, parameters))
    (folder / "map.v").write_text(map_text if map_text is not None else (MAPS / file).read_text())
    (folder / "lut6_2.v").write_text(LUT6_2)
    run_yosys([
        "read_verilog +/xilinx/cells_sim.v", "delete LUT6_2", "read_verilog lut6_2.v", "read_verilog both.v",
        "select gate", "techmap " + ("" if kind in MEMORIES else "-max_iter 1 ") + "-map map.v",
        "write_json -selected mapped.json", "select -clear", "hierarchy", "proc", "flatten gold gate", "memory", "opt_clean",
        "miter -equiv -make_assert -flatten gold gate miter", "hierarchy -top miter", "opt_clean",
        f"sat -verify -prove-asserts -seq {8 if kind == 'SRLC32E' else 2} -set-def-inputs miter",
    ], folder)
    return [(cell["type"], cell["parameters"]) for cell in read_written(folder / "mapped.json")["modules"]["gate"]["cells"].values()
            if not cell["type"].startswith("$")]


CLOCKED = ("RAM64X1S", "RAM128X1S", "SRLC32E")
"""Those that are proven with the other edge too, in every run of the tests."""


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.slow if kind in CLOCKED else []) for kind in (*MEMORIES, *OTHERS)])
def test_the_same_for_every_input(kind, tmp_path):
    made = proof(kind, tmp_path)
    assert made
    assert {name for name, _ in made} <= TAKEN


@pytest.mark.parametrize("kind", CLOCKED)
def test_the_clocks_edge_is_kept(kind, tmp_path):
    made = proof(kind, tmp_path, inverted=True)
    key = "IS_CLK_INVERTED" if kind == "SRLC32E" else "IS_WCLK_INVERTED"
    assert {int(parameters[key], 2) for _, parameters in made} == {1}


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "old", "new"), [
    ("RAM32M", "words[2*word + at]", "words[2*word]"),
    ("RAM32M", ".DPRA({1'b0, ADDRB})", ".DPRA({1'b0, ADDRC})"),
    ("RAM64M", ".D(DIB)", ".D(DIA)"),
    ("RAM256X1S", "A[ABITS-1:6] == ram", "A[ABITS-1:6] == 0"),
    ("RAM128X1D", "dual[DPRA[ABITS-1:6]]", "dual[A[ABITS-1:6]]"),
    ("SRLC32E", "5'd31", "5'd30"),
    ("LUT6_2", "INIT[31:0]", "INIT[63:32]"),
])
def test_a_planted_fault_is_found(kind, old, new, tmp_path):
    text = (MAPS / ("lut_ram.v" if kind in MEMORIES else "unchained.v")).read_text()
    assert text.count(old) == 1
    with pytest.raises(YosysError, match=r"proof did fail|sat"):
        proof(kind, tmp_path, text.replace(old, new))


def test_every_shape_that_yosys_maps_a_7_series_memory_to():
    """As its library says; what a 7-series has not, it maps to for Ultrascale only."""
    spec = importlib.util.find_spec("pyosys")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    library = Path(spec.submodule_search_locations[0]) / "share" / "xilinx" / "lutrams_xc5v_map.v"
    ultrascale = {"RAM32M16", "RAM64M8", "RAM32X16DR8", "RAM64X8SW", "RAM256X1D", "RAM512X1S"}
    kinds = set(re.findall(r"^\s*(RAM\w+)$", re.sub(r"(RAM\w+)\s", r"\1\n", library.read_text()), re.MULTILINE))
    assert kinds == {*MEMORIES, "RAM64X1D"} | ultrascale
