"""Units in a module: nets called after them there, and the unit's own text the same wherever it is placed."""

import re

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, ResetInserter, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator

from hw.placing import name_signals, place

PAIR = data.StructLayout({"low": 3, "high": signed(5)})


class Delay(wiring.Component):
    """A beat's payload two cycles later, with members of every kind."""

    def __init__(self):
        super().__init__({"i": In(stream.Signature(PAIR)), "o": Out(stream.Signature(PAIR)).array(2), "add": In(signed(4), init=-3),
                          "level": Out(2), "total": Out(8)})

    def elaborate(self, platform):
        m = Module()
        held = Signal(PAIR)
        m.d.comb += self.i.ready.eq(1)
        m.d.sync += [self.level.eq(self.level + 1), held.eq(self.i.payload), self.total.eq(self.total + 1)]
        for end in self.o:
            m.d.sync += [end.payload.low.eq(held.low), end.payload.high.eq(held.high + self.add), end.valid.eq(self.i.valid)]
        return m


def chain():
    """Two in a row; nobody asks for ``total`` or for the second output of either, or gives the first one its ``add``."""
    m, reset = Module(), Signal(name="hold")
    first = place(m, "first", Delay())
    second = place(m, "second", Delay(), ResetInserter({"sync": reset}))
    wiring.connect(m, first.o[0], second.i)
    source, sink, level = Signal(PAIR, name="source"), Signal(PAIR, name="sink"), Signal(2, name="fill")
    m.d.comb += [first.i.payload.eq(source), first.i.valid.eq(1), second.add.eq(2), sink.eq(second.o[0].payload),
                 second.o[0].ready.eq(1), level.eq(first.level)]
    return m, source, sink, level, reset


def text():
    m, source, sink, level, reset = chain()
    ports = [source.as_value(), sink.as_value(), level, reset]
    return verilog.convert(m, name="top", ports=ports, emit_src=False, strip_internal_attrs=True)


def modules(verilog):
    return {match[1]: match[0] for match in re.finditer(r"^module \\?([\w.]+).*?^endmodule$", verilog, re.M | re.S)}


def test_nets_are_called_after_the_unit_and_the_port():
    top = modules(text())["top"]
    names = set(re.findall(r"^  (?:wire|reg) (?:signed )?(?:\[\d+:\d+\] )?\\?([^\s;]+)", top, re.M))
    assert {"first_i_payload", "first_o_0_payload", "first_o_0_payload.high", "second_i_payload", "second_o_0_valid", "first_level",
            "second_add"} <= names
    assert not [name for name in names if re.fullmatch(r"[^$].*\$\d.*", name)]


def test_a_units_text_is_the_same_under_any_name():
    def alone(name):
        m, out = Module(), Signal(2, name="out")
        unit = place(m, name, Delay())
        m.d.comb += [unit.i.valid.eq(1), out.eq(unit.o[0].valid)]
        return modules(verilog.convert(m, name="top", ports=[out], emit_src=False, strip_internal_attrs=True))[f"top.{name}"]

    assert "o__0__valid" in alone("first")
    assert alone("first").replace("top.first", "top.another") == alone("another")


def test_members_that_nobody_asks_for_stay_inside():
    found = modules(text())
    ports = {name: set(re.findall(r"^  (?:input|output) (?:signed )?(?:\[\d+:0\] )?(\w+);", found[f"top.{name}"], re.M))
             for name in ("first", "second")}
    assert "level" in ports["first"]
    assert "level" not in ports["second"]
    assert "total" not in ports["first"] | ports["second"]
    assert "add" not in ports["first"] | ports["second"], "constants of the units"


def test_it_works_as_before():
    m, source, sink, level, reset = chain()
    seen = []

    async def bench(ctx):
        for cycle in range(8):
            assert ctx.get(level) == cycle % 4
            ctx.set(source, {"low": cycle, "high": cycle - 4})
            ctx.set(reset, cycle == 6)
            seen.append(ctx.get(sink))
            await ctx.tick()

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    # -3 is the first one's own, 2 the second's; a reset of the second one alone in cycle 6
    assert [(value.low, value.high) for value in seen[4:]] == [(0, -5), (1, -4), (2, -3), (0, 0)]


def test_a_member_that_a_unit_has_not():
    m = Module()
    ports = place(m, "delay", Delay())
    with pytest.raises(AttributeError, match="delay has no member 'output'"):
        ports.output  # noqa: B018
    assert not hasattr(ports, "clk")
    assert ports.level is ports.level


def test_signals_of_an_interface_get_a_name():
    signature = wiring.Signature({"o": Out(stream.Signature(PAIR)), "at": In(4)})
    wires = signature.create()
    name_signals("wires", signature, wires)
    assert [wires.o.valid.name, wires.o.payload.as_value().name, wires.at.name] == ["wires_o_valid", "wires_o_payload", "wires_at"]
