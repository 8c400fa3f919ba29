"""Sums by levels: value, range and number of levels."""

import random

import pytest
from amaranth.hdl import Module, Signal, signed
from amaranth.sim import Simulator

from hw.scores.add_tree import add_tree, tree_levels


@pytest.mark.parametrize(("count", "radix", "levels"), [(1, 3, 0), (2, 3, 1), (3, 3, 1), (4, 3, 2), (9, 3, 2), (10, 3, 3), (10, 4, 2)])
def test_add_tree(count, radix, levels):
    assert tree_levels(count, radix) == levels
    m = Module()
    values = [Signal(signed(6)) for _ in range(count)]
    total, least, most = add_tree(m, [(value, -32, 31) for value in values], radix)
    assert (least, most) == (-32 * count, 31 * count)
    assert len(total) >= (most - least).bit_length()
    out = Signal(signed(12))
    m.d.comb += out.eq(total)
    rng = random.Random(count)
    rows = [[-32] * count, [31] * count] + [[rng.randint(-32, 31) for _ in range(count)] for _ in range(20)]
    found = []

    async def bench(ctx):
        for row in rows + [[0] * count] * levels:
            for value, number in zip(values, row, strict=True):
                ctx.set(value, number)
            found.append(ctx.get(out))
            await ctx.tick()

    m.d.sync += Signal().eq(0)  # a clock even where there is no level
    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert found[levels:] == [sum(row) for row in rows]
