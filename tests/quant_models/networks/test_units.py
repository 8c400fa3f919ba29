"""A stage's or head's layers as units: residual blocks taken apart, what does not fit refused by name."""

import pytest

from quant_models.errors import QuantModelError
from quant_models.networks.spec import (
    Activation,
    Add,
    Concat,
    Conv,
    DenseScales,
    GlobalPool,
    Linear,
    MaxPool,
    Requantise,
    Residual,
    Scales,
)
from quant_models.networks.units import FeatureMap, block_units

BEGIN = (FeatureMap(name="image", shape=(8, 6, 4), bits=8),)
SHARED = Activation(kind="identity", bits=5)
PLAIN, LAST = Conv(out=4, kernel=3, pad=1), Conv(out=4, kernel=3, pad=1, act=SHARED)
POINT = Conv(out=4, kernel=1, act=SHARED)


def test_layers_one_behind_the_other():
    units, end = block_units("stage2", (PLAIN, MaxPool(kernel=2, stride=2), LAST), BEGIN)
    assert [(unit.name, unit.inputs, unit.shared) for unit in units] == [
        ("stage2_conv0", ("image",), None), ("stage2_pool0", ("stage2_conv0",), None), ("stage2_conv1", ("stage2_pool0",), None)]
    assert end == (FeatureMap(name="stage2_conv1", shape=(4, 3, 4), bits=5, signed=True),)
    assert block_units("stage3", (), end) == ([], end)


def test_a_skip_as_it_is():
    """It gets the integers of the body's quantiser, which the sum has."""
    units, end = block_units("stage0", (PLAIN, Residual(body=(PLAIN, LAST), act=Activation(bits=3))), BEGIN)
    assert [(unit.name, unit.inputs, unit.shared) for unit in units[1:]] == [
        ("stage0_conv1", ("stage0_conv0",), None), ("stage0_conv2", ("stage0_conv1",), "stage0_add0"),
        ("stage0_act0", ("stage0_conv0",), "stage0_add0"), ("stage0_add0", ("stage0_conv2", "stage0_act0"), None)]
    assert (units[3].layer, units[4].layer) == (Requantise(act=SHARED), Add(shared=SHARED, act=Activation(bits=3)))
    assert [(unit.in_bits, unit.in_signed) for unit in units] == [(8, False), (4, False), (4, False), (4, False), (5, True)]
    assert end == (FeatureMap(name="stage0_add0", shape=(8, 6, 4), bits=3),)


def test_a_skip_with_layers():
    """Two blocks behind one another: names go on."""
    block = Residual(body=(LAST,), shortcut=(POINT,))
    units, _ = block_units("head1", (block, block), BEGIN)
    assert [(unit.name, unit.inputs) for unit in units] == [
        ("head1_conv0", ("image",)), ("head1_conv1", ("image",)), ("head1_add0", ("head1_conv0", "head1_conv1")),
        ("head1_conv2", ("head1_add0",)), ("head1_conv3", ("head1_add0",)), ("head1_add1", ("head1_conv2", "head1_conv3"))]
    assert [unit.shared for unit in units] == ["head1_add0", "head1_add0", None, "head1_add1", "head1_add1", None]


FINE, COARSE = Conv(out=2, kernel=3, pad=1), Conv(out=3, kernel=3, pad=1, stride=2)
SCALES, DENSE = Scales(convs=(FINE, COARSE)), DenseScales(same=(FINE, FINE), down=(COARSE,))


def test_two_scales_with_dense_connections():
    """Each map is joined by what is made of it and of the finer one, in the integers of the quantiser that its scale began with."""
    units, end = block_units("stage0", (PLAIN, SCALES, DENSE), BEGIN)
    assert [(unit.name, unit.inputs, unit.follows) for unit in units[1:]] == [
        ("stage0_conv1", ("stage0_conv0",), None), ("stage0_conv2", ("stage0_conv1",), None),
        ("stage0_conv3", ("stage0_conv1",), "stage0_conv1"), ("stage0_concat0", ("stage0_conv1", "stage0_conv3"), None),
        ("stage0_conv4", ("stage0_conv2",), "stage0_conv2"), ("stage0_conv5", ("stage0_conv1",), "stage0_conv2"),
        ("stage0_concat1", ("stage0_conv2", "stage0_conv4", "stage0_conv5"), None)]
    assert units[-1].layer == Concat()
    assert end == (FeatureMap(name="stage0_concat0", shape=(8, 6, 4), bits=4, quantiser="stage0_conv1"),
                   FeatureMap(name="stage0_concat1", shape=(4, 3, 8), bits=4, quantiser="stage0_conv2"))
    # A later stage goes on with them, in the integers of the same quantisers.
    units, end = block_units("stage1", (DENSE,), end)
    assert [unit.follows for unit in units] == ["stage0_conv1", None, "stage0_conv2", "stage0_conv2", None]
    assert [item.shape for item in end] == [(8, 6, 6), (4, 3, 13)]


