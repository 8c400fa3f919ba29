"""Ring against a deque, up to its full depth."""

import random
from collections import deque

import pytest
from amaranth.hdl import unsigned
from amaranth.sim import Simulator

from hw.scores.ring import Ring


@pytest.mark.parametrize("depth", [1, 2, 3, 8])
def test_ring(depth):
    dut = Ring(shape=unsigned(8), depth=depth)
    assert dut.depth >= depth
    rng = random.Random(depth)
    items: deque[int] = deque()
    fullest = 0

    async def bench(ctx):
        nonlocal fullest
        for _ in range(300):
            pop = bool(items) and rng.random() < 0.5
            push = len(items) < depth and rng.random() < 0.6
            item = rng.randrange(256)
            ctx.set(dut.push, push), ctx.set(dut.pop, pop), ctx.set(dut.w_data, item)
            if items:
                assert ctx.get(dut.r_data) == items[0]
            await ctx.tick()
            if pop:
                items.popleft()
            if push:
                items.append(item)
            fullest = max(fullest, len(items))

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert fullest == depth
