import pytest
from amaranth.hdl import Module, ResetSignal, Signal
from amaranth.sim import Simulator

from hw.control.soft_reset import stretch_reset


def lengths(requests, *, cycles=4, resets=(), total=40):
    """In which cycles the reset is high, when it is asked for in ``requests`` and the module reset in ``resets``."""
    m, request, reset, hard = Module(), Signal(), Signal(init=1, name="hold"), Signal()
    m.d.comb += ResetSignal("sync").eq(hard)
    stretch_reset(m, request, reset, cycles)
    high = []

    async def bench(ctx):
        for cycle in range(total):
            ctx.set(request, cycle in requests)
            ctx.set(hard, cycle in resets)
            if ctx.get(reset):
                high.append(cycle)
            await ctx.tick()

    sim = Simulator(m)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return high


def test_it_begins_with_a_reset():
    assert lengths(()) == [0, 1, 2, 3]


@pytest.mark.parametrize("cycles", [1, 4, 16])
def test_a_request_holds_for_so_many_cycles(cycles):
    assert lengths((20,), cycles=cycles) == [*range(cycles), *range(21, 21 + cycles)]


def test_another_request_begins_anew():
    assert lengths((10, 13)) == [*range(4), *range(11, 18)]
    assert lengths((10, 11, 12)) == [*range(4), *range(11, 17)]


def test_a_reset_of_the_module_begins_it_too():
    assert lengths((), resets=(10, 11)) == [*range(4), *range(11, 16)]


def test_values_that_cannot_be():
    with pytest.raises(ValueError, match="cycles must be at least 1, not 0"):
        stretch_reset(Module(), Signal(), Signal(init=1), 0)
    with pytest.raises(ValueError, match="reset must have init=1, not 0"):
        stretch_reset(Module(), Signal(), Signal(), 1)
