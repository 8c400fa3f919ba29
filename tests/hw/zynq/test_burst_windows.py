import pytest
from amaranth.sim import Simulator

from hw.zynq.axi3 import PAGE
from hw.zynq.burst_windows import BurstWindows

LAST = (1 << 32) - PAGE


def walk(first, windows, upto, burst=16):
    """Address and length of the bursts of a transfer that ends at beat ``upto`` of its last window."""
    dut, found = BurstWindows(burst), []

    async def bench(ctx):
        ctx.set(dut.load, 1), ctx.set(dut.first, first)
        await ctx.tick()
        ctx.set(dut.load, 0), ctx.set(dut.first, 0x1234_5678)
        for window in range(windows):
            ctx.set(dut.upto, upto if window == windows - 1 else burst - 1)
            await ctx.tick().repeat(2)
            found.append((ctx.get(dut.address), ctx.get(dut.len) + 1))
            ctx.set(dut.step, 1)
            await ctx.tick()
            ctx.set(dut.step, 0)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return found


@pytest.mark.parametrize(("first", "windows", "upto", "bursts"), [
    (0, 1, 0, [(0, 1)]),
    (0, 2, 15, [(0, 16), (128, 16)]),
    (LAST, 3, 4, [(LAST, 16), (LAST + 128, 16), (LAST + 256, 5)]),
    (PAGE - 64, 3, 0, [(PAGE - 64, 8), (PAGE, 16), (PAGE + 128, 1)]),
    (64, 1, 8, [(64, 1)]),
    (64, 1, 15, [(64, 8)]),
    (0x7FFF_FF80, 2, 7, [(0x7FFF_FF80, 16), (0x8000_0000, 8)]),
    (63, 1, 2, [(0, 3)]),
])
def test_bursts(first, windows, upto, bursts):
    assert walk(first, windows, upto) == bursts


def test_shorter_bursts():
    assert walk(PAGE + 16, 3, 1, burst=4) == [(PAGE + 16, 2), (PAGE + 32, 4), (PAGE + 64, 2)]
    assert BurstWindows(4).aligned_bits == 4
    assert BurstWindows(16).aligned_bits == 6


def test_errors():
    with pytest.raises(ValueError, match=r"^burst must be 4, 8 or 16, not 32$"):
        BurstWindows(32)
