"""AXI4-Lite registers: order of address and data, strobes, answers, and back pressure."""

import random

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from hw.control.axi_lite import AxiLiteRegisters
from hw.control.register_map import ADDR_WIDTH, accelerator_registers
from hw.control.registers import Field, Register

REGISTERS = [
    Register(name="ID", offset=0x00, bits=32, access="ro", init=0xCAFE, doc="Constant."),
    Register(name="LIMIT", offset=0x04, bits=12, access="rw", signed=True, init=-5, doc="Signed."),
    Register(name="WORD", offset=0x08, bits=32, access="rw", init=7, doc="Whole word."),
    Register(name="LEVEL", offset=0x0C, bits=9, access="ro", signed=True, doc="Signed, told by the hardware."),
    Register(name="GO", offset=0x10, bits=10, access="pulse", doc="Commands.", fields=(
        Field(name="now", lsb=0, bits=1, doc="In the low byte."), Field(name="later", lsb=8, bits=2, doc="In the next."))),
    Register(name="STATE", offset=0x14, bits=20, access="ro", doc="Fields with a hole.", fields=(
        Field(name="busy", lsb=0, bits=1, doc=""), Field(name="count", lsb=16, bits=4, doc=""))),
    Register(name="FLAG", offset=0x3C, bits=1, access="rw", doc="The last word."),
]
OKAY = 0


class Manager:
    """Drives a bus; each channel waits as many cycles as asked, or at random."""

    def __init__(self, ctx, bus, rng=None):
        self.ctx, self.bus, self.rng = ctx, bus, rng

    def _wait(self, cycles):
        return cycles if self.rng is None else self.rng.randrange(4)

    async def write(self, address, value, strobe=0b1111, *, address_after=0, data_after=0, ready_after=0):
        ctx, bus = self.ctx, self.bus
        waits = {"aw": self._wait(address_after), "w": self._wait(data_after)}
        ready_after = self._wait(ready_after)
        ctx.set(bus.awaddr, address), ctx.set(bus.wdata, value), ctx.set(bus.wstrb, strobe)
        for cycle in range(40):
            for channel, wait in waits.items():
                ctx.set(getattr(bus, f"{channel}valid"), wait is not None and cycle >= wait)
            taken = [c for c, wait in waits.items() if wait is not None and cycle >= wait and ctx.get(getattr(bus, f"{c}ready"))]
            await ctx.tick()
            waits = {c: None if c in taken else wait for c, wait in waits.items()}
            if waits == {"aw": None, "w": None}:
                break
        ctx.set(bus.awvalid, 0), ctx.set(bus.wvalid, 0)
        return await self._answer("b", ready_after, lambda: ctx.get(bus.bresp))

    async def read(self, address, *, ready_after=0):
        ctx, bus = self.ctx, self.bus
        ready_after = self._wait(ready_after)
        ctx.set(bus.araddr, address), ctx.set(bus.arvalid, 1)
        while not ctx.get(bus.arready):
            await ctx.tick()
        await ctx.tick()
        ctx.set(bus.arvalid, 0)
        return await self._answer("r", ready_after, lambda: (ctx.get(bus.rdata), ctx.get(bus.rresp)))

    async def _answer(self, channel, ready_after, get):
        ctx = self.ctx
        valid, ready = getattr(self.bus, f"{channel}valid"), getattr(self.bus, f"{channel}ready")
        for _ in range(40):
            if ctx.get(valid):
                break
            await ctx.tick()
        else:
            raise AssertionError(f"no {channel}valid")
        seen = get()
        for _ in range(ready_after):
            await ctx.tick()
            assert ctx.get(valid), f"{channel}valid fell before {channel}ready"
            assert get() == seen, f"{channel} changed before {channel}ready"
        ctx.set(ready, 1)
        await ctx.tick()
        ctx.set(ready, 0)
        assert not ctx.get(valid), f"a second {channel}valid"
        return seen


def simulate(bench, registers=REGISTERS, addr_width=6, watch=None, preset=()):
    dut = AxiLiteRegisters(registers, addr_width, preset=preset)
    sim = Simulator(dut)
    sim.add_clock(1e-6)

    async def run(ctx):
        await bench(ctx, dut, Manager(ctx, dut.bus))

    sim.add_testbench(run)
    if watch:
        async def watcher(ctx):
            await watch(ctx, dut)

        sim.add_testbench(watcher, background=True)
    sim.run()


