import random

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from hw.layers.lut_chain import LutChain, lut_delays

# bits, signed, weight_bits, length, pixels
CASES = [(4, False, 4, 8, 2), (4, False, 4, 1, 1), (4, True, 4, 5, 2), (3, False, 7, 3, 2), (2, False, 2, 16, 2), (1, True, 2, 3, 1),
         (1, False, 3, 4, 1), (8, False, 4, 3, 2), (8, True, 8, 4, 2), (8, False, 8, 2, 1), (4, False, 5, 4, 1), (5, True, 3, 6, 1)]


def joined(values, bits):
    return sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values))


def operands(chain, rng):
    """Activations ``[product][pixel]`` and a weight of each product: random ones, or all extreme."""
    low, high = (-(1 << (chain.bits - 1)), (1 << (chain.bits - 1)) - 1) if chain.signed else (0, (1 << chain.bits) - 1)
    top = (1 << (chain.weight_bits - 1)) - 1
    extreme = rng.random() < 0.5
    a = [[rng.choice((low, high)) if extreme else rng.randint(low, high) for _ in range(chain.pixels)] for _ in range(chain.length)]
    return a, [rng.choice((-top, top)) if extreme else rng.randint(-top, top) for _ in range(chain.length)]


@pytest.mark.parametrize("case", CASES)
def test_sums_of_products(case):
    *sizes, pixels = case
    chain = LutChain(*sizes, pixels=pixels)
    delays, rng, seen = lut_delays(chain.weight_bits, chain.length), random.Random(5), []
    drawn = [operands(chain, rng) for _ in range(80)]
    # all of one sign, so that sums reach their extremes
    top, most = (1 << (chain.weight_bits - 1)) - 1, (1 << (chain.bits - 1)) - 1 if chain.signed else (1 << chain.bits) - 1
    drawn += [([[most] * pixels] * chain.length, [sign * top] * chain.length) for sign in (1, -1)]

    async def bench(ctx):
        for cycle in range(len(drawn) + chain.latency):
            for product, delay in enumerate(delays):
                if 0 <= cycle - delay < len(drawn):
                    ctx.set(chain.a[product], joined(drawn[cycle - delay][0][product], chain.bits))
                if 0 <= cycle - delay - 1 < len(drawn):
                    ctx.set(chain.w[product], drawn[cycle - delay - 1][1][product] % (1 << chain.weight_bits))
            seen.append(ctx.get(chain.o))
            await ctx.tick()

    sim = Simulator(chain)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    wanted = [joined([sum(a[at][pixel] * w[at] for at in range(chain.length)) for pixel in range(pixels)], chain.packing.field)
              for a, w in drawn]
    assert seen[chain.latency:] == wanted


@pytest.mark.parametrize(("weight_bits", "length", "delays"), [
    (2, 5, (0, 0, 1, 1, 2)), (4, 4, (0, 1, 2, 3)), (5, 4, (0, 1, 3, 4)), (8, 3, (0, 2, 4))])
def test_operands_come_as_rows_begin(weight_bits, length, delays):
    assert lut_delays(weight_bits, length) == delays


def test_no_multiplication_is_left_to_the_synthesiser():
    text = verilog.convert(LutChain(8, True, 8, 2), name="chain", emit_src=False, strip_internal_attrs=True)
    assert " * " not in text


def test_errors():
    with pytest.raises(ValueError, match=r"^weight_bits must be at least 2, not 1$"):
        LutChain(4, False, 1, 2)
