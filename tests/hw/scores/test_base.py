"""The frame that later policies fit into: ports of their own, waiting for them, a threshold wanted early; and the helpers."""

import random

import pytest
from amaranth.hdl import Const, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

import hw.exit_decision
from hw.exit_decision import ExitDecision
from hw.scores import SCORES, Score
from hw.scores.arg_max import ArgMax
from hw.scores.base import delay, saturate_signed, saturate_unsigned


class Gate(Score):
    """What a gate head needs: a second stream with one beat a sample, compared with the threshold one cycle before the result."""

    lead = 1

    def __init__(self, **kwargs):
        super().__init__(**kwargs, ports={"gate": In(stream.Signature(signed(8)))})
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.arg_max.latency + 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.arg_max = arg_max = self.arg_max
        wiring.connect(m, wiring.flipped(self.i), arg_max.i)
        m.d.comb += [
            self.take.eq(arg_max.valid & self.gate.valid),
            self.hold.eq(arg_max.valid & ~self.gate.valid),
            self.gate.ready.eq(arg_max.valid & self.advance),
        ]
        m.d.sync += [
            self.valid.eq(arg_max.valid),
            self.label.eq(arg_max.label),
            self.leave.eq(self.gate.payload >= self.threshold),
            self.confidence.eq(self.gate.payload),
        ]
        return m


@pytest.mark.parametrize(("gap", "late", "stall"), [(0, 0, 0), (0.5, 0, 0), (0, 0.7, 0), (0, 0, 0.7), (0.3, 0.5, 0.3)])
def test_score_with_a_stream_of_its_own(monkeypatch, gap, late, stall):
    monkeypatch.setitem(SCORES, "gate", Gate)
    assert hw.exit_decision.SCORES is SCORES
    dut = ExitDecision(classes=4, pe=4, acc_bits=6, bias=[0, 1, 2, 3], policy="gate", params={}, confidence_bits=8)
    rng = random.Random(1)
    samples = [
        ([rng.randint(-32, 31) for _ in range(4)], rng.randint(-128, 127), rng.randint(-90, 90), rng.randint(0, 1)) for _ in range(60)
    ]
    results = []

    async def logits(ctx):
        for row, _, threshold, enable in samples:
            while rng.random() < gap:
                await ctx.tick()
            ctx.set(dut.logits.payload, sum((value & 63) << 6 * lane for lane, value in enumerate(row)))
            ctx.set(dut.threshold, threshold), ctx.set(dut.enable, enable), ctx.set(dut.logits.valid, 1)
            await ctx.tick().until(dut.logits.ready)
            ctx.set(dut.logits.valid, 0), ctx.set(dut.threshold, 0), ctx.set(dut.enable, 0)

    async def gate(ctx):
        for _, value, _, _ in samples:
            while rng.random() < late:
                await ctx.tick()
            ctx.set(dut.gate.payload, value), ctx.set(dut.gate.valid, 1)
            await ctx.tick().until(dut.gate.ready)
            ctx.set(dut.gate.valid, 0)

    async def sink(ctx):
        for _ in samples:
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(dut.o.ready, 1)
            (payload,) = await ctx.tick().sample(dut.o.payload).until(dut.o.valid)
            ctx.set(dut.o.ready, 0)
            results.append((payload.label, payload.exit, payload.confidence))
        ctx.set(dut.o.ready, 1)
        for _ in range(10):
            await ctx.tick()
            assert not ctx.get(dut.o.valid)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    for bench in (logits, gate, sink):
        sim.add_testbench(bench)
    sim.run_until(1e-3)
    expected = []
    for row, value, threshold, enable in samples:
        values = [logit + lane for lane, logit in enumerate(row)]
        expected.append((values.index(max(values)), int(value >= threshold and enable), value & 255))
    assert results == expected


@pytest.mark.parametrize("bits", [1, 2, 5, 8, 12])
def test_saturate(bits):
    m = Module()
    value, plain = Signal(signed(8)), Signal(8)
    limited, cut = Signal(signed(bits)), Signal(bits)
    m.d.comb += [limited.eq(saturate_signed(value, bits)), cut.eq(saturate_unsigned(plain, bits))]

    async def bench(ctx):
        for number in range(256):
            ctx.set(value, number - 128), ctx.set(plain, number)
            assert ctx.get(limited) == max(-(2 ** (bits - 1)), min(number - 128, 2 ** (bits - 1) - 1))
            assert ctx.get(cut) == min(number, 2**bits - 1)

    sim = Simulator(m)
    sim.add_testbench(bench)
    sim.run()


def test_delay():
    m = Module()
    value, later = Signal(4), Signal(4)
    m.d.comb += later.eq(delay(m, value, 3))
    one = Const(1)
    assert delay(m, one, 3) is one

    async def bench(ctx):
        for number in range(20):
            ctx.set(value, number % 16)
            if number >= 3:
                assert ctx.get(later) == (number - 3) % 16
            await ctx.tick()

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
