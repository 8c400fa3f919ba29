import random

import pytest
from amaranth.sim import Simulator

from hw.layers.sum_drain import SumDrain, drain_latency
from tests.hw.layers.shared_cases import SHAPES

BITS = 10


def joined(values, bits):
    return sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values))


@pytest.mark.many(4)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("steps", [0, 3])
def test_pixels_of_visits(name, steps):
    """Visits as close as they may come, or apart; the largest of each pool window, by channel, and what thresholds make of it."""
    shape = SHAPES[name]
    rng = random.Random(11)
    thresholds = [sorted(rng.randint(-300, 300) for _ in range(steps)) for _ in range(shape.out_channels)] if steps else None
    drain = SumDrain(shape, BITS, thresholds, 0 if not steps else -1, BITS if not steps else 3)
    visits, wanted = [], []     # (cycle, sums[pixel], group, first, last, alone)
    cycle = 3
    for unit in range(6):
        columns = shape.column_visits[unit % shape.units]
        pixels = 2 if shape.paired and not columns[0].alone else 1
        largest = [[-512] * (shape.output_groups * shape.outputs) for _ in range(pixels)]
        for group in range(shape.output_groups):
            count = shape.pool[0] * shape.columns
            for number in range(count):
                alone = columns[number % shape.columns].alone
                sums = [[rng.randint(-512, 511) for _ in range(shape.outputs)] for _ in range(shape.pixels)]
                for output in range(shape.outputs):
                    for pixel in range(1 if alone else shape.pixels):
                        into = largest[pixel if shape.paired else 0]
                        into[group * shape.outputs + output] = max(into[group * shape.outputs + output], sums[pixel][output])
                visits.append((cycle, sums, group, number == 0, number == count - 1, alone))
                cycle += shape.drain + rng.choice((0, 0, 2))
        for row in largest:
            row = row[:shape.out_channels]
            wanted.append(joined(row, BITS) if not steps else joined(
                [sum(limit <= value for limit in limits) - 1 for value, limits in zip(row, thresholds, strict=True)], 3))
    seen = []

    async def bench(ctx):
        coming = {visit[0]: visit for visit in visits}
        for now in range(cycle + drain_latency(shape, steps) + 3):
            visit = coming.get(now)
            ctx.set(drain.done, visit is not None)
            if visit:
                for of, to in zip(visit[1], drain.sums, strict=True):
                    ctx.set(to, joined(of, BITS))
                for field, value in zip(("group", "first", "last", "alone"), visit[2:], strict=True):
                    ctx.set(getattr(drain.visit, field), value)
            if ctx.get(drain.valid):
                seen.append((now, ctx.get(drain.o)))
            await ctx.tick()

    sim = Simulator(drain)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert [value for _, value in seen] == wanted
    if not shape.paired:
        assert seen[-1][0] == visits[-1][0] + drain_latency(shape, steps)
