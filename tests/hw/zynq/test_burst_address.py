import random

import pytest
from amaranth.sim import Simulator

from hw.zynq.axi3 import PAGE, Burst
from hw.zynq.burst_address import BurstAddress
from tests.hw.zynq.bursts import addresses


def simulate(cases, *, pause=0.0):
    """Walks through bursts ``(addr, beats, size, burst)``, each straight after the one before, and gives their addresses."""
    dut, found = BurstAddress(), []
    rng = random.Random(1)

    async def bench(ctx):
        for addr, beats, size, burst in cases:
            ctx.set(dut.start, 1), ctx.set(dut.step, rng.randrange(2))
            ctx.set(dut.addr, addr), ctx.set(dut.len, beats - 1), ctx.set(dut.size, size)
            ctx.set(dut.burst.as_value(), getattr(burst, "value", burst))
            await ctx.tick()
            ctx.set(dut.start, 0), ctx.set(dut.addr, rng.getrandbits(32)), ctx.set(dut.len, rng.getrandbits(4))
            ctx.set(dut.size, rng.getrandbits(2)), ctx.set(dut.burst, rng.choice(list(Burst)))
            seen = []
            for beat in range(beats):
                while rng.random() < pause:
                    ctx.set(dut.step, 0)
                    await ctx.tick()
                seen.append(ctx.get(dut.address))
                assert ctx.get(dut.last) == (beat == beats - 1)
                if beat < beats - 1:
                    ctx.set(dut.step, 1)
                    await ctx.tick()
            found.append(seen)

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return found


@pytest.mark.parametrize("burst", list(Burst))
def test_every_beat_is_where_the_standard_has_it(burst):
    """All sizes, all lengths, every place in a word, aligned and not, and the ends of 4 KiB."""
    cases = []
    for size in range(3):
        for beats in (2, 4, 8, 16) if burst is Burst.WRAP else range(1, 17):
            total = beats << size
            starts = range(0, total, 1 << size) if burst is Burst.WRAP else [0, 1, 2, 3, 0x3E, PAGE - total, PAGE - 1]
            for offset in starts:
                if burst is not Burst.INCR or offset + total <= PAGE:
                    cases.append((0xABCD_E000 + 0x40 * (burst is Burst.WRAP) + offset, beats, size, burst))
    assert simulate(cases) == [addresses(*case) for case in cases]


def test_steps_may_come_at_any_time():
    cases = [(0x1003, 5, 1, Burst.INCR), (0x2034, 16, 2, Burst.WRAP), (0x3001, 4, 0, Burst.FIXED), (0x4FF0, 4, 2, Burst.INCR)]
    assert simulate(cases, pause=0.6) == [addresses(*case) for case in cases]


def test_what_axi_forbids_stays_in_its_4_kib():
    found = simulate([(0x7FF8, 4, 2, Burst.INCR), (0x7010, 2, 3, Burst.INCR), (0x7010, 2, 2, 3), (0x7035, 3, 2, Burst.WRAP)])
    assert found[:3] == [[0x7FF8, 0x7FFC, 0x7000, 0x7004], [0x7010, 0x7014], [0x7010, 0x7014]]
    assert all(0x7000 <= address < 0x7040 for address in found[3])
