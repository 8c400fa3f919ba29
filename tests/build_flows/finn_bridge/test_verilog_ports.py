import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.verilog_ports import Pin, evaluate, module_pins

ANSI = """
// module other (input wrong);
module  unit #(
	parameter  N = 5,	// a comment, with a comma
	parameter  PATH = "x",
	parameter  BITS = (N+7)/8 * 8
)(
	(* X = "ASSOCIATED_BUSIF in0_V" *)
	input	ap_clk,
	input	[BITS-1:0]  in0_V_TDATA,
	input [(((N > 2? $clog2(N) : 1)+7)/8)*8-1:0]  in1_V_TDATA,
	output logic [ 3:0]  out0_V_TDATA
);
endmodule // unit
"""
PLAIN = """module unit(ap_clk, out0_V_TDATA);
  input ap_clk;
  wire ap_clk;
  output [7:0] out0_V_TDATA;
  wire [7:0] out0_V_TDATA;
endmodule
"""


def test_ports_of_both_styles():
    assert module_pins(ANSI, "unit") == {
        "ap_clk": Pin(False, 1), "in0_V_TDATA": Pin(False, 8), "in1_V_TDATA": Pin(False, 8), "out0_V_TDATA": Pin(True, 4),
    }
    assert module_pins(PLAIN, "unit") == {"ap_clk": Pin(False, 1), "out0_V_TDATA": Pin(True, 8)}


@pytest.mark.parametrize(("text", "value"), [
    ("2**$clog2((33+31)/32) - 1", 1), ("7 % 4 * 2", 6), ("$clog2(1)", 0), ("3 > 2 ? 4 == 4 ? 5 : 6 : 7", 5), ("A*B", 12), ("-A + 10", 7),
])
def test_constant_expressions(text, value):
    assert evaluate(text, {"A": "3", "B": "A + 1"}) == value


@pytest.mark.parametrize("text", ["A +", "WRONG", "1 2", "A & 1", "(1"])
def test_what_cannot_be_computed_is_named(text):
    with pytest.raises(CompileError, match="cannot compute"):
        evaluate(text, {"A": "3"})


def test_a_missing_module_is_named():
    with pytest.raises(CompileError, match="no module other"):
        module_pins(ANSI, "other")
