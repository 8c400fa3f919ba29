"""ExitMerge: fair, fenced by batch, in input order when asked, nothing lost."""

import itertools
import random

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator

from hw.exits.merge import ExitMerge
from hw.exits.token import token_layout
from hw.netlist import ResultField

FIELDS = (
    ResultField(name="id", offset=0, width=8),
    ResultField(name="label", offset=8, width=4),
    ResultField(name="exit", offset=12, width=2),
    ResultField(name="confidence", offset=16, width=6, signed=True),
    ResultField(name="cycles", offset=24, width=8),
)
IN_FLIGHT = 6


def merge(order="arrival", exits=3, fields=FIELDS, anytime=False):
    token = token_layout(id_bits=8, max_in_flight=IN_FLIGHT)
    return ExitMerge(exits=exits, token=token, max_in_flight=IN_FLIGHT, label_bits=4, confidence_bits=10,
                     bits=32, fields=fields, order=order, anytime=anytime)


def run(dut, samples, lengths, *, stall, seed=3, choose_exit=None, late=0):
    """Samples enter in order (at most IN_FLIGHT inside), each takes an exit and a random time; a batch's length comes ``late`` cycles after
    its first sample entered. Returns words and the cycles taken."""
    rng = random.Random(seed)
    batch_of, position = [], []
    for batch, length in enumerate(lengths):
        batch_of += [batch] * length
        position += range(length)
    exit_of = [choose_exit(n) if choose_exit else rng.randrange(dut.exits) for n in range(samples)]
    words = []

    async def bench(ctx):
        queues = [[] for _ in range(dut.exits)]
        entered = left = cycle = ended = 0
        to_send, since = list(lengths), {}
        while len(words) < samples:
            assert cycle < 200 * samples, f"stood still with {len(words)} of {samples} results"
            while entered < samples and entered - left < IN_FLIGHT:
                ready_at = cycle + (0 if choose_exit else rng.randrange(20))
                queue = queues[exit_of[entered]]
                queue.append((max(ready_at, queue[-1][0] if queue else 0), entered))
                entered += 1
            offered = []
            for k, queue in enumerate(queues):
                due = bool(queue) and (dut.order == "input" or dut.exits == 1 or batch_of[queue[0][1]] == ended)
                valid = due and queue[0][0] <= cycle
                ctx.set(dut.i[k].valid, valid)
                if valid:
                    n = queue[0][1]
                    token = {"id": position[n], "slot": n % IN_FLIGHT, "batch": batch_of[n] % 16, "stamp": 0}
                    ctx.set(dut.i[k].payload, {"token": token, "label": n % 10, "confidence": (n * 37) % 1024})
                offered.append(valid)
            if to_send and entered > sum(lengths) - sum(to_send):
                since.setdefault(len(to_send), cycle)
            pending = to_send[0] if since.get(len(to_send), cycle + 1) + late <= cycle else None
            ctx.set(dut.length.valid, pending is not None)
            ctx.set(dut.length.payload, pending or 0)
            ctx.set(dut.now, cycle)
            ctx.set(dut.o.ready, rng.random() >= stall)
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                words.append((ctx.get(dut.o.payload.word), ctx.get(dut.o.payload.last), cycle))
            for k in range(dut.exits):
                if offered[k] and ctx.get(dut.i[k].ready):
                    queues[k].pop(0)
            if pending is not None and ctx.get(dut.length.ready):
                to_send.pop(0)
            left += ctx.get(dut.release)
            ended += ctx.get(dut.ends)
            await ctx.tick()
            cycle += 1
        assert ended == len(lengths)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return words, exit_of


def confidence_of(n):
    raw = (n * 37) % 1024
    raw = raw - 1024 if raw >= 512 else raw
    return max(-32, min(31, raw)) % 64


@pytest.mark.parametrize("order", ["arrival", "input"])
@pytest.mark.parametrize("stall", [0.0, 0.3, 0.9])
def test_nothing_lost_doubled_or_out_of_its_batch(order, stall):
    lengths = [1, 7, 2, 1, 1, 13, 5]
    dut = merge(order)
    words, exit_of = run(dut, sum(lengths), lengths, stall=stall)
    start = 0
    for length in lengths:
        batch = words[start:start + length]
        assert [last for _, last, _ in batch] == [0] * (length - 1) + [1]
        ids = [word & 0xFF for word, _, _ in batch]
        assert (ids if order == "input" else sorted(ids)) == list(range(length))
        for word, _, _ in batch:
            n = start + (word & 0xFF)
            assert (word >> 8) & 0xF == n % 10
            assert (word >> 12) & 0x3 == exit_of[n]
            assert (word >> 16) & 0x3F == confidence_of(n)
        start += length


