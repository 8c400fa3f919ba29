import pytest
from amaranth.sim import Simulator

from hw.zynq.axi3 import Response
from hw.zynq.transfer import Fault, Transfer

IDLE = {"start": 0, "misplaced": 0, "length": 0, "abort": 0, "over": 0, "answered": 0, "response": Response.SLVERR}
START = {"start": 1, "length": 5}


def run(*cycles):
    """What ``begins``, ``stops``, ``goes_on`` were in each cycle, and ``busy``, ``aborting`` and ``error`` after it."""
    dut, seen = Transfer(6, 8), []

    async def bench(ctx):
        for cycle in cycles:
            for name, value in {**IDLE, **cycle}.items():
                ctx.set(getattr(dut, name), value)
            inside = tuple(ctx.get(signal) for signal in (dut.begins, dut.stops, dut.goes_on))
            await ctx.tick()
            seen.append((*inside, ctx.get(dut.busy), ctx.get(dut.aborting), ctx.get(dut.error)))

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return seen


def test_begins_and_is_over():
    assert run({}, START, {}, {"over": 1}, {}) == [
        (0, 0, 0, 0, 0, Fault.NONE), (1, 0, 0, 1, 0, Fault.NONE), (0, 0, 1, 1, 0, Fault.NONE), (0, 0, 1, 0, 0, Fault.NONE),
        (0, 0, 0, 0, 0, Fault.NONE)]


def test_an_abort_lasts_until_it_is_over():
    assert run(START, {"abort": 1}, {}, {"over": 1}, START) == [
        (1, 0, 0, 1, 0, Fault.NONE), (0, 1, 0, 1, 1, Fault.NONE), (0, 1, 0, 1, 1, Fault.NONE), (0, 1, 0, 0, 0, Fault.NONE),
        (1, 0, 0, 1, 0, Fault.NONE)]


def test_an_abort_with_nothing_to_abort():
    assert run({"abort": 1}, {"abort": 1, **START}, {"abort": 1, "start": 1}, START, {"abort": 1, "over": 1}, START)[:6:1] == [
        (0, 0, 0, 0, 0, Fault.NONE), (0, 0, 0, 0, 0, Fault.NONE), (0, 0, 0, 0, 0, Fault.NONE), (1, 0, 0, 1, 0, Fault.NONE),
        (0, 1, 0, 0, 0, Fault.NONE), (1, 0, 0, 1, 0, Fault.NONE)]


@pytest.mark.parametrize("wrong", [{"misplaced": 1}, {"misplaced": 32}, {"length": 0}])
def test_what_is_refused(wrong):
    refused = (0, 0, 0, 0, 0, Fault.REFUSED)
    assert run({**START, **wrong}, {}, START) == [refused, refused, (1, 0, 0, 1, 0, Fault.NONE)]


def test_a_start_while_busy_is_ignored():
    assert run(START, {"start": 1, "misplaced": 1}, {"start": 1, "length": 9})[1:] == [(0, 0, 1, 1, 0, Fault.NONE)] * 2


@pytest.mark.parametrize(("responses", "fault"), [
    ((Response.OKAY, Response.EXOKAY), Fault.NONE), ((Response.SLVERR, Response.OKAY), Fault.SLVERR),
    ((Response.SLVERR, Response.DECERR), Fault.DECERR), ((Response.DECERR, Response.SLVERR), Fault.SLVERR),
])
def test_the_last_error_is_kept_until_the_next_start(responses, fault):
    seen = run(START, {}, *({"answered": 1, "response": response} for response in responses), {"over": 1}, {}, START)
    assert [error for *_, error in seen[-4:]] == [fault, fault, fault, Fault.NONE]
    assert seen[1][-1] == Fault.NONE
