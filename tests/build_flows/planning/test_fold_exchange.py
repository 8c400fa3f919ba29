"""Exchanging the folds of layers one by one."""

import numpy as np

from build_flows.base.parts import find_part
from build_flows.planning.fold_exchange import exchanged
from build_flows.planning.fold_space import Space
from build_flows.planning.folding import RESERVE
from build_flows.planning.layer_costs import Cost
from build_flows.planning.network import fused
from tests.build_flows.networks import network

PART = find_part("pynq-z2")
NET = fused(network((12, 12, 8), [[("conv", 3, 1, 1, 32), ("conv", 3, 1, 1, 32), ("conv", 3, 1, 1, 32)]], [[("linear", 10)]]))
LEAST_LUTS, LEAST_DSPS = (10**6, 1, 1, 1, 1, 1), (1, 1, 1, 1, 10**6, 1)


def merit(cost):
    shares = (Cost(*cost) + RESERVE).shares(PART).values()
    return max(shares), sum(shares)


def merits(costs):
    return np.array([merit(map(int, cost)) for cost in costs])


def test_neither_all_dsps_nor_none_is_the_best():
    """Three layers of the same size: what weighs DSPs against LUTs takes DSPs in all of them or in none, exchanges part them."""
    space = Space(NET, (2400,), True, None)
    ends = [space.cheapest(weights) for weights in (LEAST_LUTS, LEAST_DSPS)]
    assert ends[0].cost[4] > ends[1].cost[4]
    for start in ends:
        found = exchanged(space, start, merits)
        assert merit(found.cost) < min(merit(end.cost) for end in ends)
        assert ends[1].cost[4] < found.cost[4] < ends[0].cost[4]
        bodies = {fold.body for name, fold in space.folds(found).items() if "conv" in name}
        assert len(bodies) > 1
        assert found == exchanged(space, start, merits), "deterministic"


def test_what_is_left_gains_by_no_single_exchange():
    space = Space(NET, (2400,), True, None)
    found = exchanged(space, space.cheapest(LEAST_DSPS), merits)
    assert exchanged(space, found, merits) is found
    for place, picked in found.picked.items():
        for choice in space.choices[place]:
            if len(choice.folds) == len(picked.folds):
                assert merit(space.solution({**found.picked, place: choice}, found.input_pe).cost) >= merit(found.cost)
