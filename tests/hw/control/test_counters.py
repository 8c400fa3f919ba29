import random

from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hw.control.counters import Counters


def test_counts_and_highest_levels_against_a_model():
    rng = random.Random(4)
    m, clear, event, level = Module(), Signal(), Signal(), Signal(3)
    count, top = Signal(4), Signal(3)
    counters = Counters(m, clear)
    counters.count(count, event)
    counters.highest(top, level)
    cleared = wrapped = 0

    async def bench(ctx):
        nonlocal cleared, wrapped
        expected, highest, happened = 0, 0, False
        for _ in range(600):
            now = rng.random() < 0.02, rng.random() < 0.7, rng.choice((0, 1, 2, 3, 5, 7))
            for signal, value in zip((clear, event, level), now, strict=True):
                ctx.set(signal, value)
            assert (ctx.get(count), ctx.get(top)) == (expected, highest)
            await ctx.tick()
            cleared += now[0] and now[1] and now[2] > 0
            wrapped += expected == 15 and happened
            expected, highest = (0, 0) if now[0] else ((expected + happened) % 16, max(highest, now[2]))
            happened = now[1] and not now[0]

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert cleared  # together with an event and a level
    assert wrapped


def test_a_tally_stays_at_its_greatest_value():
    m, clear, amount, register = Module(), Signal(), Signal(2), Signal(3)
    Counters(m, clear).tally(register, amount)
    seen = []

    async def bench(ctx):
        for step in (1, 2, 0, 3, 3, 1, 2):
            ctx.set(amount, step)
            await ctx.tick()
            seen.append(ctx.get(register))
        ctx.set(clear, 1)
        await ctx.tick()
        seen.append(ctx.get(register))

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert seen == [1, 3, 3, 6, 7, 7, 7, 0]