@pytest.mark.parametrize(("address_after", "data_after"), [(0, 0), (0, 1), (0, 5), (1, 0), (5, 0)])
@pytest.mark.parametrize("ready_after", [0, 3])
def test_write_in_any_order(address_after, data_after, ready_after):
    async def bench(ctx, dut, manager):
        when = {"address_after": address_after, "data_after": data_after, "ready_after": ready_after}
        for value in (0x12345678, 0xFFFFFFFF, 0):
            assert await manager.write(0x08, value, **when) == OKAY
            assert ctx.get(dut.word) == value
            assert await manager.read(0x08, ready_after=ready_after) == (value, OKAY)
    simulate(bench)


def test_initial_values():
    async def bench(ctx, dut, manager):
        assert await manager.read(0x00) == (0xCAFE, OKAY)
        assert await manager.read(0x04) == (0xFFFFFFFB, OKAY)
        assert await manager.read(0x08) == (7, OKAY)
        assert (ctx.get(dut.limit), ctx.get(dut.word), ctx.get(dut.flag)) == (-5, 7, 0)
    simulate(bench)


def test_preset():
    async def bench(ctx, dut, manager):
        ctx.set(dut.limit_preset, -7)
        assert ctx.get(dut.limit) == 0
        await ctx.tick()
        assert (ctx.get(dut.limit), ctx.get(dut.word)) == (-7, 7)
        ctx.set(dut.limit_preset, 9)
        assert await manager.read(0x04) == (0xFFFFFFF9, OKAY)
        assert await manager.write(0x04, 3) == OKAY
        assert await manager.read(0x04) == (3, OKAY)
    simulate(bench, preset=("LIMIT",))

    async def at_once(ctx, dut, manager):
        ctx.set(dut.limit_preset, -7)
        assert await manager.write(0x04, 3) == OKAY
        assert await manager.read(0x04) == (3, OKAY)
    simulate(at_once, preset=("LIMIT",))
    for name in ("ID", "GO", "NONE"):
        with pytest.raises(ValueError, match=f"preset must be rw registers without fields, not {name}"):
            AxiLiteRegisters(REGISTERS, 6, preset=(name,))


def test_strobes():
    async def bench(ctx, dut, manager):
        value = 7
        for strobe in range(16):
            new = random.Random(strobe).getrandbits(32)
            assert await manager.write(0x08, new, strobe) == OKAY
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
            value = value & ~mask | new & mask
            assert await manager.read(0x08) == (value, OKAY)
        await manager.write(0x04, 0xFFFFF7FF, 0b0010)
        assert ctx.get(dut.limit) == 0x7FB
        await manager.write(0x04, 0x800, 0b0011)
        assert await manager.read(0x04) == (0xFFFFF800, OKAY)
    simulate(bench)


def test_read_only():
    async def bench(ctx, dut, manager):
        for value in (0, 5, 255, -1, -256):
            ctx.set(dut.level, value)
            assert await manager.write(0x0C, 0x55) == OKAY
            assert await manager.read(0x0C) == (value & 0xFFFFFFFF, OKAY)
        ctx.set(dut.state_busy, 1)
        ctx.set(dut.state_count, 9)
        assert await manager.read(0x14) == (0x90001, OKAY)
    simulate(bench)


def test_pulses():
    seen = []

    async def watch(ctx, dut):
        async for _, _, now, later in ctx.tick().sample(dut.go_now, dut.go_later):
            if now or later:
                seen.append((now, later))

    async def bench(ctx, dut, manager):
        for value, strobe in ((0x001, 15), (0x300, 15), (0x201, 15), (0x201, 1), (0x201, 2), (0x201, 12), (0x000, 15)):
            assert await manager.write(0x10, value, strobe, ready_after=4) == OKAY
        assert await manager.read(0x10) == (0, OKAY)
        await ctx.tick()
    simulate(bench, watch=watch)
    assert seen == [(1, 0), (0, 3), (1, 2), (1, 0), (0, 2)]


