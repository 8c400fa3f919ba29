"""Layouts and sizes of spaces, counted one by one."""

from itertools import pairwise, product

import pytest

from build_flows.explore.search_file import SearchFile
from build_flows.explore.space import Asked, Family, layouts, rates, space

HEADS = [["conv", "pool"], ["linear"], ["conv", "linear", "global"]]
PLACES = [0, 1, 3]


def search(**changes):
    return SearchFile.model_validate({"version": 1, "base": "base.toml", "exits": [{"after": after} for after in PLACES], **changes})


def counted(most):
    """Every choice of a head or none for each place, by going through them all."""
    found = set()
    for choice in product(*[[None, *heads] for heads in HEADS]):
        layout = tuple((after, head) for after, head in zip(PLACES, choice, strict=True) if head is not None)
        if len(layout) <= most:
            found.add(layout)
    return found


@pytest.mark.parametrize(("most", "limit"), [(None, 3), (0, 0), (1, 1), (2, 2), (10, 3)])
def test_every_choice_of_exits_is_there_once(most, limit):
    found = layouts(search(most_exits=most), HEADS)
    assert len(found) == len(set(found))
    assert set(found) == counted(limit)
    assert found[0] == (), "the one without any first"
    assert all([after for after, _ in layout] == sorted({after for after, _ in layout}) for layout in found)


def test_the_size_is_the_number_of_designs():
    found = space(search(policies=["softmax", "margin"], accuracy_loss=[1.0, 0.5], utilisation=[0.9, 0.8, 0.7], rates=4), HEADS,
                  [(4, 4), (2, 3)], least=100)
    every = [(family, asked) for family in found.families for asked in found.asked(family)]
    assert found.size == len(every) == len(set(every))
    early = len(counted(3)) - 1
    assert found.size == 2 * (4 + early * 2 * 2 * 4 * 3)
    assert (found.losses, found.utilisations) == ((0.5, 1.0), (0.7, 0.8, 0.9)), "in order"
    alone = [family for family in found.families if not family.layout]
    assert alone == [Family((), "always", (4, 4)), Family((), "always", (2, 3))], "without exits no policy is told apart"
    assert found.asked(alone[0]) == [Asked(0.0, cycles, 1.0) for cycles in found.cycles]


def test_rates_rise_by_an_eighth_from_the_fastest():
    found = rates(256, 24)
    assert (found[0], len(found)) == (256, 24)
    assert all(1.12 < after / before < 1.13 for before, after in pairwise(found))
    assert rates(1, 5) == (1, 2, 3, 4, 5), "no rate is there twice"


def test_rates_that_are_given_are_taken():
    assert space(search(cycles_per_sample=[512, 300]), HEADS, [(4, 4)], least=1000).cycles == (300, 512)
