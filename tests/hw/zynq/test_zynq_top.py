"""The design for a board, as Yosys takes it, with the processing system, the clock's buffer and the accelerator as it declares them."""

import json
import re
from importlib import util
from pathlib import Path

import pytest
from amaranth.back import verilog
from amaranth.lib.wiring import In

from hw.accelerator import ports
from hw.zynq.zynq_top import ZynqTop
from sim.tools.yosys import run_yosys
from tests import toy


def convert():
    return verilog.convert(ZynqTop(toy.build(None)), name="zynq_top", ports=[], emit_src=False, strip_internal_attrs=True)


def accelerator(netlist):
    """A declaration of the module."""
    declared = [f"{'input' if member.flow == In else 'output'} [{member.shape - 1}:0] {name}" for name, member in ports(netlist).items()]
    return f"module accelerator({', '.join(declared)}); endmodule\n"


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Types and connections of the cells of the flattened design, by their names."""
    folder = tmp_path_factory.mktemp("top")
    text = (Path(util.find_spec("pyosys").origin).parent / "share/xilinx/cells_xtra.v").read_text(encoding="utf-8")
    begin = text.rindex("(* keep *)", 0, text.index("module PS7("))
    declared = text[begin:text.index("endmodule", begin)] + "endmodule\nmodule BUFG(output O, input I); endmodule\n"
    (folder / "declared.v").write_text(declared + accelerator(toy.build(None)), encoding="utf-8")
    (folder / "top.v").write_text(convert(), encoding="utf-8")
    run_yosys(["read_verilog -lib declared.v", "read_verilog top.v",
               "hierarchy -check -top zynq_top", "proc", "flatten", "opt_clean", "check -assert", "write_json top.json"], folder)
    top = json.loads((folder / "top.json").read_text(encoding="utf-8"))["modules"]["zynq_top"]
    assert top["ports"] == {}
    return {cell["type"]: cell["connections"] for cell in top["cells"].values() if cell["type"] in ("PS7", "BUFG", "accelerator")} | {
        "registers": [cell["connections"] for cell in top["cells"].values() if re.fullmatch(r"\$\w*ff\w*", cell["type"])],
        "inverters": {cell["connections"]["Y"][0]: cell["connections"]["A"][0] for cell in top["cells"].values() if cell["type"] == "$not"},
        "nets": top["netnames"]}


def test_one_clock_from_the_processing_system_over_a_buffer(cells):
    ps, buffer = cells["PS7"], cells["BUFG"]
    assert buffer["I"] == ps["FCLKCLK"][:1] == cells["nets"]["fclk0"]["bits"]
    assert buffer["O"] == ps["MAXIGP0ACLK"] == ps["SAXIHP0ACLK"] == cells["accelerator"]["ap_clk"]
    assert len(cells["registers"]) > 100
    assert all(register["CLK"] == buffer["O"] for register in cells["registers"])


def test_the_reset_comes_in_time_with_the_clock(cells):
    """Two registers behind the processing system's reset, which begin in reset."""
    behind = {bit: register["D"][place] for register in cells["registers"] for place, bit in enumerate(register["Q"])}
    (rst,) = cells["nets"]["rst"]["bits"]
    (first,) = (register for register in cells["registers"] if behind[rst] in register["Q"])
    assert set(first) == {"CLK", "D", "Q"}
    inverted = behind[behind[rst]]
    assert inverted not in behind
    assert cells["inverters"][inverted] == cells["PS7"]["FCLKRESETN"][0]
    begins = {bit: value for net in cells["nets"].values() if "init" in net["attributes"]
              for bit, value in zip(net["bits"], net["attributes"]["init"][::-1], strict=True)}
    assert (begins[rst], begins[behind[rst]]) == ("1", "1")


def test_ports_are_joined(cells):
    ps, there = cells["PS7"], cells["accelerator"]
    for name in ("MAXIGP0ARREADY", "MAXIGP0AWREADY", "MAXIGP0RDATA", "MAXIGP0BID", "SAXIHP0ARVALID", "SAXIHP0ARADDR", "SAXIHP0AWVALID",
                 "SAXIHP0WDATA"):
        assert any(isinstance(bit, int) for bit in ps[name]), name
    assert isinstance(ps["IRQF2P"][0], int)
    assert set(ps["IRQF2P"][1:]) == {"0"}
    assert set(there) == set(ports(toy.build(None)))
    assert not any("x" in bits for bits in there.values())


def test_the_same_netlist_gives_the_same_text():
    first = convert()
    assert first == convert()
    assert re.search(r"^module zynq_top\(\);$", first, re.MULTILINE)