def test_a_strobe_comes_with_the_new_value():
    """Once for each write that has any byte, in the cycle in which the value is first there; a write of the same value counts."""
    registers = [Register(name="LIMIT", offset=4, bits=12, access="rw", strobe=True, doc=""),
                 Register(name="PARTS", offset=8, bits=8, access="rw", strobe=True, doc="",
                          fields=(Field(name="low", lsb=0, bits=4, doc=""),)),
                 Register(name="PLAIN", offset=12, bits=8, access="rw", doc="")]
    seen = []

    async def watch(ctx, dut):
        async for _, _, limit, parts, value, low in ctx.tick().sample(dut.limit_written, dut.parts_written, dut.limit, dut.parts_low):
            if limit or parts:
                seen.append((limit, parts, value, low))

    async def bench(ctx, dut, manager):
        for offset, value, strobe in ((4, 0x123, 15), (4, 0x123, 15), (4, 0x456, 0), (4, 0x4FF, 2), (12, 5, 15), (8, 7, 15), (16, 1, 15)):
            await manager.write(offset, value, strobe, ready_after=3)
        await ctx.tick()
    simulate(bench, registers, 6, watch=watch)
    assert seen == [(1, 0, 0x123, 0), (1, 0, 0x123, 0), (1, 0, 0x423, 0), (0, 1, 0x423, 7)]


def test_unmapped():
    """An address without a register answers OKAY, reads as 0, changes nothing, and is told once for each access; nothing else is told."""
    told = []

    async def watch(ctx, dut):
        async for _, _, unmapped in ctx.tick().sample(dut.unmapped):
            told.append(unmapped)

    async def bench(ctx, dut, manager):
        for address in (0x18, 0x20, 0x38):
            before = sum(told)
            assert await manager.write(address, 0xFFFFFFFF, ready_after=3) == OKAY
            assert sum(told) == before + 1
            assert await manager.read(address, ready_after=3) == (0, OKAY)
            assert sum(told) == before + 2
        assert await manager.read(0x0A) == (7, OKAY)
        assert (ctx.get(dut.limit), ctx.get(dut.word), ctx.get(dut.flag)) == (-5, 7, 0)
        assert await manager.write(0x3C, 1) == OKAY
        assert await manager.read(0x3C) == (1, OKAY)
        assert await manager.write(0x00, 1) == OKAY
        await ctx.tick().repeat(3)
    simulate(bench, watch=watch)
    assert sum(told) == 6


def test_a_wide_counter_is_of_one_moment():
    """The high word is that of the cycle in which the low one was read, however late it is read itself, and whatever is read between."""
    registers = [Register(name="LOW", offset=0, bits=32, access="ro", doc=""),
                 Register(name="HIGH", offset=4, bits=32, access="ro", read_with="LOW", doc=""),
                 Register(name="OTHER", offset=8, bits=8, access="rw", init=9, doc="")]

    async def bench(ctx, dut, manager):
        async def set_count(value):
            ctx.set(dut.low, value & 0xFFFF_FFFF)
            ctx.set(dut.high, value >> 32)

        assert await manager.read(4) == (0, OKAY)
        for before, after in ((0x5_FFFF_FFFF, 0x6_0000_0000), (0x7_0000_0001, 0x9_1234_5678)):
            await set_count(before)
            assert await manager.read(0) == (before & 0xFFFF_FFFF, OKAY)
            await set_count(after)
            assert await manager.read(8) == (9, OKAY)
            assert await manager.write(0, 5) == OKAY
            assert await manager.read(4) == (before >> 32, OKAY)
            assert await manager.read(4) == (before >> 32, OKAY)
    simulate(bench, registers, 6)


