"""What nextpnr-xilinx does not take is named, with its unit; the clock is one, and from the processing system."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from build_flows.board import primitive_check
from build_flows.board.primitive_check import TAKEN, Fault, check_clock, check_primitives


def cell(kind, **pins):
    """Outputs are in capitals' first half: a pin is an output where its name is one of these."""
    outputs = {"Q", "O", "Q31", "PCOUT", "FCLKCLK", "DPO", "SPO", "DO", "CASCADEOUTA"}
    return {"type": kind, "parameters": {}, "attributes": {}, "connections": {name: list(bits) for name, bits in pins.items()},
            "port_directions": {name: "output" if name in outputs else "input" for name in pins}}


def netlist(cells, names=None, ports=None):
    return {"modules": {"top": {
        "attributes": {"top": "00000000000000000000000000000001"}, "ports": ports or {}, "cells": cells,
        "netnames": {name: {"hide_name": int(name.startswith("$")), "bits": bits} for name, bits in (names or {}).items()},
    }}}


def good():
    """PS7, a global buffer, and two registers behind it."""
    return netlist(
        {"ps7.ps7": cell("PS7", FCLKCLK=[2, 3, 4, 5]), "buffer": cell("BUFG", I=[2], O=[6]),
         "accelerator.a.r": cell("FDRE", C=[6], D=[7], Q=[8]), "$auto$1": cell("FDRE", C=[6], D=[8], Q=[7])},
        {"ps7.fclk0": [2], "clk": [6], "accelerator.a.next": [7]},
    )


def test_what_is_taken():
    assert check_primitives(good()) == []
    assert check_primitives(netlist({f"c{at}": cell(kind) for at, kind in enumerate(sorted(TAKEN))})) == []


@pytest.mark.parametrize("kind", ["RAM32M", "RAM64M", "RAM128X1D", "RAM32X1D", "LUT6_2", "MUXF9", "FDRE_2", "$lut", "accelerator.conv"])
def test_what_is_not(kind):
    found = netlist({"accelerator.gate0.memory.3.0": cell(kind), "accelerator.gate0.memory.2.0": cell(kind), "ok": cell("LUT6")})
    assert check_primitives(found) == [
        Fault(kind, "accelerator.gate0", "accelerator.gate0.memory.2.0"), Fault(kind, "accelerator.gate0", "accelerator.gate0.memory.3.0")]


def test_a_name_of_the_tools_own_tells_nothing_so_a_wire_does():
    cells = {"$auto$memory$12": cell("RAM32M", DO=[5], WE=[6]), "$auto$13": cell("RAM32M", DO=[9]),
             "dma.$flatten.ram": cell("RAM64M"), "alone": cell("RAM64M")}
    found = check_primitives(netlist(cells, {"we": [6], "accelerator.merge.results.out": [5], "$hidden.name.deep.x": [9]}))
    assert [(fault.unit, fault.cell) for fault in found] == [
        ("accelerator.merge", "$auto$memory$12"), ("the top", "$auto$13"), ("dma", "dma.$flatten.ram"), ("the top", "alone")]


def test_a_cascade_of_shift_registers():
    chained = {"a": cell("SRLC32E", D=[2], Q=[3], Q31=[4]), "b": cell("SRLC32E", D=[4], Q=[5], Q31=[6])}
    assert [(fault.kind, fault.cell) for fault in check_primitives(netlist(chained))] == [("SRLC32E with Q31 in use", "a")]
    leads_out = {"port": {"direction": "output", "bits": [6]}}
    assert [fault.cell for fault in check_primitives(netlist(chained, ports=leads_out))] == ["a", "b"]
    leads_in = {"port": {"direction": "input", "bits": [6]}}
    assert [fault.cell for fault in check_primitives(netlist(chained, ports=leads_in))] == ["a"]


def test_a_chain_of_dsps_goes_from_one_to_the_next():
    def kinds(**more):
        return [fault.kind for fault in check_primitives(netlist({"a": cell("DSP48E1", PCOUT=[2, 3]),
                                                                   "b": cell("DSP48E1", PCIN=[2, 3]), **more}))]

    assert kinds() == []
    assert kinds(c=cell("DSP48E1", PCIN=[2, 9])) == ["DSP48E1 whose PCOUT leads to more than one other"]
    assert kinds(c=cell("LUT1", I0=[3])) == ["DSP48E1 whose PCOUT leads to more than one other"]


