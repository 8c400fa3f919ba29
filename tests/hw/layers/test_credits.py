"""Credits are given back once for each that is taken, and there are never more than there were."""

import random

import pytest
from amaranth.sim import Simulator

from hw.layers.credits import Credits


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize(("takes", "backs"), [(1.0, 1.0), (1.0, 0.0), (0.5, 0.5), (0.8, 0.2), (0.2, 0.8)])
def test_there_is_one_as_long_as_not_all_are_out(count, takes, backs):
    unit, draw = Credits(count), random.Random(count)

    async def bench(ctx):
        out, most = 0, 0
        for _ in range(300):
            assert ctx.get(unit.credit) == (out < count)
            take, back = out < count and draw.random() < takes, out > 0 and draw.random() < backs
            ctx.set(unit.take, take)
            ctx.set(unit.back, back)
            await ctx.tick()
            out += take - back
            most = max(most, out)
        assert most == count or takes < backs or takes == backs == 1.0

    sim = Simulator(unit)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_none_at_all_is_refused():
    with pytest.raises(ValueError, match=r"^count must be at least 1, not 0$"):
        Credits(0)
