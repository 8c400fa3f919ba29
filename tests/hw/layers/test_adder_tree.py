import random

import pytest
from amaranth.hdl import Module, Shape, Signal

from hw.layers.adder_tree import adder_trees
from hw.layers.sum_plan import plan_sums
from tests.hw.layers.pipelines import run

ROWS = {
    "one": [[1]], "negative": [[-1]], "shifted": [[4]], "negative and shifted": [[-4]], "two": [[3, -5]], "low bits pass by": [[1, 8]],
    "a negative one with a low shift": [[-1, 8]], "far apart": [[1, 0, 64]], "all negative": [[-1, -2, -3, -7]],
    "all equal": [[3] * 9], "zeros": [[0, 0], [1, 0]], "shared": [[1, 2, 0, 5], [-4, -8, 7, 0], [2, 4, 1, 1]],
    "eight bits": [[-128, 127, 9, -77], [93, -45, 18, 0]],
}


@pytest.mark.parametrize("name", ROWS)
@pytest.mark.parametrize(("least", "most"), [(0, 15), (-8, 7), (0, 1)])
def test_sums(name, least, most):
    rows = ROWS[name]
    plans = plan_sums(rows, least, most)
    m = Module()
    values = {}

    def value(number, odd):
        return values.setdefault((number, odd), Signal(Shape.cast(range(odd * least, odd * most + 1)), name=f"of{number}_{odd}"))

    sums = adder_trees(m, plans, value, behavioural=True)
    m.d.sync += Signal().eq(1)
    rng = random.Random(2)
    drawn = [[rng.choice([least, most, rng.randint(least, most)]) for _ in rows[0]] for _ in range(60)]
    keys = list(values)
    seen = run(m, list(values.values()), sums, [[odd * inputs[number] for number, odd in keys] for inputs in drawn])
    for at, (row, plan) in enumerate(zip(rows, plans, strict=True)):
        expected = [sum(weight * given for weight, given in zip(row, inputs, strict=True)) for inputs in drawn]
        assert [line[at] for line in seen[plan.depth:]] == expected[:len(drawn) - plan.depth]


def test_registers_are_as_wide_as_sums_need():
    m = Module()
    (total,) = adder_trees(m, plan_sums([[1, 1, -1]], 0, 15), lambda number, odd: Signal(4), behavioural=True)
    assert total.shape() == Shape(6, signed=True)
    assert total.reset_less
