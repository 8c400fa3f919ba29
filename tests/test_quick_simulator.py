"""The simulator made faster simulates the same, and a rig that is used again begins anew."""

import random

import pytest
from amaranth.hdl import Cat, Elaboratable, Module, Mux, Signal
from amaranth.lib.memory import Memory
from amaranth.sim import Simulator

from tests import quick_simulator


class Mixed(Elaboratable):
    """Wires that depend on each other across parts, assigned whole, in slices, twice, signed, and under conditions; registers; a memory."""

    def __init__(self):
        self.inputs = [Signal(8, name=f"i{n}") for n in range(4)]
        self.outputs = [Signal(8, name=f"o{n}") for n in range(40)]
        self.signed, self.total, self.read = Signal(9), Signal(20), Signal(8)

    def elaborate(self, platform):
        m = Module()
        before = self.inputs
        for n, output in enumerate(self.outputs):
            left, right = before[n % 4], self.outputs[(n * 7 + 3) % 40] if (n * 7 + 3) % 40 < n else before[(n + 1) % 4]
            match n % 4:
                case 0:
                    m.d.comb += output.eq(left + right)
                case 1:
                    m.d.comb += [output[:4].eq(right), output[4:].eq(left)]
                case 2:
                    m.d.comb += output.eq(3)
                    with m.If(left[0]):
                        m.d.comb += output.eq(right)
                    with m.Elif(right == 5):
                        m.d.comb += Cat(output[:3], output[6:]).eq(left)
                case 3:
                    m.d.comb += output.eq(Mux(left.as_signed() < right.as_signed(), -right, self.total[:8]))
        m.d.comb += self.signed.eq(self.outputs[5].as_signed())
        m.d.sync += self.total.eq(self.total + sum(self.outputs))
        m.submodules.memory = memory = Memory(shape=8, depth=16, init=range(16))
        write, read = memory.write_port(), memory.read_port(domain="comb")
        m.d.comb += [write.addr.eq(self.outputs[0]), write.data.eq(self.outputs[1]), write.en.eq(self.outputs[2][0]),
                     read.addr.eq(self.outputs[3]), self.read.eq(read.data)]
        return m


def script(design, seen):
    async def bench(ctx):
        rng = random.Random(1)
        for _ in range(60):
            for signal in design.inputs:
                if rng.random() < 0.5:
                    ctx.set(signal, rng.getrandbits(8))
            seen.append([ctx.get(signal) for signal in (*design.outputs, design.signed, design.total, design.read)])
            await ctx.tick()

    return bench


def by_amaranth(design):
    seen = []
    simulator = Simulator(design)
    simulator.add_clock(1e-6)
    simulator.add_testbench(script(design, seen))
    simulator.run()
    return seen


def as_amaranth_has_it(patched):
    patched.setattr(quick_simulator._pyrtl._FragmentCompiler, "__call__", quick_simulator._whole)
    patched.setattr(quick_simulator.pysim._PySignalState, "update", quick_simulator._changed)
    patched.setattr(quick_simulator.Operator, "shape", quick_simulator._shape_of_operator)
    patched.setattr(quick_simulator.Concat, "shape", quick_simulator._shape_of_concat)


@pytest.fixture
def wanted(monkeypatch):
    """What Amaranth's own simulator finds."""
    with monkeypatch.context() as patched:
        as_amaranth_has_it(patched)
        return by_amaranth(Mixed())


@pytest.mark.parametrize("size", [1, 7, 16])
def test_every_value_is_that_of_amaranths_own(size, wanted, monkeypatch):
    as_amaranth_has_it(monkeypatch)  # and so that what is installed here goes again
    quick_simulator.install(size)
    assert by_amaranth(Mixed()) == wanted
    assert len({tuple(row) for row in wanted}) > 50


def test_parts_are_of_statements_that_drive_a_signal_together():
    a, b, c, d = (Signal(8, name=name) for name in "abcd")
    one, two, three, four, five = statements = [a.eq(1), b.eq(2), a[:2].eq(3), Cat(c, d).eq(4), d[0].eq(5)]
    assert quick_simulator.parts(statements, 1) == [[one, three], [two], [four, five]]
    assert quick_simulator.parts(statements, 3) == [[one, three, two], [four, five]]
    assert quick_simulator.parts(statements, 9) == [[one, three, two, four, five]]


def test_a_rig_that_is_used_again_begins_anew(wanted):
    design = Mixed()
    for _ in range(2):
        seen = []
        quick_simulator.simulate(design, script(design, seen))
        assert seen == wanted
    seen = []

    async def broken(ctx):
        await ctx.tick()
        raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        quick_simulator.simulate(design, broken)
    quick_simulator.simulate(design, script(design, seen))
    assert seen == wanted
