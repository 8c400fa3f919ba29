"""Values limited to a range, exhaustively at small widths."""

import pytest
from amaranth.hdl import Module, Signal, signed, unsigned
from amaranth.sim import Simulator

from hw.control.clamp import clamp

RANGES = [range(1), range(3, 4), range(9), range(-4, 5), range(-16, 16), range(-20, 21), range(2, 7), range(-7, -2), range(40)]


@pytest.mark.parametrize("shape", [signed(5), unsigned(5)], ids=str)
@pytest.mark.parametrize("limits", RANGES, ids=str)
def test_every_value(shape, limits):
    m = Module()
    value, limited = Signal(shape), Signal(limits)
    m.d.comb += limited.eq(clamp(value, limits))

    async def bench(ctx):
        for given in range(-16, 16) if shape.signed else range(32):
            ctx.set(value, given)
            assert ctx.get(limited) == min(max(given, limits[0]), limits[-1])

    sim = Simulator(m)
    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize("limits", [range(0), range(0, 8, 2)])
def test_refuses(limits):
    with pytest.raises(ValueError, match="limits must be a range of consecutive integers"):
        clamp(Signal(4), limits)
