import random

import pytest
from amaranth.hdl import Module, Signal

from hw.layers.constant_products import LATENCY, constant_products
from hw.layers.static_shape import StaticShape, used_multiples
from tests.hw.layers.pipelines import run
from tests.hw.layers.static_cases import pack


@pytest.mark.parametrize(("pixels", "channels", "bits", "signed"), [(1, 1, 4, False), (2, 3, 4, True), (3, 2, 1, False), (1, 2, 8, True)])
def test_multiples_of_the_last_columns(pixels, channels, bits, signed):
    rng = random.Random(6)
    shape = StaticShape(height=4, width=6, kernel=(2, 3), pad=(0, 1), pixels=pixels)
    weights = [[[[rng.randrange(-128, 128) for _ in range(channels)] for _ in range(3)] for _ in range(2)]]
    used = used_multiples(shape, weights)
    columns, step = Signal(2 * pixels * channels * bits), Signal()
    m = Module()
    found = constant_products(m, columns, step, shape=shape, channels=channels, bits=bits, signed=signed, used=used)
    low = -(1 << (bits - 1)) if signed else 0
    # By step: rows, pixels, channels.
    high = low + (1 << bits)
    drawn = [[[[rng.randrange(low, high) for _ in range(channels)] for _ in range(pixels)] for _ in range(2)] for _ in range(30)]
    rows, taken = [], [-1]      # taken: the number of the last step before each cycle
    for number, block in enumerate(drawn):
        for _ in range(rng.choice([0, 0, 2])):
            rows.append((0, rng.randrange(1 << len(columns))))
            taken.append(taken[-1])
        (beat,) = pack(block, 2 * pixels * channels, bits)
        rows.append((1, beat))
        taken.append(number)
    seen = run(m, [step, columns], list(found.values()), rows)
    assert found
    for at, (row, channel, odd, age) in enumerate(found):
        for cycle in range(len(rows) - LATENCY + 1):
            column = (taken[cycle] + 1) * pixels - 1 - age
            if column >= 0:
                assert seen[cycle][at] == odd * drawn[column // pixels][row][column % pixels][channel]


def test_multiples_are_computed_once():
    """Of what enters, not of what is kept: three columns read 3a and one adder makes it."""
    shape = StaticShape(height=1, width=4, kernel=(1, 3))
    m = Module()
    found = constant_products(m, Signal(4), Signal(), shape=shape, channels=1, bits=4, signed=False,
                              used=used_multiples(shape, [[[[3], [6], [-3]]]]))
    assert [(key, len(value)) for key, value in found.items()] == [((0, 0, 3, age), 6) for age in range(3)]
