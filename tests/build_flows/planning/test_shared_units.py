"""Shared bodies in planning: what may be one, what it takes, which folds are worth a look, and that the search takes the best of them."""

import dataclasses
import itertools
from contextlib import suppress
from functools import partial

import numpy as np
import pytest

from build_flows.base.parts import find_part
from build_flows.planning.constants import Constants
from build_flows.planning.folding import FoldingError, evaluate, stage_targets
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Fold, fold_error, fold_options
from build_flows.planning.least_targets import least_targets
from build_flows.planning.network import fused
from build_flows.planning.shared_units import shared_error, shared_folds, shared_options, shared_shape, shared_unit
from build_flows.planning.unit import SHARED as ALL
from hw.layers.shared_conv import SharedConv
from hw.layers.weight_memory import DISTRIBUTED
from tests.build_flows.networks import b_lenet, network

PART = find_part("pynq-z2")
LENET, HEADS = fused(b_lenet()), fused(b_lenet(), exchangeable=True)
CONV, POOL, LINEAR = (LENET.layer(name) for name in ("stage1_conv1", "stage1_maxpool1", "head1_linear0"))
SHARED = partial(Fold, body="shared")
WHOLE = SHARED(pixels=2, inputs=10, outputs=20, lanes=20)
TABLES = dataclasses.replace(WHOLE, body="shared_lut")


