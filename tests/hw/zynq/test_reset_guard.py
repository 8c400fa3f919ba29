"""The guard between a strict manager and a strict subordinate that forgets everything in reset, and before real registers."""

import random
from itertools import pairwise

import pytest
from amaranth.hdl import Module, ResetInserter
from amaranth.lib.wiring import connect
from amaranth.sim import Simulator

from hw.control.axi_lite import AxiLiteRegisters
from hw.control.registers import Register
from hw.zynq.reset_guard import ResetGuard
from tests.hw.zynq.channels import Sink, Source, after

STUCK = 60
"""Cycles in which nothing passes though something is to come, or the reset is not as it should be."""
OKAY, SLVERR = 0, 2


class Manager:
    """Keeps one read and one write under way, its address and data in any order."""

    def __init__(self, ctx, bus, rng, gap, stall, count):
        self.rng, self.left = rng, {"r": count, "w": count}
        self.ar, self.aw = Source(ctx, bus, "ar", ["araddr"], rng, gap), Source(ctx, bus, "aw", ["awaddr"], rng, gap)
        self.w = Source(ctx, bus, "w", ["wdata", "wstrb"], rng, gap)
        self.r, self.b = Sink(ctx, bus, "r", ["rdata", "rresp"], rng, stall), Sink(ctx, bus, "b", ["bresp"], rng, stall)
        self.ends = [self.ar, self.aw, self.w, self.r, self.b]
        self.reading = self.taken = 0
        self.reads, self.writes, self.answers = [], [], {"r": [], "b": []}
        self.address, self.data = [], []

    def drive(self):
        if not self.reading and self.left["r"]:
            self.left["r"] -= 1
            self.reading = 1
            self.ar.queue.append({"araddr": self.rng.getrandbits(6)})
        if self.taken == len(self.answers["b"]) == len(self.writes) and self.left["w"]:
            self.left["w"] -= 1
            write = self.rng.getrandbits(6), self.rng.getrandbits(32), self.rng.getrandbits(4)
            self.writes.append(write)
            self.aw.queue.append({"awaddr": write[0]})
            self.w.queue.append({"wdata": write[1], "wstrb": write[2]})
        for end in self.ends:
            end.drive()

    def after(self, ar, aw, w, r, b):
        """What was read of and written, and how that ended."""
        if ar:
            self.reads.append(ar["araddr"])
        self.address += [aw] if aw else []
        self.data += [w] if w else []
        if r:
            assert len(self.reads) > len(self.answers["r"]), "answered before it was asked"
            self.reading = 0
            self.answers["r"].append((r["rresp"], r["rdata"]))
        if b:
            assert min(len(self.address), len(self.data)) > len(self.answers["b"]), "answered before it was asked"
            self.taken += 1
            self.answers["b"].append(b["bresp"])

    @property
    def done(self):
        return not any(self.left.values()) and not self.reading and len(self.answers["b"]) == len(self.writes)


