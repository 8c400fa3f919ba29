"""Exits can stand after every block of a preset's backbone but the last, with any head that fits."""

import numpy as np
import pytest
import torch

from quant_models.errors import QuantModelError
from quant_models.exits.calibrate import calibrate
from quant_models.exits.deciding import ExitLogits
from quant_models.integers.view import integer_logits
from quant_models.networks.layouts import HEADS, backbone, blocks, layout, outline, place, places
from quant_models.networks.presets import PRESETS, preset
from quant_models.networks.spec import (
    Activation,
    Conv,
    DenseScales,
    GlobalPool,
    Linear,
    MaxPool,
    NetSpec,
    Residual,
    Scales,
    trace,
)
from tests.quant_models.conftest import build_model

RELU = Activation(bits=4)


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_own_exits_give_the_preset(name):
    spec = preset(name, weight_bits=3, act_bits=5, classes=7)
    own = [(after, "preset") for after in places(spec)]
    assert layout(name, own, weight_bits=3, act_bits=5, classes=7).digest() == spec.digest()


def test_a_block_is_a_convolution_and_what_follows():
    assert [len(block) for block in blocks(preset("b_lenet"))] == [2, 2, 2]
    assert [len(block) for block in blocks(preset("triple_wins"))] == [1, 2, 1, 2]
    assert [len(block) for block in blocks(preset("b_alexnet"))] == [2, 2, 1, 1, 2]
    assert all(isinstance(block[0], Conv) for block in blocks(preset("b_alexnet")))
    assert [type(block[0]) for block in blocks(preset("resnet8"))] == [Conv, Residual, Residual, Residual]
    assert [len(block) for block in blocks(preset("tfc"))] == [1, 1, 1]
    # The convolution behind a depthwise one is of its block.
    assert [len(block) for block in blocks(preset("mobilenet_tiny"))] == [1, *[2] * 13]
    assert places(preset("mobilenet_tiny")) == (3, 5)
    assert [type(block[0]) for block in blocks(preset("msdnet_tiny"))] == [Conv, Scales, *[DenseScales] * 4]
    assert places(preset("msdnet_tiny")) == (3, 4)
    assert (places(preset("digits")), places(preset("b_lenet"))) == ((0, 1), (0,))


def test_the_form_of_b_lenets_head_is_conv():
    assert layout("b_lenet", [(0, "conv")]) == preset("b_lenet")


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("head", [head for head in HEADS if head != "preset"])
def test_every_head_fits_after_every_block(name, head):
    whole = preset(name, weight_bits=3, act_bits=5)
    if name == "tfc" and head != "linear":
        with pytest.raises(QuantModelError, match=r"head0_[a-z]*0: only a linear layer can follow a linear layer"):
            layout(name, [(0, head)])
        return
    spec = layout(name, [(after, head) for after in range(len(blocks(whole)) - 1)], weight_bits=3, act_bits=5)
    assert backbone(spec) == backbone(whole)
    assert (spec.exits, spec.heads[-1]) == (len(blocks(whole)), whole.heads[-1])
    assert places(spec) == tuple(range(len(blocks(whole)) - 1))
    for _, _, unit in trace(spec):
        assert getattr(unit.layer, "weight_bits", 3) == 3
        act = getattr(unit.layer, "act", None)
        # What goes into a sum has a sign more.
        assert act is None or act.bits == (5 if unit.shared is None else 6)


def test_heads_are_what_they_are_called():
    spec = layout("digits", [(1, "linear"), (1, "pool"), (1, "conv"), (1, "global")])
    last, pool = Linear(out=10), MaxPool(kernel=2, stride=2)
    assert spec.heads[:-1] == ((last,), (pool, last), (Conv(out=32, kernel=3, pad=1), pool, last), (GlobalPool(act=RELU), last))
    assert [len(stage) for stage in spec.stages] == [3, 0, 0, 0, 1]


def test_no_exit_leaves_the_backbone_and_the_last_head():
    spec = layout("b_lenet", [])
    assert (spec.stages, spec.heads) == ((backbone(preset("b_lenet")),), preset("b_lenet").heads[-1:])


