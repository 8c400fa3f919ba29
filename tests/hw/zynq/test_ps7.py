"""The primitive as Yosys takes it, against its declaration there."""

import json
import re
from importlib import util
from pathlib import Path

import pytest
from amaranth.back import verilog

from hw.zynq.ps7 import Ps7
from sim.tools.yosys import run_yosys

PADS = ("DDRA", "DDRBA", "DDRCASB", "DDRCKE", "DDRCKN", "DDRCKP", "DDRCSB", "DDRDM", "DDRDQ", "DDRDQSN", "DDRDQSP", "DDRDRSTB", "DDRODT",
        "DDRRASB", "DDRVRN", "DDRVRP", "DDRWEB", "MIO", "PSCLK", "PSPORB", "PSSRSTB")


@pytest.fixture(scope="module")
def declaration():
    """The primitive's declaration in Verilog."""
    text = (Path(util.find_spec("pyosys").origin).parent / "share/xilinx/cells_xtra.v").read_text(encoding="utf-8")
    found = text[text.index("module PS7("):]
    return found[:found.index("endmodule") + len("endmodule\n")]


@pytest.fixture(scope="module")
def declared(declaration):
    """Direction and width of each port by its name."""
    found = re.findall(r"^ +(input|output|inout) (?:\[(\d+):0\] )?(\w+);$", declaration, re.MULTILINE)
    return {name: (direction, int(high or 0) + 1) for direction, high, name in found}


@pytest.fixture(scope="module")
def design(declaration, tmp_path_factory):
    """The ports of the component and the connections of the primitive in it, as Yosys has them."""
    folder = tmp_path_factory.mktemp("ps7")
    (folder / "ps7.v").write_text(declaration, encoding="utf-8")
    (folder / "top.v").write_text(verilog.convert(Ps7(), name="top", strip_internal_attrs=True), encoding="utf-8")
    run_yosys(["read_verilog -lib ps7.v", "read_verilog top.v", "hierarchy -check -top top", "proc", "flatten", "opt_clean",
               "check -assert", "write_json top.json"], folder)
    top = json.loads((folder / "top.json").read_text(encoding="utf-8"))["modules"]["top"]
    cells = [cell for cell in top["cells"].values() if cell["type"] == "PS7"]
    assert len(cells) == len(top["cells"]) == 1
    return {name: port["bits"] for name, port in top["ports"].items()}, cells[0]["connections"]


def used(ports):
    """The bits that each port of the primitive is to have, by the component's own ports."""
    found = {f"{prefix}{name.removeprefix(member).upper()}": bits for prefix, member in (("MAXIGP0", "gp0__"), ("SAXIHP0", "hp0__"))
             for name, bits in ports.items() if name.startswith(member)}
    found |= {f"SAXIHP0{name.removeprefix('hp0_').upper()}": bits for name, bits in ports.items() if name.endswith("count")}
    return found | {"MAXIGP0ACLK": ports["clk"], "SAXIHP0ACLK": ports["clk"], "IRQF2P": [*ports["irq"], *["0"] * 19]}


def test_what_is_parsed_is_the_primitive(declared):
    assert [sum(way == direction for way, _ in declared.values()) for direction in ("input", "inout")] == [325, 21]
    assert sorted(name for name, (direction, _) in declared.items() if direction == "inout") == list(PADS)


def test_every_input_is_connected_in_its_width(declared, design):
    _, connections = design
    inputs = {name: width for name, (direction, width) in declared.items() if direction == "input"}
    assert {name: len(bits) for name, bits in connections.items() if name in inputs} == inputs
    assert "x" not in {bit for name in inputs for bit in connections[name]}


def test_every_input_that_is_not_used_is_0(declared, design):
    ports, connections = design
    inputs = {name for name, (direction, _) in declared.items() if direction == "input"}
    assert {bit for name in inputs - set(used(ports)) for bit in connections[name]} == {"0"}


def test_ports_of_the_component_are_those_of_the_primitive(declared, design):
    """In their widths, and none twice."""
    ports, connections = design
    expected = used(ports)
    assert {name: connections[name] for name in expected} == expected
    assert {name: len(bits) for name, bits in expected.items()} == {name: declared[name][1] for name in expected}
    assert (connections["FCLKCLK"][0], connections["FCLKRESETN"][0]) == (*ports["fclk0"], *ports["fclk0_resetn"])
    assert {name for name, (direction, _) in declared.items() if direction == "output" and name in connections} == {
        name for name in expected if declared[name][0] == "output"} | {"FCLKCLK", "FCLKRESETN"}


def test_no_pad_is_connected(design):
    _, connections = design
    assert not set(PADS) & set(connections)
