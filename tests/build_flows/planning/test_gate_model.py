import heapq
import random

import pytest
from amaranth.sim import Simulator

from build_flows.planning.gate_model import GateModelError, gate_frames, plan_gates, throughput_loss
from hw.exits.frame_gate import FrameGate

COUNT = 60_000


def schedule(interval, kinds, service, frames, latency):
    """When each frame has entered, given whether each is hard: a heap of the times at which slots come free, and one server."""
    free, now, server, ends = [0.0] * frames, 0.0, 0.0, []
    for hard in kinds:
        now = max(now, heapq.heappop(free)) + interval
        ends.append(now)
        verdict = now + latency
        server = max(server, verdict) + service if hard else server
        heapq.heappush(free, server if hard else verdict)
    return ends


def drawn(share, count):
    draw = random.Random(7)
    return [draw.random() < share for _ in range(count)]


def simulated_loss(interval, share, service, frames, latency=0):
    kinds = drawn(share, COUNT)
    return 1 - max(interval, service * sum(kinds) / COUNT) * COUNT / schedule(interval, kinds, service, frames, latency)[-1]


def gateware_ends(kinds, beats, beat_service, frames, latency):
    """The same from ``hw.exits.frame_gate``, at a beat a cycle in: a verdict ``latency`` cycles after a frame's last beat, and an output
    that takes a beat every ``beat_service`` cycles."""
    gate, ends = FrameGate(1, beats, frames), []

    async def bench(ctx):
        entered, taken, busy, cycle = 0, 0, 0, 0
        while len(ends) < len(kinds):
            due = taken < len(ends) and cycle >= ends[taken] + latency
            ctx.set(gate.i.valid, 1)
            ctx.set(gate.keep.valid, due)
            ctx.set(gate.keep.payload, due and kinds[taken])
            ctx.set(gate.o.ready, busy == 0)
            _, _, enters, takes, leaves = await ctx.tick().sample(gate.i.ready, gate.keep.ready, gate.o.valid)
            busy = beat_service - 1 if leaves and not busy else max(0, busy - 1)
            taken += due and takes
            entered += enters
            if enters and entered % beats == 0:
                ends.append(cycle)
            cycle += 1

    sim = Simulator(gate)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return ends


@pytest.mark.many(2)
@pytest.mark.parametrize(("frames", "latency"), [(2, 1), (3, 20), (5, 1), (5, 90)])
def test_the_simulation_is_that_of_the_gateware(frames, latency):
    """Frame by frame: never later, and hardly earlier (the gate reads a beat ahead of its output)."""
    beats, beat_service, count = 32, 3, 120
    kinds = drawn(0.4, count)
    found = gateware_ends(kinds, beats, beat_service, frames, latency)
    expected = schedule(beats, kinds, beats * beat_service, frames, latency)
    assert all(here <= there - 1 for here, there in zip(found, expected, strict=True))  # a frame's end is the cycle of its last beat
    assert found[-1] > 0.99 * expected[-1]


@pytest.mark.many(4)
@pytest.mark.parametrize("frames", [1, 2, 4, 9])
@pytest.mark.parametrize("latency", [0, 30, 600, 950])
@pytest.mark.parametrize(("share", "service"), [(0.25, 4000), (0.25, 3200), (0.5, 1500), (0.05, 16_000), (0.6, 900)])
def test_the_chain_agrees_with_a_simulation(frames, latency, share, service):
    found = throughput_loss(1000, sum(drawn(share, COUNT)) / COUNT, service, frames, latency)
    assert found == pytest.approx(simulated_loss(1000, share, service, frames, latency), abs=0.006)  # 60,000 frames are not endless


