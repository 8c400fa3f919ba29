"""Arrivals: the time of each image's first word, and TLAST in every place, against lists."""

import random

import pytest
from amaranth.sim import Simulator

from hw.exits.arrivals import Arrivals


def play(words, outside, lasts, ends, *, gap, delay, seed=1):
    """Sends images whose words have TLAST as ``lasts`` says; each enters ``delay`` cycles after its first word at the earliest, in order,
    and when ``outside`` words have been taken of what has not entered no more are. ``ends`` tells of each image whether it ends its batch.

    Gives the stamps seen, the cycles of first words, and how often TLAST was misplaced and missing.
    """
    dut, draw = Arrivals(words, outside), random.Random(seed)
    firsts, stamps, misplaced, missing = [], [], 0, 0

    async def bench(ctx):
        nonlocal misplaced, missing
        sent = entered = cycle = spare = 0
        while spare < 8:
            assert cycle < 100 * len(lasts)
            ctx.set(dut.now, 1000 + cycle)
            waiting = sent - entered * words
            take = sent < len(lasts) and waiting < outside and draw.random() >= gap
            enter = (entered < len(firsts) and cycle >= firsts[entered] + delay and draw.random() >= gap
                     # the one before has passed as a whole
                     and sent >= entered * words)
            ctx.set(dut.taken, take), ctx.set(dut.last, take and lasts[sent])
            ctx.set(dut.entered, enter), ctx.set(dut.ends_batch, enter and ends[entered])
            if enter:
                stamps.append(ctx.get(dut.stamp) - 1000)
                entered += 1
            if take:
                if sent % words == 0:
                    firsts.append(cycle)
                sent += 1
            misplaced += ctx.get(dut.misplaced)
            missing += ctx.get(dut.missing)
            spare += entered == len(ends) and sent == len(lasts)
            await ctx.tick()
            cycle += 1

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return stamps, firsts, misplaced, missing


@pytest.mark.many(3)
@pytest.mark.parametrize("gap", [0.0, 0.4])
@pytest.mark.parametrize(("words", "outside"), [(1, 5), (2, 5), (3, 5), (12, 5), (7, 14)])
def test_stamps_and_tlast(words, outside, gap):
    draw = random.Random(words)
    lasts = [draw.random() < (0.7 if n % words == words - 1 else 0.2) for n in range(40 * words)]
    ends = [draw.random() < 0.5 for _ in range(40)]
    for delay in (2, 3, 9):
        stamps, firsts, misplaced, missing = play(words, outside, lasts, ends, gap=gap, delay=delay)
        assert stamps == firsts
        assert misplaced == sum(last for n, last in enumerate(lasts) if n % words != words - 1)
        assert missing == sum(end and not last for end, last in zip(ends, lasts[words - 1::words], strict=True))


def test_refuses():
    with pytest.raises(ValueError, match="words and outside must be at least 1, not words=0, outside=5"):
        Arrivals(0, 5)
