"""All foldings of a network, and the cheapest of them; that it is the cheapest is tested with the search."""

from build_flows.base.parts import find_part
from build_flows.planning.fold_choices import add, less, resources
from build_flows.planning.fold_space import Space
from build_flows.planning.folding import evaluate
from build_flows.planning.network import fused
from tests.build_flows.networks import b_lenet
from tests.build_flows.planning import test_network as network

TARGETS, REACH = (512, 1671), (1.0, 0.25)
NET = fused(b_lenet())
ALIKE = (1, 1, 1, 1000, 1000, 4)


def test_a_solution_costs_what_its_folding_does():
    space = Space(NET, TARGETS, True, REACH)
    for weights in (ALIKE, (10**6, 1, 1, 1, 1, 1), (1, 1, 1, 1, 10**6, 1), (1, 1, 1, 1, 1, 10**6)):
        found = space.cheapest(weights)
        folding = evaluate(NET, space.folds(found), TARGETS, find_part("pynq-z2"), input_pe=found.input_pe, reach=REACH)
        # pairs of LUTs are counted unit by unit here, and over all there: rounded once for each
        assert abs(found.cost[0] - folding.cost.occupied) <= len(NET.layers)
        assert found.cost[1:] == resources(folding.cost)[1:]
        assert found.cost[5] == folding.cost.carry > 0
        assert set(space.folds(found)) == {layer.name for layer in NET.layers}


def test_another_choice_of_a_layer_changes_its_cost_and_its_converters():
    space = Space(NET, TARGETS, True, None)
    found = space.cheapest(ALIKE)
    place = (next(run for run, its in enumerate(space.runs) if (its.part, its.index) == ("head", 1)), 0)
    stage = space.before[place[0]]
    for choice in space.choices[place]:
        other = space.solution({**found.picked, place: choice}, found.input_pe)
        assert space.folds(other)["head1_linear0"] == choice.folds[0]
        (last,) = [picked for at, picked in found.picked.items() if at[0] == stage and at[1] + len(picked.folds) == 4]
        layer = NET.layer("head1_linear0")
        frame = layer.source.values * layer.in_bits
        before, after = (space.between(last.out_bits, item.in_bits, frame) for item in (found.picked[place], choice))
        wanted = add(add(other.cost, found.picked[place].cost), before)
        assert wanted == add(add(found.cost, choice.cost), after)


def test_a_gate_takes_what_its_stage_is_wide():
    space = Space(NET, TARGETS, True, REACH)
    places = {(run.part, run.index): place for place, run in enumerate(space.runs)}
    assert space.gate(places["stage", 0], 20)[3] > 0
    assert space.gate(places["stage", 1], 20) == space.gate(places["head", 0], 20) == (0, 0, 0, 0, 0, 0)


def test_all_that_reads_the_images_is_folded():
    layers = [network.conv("a", "image"), network.conv("b", "image"), network.plain("f", "add", "a", "b")]
    net = fused(network.network([layers], [[network.logits("x", "f")]]))
    space = Space(net, (64,), True, None)
    assert [space.runs[run].layers[0].name for run in space.first] == ["a", "b"]
    found = space.cheapest(ALIKE)
    assert set(space.folds(found)) == {"a", "b", "f", "x"}
    place = (space.first[1], 0)
    for choice in space.choices[place]:
        other = space.solution({**found.picked, place: choice}, found.input_pe)
        before, after = space.around(found, place, [found.picked[place], choice])
        assert add(less(found.cost, before), after) == other.cost
