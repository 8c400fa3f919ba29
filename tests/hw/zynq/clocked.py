"""Runs memory, streams and whoever starts transfers together, a cycle at a time."""

import random
from collections import deque
from dataclasses import dataclass, field

from amaranth.sim import Simulator


@dataclass
class Source:
    """Offers what is queued, each after a pause with probability ``gap`` a cycle."""

    ctx: object
    stream: object
    gap: float = 0.0
    seed: int = 2
    queue: deque = field(default_factory=deque)
    offering: bool = False
    taken: int = 0

    def __post_init__(self):
        self.rng = random.Random(self.seed)

    @property
    def watched(self):
        return [self.stream.ready]

    def drive(self):
        self.offering = self.offering or (bool(self.queue) and self.rng.random() >= self.gap)
        self.ctx.set(self.stream.valid, self.offering)
        if self.offering:
            self.ctx.set(self.stream.payload, self.queue[0])

    def after(self, values):
        if self.offering and values[0]:
            self.queue.popleft()
            self.offering = False
            self.taken += 1


@dataclass
class Sink:
    """Takes ``(word, last)``, not ready with probability ``stall`` a cycle; what is on offer must stay until it is taken, or ``cut``."""

    ctx: object
    stream: object
    stall: float = 0.0
    seed: int = 3
    words: list = field(default_factory=list)
    waiting: tuple | None = None
    ready: bool = False

    def __post_init__(self):
        self.rng = random.Random(self.seed)

    @property
    def watched(self):
        return [self.stream.valid, self.stream.payload.word, self.stream.payload.last]

    def drive(self):
        self.ready = self.rng.random() >= self.stall
        self.ctx.set(self.stream.ready, self.ready)

    def cut(self):
        self.waiting = None

    def after(self, values):
        valid, *word = values
        now = tuple(word) if valid else None
        assert self.waiting in (None, now), f"took back {self.waiting} for {now}"
        self.waiting = None if self.ready else now
        if valid and self.ready:
            self.words.append(now)


class Clock:
    """Runs ``parts`` together, and records ``busy``."""

    def __init__(self, ctx, dut, *parts):
        self.ctx, self.dut, self.parts = ctx, dut, parts

    async def tick(self, cycles=1):
        for _ in range(cycles):
            for part in self.parts:
                part.drive()
            signals = [part.watched for part in self.parts]
            _, _, *values = await self.ctx.tick().sample(*(signal for some in signals for signal in some))
            for part, some in zip(self.parts, signals, strict=True):
                part.after(values[:len(some)])
                del values[:len(some)]

    async def start(self, address, length):
        """Pulses ``start``; the members with it mean nothing in any other cycle."""
        ctx, dut = self.ctx, self.dut
        ctx.set(dut.start, 1)
        ctx.set(dut.address, address)
        ctx.set(dut.length, length)
        await self.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.address, 0xFFFF_FFFF)
        ctx.set(dut.length, 1)

    async def abort(self):
        self.ctx.set(self.dut.abort, 1)
        await self.tick()
        self.ctx.set(self.dut.abort, 0)

    async def until_idle(self, limit=8_000):
        """The number of cycles that it took."""
        for cycle in range(limit):
            if not self.ctx.get(self.dut.busy):
                return cycle
            await self.tick()
        raise AssertionError(f"busy after {limit} cycles")

    def error(self):
        return self.ctx.get(self.dut.error)


def simulate(dut, bench):
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
