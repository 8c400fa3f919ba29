"""What is set of an exit, and how it reaches the decision."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

from hw.exits.control import ExitControl, apply_control
from hw.exits.decision import ExitDecision, Mode
from hw.placing import place


def decision(policy, params=None):
    return ExitDecision(classes=3, pe=3, acc_bits=8, bias=(0, 0, 0), policy=policy, params=params or {})


BY_CLASS = decision("class_threshold", {"score": "max_logit", "score_params": {}, "thresholds": [0, 0, 0]})


class Controlled(wiring.Component):
    def __init__(self, unit):
        self.unit = unit
        super().__init__({"control": In(ExitControl(unit))})

    def elaborate(self, platform):
        m = Module()
        self.decision = place(m, "decision", self.unit)
        apply_control(m, self.control, self.unit, self.decision)
        m.d.comb += self.decision.o.ready.eq(1)
        return m


def simulate(dut, bench):
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize(("unit", "members"), [
    (decision("max_logit"), ["enable", "mode", "threshold"]),
    (decision("always"), ["enable", "mode"]),
    (BY_CLASS, ["enable", "mode", "threshold", "threshold_written", "class_index"]),
])
def test_there_is_what_the_policy_takes(unit, members):
    assert list(ExitControl(unit).members) == members


def test_thresholds_are_limited_to_the_range():
    dut = Controlled(decision("max_logit"))
    limits = dut.unit.threshold_range
    seen = {}

    async def bench(ctx):
        for value in (-2**31, -1, 0, 77, 2**31 - 1):
            ctx.set(dut.control.threshold, value)
            seen[value] = ctx.get(dut.decision.threshold)
        for mode in Mode:
            ctx.set(dut.control.mode, mode)
            ctx.set(dut.control.enable, mode != Mode.NEVER)
            assert ctx.get(dut.decision.mode) == mode
            assert ctx.get(dut.decision.enable) == (mode != Mode.NEVER)

    simulate(dut, bench)
    assert seen == {-2**31: limits[0], -1: -1, 0: 0, 77: 77, 2**31 - 1: limits[-1]}


def test_a_class_has_its_threshold_written():
    dut = Controlled(BY_CLASS)

    async def bench(ctx):
        for index, written, value in ((2, 1, 5), (2, 0, 5), (3, 1, 5), (1023, 1, 5), (0, 1, 10**6)):
            ctx.set(dut.control.class_index, index)
            ctx.set(dut.control.threshold_written, written)
            ctx.set(dut.control.threshold, value)
            ctx.set(dut.control.mode, Mode.NEVER)
            ctx.set(dut.control.enable, 1)
            assert ctx.get(dut.decision.class_write) == (written and index < 3)
            # Whatever is written, no sample is decided on by another rule meanwhile.
            assert (ctx.get(dut.decision.mode), ctx.get(dut.decision.enable)) == (Mode.NEVER, 1)
            assert ctx.get(dut.decision.class_index) == index % 4
            assert ctx.get(dut.decision.class_value) == min(value, dut.unit.score.value_range[-1])

    simulate(dut, bench)
