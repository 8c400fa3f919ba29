import re
from collections import OrderedDict
from pathlib import Path

import pytest
import torch
from torch import nn

from quant_models.bring.float_net import FloatNet
from quant_models.bring.matching import match
from quant_models.bring.weights_file import WeightsFile, _natural
from quant_models.errors import QuantModelError
from quant_models.networks.presets import preset
from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, NetSpec
from tests.quant_models.conftest import build_spec

RELU = Activation()


def conv(out, kernel=3):
    return Conv(out=out, kernel=kernel, pad=1, act=RELU)


SPEC = NetSpec(name="two", height=8, width=8, channels=3, classes=4, stages=((conv(6), conv(6)), (conv(6), conv(5))),
               heads=((GlobalPool(act=RELU), Linear(out=4)), (Linear(out=7, act=RELU), Linear(out=4))))
LAYERS = ["stage0_conv0", "stage0_conv1", "head0_fc0", "stage1_conv0", "stage1_conv1", "head1_fc0", "head1_fc1"]


def theirs(norm=True):
    """The network as someone else might write it: conv1, bn1, ... and fully connected layers."""
    found = OrderedDict()
    for index, (ins, outs) in enumerate([(3, 6), (6, 6), (6, 6), (6, 5)], start=1):
        found[f"conv{index}"] = nn.Conv2d(ins, outs, 3, padding=1, bias=not norm)
        if norm:
            found[f"bn{index}"] = nn.BatchNorm2d(outs)
    found["first"], found["hidden"] = nn.Linear(6, 4), nn.Linear(320, 7)
    if norm:
        found["hidden_bn"] = nn.BatchNorm1d(7)
    found["out"] = nn.Linear(7, 4)
    return found


def state(modules):
    return nn.Sequential(modules).state_dict()


def file(tensors, ordered=True):
    names = list(tensors) if ordered else sorted(tensors, key=_natural)
    return WeightsFile(Path("net.pt"), {name: tensors[name] for name in names}, ordered)


def found(tensors, ordered=True, mapping=None, spec=SPEC):
    matched, notes = match(spec, file(tensors, ordered), mapping)
    return {item.unit.name: (item.linear, item.norm) for item in matched}, notes


WANTED = {
    "stage0_conv0": ("conv1", "bn1"), "stage0_conv1": ("conv2", "bn2"), "head0_fc0": ("first", None), "stage1_conv0": ("conv3", "bn3"),
    "stage1_conv1": ("conv4", "bn4"), "head1_fc0": ("hidden", "hidden_bn"), "head1_fc1": ("out", None),
}


@pytest.mark.parametrize("ordered", [True, False])
def test_other_names_are_matched_by_order_and_shapes(ordered):
    layers, notes = found(state(theirs()), ordered)
    assert layers == WANTED
    assert list(layers) == LAYERS
    order = "the network's order" if ordered else "the order of their names"
    assert notes[0] == f"stage0_conv1, stage1_conv0 have one shape: conv2, conv3 are taken in {order}; mapping can say otherwise"
    told = ["batch norms bn1, bn2, bn3 are taken for stage0_conv0, stage0_conv1, stage1_conv0 in this order; mapping can say otherwise"]
    assert notes[1:] == ([] if ordered else told)
    bare, _ = found(state(theirs(norm=False)), ordered)
    assert bare == {name: (linear, None) for name, (linear, _) in WANTED.items()}


def test_batch_norms_defined_after_all_convolutions_are_matched_by_size():
    modules = theirs()
    moved = OrderedDict([(key, item) for key, item in modules.items() if "bn" not in key]
                        + [(key, item) for key, item in modules.items() if "bn" in key])
    layers, notes = found(state(moved))
    assert layers == WANTED
    assert "batch norms bn1, bn2, bn3 are taken" in notes[1]


def test_only_some_layers_may_have_a_batch_norm():
    modules = theirs()
    del modules["bn2"]
    layers, _ = found(state(modules))
    assert layers == {**WANTED, "stage0_conv1": ("conv2", None)}
    with pytest.raises(QuantModelError, match=r"batch norm bn1, bn3 of 6 channels: stage0_conv0, stage0_conv1, stage1_conv0 can take "
                                              r"them; mapping must say which, as <layer>\.norm"):
        found(state(modules), ordered=False)
    mapping = {"stage0_conv0.norm": "bn1", "stage1_conv0.norm": "bn3"}
    assert found(state(modules), False, mapping)[0] == layers


@pytest.mark.parametrize("spec", [SPEC, build_spec(), preset("b_alexnet"), preset("har"), preset("resnet8"),
                                  preset("mobilenet_tiny")], ids=lambda item: item.name)
@pytest.mark.parametrize("norm", [True, False])
def test_equal_names_go_before_order(spec, norm):
    tensors = FloatNet(spec, norm).state_dict()
    backwards = {key: tensors[key] for key in reversed(tensors)}
    layers, notes = found(backwards, spec=spec)
    assert notes == []
    for name, (linear, bn) in layers.items():
        assert name in linear.split(".")
        assert (bn is not None) == (norm and not linear.endswith(".1"))
        assert bn is None or bn == linear.replace("linear", "norm")


