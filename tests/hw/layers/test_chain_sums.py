import random

import pytest
from amaranth.sim import Simulator

from hw.layers.chain_sums import ChainSums, chain_delays, chain_latency
from hw.layers.dsp_packing import packed_weights
from tests.hw.layers.shared_cases import SHAPES, shape

CASES = {**{name: SHAPES[name] for name in ("pairs", "one pixel", "signed", "8 bits", "2-bit weights", "LUTs",
                                                "LUTs, one pixel", "LUTs, 8 bits",
                                                "LUTs, 3-bit weights")},
         "many chains": shape(channels=14), "a chain": shape(channels=1)}


def joined(values, bits):
    return sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values))


@pytest.mark.many(3)
@pytest.mark.parametrize("name", CASES)
def test_sums_of_visits(name):
    """Visits of one to five steps, some at once after the other, some apart, each step's weights as late as the channel asks."""
    sizes = CASES[name]
    sums = ChainSums(sizes, 20, 5, behavioural=True)
    delays, latency = chain_delays(sizes), chain_latency(sizes)
    rng = random.Random(9)
    low, high = (-(1 << (sizes.bits - 1)), (1 << (sizes.bits - 1)) - 1) if sizes.signed else (0, (1 << sizes.bits) - 1)
    top, together = (1 << (sizes.weight_bits - 1)) - 1, sizes.packing.outputs
    timeline, wanted = [], {}       # (a[pixel][channel], w[channel][output], first, last, tag) or None
    for _ in range(40):
        steps, count = rng.randint(1, 5), rng.choice((0, 0, 3))
        tag, total = rng.randrange(32), [[0] * sizes.outputs for _ in range(sizes.pixels)]
        for step in range(steps):
            a = [[rng.choice((low, high, rng.randint(low, high))) for _ in range(sizes.inputs)] for _ in range(sizes.pixels)]
            w = [[rng.choice((-top, top, rng.randint(-top, top))) for _ in range(sizes.outputs)] for _ in range(sizes.inputs)]
            if step == steps - 1:
                timeline += [None] * count      # only the last step may come late
            for pixel in range(sizes.pixels):
                for output in range(sizes.outputs):
                    total[pixel][output] += sum(a[pixel][channel] * w[channel][output] for channel in range(sizes.inputs))
            timeline.append((a, w, step == 0, step == steps - 1, tag))
        wanted[len(timeline) - 1 + latency + 1] = (tag, [joined(row, 20) for row in total])
    timeline += [None] * (latency + 3)
    quiet = ([[0] * sizes.inputs] * sizes.pixels, [[3 % (top + 1)] * sizes.outputs] * sizes.inputs, 0, 0, 7)

    async def bench(ctx):
        for cycle in range(len(timeline)):
            a, _, first, last, tag = timeline[cycle] or quiet
            ctx.set(sums.a, joined([value for row in a for value in row], sizes.bits))
            ctx.set(sums.first, first)
            ctx.set(sums.last, last)
            ctx.set(sums.tag, tag)
            for channel, delay in enumerate(delays):
                _, w, *_ = (timeline[cycle - delay] if cycle >= delay else None) or quiet
                stored = [value for at in range(0, sizes.outputs, together) for value in packed_weights(w[channel][at:at + together])]
                ctx.set(sums.w[channel], joined(stored, sizes.weight_bits))
            assert ctx.get(sums.done) == (cycle in wanted)
            if cycle in wanted:
                assert (ctx.get(sums.told), [ctx.get(row) for row in sums.sums]) == wanted[cycle]
            await ctx.tick()

    sim = Simulator(sums)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_first_two_chains_end_together_and_others_one_by_one():
    sizes = shape(channels=14)      # chains of 4, 4, 3, 3
    assert sizes.chain_lengths == (4, 4, 3, 3)
    assert chain_delays(sizes) == (0, 1, 2, 3, 0, 1, 2, 3, 2, 3, 4, 3, 4, 5)
    assert chain_delays(shape(channels=10)) == (0, 1, 2, 3, 1, 2, 3, 2, 3, 4)