def test_a_cascade_of_block_rams():
    found = netlist({"a": cell("RAMB36E1", CASCADEOUTA=[2]), "b": cell("RAMB36E1", CASCADEINA=[2])})
    assert [fault.kind for fault in check_primitives(found)] == ["RAMB36E1 with CASCADEOUTA in use"]


def test_scopes_of_names_are_no_primitives():
    assert check_primitives(netlist({"x": cell("$scopeinfo")})) == []


@pytest.mark.parametrize("net", ["ps7.fclk0", "clk"])
def test_one_clock_before_or_behind_its_buffer(net):
    assert check_clock(good(), net) == []


def test_a_clock_that_is_missing():
    assert check_clock(good(), "fclk0") == ["there is no net fclk0 in the netlist, so its clock constraint would match nothing"]


def test_a_bus_is_no_clock():
    found = good()
    found["modules"]["top"]["netnames"]["ps7.fclk0"]["bits"] = [2, 3]
    assert check_clock(found, "ps7.fclk0") == ["the net ps7.fclk0 must be one wire, not [2, 3]"]


def test_a_clock_from_elsewhere():
    found = good()
    found["modules"]["top"]["cells"]["ps7.ps7"]["connections"]["FCLKCLK"] = ["0", 3]
    assert check_clock(found, "ps7.fclk0") == ["the net ps7.fclk0 does not come from PS7's FCLKCLK"]


def test_a_clock_of_nothing():
    found = good()
    for name in ("accelerator.a.r", "$auto$1"):
        found["modules"]["top"]["cells"][name]["connections"]["C"] = ["0"]
    assert check_clock(found, "ps7.fclk0") == ["the net ps7.fclk0 clocks nothing"]


@pytest.mark.parametrize("other", [cell("FDSE", C=[9]), cell("SRL16E", CLK=[9]), cell("RAM64X1D", WCLK=[9]), cell("DSP48E1", CLK=[3]),
                                   cell("RAMB18E1", CLKARDCLK=[6], CLKBWRCLK=[7])])
def test_a_second_clock(other):
    found = good()
    found["modules"]["top"]["cells"]["other"] = other
    assert check_clock(found, "ps7.fclk0") == ["1 clock pins are on other nets than ps7.fclk0, so no constraint holds for them"]


def test_two_buffers_of_one_clock_are_one_clock():
    found = good()
    found["modules"]["top"]["cells"] |= {"second": cell("BUFGCTRL", I0=[2], O=[10]), "r": cell("FDCE", C=[10])}
    assert check_clock(found, "ps7.fclk0") == []
    assert check_clock(found, "clk") == []


def test_it_stands_alone(tmp_path):
    script, path = tmp_path / "check.py", tmp_path / "netlist.json"
    script.write_text(Path(primitive_check.__file__).read_text())
    assert not re.search(r"^(from|import) (build_flows|sim|hw)", script.read_text(), re.MULTILINE)

    def run(found):
        path.write_text(json.dumps(found))
        command = [sys.executable, "-I", str(script), "--clock", "clk", str(path)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert (run(good()).returncode, run(good()).stderr) == (0, "")
    bad = good()
    bad["modules"]["top"]["cells"] |= {f"accelerator.gate0.ram{at}": cell("RAM32M") for at in range(25)}
    bad["modules"]["top"]["cells"]["r"] = cell("FDCE", C=[10])
    ran = run(bad)
    assert ran.returncode == 1
    lines = ran.stderr.splitlines()
    assert lines[0] == "offramp: error: accelerator.gate0: nextpnr-xilinx does not take RAM32M (accelerator.gate0.ram0)"
    assert len(lines) == 22
    assert lines[20] == "offramp: error: in all 25 RAM32M"
    assert lines[21] == "offramp: error: 1 clock pins are on other nets than clk, so no constraint holds for them"
