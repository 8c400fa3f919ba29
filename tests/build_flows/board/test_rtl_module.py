"""Ports and interfaces out of Verilog with attributes."""

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.rtl_module import Port, read_module

TEXT = """
module other(a);
  input a;
endmodule

module top(clk, data, valid, plain
, wide);
  wire unrelated;
  (* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 clk CLK" *)
  (* X_INTERFACE_PARAMETER = "XIL_INTERFACENAME clk, ASSOCIATED_BUSIF s:m, ASSOCIATED_RESET rst" *)
  input clk;
  wire clk;
  (* X_INTERFACE_INFO = "xilinx.com:interface:axis:1.0 s TDATA" *)
  input [31:0] data;
  (* X_INTERFACE_INFO = "xilinx.com:interface:axis:1.0 s TVALID" *)
  output valid;
  output plain;
  input [6:0] wide;
endmodule
"""


def test_what_is_there():
    module = read_module(TEXT, "top")
    assert module.pins == {"plain": Port(name="plain", output=True, bits=1), "wide": Port(name="wide", output=False, bits=7)}
    assert module.interfaces["clk"].parameters == {"ASSOCIATED_BUSIF": "s:m", "ASSOCIATED_RESET": "rst"}
    stream = module.interfaces["s"]
    assert stream.vlnv == "xilinx.com:interface:axis:1.0"
    assert stream.ports == {"TDATA": Port(name="data", output=False, bits=32), "TVALID": Port(name="valid", output=True, bits=1)}


@pytest.mark.parametrize(("old", "new", "message"), [
    ("module top(", "module lid(", "there is no module 'top'"),
    ("s TVALID", "s TDATA", "port valid: interface s is a xilinx.com:interface:axis:1.0 with TDATA already"),
    ("axis:1.0 s TVALID", "bram:1.0 s TVALID", "port valid: interface s is a xilinx.com:interface:axis:1.0"),
    ("axis:1.0 s TVALID", "axis:1.0 TVALID", "port valid: X_INTERFACE_INFO must be 'VLNV NAME LOGICAL'"),
    ("XIL_INTERFACENAME clk", "XIL_INTERFACENAME clock", "port clk: X_INTERFACE_PARAMETER is not of interface clk"),
    ("ASSOCIATED_RESET rst", "ASSOCIATED_RESET", "port clk: X_INTERFACE_PARAMETER ASSOCIATED_RESET has no value"),
    ("  output plain;\n", "", "ports plain are listed or declared, but not both"),
])
def test_what_is_refused(old, new, message):
    assert TEXT.count(old) == 1
    with pytest.raises(OfframpError, match=message):
        read_module(TEXT.replace(old, new), "top")