def known(layer, most=7):
    """``layer`` with weights up to ``most``, and thresholds."""
    draw = np.random.default_rng(0)
    shaped = draw.integers(-most, most + 1, (layer.mh, *layer.kernel, layer.mw // layer.taps))
    thresholds = np.sort(draw.integers(-50, 50, (layer.mh, 15)), axis=1)
    return dataclasses.replace(layer, constants=Constants.of(shaped, thresholds if layer.activation else None, 0))


@pytest.mark.parametrize(("layer", "fold", "pool", "message"), [
    (POOL, SHARED(), None, 'body must be "finn" for a maxpool, not "shared"'),
    (b_lenet().layer("stage1_conv1"), WHOLE, None, 'body must be "finn", not "shared": build.layers = "finn"'),
    (CONV, WHOLE, LINEAR, 'body of head1_linear0 must be "finn", not "shared": head1_linear0 is no max pool'),
    (CONV, dataclasses.replace(WHOLE, inputs=11), None, "inputs must be at most beat, not inputs=11, beat=10"),
    (CONV, dataclasses.replace(WHOLE, outputs=19), None, "outputs must be a multiple of 2, which share a DSP48E1, not 19"),
    (CONV, dataclasses.replace(WHOLE, lanes=3), None, "lanes must divide outputs, not lanes=3, outputs=20"),
    (dataclasses.replace(CONV, weight_bits=1), WHOLE, None, "weight_bits must be at least 2, not 1"),
    (dataclasses.replace(CONV, weight_bits=8, in_bits=16), WHOLE, None,
     "no DSP48E1 holds two products for bits=16, weight_bits=8, pixels=2"),
    (known(CONV, most=8), WHOLE, None, "weights must be narrow, at least -7, not -8"),
    (POOL, TABLES, None, 'body must be "finn" for a maxpool, not "shared_lut"'),
    (dataclasses.replace(CONV, weight_bits=1), TABLES, None, "weight_bits must be at least 2, not 1"),
    (CONV, dataclasses.replace(TABLES, lanes=3), None, "lanes must divide outputs, not lanes=3, outputs=20"),
])
def test_what_cannot_be_one_is_told(layer, fold, pool, message):
    assert shared_error(layer, fold, pool) == message
    with pytest.raises(ValueError, match=layer.name):
        shared_unit(layer, fold, pool)


BITS = dataclasses.replace(CONV, in_bits=1, binary=True, weight_bits=2, pad=(0, 0))
COUNTED = Fold(body="shared_bits", pixels=2, inputs=10, outputs=20, lanes=20)


@pytest.mark.parametrize(("layer", "message"), [
    (CONV, 'body must not be "shared_bits": its inputs must be of 1 bit, not 4'),
    (dataclasses.replace(BITS, binary=False), 'body must not be "shared_bits": its weights must be -1 and 1, not of 2 bits'),
    (dataclasses.replace(BITS, activation=False), 'body must not be "shared_bits": it must have thresholds'),
    (dataclasses.replace(BITS, exchangeable=True), 'body must not be "shared_bits": its weights are to be exchangeable'),
    (dataclasses.replace(BITS, pad=(1, 1)), "pad must be (0, 0) where weights and activations are bits, not (1, 1)"),
])
def test_what_counts_no_bits_is_told(layer, message):
    assert shared_error(layer, COUNTED) == message
    assert shared_options(layer, body="shared_bits") == ()


def test_bits_are_counted_a_bit_a_weight():
    """Without DSPs, weights of a bit; all that is done at once takes tables and adders; FINN's units take no inputs of 1 bit."""
    unit, half = shared_unit(BITS, COUNTED), shared_unit(BITS, dataclasses.replace(COUNTED, outputs=10, lanes=10))
    assert (unit.dsp, unit.model, unit.in_bits, unit.cycles) == (0, "shared_bits", 10, shared_shape(BITS, COUNTED).cycles)
    assert [unit.terms[name] for name in ("tables", "adders")] == [2 * half.terms[name] for name in ("tables", "adders")]
    assert unit.terms["tables"] == 2 * 20 * (2 * 4 + 2 * 3)     # four times three of ten pairs, and a number of each bit of those
    assert shared_options(BITS, body="shared_bits")
    assert fold_options(BITS) == ()
    assert fold_error(BITS, Fold(1, 1)) == ('body must be one of ours, not "finn": FINN\'s matrix unit takes inputs of 2 bits at least, '
                                           "not 1")


def test_layers_that_cannot_be_one_have_no_options():
    assert shared_options(POOL) == shared_options(b_lenet().layer("stage1_conv1")) == shared_options(known(CONV, most=8)) == ()
    for body in ALL:
        assert shared_options(dataclasses.replace(CONV, weight_bits=1), body=body) == ()


def test_without_dsps_any_widths_are_possible():
    """Sixteen bits by eight, of which no DSP holds two products, and odd numbers of outputs."""
    wide = dataclasses.replace(CONV, weight_bits=8, in_bits=16)
    assert shared_options(wide) == ()
    assert {fold.outputs for fold in shared_options(wide, body="shared_lut")} == {1, 2, 3, 4, 5, 7, 10, 20}
    unit = shared_unit(CONV, dataclasses.replace(TABLES, outputs=7, lanes=7))
    assert (unit.dsp, unit.model) == (0, "shared_lut")


@pytest.mark.parametrize("layer", [known(CONV), known(LINEAR), known(HEADS.layer("head0_conv0"))])
@pytest.mark.parametrize("pixels", [1, 2])
@pytest.mark.parametrize("body", ["shared", "shared_lut"])
def test_a_unit_is_what_its_component_is(layer, pixels, body):
    fold = next(fold for fold in reversed(shared_options(layer, body=body)) if fold.pixels == (1 if layer.kind == "linear" else pixels))
    unit, shape = shared_unit(layer, fold), shared_shape(layer, fold)
    thresholds = layer.constants.thresholds
    component = SharedConv(shape, weights=layer.constants.weights.tolist(), out_bits=layer.out_bits if layer.activation else layer.sum_bits,
                           thresholds=None if thresholds is None else thresholds.tolist(), exchangeable=layer.exchangeable)
    assert (unit.in_bits, unit.out_bits) == (len(component.i.payload), len(component.o.payload))
    assert unit.in_bits * unit.in_beats == layer.source.values * layer.in_bits
    assert unit.out_bits * unit.out_beats == layer.target.values * (layer.out_bits if layer.activation else layer.sum_bits)
    assert unit.cycles == unit.least_target == shape.cycles
    assert (unit.dsp, unit.folding) == (shape.dsps, {key: getattr(fold, key) for key in ("pixels", "inputs", "outputs", "lanes")})


def test_a_unit_with_its_pool():
    """48 valid kernel rows times 26 valid pairs of columns; the maximum of a window leaves where its four sums did."""
    unit, alone = shared_unit(CONV, WHOLE, POOL), shared_unit(CONV, WHOLE)
    assert (unit.cycles, unit.dsp, unit.bram18) == (48 * 26, 100, 0)
    assert (unit.out_beats, alone.out_beats) == (6 * 6, 12 * 12)


def test_weights_are_in_block_memory_beyond_64_rows():
    """25 taps at a step are 25 rows; of two groups of inputs and of outputs 100: one memory for each of the chain's five places."""
    few, many = shared_unit(CONV, WHOLE), shared_unit(CONV, SHARED(pixels=2, inputs=5, outputs=10, lanes=10))
    assert (few.ram_style, few.bram18, many.ram_style) == ("distributed", 0, "block")
    assert many.bram18 >= 5


def test_options_are_of_each_number_of_groups_the_smallest():
    options = shared_options(CONV, POOL)
    assert {fold.inputs for fold in options} == {1, 2, 3, 4, 5, 10}
    assert {fold.outputs for fold in options if fold.pixels == 2} == {2, 4, 6, 8, 10, 20}
    assert {fold.outputs for fold in options if fold.pixels == 1} == {3, 6, 9, 12, 21}
    assert {fold.pixels for fold in shared_options(LINEAR)} == {1}
    assert all(shared_error(CONV, fold, POOL) is None for fold in options)


def test_lanes_are_worth_it_only_where_a_frame_gets_shorter():
    for layer, pool in ((CONV, None), (CONV, POOL), (LINEAR, None)):
        options = shared_options(layer, pool)
        for fold in options:
            cycles = shared_shape(layer, fold, pool).cycles
            fewer = [lanes for lanes in range(1, fold.lanes) if fold.outputs % lanes == 0]
            assert all(shared_shape(layer, dataclasses.replace(fold, lanes=lanes), pool).cycles > cycles for lanes in fewer)
            soonest = shared_shape(layer, dataclasses.replace(fold, lanes=fold.outputs), pool).cycles
            alike = [other for other in options if dataclasses.replace(other, lanes=fold.lanes) == fold]
            assert min(shared_shape(layer, other, pool).cycles for other in alike) == soonest


@pytest.mark.parametrize("target", [1248, 2600, 5000, 100_000])
def test_of_the_folds_that_meet_a_target_only_small_ones_are_taken(target):
    taken = shared_folds(CONV, target, POOL)
    for fold in taken:
        assert shared_shape(CONV, fold, POOL).cycles <= target
    for fold in shared_options(CONV, POOL):
        shape = shared_shape(CONV, fold, POOL)
        if shape.cycles <= target:
            best = [other for other in taken if (other.pixels, other.inputs) == (fold.pixels, fold.inputs)]
            assert any(other.outputs <= fold.outputs for other in best)
            assert any((shared_shape(CONV, other, POOL).weight_rows > DISTRIBUTED) == (shape.weight_rows > DISTRIBUTED) for other in best)
    assert shared_folds(CONV, 1247, POOL) == ()


def test_the_least_of_a_layer_may_be_that_of_a_shared_unit():
    """2800 multiplications are too many for a static unit; FINN's padding takes 5 x 26 cycles, the shared unit a cycle for each of the 72
    pixels in."""
    net = fused(network((3, 24, 40), [[("conv", 1, 1, 1, 70), ("maxpool", 2, 2)]], [[("linear", 10)]]))
    item = next(item for item in least_targets(net) if item.layer == "stage0_conv0")
    assert (item.unit, item.target, item.cycles) == ("shared", 72, 72)


def test_the_search_finds_what_trying_everything_finds():
    net = fused(network((4, 4, 2), [[("conv", 3, 1, 1, 4), ("maxpool", 2, 2)]], [[("linear", 2)]]))
    conv, pool, linear = net.layers
    ours = {
        conv: [*(Fold(body="static", pixels=pixels) for pixels in (1, 2, 4)),
               *{fold for body in ALL for inside in (None, pool) for fold in shared_options(conv, inside, body=body)}],
        pool: [Fold(body="static"), SHARED(), Fold(body="shared_lut")],
        linear: [Fold(body="static"), *shared_options(linear), *shared_options(linear, body="shared_lut")],
    }
    tried = []
    for folds in itertools.product(*([*fold_options(layer), *ours[layer]] for layer in net.layers)):
        with suppress(FoldingError):
            tried.append(evaluate(net, {layer.name: fold for layer, fold in zip(net.layers, folds, strict=True)}, (0,), PART))
    least = [max(unit.least_target for plan in found.plans.values() for unit in plan.units if unit.kind != "converter") for found in tried]
    bodies = set()
    for target, resource in itertools.product((40, 100, 2000), ("LUT", "FF", "DSP")):
        weights = {name: float(name == resource) for name in ("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4")}
        found = search(net, (target,), PART, weights=weights)
        best = min(item.cost.shares(PART)[resource] for item, takes in zip(tried, least, strict=True) if takes <= target)
        assert found.cost.shares(PART)[resource] == pytest.approx(best, abs=1e-7)
        bodies.add(tuple(fold.body for fold in found.folds.values()))
    assert {("shared", "shared", "finn"), ("shared", "finn", "finn")} <= bodies
    assert any(body[0] == "static" for body in bodies)


def test_b_lenet_takes_a_shared_unit_where_the_others_are_dearer():
    """Its third convolution is too large for a static unit at 512 cycles; FINN's took more DSPs and LUTs."""
    targets = stage_targets(512, (1, 0.25))
    mixed, finn = search(LENET, targets, PART), search(b_lenet(), (1296, 4147), PART)
    assert mixed.folds["stage1_conv1"].body == mixed.folds["stage1_maxpool1"].body == "shared"
    assert mixed.fused_pool("stage1_conv1") == POOL
    assert not mixed.exceeds()
    assert mixed.cost.dsp < finn.cost.dsp
    assert mixed.stage_cycles(0) <= targets[0]
    assert mixed.stage_cycles(1) <= targets[1]


def test_exchangeable_heads_are_shared_or_finns_and_never_static():
    words = (8, 8, 2), [[("conv", 3, 1, 1, 4)]], [[("conv", 3, 1, 1, 6), ("linear", 10)]]
    fixed, any_head = fused(network(*words)), fused(network(*words), exchangeable=True)

    def bodies(net, resource):
        weights = {name: float(name == resource) for name in ("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4")}
        return {search(net, (target,), PART, weights=weights).folds["head0_conv0"].body for target in (100, 600, 2000, 40_000)}

    assert "static" in bodies(fixed, "DSP")
    assert "static" not in bodies(any_head, "DSP") | bodies(any_head, "LUT")
    assert "shared" in bodies(any_head, "LUT")


def by_itself(layer):
    """``layer`` with as many outputs as inputs, each of its own input alone, as reading the network finds it."""
    channels, draw = layer.source.channels, np.random.default_rng(1)
    weights = np.zeros((channels, *layer.kernel, channels), np.int64)
    weights[np.arange(channels), :, :, np.arange(channels)] = draw.integers(-7, 8, (channels, *layer.kernel))
    thresholds = np.sort(draw.integers(-50, 50, (channels, 15)), axis=1)
    target = dataclasses.replace(layer.target, channels=channels)
    return dataclasses.replace(layer, target=target, depthwise=True, constants=Constants.of(weights, thresholds, 0))


def test_a_channel_by_itself_takes_as_many_times_fewer_cycles_as_there_are_groups():
    layer = by_itself(CONV)
    folds = shared_options(layer, body="depthwise")
    assert {(fold.inputs, fold.outputs) for fold in folds} == {(groups, groups) for groups in (1, 2, 3, 4, 5, 10)}
    for fold in folds:
        shape, dense = shared_shape(layer, fold), shared_shape(layer, dataclasses.replace(fold, body="shared_lut"))
        assert shape.reader_cycles * dense.input_groups == dense.reader_cycles or shape.drain > 1
        assert shape.weight_rows * dense.input_groups == dense.weight_rows
    unit = shared_unit(layer, folds[0])
    assert (unit.model, unit.dsp) == ("depthwise", 0)


@pytest.mark.parametrize("change", [{"depthwise": False}, {"exchangeable": True}])
def test_only_channels_that_stay_by_themselves_are(change):
    layer = dataclasses.replace(by_itself(CONV), **change)
    assert shared_options(layer, body="depthwise") == ()
    assert shared_error(layer, Fold(body="depthwise")) == (
        'body must not be "depthwise": it must be a convolution each of whose outputs is of one input, and not exchangeable')


def test_as_many_channels_in_as_out():
    fold = Fold(body="depthwise", inputs=5, outputs=10, lanes=10)
    assert shared_error(by_itself(CONV), fold) == "outputs must be 5 where each channel is convolved by itself, not 10"
