"""Admission: tokens, batches, and the limit on samples in flight."""

import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.exits.admission import Admission
from hw.exits.token import token_layout


def run(*, frames, frame_beats, max_in_flight, batch_length, gap=0.0, leave_after=5, seed=0, token_ready=True):
    """Feed frames, release each some cycles after it was admitted; returns tokens, lengths, beats and the most that were inside."""
    dut = Admission(width=8, frame_beats=frame_beats, id_bits=8, max_in_flight=max_in_flight)
    rng = random.Random(seed)
    tokens, lengths, beats, inside = [], [], [], []
    lengths_wanted = iter(batch_length) if isinstance(batch_length, list) else None

    async def bench(ctx):
        sent, pending, cycle, after, now = 0, [], 0, 0, 0
        total = frames * frame_beats
        ctx.set(dut.o.ready, 1)
        ctx.set(dut.token.ready, token_ready)
        ctx.set(dut.length.ready, 1)
        ctx.set(dut.batch_length, next(lengths_wanted) if lengths_wanted else batch_length)
        while after < 2 and cycle < 20_000:
            offer = sent < total and rng.random() >= gap
            after += sent == total  # the last token is on offer after the last beat
            ctx.set(dut.i.valid, offer)
            ctx.set(dut.i.payload, sent % 256)
            release = bool(pending) and pending[0] <= cycle
            ctx.set(dut.release, release)
            if release:
                pending.pop(0)
            if ctx.get(dut.token.valid):
                token = ctx.get(dut.token.payload)
                tokens.append((token.id, token.slot, token.batch))
                if token_ready:
                    pending.append(cycle + leave_after)
            if ctx.get(dut.length.valid):
                lengths.append(ctx.get(dut.length.payload))
                if lengths_wanted:
                    upcoming = next(lengths_wanted, None)
            if ctx.get(dut.o.valid):
                beats.append(ctx.get(dut.o.payload))
            if offer and ctx.get(dut.i.ready):
                sent += 1
            now += ctx.get(dut.admitted) - release
            changed = lengths_wanted and ctx.get(dut.length.valid) and upcoming is not None
            await ctx.tick()
            if changed:
                ctx.set(dut.batch_length, upcoming)
            inside.append(now)
            assert ctx.get(dut.in_flight) == now
            cycle += 1
        return

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return tokens, lengths, beats, max(inside)