def test_exits_take_turns_at_full_rate():
    words, *_ = run(merge(exits=2), 40, [40], stall=0.0, choose_exit=lambda n: n % 2)
    cycles = [cycle for _, _, cycle in words]
    assert cycles[-1] - cycles[0] == len(words) - 1
    exits = [(word >> 12) & 3 for word, _, _ in words]
    assert all(a != b for a, b in itertools.pairwise(exits))


def test_cycles_saturate():
    """Every sample entered at 0, so that no result is quicker than the one before."""
    words, *_ = run(merge(), 120, [120], stall=0.9)
    cycles = [word >> 24 for word, _, _ in words]
    assert words[-1][2] > 600
    assert cycles == sorted(cycles)
    assert cycles[-1] == 255


@pytest.mark.parametrize("order", ["arrival", "input"])
def test_lengths_of_batches_count_all_32_bits(order):
    """The first three results of a batch of 2**bit + 1 or + 2 do not end it, whatever bits are looked at."""
    dut, reset, ends = merge(order, exits=1), Signal(), []

    async def bench(ctx):
        ctx.set(dut.o.ready, 1)
        for bit in range(2, 32):
            for length in ((1 << bit) + 1, (1 << bit) + 2):
                ctx.set(dut.length.payload, length)
                given, last = 0, []
                for cycle in range(20):
                    ctx.set(dut.length.valid, cycle == 0)
                    ctx.set(dut.i[0].valid, given < 3)
                    ctx.set(dut.i[0].payload, {"token": {"id": given, "slot": given, "batch": 0, "stamp": 0}, "label": 0, "confidence": 0})
                    if ctx.get(dut.o.valid):
                        last.append(ctx.get(dut.o.payload.last))
                    assert not ctx.get(dut.batch_done)
                    given += given < 3 and ctx.get(dut.i[0].ready)
                    await ctx.tick()
                ends.append(last)
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)

    sim = Simulator(ResetInserter(reset)(dut))
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert ends == [[0, 0, 0]] * 60


def test_a_release_tells_the_half_of_the_ids():
    """With each release the top bit of the sample's id: of 256 ids, and a single exit, whose results keep their order."""
    dut, halves = merge(exits=1), []

    async def bench(ctx):
        ctx.set(dut.length.payload, 300)
        ctx.set(dut.i[0].valid, 1)
        ctx.set(dut.o.ready, 1)
        given = 0
        while len(halves) < 300:
            ctx.set(dut.length.valid, given == 0)
            ctx.set(dut.i[0].payload, {"token": {"id": given % 256, "slot": 0, "batch": 0, "stamp": 0}, "label": 0, "confidence": 0})
            if ctx.get(dut.release):
                halves.append(ctx.get(dut.release_half))
            given += ctx.get(dut.i[0].ready)
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert halves == [n % 256 >> 7 for n in range(300)]


@pytest.mark.parametrize("late", [0, 60])
@pytest.mark.parametrize("stall", [0.0, 0.3, 0.9])
def test_a_single_exit_is_enough(stall, late):
    """Its results come whatever batch is going on, and none goes before its batch's length is known."""
    words, *_ = run(merge(exits=1), 20, [4, 5, 1, 1, 1, 6, 2], stall=stall, late=late)
    assert [word & 0xFF for word, _, _ in words] == [n for length in (4, 5, 1, 1, 1, 6, 2) for n in range(length)]
    assert [last for _, last, _ in words] == [n == length - 1 for length in (4, 5, 1, 1, 1, 6, 2) for n in range(length)]


ANYTIME = (*FIELDS, ResultField(name="final", offset=31, width=1))


