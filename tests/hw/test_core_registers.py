"""Which register sets and tells what of the core."""

import dataclasses

import pytest
from amaranth.hdl import Module, Value
from amaranth.sim import Simulator

from hw.accelerator import build_id, registers
from hw.control.registers import offsets
from hw.core import AcceleratorCore, counted_streams
from hw.core_registers import connect_registers
from hw.exits.decision import Mode
from tests import toy

BY_CLASS = {"score": "max_logit", "score_params": {}, "thresholds": [0, 0, 0]}
SHAPE = {"exits": 3, "policies": ("max_logit", "class_threshold"), "params": ({}, BY_CLASS), "thresholds": (-700, 5)}


def simulate(netlist, bench):
    """``bench(ctx, core, write, read)`` beside the bank of a core that is not there: its outputs are for the bench to set."""
    m, core = Module(), AcceleratorCore(netlist)
    bus = connect_registers(m, core, registers(netlist))
    at = offsets(registers(netlist))

    async def write(ctx, name, value):
        ctx.set(bus.awaddr, at.get(name, name))
        ctx.set(bus.wdata, value & 0xFFFF_FFFF)
        ctx.set(bus.wstrb, 15)
        for signal in (bus.awvalid, bus.wvalid, bus.bready):
            ctx.set(signal, 1)
        await ctx.tick()
        ctx.set(bus.awvalid, 0)
        ctx.set(bus.wvalid, 0)
        await ctx.tick()

    async def read(ctx, name):
        ctx.set(bus.araddr, at.get(name, name))
        ctx.set(bus.arvalid, 1)
        ctx.set(bus.rready, 1)
        await ctx.tick()
        ctx.set(bus.arvalid, 0)
        await ctx.tick()
        assert ctx.get(bus.rvalid)
        value = ctx.get(bus.rdata)
        await ctx.tick()
        return value

    async def run(ctx):
        await bench(ctx, core, write, read)

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(run)
    sim.run()


def test_what_the_host_writes_is_set_of_the_core():
    async def bench(ctx, core, write, read):
        assert (ctx.get(core.exit0.threshold), ctx.get(core.exit1.threshold), ctx.get(core.batch_length)) == (-700, 5, 1)
        assert [ctx.get(getattr(core, f"exit{k}").enable) for k in range(3)] == [1, 1, 1]
        await write(ctx, "THRESHOLD_0", -3)
        await write(ctx, "ENABLE_1", 0)
        await write(ctx, "BATCH_LENGTH", 12345678)
        await write(ctx, "MODE_2", 2)
        assert (ctx.get(core.exit0.threshold), ctx.get(core.exit1.enable), ctx.get(core.batch_length)) == (-3, 0, 12345678)
        assert [ctx.get(getattr(core, f"exit{k}").mode) for k in range(3)] == [Mode.POLICY, Mode.POLICY, Mode.NEVER]
        await write(ctx, "MODE_1", 2 << 16 | 1)
        assert (ctx.get(core.exit1.class_index), ctx.get(core.exit1.threshold_written)) == (2, 0)
        await write(ctx, "THRESHOLD_1", 77)
        assert (ctx.get(core.exit1.threshold), ctx.get(core.exit1.threshold_written)) == (77, 1)
        await ctx.tick()
        assert ctx.get(core.exit1.threshold_written) == 0
        commands = (core.soft_reset, core.clear_counters, core.discard)
        for value in range(16):
            await write(ctx, "CONTROL", value)
            assert [ctx.get(command) for command in (*commands, core.check_tlast)] == [value >> bit & 1 for bit in range(4)]
            await ctx.tick()
            assert [ctx.get(command) for command in (*commands, core.check_tlast)] == [0, 0, 0, value >> 3]
            assert await read(ctx, "CONTROL") == value & 8

    simulate(toy.build(None, **SHAPE), bench)


def test_what_the_core_tells_is_read():
    netlist = toy.build(None, **SHAPE)
    streams = counted_streams(netlist)
    told = {"SAMPLES_IN": "samples_in", "SAMPLES_OUT": "samples_out", **{f"EXIT_COUNT_{k}": f"exit_count{k}" for k in range(3)},
            **{f"STALL_{j}": f"stall_{name}" for j, name in enumerate(streams)},
            **{f"OCCUPANCY_MAX_{j}": f"occupancy_{name}" for j, name in enumerate(streams)},
            **{f"GATE_OCCUPANCY_MAX_{k}": f"gate_occupancy{k}" for k in range(2)}}

    async def bench(ctx, core, write, read):
        values = {}
        for n, (register, name) in enumerate(told.items()):
            signal = getattr(core, name)
            values[register] = (0x9000_0001 + n) % (1 << len(signal))
            ctx.set(signal, values[register])
        ctx.set(core.cycles, 0x1234_5678_9ABC_DEF0)
        ctx.set(core.in_flight, 5)
        ctx.set(core.busy, 1)
        ctx.set(core.tlast_errors, 0xA7)
        values |= {"CYCLES_LO": 0x9ABC_DEF0, "CYCLES_HI": 0x1234_5678, "STATUS": 5 << 16 | 0xA7 << 8 | 1 << 2 | 1,
                   "BUILD": build_id(netlist), "CLASSES": 3, "STREAMS": len(streams)}
        assert {register: await read(ctx, register) for register in values} == values

    simulate(netlist, bench)


def test_status_tells_of_a_pending_result_and_of_bad_addresses():
    """The sticky bit stays until a command that clears counters."""
    async def bench(ctx, core, write, read):
        ctx.set(core.output_pending, 1)
        assert await read(ctx, "STATUS") == 2
        ctx.set(core.output_pending, 0)
        for command in (1, 2):
            assert await read(ctx, "STATUS") == 0
            assert await read(ctx, 0xFFC) == 0
            assert await read(ctx, "STATUS") == 8
            assert await read(ctx, "ID") == 0x4F465250
            await write(ctx, "CONTROL", 8)
            assert await read(ctx, "STATUS") == 8
            await write(ctx, "CONTROL", command)
            await ctx.tick()
            assert await read(ctx, "STATUS") == 0
            await write(ctx, 0x038, 1)
            assert await read(ctx, "STATUS") == 8
            await write(ctx, "CONTROL", command)

    simulate(toy.build(None, **SHAPE), bench)


def test_exchangeable_heads_have_their_first_values_in_a_memory():
    netlist = dataclasses.replace(toy.build(None, exits=3, thresholds=(-700, 900)), exchangeable=True)

    async def bench(ctx, core, write, read):
        await ctx.tick()
        assert (ctx.get(core.exit0.threshold), ctx.get(core.exit1.threshold)) == (-700, 900)
        assert await read(ctx, "BUILD") == build_id(netlist)
        assert await read(ctx, "THRESHOLD_0") == -700 & 0xFFFF_FFFF

    simulate(netlist, bench)


@pytest.mark.parametrize("exchangeable", [False, True])
def test_the_last_exit_needs_no_threshold(exchangeable):
    netlist = dataclasses.replace(toy.build(None), exchangeable=exchangeable)
    core = AcceleratorCore(netlist)
    connect_registers(Module(), core, registers(netlist))
    assert not hasattr(core.exit1, "threshold")
    assert len(Value.cast(core.exit1.mode)) == 2
