
import pytest

from build_flows.base.parts import find_part
from build_flows.planning.folding import FoldingError
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import fold_options, layer_units
from build_flows.planning.least_targets import least_targets
from tests.build_flows.networks import b_lenet, network, small

PART = find_part("pynq-z2")
B_LENET_TARGETS = (1296, 4147)


def test_what_cannot_be_met_is_told_with_the_least_possible():
    with pytest.raises(FoldingError) as caught:
        search(b_lenet(), (1000, 500), PART)
    message = caught.value.message
    assert "stage0_conv0 takes at least 1296 cycles a frame (padding), not 1000 (stage 0)" in message
    assert "stage1_conv0 takes at least 576 cycles a frame (padding), not 500 (stage 1)" in message
    assert "head0_conv0" not in message
    with pytest.raises(FoldingError, match="targets must have one value a stage, 2, not 3"):
        search(b_lenet(), (1, 2, 3), PART)


def test_the_least_possible_is_possible():
    least = [max(item.target for item in least_targets(b_lenet()) if item.stage == stage) for stage in (0, 1)]
    assert least == [1296, 576]
    folding = search(b_lenet(), least, PART)
    # FINN's sliding window spends a cycle between two frames.
    assert folding.stage_cycles(0) == 1297
    assert folding.stage_cycles(1) == 577
    for stage in (0, 1):
        less = [cycles - (k == stage) for k, cycles in enumerate(least)]
        with pytest.raises(FoldingError, match=rf"takes at least {least[stage]} cycles a frame \(padding\), not {less[stage]} "):
            search(b_lenet(), less, PART)


def test_the_least_of_a_layer_is_that_of_its_fastest_folding():
    net = small()
    found = {item.layer: item.target for item in least_targets(net)}
    assert found.pop("input") == 25
    for layer in net.layers:
        tried = [max(unit.least_target for unit in layer_units(layer, fold)) for fold in fold_options(layer)]
        assert found.pop(layer.name) == min(tried)
    assert not found


def test_a_layer_that_can_be_folded_in_no_way_is_told():
    net = network((2, 1, 1), [[("conv", [2, 1], 0, 1, 2)]], [[("linear", 2)]])
    assert fold_options(net.layers[0]) == ()
    with pytest.raises(FoldingError, match="stage0_conv0: a conv of 2x1x1 to 1x1x2 can be folded in no way: simd must be less than 2"):
        search(net, (1000,), PART)
