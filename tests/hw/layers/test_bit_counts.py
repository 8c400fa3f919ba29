import random

import pytest
from amaranth.hdl import Module, Signal

from hw.layers.bit_counts import agreeing_bits, count_cycles
from tests.hw.layers.pipelines import run


@pytest.mark.parametrize("pairs", [*range(1, 20), 27, 28, 64, 100])
def test_the_number_of_places_that_agree(pairs):
    """One count a cycle, extremes among them."""
    m = Module()
    a, b = Signal(pairs), Signal(pairs)
    found = agreeing_bits(m, a, b, behavioural=True)
    rng, full = random.Random(pairs), (1 << pairs) - 1
    drawn = [(value := rng.getrandbits(pairs), rng.choice([value, full & ~value, rng.getrandbits(pairs)])) for _ in range(60)]
    wanted = [pairs - (one ^ other).bit_count() for one, other in drawn]
    seen = [row[0] for row in run(m, [a, b], [found], drawn)]
    cycles = count_cycles(pairs)
    assert seen[cycles:] == wanted[:len(drawn) - cycles]
    assert {0, pairs} <= set(wanted)
    assert len(found) == pairs.bit_length()


@pytest.mark.parametrize(("a", "b"), [(3, 2), (0, 0)])
def test_rows_of_equally_many_bits(a, b):
    with pytest.raises(ValueError, match=rf"^a and b must have equally many bits, at least 1, not {a} and {b}$"):
        agreeing_bits(Module(), Signal(a), Signal(b))
