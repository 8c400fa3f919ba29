"""What is predicted to switch: more where more samples come, in proportion to what is there."""

import pytest

from build_flows.artefacts.energy import WEIGHTS
from build_flows.base.parts import find_part
from build_flows.planning.cost_model import Cost
from build_flows.planning.folding import stage_targets
from build_flows.planning.folding_search import search
from build_flows.planning.network import fused
from build_flows.planning.switching import ACTIVITY, FIRST, GLUE, GLUE_WORD, Layer, layers, switching
from build_flows.planning.unit import BODIES
from tests.build_flows.networks import b_lenet


def test_every_body_is_known() -> None:
    assert set(ACTIVITY) == {*BODIES, FIRST}
    assert all(0 < share < 0.5 for share in (*ACTIVITY.values(), GLUE, GLUE_WORD))


def test_a_layer_switches_while_it_works() -> None:
    cost = Cost(lut=100, lutram=10, ff=200, bram18=3, dsp=4)
    early, late = Layer(0, "static", 80, cost), Layer(1, "shared", 400, cost)
    found = switching([early, late], Cost(), (1.0, 0.05), 100, 0)
    assert found.lut == pytest.approx(100 * (80 * ACTIVITY["static"] + 0.05 * 400 * ACTIVITY["shared"]))
    assert (found.ff, found.dsp, found.bram36) == pytest.approx((2 * found.lut, found.lut * 4 / 100, found.lut * 1.5 / 100))
    assert found.clock == 100 * 400, "clocks do not stop"
    full = switching([late], Cost(), (1.0, 0.9), 100, 0)
    assert full.lut == pytest.approx(100 * 100 * ACTIVITY["shared"]), "no more than always"


def test_what_is_no_layer_switches_a_little_all_the_time_and_with_each_word() -> None:
    found = switching([], Cost(lut=1000, ff=500), (1.0,), 64, 16)
    often = 64 * GLUE + 16 * GLUE_WORD
    assert (found.lut, found.ff, found.clock) == pytest.approx((1000 * often, 500 * often, 32_000))


def test_layers_are_those_that_are_units_of_their_own() -> None:
    network = fused(b_lenet())
    targets = stage_targets(512, (1.0, 0.25))
    folding = search(network, targets, find_part("pynq-z2"), reach=(1.0, 0.25))
    found = layers(folding)
    assert sum((item.cost for item in found), Cost()) == folding.layer_cost
    assert {item.stage for item in found} == {0, 1}
    assert sum(item.body == FIRST for item in found) == (folding.folds[network.layers[0].name].body == "static")
    few, many = (switching(found, Cost(), (1.0, share), 512, 98).weighed(WEIGHTS) for share in (0.05, 0.25))
    assert few < many
