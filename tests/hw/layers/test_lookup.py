import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hw.layers.lookup import look_up


@pytest.mark.parametrize(("row", "bits", "is_signed"), [([3, 0, 5, 1], 3, False), ([-2, 3, 1], 3, True),
                                                        ([4] * 5, 3, False), ([-1], 1, True),
                                                        ([0, 0], 0, False), (list(range(70)), 7, False)])
def test_gives_the_entry(row, bits, is_signed):
    m = Module()
    at, value = Signal(range(max(2, len(row)))), Signal(range(-100, 100))
    found = look_up(row, at)
    assert (found.shape().width, found.shape().signed) == (bits, is_signed)
    m.d.comb += value.eq(found)

    async def bench(ctx):
        for number, entry in enumerate(row):
            ctx.set(at, number)
            assert ctx.get(value) == entry

    sim = Simulator(m)
    sim.add_testbench(bench)
    sim.run()


def test_an_empty_table():
    with pytest.raises(ValueError, match=r"^a table has at least one entry$"):
        look_up([], Signal())
