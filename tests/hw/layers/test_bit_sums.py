import random

import pytest
from amaranth.sim import Simulator

from hw.layers.bit_sums import BitSums, bit_latency
from tests.hw.layers.shared_cases import SHAPES, shape

CASES = {name: sizes for name, sizes in SHAPES.items() if sizes.binary} | {
    "many": shape(channels=64, pad=0, bits=1, weight_bits=1, binary=True)}


def packed(bits):
    return sum(bit << at for at, bit in enumerate(bits))


@pytest.mark.parametrize("name", CASES)
def test_counts_of_visits(name):
    """Visits of one to five steps, some at once after the other, some apart with operands of no step between them."""
    sizes = CASES[name]
    sums, latency = BitSums(sizes, 12, 5, behavioural=True), bit_latency(sizes.inputs)
    rng = random.Random(9)

    def bits(count):
        return rng.choice([[0] * count, [1] * count, [rng.getrandbits(1) for _ in range(count)]])

    timeline, wanted = [], {}       # (a[pixel], w[output], first, last, tag), or None where there is no step
    for _ in range(40):
        steps, count = rng.randint(1, 5), rng.choice((0, 0, 3))
        tag, total = rng.randrange(32), [[0] * sizes.outputs for _ in range(sizes.pixels)]
        for step in range(steps):
            a, w = [bits(sizes.inputs) for _ in range(sizes.pixels)], [bits(sizes.inputs) for _ in range(sizes.outputs)]
            if step == steps - 1:
                timeline += [None] * count      # only the last step may come late
            for pixel, row in enumerate(a):
                for output, weights in enumerate(w):
                    total[pixel][output] += sum(one == other for one, other in zip(row, weights, strict=True))
            timeline.append((a, w, step == 0, step == steps - 1, tag))
        wanted[len(timeline) - 1 + latency + 1] = tag, [sum(value << 12 * at for at, value in enumerate(row)) for row in total]
    timeline += [None] * (latency + 3)

    async def bench(ctx):
        for cycle, step in enumerate(timeline):
            nothing = [bits(sizes.inputs) for _ in range(sizes.pixels)], [bits(sizes.inputs) for _ in range(sizes.outputs)], 0, 0, 7
            a, w, first, last, tag = step or nothing
            ctx.set(sums.valid, step is not None)
            ctx.set(sums.a, packed([bit for row in a for bit in row]))
            ctx.set(sums.first, first)
            ctx.set(sums.last, last)
            ctx.set(sums.tag, tag)
            for channel in range(sizes.inputs):
                ctx.set(sums.w[channel], packed([row[channel] for row in w]))
            assert ctx.get(sums.done) == (cycle in wanted)
            if cycle in wanted:
                assert (ctx.get(sums.told), [ctx.get(row) for row in sums.sums]) == wanted[cycle]
            await ctx.tick()

    sim = Simulator(sums)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_of_bits_alone():
    with pytest.raises(ValueError, match=r"^shape must be binary$"):
        BitSums(SHAPES["pairs"], 12)
