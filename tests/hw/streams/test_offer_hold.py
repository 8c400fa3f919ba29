"""OfferHold: every sequence of offers, resets and discards against a model of a few lines."""

import random

import pytest
from amaranth.sim import Simulator

from hw.streams.offer_hold import OfferHold


def play(stimuli):
    """Rows ``(valid, payload, ready, cut, closed, discard)``, one a cycle; gives what the outputs were: ``(valid, payload, i.ready,
    pending)``."""
    dut, seen = OfferHold(8), []

    async def bench(ctx):
        for valid, payload, ready, cut, closed, discard in stimuli:
            for signal, value in ((dut.i.valid, valid), (dut.i.payload, payload), (dut.o.ready, ready), (dut.cut, cut),
                                  (dut.closed, closed), (dut.discard, discard)):
                ctx.set(signal, value)
            shown = ctx.get(dut.o.valid)
            seen.append((shown, ctx.get(dut.o.payload) if shown else None, ctx.get(dut.i.ready), ctx.get(dut.pending)))
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return seen


def test_passes_everything_while_there_is_no_reset():
    rows = [(valid, 10 * valid + ready, ready, 0, 0, discard) for valid in (0, 1) for ready in (0, 1) for discard in (0, 1)] * 2
    assert play(rows) == [(valid, payload if valid else None, ready, 0) for valid, payload, ready, *_ in rows]


def test_an_offer_stays_until_it_is_taken():
    rows = [(1, 5, 0, 0, 0, 0), (1, 5, 0, 1, 0, 0), (0, 9, 0, 0, 1, 0), (1, 7, 0, 0, 0, 0), (1, 7, 1, 0, 0, 0), (1, 7, 1, 0, 0, 0)]
    assert play(rows) == [(1, 5, 0, 0), (1, 5, 0, 0), (1, 5, 0, 1), (1, 5, 0, 1), (1, 5, 0, 1), (1, 7, 1, 0)]


@pytest.mark.parametrize(("valid", "ready"), [(0, 0), (0, 1), (1, 1)])
def test_what_is_not_on_offer_or_taken_leaves_nothing(valid, ready):
    assert [item[0] for item in play([(valid, 5, ready, 1, 0, 0), (0, 0, 0, 0, 1, 0), (1, 6, 0, 0, 1, 0), (1, 6, 0, 0, 0, 0)])] == [
        valid, 0, 0, 1]


def test_a_discard_drops_what_is_kept_and_nothing_else():
    rows = [(1, 5, 0, 1, 0, 0), (0, 0, 0, 0, 1, 0), (0, 0, 0, 0, 1, 1), (0, 0, 0, 0, 1, 0), (1, 8, 0, 0, 0, 1), (1, 8, 0, 0, 0, 0),
            (1, 8, 0, 1, 0, 1), (0, 0, 0, 0, 1, 0)]
    assert [item[:2] for item in play(rows)] == [(1, 5), (1, 5), (1, 5), (0, None), (1, 8), (1, 8), (1, 8), (0, None)]


@pytest.mark.parametrize("seed", range(4))
def test_against_a_model(seed):
    """A source that keeps to the contract but for resets, which come at any time, many in a row too."""
    draw = random.Random(seed)
    rows, wanted, kept, offered, closing = [], [], None, None, 0
    for cycle in range(400):
        if offered is None and not closing and draw.random() < 0.6:
            offered = cycle % 256
        cut, discard, ready = draw.random() < 0.1, draw.random() < 0.05, draw.random() < 0.3
        rows.append((offered is not None, offered or 0, ready, cut, closing > 0, discard))
        shown = kept if kept is not None else offered if not closing else None
        passes = kept is None and not closing
        wanted.append((shown is not None, shown, ready and passes, kept is not None))
        taken = shown is not None and ready
        kept = shown if not taken and not discard and shown is not None and (kept is not None or cut) else None
        offered = None if cut or (passes and taken) else offered
        closing = 3 if cut else max(0, closing - 1)
    assert play(rows) == wanted
    assert sum(item[3] for item in wanted) > 30


def test_refuses():
    with pytest.raises(ValueError, match="width must be at least 1, not 0"):
        OfferHold(0)
