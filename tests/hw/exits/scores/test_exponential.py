"""E(d) and x against their definition, every distance that matters."""

import random

import pytest

from hw.exits.scores.exponential import Exponential
from tests import plain_policies as plain

GOOD = {"frac_bits": 8, "exponents": [[0, 3, 6, 9]], "guard_bits": 1, "table_bits": 1, "table": [256, 181]}


def sweep(clocked, bits, params, distances):
    """(E, x) of each distance, one a cycle, checked against the definition."""
    dut = Exponential(bits=bits, params=params)
    found = []

    async def bench(ctx):
        for d in distances + [0] * dut.latency:
            ctx.set(dut.d, d)
            found.append((ctx.get(dut.e), ctx.get(dut.x)))
            await ctx.tick()

    clocked(dut, bench)
    for d, (e, x) in zip(distances, found[dut.latency:], strict=True):
        exact, place = plain.exponential(d, params)
        assert e == exact, d
        assert x == place or e == 0, d
    return dut


@pytest.mark.parametrize("bits", [1, 7, 12, 14, 34])
@pytest.mark.parametrize(("scale", "more"), [
    (0.01, {}), (0.002, {"widths": (6, 6, 6), "split": (3, 3, 2)}), (0.05, {"widths": (2, 6), "split": (3, 3, 3), "guard_bits": 0}),
    (0.7, {"widths": (4,), "split": (0, 0, 0), "guard_bits": 4}), (40.0, {"widths": (1,), "frac_bits": 24}),
    (0.02, {"frac_bits": 1, "split": (1, 0, 1)}), (0.004, {"frac_bits": 30, "split": (6, 6, 0), "guard_bits": 8, "widths": (6, 6, 4)}),
])
def test_definition(clocked, bits, scale, more):
    """The value of every small distance, of steps beyond, and of the greatest; one a cycle, after ``latency`` cycles."""
    params = plain.exponential_params(scale, **more)
    last = 2**bits - 1
    near = 1 << sum(len(table).bit_length() - 1 for table in params["exponents"])
    distances = [*range(min(200, last)), *range(200, min(last, near + 70), max(1, near // 150)), near - 1, near, near + 1, last // 2, last]
    sweep(clocked, bits, params, [d for d in distances if d <= last])
    assert plain.exponential(0, params)[0] == 2 ** params["frac_bits"]


@pytest.mark.parametrize("seed", range(12))
def test_any_tables(clocked, seed):
    """Whatever the tables hold, within what is allowed."""
    rng = random.Random(seed)
    params = plain.random_exponential_params(rng, rng.randint(1, 20))
    bits = rng.randint(1, 20)
    sweep(clocked, bits, params, [rng.getrandbits(bits) for _ in range(150)])


@pytest.mark.parametrize(("widths", "bits", "latency"), [
    ((6,), 16, 4), ((6, 6), 16, 5), ((6, 6, 6), 16, 5), ((6, 6, 6, 6), 24, 6), ((6, 6, 6, 6), 16, 5), ((6, 6), 6, 4),
])
def test_latency(widths, bits, latency):
    """Four cycles, and the sum of the exponent tables that d reaches."""
    assert Exponential(bits=bits, params=plain.exponential_params(0.01, widths=widths)).latency == latency


@pytest.mark.parametrize(("change", "message"), [
    ({"frac_bits": 0}, "frac_bits must be from 1 to 30, not 0"),
    ({"frac_bits": 31}, "frac_bits must be from 1 to 30, not 31"),
    ({"exponents": []}, "exponents must be 1 to 8 tables, not 0"),
    ({"exponents": [[0, 1]] * 9}, "exponents must be 1 to 8 tables, not 9"),
    ({"exponents": [[0, 1, 2]]}, "an exponent table must have 2, 4, ... 64 entries from 0 up"),
    ({"exponents": [[0]]}, "an exponent table must have 2, 4, ... 64 entries from 0 up"),
    ({"exponents": [[0, -1]]}, "an exponent table must have 2, 4, ... 64 entries from 0 up"),
    ({"guard_bits": 9}, "guard_bits must be from 0 to 8, not 9"),
    ({"table_bits": 13}, "table_bits must be from 0 to 12, not 13"),
    ({"low_bits": 2}, "low_bits must be from 0 to 1, not 2"),
    ({"table": [256, 200, 100]}, "table must have 2 entries, not 3"),
    ({"low_bits": 1, "table": [200], "low": [9]}, r"low must have 2\*\*low_bits entries, or 2, 4, ... times as many, not 1"),
    ({"low_bits": 1, "table": [200], "low": [9] * 3}, r"low must have 2\*\*low_bits entries, or 2, 4, ... times as many, not 3"),
    ({"low_bits": 1, "table": [200], "low": [9] * 4}, r"low must have 2\*\*low_bits entries, or 2, 4, ... times as many, not 4"),
    ({"table": [-1, 0]}, "table and low must add up to numbers from 0 to 256"),
    ({"table": [512, 0]}, "table and low must add up to numbers from 0 to 256"),
])
def test_refuses(change, message):
    Exponential(bits=8, params=GOOD)
    with pytest.raises(ValueError, match=message):
        Exponential(bits=8, params={**GOOD, **change})


def test_refuses_an_entry_above_one():
    with pytest.raises(ValueError, match="table and low must add up to numbers from 0 to 256"):
        Exponential(bits=8, params={**GOOD, "table": [257, 0]})
