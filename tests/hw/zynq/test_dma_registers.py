import pytest
from amaranth.sim import Simulator

from hw.zynq.dma_map import ADDR_WIDTH, MAGIC
from hw.zynq.dma_registers import DmaRegisters
from hw.zynq.transfer import Fault
from tests.hw.zynq.lite import Lite

CHANNELS = ("reader", "writer")
EVENTS = ("batch", "reader", "writer")


def simulate(body):
    """Runs ``body(ctx, dut, registers)``."""
    dut = DmaRegisters(128, 32)

    async def bench(ctx):
        await body(ctx, dut, Lite(ctx, dut.bus, dut.registers))

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_what_is_there():
    async def body(ctx, dut, registers):
        assert await registers.get("ID") == MAGIC
        assert (await registers.get("BUS.reader"), await registers.get("BUS.writer")) == (128, 32)
        assert await registers.get("STATUS") == await registers.get("INTERRUPTS") == await registers.get("RESET") == 0

    simulate(body)


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_start_comes_with_its_address_and_length_for_one_cycle(channel):
    async def body(ctx, dut, registers):
        port, other = getattr(dut, channel), getattr(dut, next(name for name in CHANNELS if name != channel))
        await registers.set(f"{channel.upper()}_ADDRESS", 0xFEDC_BA98)
        await registers.set(f"{channel.upper()}_LENGTH", 0xFFFF_FFFF)
        await registers.set(f"CONTROL.{channel}_start", 1, wait=False)
        assert (ctx.get(port.start), ctx.get(port.abort), ctx.get(port.address), ctx.get(port.length)) == (1, 0, 0xFEDC_BA98, (1 << 26) - 1)
        assert (ctx.get(other.start), ctx.get(other.abort), ctx.get(other.address), ctx.get(other.length)) == (0, 0, 0, 0)
        await ctx.tick()
        assert ctx.get(port.start) == 0
        await registers.set(f"CONTROL.{channel}_abort", 1, wait=False)
        assert (ctx.get(port.start), ctx.get(port.abort), ctx.get(other.start), ctx.get(other.abort)) == (0, 1, 0, 0)
        await ctx.tick()
        assert ctx.get(port.abort) == 0

    simulate(body)


def test_both_begin_with_one_write_and_an_abort_goes_before_a_start():
    async def body(ctx, dut, registers):
        await registers.set("CONTROL", 0b00011, wait=False)
        assert (ctx.get(dut.reader.start), ctx.get(dut.writer.start)) == (1, 1)
        await ctx.tick()
        await registers.set("CONTROL", 0b00111, wait=False)
        assert [ctx.get(signal) for signal in (dut.reader.start, dut.reader.abort, dut.writer.start, dut.writer.abort)] == [0, 1, 1, 0]
        await ctx.tick()
        await registers.set("CONTROL", 0b01011, wait=False)
        assert [ctx.get(signal) for signal in (dut.reader.start, dut.reader.abort, dut.writer.start, dut.writer.abort)] == [1, 0, 0, 1]

    simulate(body)


@pytest.mark.parametrize("channel", CHANNELS)
def test_the_state_of_a_channel(channel):
    async def body(ctx, dut, registers):
        port = getattr(dut, channel)
        ctx.set(port.busy, 1)
        for fault in Fault:
            ctx.set(port.error, fault)
            assert await registers.get(f"STATUS.{channel}_error") == fault.value
            found = await registers.get("STATUS")
            assert found & ~(3 << registers.place(f"STATUS.{channel}_error")[1]) == 1 << registers.place(f"STATUS.{channel}_busy")[1]
        ctx.set(dut.writer.written, (1 << 26) - 3)
        assert await registers.get("WRITER_WORDS") == (1 << 26) - 3

    simulate(body)


def test_the_reset_stays_as_it_is_written():
    async def body(ctx, dut, registers):
        assert ctx.get(dut.hold) == 0
        await registers.set("RESET", 1)
        assert (ctx.get(dut.hold), await registers.get("RESET"), await registers.get("STATUS.in_reset")) == (1, 1, 0)
        ctx.set(dut.in_reset, 1)
        assert await registers.get("STATUS.in_reset") == 1
        await registers.set("CONTROL", 0b11111)
        assert ctx.get(dut.hold) == 1
        await registers.set("RESET", 0)
        assert ctx.get(dut.hold) == 0

    simulate(body)


