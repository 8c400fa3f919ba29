import random

import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator

from hw.streams.delay_line import DelayLine

VALUES = random.Random(5).choices(range(1 << 12), k=120)


@pytest.mark.parametrize("depth", [1, 2, 3, 8, 33])
@pytest.mark.parametrize("share", [1, 0.4])
def test_gives_the_value_of_depth_steps_ago(depth, share):
    line = DelayLine(12, depth)
    reset = Signal()
    rng = random.Random(6)
    seen = []

    async def steps(ctx, values):
        for value in values:
            while rng.random() >= share:
                ctx.set(line.d, ~value & 0xFFF)
                await ctx.tick()
            ctx.set(line.d, value)
            ctx.set(line.step, 1)
            seen.append(ctx.get(line.q))
            await ctx.tick()
            ctx.set(line.step, 0)

    async def bench(ctx):
        await steps(ctx, VALUES[:depth + 5])
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(reset, 0)
        seen.clear()
        await steps(ctx, VALUES)

    top = Module()
    top.submodules += ResetInserter(reset)(line)
    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert seen[depth:] == VALUES[:-depth]


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, 4), "width must be at least 1, not 0"),
    ((8, 0), "depth must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        DelayLine(*arguments)
