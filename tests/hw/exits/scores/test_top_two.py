"""TopTwo: ties, odd groups, one beat and several, and one value a beat."""

import random

import pytest

from hw.exits.scores.top_two import TopTwo


@pytest.mark.parametrize(("classes", "pe"), [
    (2, 2), (3, 3), (4, 4), (5, 5), (7, 7), (16, 16), (17, 17), (2, 1), (6, 2), (9, 3), (34, 17), (5, 1),
])
@pytest.mark.parametrize("gap", [0.0, 0.4])
def test_top_two(clocked, classes, pe, gap):
    """Values of few different numbers, so that the greatest is often there twice; each place for the two greatest, both ways round."""
    rng = random.Random(classes)
    dut = TopTwo(classes=classes, pe=pe, bits=4)
    rows = [[rng.randint(-8, 7) if k % 2 else rng.choice([-8, 7, -1]) for _ in range(classes)] for k in range(40)]
    for first in range(min(classes, 6)):
        for second in range(min(classes, 6)):
            row = [-8] * classes
            row[second] = 2
            row[first] = 5
            rows.append(row)
    rows += [[-8] * classes, [7] * classes]
    beats = [(row[at:at + pe], at == 0, at + pe == classes) for row in rows for at in range(0, classes, pe)]
    found, late, ends = [], [], []

    async def bench(ctx):
        position = cycle = 0
        while len(found) < len(rows):
            valid = position < len(beats) and rng.random() >= gap
            values, first, last = beats[position] if valid else ([7] * pe, rng.randint(0, 1), rng.randint(0, 1))
            position += valid
            ctx.set(dut.i.valid, valid), ctx.set(dut.i.first, first), ctx.set(dut.i.last, last), ctx.set(dut.i.values, values)
            if valid and last:
                ends.append(cycle)
            if ctx.get(dut.valid):
                late.append(cycle - ends[len(found)])
                found.append((ctx.get(dut.value), ctx.get(dut.second), ctx.get(dut.label)))
            await ctx.tick()
            cycle += 1
            assert cycle < 10_000

    clocked(dut, bench)
    assert found == [(*sorted(row, reverse=True)[:2], row.index(max(row))) for row in rows]
    assert set(late) == {dut.latency}


@pytest.mark.parametrize(("classes", "pe", "latency"), [(2, 2, 1), (4, 4, 2), (5, 5, 3), (16, 16, 4), (10, 1, 1), (10, 2, 2), (10, 5, 4)])
def test_latency(classes, pe, latency):
    """ceil(log2(pe)), and one more for several beats."""
    assert TopTwo(classes=classes, pe=pe, bits=4).latency == latency
