import pytest

from quant_models.errors import QuantModelError
from quant_models.networks.presets import PRESETS, preset
from quant_models.networks.spec import Activation, Add, Concat, Conv, Linear, cuts, trace

# The published topologies: what enters each first linear layer of a head, flattened.
FLATTENED = {"digits": [32, 64, 32], "b_lenet": [640, 720], "triple_wins": [576, 1024], "b_alexnet": [288, 576], "har": [256, 256, 64],
             "resnet8": [32, 64, 64], "tfc": [64, 64, 64], "mobilenet_tiny": [64, 128, 256], "cnv": [576, 1152, 256],
             "msdnet_tiny": [64, 64, 64]}


@pytest.mark.parametrize("name", PRESETS)
def test_shapes_are_as_published(name):
    sizes = {}
    for where, k, unit in trace(preset(name)):
        if where == "head" and isinstance(unit.layer, Linear):
            height, width, channels = unit.in_shape
            sizes.setdefault(k, height * width * channels)
    assert list(sizes.values()) == FLATTENED[name]


def test_bits_reach_every_layer():
    for name in PRESETS:
        for _, _, unit in trace(preset(name, weight_bits=3, act_bits=5)):
            assert getattr(unit.layer, "weight_bits", 3) == 3
            act = getattr(unit.layer, "act", None)
            assert act is None or act.bits == (5 if unit.shared is None else 6)


def test_triple_wins_head_has_no_relu():
    head = preset("triple_wins", act_bits=4).heads[0]
    assert [layer.act for layer in head if getattr(layer, "act", None)] == [Activation(kind="identity", bits=4)] * 3


def test_resnet8_is_that_of_mlperf_tiny():
    stages = [unit for where, _, unit in trace(preset("resnet8")) if where == "stage"]
    convs = [(unit.layer.kernel, unit.layer.stride, unit.in_shape[2], unit.layer.out) for unit in stages if isinstance(unit.layer, Conv)]
    assert convs == [(3, 1, 3, 16), (3, 1, 16, 16), (3, 1, 16, 16), (3, 2, 16, 32), (3, 1, 32, 32), (1, 2, 16, 32), (3, 2, 32, 64),
                     (3, 1, 64, 64), (1, 2, 32, 64)]
    assert [unit.out_shape for unit in stages if isinstance(unit.layer, Add)] == [(32, 32, 16), (16, 16, 32), (8, 8, 64)]


def test_mobilenet_tiny_is_that_of_mlperf_tiny():
    """But for the first stride."""
    stages = [unit for where, _, unit in trace(preset("mobilenet_tiny")) if where == "stage"]
    outs = [16, 32, 32, 64, 64, 128, 128, 128, 128, 128, 128, 256, 256]
    depthwise, pointwise = stages[1::2], stages[2::2]
    assert [unit.layer.out for unit in pointwise] == outs
    assert [(unit.layer.kernel, unit.layer.pad, unit.layer.groups) for unit in depthwise] == [
        (3, 1, channels) for channels in (8, *outs[:-1])]
    assert [unit.layer.stride for unit in depthwise] == [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1]
    assert {(unit.layer.kernel, unit.layer.stride, unit.layer.groups) for unit in pointwise} == {(1, 1, 1)}
    assert (stages[0].out_shape, stages[-1].out_shape) == ((32, 32, 8), (2, 2, 256))


def test_cnv_is_finns():
    spec = preset("cnv", 1, 1)
    stages = [unit for where, _, unit in trace(spec) if where == "stage"]
    assert [(unit.out_shape, getattr(unit.layer, "pad", None)) for unit in stages] == [
        ((30, 30, 64), 0), ((28, 28, 64), 0), ((14, 14, 64), None), ((12, 12, 128), 0), ((10, 10, 128), 0), ((5, 5, 128), None),
        ((3, 3, 256), 0), ((1, 1, 256), 0)]
    assert [layer.out for layer in spec.heads[-1]] == [512, 512, 10]
    assert {getattr(unit.layer, "weight_bits", 1) for _, _, unit in trace(spec)} == {1}
    assert {unit.in_bits for _, _, unit in trace(spec)} == {8, 1}


def test_msdnet_tiny_is_dense_at_two_scales():
    spec = preset("msdnet_tiny")
    joined = [unit.out_shape for where, _, unit in trace(spec) if where == "stage" and isinstance(unit.layer, Concat)]
    assert joined == [(16, 16, 32), (8, 8, 64), (8, 8, 96), (16, 16, 48), (8, 8, 128), (16, 16, 64), (8, 8, 160)]
    assert cuts(spec) == (("stage0_concat0", "stage0_concat2"), ("stage1_concat0", "stage1_concat1"), ())
    assert [unit.in_shape for where, _, unit in trace(spec) if unit.name.endswith("conv0") and where == "head"] == [
        (8, 8, 96), (8, 8, 128), (8, 8, 160)]


def test_tfc_is_finns():
    stages = [(unit.in_shape, unit.layer.out) for where, _, unit in trace(preset("tfc")) if where == "stage"]
    assert stages == [((28, 28, 1), 64), ((1, 1, 64), 64), ((1, 1, 64), 64)]


def test_images_of_other_shapes_are_taken_where_layers_fit():
    for name in PRESETS:
        spec = preset(name, classes=3, shape=(40, 36, 5))
        assert (spec.name, spec.height, spec.width, spec.channels, spec.classes) == (name, 40, 36, 5, 3)
        assert preset(name, classes=3).classes == 3
    with pytest.raises(QuantModelError, match="stage1_conv2: kernel must fit into the padded input, not kernel=3, input=2"):
        preset("triple_wins", shape=(28, 12, 1))


def test_unknown_preset():
    known = "digits, b_lenet, triple_wins, b_alexnet, har, resnet8, tfc, mobilenet_tiny, cnv, msdnet_tiny"
    with pytest.raises(QuantModelError, match=f"preset must be one of {known}, not 'lenet'"):
        preset("lenet")
    with pytest.raises(QuantModelError, match="weight_bits must be 1 to 8, not 0"):
        preset("digits", weight_bits=0)
