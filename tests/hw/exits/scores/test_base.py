"""The frame that policies fit into: ports of their own, waiting for them, a threshold wanted early; and the helpers."""

import random

import pytest
from amaranth.hdl import Const, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator

import hw.exits.decision
from hw.exits.decision import ExitDecision
from hw.exits.scores import SCORES, Score
from hw.exits.scores.arg_max import ArgMax
from hw.exits.scores.base import carry, count_beats, delay, rom, saturate_signed, saturate_unsigned


class Early(Score):
    """A second stream with one beat a sample, compared with the threshold one cycle before the result."""

    required = ("low",)
    optional = ("more",)
    lead = 1

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.arg_max.latency + 1

    def own_ports(self):
        return {"second": In(stream.Signature(signed(8)))}

    def thresholds(self):
        return range(self.params["low"], 90)

    def elaborate(self, platform):
        m = Module()
        m.submodules.arg_max = arg_max = self.arg_max
        wiring.connect(m, wiring.flipped(self.i), arg_max.i)
        m.d.comb += [
            self.take.eq(arg_max.valid & self.second.valid),
            self.hold.eq(arg_max.valid & ~self.second.valid),
            self.second.ready.eq(arg_max.valid & self.advance),
        ]
        m.d.sync += [
            self.valid.eq(arg_max.valid),
            self.label.eq(arg_max.label),
            self.leave.eq(self.second.payload >= self.threshold),
            self.confidence.eq(self.second.payload),
        ]
        return m


@pytest.mark.parametrize(("gap", "late", "stall"), [(0, 0, 0), (0.5, 0, 0), (0, 0.7, 0), (0, 0, 0.7), (0.3, 0.5, 0.3)])
@pytest.mark.parametrize("pe", [4, 2])
def test_score_with_a_stream_of_its_own(monkeypatch, gap, late, stall, pe):
    monkeypatch.setitem(SCORES, "early", Early)
    assert hw.exits.decision.SCORES is SCORES
    dut = ExitDecision(classes=4, pe=pe, acc_bits=6, bias=[0, 1, 2, 3], policy="early", params={"low": -90}, confidence_bits=8)
    assert dut.threshold_range == range(-90, 90)
    assert dut.latency == 1 + 1 + dut.score.latency
    rng = random.Random(1)
    samples = [
        ([rng.randint(-32, 31) for _ in range(4)], rng.randint(-128, 127), rng.randint(-90, 89), rng.randint(0, 1)) for _ in range(60)
    ]
    results = []

    async def logits(ctx):
        for row, _, threshold, enable in samples:
            for at in range(0, 4, pe):
                while rng.random() < gap:
                    await ctx.tick()
                ctx.set(dut.logits.payload, sum((value & 63) << 6 * lane for lane, value in enumerate(row[at:at + pe])))
                ctx.set(dut.logits.valid, 1)
                if at == 0:
                    ctx.set(dut.threshold, threshold), ctx.set(dut.enable, enable)
                await ctx.tick().until(dut.logits.ready)
                ctx.set(dut.logits.valid, 0), ctx.set(dut.threshold, 0), ctx.set(dut.enable, 0)

    async def second(ctx):
        for _, value, _, _ in samples:
            while rng.random() < late:
                await ctx.tick()
            ctx.set(dut.second.payload, value), ctx.set(dut.second.valid, 1)
            await ctx.tick().until(dut.second.ready)
            ctx.set(dut.second.valid, 0)

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
    for bench in (logits, second, sink):
        sim.add_testbench(bench)
    sim.run_until(1e-3)
    expected = []
    for row, value, threshold, enable in samples:
        values = [logit + lane for lane, logit in enumerate(row)]
        expected.append((values.index(max(values)), int(value >= threshold and enable), value & 255))
    assert results == expected


def test_a_score_that_names_its_policy_is_found(monkeypatch):
    monkeypatch.setattr(Score, "registry", dict(Score.registry))

    class Named(Score, policy="named"):
        pass

    assert Score.registry["named"] is Named
    assert Early not in Score.registry.values()
    assert list(SCORES) == sorted(SCORES)
    assert set(SCORES) == {"always", "class_threshold", "entropy", "gate", "margin", "max_logit", "never", "patience", "softmax"}


