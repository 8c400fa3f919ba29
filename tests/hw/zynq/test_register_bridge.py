"""The bridge between a strict manager of AXI3 and strict subordinates of AXI4-Lite, and before real registers."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib.wiring import connect
from amaranth.sim import Simulator

from hw.control.axi_lite import AxiLiteRegisters
from hw.control.registers import Register
from hw.zynq.axi3 import PAGE, Burst, Response
from hw.zynq.register_bridge import Page, RegisterBridge
from tests.hw.zynq.bursts import Transaction, transaction
from tests.hw.zynq.channels import Sink, Source, after
from tests.hw.zynq.manager import Manager

PAGES = {"core": Page(0x43C0_0000, 16), "reader": Page(0x4000_0000), "writer": Page(0x4000_1000)}
NOWHERE = (0x4000_2000, 0x43BF_F000, 0x43C1_0000, 0x7FFF_F000, 0, 0x43C0_0000 ^ 1 << 31, 0x4000_0000 ^ 1 << 12 << 5)
STUCK = 400
"""Cycles in which nothing passes though something is to come."""
OKAY, SLVERR, DECERR = (answer.value for answer in (Response.OKAY, Response.SLVERR, Response.DECERR))


def where(address):
    """Name of the page, and place of the word in it."""
    for name, page in PAGES.items():
        if page.base <= address < page.base + page.bytes:
            return name, (address - page.base) // 4 * 4
    return None, None


class Subordinate:
    """A page: answers each access at random, with errors among them, and keeps what it was asked and what it said in the bench's logs."""

    def __init__(self, ctx, port, name, rng, gap, stall, bench):
        self.name, self.rng, self.bench = name, rng, bench
        self.ar, self.aw = Sink(ctx, port, "ar", ["araddr"], rng, stall), Sink(ctx, port, "aw", ["awaddr"], rng, stall)
        self.w = Sink(ctx, port, "w", ["wdata", "wstrb"], rng, stall)
        self.r, self.b = Source(ctx, port, "r", ["rdata", "rresp"], rng, gap), Source(ctx, port, "b", ["bresp"], rng, gap)
        self.ends = [self.ar, self.aw, self.w, self.r, self.b]
        self.address = self.data = None

    def drive(self):
        # One access of each kind at a time.
        self.ar.drive(allowed=not self.r.queue)
        self.aw.drive(allowed=self.address is None and not self.b.queue)
        self.w.drive(allowed=self.data is None and not self.b.queue)
        self.r.drive(), self.b.drive()

    def after(self, ar, aw, w, r, b):
        answer = self.rng.choice((OKAY, OKAY, OKAY, SLVERR, DECERR))
        if ar:
            word = self.rng.getrandbits(32)
            self.bench.reads.append((self.name, ar["araddr"], word, answer))
            self.r.queue.append({"rdata": word, "rresp": answer})
        self.address, self.data = aw or self.address, w or self.data
        if self.address and self.data:
            self.bench.writes.append((self.name, self.address["awaddr"], self.data["wdata"], self.data["wstrb"], answer))
            self.b.queue.append({"bresp": answer})
            self.address = self.data = None


