"""What a hand-made library says is read as it stands; what cannot be read is told with the cell's name."""

import re

import pytest

from build_flows.synthesis.specify_blocks import DelayPath, Setup, SpecifyError, read_models

LIBRARY = r"""
// A comment with "module NOT_ME (" in it.
(* abc9_box *)
module GATE (
  (* clkbuf_sink *) output O, output [1:0] W,
  input I0, I1,
  input signed [3:0] V
);
  parameter [7:0] INIT = 8'h1F;
  parameter integer LEVELS = 2;
  parameter MODE = "FAST";
  assign O = I0 & I1;
  always @(*) begin end
  specify
    (I0 => O) = 120 + 30 /* the second stage */;
    (I1 => O) = MODE == "FAST" ? 10 : 20;
    (V *> W) = 7;
    (V[2] => O) = 5;
  endspecify
endmodule

module \$FLOP (output reg Q, input C, CE, D, R);
  parameter [0:0] IS_C_INVERTED = 1'b0;
  generate case (IS_C_INVERTED) 1'b0: always @(posedge C) Q <= D; endcase endgenerate
  specify
    $setup(D , posedge C &&& !IS_C_INVERTED && CE, 40);
    $setup(R , negedge C &&&  IS_C_INVERTED, 90);
    if (!IS_C_INVERTED && R != 0) (posedge C => (Q : 1'b0)) = 303;
    if ( IS_C_INVERTED) (negedge C => (Q : D ^ 1)) = 304;
`ifdef BRIEF
    (R => Q) = 1;
`else
    (R => Q) = 2;
`endif
  endspecify
endmodule

module BLOCK (output P, input A, CLK);
  parameter integer AREG = 0;
  parameter integer PREG = 1;
  function integer \A.required ;
  begin
    if (AREG != 0) \A.required = 11;
    else if (PREG) begin
      if (AREG == 5) \A.required = 12;
      else \A.required = 13;
    end
  end
  endfunction
  generate
    if (PREG == 0 && AREG == 0)
      specify
        (A => P) = \A.required ();
      endspecify
    else
      specify
        $setup(A, posedge CLK, \A.required ());
      endspecify
  endgenerate
endmodule

module SILENT (output O, input I);
endmodule
"""


def test_paths_with_their_pins_and_the_parameters_defaults() -> None:
    gate = read_models(LIBRARY)["GATE"]
    assert (gate.inputs, gate.outputs) == ({"I0": 1, "I1": 1, "V": 4}, {"O": 1, "W": 2})
    assert gate.parameters == {"INIT": 0x1F, "LEVELS": 2, "MODE": "FAST"}
    paths, setups = gate.timing({})
    assert paths == [
        DelayPath((("I0", 0),), (("O", 0),), 150, False),
        DelayPath((("I1", 0),), (("O", 0),), 10, False),
        DelayPath((("V", 0), ("V", 1), ("V", 2), ("V", 3)), (("W", 0), ("W", 1)), 7, False),
        DelayPath((("V", 2),), (("O", 0),), 5, False),
    ]
    assert setups == []
    assert gate.timing({"MODE": "SLOW"})[0][1].delay == 20


def test_conditions_hold_where_they_may_be_true() -> None:
    models = read_models(LIBRARY)
    paths, setups = models["$FLOP"].timing({})
    assert [(path.delay, path.clocked) for path in paths] == [(303, True), (2, False)]
    assert setups == [Setup((("D", 0),), "C", 40)]
    paths, setups = models["$FLOP"].timing({"IS_C_INVERTED": 1})
    assert [path.delay for path in paths] == [304, 2]
    assert setups == [Setup((("R", 0),), "C", 90)]
    paths, setups = models["$FLOP"].timing({"IS_C_INVERTED": None})
    assert [path.delay for path in paths] == [303, 304, 2]
    assert len(setups) == 2


def test_macros_choose_lines() -> None:
    assert [path.delay for path in read_models(LIBRARY, defines=["BRIEF"])["$FLOP"].timing({})[0]] == [303, 1]


@pytest.mark.parametrize(("parameters", "paths", "setups"), [
    ({}, [], [13]), ({"AREG": 1}, [], [11]), ({"PREG": 0, "AREG": 1}, [], [11]),
    ({"PREG": 0}, [], []),  # the function has no value for it
])
def test_functions_and_generated_blocks(parameters: dict[str, int], paths: list[float], setups: list[float]) -> None:
    block = read_models(LIBRARY)["BLOCK"]
    found, checks = block.timing(parameters)
    assert [path.delay for path in found] == paths
    assert [check.time for check in checks] == setups


def test_a_function_by_itself() -> None:
    block = read_models(LIBRARY)["BLOCK"]
    assert block.value("A.required", {"AREG": 2}) == 11
    assert block.value("A.required", {"PREG": 0}) is None
    with pytest.raises(KeyError):
        block.value("B.required", {})


@pytest.mark.parametrize(("expression", "value"), [
    ("1 ? 2 : 3", 2), ("(0 || A == 1) ? 2 : 3", 3), ("|A ? 2 : 3", 3), ("!A && 1 ? 2 : 3", 2), ("&A ? 2 : 3", 3), ("7 - 2 + 1", 6),
    ("4'b1010", 10), ("16'hff", 255), ("A != 1 ? 8 : 9", 8), ("~A ? 8 : 9", 8), ("(6 ^ 3) & 4 | 1", 5),
])
def test_expressions(expression: str, value: int) -> None:
    text = f"module M (output O, input I);\n parameter integer A = 0;\n specify (I => O) = {expression}; endspecify\nendmodule"
    (path,), _ = read_models(text)["M"].timing({})
    assert path.delay == value


def test_an_and_of_unknowns_is_unknown_and_an_or_of_a_truth_true() -> None:
    lines = "if (I && 0) (I => O) = 1; if (I || 1) (I => O) = 2; if (I) (I => O) = I ? 3 : 4;"
    text = f"module M (output O, input I);\n specify {lines} endspecify\nendmodule"
    assert [path.delay for path in read_models(text)["M"].timing({})[0]] == [2]


def test_a_cell_without_timing() -> None:
    silent = read_models(LIBRARY)["SILENT"]
    assert not silent.timed
    assert silent.timing({}) == ([], [])
    assert read_models(LIBRARY)["GATE"].timed


@pytest.mark.parametrize(("line", "message"), [
    ("(X => O) = 1;", "cell M: it has timing for X, which is none of its ports"),
    ("(I -> O) = 1;", "cell M: expected => or *>, found '-' after: ( I"),
    ("(I => O) 1;", "cell M: expected =, found '1' after: ( I => O )"),
])
def test_what_cannot_be_read_is_told(line: str, message: str) -> None:
    model = read_models(f"module M (output O, input I);\n specify {line} endspecify\nendmodule")
    with pytest.raises(SpecifyError, match=re.escape(message)):
        model["M"].timing({})