def test_a_score_without_thresholds_or_ports_has_none():
    class Plain(Score):
        latency = 0

    dut = Plain(classes=4, pe=2, logit_bits=5, params={}, confidence_bits=8)
    assert (dut.threshold_range, dut.ports, dut.lead, dut.beats) == (range(1), {}, 0, 2)


@pytest.mark.parametrize(("params", "message"), [
    ({}, "params of Early must have low and may have more, not none"),
    ({"more": 1}, "params of Early must have low and may have more, not more"),
    ({"low": 1, "tau": 1, "z": 1}, "params of Early must have low and may have more, not low, tau, z"),
])
def test_params_that_do_not_fit(params, message):
    with pytest.raises(ValueError, match=message):
        Early(classes=4, pe=2, logit_bits=5, params=params, confidence_bits=8)


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


def test_delay(clocked):
    m = Module()
    value, later, same = Signal(4), Signal(4), Signal(4)
    m.d.comb += [later.eq(delay(m, value, 3)), same.eq(delay(m, value, 0))]
    one = Const(1)
    assert delay(m, one, 3) is one

    async def bench(ctx):
        for number in range(20):
            ctx.set(value, number % 16)
            assert ctx.get(same) == number % 16
            if number >= 3:
                assert ctx.get(later) == (number - 3) % 16
            await ctx.tick()

    clocked(m, bench)


@pytest.mark.parametrize("gap", [1, 2, 5])
@pytest.mark.parametrize("cycles", [0, 1, 2, 3, 7, 15, 16, 40])
def test_carry(clocked, gap, cycles):
    """The value of so many cycles ago is there when a flag was high then, for flags as close as allowed and further apart."""
    m = Module()
    value, flag, carried = Signal(16), Signal(), Signal(16)
    m.d.comb += carried.eq(carry(m, value, flag, gap=gap, cycles=cycles))
    m.d.sync += Signal().eq(0)  # a clock even where there is no register
    rng = random.Random(gap)
    flagged, wait = {}, 0
    seen = []

    async def bench(ctx):
        nonlocal wait
        for cycle in range(300):
            ctx.set(flag, wait <= 0 and (cycle < 60 or rng.random() < 0.4))
            wait -= 1
            ctx.set(value, rng.getrandbits(16))
            if ctx.get(flag):
                flagged[cycle] = ctx.get(value)
                wait = gap - 1
            if cycle - cycles in flagged:
                seen.append(cycle)
                assert ctx.get(carried) == flagged[cycle - cycles], cycle
            await ctx.tick()

    clocked(m, bench)
    assert len(seen) > 20


@pytest.mark.parametrize("beats", [1, 2, 3, 8])
def test_count_beats(clocked, beats):
    m = Module()
    step, number, first, last = Signal(), Signal(range(beats)), Signal(), Signal()
    found = count_beats(m, step, beats)
    m.d.comb += [end.eq(value) for end, value in zip((number, first, last), found, strict=True)]
    m.d.sync += Signal().eq(0)
    rng = random.Random(beats)

    async def bench(ctx):
        steps = 0
        for _ in range(60):
            assert (ctx.get(number), ctx.get(first), ctx.get(last)) == (steps % beats, steps % beats == 0, steps % beats == beats - 1)
            ctx.set(step, rng.randint(0, 1))
            steps += ctx.get(step)
            await ctx.tick()

    clocked(m, bench)


@pytest.mark.parametrize("table", [[7], [0], [0, 0], [3, 0, 9, 1], list(range(64, 0, -1))])
def test_rom(clocked, table):
    m = Module()
    index, found = Signal(range(len(table))), Signal(8)
    m.d.comb += found.eq(rom(m, table, index))
    m.d.sync += Signal().eq(0)

    async def bench(ctx):
        for at in range(len(table)):
            ctx.set(index, at)
            await ctx.tick()
            assert ctx.get(found) == table[at]

    clocked(m, bench)
