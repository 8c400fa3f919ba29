import pytest

from build_flows.layer_costs import Cost, Fold, converter, fold_error, fold_options, lanes, layer_units
from build_flows.parts import find_part
from tests.build_flows.networks import b_lenet, network


def conv(height, width, channels, kernel, stride, *, pad=0, outputs=4, in_bits=4):
    net = network((height, width, channels), [[("conv", kernel, pad, stride, outputs)]], [[("linear", 2)]], in_bits=in_bits)
    return net.layers[0]


def units_of(layer, fold):
    return {unit.kind: unit for unit in layer_units(layer, fold)}


@pytest.mark.parametrize(
    ("height", "width", "channels", "simd", "kernel", "stride", "parallel", "cycles"),
    [
        (16, 16, 10, 10, 5, 1, False, 3646),
        (6, 6, 8, 8, 3, 1, False, 152),
        (6, 6, 8, 2, 3, 1, False, 602),
        (9, 9, 4, 1, 3, 2, False, 626),
        (10, 8, 4, 2, 2, 2, False, 174),
        (8, 8, 3, 3, 3, 1, True, 65),
        (9, 8, 3, 3, 3, 2, True, 72),
        (11, 7, 2, 1, 1, 2, False, 155),
    ],
)
def test_window_cycles_are_those_of_the_rtl(height, width, channels, simd, kernel, stride, parallel, cycles):
    """``cycles`` are frame intervals of FINN's RTL in Verilator, its input always valid and its output always taken."""
    units = units_of(conv(height, width, channels, kernel, stride), Fold(1, simd, parallel))
    assert units["window"].cycles == cycles


@pytest.mark.parametrize(
    ("weight_bits", "in_bits", "narrow", "expected"),
    [(4, 4, True, 4), (4, 4, False, 3), (4, 8, True, 2), (8, 8, True, 2), (2, 2, True, 8)],
)
def test_lanes_are_those_of_the_core(weight_bits, in_bits, narrow, expected):
    assert lanes(weight_bits, in_bits, narrow=narrow) == expected


@pytest.mark.parametrize(("pe", "simd", "dsp"), [(8, 8, 24), (32, 18, 198)])
def test_dsps_are_those_that_yosys_counted(pe, simd, dsp):
    layer = conv(4, 4, simd, 1, 1, outputs=pe)
    mvau = next(unit for unit in layer_units(layer, Fold(pe, simd), narrow=False) if unit.kind == "mvau")
    assert mvau.cost.dsp == dsp


def test_converter_costs_what_yosys_counted():
    """32 to 72 bits: 170 LUT, 125 FF."""
    unit = converter(32, 72, 72 * 32)
    assert unit.cost.lut == pytest.approx(170, rel=0.05)
    assert unit.cost.ff == pytest.approx(125, rel=0.05)
    assert (unit.in_beats, unit.out_beats, unit.cycles) == (72, 32, 72)
    assert converter(32, 32, 64) is None
    assert converter(640, 32, 640).cost.lut > 4 * converter(160, 32, 640).cost.lut  # the barrel


def test_mvau_and_thresholding_are_near_what_yosys_counted():
    """Matrix 64x32, PE 8, SIMD 8, 4 bits: 1156 LUT, 1438 FF without weights; 15 thresholds, 32 channels, PE 8: 813 LUT, 1190 FF."""
    layer = conv(4, 4, 64, 1, 1, outputs=32)
    units = {unit.kind: unit for unit in layer_units(layer, Fold(8, 8), narrow=False)}
    weights = 8 * 8 * 4
    assert units["mvau"].cost.lut - weights == pytest.approx(1156, rel=0.35)
    assert units["mvau"].cost.ff - 3 * weights == pytest.approx(1438, rel=0.35)
    assert units["threshold"].cost.lut == pytest.approx(813, rel=0.25)
    assert units["threshold"].cost.ff == pytest.approx(1190, rel=0.25)


def test_units_of_a_convolution_come_in_stream_order():
    layer = b_lenet().layer("head0_conv0")
    units = layer_units(layer, Fold(10, 9, True))
    assert [unit.kind for unit in units] == ["padding", "window", "converter", "mvau", "threshold"]
    assert [(unit.in_bits, unit.out_bits) for unit in units[:3]] == [(20, 20), (20, 180), (180, 36)]
    assert [unit.cycles for unit in units] == [324, 325, 1280, 1280, 256]
    assert units[1].folding == {"simd": 5, "parallel_window": 1}
    assert [unit.kind for unit in layer_units(conv(4, 4, 2, 1, 1), Fold(1, 1))] == ["mvau", "threshold"]


def test_window_takes_the_divisor_of_its_channels_that_keeps_up():
    layer = conv(8, 8, 10, 3, 1)
    found = {simd: units_of(layer, Fold(1, simd))["window"].folding["simd"] for simd in (1, 2, 3, 5, 9, 45)}
    assert found == {1: 1, 2: 2, 3: 5, 5: 5, 9: 10, 45: 10}


def test_pools_take_a_beat_a_cycle():
    pool = b_lenet().layer("stage0_maxpool0")
    (unit,) = layer_units(pool, Fold(1))
    assert (unit.in_beats, unit.out_beats, unit.cycles) == (32 * 32 * 5, 16 * 16 * 5, 32 * 32 * 5)
    gap = network((4, 4, 6), [[("global_sum",)]], [[("linear", 2)]]).layers[0]
    assert [(unit.kind, unit.cycles) for unit in layer_units(gap, Fold(3))] == [("global_sum", 32), ("threshold", 2)]


def test_weight_memory_goes_to_block_ram_when_deep():
    deep, shallow = (units_of(b_lenet().layer("head1_linear0"), fold)["mvau"] for fold in (Fold(2, 1), Fold(10, 720)))
    assert (deep.ram_style, deep.cost.bram18) == ("block", 2)
    assert (shallow.ram_style, shallow.cost.bram18) == ("distributed", 0)


@pytest.mark.parametrize(
    ("layer", "fold", "message"),
    [
        (conv(8, 8, 4, 3, 1), Fold(3, 1), r"pe must divide 4 \(1, 2, 4\), not 3"),
        (conv(8, 8, 4, 3, 1), Fold(1, 5), r"simd must divide 36 \(1, 2, 3, 4, 6, 9, 12, 18, 36\), not 5"),
        (conv(8, 8, 4, 1, 1), Fold(1, 1, True), "parallel_window must be 0, not 1: a kernel of 1 has no window"),
        (conv(8, 4, 4, 3, 1), Fold(1, 1, True), "parallel_window must be 0, not 1: its line buffers need .* at least 5, not 4"),
        (conv(3, 5, 4, 3, 3), Fold(1, 1, True), "FINN's generator needs more output pixels than 1x1"),
        (b_lenet().layer("stage0_maxpool0"), Fold(5, 2), "simd must be left out for a maxpool, not 2"),
        (b_lenet().layer("head1_linear0"), Fold(1, 1, True), "parallel_window must be 0, not 1: a linear has no window"),
    ],
)
def test_impossible_foldings_are_told(layer, fold, message):
    with pytest.raises(ValueError, match=message):
        layer_units(layer, fold)
    assert fold not in fold_options(layer)


def test_every_option_is_possible():
    for layer in b_lenet().layers:
        assert fold_options(layer)
        assert all(fold_error(layer, fold) is None for fold in fold_options(layer))


def test_area_weighs_resources_by_their_share_of_the_part():
    part = find_part("pynq-z2")
    assert Cost(lut=3, ff=4, bram18=1).area(part) == 1000 * (3 + 2 + 190)
