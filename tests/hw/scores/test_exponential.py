"""E(d) against its definition, every distance that matters."""

import math
from itertools import pairwise

import pytest
from amaranth.sim import Simulator
from hypothesis import given
from hypothesis import strategies as st

from hw.scores.exponential import Exponential, signed_digits


@given(st.integers(0, 2**40))
def test_signed_digits(number):
    digits = signed_digits(number)
    assert sum(sign << exponent for exponent, sign in digits) == number
    places = [exponent for exponent, _ in digits]
    assert all(later - place >= 2 for place, later in pairwise(places))


@pytest.mark.parametrize(("bits", "scale", "frac_bits", "table_bits", "mult_frac"), [
    (16, 0.0011, 16, 6, 18), (16, 0.05, 16, 8, 14), (12, 0.02, 12, 0, 1), (12, 0.3, 8, 4, 10), (5, 0.01, 16, 6, 16),
    (12, 60.0, 16, 6, 12), (40, 0.004, 24, 10, 20),
])
def test_definition(bits, scale, frac_bits, table_bits, mult_frac):
    """The value of every small distance, of steps beyond, and of the greatest; one a cycle, after ``latency`` cycles."""
    table = [round(2**frac_bits * 2 ** (-f / 2**table_bits)) for f in range(2**table_bits)]
    mult = max(1, round(scale / math.log(2) * 2**mult_frac))
    dut = Exponential(bits=bits, frac_bits=frac_bits, mult=mult, mult_frac=mult_frac, table=table)
    last = 2**bits - 1
    distances = [*range(min(300, last)), *range(300, min(last, 30 * round(1 / scale) + 400), 41), last // 2, last // 2 + 1, last]
    expected = []
    for d in distances:
        x = (d * mult + 2 ** (mult_frac - table_bits - 1)) >> (mult_frac - table_bits)
        n, f = x >> table_bits, x % 2**table_bits
        expected.append(table[f] >> n if n <= frac_bits else 0)
    found = []

    async def bench(ctx):
        for d in distances + [0] * dut.latency:
            ctx.set(dut.d, d)
            found.append(ctx.get(dut.e))
            await ctx.tick()

    sim = Simulator(dut)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert found[dut.latency:] == expected
    assert expected[0] == 2**frac_bits


@pytest.mark.parametrize(("change", "message"), [
    ({"frac_bits": 25}, "frac_bits must be from 1 to 24, not 25"),
    ({"mult": 0}, r"mult must be from 1 to 2\*\*32 - 1, not 0"),
    ({"table": [256, 200, 100]}, "table must have .* not 3"),
    ({"table": [257, 0]}, "table must have integers from 0 to 256, not 257"),
    ({"mult_frac": 1}, "mult_frac must be from 2 to 48, not 1"),
])
def test_refuses(change, message):
    with pytest.raises(ValueError, match=message):
        Exponential(**{"bits": 8, "frac_bits": 8, "mult": 9, "mult_frac": 8, "table": [256, 181], **change})