class Bench:
    """Plays bursts through a bridge. ``reads`` and ``writes`` are what reached subordinates, in order; ``manager`` has the answers;
    ``cycles`` those in which something passed, by channel."""

    def __init__(self, reads=(), writes=(), *, gap=0.0, stall=0.0, seed=1):
        self.dut = RegisterBridge(PAGES)
        self.reads, self.writes, self.cycles = [], [], {}
        self.todo = list(reads), list(writes)
        sim = Simulator(self.dut)
        sim.add_clock(1e-6)

        async def bench(ctx):
            await self.play(ctx, random.Random(seed), gap, stall)

        sim.add_testbench(bench)
        sim.run()

    async def play(self, ctx, rng, gap, stall):
        self.manager = manager = Manager(ctx, self.dut.bus, rng, gap, stall)
        ports = {"bus": manager} | {name: Subordinate(ctx, getattr(self.dut, name), name, rng, gap, stall, self) for name in PAGES}
        manager.queue(*self.todo, rng)
        watched = [value for port in ports.values() for end in port.ends for value in end.watched]
        beats, cycle, spare, last = sum(burst.beats for burst in self.todo[0]), 0, 0, 0
        while spare <= 30:
            assert cycle - last < STUCK, f"stuck after {len(manager.read)} of {beats} beats and {len(manager.written)} bursts written"
            for port in ports.values():
                port.drive()
            _, _, *values = await ctx.tick().sample(*watched)
            found = after([end for port in ports.values() for end in port.ends], values)
            for (name, port), k in zip(ports.items(), range(0, len(found), 5), strict=True):
                passed = dict(zip(("ar", "aw", "w", "r", "b"), found[k:k + 5], strict=True))
                port.after(**passed)
                for channel in (channel for channel, what in passed.items() if what):
                    self.cycles.setdefault(f"{name}.{channel}", []).append(cycle)
                    last = cycle
            cycle += 1
            spare += len(manager.read) >= beats and len(manager.written) >= len(self.todo[1])

    def check(self):
        """All that reached subordinates and all that came back is what the bursts ask for."""
        said, expected, asked = iter(self.reads), [], []
        for burst in self.todo[0]:
            for beat, address in enumerate(burst.addresses):
                name, place = where(address)
                asked += [(name, place)] if name else []
                _, _, word, answer = next(said) if name else (None, None, 0, DECERR)
                expected.append({"rid": burst.id, "rdata": word, "rresp": answer, "rlast": beat == burst.beats - 1})
        assert [access[:2] for access in self.reads] == asked
        assert self.manager.read == expected
        said, expected, asked = iter(self.writes), [], []
        for burst in self.todo[1]:
            worst = OKAY
            for address, beat in zip(burst.addresses, burst.data, strict=True):
                name, place = where(address)
                asked += [(name, place, *beat)] if name else []
                worst = max(worst, next(said)[-1] if name else DECERR)
            expected.append({"bid": burst.id, "bresp": worst})
        assert [access[:4] for access in self.writes] == asked
        assert self.manager.written == expected
        return self


def traffic(rng, *, write=False):
    """Bursts to each page four times, and to each place where there is none twice."""
    bases = [(page.base, page.bytes) for page in PAGES.values()] * 4 + [(base, PAGE) for base in NOWHERE] * 2
    rng.shuffle(bases)
    return [transaction(rng, *base, write=write) for base in bases]


@pytest.mark.parametrize(("gap", "stall"), [(0, 0), (0.5, 0), (0, 0.6), (0.4, 0.4), (0.8, 0.1)])
def test_bursts_of_all_kinds(gap, stall):
    """Reads and writes at once, data before and after addresses, pages and none, answers late and of all kinds."""
    rng = random.Random(f"{gap} {stall}")
    bench = Bench(traffic(rng), traffic(rng, write=True), gap=gap, stall=stall).check()
    assert len({name for name, *_ in bench.reads}) == len({name for name, *_ in bench.writes}) == len(PAGES)
    assert {answer["bresp"] for answer in bench.manager.written} == {OKAY, SLVERR, DECERR}


def single(address, *, beats=1, **more):
    return Transaction(5, address, beats, 2, Burst.INCR, tuple((n, 15) for n in range(beats)), **more)


def test_cycles_of_an_access():
    """Those of the docstring, with subordinates that answer in the cycle after they were asked: one cycle sooner than ours."""
    bench = Bench([single(0x4000_0004, beats=3), single(0x4000_0008)], [single(0x4000_0004, beats=3), single(0x4000_0008)]).check()
    ar, r, aw, w, b = (bench.cycles[f"bus.{channel}"] for channel in ("ar", "r", "aw", "w", "b"))
    assert [cycle - ar[0] for cycle in bench.cycles["reader.ar"]] == [2, 5, 8, 13]
    assert [cycle - ar[0] for cycle in r] == [4, 7, 10, 15]
    assert ar[1] - r[2] == 1
    assert aw[0] == w[0]
    assert [cycle - aw[0] for cycle in bench.cycles["reader.w"]] == [2, 6, 10, 15]
    assert [cycle - w[0] for cycle in w] == [0, 4, 8, 12]
    assert [cycle - aw[0] for cycle in b] == [12, 17]


