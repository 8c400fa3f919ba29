"""A bench that plays beats into streams and collects what comes out, with or without random gaps and stalls."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator

from tests import quick_simulator

quick_simulator.install()


@dataclass
class Played:
    """What happened: per stream, the beats in order and the cycle in which each was transferred."""

    beats: dict[str, list[Any]] = field(default_factory=dict)
    cycles: dict[str, list[int]] = field(default_factory=dict)
    sampled: dict[str, list[int]] = field(default_factory=dict)

    def span(self, name: str) -> int:
        """Cycles from the stream's first transfer to its last, both included."""
        return self.cycles[name][-1] - self.cycles[name][0] + 1


def play(
    dut: Any,
    sources: Mapping[str, tuple[Any, Sequence[Any]] | tuple[Any, Sequence[Any], int]],
    sinks: Mapping[str, tuple[Any, int]],
    *,
    gaps: float = 0.0,
    stalls: float | Mapping[str, float] = 0.0,
    seed: int = 1,
    first_stall: int = 0,
    reset_at: Mapping[str, int] | None = None,
    reset_cycles: int = 1,
    sample: Mapping[str, Any] | None = None,
    limit: int = 200_000,
    extra: int = 20,
) -> Played:
    """Offers every source's beats, each after a pause with probability ``gaps`` a cycle, and takes from every sink, not ready with
    probability ``stalls`` a cycle, until each sink gave its number of beats; then ``extra`` more cycles, in which nothing more may come.

    A source ``(stream, beats, cycle)`` starts in that cycle. No sink is ready in the ``first_stall`` cycles at the start.
    ``reset_at``: when these many beats have passed on each named stream (once), reset for ``reset_cycles`` and play all sources from the
    beginning; beats collected before are dropped. ``sample``: values to record in every cycle. Checks that a beat on offer stays as it
    is until taken.
    """
    pauses, halts = random.Random(seed), random.Random(seed + 1)
    reset = Signal()
    top = Module()
    top.submodules.dut = ResetInserter(reset)(dut)
    played = Played()
    stall = {name: stalls[name] if isinstance(stalls, Mapping) else stalls for name in sinks}
    watched = [value for unit, *_ in (*sources.values(), *sinks.values()) for value in (unit.valid, unit.ready, unit.payload)]
    extras = dict(sample or {})

    def start() -> None:
        for name in (*sources, *sinks):
            played.beats[name], played.cycles[name] = [], []
        for name in extras:
            played.sampled[name] = []

    async def bench(ctx: Any) -> None:
        pending = reset_at
        start()
        waiting = {name: False for name in sources}
        offered: dict[str, Any] = {}
        cycle = spare = 0
        while spare <= extra:
            assert cycle < limit, f"nothing more after {limit} cycles: { {name: len(beats) for name, beats in played.beats.items()} }"
            done = all(len(played.beats[name]) >= count for name, (_, count) in sinks.items())
            spare = spare + 1 if done else 0
            for name, (unit, beats, *after) in sources.items():
                taken = len(played.beats[name])
                if taken == len(beats):
                    waiting[name] = False
                elif not waiting[name]:
                    waiting[name] = cycle >= sum(after) and pauses.random() >= gaps
                ctx.set(unit.valid, waiting[name])
                if waiting[name]:
                    ctx.set(unit.payload, beats[taken])
            for name, (unit, _) in sinks.items():
                ctx.set(unit.ready, cycle >= first_stall and halts.random() >= stall[name])
            sampled = await ctx.tick().sample(*watched, *extras.values())
            _, _, *values = sampled
            for name, value in zip(extras, values[len(watched):], strict=True):
                played.sampled[name].append(value)
            seen = iter(values)
            for name, valid, ready, payload in zip((*sources, *sinks), seen, seen, seen, strict=False):
                if name in sinks:
                    assert name not in offered or (valid and payload == offered[name]), f"{name} took back a beat it offered"
                    offered.pop(name, None)
                    if valid and not ready:
                        offered[name] = payload
                if valid and ready:
                    played.beats[name].append(payload)
                    played.cycles[name].append(cycle)
                    if name in sources:
                        waiting[name] = False
            cycle += 1
            if pending and all(len(played.beats[name]) >= count for name, count in pending.items()):
                pending = None
                for unit, *_ in sources.values():
                    ctx.set(unit.valid, 0)
                for unit, _ in sinks.values():
                    ctx.set(unit.ready, 0)
                ctx.set(reset, 1)
                await ctx.tick().repeat(reset_cycles)
                ctx.set(reset, 0)
                start()
                waiting = {name: False for name in sources}
                offered = {}
        assert pending is None, "the reset never came"

    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return played


@pytest.fixture(name="play")
def _play() -> Any:
    return play
