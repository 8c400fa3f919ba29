"""ExitRouter: every decision goes to exactly the right places, in one cycle."""

import random

import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from hw.exits.router import ExitRouter
from hw.exits.token import token_layout

TOKEN = token_layout(id_bits=8, max_in_flight=4)


def run(*, samples, stall, last=False, seed=1, anytime=False):
    dut = ExitRouter(token=TOKEN, label_bits=4, confidence_bits=8, last=last, anytime=anytime)
    rng = random.Random(seed)
    cases = [(rng.randrange(10), rng.random() < 0.5, rng.randrange(256)) for _ in range(samples)]
    results, kept, passed = [], [], []

    async def bench(ctx):
        done = cycle = 0
        outputs = [dut.result] if last else [dut.result, dut.keep, dut.passed]
        while done < samples and cycle < 100 * samples:
            have_decision, have_token = rng.random() >= stall, rng.random() >= stall
            label, leaves, confidence = cases[done]
            ctx.set(dut.decision.valid, have_decision)
            ctx.set(dut.decision.payload, {"label": label, "exit": int(leaves), "confidence": confidence})
            ctx.set(dut.token.valid, have_token)
            ctx.set(dut.token.payload, {"id": done % 256, "slot": done % 4, "batch": 0, "stamp": done})
            for output in outputs:
                ctx.set(output.ready, rng.random() >= stall)
            fired = bool(ctx.get(dut.decision.ready)) and have_decision
            assert fired == (bool(ctx.get(dut.token.ready)) and have_token)
            if ctx.get(dut.result.valid) and ctx.get(dut.result.ready):
                result = ctx.get(dut.result.payload)
                results.append((result.token.id, result.label, result.confidence, *([result.final] if anytime else [])))
                assert ctx.get(dut.taken) == (result.final if anytime else 1)
                assert fired
            else:
                assert not ctx.get(dut.taken)
            if not last and ctx.get(dut.keep.valid) and ctx.get(dut.keep.ready):
                kept.append(ctx.get(dut.keep.payload))
                assert fired
            if not last and ctx.get(dut.passed.valid) and ctx.get(dut.passed.ready):
                passed.append(ctx.get(dut.passed.payload).id)
                assert fired
            await ctx.tick()
            done += fired
            cycle += 1
        assert stall or cycle == samples

    clocked = Module()  # the router has no state: the bench's clock needs a domain
    clocked.submodules.dut = dut
    clocked.domains.sync = ClockDomain()
    sim = Simulator(clocked)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return cases, results, kept, passed


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.6])
def test_leaves_or_passes_on(stall):
    cases, results, kept, passed = run(samples=60, stall=stall)
    assert results == [(n, label, confidence) for n, (label, leaves, confidence) in enumerate(cases) if leaves]
    assert kept == [int(not leaves) for _, leaves, _ in cases]
    assert passed == [n for n, (_, leaves, _) in enumerate(cases) if not leaves]


@pytest.mark.parametrize("stall", [0.0, 0.5])
def test_last_exit_answers_everything(stall):
    cases, results, _, _ = run(samples=40, stall=stall, last=True)
    assert results == [(n, label, confidence) for n, (label, _, confidence) in enumerate(cases)]


@pytest.mark.parametrize("stall", [0.0, 0.3, 0.6])
def test_every_sample_is_answered_and_goes_on_or_leaves(stall):
    cases, results, kept, passed = run(samples=60, stall=stall, anytime=True)
    assert results == [(n, label, confidence, int(leaves)) for n, (label, leaves, confidence) in enumerate(cases)]
    assert kept == [int(not leaves) for _, leaves, _ in cases]
    assert passed == [n for n, (_, leaves, _) in enumerate(cases) if not leaves]


def test_the_last_exits_answers_are_final():
    cases, results, _, _ = run(samples=40, stall=0.3, last=True, anytime=True)
    assert results == [(n, label, confidence, 1) for n, (label, _, confidence) in enumerate(cases)]
