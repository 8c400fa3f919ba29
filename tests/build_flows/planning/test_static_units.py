"""Static bodies in planning: what may be one, what it takes, and that the search finds the best mixture with FINN's units."""

import dataclasses
import itertools

import numpy as np
import pytest

from build_flows.base.parts import find_part
from build_flows.planning.constants import Constants
from build_flows.planning.folding import FoldingError, evaluate, stage_targets
from build_flows.planning.folding_file import read_toml, to_toml
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Fold, fold_options
from build_flows.planning.least_targets import least_targets
from build_flows.planning.network import fused
from build_flows.planning.shared_units import shared_options
from build_flows.planning.static_units import pool_error, static_error, static_options, static_unit
from build_flows.planning.unit import SHARED
from tests.build_flows.networks import b_lenet, network

PART = find_part("pynq-z2")
LENET = fused(b_lenet())
CONV, POOL = LENET.layer("stage0_conv0"), LENET.layer("stage0_maxpool0")
STATIC = Fold(body="static")


def known(layer, weights, steps=15):
    """``layer`` with ``weights`` and thresholds that its sums can reach."""
    thresholds = np.sort(np.random.default_rng(0).integers(-50, 50, (layer.mh, steps)), axis=1)
    shaped = np.resize(np.asarray(weights), (layer.mh, *layer.kernel, layer.mw // layer.taps))
    return dataclasses.replace(layer, constants=Constants.of(shaped, thresholds if layer.activation else None, 0))


def test_which_layers_can_be_one():
    assert static_options(CONV) == static_options(CONV, POOL) == (1, 2, 4, 8, 16)
    assert static_options(LENET.layer("stage1_conv0")) == (1, 2, 4)
    assert static_options(LENET.layer("stage1_conv1")) == (1,)    # 5000 multiplications
    assert static_options(POOL) == static_options(b_lenet().layer("stage0_conv0")) == ()
    heads = fused(b_lenet(), exchangeable=True)
    assert static_options(heads.layer("head0_conv0")) == ()
    assert static_options(heads.layer("stage1_conv0")) == (1, 2, 4)


@pytest.mark.parametrize(("layer", "pixels", "pool", "message"), [
    (POOL, 1, None, 'body must be "finn" for a maxpool, not "static"'),
    (b_lenet().layer("stage0_conv0"), 1, None, 'body must be "finn", not "static": build.layers = "finn"'),
    (CONV, 3, None, "pixels must divide the map's pixels, not pixels=3, height=28, width=28"),
    (LENET.layer("stage1_conv1"), 2, None, "weights times windows a step must be at most 5200, not 10000"),
    (CONV, 2, LENET.layer("head0_conv0"), 'body of head0_conv0 must be "finn", not "static": head0_conv0 is no max pool'),
])
def test_what_cannot_be_one_is_told(layer, pixels, pool, message):
    assert static_error(layer, pixels, pool).startswith(message)
    with pytest.raises(ValueError, match=layer.name):
        static_unit(layer, pixels, pool)


def test_descending_thresholds_are_told():
    layer = known(CONV, [1])
    layer = dataclasses.replace(layer, constants=Constants.of(layer.constants.weights, layer.constants.thresholds[:, ::-1], 0))
    assert static_error(layer, 1) == "thresholds must not descend, those of output channel 0 do"


def test_only_pools_that_touch_are_part_of_one():
    net = fused(network((8, 8, 1), [[("conv", 3, 1, 1, 2), ("maxpool", 3, 2)]], [[("linear", 2)]]))
    assert pool_error(*net.stages[0]) == "its windows overlap or leave gaps: kernel 3x3, stride 2x2"
    assert pool_error(CONV, POOL) is None


def test_a_unit_of_two_pixels_with_its_pool():
    unit, alone = static_unit(CONV, 2, POOL), static_unit(CONV, 2)
    assert (unit.in_bits, unit.in_beats, unit.out_bits, unit.out_beats) == (16, 392, 5 * 4, 16 * 16)
    assert (alone.out_bits, alone.out_beats) == (2 * 5 * 4, 32 * 16)
    assert unit.cycles == alone.cycles == unit.least_target == 512
    assert unit.dsp == unit.bram18 == 0


def test_a_linear_layer_takes_all_its_inputs_in_one_beat():
    net = fused(network((2, 2, 3), [[("conv", 1, 0, 1, 4)]], [[("linear", 5)]]))
    layer = net.layer("head0_linear0")
    unit = static_unit(layer, 1)
    assert (unit.in_bits, unit.out_bits, unit.in_beats, unit.out_beats, unit.cycles) == (16 * 4, 5 * layer.sum_bits, 1, 1, 1)


def test_its_cost_follows_from_its_weights_and_unknown_ones_are_the_worst():
    draw = np.random.default_rng(1)
    for name in ("stage0_conv0", "head0_conv0", "stage1_conv0"):
        layer = LENET.layer(name)
        worst = static_unit(layer, 1).cost
        found = [static_unit(known(layer, draw.integers(-7, 8, layer.mh * layer.mw)), 1).cost for _ in range(3)]
        assert all(cost.lut <= worst.lut and cost.ff <= worst.ff for cost in found)
        assert len({cost.lut for cost in found}) == 3
        assert static_unit(known(layer, [0]), 1).cost.lut < static_unit(known(layer, [1]), 1).cost.lut < min(cost.lut for cost in found)


def test_the_search_finds_what_trying_everything_finds():
    net = fused(network((4, 4, 1), [[("conv", 3, 1, 1, 2), ("maxpool", 2, 2)]], [[("linear", 2)]]))
    draw = np.random.default_rng(2)
    (conv, pool), = net.stages
    net = dataclasses.replace(net, stages=((known(conv, draw.integers(-7, 8, conv.mh * conv.mw)), pool),))
    options = [
        [*fold_options(layer), *(Fold(body="static", pixels=pixels) for pixels in (1, 2, 4)),
         *(shared_options(layer) or [Fold(body="shared"), Fold(body="shared_lut")]), *shared_options(layer, body="shared_lut"),
         *{fold for body in SHARED for fold in set(shared_options(layer, pool, body=body)) - set(shared_options(layer, body=body))}]
        for layer in net.layers
    ]
    bodies = set()
    alike = (1, 1, 1, 1, 1, 1)
    for target, weights in ((20, (1, 0, 0, 0, 1, 0)), (20, (0, 0, 0, 0, 1, 0)), (40, alike), (300, (5, 0, 1, 0, 0, 2)), (10, alike)):
        weighed = dict(zip(("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4"), weights, strict=True))
        best = None
        for folds in itertools.product(*options):
            try:
                tried = evaluate(net, {layer.name: fold for layer, fold in zip(net.layers, folds, strict=True)}, (target,), PART)
            except FoldingError:
                continue
            if all(unit.meets(target) for plan in tried.plans.values() for unit in plan.units if unit.kind != "converter"):
                price = sum(weighed[name] * share for name, share in tried.cost.shares(PART).items())
                best = price if best is None else min(best, price)
        found = search(net, (target,), PART, weights=weighed)
        # What pairing saves is rounded to LUTs, in the search for each layer by itself, and here for all of them.
        rounded = weighed["LUT"] / PART.lut
        assert sum(weighed[name] * share for name, share in found.cost.shares(PART).items()) == pytest.approx(best, abs=1e-7 + rounded)
        bodies.add(tuple(fold.body for fold in found.folds.values()))
    assert any(found[:2] == ("static", "static") for found in bodies)
    assert len(bodies) > 1


def test_b_lenet_at_512_cycles():
    found = search(LENET, stage_targets(512, (1, 0.25)), PART)
    assert not found.exceeds()
    assert found.folds["stage0_conv0"] == Fold(body="static", pixels=2)
    assert found.plans["stage0_conv0"].units[0].kind == "static"    # the images come as wide as it takes them
    assert found.input_pe == 2
    assert all(found.stage_cycles(k) <= target for k, target in enumerate(found.targets))
    with pytest.raises(FoldingError, match="stage0_conv0 takes at least 64 cycles a frame"):
        search(LENET, (63, 2000), PART)
    assert [item.target for item in least_targets(LENET)][:3] == [49, 64, 32]    # the pool alone: a row a beat


def test_a_pool_in_the_unit_before_has_none_of_its_own(tmp_path):
    found = search(LENET, stage_targets(512, (1, 0.25)), PART)
    folds = found.folds | {"stage0_maxpool0": STATIC}
    planned = evaluate(LENET, folds, found.targets, PART)
    assert (planned.plans["stage0_maxpool0"].units, planned.plans["stage0_maxpool0"].cycles) == ((), 512)
    assert planned.fused_pool("stage0_conv0") == POOL
    (tmp_path / "folding.toml").write_text(to_toml(planned))
    assert "# in the unit of the layer before it\nbody = \"static\"\n" in (tmp_path / "folding.toml").read_text()
    assert read_toml(tmp_path / "folding.toml", LENET) == folds


@pytest.mark.parametrize(("old", "new", "message"), [
    ("pixels = 2", "pixels = 5", "stage0_conv0: pixels must divide the map's pixels, not pixels=5, height=28, width=28"),
    ("pixels = 2\n", "", "stage0_conv0: key 'pixels' is missing; a conv has body, pixels where its body is \"static\""),
    ("pixels = 2", "pixels = 2\npe = 1", "stage0_conv0: unknown key 'pe'; a conv has body, pixels where its body is \"static\""),
    ("pixels = 2", "pixels = true", "stage0_conv0: pixels must be an integer, not True"),
    ('body = "static"\npixels = 2', 'body = "own"\npixels = 2',
     "stage0_conv0: body must be one of finn, static, shared, shared_lut, shared_bits, depthwise, pool, not 'own'"),
    ("[head1_linear0]", '[head1_linear0]\nbody = "static"\npixels = 1\n[other]', "no layer is called 'other'"),
])
def test_a_wrong_file_is_told(tmp_path, old, new, message):
    text = to_toml(search(LENET, stage_targets(512, (1, 0.25)), PART))
    assert old in text
    (tmp_path / "folding.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(FoldingError, match=message):
        read_toml(tmp_path / "folding.toml", LENET)


def test_a_static_file_is_refused_where_layers_are_finns(tmp_path):
    (tmp_path / "folding.toml").write_text(to_toml(search(LENET, stage_targets(512, (1, 0.25)), PART)))
    with pytest.raises(FoldingError, match=r'stage0_conv0: body must be "finn", not "static": build\.layers = "finn"'):
        read_toml(tmp_path / "folding.toml", b_lenet())
