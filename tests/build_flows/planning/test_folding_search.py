import dataclasses
import itertools
import time

import pytest

from build_flows.base.parts import find_part
from build_flows.planning.folding import RESERVE, FoldingError, evaluate, stage_targets
from build_flows.planning.folding_file import to_toml
from build_flows.planning.folding_search import fits, search
from build_flows.planning.layer_costs import HANDOVER, Fold, divisors, fold_options, layer_units, matrix_cycles
from build_flows.planning.network import fused
from tests.build_flows.networks import b_lenet, network, small

PART = find_part("pynq-z2")
B_LENET_TARGETS = (1296, 4147)


def every(net, targets):
    """Every folding that meets the targets."""
    names = [layer.name for layer in net.layers]
    for input_pe in divisors(net.source.channels):
        if net.source.values // input_pe > targets[0]:
            continue
        for folds in itertools.product(*(fold_options(layer) for layer in net.layers)):
            tried = evaluate(net, dict(zip(names, folds, strict=True)), targets, PART, input_pe=input_pe)
            if all(unit.meets(targets[plan.stage]) for plan in tried.plans.values() for unit in plan.units):
                yield tried


def weighed(folding, weights):
    """The sum that the search makes small; a unit of integer weights is a billionth, so sums differ in the last digits."""
    return sum(weights[name] * share for name, share in folding.cost.shares(PART).items())


def merit(folding):
    shares = (folding.cost + RESERVE).shares(PART).values()
    return max(shares), sum(shares)


@pytest.mark.parametrize("targets", [(26, 26), (40, 90), (100, 400), (2000, 2000)])
def test_search_finds_what_trying_everything_finds(targets):
    net = small()
    tried = list(every(net, targets))
    for first in ("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4", None):
        weights = {name: 1.0 if first in (name, None) else 0.01 for name in ("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4")}
        found = search(net, targets, PART, weights=weights)
        assert weighed(found, weights) == pytest.approx(min(weighed(item, weights) for item in tried), rel=1e-6)
    best = min(merit(item) for item in tried)
    assert merit(search(net, targets, PART)) <= (best[0] * 1.01, best[1] * 1.05)


def test_a_gate_head_is_folded_like_a_head():
    """At the width that the fork gives it, and at its stage's rate; with it the search still finds what trying everything finds."""
    net = network((5, 5, 1), [[("conv", 2, 0, 1, 2)], [("maxpool", 2, 2)]], [[("linear", 2)], [("linear", 2)]], in_bits=3, bits=2,
                  gates=[[("maxpool", 2, 2), ("linear", 1)], []])
    assert [layer.name for layer in net.layers] == [
        "stage0_conv0", "head0_linear0", "gatehead0_maxpool0", "gatehead0_linear0", "stage1_maxpool0", "head1_linear0"]
    targets = (26, 26)
    weights = dict.fromkeys(("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4"), 1.0)
    found = search(net, targets, PART, weights=weights)
    assert weighed(found, weights) == pytest.approx(min(weighed(item, weights) for item in every(net, targets)), rel=1e-6)
    assert max(found.plans[name].cycles for name in ("gatehead0_maxpool0", "gatehead0_linear0")) <= targets[0]
    assert {plan.stage for name, plan in found.plans.items() if name.startswith("gatehead")} == {0}


def test_what_is_scarce_on_the_part_is_saved():
    net, targets = b_lenet(), B_LENET_TARGETS
    few_dsps, few_luts = dataclasses.replace(PART, dsp=210), dataclasses.replace(PART, dsp=2000, lut=23000)
    assert search(net, targets, few_dsps).cost.dsp < search(net, targets, few_luts).cost.dsp
    assert search(net, targets, few_luts).cost.lut < search(net, targets, few_dsps).cost.lut


def test_wrong_weights_are_told():
    with pytest.raises(FoldingError, match=r"weights must be LUT, LUTRAM, FF, BRAM18, DSP, CARRY4, each at least 0, not \{'LUT': 1\.0\}"):
        search(small(), (100, 100), PART, weights={"LUT": 1.0})


def test_b_lenet_takes_as_few_dsps_as_by_hand():
    started = time.perf_counter()
    folding = search(b_lenet(), B_LENET_TARGETS, PART)
    assert time.perf_counter() - started < 10
    dsps = {name: plan.cost.dsp for name, plan in folding.plans.items() if plan.cost.dsp}
    assert dsps == {
        "stage0_conv0": 75, "head0_conv0": 27, "head0_linear0": 2, "stage1_conv0": 50, "stage1_conv1": 50, "head1_linear0": 1,
    }
    assert folding.cost.dsp == 205
    assert folding.exceeds() == []


