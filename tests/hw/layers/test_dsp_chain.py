import random

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from hw.layers.dsp_chain import DspChain
from hw.layers.dsp_packing import packed_weights

# bits, signed, weight_bits, length, pixels
CASES = [(4, False, 4, 4, 2), (4, False, 4, 1, 2), (4, True, 4, 6, 2), (3, False, 7, 1, 2), (2, False, 2, 16, 2), (1, True, 2, 3, 2),
         (8, False, 4, 3, 2), (8, True, 8, 2, 2), (8, False, 8, 1, 2), (4, False, 4, 4, 1), (4, True, 3, 5, 1), (8, False, 8, 2, 1)]


def operands(chain, rng):
    """Activations ``[step][pixel]`` and weights ``[step][output]``: random ones, or all extreme."""
    bits, packing = chain.bits, chain.packing
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if chain.signed else (0, (1 << bits) - 1)
    top = (1 << (chain.weight_bits - 1)) - 1
    extreme = rng.random() < 0.5
    a = [[rng.choice((low, high)) if extreme else rng.randint(low, high) for _ in range(packing.pixels)] for _ in range(chain.length)]
    w = [[rng.choice((-top, top)) if extreme else rng.randint(-top, top) for _ in range(packing.outputs)] for _ in range(chain.length)]
    return a, w


def joined(values, bits):
    return sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values))


def sums(chain, a, w):
    packing = chain.packing
    lanes = [sum(a[step][x] * w[step][y] for step in range(chain.length)) for x in range(packing.pixels) for y in range(packing.outputs)]
    return joined(lanes, packing.field)


@pytest.mark.parametrize("case", CASES)
def test_sums_of_products(case):
    *sizes, pixels = case
    chain = DspChain(*sizes, pixels=pixels, behavioural=True)
    rng = random.Random(5)
    drawn = [operands(chain, rng) for _ in range(60)]
    seen = []

    async def bench(ctx):
        for cycle in range(len(drawn) + chain.latency):
            for step in range(chain.length):
                if 0 <= cycle - step < len(drawn):
                    a, w = drawn[cycle - step]
                    ctx.set(chain.a[step], joined(a[step], chain.bits))
                    ctx.set(chain.w[step], joined(packed_weights(w[step]), chain.weight_bits))
            seen.append(ctx.get(chain.o))
            await ctx.tick()

    sim = Simulator(chain)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    assert chain.latency == chain.length + 3
    assert seen[chain.latency:] == [sums(chain, a, w) for a, w in drawn]


@pytest.mark.parametrize(("pixels", "lanes"), [(2, 4), (1, 3)])
def test_one_slice_a_step(pixels, lanes):
    chain = DspChain(4, False, 4, 4, pixels=pixels)
    assert chain.packing.lanes == lanes
    text = verilog.convert(chain, name="chain", emit_src=False, strip_internal_attrs=True)
    assert text.count("DSP48E1 #(") == 4
    assert "reg " not in text  # all registers are the slices'


def test_errors():
    with pytest.raises(ValueError, match=r"^no DSP48E1 holds 2 products for pixels=2, bits=8, weight_bits=8$"):
        DspChain(8, False, 8, 2)
