"""What a hand-made library says is read as it stands, with parameters applied; what cannot be read is told with the cell's name."""

import re
import tempfile
from importlib import util
from pathlib import Path

import pytest

from build_flows.synthesis import cell_models
from build_flows.synthesis.cell_models import CellModelError, DelayPath, Pin, Setup, read_library, read_variants
from sim.errors import ToolError, YosysError

LIBRARY = r"""
// A comment with "module NOT_ME (" in it.
(* abc9_box, lib_whitebox *)
module GATE (
  (* clkbuf_sink *) output O, output [1:0] W,
  input I0, I1,
  input signed [3:0] V
);
  parameter [7:0] INIT = 8'h1F;
  parameter integer LEVELS = 2;
  parameter MODE = "FAST";
  assign O = I0 & I1;
  reg r;
  always @(posedge I0) r <= I1;
  specify
    (I0 => O) = 120 + 30 /* the second stage */;
    (I1 => O) = MODE == "FAST" ? 10 : 20;
    (V *> W) = 7;
    (V[2] => O) = (5, 6);
  endspecify
endmodule

module \$FLOP (output reg Q, input C, CE, D, R);
  parameter [0:0] IS_C_INVERTED = 1'b0;
  generate case (IS_C_INVERTED) 1'b0: always @(posedge C) Q <= D; endcase endgenerate
  specify
    $setup(D , posedge C &&& !IS_C_INVERTED && CE, 40);
    $setup(R , negedge C &&&  IS_C_INVERTED, -90);
    $hold(posedge C, D, 8);
    if (!IS_C_INVERTED && R != 0) (posedge C => (Q : 1'b0)) = 303;
    if ( IS_C_INVERTED) (negedge C => (Q : D ^ 1'b1)) = 304;
`ifdef YOSYS
    (R => Q) = 1;
`else
    (R => Q) = 2;
`endif
  endspecify
endmodule

module WIDE (output [1:0] O, input [1:0] I, input CLK, inout B);
  specify
    (I => O) = 9;
    (posedge CLK => (O : 2'bx)) = 4;
  endspecify
endmodule

module BLOCK (output P, input A, CLK);
  parameter integer AREG = 0;
  parameter integer PREG = 1;
  parameter MODE = "SLOW";
  function integer \A.required ;
  begin
    if (AREG != 0) \A.required = 11;
    else if (PREG) begin
      if (MODE == "FAST") \A.required = 12;
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


@pytest.fixture
def library(tmp_path: Path) -> str:
    file = tmp_path / "my cells.v"
    file.write_text(LIBRARY)
    return str(file)


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary folders are made."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def pins(port: str, width: int) -> tuple[Pin, ...]:
    return tuple((port, bit) for bit in range(width))


def test_paths_with_their_pins_and_the_parameters_defaults(library: str) -> None:
    gate = read_library(library)["GATE"]
    assert (gate.inputs, gate.outputs) == ({"I0": 1, "I1": 1, "V": 4}, {"O": 1, "W": 2})
    assert gate.parameters == {"INIT": "00011111", "LEVELS": f"{2:032b}", "MODE": "FAST"}
    assert gate.paths == (
        DelayPath((("I0", 0),), (("O", 0),), 150, False),
        DelayPath((("I1", 0),), (("O", 0),), 10, False),
        DelayPath(pins("V", 4), pins("W", 2), 7, False),
        DelayPath((("V", 2),), (("O", 0),), 6, False),  # the slower of rise and fall
    )
    assert gate.setups == ()


def test_conditions_are_not_looked_at_and_a_hold_is_no_setup(library: str) -> None:
    flop = read_library(library)["$FLOP"]
    assert [(path.sources[0][0], path.delay, path.clocked) for path in flop.paths] == [("C", 303, True), ("C", 304, True), ("R", 1, False)]
    assert flop.setups == (Setup((("D", 0),), "C", 40), Setup((("R", 0),), "C", -90))


def test_a_parallel_path_goes_bit_by_bit_and_from_a_clock_to_all(library: str) -> None:
    wide = read_library(library)["WIDE"]
    assert wide.paths == (DelayPath((("I", 0),), (("O", 0),), 9, False), DelayPath((("I", 1),), (("O", 1),), 9, False),
                          DelayPath((("CLK", 0),), pins("O", 2), 4, True))
    assert (wide.inputs, wide.outputs) == ({"I": 2, "CLK": 1, "B": 1}, {"O": 2, "B": 1})


def test_paths_are_in_the_library_s_order(tmp_path: Path) -> None:
    body = "".join(f"(I => O) = {delay};" for delay in range(120))
    (tmp_path / "many.v").write_text(f"module MANY (output O, input I); specify {body} endspecify endmodule")
    assert [path.delay for path in read_library(str(tmp_path / "many.v"))["MANY"].paths] == list(range(120))


def test_parameters_choose_among_generated_blocks_and_functions(library: str) -> None:
    variants: dict[str, dict[str, int | str]] = {
        "as it is": {}, "fast": {"MODE": "FAST"}, "registered": {"AREG": 1}, "both": {"AREG": 2, "PREG": 0}, "the same": {"MODE": "FAST"},
        "none": {"PREG": 0},  # the function has no value for it
    }
    found = read_variants("BLOCK", variants, library)
    assert list(found) == list(variants)
    assert {name: [check.time for check in model.setups] for name, model in found.items()} == {
        "as it is": [13], "fast": [12], "registered": [11], "both": [11], "the same": [12], "none": []}
    assert not any(model.paths for model in found.values())
    assert found["both"].parameters == {"AREG": f"{2:032b}", "PREG": "0" * 32, "MODE": "SLOW"}
    assert found["both"].name == "BLOCK"
    assert read_variants("GATE", {"slow": {"MODE": "SLOW"}}, library)["slow"].paths[1].delay == 20


def test_a_cell_without_timing(library: str) -> None:
    silent = read_library(library)["SILENT"]
    assert (silent.paths, silent.setups, silent.inputs, silent.outputs) == ((), (), {"I": 1}, {"O": 1})


def test_the_models_that_come_with_yosys() -> None:
    cells = read_library()
    assert [path.delay for path in cells["LUT4"].paths] == [472, 407, 238, 127]
    assert {path.delay for path in cells["RAMB36E1"].paths} == {2454, 882}
    assert [check.time for check in read_variants("DSP48E1", {"": {"AREG": 0, "MREG": 1, "ADREG": 0}})[""].setups[:2]] == [1416, 1416]


@pytest.mark.parametrize(("line", "message"), [
    ("(I => O) = 1.5;", "cell M: its $specify2 is written in a way that is not known here: "),
    ("$setup(I, posedge I, 0.5);", "cell M: its $specrule is written in a way that is not known here: "),
])
def test_a_time_that_is_no_whole_number_is_told(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "m.v").write_text(f"module M (output O, input I);\n specify {line} endspecify\nendmodule")
    with pytest.raises(CellModelError, match=re.escape(message)) as raised:
        read_library(str(tmp_path / "m.v"))
    assert raised.value.hint == "install the version of pyosys that requirements.lock names"


@pytest.mark.parametrize("line", ["(X => O) = 1;", "(I -> O) = 1;", "(I => O) 1;"])
def test_what_yosys_refuses_is_told_with_its_line(tmp_path: Path, line: str) -> None:
    (tmp_path / "m.v").write_text(f"module M (output O, input I);\n specify {line} endspecify\nendmodule")
    with pytest.raises(YosysError, match=r"Yosys failed: .*m\.v:2: ERROR"):
        read_library(str(tmp_path / "m.v"))


def test_another_yosys_with_other_cells_is_told(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run = cell_models.run_yosys

    def renamed(commands: list[str], folder: Path) -> str:
        printed = run(commands, folder)
        file = folder / "cells.json"
        file.write_text(file.read_text().replace("T_RISE_MAX", "T_MAX"))
        return printed

    monkeypatch.setattr(cell_models, "run_yosys", renamed)
    with pytest.raises(CellModelError, match=r"cell \$FLOP: its \$specify3 is written in a way that is not known here: 'T_RISE_MAX'"):
        read_library(library)


def test_a_cell_or_a_parameter_that_is_not_there(library: str) -> None:
    with pytest.raises(CellModelError, match=r"my cells\.v has no cell LUT9"):
        read_variants("LUT9", {"": {"A": 1}}, library)
    with pytest.raises(YosysError, match="Can't find object for defparam `DEPTH`"):
        read_variants("BLOCK", {"": {"DEPTH": 1}}, library)


def test_nothing_is_left_behind_but_the_log_of_a_failure(library: str, scratch: Path) -> None:
    read_library(library)
    read_variants("BLOCK", {"": {}}, library)
    assert list(scratch.iterdir()) == []
    with pytest.raises(YosysError, match=r"File `/nowhere\.v' not found") as raised:
        read_library("/nowhere.v")
    (folder,) = scratch.iterdir()
    assert f"(its log is {folder / 'yosys.log'})" in str(raised.value)
    assert "nowhere" in (folder / "yosys.log").read_text()


def test_without_yosys(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="pip install pyosys"):
        read_library()
    assert list(scratch.iterdir()) == []