class Subordinate:
    """Answers each access at random; in reset it takes what it is given, answers nothing, and forgets all."""

    def __init__(self, ctx, bus, rng, gap, stall):
        self.ctx, self.bus, self.rng = ctx, bus, rng
        self.ar, self.aw = Sink(ctx, bus, "ar", ["araddr"], rng, stall), Sink(ctx, bus, "aw", ["awaddr"], rng, stall)
        self.w = Sink(ctx, bus, "w", ["wdata", "wstrb"], rng, stall)
        self.r, self.b = Source(ctx, bus, "r", ["rdata", "rresp"], rng, gap), Source(ctx, bus, "b", ["bresp"], rng, gap)
        self.ends = [self.ar, self.aw, self.w, self.r, self.b]
        self.address = self.data = None
        self.reading = False
        self.reads, self.writes = [], []

    @property
    def empty(self):
        return not (self.address or self.data or self.reading or self.b.queue)

    def drive(self):
        self.ar.drive(allowed=not self.reading)
        self.aw.drive(allowed=self.address is None and not self.b.queue)
        self.w.drive(allowed=self.data is None and not self.b.queue)
        self.r.drive(), self.b.drive()

    def after(self, rst_n, ar, aw, w, r, b):
        if not rst_n:
            assert self.empty, "reset though an access was under way"
            assert ar is aw is w is None, "an access for a unit in reset"
            return
        if ar:
            self.reading = True
            self.reads.append((ar["araddr"], (self.rng.choice((OKAY, SLVERR)), self.rng.getrandbits(32))))
            self.r.queue.append(dict(zip(("rresp", "rdata"), self.reads[-1][1], strict=True)))
        if r:
            self.reading = False
        self.address, self.data = aw or self.address, w or self.data
        if self.address and self.data:
            self.writes.append(((self.address["awaddr"], self.data["wdata"], self.data["wstrb"]), self.rng.choice((OKAY, SLVERR))))
            self.b.queue.append({"bresp": self.writes[-1][1]})
            self.address = self.data = None


def play(count, turn, *, gap=0.0, stall=0.0, seed=1):
    """``count`` reads and writes; ``hold`` changes with probability ``turn`` a cycle. Gives manager, subordinate and the resets."""
    dut, rng, resets = ResetGuard(6), random.Random(seed), []
    ends = []

    async def bench(ctx):
        manager, inner = Manager(ctx, dut.bus, rng, gap, stall, count), Subordinate(ctx, dut.inner, rng, gap, stall)
        ends.extend((manager, inner))
        watched = [signal for end in (*manager.ends, *inner.ends) for signal in end.watched]
        hold, since, idle = 0, 0, 0
        for _ in range(3):
            await ctx.tick()
        while not manager.done:
            # Long enough for the reset to follow, so that each one counts.
            if rng.random() < turn and since > 2:
                hold, since = 1 - hold, 0
            ctx.set(dut.hold, hold)
            manager.drive(), inner.drive()
            _, _, rst_n, *values = await ctx.tick().sample(dut.rst_n, *watched)
            resets.append(not rst_n)
            found = after([*manager.ends, *inner.ends], values)
            manager.after(*found[:5]), inner.after(rst_n, *found[5:])
            idle = 0 if any(found) else idle + 1
            since = since + 1 if rst_n != hold else 0
            assert idle < STUCK, "stuck"

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return *ends, resets


def check(asked, answers, inner, instead):
    """Each access has one answer: the unit's, in order, or ``instead``; how many were of the latter."""
    inner, missed = list(inner), 0
    for access, answer in zip(asked, answers, strict=True):
        if inner and inner[0] == (access, answer):
            inner.pop(0)
        else:
            missed += 1
            assert answer == instead
    assert not inner
    return missed


@pytest.mark.many(3)
@pytest.mark.parametrize(("gap", "stall"), [(0, 0), (0.5, 0.5), (0, 0.7), (0.8, 0.1)])
@pytest.mark.parametrize("turn", [0.0, 0.1, 0.5])
def test_every_access_is_answered_once_and_none_reaches_a_unit_in_reset(gap, stall, turn):
    manager, inner, resets = play(80, turn, gap=gap, stall=stall)
    missed = [check(manager.reads, manager.answers["r"], inner.reads, (OKAY, 0)),
              check(manager.writes, manager.answers["b"], inner.writes, OKAY)]
    if turn:
        assert min(missed) > 10
        assert min(len(inner.reads), len(inner.writes)) > 10
        assert sum(now and not before for before, now in pairwise(resets)) > 3
    else:
        assert missed == [0, 0]
        assert not any(resets)


def simulate(dut, bench):
    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_cycles():
    """Those of the docstring; a reset begins and ends with nothing under way."""
    dut = ResetGuard(6)

    async def bench(ctx):
        seen = []
        for hold in (0, 0, 1, 1, 1, 1, 0, 0, 0):
            ctx.set(dut.hold, hold)
            seen.append(ctx.get(dut.rst_n))
            await ctx.tick()
        assert seen == [0, 1, 1, 1, 0, 0, 0, 1, 1]

    simulate(dut, bench)


