"""Sums by levels: value, range and number of levels, with terms to be added and terms to be subtracted."""

import random

import pytest
from amaranth.hdl import Module, Signal, signed

from hw.exits.scores.add_tree import Term, add_tree, tree_levels


@pytest.mark.parametrize(("terms", "radix", "levels"), [
    (1, 2, 0), (2, 2, 1), (3, 2, 2), (8, 2, 3), (9, 2, 4), (3, 3, 1), (4, 3, 2), (9, 3, 2), (10, 3, 3), (10, 4, 2), (16, 4, 2), (17, 4, 3),
])
def test_tree_levels(terms, radix, levels):
    assert tree_levels(terms, radix) == levels


@pytest.mark.parametrize("count", [1, 2, 3, 4, 9, 10])
@pytest.mark.parametrize("radix", [2, 3, 4])
@pytest.mark.parametrize("signs", ["all added", "all subtracted", "mixed", "one added"])
def test_add_tree(clocked, count, radix, signs):
    levels = tree_levels(count, radix)
    rng = random.Random(count)
    negative = {"all added": [False] * count, "all subtracted": [True] * count, "mixed": [rng.random() < 0.5 for _ in range(count)],
                "one added": [at != count // 2 for at in range(count)]}[signs]
    m = Module()
    values = [Signal(signed(6)) for _ in range(count)]
    total = add_tree(m, [Term(value, -32, 31, sign) for value, sign in zip(values, negative, strict=True)], radix)
    shown = Signal(signed(16))
    m.d.comb += shown.eq(-total.value if total.negative else total.value)
    least = sum(-31 if sign else -32 for sign in negative)
    assert total.negative == all(negative)
    assert (total.least, total.most) == ((-32 * count, 31 * count) if total.negative else (least, least + 63 * count))
    assert count == 1 or total.value.shape() == Signal(range(total.least, total.most + 1)).shape()
    extremes = [[-32 if sign == up else 31 for sign in negative] for up in (False, True)]
    rows = [*extremes, [-32] * count, [31] * count, *([rng.randint(-32, 31) for _ in range(count)] for _ in range(20))]
    found = []

    async def bench(ctx):
        for row in rows + [[0] * count] * levels:
            for value, number in zip(values, row, strict=True):
                ctx.set(value, number)
            found.append(ctx.get(shown))
            await ctx.tick()

    m.d.sync += Signal().eq(0)  # a clock even where there is no level
    clocked(m, bench)
    assert found[levels:] == [sum(-value if sign else value for value, sign in zip(row, negative, strict=True)) for row in rows]
