import random

import pytest

from build_flows.gate_model import GateModelError, gate_frames, plan_gates, throughput_loss


def simulated_loss(interval, hard_share, service, frames, latency=0, release="in_order", count=60_000, beats=8):
    """The gate beat by beat: when each beat's room comes free, and when the next beat of that room can enter."""
    draw = random.Random(7)
    hard_frames, now, server = 0, 0.0, 0.0
    free = [0.0] * (frames * beats)
    for frame in range(count):
        if release != "in_order":
            free.sort()
        base = frame * beats % len(free) if release == "in_order" else 0
        slots = [(base + beat) % len(free) for beat in range(beats)]
        if release == "frames":
            now = max(now, free[slots[-1]])
        for slot in slots:
            now = max(now + interval / beats, free[slot])
        start = now + latency if release != "in_order" else max(now + latency, server)
        if draw.random() < hard_share:
            hard_frames += 1
            start = max(start, server)
            server = start + service
            for beat, slot in enumerate(slots):
                free[slot] = server if release == "frames" else start + (beat + 1) * service / beats
        else:
            for slot in slots:
                free[slot] = start
    return 1 - max(interval, service * hard_frames / count) * count / now


@pytest.mark.parametrize("release", ["in_order", "beats", "frames"])
@pytest.mark.parametrize("frames", [2, 4, 9])
@pytest.mark.parametrize(("share", "service"), [(0.25, 4000), (0.25, 3200), (0.5, 1500)])
def test_the_chain_agrees_with_a_simulation(release, frames, share, service):
    found = throughput_loss(1000, share, service, frames, release=release)
    assert found == pytest.approx(simulated_loss(1000, share, service, frames, release=release), abs=0.012)


@pytest.mark.parametrize("latency", [600, 1600])
def test_latency_agrees_with_a_simulation(latency):
    found = throughput_loss(1000, 0.25, 3200, 8, latency)
    assert -0.002 < found - simulated_loss(1000, 0.25, 3200, 8, latency) < 0.03  # the model asks for rather too much


def test_four_waiting_frames_at_full_and_at_four_fifths_load():
    """A quarter hard, four kept frames and the arriving one, room by whole frames: 9 % more cycles at load 1, under 2 % at 0.8."""
    full = throughput_loss(1000, 0.25, 4000, 5, release="frames")
    assert full / (1 - full) == pytest.approx(0.09, abs=0.002)
    assert throughput_loss(1000, 0.25, 3200, 5, release="frames") < 0.02
    assert gate_frames(1000, 0.25, 3200, release="frames").frames == 5


def test_the_smallest_gate_is_found():
    plan = gate_frames(1296, 0.25, 4000)
    assert plan.loss == throughput_loss(1296, 0.25, 4000, plan.frames) < 0.02 <= throughput_loss(1296, 0.25, 4000, plan.frames - 1)
    assert plan.utilisation == pytest.approx(0.7716, abs=1e-4)
    assert gate_frames(1296, 0.25, 4000, release="beats").frames < plan.frames


def test_a_gate_holds_two_frames_at_least_and_the_limit_at_most():
    assert gate_frames(1000, 0.0, 4000).frames == 2
    full = gate_frames(1000, 0.5, 2000, bound=0.0001, limit=10)
    assert full.frames == 10
    assert full.loss > 0.0001


def test_a_stage_slower_than_its_samples_is_not_the_gates_loss():
    assert throughput_loss(1000, 0.5, 4000, 12) < 0.01
    assert throughput_loss(1000, 1.0, 4000, 2) == 0


def test_latency_asks_for_its_own_frames():
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
