"""Memories end where they are meant to, or it is said."""

from pathlib import Path

import pytest

from build_flows.synthesis.memories import Memory, surprises
from build_flows.synthesis.synthesise import Source, Unit, synthesise, synthesise_all

WRITABLE = """module top(input clk, we, input [{bits}:0] w, r, input [7:0] d, output reg [7:0] q);
{style} reg [7:0] store [0:{last}]; always @(posedge clk) begin if (we) store[w] <= d; q <= store[r]; end endmodule"""
TABLE = """module top(input [4:0] a, output [3:0] q); reg [3:0] words [0:31]; integer i;
initial for (i = 0; i < 32; i = i + 1) words[i] = i * 7 + (i >> 2); assign q = words[a]; endmodule"""
TINY = """module top(input clk, we, input [1:0] w, r, s, input [7:0] d, output [7:0] q, p); reg [7:0] store [0:3];
always @(posedge clk) if (we) store[w] <= d; assign q = store[r]; assign p = store[s]; endmodule"""
SHIFT = """module shift(input logic clk, push, input logic [2:0] at, input logic [3:0] d, output logic [3:0] q);
(* SHREG_EXTRACT = "YES" *) logic [3:0] queue [0:7];
always_ff @(posedge clk) if (push) queue <= {d, queue[0:6]};
assign q = queue[at]; endmodule"""
AROUND = """module top(input clk, push, input [2:0] at, input [3:0] d, output [3:0] q); shift inner(clk, push, at, d, q); endmodule"""


@pytest.mark.slow
@pytest.mark.parametrize(("text", "words", "bits", "writable", "wanted", "found"), [
    (WRITABLE.format(bits=9, last=1023, style=""), 1024, 8, True, "auto", "block"),
    (WRITABLE.format(bits=4, last=31, style=""), 32, 8, True, "auto", "distributed"),
    (WRITABLE.format(bits=4, last=31, style='(* ram_style = "block" *)'), 32, 8, True, "block", "block"),
    (WRITABLE.format(bits=8, last=255, style='(* ram_style = "distributed" *)'), 256, 8, True, "distributed", "distributed"),
    (TABLE, 32, 4, False, "auto", "logic"),
])
def test_where_a_memory_ends(tmp_path: Path, text: str, words: int, bits: int, writable: bool, wanted: str, found: str) -> None:
    (memory,) = synthesise(text, "top", tmp_path).memories
    assert (memory.words, memory.bits, memory.writable, memory.wanted, memory.found) == (words, bits, writable, wanted, found)
    assert memory.as_wanted


@pytest.mark.slow
def test_a_memory_in_flip_flops(tmp_path: Path) -> None:
    found = synthesise(TINY.replace("[7:0] store [0:3]", "[7:0] store [0:1]"), "top", tmp_path)
    assert [memory.found for memory in found.memories] in (["registers"], ["distributed"])
    assert (found.memories[0].found == "registers") == (found.resources.ff >= 16)


@pytest.mark.slow
def test_a_shift_register_in_either_direction(tmp_path: Path) -> None:
    other = SHIFT.replace("[0:7]", "[7:0]").replace("{d, queue[0:6]}", "{queue[6:0], d}")
    units = {
        name: Unit(top="top", verilog=AROUND, system=(Source(name="shift.sv", text=text),), roots=("shift",))
        for name, text in (("up", SHIFT), ("down", other))
    }
    for found in synthesise_all(units, tmp_path).values():
        assert found.resources.cells.get("SRL16E") == 4
        assert found.resources.ff == 0
        (memory,) = found.memories
        assert (memory.wanted, memory.found) == ("shift register", "shift register")


def test_what_is_not_where_it_should_be_is_told() -> None:
    def memory(wanted: str, found: str, writable: bool = True) -> Memory:
        return Memory(name="core.mem", words=16, bits=4, writable=writable, wanted=wanted, found=found)

    well = [memory("auto", "registers"), memory("block", "block"), memory("distributed", "logic", False)]
    well.append(memory("shift register", "shift register"))
    ill = [memory("block", "logic"), memory("distributed", "block"), memory("shift register", "registers"), memory("distributed", "logic")]
    assert surprises((*well, *ill)) == tuple(ill)
    assert ill[0].describe() == "core.mem (16 x 4 bits): block was asked for, logic came out"
