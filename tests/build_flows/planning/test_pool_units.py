"""Max pools as units of ours by themselves: what may be one, what it takes, and that the search finds the best mixture with the others."""

import dataclasses
import itertools

import pytest

from build_flows.base.parts import find_part
from build_flows.planning.folding import FoldingError, evaluate
from build_flows.planning.folding_file import read_toml, to_toml
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Fold, fold_error, fold_options, layer_units, units_of_chain
from build_flows.planning.least_targets import least_targets
from build_flows.planning.network import Shape, fused
from build_flows.planning.pool_units import pixel_pool_error, pixel_pool_options, pixel_pool_parameters, pixel_pool_unit
from build_flows.planning.shared_units import shared_options
from build_flows.planning.unit import SHARED
from hw.layers.pixel_pool import PixelPool
from tests.build_flows.networks import network

PART = find_part("pynq-z2")
FINN = network((8, 8, 1), [[("conv", 3, 1, 1, 4)], [("conv", 3, 1, 1, 4), ("maxpool", 3, 2)]],
               [[("maxpool", 4, 4), ("linear", 2)], [("maxpool", 3, 3), ("linear", 2)]])
NET = fused(FINN)
CONV, POOL, OVERLAPS = NET.layer("stage0_conv0"), NET.layer("head0_maxpool0"), NET.layer("stage1_maxpool0")


def test_which_layers_can_be_one():
    assert pixel_pool_options(POOL) == (1, 2, 4, 8)
    assert pixel_pool_options(NET.layer("head1_maxpool0")) == (1, 3)
    assert pixel_pool_options(OVERLAPS) == pixel_pool_options(CONV) == pixel_pool_options(FINN.layer("head0_maxpool0")) == ()


@pytest.mark.parametrize(("layer", "pixels", "message"), [
    (CONV, 1, 'body must be that of a conv, not "pool"'),
    (FINN.layer("head0_maxpool0"), 1, 'body must be "finn", not "pool": build.layers = "finn"'),
    (OVERLAPS, 1, 'body must be "finn", not "pool": its windows overlap or leave gaps: kernel 3x3, stride 2x2'),
    (POOL, 0, "pixels must be at least 1, not 0"),
    (POOL, 16, "pixels must be at most width, not pixels=16, width=8"),
])
def test_what_cannot_be_one_is_told(layer, pixels, message):
    assert pixel_pool_error(layer, pixels) == fold_error(layer, Fold(body="pool", pixels=pixels)) == message
    with pytest.raises(ValueError, match=layer.name):
        pixel_pool_unit(layer, pixels)


@pytest.mark.parametrize(("fold", "message"), [
    (Fold(body="pool", inputs=2), "inputs must be left out where the body is pool, not 2"),
    (Fold(body="pool", pe=2), "pe, simd and parallel_window must be left out where the body is pool"),
])
def test_it_has_pixels_and_no_other_key(fold, message):
    assert fold_error(POOL, fold) == message


@pytest.mark.parametrize("pixels", [1, 2, 4, 8])
def test_what_is_planned_is_what_the_unit_is(pixels):
    (plan,), unit = layer_units(POOL, Fold(body="pool", pixels=pixels)), PixelPool(**pixel_pool_parameters(POOL, pixels))
    assert (plan.in_bits, plan.out_bits) == (len(unit.i.payload), len(unit.o.payload))
    assert (plan.in_beats, plan.out_beats, plan.cycles) == (unit.in_beats, unit.out_beats, unit.cycles)
    assert plan.cycles == plan.least_target == 64 // pixels
    assert (plan.folding, plan.dsp) == ({"pixels": pixels}, 0)
    assert plan.cost.lut > plan.cost.lutram > 0
    assert plan.cost.ff > pixels * POOL.source.channels * POOL.in_bits


def test_a_pool_takes_no_less_than_the_widest_beat_allows():
    least = {item.layer: item for item in least_targets(NET)}
    assert (least["head0_maxpool0"].target, least["head0_maxpool0"].unit) == (8, "pixel_pool")
    assert least["stage1_maxpool0"].target == 64     # FINN's: a pixel a cycle
    assert {item.layer: item.target for item in least_targets(FINN)}["head0_maxpool0"] == 64
    first = fused(network((8, 8, 2), [[("maxpool", 2, 2), ("conv", 1, 0, 1, 2)]], [[("linear", 2)]]))
    assert [item.target for item in least_targets(first)[:2]] == [8, 8]


def test_two_pools_behind_each_other_are_two_units():
    net = fused(network((8, 8, 2), [[("conv", 1, 0, 1, 2), ("maxpool", 2, 2), ("maxpool", 2, 2)]], [[("linear", 2)]]))
    chain = net.stages[0]
    folds = dict(zip((layer.name for layer in chain), (Fold(body="static", pixels=2), Fold(body="static"), Fold(body="pool", pixels=2)),
                     strict=True))
    assert [(len(units), pool and pool.name) for _, units, pool in units_of_chain(chain, folds)] == [
        (1, chain[1].name), (0, None), (1, None)]
    folds[chain[1].name] = Fold(body="pool", pixels=4)
    assert [[unit.kind for unit in units] for _, units, _ in units_of_chain(chain, folds)] == [["static"], ["pixel_pool"], ["pixel_pool"]]
    planned = evaluate(net, folds | {net.layers[-1].name: fold_options(net.layers[-1])[0]}, (64,), PART)
    assert planned.fused_pool(chain[0].name) is None
    assert planned.fused_pool(chain[1].name) is None


