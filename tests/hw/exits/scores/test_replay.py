"""Replay: distances in order at full rate and with gaps, while the next samples already come."""

import random

import pytest

from hw.exits.scores.replay import Replay


@pytest.mark.parametrize("beats", [1, 2, 3, 8])
@pytest.mark.parametrize("found_after", [1, 3, 6, 17])
@pytest.mark.parametrize("gap", [0.0, 0.4])
def test_replay(clocked, beats, found_after, gap):
    rng = random.Random(beats)
    dut = Replay(classes=2 * beats, pe=2, bits=5, found_after=found_after)
    samples = [[-16, 15] * beats, *([rng.randint(-16, 15) for _ in range(2 * beats)] for _ in range(25))]
    found_at, first_at, given = {}, [], []

    async def bench(ctx):
        position = cycle = 0
        while len(given) < len(samples) * beats:
            offer = position < len(samples) * beats and rng.random() >= gap
            ctx.set(dut.i.valid, offer)
            ctx.set(dut.i.values, [rng.randint(-16, 15), rng.randint(-16, 15)])
            if offer:
                sample, beat = divmod(position, beats)
                ctx.set(dut.i.values, samples[sample][2 * beat:2 * beat + 2])
                position += 1
                if beat == beats - 1:
                    found_at[cycle + found_after] = sample
            known = found_at.get(cycle)
            ctx.set(dut.found, known is not None)
            ctx.set(dut.greatest, rng.randint(-16, 15) if known is None else max(samples[known]))
            if ctx.get(dut.o.valid):
                values = ctx.get(dut.o.values)
                given.append((ctx.get(dut.o.first), ctx.get(dut.o.last), values[0], values[1]))
                if ctx.get(dut.o.first):
                    first_at.append(cycle)
            await ctx.tick()
            cycle += 1
            assert cycle < 2000

    clocked(dut, bench)
    expected = []
    for row in samples:
        far = [max(row) - value for value in row]
        expected += [(beat == 0, beat == beats - 1, far[2 * beat], far[2 * beat + 1]) for beat in range(beats)]
    assert given == expected
    assert first_at == [cycle + dut.delay for cycle in found_at]


@pytest.mark.parametrize(("beats", "delay", "latency"), [(1, 1, 1), (2, 2, 3), (8, 2, 9)])
def test_latency(beats, delay, latency):
    dut = Replay(classes=3 * beats, pe=3, bits=5, found_after=1)
    assert (dut.delay, dut.latency) == (delay, latency)
