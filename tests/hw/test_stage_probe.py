"""The stage probe's own parts; the probe itself is tested in Verilator (tests/build_flows/planning/test_fifo_sizing.py)."""

import pytest
from amaranth.sim import Simulator

from hw.stage_probe import CountingFifo, PacedSource


def run(dut, bench):
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize(("beats", "interval"), [(4, 4), (4, 10), (3, 7), (1, 5), (16, 100)])
def test_beats_are_spread_evenly(beats, interval):
    dut = PacedSource(8, beats)
    sent = []

    async def bench(ctx):
        ctx.set(dut.interval, interval)
        ctx.set(dut.o.ready, 1)
        for cycle in range(20 * interval):
            if ctx.get(dut.o.valid):
                sent.append(cycle)
            await ctx.tick()

    run(dut, bench)
    # The first beat of a frame is due with the frame, each of the others in the cycle after its share of it is over.
    assert sent == [-(-n * interval // beats) for n in range(20 * beats)]


def test_beats_that_were_not_taken_are_owed():
    dut = PacedSource(8, 2)
    taken = []

    async def bench(ctx):
        ctx.set(dut.interval, 8)
        for cycle in range(80):
            ctx.set(dut.o.ready, cycle >= 40)
            if cycle >= 40 and ctx.get(dut.o.valid):
                taken.append(cycle)
            await ctx.tick()

    run(dut, bench)
    assert taken[:8] == list(range(40, 48))
    assert abs(len(taken) - 20) <= 1


def test_an_interval_of_zero_never_waits():
    dut = PacedSource(8, 5)

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        for _ in range(50):
            assert ctx.get(dut.o.valid)
            await ctx.tick()

    run(dut, bench)


def test_a_counting_fifo_holds_what_its_limit_says():
    dut = CountingFifo(8)

    async def bench(ctx):
        ctx.set(dut.limit, 3)
        ctx.set(dut.i.valid, 1)
        entered = 0
        for _ in range(10):
            entered += ctx.get(dut.i.ready)
            await ctx.tick()
        assert entered == ctx.get(dut.top) == 3
        ctx.set(dut.i.valid, 0)
        ctx.set(dut.o.ready, 1)
        left = 0
        for _ in range(10):
            left += ctx.get(dut.o.valid)
            await ctx.tick()
        assert left == 3
        assert ctx.get(dut.top) == 3

    run(dut, bench)


def test_two_places_pass_a_beat_every_cycle():
    dut = CountingFifo(8)
    passed = []

    async def bench(ctx):
        ctx.set(dut.limit, 2)
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.o.ready, 1)
        for _ in range(30):
            passed.append(ctx.get(dut.o.valid))
            await ctx.tick()

    run(dut, bench)
    assert sum(passed) == 29


def test_a_frame_has_a_beat():
    with pytest.raises(ValueError, match="frame_beats must be at least 1, not 0"):
        PacedSource(8, 0)