@pytest.mark.parametrize(("layers", "message"), [
    ((Scales(convs=(FINE,)),), "stage0: scales must be 2 to 4, not 1"),
    ((Scales(convs=(FINE,) * 5),), "stage0: scales must be 2 to 4, not 5"),
    ((DENSE,), "stage0: same must have a convolution for each scale, and down one less, not 2 and 1 for 1 scale$"),
    ((SCALES, DenseScales(same=(FINE, FINE), down=())), "not 2 and 0 for 2 scales$"),
    ((SCALES, PLAIN), r"stage0: Conv\(.*\) reads one map, not those of 2 scales; allowed there: DenseScales, and heads"),
    ((SCALES, SCALES), r"stage0: Scales\(.*\) reads one map, not those of 2 scales"),
    ((SCALES, DenseScales(same=(FINE, FINE), down=(FINE,))), "stage0_conv4: must give a map of 4x3, as its scale has, not of 8x6"),
    ((SCALES, DenseScales(same=(FINE, Conv(out=2, kernel=3, pad=1, act=Activation(bits=3))), down=(COARSE,))),
     "stage0_conv3: must have the quantiser of stage0_conv1, of 4 bits, not one of 3 bits"),
    ((SCALES, DenseScales(same=(LAST, FINE), down=(COARSE,))), "the quantiser of stage0_conv0, of 4 bits, not one of signed 5 bits"),
    ((Conv(out=4, kernel=3, weight_bits=0),), "stage0_conv0: weight_bits must be 1 to 8, not 0"),
    ((Conv(out=4, kernel=3, act=Activation(bits=0)),), "stage0_conv0: act bits must be 1 to 8, not 0"),
    ((Conv(out=4, kernel=3, act=Activation(kind="identity", bits=1)),), "stage0_conv0: act bits must be 2 to 8, not 1"),
    ((Conv(out=6, kernel=3, groups=4),), "stage0_conv0: groups must divide its inputs and outputs, not groups=4, 4 and 6"),
    ((Conv(out=6, kernel=3, groups=3),), "stage0_conv0: groups must divide its inputs and outputs, not groups=3, 4 and 6"),
    ((Conv(out=4, kernel=3, groups=0),), "stage0_conv0: groups must be 1 to 65536, not 0"),
    ((Residual(body=(PLAIN,)),), "residual block of stage0: body must end in a convolution with act identity, not Conv"),
    ((Residual(body=()),), "residual block of stage0: body must end in a convolution with act identity, not no layer"),
    ((Residual(body=(LAST, MaxPool(kernel=1, stride=1))),), "body must end in a convolution with act identity, not MaxPool"),
    ((Residual(body=(LAST,), shortcut=(PLAIN,)),), "shortcut must end in a convolution with act identity, not Conv"),
    ((Residual(body=(LAST,), shortcut=(Conv(out=4, kernel=1, act=Activation(kind="identity", bits=6)),)),),
     "body and shortcut must end at one quantiser, not bits=5 and bits=6"),
    ((Residual(body=(Residual(body=(LAST,)), LAST)),), "body must be of convolutions and max-pools, not Residual"),
    ((Residual(body=(LAST,), shortcut=(GlobalPool(), POINT)),), "shortcut must be of convolutions and max-pools, not GlobalPool"),
    ((Residual(body=(Conv(out=5, kernel=3, pad=1, act=SHARED),)),),
     "stage0_add0: body and shortcut must give maps of one shape, not 8x6x5 and 8x6x4"),
    ((Residual(body=(Conv(out=4, kernel=3, pad=1, stride=2, act=SHARED),), shortcut=(POINT,)),),
     "stage0_add0: body and shortcut must give maps of one shape, not 4x3x4 and 8x6x4"),
    ((Residual(body=(LAST,), act=Activation(bits=9)),), "stage0_add0: act bits must be 1 to 8, not 9"),
    ((Residual(body=(Conv(out=4, kernel=3, pad=1, act=Activation(kind="identity", bits=9)),)),), "act bits must be 2 to 8, not 9"),
    ((Linear(out=4, act=Activation()), Residual(body=(LAST,))), "stage0_conv0: only a linear layer can follow a linear layer"),
])
def test_what_does_not_fit_is_named(layers, message):
    with pytest.raises(QuantModelError, match=message):
        block_units("stage0", layers, BEGIN)


def test_a_head_ends_in_a_linear_layer():
    with pytest.raises(QuantModelError, match="head0_add0: the last layer of a head, and no other, is a linear layer"):
        block_units("head0", (Residual(body=(LAST,)),), BEGIN, 4, "head must have out = classes")
    with pytest.raises(QuantModelError, match="head0: the last layer of a head is a linear layer without activation, not Scales"):
        block_units("head0", (SCALES,), BEGIN, 4, "head must have out = classes")
