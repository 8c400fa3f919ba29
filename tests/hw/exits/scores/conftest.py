"""A bench that plays samples into a score and collects its results."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator


@dataclass(frozen=True)
class Result:
    """``after`` is how many cycles after the sample's last beat it came, ``taken`` how many before it the threshold was used, and
    ``winner`` what stood there then."""

    label: int
    leave: int
    confidence: int
    after: int
    taken: int
    winner: int


def _run(dut: Any, rows: Sequence[Sequence[int]], thresholds: Sequence[int], gap: float = 0.0) -> list[Result]:
    """Plays the rows' beats, with idle cycles of noise between them with probability ``gap``. The threshold is right in the cycles in which
    it is used, and noise otherwise."""
    rng = random.Random(len(rows))
    low, high = -(1 << dut.logit_bits - 1), (1 << dut.logit_bits - 1) - 1
    beats = [(row[at:at + dut.pe], at == 0, at + dut.pe == dut.classes) for row in rows for at in range(0, dut.classes, dut.pe)]
    ends: list[int] = []
    takes: list[tuple[int, int]] = []
    found: list[Result] = []

    async def bench(ctx: Any) -> None:
        ctx.set(dut.advance, 1)
        position = cycle = 0
        while len(found) < len(rows):
            valid = position < len(beats) and rng.random() >= gap
            values, first, last = beats[position] if valid else ([rng.randint(low, high) for _ in range(dut.pe)], rng.random() < 0.5,
                                                                 rng.random() < 0.5)
            position += valid
            ctx.set(dut.i.valid, valid), ctx.set(dut.i.first, first), ctx.set(dut.i.last, last), ctx.set(dut.i.values, values)
            if valid and last:
                ends.append(cycle)
            ctx.set(dut.threshold, rng.choice([dut.threshold_range[0], dut.threshold_range[-1]]))
            if ctx.get(dut.take):
                ctx.set(dut.threshold, thresholds[len(takes)])
                takes.append((cycle, ctx.get(dut.winner)))
            if ctx.get(dut.valid):
                at = len(found)
                found.append(Result(ctx.get(dut.label), ctx.get(dut.leave), ctx.get(dut.confidence), cycle - ends[at], cycle - takes[at][0],
                                    takes[at][1]))
            await ctx.tick()
            cycle += 1
            assert cycle < 20 * len(beats) + 200, "no result any more"

    top = Module()
    top.submodules.dut = dut
    top.d.sync += Signal().eq(0)  # a clock even where there is no register
    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return found


@pytest.fixture
def run() -> Callable[..., list[Result]]:
    """See :func:`_run`."""
    return _run


@pytest.fixture
def clocked() -> Callable[[Any, Any], None]:
    """``clocked(dut, bench)`` runs one bench."""

    def simulate(dut: Any, bench: Any) -> None:
        sim = Simulator(dut)
        sim.add_clock(1e-6)
        sim.add_testbench(bench)
        sim.run()

    return simulate