def test_a_field_has_an_access_of_its_own():
    """A kept bit beside commands: every write sets it, and it reads as it is."""
    registers = [Register(name="GO", offset=0, bits=10, access="pulse", doc="", fields=(
        Field(name="now", lsb=0, bits=1, doc=""), Field(name="keep", lsb=8, bits=2, access="rw", doc=""),
        Field(name="seen", lsb=4, bits=1, access="ro", doc="")))]
    pulses = []

    async def watch(ctx, dut):
        async for _, _, now in ctx.tick().sample(dut.go_now):
            pulses.append(now)

    async def bench(ctx, dut, manager):
        ctx.set(dut.go_seen, 1)
        for value, strobe, kept in ((0x201, 15, 2), (0x300, 1, 2), (0x300, 15, 3), (0x311, 1, 3), (0, 15, 0)):
            assert await manager.write(0, value, strobe) == OKAY
            assert ctx.get(dut.go_keep) == kept
            assert await manager.read(0) == (kept << 8 | 1 << 4, OKAY)
    simulate(bench, registers, 6, watch=watch)
    assert sum(pulses) == 2


def test_address_and_data_of_the_next_write_wait():
    """A second write offered before the first one's answer was taken comes after it, whole."""
    async def bench(ctx, dut, manager):
        bus = dut.bus
        ctx.set(bus.awvalid, 1), ctx.set(bus.wvalid, 1), ctx.set(bus.wstrb, 15), ctx.set(bus.awaddr, 0x08)
        accepted = 0
        for cycle in range(12):
            ctx.set(bus.wdata, 100 + accepted)
            accepted += ctx.get(bus.wready)
            await ctx.tick()
            if cycle > 1:
                assert ctx.get(bus.bvalid)
                assert ctx.get(dut.word) == 100
        assert accepted == 2
        ctx.set(bus.awvalid, 0), ctx.set(bus.wvalid, 0), ctx.set(bus.bready, 1)
        await ctx.tick().repeat(2)
        assert ctx.get(bus.bvalid)
        assert ctx.get(dut.word) == 101
        await ctx.tick()
        assert not ctx.get(bus.bvalid)
    simulate(bench)


@pytest.mark.parametrize("seed", range(3))
def test_reads_and_writes_at_once(seed):
    """Reads and writes run independently, with random waits on every channel, against a list of words."""
    registers = [Register(name=f"R{k}", offset=4 * k, bits=32, access="rw", doc="") for k in range(4)]
    dut = AxiLiteRegisters(registers, 5)
    history = {k: [0] for k in range(4)}

    async def writer(ctx):
        rng = random.Random(seed)
        manager = Manager(ctx, dut.bus, rng)
        for _ in range(60):
            word, value = rng.randrange(6), rng.getrandbits(32)
            if word < 4:
                history[word].append(value)
            assert await manager.write(4 * word, value) == OKAY
            if word < 4:
                assert ctx.get(getattr(dut, f"r{word}")) == value

    async def reader(ctx):
        rng = random.Random(100 + seed)
        manager = Manager(ctx, dut.bus, rng)
        for _ in range(60):
            word = rng.randrange(6)
            value, answer = await manager.read(4 * word)
            assert answer == OKAY
            assert value in (history[word][-2:] if word < 4 else [0])

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(writer)
    sim.add_testbench(reader)
    sim.run()


def test_refuses():
    with pytest.raises(ValueError, match="addr_width must be from 2 to 32, not 1"):
        AxiLiteRegisters([], 1)
    with pytest.raises(ValueError, match="both at 0x4"):
        AxiLiteRegisters([REGISTERS[1], Register(name="X", offset=4, bits=1, access="ro", doc="")], 6)
    with pytest.raises(ValueError, match="two registers have the member 'bus'"):
        AxiLiteRegisters([Register(name="BUS", offset=4, bits=1, access="ro", doc="")], 6)
    with pytest.raises(ValueError, match="two registers have the member 'go_now'"):
        AxiLiteRegisters([REGISTERS[4], Register(name="GO_NOW", offset=4, bits=1, access="ro", doc="")], 6)
    with pytest.raises(ValueError, match="two registers have the member 'x_written'"):
        AxiLiteRegisters([Register(name="X_WRITTEN", offset=4, bits=1, access="ro", doc=""),
                          Register(name="X", offset=8, bits=1, access="rw", strobe=True, doc="")], 6)


def test_verilog():
    """The accelerator's own registers convert, the same each time."""
    texts = [verilog.convert(AxiLiteRegisters(accelerator_registers(3, 8, 2), ADDR_WIDTH), strip_internal_attrs=True) for _ in range(2)]
    assert texts[0] == texts[1]