def test_cycles_where_there_is_no_page():
    bench = Bench([single(0, beats=4)], [single(0, beats=4)]).check()
    ar, r, w, b = (bench.cycles[f"bus.{channel}"] for channel in ("ar", "r", "w", "b"))
    assert [cycle - ar[0] for cycle in r] == [3, 5, 7, 9]
    assert [cycle - w[0] for cycle in (*w, *b)] == [0, 3, 6, 9, 12]


def test_the_first_beat_of_data_comes_before_its_address():
    bench = Bench(writes=[single(0x43C0_0FF0, beats=4, first="data"), single(0x4000_0000, beats=2, first="data")], gap=0.8, seed=3).check()
    assert bench.cycles["bus.w"][0] < bench.cycles["bus.aw"][0]


def test_data_alone_reaches_nobody():
    """One beat is taken, and waits; that reads go on is another matter."""
    dut = RegisterBridge(PAGES)

    async def bench(ctx):
        ctx.set(dut.bus.wvalid, 1), ctx.set(dut.bus.wstrb, 15)
        taken = 0
        for _ in range(20):
            taken += ctx.get(dut.bus.wready)
            await ctx.tick()
            assert not any(ctx.get(getattr(dut, name).wvalid | getattr(dut, name).awvalid) for name in PAGES)
        assert taken == 1

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize("address", NOWHERE)
def test_no_page_there(address):
    """All beats are taken and answered, nothing reaches a subordinate, and the next access is as any other."""
    bursts = [single(address, beats=16), single(0x43C0_FFF0)]
    bench = Bench(bursts, bursts, gap=0.3, stall=0.3).check()
    assert [access[:2] for access in bench.reads] == [access[:2] for access in bench.writes] == [("core", 0xFFF0)]


