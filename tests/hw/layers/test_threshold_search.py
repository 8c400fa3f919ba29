import random

import pytest
from amaranth.hdl import Const, Module, Shape, Signal

from hw.layers.threshold_search import search_cycles, threshold_search
from tests.hw.layers.pipelines import run

CASES = {
    "one": (0, 15, [7]), "two": (0, 15, [3, 9]), "three": (-20, 20, [-5, 0, 12]), "fifteen": (-100, 300, list(range(-90, 60, 10))),
    "equal ones": (-8, 7, [2, 2, 2, 5]), "none is reached": (0, 30, [31, 50, 10_000]), "all are reached": (-4, 30, [-10_000, -5, -4]),
    "the greatest sum": (0, 15, [0, 15, 16]), "negative sums": (-40, -3, [-39, -20, -3]), "fourteen": (0, 63, list(range(0, 56, 4))),
    "more than a table holds": (-300, 300, list(range(-280, 200, 6))),
}


@pytest.mark.parametrize("name", CASES)
def test_counts_the_thresholds_reached(name):
    least, most, thresholds = CASES[name]
    value = Signal(Shape.cast(range(least, most + 1)))
    m = Module()
    found = threshold_search(m, value, least, most, thresholds)
    rows = list(range(least, most + 1)) if most - least < 100 else [random.Random(1).randint(least, most) for _ in range(300)]
    cycles = search_cycles(len(thresholds))
    seen = run(m, [value], [found], [[row] for row in [*rows, *[least] * cycles]])
    assert [line[0] for line in seen[cycles:]] == [sum(threshold <= row for threshold in thresholds) for row in rows]


@pytest.mark.parametrize(("thresholds", "cycles"), [(1, 1), (2, 2), (3, 2), (4, 3), (15, 4), (31, 5), (32, 7), (255, 11)])
def test_cycles(thresholds, cycles):
    assert search_cycles(thresholds) == cycles


@pytest.mark.parametrize(("value", "count"), [(-3, 0), (0, 1), (4, 2)])
def test_a_constant_stays_one(value, count):
    found = threshold_search(Module(), Const(value), value, value, [0, 3])
    assert isinstance(found, Const)
    assert (found.value, len(found)) == (count, 2)