def test_a_reset_waits_for_what_is_under_way_and_lets_nothing_begin():
    dut = ResetGuard(6)

    async def bench(ctx):
        await ctx.tick().repeat(2)
        bus, inner = dut.bus, dut.inner
        ctx.set(bus.awvalid, 1), ctx.set(inner.awready, 1), ctx.set(inner.arready, 1)
        await ctx.tick()
        ctx.set(bus.awvalid, 0), ctx.set(dut.hold, 1), ctx.set(bus.arvalid, 1)
        await ctx.tick().repeat(20)
        assert (ctx.get(dut.rst_n), ctx.get(bus.arready), ctx.get(inner.arvalid), ctx.get(dut.missed)) == (1, 0, 0, 0)
        # The write that is under way goes on.
        ctx.set(bus.wvalid, 1), ctx.set(inner.wready, 1)
        assert ctx.get(inner.wvalid)
        await ctx.tick()
        ctx.set(bus.wvalid, 0), ctx.set(inner.bvalid, 1), ctx.set(inner.bresp, 2), ctx.set(bus.bready, 1)
        assert (ctx.get(bus.bvalid), ctx.get(bus.bresp), ctx.get(inner.bready)) == (1, 2, 1)
        await ctx.tick()
        ctx.set(inner.bvalid, 0)
        assert (ctx.get(bus.bvalid), ctx.get(bus.arready)) == (0, 0)
        await ctx.tick()
        assert (ctx.get(bus.arready), ctx.get(inner.arvalid)) == (1, 0)
        ctx.set(inner.rdata, 0xFFFF_FFFF), ctx.set(inner.rresp, 3), ctx.set(inner.arready, 0)
        await ctx.tick()
        ctx.set(bus.arvalid, 0)
        assert (ctx.get(dut.rst_n), ctx.get(dut.missed)) == (0, 1)
        assert (ctx.get(bus.rvalid), ctx.get(bus.rdata), ctx.get(bus.rresp)) == (1, 0, 0)

    simulate(dut, bench)


def test_before_real_registers():
    """They have their initial values after a reset, and take accesses again at once."""
    guard = ResetGuard(6)
    bank = AxiLiteRegisters([Register(name="LEVEL", offset=4, bits=32, access="rw", init=5, doc="A level.")], 6)
    top = Module()
    top.submodules.guard = guard
    top.submodules.bank = ResetInserter(~guard.rst_n)(bank)
    connect(top, guard.inner, bank.bus)

    async def bench(ctx):
        async def get():
            ctx.set(guard.bus.araddr, 4), ctx.set(guard.bus.arvalid, 1), ctx.set(guard.bus.rready, 1)
            await ctx.tick().until(guard.bus.arready)
            ctx.set(guard.bus.arvalid, 0)
            for _ in range(20):
                if ctx.get(guard.bus.rvalid):
                    break
                await ctx.tick()
            else:
                raise AssertionError("not answered")
            word = ctx.get(guard.bus.rdata)
            await ctx.tick()
            return word

        await ctx.tick().repeat(2)
        ctx.set(guard.bus.awaddr, 4), ctx.set(guard.bus.wdata, 9), ctx.set(guard.bus.wstrb, 15), ctx.set(guard.bus.bready, 1)
        ctx.set(guard.bus.awvalid, 1), ctx.set(guard.bus.wvalid, 1)
        await ctx.tick()
        ctx.set(guard.bus.awvalid, 0), ctx.set(guard.bus.wvalid, 0)
        await ctx.tick().repeat(4)
        assert await get() == 9
        ctx.set(guard.hold, 1)
        await ctx.tick().repeat(5)
        assert await get() == 0
        ctx.set(guard.hold, 0)
        assert await get() == 5

    simulate(top, bench)
