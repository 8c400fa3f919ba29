import random

import pytest
from amaranth.hdl import Const, Module, Shape, Signal, signed, unsigned

from hw.layers.across_maximum import across_cycles, across_maximum
from tests.hw.layers.pipelines import run


@pytest.mark.parametrize(("lanes", "pool"), [(1, 1), (2, 1), (2, 2), (4, 2), (6, 3), (3, 3), (1, 2), (1, 3), (2, 4), (4, 4)])
@pytest.mark.parametrize("gaps", [0, 0.4])
def test_maximum_over_neighbours(lanes, pool, gaps):
    rng = random.Random(5)
    shapes = [signed(5), unsigned(4)]
    inputs = [[Signal(shape) for shape in shapes] for _ in range(lanes)]
    valid = Signal()
    m = Module()
    done, maxima = across_maximum(m, valid, inputs, shapes, pool)
    m.d.sync += Signal().eq(1)
    positions = [[rng.randrange(-16, 16), rng.randrange(16)] for _ in range(lanes * pool * 12)]
    rows, at = [], 0
    while at < len(positions):
        if rng.random() < gaps:
            rows.append([0] + [rng.randrange(16) for _ in range(2 * lanes)])
            continue
        rows.append([1, *(value for position in positions[at:at + lanes] for value in position)])
        at += lanes
    cycles = across_cycles(lanes, pool)
    flat = [value for lane in maxima for value in lane]
    seen = run(m, [valid, *(value for lane in inputs for value in lane)], [done, *flat], rows + [[0] * (1 + 2 * lanes)] * cycles)
    found = [value for flag, *values in seen if flag for value in values]
    expected = [max(position[channel] for position in positions[start:start + pool])
                for start in range(0, len(positions), pool) for channel in range(2)]
    assert found == expected
    last = max(cycle for cycle, (flag, *_) in enumerate(seen) if flag)
    assert last == len(rows) - 1 + cycles


def test_a_constant_channel_stays_one():
    _, maxima = across_maximum(Module(), Signal(), [[Const(0)], [Const(0)]], [Shape.cast(range(1))], 2)
    assert isinstance(maxima[0][0], Const)
