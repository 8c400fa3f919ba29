"""Choices as arrays: what is cheapest, and room for every price."""

import itertools

import numpy as np

from build_flows.planning.fold_choices import Choice
from build_flows.planning.fold_table import Table, first_least, integers
from build_flows.planning.layer_costs import Fold


def choice(cost, in_bits=8, out_bits=16, layers=1, **fold):
    return Choice(in_bits, out_bits, (Fold(**fold), *[Fold()] * (layers - 1)), cost)


def test_of_each_group_the_cheapest_and_of_equal_ones_the_lowest_key():
    a, b, c = choice((1, 0, 0, 0, 0, 9)), choice((9, 0, 0, 0, 0, 1), pe=2), choice((5, 5, 5, 5, 5, 5), out_bits=32)
    pooled = choice((7, 0, 0, 0, 0, 7), layers=2)
    for order in itertools.permutations((a, b, c, pooled)):
        table = Table.of(order)
        for weights, wanted in (((1, 0, 0, 0, 0, 0), (a, 1)), ((0, 0, 0, 0, 0, 1), (b, 1)), ((1, 0, 0, 0, 0, 1), (a, 10))):
            prices, places = table.cheapest(np.array(weights))
            found = {(table.choices[place], int(price)) for price, place in zip(prices, places, strict=True)}
            assert found == {wanted, (pooled, 7 * sum(weights)), (c, 5 * sum(weights))}


def test_groups_tell_where_they_begin_and_end():
    table = Table.of([choice((1,) * 6, in_bits=8, out_bits=16), choice((1,) * 6, in_bits=4, out_bits=16, pe=2),
                      choice((1,) * 6, in_bits=8, out_bits=32, pe=4), choice((1,) * 6, in_bits=8, out_bits=32, pe=8)])
    assert table.widths == (4, 8)
    assert table.outs == ((16, 1), (16, 1), (32, 1))
    assert (list(table.ins), list(table.firsts), list(table.starts), list(table.sizes)) == ([0, 1, 1], [0, 1], [0, 1, 2], [1, 1, 2])


def test_of_equal_prices_the_lowest_rank():
    assert first_least(np.array([[3, 2, 2], [1, 2, 1]]), np.array([0, 7, 5])).tolist() == [2, 0]


def test_weights_of_any_size_have_room():
    most = np.array([10**6] * 6)
    assert integers((1000,) * 6, most).dtype == np.int64
    large = integers((2 * 10**18,) * 6, most)
    assert large.dtype == object
    assert int(most.astype(object) @ large) == 12 * 10**24