@pytest.mark.many(4)
@pytest.mark.parametrize(("latency", "slack"), [(1000, 2), (1600, 2), (4100, 3), (8200, 3)])
@pytest.mark.parametrize(("share", "service"), [(0.25, 3200), (0.5, 1500), (0.05, 16_000), (0.6, 900)])
def test_a_longer_latency_asks_for_enough_and_not_for_much_more(latency, slack, share, service):
    plan = gate_frames(1000, share, service, latency)
    assert simulated_loss(1000, share, service, plan.frames, latency) < 0.02
    assert simulated_loss(1000, share, service, plan.frames - slack, latency) > 0.02


@pytest.mark.parametrize("frames", [3, 4, 6])
@pytest.mark.parametrize("latency", [0, 600, 2500])
@pytest.mark.parametrize(("share", "service"), [(0, 4000), (1, 900), (1, 1000), (1, 2400)])
def test_without_chance_it_is_exact(frames, latency, share, service):
    found = throughput_loss(1000, share, service, frames, latency)
    assert found == pytest.approx(simulated_loss(1000, share, service, frames, latency), abs=0.0002)


def test_a_quarter_hard_at_full_and_at_four_fifths_load():
    """Four kept frames and the arriving one: 9 % more cycles at load 1, under 2 % at 0.8."""
    full = throughput_loss(1000, 0.25, 4000, 5)
    assert full / (1 - full) == pytest.approx(0.09, abs=0.002)
    assert throughput_loss(1000, 0.25, 3200, 5) < 0.02
    assert gate_frames(1000, 0.25, 3200).frames == 5


def test_rare_hard_samples_need_few_frames():
    """An easy frame does not wait for the hard ones before it."""
    assert gate_frames(1000, 0.05, 16_000).frames == 6


def test_the_smallest_gate_is_found():
    plan = gate_frames(1296, 0.25, 4000)
    assert plan.loss == throughput_loss(1296, 0.25, 4000, plan.frames) < 0.02 <= throughput_loss(1296, 0.25, 4000, plan.frames - 1)
    assert plan.utilisation == pytest.approx(0.7716, abs=1e-4)


def test_a_gate_holds_two_frames_at_least_and_the_limit_at_most():
    assert gate_frames(1000, 0.0, 4000).frames == 2
    full = gate_frames(1000, 0.5, 2000, bound=0.0001, limit=10)
    assert full.frames == 10
    assert full.loss > 0.0001
    assert gate_frames(1000, 0.5, 2000, 2500, bound=0.0001, limit=10).frames == 12


def test_a_stage_slower_than_its_samples_is_not_the_gates_loss():
    assert throughput_loss(1000, 0.5, 4000, 12) < 0.01
    assert throughput_loss(1000, 1.0, 4000, 2) == 0


def test_latency_asks_for_its_own_frames():
    assert throughput_loss(1000, 1.0, 1000, 2, 500) == pytest.approx(0.2)  # two slots, each taken for 2500 cycles
    assert gate_frames(1000, 0.25, 3200, 2500).frames >= gate_frames(1000, 0.25, 3200).frames + 2
    with pytest.raises(GateModelError, match="frames must be at least 3 for latency=2500, interval=1000, not 2"):
        throughput_loss(1000, 0.25, 3200, 2, 2500)


def test_each_gate_sees_the_samples_that_reach_it():
    first, second = plan_gates(128, (1, 0.5, 0.25), (128, 200, 400), (0, 0))
    assert (first, second) == (gate_frames(128, 0.5, 200), gate_frames(256, 0.5, 400))
    with pytest.raises(GateModelError, match="2 stages need 2 stage_cycles and 1 latencies, not 2 and 2"):
        plan_gates(128, (1, 0.5), (128, 200), (0, 0))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.25, 10), "interval must be at least 1 cycles, not 0"),
        ((10, 1.5, 10), "hard_share must be from 0 to 1, not 1.5"),
        ((10, 0.5, 10, -1), "latency must be at least 0 cycles, not -1"),
    ],
)
def test_values_out_of_range_are_told(arguments, message):
    with pytest.raises(GateModelError, match=message):
        gate_frames(*arguments)
