"""ArgMax: every group size of its tree, ties, one beat and several."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.exits.scores.arg_max import ArgMax


@pytest.mark.parametrize(("classes", "pe"), [(2, 2), (3, 3), (4, 4), (5, 5), (16, 16), (17, 17), (6, 2), (9, 3), (8, 4), (34, 17), (3, 1)])
def test_arg_max(classes, pe):
    """Back to back and with gaps; values of few different numbers, so that many are equal."""
    rng = random.Random(classes)
    dut = ArgMax(classes=classes, pe=pe, bits=4)
    rows = [[rng.randint(-8, 7) if k % 2 else rng.choice([-8, 7, -1]) for _ in range(classes)] for k in range(40)]
    found, ends, seen = [], [], []

    async def bench(ctx):
        cycle = 0
        for k, row in enumerate(rows):
            for at in range(0, classes, pe):
                while k > 20 and rng.random() < 0.5:
                    ctx.set(dut.i.valid, 0)
                    ctx.set(dut.i.first, rng.randint(0, 1)), ctx.set(dut.i.last, rng.randint(0, 1))
                    ctx.set(dut.i.values, [7] * pe)
                    await ctx.tick()
                    cycle += 1
                ctx.set(dut.i.valid, 1)
                ctx.set(dut.i.first, at == 0), ctx.set(dut.i.last, at + pe == classes)
                ctx.set(dut.i.values, row[at:at + pe])
                if at + pe == classes:
                    ends.append(cycle)
                await ctx.tick()
                cycle += 1
        ctx.set(dut.i.valid, 0)

    async def watch(ctx):
        cycle = 0
        async for _, _, valid, value, label in ctx.tick().sample(dut.valid, dut.value, dut.label):
            if valid:
                found.append((value, label))
                seen.append(cycle)
            cycle += 1
            if len(found) == len(rows):
                return

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.add_testbench(watch)
    sim.run_until(2e-3)
    assert found == [(max(row), row.index(max(row))) for row in rows]
    assert seen == [cycle + dut.latency for cycle in ends]


@pytest.mark.parametrize(("classes", "pe", "latency"), [
    (2, 2, 1), (4, 4, 1), (5, 5, 2), (16, 16, 2), (17, 17, 3), (10, 1, 1), (10, 2, 2), (10, 5, 3), (1000, 500, 6),
])
def test_latency(classes, pe, latency):
    """ceil(log4(pe)), and one more for several beats."""
    assert ArgMax(classes=classes, pe=pe, bits=4).latency == latency


@pytest.mark.parametrize(("classes", "pe"), [(4, 4), (12, 4), (3, 1)])
@pytest.mark.parametrize("wait", [0, 1])
def test_reset_drops_a_sample_under_way(clocked, classes, pe, wait):
    """The result of what came before a reset never shows, and the next sample's does not depend on it."""
    dut, reset = ArgMax(classes=classes, pe=pe, bits=4), Signal()
    found = []

    async def bench(ctx):
        async def play(row):
            for at in range(0, classes, pe):
                ctx.set(dut.i.valid, 1), ctx.set(dut.i.first, at == 0), ctx.set(dut.i.last, at + pe == classes)
                ctx.set(dut.i.values, row[at:at + pe])
                await step()

        async def step():
            if ctx.get(dut.valid):
                found.append((ctx.get(dut.value), ctx.get(dut.label)))
            await ctx.tick()

        await play([7] * classes)
        ctx.set(dut.i.valid, 0)
        found.clear()
        for _ in range(min(wait, dut.latency - 1)):
            await step()
        assert not found
        ctx.set(reset, 1), ctx.set(dut.i.valid, 1)  # a last beat that is offered meanwhile is lost, too
        await ctx.tick()
        ctx.set(reset, 0)
        await play([-8] * (classes - 1) + [-7])
        ctx.set(dut.i.valid, 0)
        for _ in range(dut.latency + 2):
            await step()

    clocked(ResetInserter(reset)(dut), bench)
    assert found == [(-7, classes - 1)]
