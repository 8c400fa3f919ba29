"""ResultQueue: in order, each while its batch is going on, against a list."""

import random

import pytest
from amaranth.sim import Simulator

from hw.exits.result_queue import ResultQueue
from hw.exits.router import result_layout
from hw.exits.token import token_layout

RESULT = result_layout(token_layout(id_bits=4, max_in_flight=6), label_bits=8, confidence_bits=4)


def run(depth, lengths, *, gap=0.0, stall=0.0, seed=1, latency=1):
    """Results of the batches ``lengths``, of which only some are this exit's, pass through a queue; batches end at once when all of theirs
    that are this exit's have left. What is on offer is compared in every cycle. Gives the cycles in which results entered and left."""
    dut, draw = ResultQueue(RESULT, depth), random.Random(seed)
    batch_of = [batch for batch, length in enumerate(lengths) for _ in range(length)]
    entered, left = [], []

    async def bench(ctx):
        batch = cycle = 0
        offered = False
        while len(left) < len(batch_of):
            assert cycle < 100 * len(batch_of) + 100, f"stood still with {len(left)} of {len(batch_of)} results"
            sent, out = len(entered), len(left)
            offered = offered or (sent < len(batch_of) and draw.random() >= gap)
            ctx.set(dut.i.valid, offered)
            if offered:
                ctx.set(dut.i.payload, {"token": {"batch": batch_of[sent] % 16}, "label": sent % 256, "confidence": 0})
            there = out < sent and entered[out] + latency <= cycle and batch_of[out] == batch
            # A batch is empty here, or its last result leaves.
            takes = draw.random() >= stall
            ctx.set(dut.o.ready, takes)
            ends = batch < len(lengths) and (batch not in batch_of[out:] or (takes and there and batch not in batch_of[out + 1:]))
            ctx.set(dut.ends, ends)
            assert ctx.get(dut.level) == sent - out
            assert latency > 1 or ctx.get(dut.o.valid) == there
            if ctx.get(dut.o.valid):
                assert batch_of[out] == batch
                assert ctx.get(dut.o.payload.label) == out % 256
                if takes:
                    left.append(cycle)
            if offered and ctx.get(dut.i.ready):
                entered.append(cycle)
                offered = False
            batch += ends
            await ctx.tick()
            cycle += 1

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return entered, left


LENGTHS = [3, 1, 0, 1, 1, 7, 0, 0, 0, 4, 12, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 5]


@pytest.mark.parametrize(("gap", "stall"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.9, 0.3), (0.3, 0.9)])
@pytest.mark.parametrize("depth", [3, 4, 8])
def test_offers_only_the_batch_that_is_going_on(depth, gap, stall):
    run(depth, LENGTHS, gap=gap, stall=stall)


def test_batches_follow_each_other_without_a_bubble():
    entered, left = run(4, [1] * 20 + [4, 3])
    assert entered == list(range(27))
    assert left == list(range(1, 28))


def test_a_deep_one():
    """Two FIFOs, one of them read synchronously."""
    run(70, LENGTHS * 3, stall=0.9, latency=3)
    _, left = run(100, [40], latency=3)
    assert left == list(range(3, 43))


def test_holds_its_depth():
    dut = ResultQueue(RESULT, 5)

    async def bench(ctx):
        ctx.set(dut.i.valid, 1)
        ctx.set(dut.i.payload, {"token": {"batch": 1}})
        for _ in range(9):
            await ctx.tick()
        assert (ctx.get(dut.level), ctx.get(dut.i.ready), ctx.get(dut.o.valid)) == (5, 0, 0)
        ctx.set(dut.ends, 1)
        await ctx.tick()
        assert ctx.get(dut.o.valid)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_refuses():
    with pytest.raises(ValueError, match=r"^depth must be at least 3, not 2$"):
        ResultQueue(RESULT, 2)
