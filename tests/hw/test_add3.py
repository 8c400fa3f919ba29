import itertools

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from build_flows.synthesis.synthesise import Source, Unit, synthesise_all
from hw.add3 import ADD3, add3, with_add3
from hw.streams.axis import axis_verilog

SIGNS = list(itertools.product((False, True), repeat=2))


class Sum(wiring.Component):
    """One adder between streams, each beat the three summands beside each other."""

    def __init__(self, bits, minus_b, minus_c, *, behavioural=False):
        self.parameters = {"bits": bits, "minus_b": minus_b, "minus_c": minus_c, "behavioural": behavioural}
        super().__init__({"i": In(stream.Signature(3 * 4)), "o": Out(stream.Signature(bits))})

    def elaborate(self, platform):
        m = Module()
        a, b, c = (self.i.payload.word_select(at, 4) for at in range(3))
        m.d.comb += [self.o.payload.eq(add3(m, a, b.as_signed(), c, **self.parameters)), self.o.valid.eq(self.i.valid),
                     self.i.ready.eq(self.o.ready)]
        return m


def wanted(a, b, c, bits, minus_b, minus_c):
    b = b - 16 if b > 7 else b
    return (a + (-b if minus_b else b) + (-c if minus_c else c)) % (1 << bits)


@pytest.mark.parametrize(("minus_b", "minus_c"), SIGNS)
def test_by_operators(minus_b, minus_c):
    m = Module()
    a, b, c, total = Signal(4), Signal(4), Signal(4), Signal(7)
    m.d.comb += total.eq(add3(m, a, b.as_signed(), c, minus_b=minus_b, minus_c=minus_c, bits=7, behavioural=True))

    async def bench(ctx):
        for values in itertools.product((0, 1, 6, 9, 15), repeat=3):
            for signal, value in zip((a, b, c), values, strict=True):
                ctx.set(signal, value)
            await ctx.delay(1e-6)
            assert ctx.get(total) == wanted(*values, 7, minus_b, minus_c)

    sim = Simulator(m)
    sim.add_testbench(bench)
    sim.run()


@pytest.mark.many(3)
@pytest.mark.parametrize(("bits", "minus_b", "minus_c"), [
    # All signs at one width, all widths with signs of one kind or another; the slow ones are the rest.
    pytest.param(bits, *signs, marks=[] if bits == 9 or SIGNS[at % 4] == signs else pytest.mark.slow)
    for at, bits in enumerate([1, 3, 4, 7, 9]) for signs in SIGNS
])
def test_cells_are_the_operators(bits, minus_b, minus_c, tmp_path):
    """For all values: the cells, by Yosys' models of them, are what the operators give; and of each bit there is a LUT, of four a chain."""
    from pyosys import libyosys as yosys

    from sim.tools.yosys import read_written

    cells = axis_verilog(unit := Sum(bits, minus_b, minus_c), "unit", {"in0_V": unit.i}, {"out0_V": unit.o})
    plain = axis_verilog(unit := Sum(bits, minus_b, minus_c, behavioural=True), "gold", {"in0_V": unit.i}, {"out0_V": unit.o})
    (tmp_path / "cells.v").write_text(cells)
    (tmp_path / "plain.v").write_text(plain)
    design = yosys.Design()
    for command in (
        f"read_verilog {tmp_path}/cells.v {tmp_path}/plain.v", "read_verilog -lib +/xilinx/cells_sim.v", "hierarchy", "proc", "flatten",
        "opt_clean", f"tee -q -o {tmp_path}/stat.json stat -json unit", "design -save read",
        "read_verilog -overwrite -icells +/xilinx/cells_sim.v", "hierarchy -check", "proc", "flatten", "opt_clean",
        "miter -equiv -flatten -make_assert gold unit miter", "hierarchy -top miter", "proc", "flatten", "opt -full",
        f"tee -q -o {tmp_path}/proof.log sat -prove-asserts -set-def-inputs -show-all miter",
    ):
        yosys.run_pass(command, design)
    # With -verify a wrong one would end this process.
    assert "SAT proof finished - no model found: SUCCESS!" in (tmp_path / "proof.log").read_text()
    counts = read_written(tmp_path / "stat.json")["modules"]["\\unit"]["num_cells_by_type"]
    # The highest majority goes nowhere.
    assert (counts.get("LUT3", 0), counts["LUT4"], counts["CARRY4"]) == (bits - 1, bits, -(-bits // 4))


def test_the_module_is_called_after_its_unit_and_is_there_only_where_it_is_used():
    unit = Sum(5, True, False)
    text = axis_verilog(unit, "unit", {"in0_V": unit.i}, {"out0_V": unit.o})
    assert [text.count(f"module \\unit.{part} ") for part in ("add3", "add3_bit")] == [1, 1]
    assert ADD3 not in text
    assert with_add3("module other; endmodule\n", "other") == "module other; endmodule\n"


@pytest.mark.slow
def test_as_a_unit_of_a_design_it_is_synthesised_too(tmp_path):
    """Units are read by slang there, which must know the cells."""
    text = axis_verilog(unit := Sum(9, True, True), "adder", {"in0_V": unit.i}, {"out0_V": unit.o})
    top = ("module top (input clk, input [15:0] a, output [15:0] b); adder one (.ap_clk(clk), .ap_rst_n(1'b1), .in0_V_TDATA(a), "
           ".in0_V_TVALID(1'b1), .out0_V_TDATA(b), .out0_V_TREADY(1'b1)); endmodule\n")
    job = Unit(top="top", verilog=top, system=(Source(name="adder.v", text=text),), roots=("adder",))
    found = synthesise_all({"top": job}, tmp_path)["top"].resources
    assert (found.lut, found.carry) == (9, 3)