def test_a_reset_takes_nothing():
    """What is on offer meanwhile waits, and is answered after it."""
    bridge, reset = RegisterBridge(PAGES), Signal()
    top = Module()
    top.submodules += ResetInserter(reset)(bridge)
    bus = bridge.bus

    async def bench(ctx):
        await ctx.tick().repeat(3)
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(bus.arvalid, 1), ctx.set(bus.awvalid, 1), ctx.set(bus.wvalid, 1), ctx.set(bus.bready, 1), ctx.set(bus.rready, 1)
        for _ in range(5):
            assert not ctx.get(bus.arready | bus.awready | bus.wready)
            await ctx.tick()
        ctx.set(reset, 0)
        await ctx.tick()
        assert (ctx.get(bus.arready), ctx.get(bus.awready), ctx.get(bus.wready)) == (1, 1, 1)
        await ctx.tick()
        ctx.set(bus.arvalid, 0), ctx.set(bus.awvalid, 0), ctx.set(bus.wvalid, 0)
        answered = set()
        for _ in range(10):
            answered |= {name for name, valid in (("r", bus.rvalid), ("b", bus.bvalid)) if ctx.get(valid)}
            await ctx.tick()
        assert answered == {"r", "b"}

    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_before_real_registers():
    """What a processor writes it reads again, by words, bytes and bursts, and an access of one page leaves the other as it is."""
    words = [Register(name=f"R{k}", offset=4 * k, bits=32, access="rw", init=k, doc="") for k in range(8)]
    bridge = RegisterBridge({"low": Page(0x4000_0000), "high": Page(0x4000_1000)})
    top = Module()
    top.submodules.bridge = bridge
    for name in bridge.pages:
        top.submodules[name] = unit = AxiLiteRegisters(words, 12)
        connect(top, getattr(bridge, name), unit.bus)
    new = [0x1111_0000 * k + 7 for k in range(1, 5)]
    writes = [
        Transaction(1, 0x4000_0008, 4, 2, Burst.INCR, tuple((word, 15) for word in new)),
        Transaction(2, 0x4000_1005, 2, 0, Burst.INCR, ((0xAA00, 2), (0xBB_0000, 4))),
        Transaction(3, 0x4000_2000, 1, 2, Burst.INCR, ((9, 15),)),
        Transaction(4, 0x4000_1018, 2, 2, Burst.FIXED, ((0x5_0005, 15), (6, 3))),
    ]
    reads = [
        Transaction(7, 0x4000_0018, 8, 2, Burst.WRAP), Transaction(8, 0x4000_1004, 5, 0, Burst.INCR),
        Transaction(9, 0x4000_1018, 1, 2, Burst.INCR), Transaction(10, 0x4000_3000, 1, 2, Burst.INCR),
    ]
    cycles = {}

    async def bench(ctx):
        rng = random.Random(4)
        manager = Manager(ctx, bridge.bus, rng, 0, 0)
        for todo, results, count in ((([], writes), manager.written, 4), ((reads, []), manager.read, 15)):
            manager.queue(*todo, rng)
            for cycle in range(200):
                manager.drive()
                _, _, *values = await ctx.tick().sample(*(value for end in manager.ends for value in end.watched))
                passed = dict(zip(("ar", "aw", "w", "r", "b"), after(manager.ends, values), strict=True))
                manager.after(**passed)
                for channel in (channel for channel, what in passed.items() if what):
                    cycles.setdefault(channel, []).append(cycle)
                if len(results) == count:
                    break
        assert [(answer["bid"], answer["bresp"]) for answer in manager.written] == [(1, OKAY), (2, OKAY), (3, DECERR), (4, OKAY)]
        assert [answer["rdata"] for answer in manager.read] == [6, 7, 0, 1, *new, *[0xBB_AA01] * 4, 2, 0x5_0006, 0]
        assert [answer["rresp"] for answer in manager.read] == [OKAY] * 14 + [DECERR]
        assert [answer["rid"] for answer in manager.read] == [7] * 8 + [8] * 5 + [9, 10]

    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert cycles["r"][0] - cycles["ar"][0] == cycles["b"][-1] - cycles["w"][-1] == 5
    assert {later - before for before, later in pairwise(cycles["r"][:8])} == {4}
    assert {later - before for before, later in pairwise(cycles["w"][:4])} == {5}


@pytest.mark.parametrize(("pages", "message"), [
    ({}, "there must be a page"),
    ({"bus": Page(0)}, "a page cannot be called 'bus'"),
    ({"no name": Page(0)}, "a page cannot be called 'no name'"),
    ({"elaborate": Page(0)}, "a page cannot be called 'elaborate'"),
    ({"a": Page(0x4000), "b": Page(0, 16)}, "pages must not overlap: a at 0x4000 and b at 0x0"),
    ({"b": Page(0, 16), "a": Page(0x4000)}, "pages must not overlap: b at 0x0 and a at 0x4000"),
])
def test_pages_that_are_refused(pages, message):
    with pytest.raises(ValueError, match=message):
        RegisterBridge(pages)


@pytest.mark.parametrize(("page", "message"), [
    ((0, 11), "addr_width of a page must be from 12 to 30, not 11"),
    ((0, 31), "addr_width of a page must be from 12 to 30, not 31"),
    ((0x1000, 13), "base must be a multiple of the page's 0x2000 bytes below 2\\*\\*32, not 0x1000"),
    ((1 << 32,), "below 2\\*\\*32, not 0x100000000"),
])
def test_a_page_that_is_refused(page, message):
    with pytest.raises(ValueError, match=message):
        Page(*page)


def test_pages_side_by_side_do_not_overlap():
    low, high = Page(0x4000_0000), Page(0x4000_1000)
    assert not low.overlaps(high)
    assert not high.overlaps(low)
    assert low.overlaps(replace(high, base=0x4000_0000))


def test_verilog():
    texts = [verilog.convert(RegisterBridge(PAGES), strip_internal_attrs=True) for _ in range(2)]
    assert texts[0] == texts[1]