def test_a_mapping_goes_before_everything():
    tensors = state(theirs())
    layers, _ = found(tensors, mapping={"stage0_conv1": "conv3", "stage1_conv0": "conv2"})
    assert layers == {**WANTED, "stage0_conv1": ("conv3", "bn3"), "stage1_conv0": ("conv2", "bn2")}
    swapped = {"stage0_conv1.norm": "bn3", "stage1_conv0.norm": "bn2"}
    layers, _ = found(tensors, mapping=swapped)
    assert layers == {**WANTED, "stage0_conv1": ("conv2", "bn3"), "stage1_conv0": ("conv3", "bn2")}


def test_a_mapping_may_name_what_holds_layer_and_batch_norm():
    modules = theirs()
    blocks = OrderedDict((f"block{k}", nn.Sequential(modules.pop(f"conv{k}"), modules.pop(f"bn{k}"))) for k in (1, 2, 3, 4))
    tensors = state(OrderedDict([*blocks.items(), *modules.items()]))
    layers, notes = found(tensors, False, {"stage0_conv1": "block3", "stage1_conv0": "block2"})
    assert layers["stage0_conv1"] == ("block3.0", "block3.1")
    assert layers["stage1_conv0"] == ("block2.0", "block2.1")
    assert layers["stage0_conv0"] == ("block1.0", "block1.1")
    assert notes == []


def test_what_no_layer_takes_is_left_out_only_where_every_layer_is_named():
    modules = theirs()
    modules["other"] = nn.Linear(9, 4)
    with pytest.raises(QuantModelError, match=r"^weights net\.pt: fits no layer of the network: other \[4, 9\]; a mapping of every layer"):
        found(state(modules))
    layers, notes = found(state(modules), mapping={name: linear for name, (linear, _) in WANTED.items()})
    assert layers == WANTED
    assert notes == ["not used: other"]


def test_one_dimensional_convolutions_are_convolutions_of_width_one():
    spec = preset("har")
    tensors = {key: value.squeeze(3) if value.dim() == 4 else value for key, value in FloatNet(spec).state_dict().items()}
    assert any(value.dim() == 3 for value in tensors.values())
    assert found(tensors, spec=spec) == found(FloatNet(spec).state_dict(), spec=spec)


def changed(**modules):
    return state(OrderedDict({**theirs(), **modules}))


@pytest.mark.parametrize(("tensors", "mapping", "message"), [
    (changed(conv4=nn.Conv2d(6, 5, 5)), {},
     "stage1_conv1 need 1 tensors [5, 6, 3, 3], it has 0; tensors that fit no layer: conv4 [5, 6, 5, 5]"),
    ({key: value for key, value in changed().items() if not key.startswith("hidden.")}, {},
     "head1_fc0 need 1 tensors [7, 320], it has 0; tensors that fit no layer: none"),
    (changed(extra=nn.Conv2d(6, 6, 3)), {},
     "conv2, conv3, extra have all the shape [6, 6, 3, 3] of stage0_conv1, stage1_conv0; mapping must"),
    (changed(), {"stage0_conv0": "conv4"}, "tensor conv4.weight is [5, 6, 3, 3], layer stage0_conv0 takes [6, 3, 3, 3]"),
    (changed(), {"stage0_conv0": "conv"}, "mapping of stage0_conv0: there is no module 'conv'; there are conv1, conv2"),
    (changed(), {"stage0_conv7": "conv1"}, "mapping has no layer 'stage0_conv7'; those are stage0_conv0, stage0_conv1, head0_fc0"),
    (changed(), {"stage0_conv1": "conv2", "stage1_conv0": "conv2"}, "module conv2 is both stage0_conv1 and stage1_conv0"),
    (changed(), {"stage0_conv0.norm": "bn9"}, "mapping of stage0_conv0.norm: there is no batch norm 'bn9'; there are bn1, bn2, bn3, bn4"),
    (changed(), {"stage0_conv0.norm": "bn4"}, "tensor bn4.running_mean is [5], layer stage0_conv0 takes [6]"),
    (changed(), {"head0_fc0.norm": "bn4"}, "mapping of head0_fc0.norm: the last layer of a head has no batch norm"),
    (changed(norm=nn.LayerNorm(6)), {}, "tensor norm.weight [6] is none of a convolution, linear layer or batch norm"),
    ({**changed(), "lone.bias": torch.zeros(3)}, {}, "module lone has bias but no weight"),
    ({key: value for key, value in changed().items() if key != "bn2.running_var"}, {}, "batch norm bn2 lacks running_var"),
    (state(OrderedDict(both=nn.Sequential(*theirs().values()))), {"stage0_conv0": "both"}, "stage0_conv0 may be any of both.0, both.2"),
])
def test_what_does_not_fit_is_named(tensors, mapping, message):
    with pytest.raises(QuantModelError, match=f"^{re.escape('weights net.pt: ' + message)}"):
        found(tensors, mapping=mapping)