def run_anytime(dut, lengths, *, stall, seed=5, slow=12):
    """Samples enter in order and answer at every exit up to one drawn; a sample reaches an exit only after the one before it took its
    word into the queue before the merge. Returns the words and the exit that each sample takes."""
    rng = random.Random(seed)
    samples = sum(lengths)
    batch_of = [batch for batch, length in enumerate(lengths) for _ in range(length)]
    position = [n for length in lengths for n in range(length)]
    exit_of = [rng.randrange(dut.exits) for _ in range(samples)]
    words = []

    async def bench(ctx):
        at_exit = [[] for _ in range(dut.exits)]  # (ready at, sample), in order
        waiting = [[] for _ in range(dut.exits)]
        entered = left = cycle = done = ended = 0
        to_send = list(lengths)
        while done < samples:
            assert cycle < 300 * samples, f"stood still with {done} of {samples} samples"
            for k in reversed(range(dut.exits)):
                if at_exit[k] and at_exit[k][0][0] <= cycle:
                    _, n = at_exit[k].pop(0)
                    waiting[k].append(n)
                    if exit_of[n] > k:
                        at_exit[k + 1].append((cycle + 1 + rng.randrange(slow), n))
            if entered < samples and entered - left < IN_FLIGHT:
                at_exit[0].append((cycle + rng.randrange(3), entered))
                entered += 1
            for k in range(dut.exits):
                due = bool(waiting[k]) and batch_of[waiting[k][0]] == ended
                ctx.set(dut.i[k].valid, due)
                if due:
                    n = waiting[k][0]
                    token = {"id": position[n], "slot": n % IN_FLIGHT, "batch": batch_of[n] % 16, "stamp": 0}
                    ctx.set(dut.i[k].payload, {"token": token, "label": (n + k) % 10, "confidence": k, "final": exit_of[n] == k})
            pending = to_send[0] if to_send and entered > sum(lengths) - sum(to_send) else None
            ctx.set(dut.length.valid, pending is not None)
            ctx.set(dut.length.payload, pending or 0)
            ctx.set(dut.o.ready, rng.random() >= stall)
            if ctx.get(dut.o.valid) and ctx.get(dut.o.ready):
                word = ctx.get(dut.o.payload.word)
                words.append((word, ctx.get(dut.o.payload.last), cycle))
                done += word >> 31
            for k in range(dut.exits):
                if ctx.get(dut.i[k].valid) and ctx.get(dut.i[k].ready):
                    waiting[k].pop(0)
            if pending is not None and ctx.get(dut.length.ready):
                to_send.pop(0)
            left += ctx.get(dut.release)
            ended += ctx.get(dut.ends)
            await ctx.tick()
            cycle += 1
        assert left == samples
        assert ended == len(lengths)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return words, exit_of


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.9])
def test_words_of_a_sample_come_in_the_order_of_the_exits(stall):
    lengths = [1, 7, 2, 1, 1, 13, 5, 1]
    words, exit_of = run_anytime(merge(fields=ANYTIME, anytime=True), lengths, stall=stall, slow=2 if stall else 12)
    start = first = 0
    for length in lengths:
        count = sum(exit_of[n] + 1 for n in range(start, start + length))
        batch = words[first:first + count]
        assert [last for _, last, _ in batch] == [0] * (count - 1) + [1]
        for n in range(start, start + length):
            mine = [word for word, _, _ in batch if word & 0xFF == n - start]
            assert [(word >> 12) & 3 for word in mine] == list(range(exit_of[n] + 1))
            assert [word >> 31 for word in mine] == [0] * exit_of[n] + [1]
            assert [(word >> 8) & 0xF for word in mine] == [(n + k) % 10 for k in range(exit_of[n] + 1)]
        start, first = start + length, first + count
    assert first == len(words)


def test_parameters_are_checked():
    with pytest.raises(ValueError, match="order must be 'arrival' with anytime, not 'input'"):
        merge("input", anytime=True)
    with pytest.raises(ValueError, match="result field must be one of id, label, exit, confidence, cycles, not 'final'"):
        merge(fields=ANYTIME)
    with pytest.raises(ValueError, match="order must be 'arrival' or 'input', not 'random'"):
        merge(order="random")
    with pytest.raises(ValueError, match=r"result field 'id' must lie within 32 bits, not 30\.\.37"):
        merge(fields=(ResultField(name="id", offset=30, width=8),))
    with pytest.raises(ValueError, match="result field must be one of id, label, exit, confidence, cycles, not 'colour'"):
        merge(fields=(ResultField(name="colour", offset=0, width=8),))
