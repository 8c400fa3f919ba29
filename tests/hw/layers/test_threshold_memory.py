import random

import pytest
from amaranth.sim import Simulator

from hw.layers.threshold_memory import ThresholdMemory

# bits, channels, thresholds
CASES = [(8, 3, 1), (8, 5, 3), (10, 20, 15), (6, 1, 7), (9, 40, 15), (7, 4, 5), (8, 2, 4)]


@pytest.mark.parametrize(("bits", "channels", "count"), CASES)
def test_counts_the_thresholds_reached(bits, channels, count):
    rng = random.Random(7)
    most = 1 << (bits - 1)
    # some beyond what a value can be, some equal
    rows = [sorted(rng.randint(-most - 20, most + 20) for _ in range(count)) for _ in range(channels)]
    rows[-1] = [rows[-1][0]] * count
    search = ThresholdMemory(bits, rows)
    drawn = [(channel, value) for channel, row in enumerate(rows) for value in (-most, most - 1, *row, *(at - 1 for at in row))]
    drawn = [(channel, min(max(value, -most), most - 1)) for channel, value in drawn]
    rng.shuffle(drawn)
    seen = []

    async def bench(ctx):
        for cycle in range(len(drawn) + search.latency):
            channel, value = drawn[min(cycle, len(drawn) - 1)]
            ctx.set(search.channel, channel)
            ctx.set(search.value, value)
            seen.append(ctx.get(search.found))
            await ctx.tick()

    sim = Simulator(search)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert seen[search.latency:] == [sum(limit <= value for limit in rows[channel]) for channel, value in drawn]


@pytest.mark.parametrize(("rows", "message"), [
    ([[]], "a channel must have at least 1 threshold"),
    ([[1, 2], [1]], "channels must have equally many thresholds, not 2 in channel 0 and 1 in channel 1"),
    ([[1, 2], [2, 1]], "thresholds must not descend, but those of channel 1 do"),
])
def test_errors(rows, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        ThresholdMemory(8, rows)