def test_the_first_layer_gives_the_images_their_beat():
    net = fused(network((8, 8, 3), [[("maxpool", 2, 2), ("conv", 1, 0, 1, 2)]], [[("linear", 2)]]))
    folds = {layer.name: fold_options(layer)[0] for layer in net.layers} | {net.layers[0].name: Fold(body="pool", pixels=4)}
    assert evaluate(net, folds, (64,), PART).input_pe == 12


def test_the_search_finds_what_trying_everything_finds():
    net = fused(network((4, 4, 1), [[("conv", 1, 0, 1, 2)]], [[("maxpool", 2, 2), ("linear", 2)]]))
    options = [
        [*fold_options(layer), *(Fold(body="pool", pixels=pixels) for pixels in pixel_pool_options(layer)),
         *([Fold(body="static", pixels=pixels) for pixels in (1, 2, 4)] if layer.kind == "conv" else []),
         *([Fold(body="static")] if layer.kind == "linear" else []),
         *(fold for body in SHARED for fold in shared_options(layer, body=body))]
        for layer in net.layers
    ]
    bodies = set()
    for target, weights in ((16, (1, 0, 0, 0, 1, 0)), (8, (1, 1, 1, 1, 1, 1)), (4, (0, 0, 5, 0, 1, 2))):
        weighed = dict(zip(("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4"), weights, strict=True))
        best = None
        for folds in itertools.product(*options):
            tried = evaluate(net, {layer.name: fold for layer, fold in zip(net.layers, folds, strict=True)}, (target,), PART)
            if all(unit.meets(target) for plan in tried.plans.values() for unit in plan.units if unit.kind != "converter"):
                price = sum(weighed[name] * share for name, share in tried.cost.shares(PART).items())
                best = price if best is None else min(best, price)
        found = search(net, (target,), PART, weights=weighed)
        assert sum(weighed[name] * share for name, share in found.cost.shares(PART).items()) == pytest.approx(best, abs=1e-7)
        bodies.add(found.folds["head0_maxpool0"].body)
    assert "pool" in bodies


def test_its_file_is_read_again(tmp_path):
    found = search(NET, (64, 64), PART)
    folds = found.folds | {"head0_maxpool0": Fold(body="pool", pixels=4)}
    planned = evaluate(NET, folds, found.targets, PART)
    text = to_toml(planned)
    assert '# a unit by itself; pixels is one of 1, 2, 4, 8\nbody = "pool"\npixels = 4\n' in text
    (tmp_path / "folding.toml").write_text(text)
    assert read_toml(tmp_path / "folding.toml", NET) == folds


@pytest.mark.parametrize(("table", "message"), [
    ('body = "pool"\npixels = 3', "head0_maxpool0: pixels must divide the map's pixels, not pixels=3"),
    ('body = "pool"', "head0_maxpool0: key 'pixels' is missing; a maxpool has body, pixels where its body is \"pool\""),
    ('body = "pool"\npixels = 4\npe = 1', "head0_maxpool0: unknown key 'pe'; a maxpool has body, pixels"),
    ('body = "static"', 'head0_maxpool0: body must be "finn" or "pool", not "static": it is the first layer of its part'),
])
def test_a_wrong_file_is_told(tmp_path, table, message):
    planned = evaluate(NET, search(NET, (64, 64), PART).folds | {"head0_maxpool0": Fold(body="pool", pixels=4)}, (64, 64), PART)
    text = to_toml(planned)
    assert 'body = "pool"\npixels = 4' in text
    (tmp_path / "folding.toml").write_text(text.replace('body = "pool"\npixels = 4', table, 1))
    with pytest.raises(FoldingError, match=message):
        read_toml(tmp_path / "folding.toml", NET)


@pytest.mark.parametrize(("source", "bits", "kernel", "pixels", "held", "lutram"), [
    (Shape(4, 4, 32), 4, (2, 2), 4, 2075, 172),     # a window row in a beat: the line is registers
    (Shape(6, 6, 16), 2, (3, 3), 6, 606, 108),      # a neighbour without a partner is a shift register
    (Shape(32, 32, 32), 4, (2, 1), 8, 5154, 1368),
    (Shape(15, 15, 64), 4, (2, 2), 1, 1576, 344),
])
def test_terms_are_those_that_yosys_made(source, bits, kernel, pixels, held, lutram):
    """Flip-flops and LUTs as memory as Yosys found them, control apart, which is less than 45 flip-flops."""
    layer = dataclasses.replace(POOL, source=source, kernel=kernel, stride=kernel, in_bits=bits, out_bits=bits)
    unit = pixel_pool_unit(layer, pixels)
    assert 0 < held - unit.terms["held"] < 45
    assert unit.cost.lutram == lutram


def test_bits_and_signs_are_those_of_the_map():
    layer = dataclasses.replace(POOL, in_bits=3, in_signed=True, out_bits=3, out_signed=True)
    assert pixel_pool_parameters(layer, 2) == {
        "height": 8, "width": 8, "channels": 4, "bits": 3, "signed": True, "kernel": (4, 4), "pixels": 2}