def test_b_lenet_keeps_to_its_targets():
    folding = search(b_lenet(), B_LENET_TARGETS, PART)
    assert folding.stage_cycles(0) == 1297  # one pixel a cycle of the padded 36x36 input, and one cycle between frames
    assert folding.limit(0).layer == "stage0_conv0"
    assert folding.limit(0).unit == "window"
    assert folding.stage_cycles(1) <= 4147 + HANDOVER
    assert all(
        unit.meets(B_LENET_TARGETS[plan.stage]) for plan in folding.plans.values() for unit in plan.units
    )


def test_search_is_deterministic():
    assert to_toml(search(b_lenet(), B_LENET_TARGETS, PART)) == to_toml(search(b_lenet(), B_LENET_TARGETS, PART))


def test_of_equally_good_foldings_the_lowest_numbers_are_taken():
    """Where no resource weighs anything all foldings are equally good: of those that are in time, the lowest pe, then the lowest simd."""
    net, targets = small(), (160, 160)
    found = search(net, targets, PART, weights=dict.fromkeys(("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4"), 0.0))
    assert found.input_pe == 1
    assert list(found.folds.values()) == [Fold(1, 2), *[Fold(1)] * 4]
    # One of pe 2 and simd 1 would be in time too, one of pe 1 would not.
    for fold, in_time in (Fold(1, 1), False), (Fold(2, 1), True):
        other = evaluate(net, {**found.folds, "stage0_conv0": fold}, targets, PART)
        assert (other.plans["stage0_conv0"].cycles <= targets[0] + HANDOVER) is in_time


def test_streams_between_units_fit():
    folding = search(b_lenet(), B_LENET_TARGETS, PART)
    width = folding.input_pe * 8
    for layers in (b_lenet().stages[0] + b_lenet().stages[1] + b_lenet().heads[1], b_lenet().stages[0] + b_lenet().heads[0]):
        width = folding.input_pe * 8
        for layer in layers:
            for unit in folding.plans[layer.name].units:
                assert unit.in_bits == width, (layer.name, unit.kind)
                width = unit.out_bits


def digits():
    """The preset digits."""
    return network(
        (8, 8, 1), [[("conv", 3, 1, 1, 8)], [("conv", 3, 1, 1, 16), ("maxpool", 2, 2)], [("conv", 3, 1, 1, 32)]],
        [[("maxpool", 4, 4), ("linear", 10)], [("maxpool", 2, 2), ("linear", 10)], [("global_sum",), ("linear", 10)]],
    )


def test_a_folding_a_cycle_slower_than_the_planning_factor_says_is_taken():
    """One sample of 287 more that goes on would make the target 255 where there is a folding of 256, and cost a fifth more DSPs."""
    assert search(digits(), (128, 255, 682), PART).cost.dsp == 151
    assert stage_targets(128, (1, 0.401, 0.15)) == (128, 260, 696)
    assert search(digits(), stage_targets(128, (1, 0.401, 0.15)), PART).cost.dsp == search(digits(), (128, 256, 682), PART).cost.dsp == 127


def test_the_quick_look_at_a_folding_is_the_matrix_units_own():
    for layer in b_lenet().layers:
        for fold in fold_options(layer)[::3] if layer.weight_bits else ():
            unit = next(unit for unit in layer_units(layer, fold) if unit.kind == "mvau")
            least = matrix_cycles(layer, fold)
            assert unit.least_target == least
            assert (unit.meets(least), unit.meets(least - 1)) == (True, False)


@pytest.mark.parametrize("dsp", [203, 204, 205, 206])
def test_it_fits_where_the_search_finds_that_it_does(dsp):
    part = dataclasses.replace(PART, dsp=dsp)
    assert fits(b_lenet(), B_LENET_TARGETS, part) is (not search(b_lenet(), B_LENET_TARGETS, part).exceeds()) is (dsp >= 205)


def test_what_is_no_layer_must_fit_too():
    part = dataclasses.replace(PART, lut=search(b_lenet(), B_LENET_TARGETS, PART).cost.lut)
    assert not fits(b_lenet(), B_LENET_TARGETS, part)
    with pytest.raises(FoldingError, match="takes at least 1296 cycles"):
        fits(b_lenet(), (1000, 4147), PART)


def test_layers_of_one_kind_share_dsps_and_look_up_tables():
    """Three layers of the same size fit when some multiply in DSPs and some in look-up tables, and not when all do the same."""
    net = fused(network((12, 12, 8), [[("conv", 3, 1, 1, 32), ("conv", 3, 1, 1, 32), ("conv", 3, 1, 1, 32)]], [[("linear", 10)]]))
    few = dataclasses.replace(PART, dsp=110, lut=42_000)
    found = search(net, (2400,), few)
    assert fits(net, (2400,), few)
    assert not found.exceeds()
    assert {found.folds[f"stage0_conv{at}"].body for at in range(3)} == {"shared", "shared_lut"}