@pytest.mark.parametrize(("gap", "frame_beats"), [(0.0, 1), (0.0, 3), (0.3, 3), (0.9, 2)])
def test_every_frame_gets_one_token(gap, frame_beats):
    tokens, lengths, beats, _ = run(frames=23, frame_beats=frame_beats, max_in_flight=4, batch_length=5, gap=gap)
    assert [item[0] for item in tokens] == [n % 5 for n in range(23)]
    assert [item[1] for item in tokens] == [n % 4 for n in range(23)]
    assert [item[2] for item in tokens] == [(n // 5) % 8 for n in range(23)]
    assert lengths == [5] * 5
    assert beats == [n % 256 for n in range(23 * frame_beats)]


def test_batch_length_is_latched_with_the_first_beat():
    tokens, lengths, _, _ = run(frames=8, frame_beats=2, max_in_flight=8, batch_length=[1, 4, 0, 2])
    assert lengths == [1, 4, 1, 2]
    assert [item[0] for item in tokens] == [0, 0, 1, 2, 3, 0, 0, 1]


def test_no_more_than_max_in_flight_are_inside():
    *_, inside = run(frames=20, frame_beats=1, max_in_flight=3, batch_length=20, leave_after=11)
    assert inside == 3


@pytest.mark.parametrize(("id_bits", "batch_length"), [(1, 9), (2, 30), (3, 30), (3, 17)])
def test_no_id_comes_again_while_its_sample_is_inside(id_bits, batch_length):
    """The first sample stays and stays, and all others leave at once."""
    dut = Admission(width=8, frame_beats=1, id_bits=id_bits, max_in_flight=2)
    entered, ids = [], []

    async def bench(ctx):
        ctx.set(dut.batch_length, batch_length)
        for unit in (dut.o, dut.token, dut.length):
            ctx.set(unit.ready, 1)
        ctx.set(dut.i.valid, 1)
        leaves = None
        for cycle in range(400):
            ctx.set(dut.release, leaves is not None or cycle == 200)
            ctx.set(dut.release_half, leaves is not None and leaves >> (id_bits - 1))
            leaves = None
            if ctx.get(dut.admitted):
                id_ = len(entered) % batch_length % (1 << id_bits)
                leaves = id_ if entered else None
                entered.append((cycle, id_))
            if ctx.get(dut.token.valid):
                ids.append(ctx.get(dut.token.payload.id))
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    early = [id_ for cycle, id_ in entered if cycle <= 200]
    assert early == list(range(1 << id_bits))
    assert len(entered) == len(early) + 199  # and none waits for nothing
    assert ids == [id_ for _, id_ in entered[:-1]]  # the last one's token would come in the next cycle


@pytest.mark.parametrize("seed", range(3))
def test_no_id_comes_again_while_others_of_its_half_leave(seed):
    """Samples leave at random, newer ones rather than older ones, often in the cycle in which another one enters."""
    dut, rng = Admission(width=8, frame_beats=1, id_bits=2, max_in_flight=3), random.Random(seed)
    inside, entered = [], 0

    async def bench(ctx):
        nonlocal entered
        ctx.set(dut.batch_length, 1000)
        for unit in (dut.o, dut.token, dut.length):
            ctx.set(unit.ready, 1)
        for _ in range(1500):
            leaving = [id_ for id_ in inside[::-1] if rng.random() < (0.7 if id_ != inside[0] else 0.1)][:1]
            ctx.set(dut.release, len(leaving))
            ctx.set(dut.release_half, leaving[0] >> 1 if leaving else 0)
            ctx.set(dut.i.valid, rng.random() < 0.8)
            assert ctx.get(dut.in_flight) == len(inside)
            if ctx.get(dut.admitted):
                assert entered % 4 not in inside, f"sample {entered} has the id of one that is inside"
                inside.append(entered % 4)
                entered += 1
            for id_ in leaving:
                inside.remove(id_)
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert entered > 200


def test_lengths_of_batches_count_all_32_bits():
    """The third sample of a batch of 2**bit + 1 or + 2 is of the same batch as the first, whatever bits are looked at."""
    dut, lengths = Admission(width=8, frame_beats=1, id_bits=8, max_in_flight=4), []
    tokens = []

    async def bench(ctx):
        for unit in (dut.i, dut.o, dut.token, dut.length):
            ctx.set(unit.valid if unit is dut.i else unit.ready, 1)
        for bit in range(2, 32):
            for length in ((1 << bit) + 1, (1 << bit) + 2):
                ctx.set(dut.batch_length, length)
                ctx.set(dut.i.valid, 1)
                for _ in range(3):
                    assert ctx.get(dut.admitted)
                    await ctx.tick()
                    if ctx.get(dut.length.valid):
                        lengths.append(ctx.get(dut.length.payload))
                    tokens.append((ctx.get(dut.token.payload.id), ctx.get(dut.token.payload.batch)))
                ctx.set(dut.i.valid, 0)
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)

    reset = Signal()
    sim = Simulator(ResetInserter(reset)(dut))
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert lengths == [(1 << bit) + more for bit in range(2, 32) for more in (1, 2)]
    assert tokens == [(0, 0), (1, 0), (2, 0)] * 60


def test_tokens_wait_to_be_taken():
    tokens, lengths, beats, _ = run(frames=3, frame_beats=1, max_in_flight=3, batch_length=1, token_ready=False)
    assert set(tokens) == {(0, 0, 0)}
    assert lengths == [1]
    assert beats == [0]


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="width and frame_beats must be at least 1, not width=0, frame_beats=2"):
        Admission(width=0, frame_beats=2, id_bits=8, max_in_flight=4)
    with pytest.raises(ValueError, match="id_bits must hold max_in_flight=16 different ids, not id_bits=3"):
        token_layout(id_bits=3, max_in_flight=16)
    with pytest.raises(ValueError, match="max_in_flight must be at least 1, not 0"):
        token_layout(id_bits=3, max_in_flight=0)
