"""What the search chooses from: the foldings of a layer in time, those that are no better than another left out."""

import itertools

from build_flows.planning.cost_model import Cost
from build_flows.planning.fold_choices import Choice, add, cheapest, choices, dot, less, undominated, vector
from build_flows.planning.layer_costs import Fold, fold_options, layer_units
from build_flows.planning.network import fused
from build_flows.planning.shared_units import shared_folds
from build_flows.planning.static_units import static_options
from build_flows.planning.unit import SHARED
from tests.build_flows.networks import network

NET = fused(network((6, 6, 2), [[("conv", 3, 1, 1, 4), ("maxpool", 2, 2)]], [[("linear", 2)]]))
CONV, POOL, _ = NET.layers


def choice(cost, in_bits=8, out_bits=16, layers=1, **fold):
    return Choice(in_bits, out_bits, (Fold(**fold), *[Fold()] * (layers - 1)), cost)


def test_choices_are_all_that_are_in_time():
    target = 300
    found = choices(CONV, target, True, POOL)
    finn = [fold for fold in fold_options(CONV) if all(unit.meets(target) for unit in layer_units(CONV, fold))]
    assert [item.folds[0] for item in found if item.folds[0].body == "finn"] == finn
    for pool in (None, POOL):
        ours = [item.folds[0] for item in found if item.folds[0].fused and len(item.folds) == 1 + bool(pool)]
        static = [Fold(body="static", pixels=pixels) for pixels in static_options(CONV, pool)]
        shared = [fold for body in SHARED for fold in shared_folds(CONV, target, pool, body=body)]
        assert ours == static + shared
        assert {fold.body for fold in ours} == {"static", "shared", "shared_lut"}
    assert all(item.folds[1] == Fold(body=item.folds[0].body) for item in found if len(item.folds) == 2)
    assert len({item.key for item in found}) == len(found)


def test_a_choice_that_is_no_better_in_anything_is_left_out():
    few, more, other = choice((1, 1, 1, 1, 1, 1)), choice((1, 1, 2, 1, 1, 1), pe=2), choice((9, 9, 9, 9, 9, 0), pe=3)
    wide, pooled = choice((9, 9, 9, 9, 9, 9), out_bits=32), choice((9, 9, 9, 9, 9, 9), layers=2)
    assert undominated([more, other, wide, pooled, few]) == [few, other, pooled, wide]
    assert undominated([choice((1, 1, 1, 1, 1, 1), pe=2), few]) == [few]     # of equal ones the lowest numbers


def test_the_cheapest_of_the_same_widths_by_the_weights_and_then_the_numbers():
    a, b, c = choice((1, 0, 0, 0, 0, 9)), choice((9, 0, 0, 0, 0, 1), pe=2), choice((5, 5, 5, 5, 5, 5), out_bits=32)
    for order in itertools.permutations((a, b, c)):
        assert set(cheapest(order, (1, 0, 0, 0, 0, 0))) == {(1, a), (5, c)}
        assert set(cheapest(order, (0, 0, 0, 0, 0, 1))) == {(1, b), (5, c)}
        assert set(cheapest(order, (1, 0, 0, 0, 0, 1))) == {(10, a), (10, c)}


def test_sums_and_prices():
    units = layer_units(CONV, fold_options(CONV)[0])
    whole = vector(units)
    names = ("occupied", "lutram", "ff", "bram18", "dsp", "carry")
    together = sum((unit.cost for unit in units), Cost())     # pairs are rounded once, of all
    assert whole == tuple(getattr(together, name) for name in names)
    assert whole[5] > 0
    assert add(whole, whole) == tuple(2 * value for value in whole)
    assert less(add(whole, (1, 2, 3, 4, 5, 6)), whole) == (1, 2, 3, 4, 5, 6)
    assert dot((1, 2, 3, 4, 5, 6), (1, 10, 100, 1000, 10_000, 100_000)) == 654_321
