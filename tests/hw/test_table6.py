import random

import pytest
from amaranth.hdl import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.streams.axis import axis_verilog
from hw.table6 import TABLE6, table6, with_table6

TABLES = (0x8000000000000001, random.Random(4).getrandbits(64), 0x6996966996696996)


class Tables(wiring.Component):
    """A bit of each of :data:`TABLES`."""

    def __init__(self, *, behavioural=False):
        self.behavioural = behavioural
        super().__init__({"i": In(stream.Signature(6)), "o": Out(stream.Signature(len(TABLES)))})

    def elaborate(self, platform):
        m = Module()
        m.d.comb += [self.o.valid.eq(self.i.valid), self.i.ready.eq(self.o.ready)]
        for at, table in enumerate(TABLES):
            m.d.comb += self.o.payload[at].eq(table6(m, self.i.payload, table, behavioural=self.behavioural))
        return m


def test_a_bit_of_the_table():
    unit = Tables(behavioural=True)

    async def bench(ctx):
        for at in range(64):
            ctx.set(unit.i.payload, at)
            await ctx.delay(1e-6)
            assert ctx.get(unit.o.payload) == sum((table >> at & 1) << place for place, table in enumerate(TABLES))

    sim = Simulator(unit)
    sim.add_testbench(bench)
    sim.run()


def test_cells_are_the_operators(tmp_path):
    """For all values: the cells, by Yosys' models of them, are what the operators give; and each is one table."""
    from pyosys import libyosys as yosys

    from sim.tools.yosys import read_written

    for name, behavioural in (("unit", False), ("gold", True)):
        tables = Tables(behavioural=behavioural)
        (tmp_path / f"{name}.v").write_text(axis_verilog(tables, name, {"in0_V": tables.i}, {"out0_V": tables.o}))
    design = yosys.Design()
    for command in (
        f"read_verilog {tmp_path}/unit.v {tmp_path}/gold.v", "read_verilog -lib +/xilinx/cells_sim.v", "hierarchy", "proc", "flatten",
        "opt_clean", f"tee -q -o {tmp_path}/stat.json stat -json unit",
        "read_verilog -overwrite -icells +/xilinx/cells_sim.v", "hierarchy -check", "proc", "flatten", "opt_clean",
        "miter -equiv -flatten -make_assert gold unit miter", "hierarchy -top miter", "proc", "flatten", "opt -full",
        f"tee -q -o {tmp_path}/proof.log sat -prove-asserts -set-def-inputs -show-all miter",
    ):
        yosys.run_pass(command, design)
    # With -verify a wrong one would end this process.
    assert "SAT proof finished - no model found: SUCCESS!" in (tmp_path / "proof.log").read_text()
    assert read_written(tmp_path / "stat.json")["modules"]["\\unit"]["num_cells_by_type"]["LUT6"] == len(TABLES)


def test_the_module_is_called_after_its_unit_and_is_there_only_where_it_is_used():
    tables = Tables()
    text = axis_verilog(tables, "unit", {"in0_V": tables.i}, {"out0_V": tables.o})
    assert text.count("module \\unit.table6 ") == 1
    assert TABLE6 not in text
    assert with_table6("module other; endmodule\n", "other") == "module other; endmodule\n"


def test_six_bits():
    with pytest.raises(ValueError, match=r"^at must have 6 bits, not 5$"):
        table6(Module(), Signal(5), 1, behavioural=False)