def test_sticky_bits():
    async def body(ctx, dut, registers):
        ctx.set(dut.missed, 1)
        await ctx.tick()
        ctx.set(dut.missed, 0)
        assert await registers.get("STATUS") == 1 << registers.place("STATUS.missed")[1]
        await registers.set("CONTROL.clear", 1)
        assert await registers.get("STATUS") == 0
        assert await registers.read((1 << ADDR_WIDTH) - 4) == 0
        assert await registers.get("STATUS") == 1 << registers.place("STATUS.bad_address")[1]
        await registers.set("CONTROL.clear", 1)
        assert await registers.get("STATUS") == 0

    simulate(body)


def test_what_the_ports_fifos_hold():
    async def body(ctx, dut, registers):
        levels = {"rcount": 0x81, "wcount": 0x42, "racount": 5, "wacount": 0x29}
        for name, level in levels.items():
            ctx.set(getattr(dut, f"hp0_{name}"), level)
        assert {name: await registers.get(f"HP0.{name}") for name in levels} == levels

    simulate(body)


async def happens(ctx, dut, event):
    """Makes it happen in the cycle that is over then."""
    if event == "batch":
        ctx.set(dut.batch_done, 1)
        await ctx.tick()
        ctx.set(dut.batch_done, 0)
    else:
        port = getattr(dut, event)
        ctx.set(port.busy, 1)
        await ctx.tick()
        ctx.set(port.busy, 0)
        await ctx.tick()


@pytest.mark.parametrize("event", EVENTS)
def test_an_interrupt_lasts_until_it_is_cleared(event):
    async def body(ctx, dut, registers):
        bit = 1 << EVENTS.index(event)
        await registers.set("INTERRUPTS_ENABLE", 7 ^ bit)
        await happens(ctx, dut, event)
        await ctx.tick().repeat(10)
        assert (ctx.get(dut.irq), await registers.get("INTERRUPTS")) == (0, bit)
        await registers.set("INTERRUPTS_ENABLE", bit)
        await ctx.tick().repeat(10)
        assert ctx.get(dut.irq) == 1
        await registers.set("INTERRUPTS_CLEAR", 7 ^ bit)
        await ctx.tick()
        assert (ctx.get(dut.irq), await registers.get("INTERRUPTS")) == (1, bit)
        await registers.set("INTERRUPTS_CLEAR", bit)
        await ctx.tick()
        assert (ctx.get(dut.irq), await registers.get("INTERRUPTS")) == (0, 0)
        await happens(ctx, dut, event)
        await ctx.tick()
        assert ctx.get(dut.irq) == 1

    simulate(body)


def test_what_happens_while_it_is_cleared_stays():
    async def body(ctx, dut, registers):
        await registers.set("INTERRUPTS_CLEAR", 1, wait=False)
        await happens(ctx, dut, "batch")
        assert await registers.get("INTERRUPTS") == 1

    simulate(body)


@pytest.mark.parametrize("channel", CHANNELS)
def test_silence_is_counted_while_something_is_owed(channel):
    async def body(ctx, dut, registers):
        port, name = getattr(dut, channel), f"{channel.upper()}_SILENT"
        ctx.set(port.busy, 1)
        await ctx.tick().repeat(20)
        assert await registers.get(name) == 0
        ctx.set(port.owed, 1)
        # What is read is of the cycle after the one in which it is asked for, and an access takes three cycles.
        assert await registers.get(name) == 0
        await ctx.tick().repeat(40)
        assert await registers.get(name) == 43
        ctx.set(port.moved, 1)
        await ctx.tick()
        ctx.set(port.moved, 0)
        await ctx.tick().repeat(10)
        assert await registers.get(name) == 10
        ctx.set(port.owed, 0)
        await ctx.tick().repeat(2)
        assert await registers.get(name) == 0

    simulate(body)


def test_the_count_of_silence_does_not_begin_again(monkeypatch):
    monkeypatch.setattr("hw.zynq.dma_map.SILENT_BITS", 5)

    async def body(ctx, dut, registers):
        ctx.set(dut.reader.owed, 1)
        for _ in range(3):
            await ctx.tick().repeat(40)
            assert await registers.get("READER_SILENT") == 16

    simulate(body)