def test_exits_after_one_block_have_logits_and_thresholds_of_their_own():
    spec = layout("digits", [(0, "preset"), (0, "global"), (1, "linear")])
    model = build_model(spec)
    images = np.random.default_rng(1).integers(0, 256, (40, 8, 8, 1), dtype=np.uint8)
    found = integer_logits(model, images)
    with torch.no_grad():
        assert len(model(torch.rand(2, 1, 8, 8))) == 4
    exits = [ExitLogits(policy="max_logit", logits=item, scale=0.01) for item in found[:-1]]
    exits.append(ExitLogits(policy="always", logits=found[-1], scale=0.01))
    entries = calibrate(exits, found[-1].argmax(1), shares=[0.3, 0.2, 0.1]).exits
    assert sum(item.leave for item in entries) == pytest.approx(1)


@pytest.mark.parametrize(("exits", "message"), [
    ([(2, "linear")], "exit 0: after must be a block of the backbone, not 2: b_lenet's backbone has blocks 0 to 2, and an early exit"),
    ([(-1, "linear")], "exit 0: after must be a block of the backbone, not -1"),
    ([(1, "linear"), (0, "linear")], "exit 1: after must be at least 1, that of the exit before it, not 0"),
    ([(1, "linear"), (1, "linear")], "exit 1: head linear after block 1 is the same as head linear of exit 0"),
    ([(0, "pool"), (0, "preset"), (0, "conv")], "exit 2: head conv after block 0 is the same as head preset of exit 1"),
    ([(0, "big")], "exit 0: head must be one of preset, linear, pool, conv, global, not 'big'"),
    ([(1, "preset")], r"exit 0: b_lenet has no head of its own after block 1 \(blocks with one: 0\)"),
])
def test_impossible_exits_are_refused(exits, message):
    with pytest.raises(QuantModelError, match=message):
        layout("b_lenet", exits)


def test_a_head_that_does_not_fit_the_feature_map_is_refused():
    spec = NetSpec(
        name="small", height=3, width=3, channels=1, classes=2, stages=((Conv(out=2, kernel=3), Conv(out=2, kernel=1)),),
        heads=((Linear(out=2),),),
    )
    assert place(spec, [(0, "global")], 4, 4).exits == 2
    with pytest.raises(QuantModelError, match="head0_pool0: kernel must fit into the padded input, not kernel=2, input=1, pad=0"):
        place(spec, [(0, "pool")], 4, 4)


def test_heads_of_windows_in_time_are_windows_in_time():
    spec = layout("har", [(1, "linear"), (1, "pool"), (1, "conv"), (1, "global")])
    assert spec.heads[1][0] == MaxPool(kernel=(2, 1), stride=(2, 1))
    assert (spec.heads[2][0].kernel, spec.heads[2][0].pad, spec.heads[2][0].stride) == ((3, 1), (1, 0), 1)
    sizes = [unit.in_shape for where, _, unit in trace(spec) if where == "head" and isinstance(unit.layer, Linear)]
    assert sizes == [(32, 1, 32), (16, 1, 32), (16, 1, 64), (1, 1, 32), (1, 1, 64)]


def test_an_exit_inside_a_block_is_no_place():
    spec = NetSpec(
        name="odd", height=4, width=4, channels=1, classes=2, stages=((Conv(out=2, kernel=1),), (MaxPool(kernel=2, stride=2),)),
        heads=((Linear(out=2),), (Linear(out=2),)),
    )
    with pytest.raises(QuantModelError, match=r"exit 0 of odd stands after backbone layer 1, inside a block; blocks end at \[2\]"):
        places(spec)


@pytest.mark.parametrize("name", PRESETS)
def test_an_outline_tells_what_the_preset_has_and_takes(name):
    spec, found = preset(name), outline(name)
    assert (found.exits, found.shape) == (spec.exits, (spec.height, spec.width, spec.channels))
    assert (found.blocks, found.places) == (len(blocks(spec)), places(spec))
    height, width = found.least
    assert preset(name, shape=(height, width, 2)).exits == spec.exits
    for smaller in ((height - 1, width), (height, width - 1)):
        with pytest.raises(ValueError, match=r"must fit|must be at least 1"):
            preset(name, shape=(*smaller, 2))
