"""A network as plain data: stored and read again, followed layer by layer, refused where its layers do not fit."""

import dataclasses
import json

import pytest

from quant_models.errors import QuantModelError
from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, MaxPool, NetSpec, both, cuts, described, trace
from tests.quant_models.conftest import residual_spec, scales_spec, separable_spec
from tests.quant_models.networks.specs import spec


def test_json_round_trip_and_digest():
    net = spec()
    assert NetSpec.from_json(net.to_json()) == net
    assert net.digest() == spec().digest()
    other = (Conv(out=4, kernel=3, pad=1, weight_bits=3), *net.stages[0][1:])
    assert net.digest() != dataclasses.replace(net, stages=(other, net.stages[1])).digest()
    for text in ("[]", "{", '{"stages": [[{"layer": "lstm"}]], "heads": []}'):
        with pytest.raises(QuantModelError, match="not a network description"):
            NetSpec.from_json(text)


def test_residual_blocks_are_stored():
    net = residual_spec()
    assert NetSpec.from_json(net.to_json()) == net
    assert net.digest() != residual_spec(act_bits=3).digest()
    units = {unit.name: unit for _, _, unit in trace(net)}
    assert [name for name in units if "add" in name] == ["stage0_add0", "stage0_add1", "head0_add0", "stage1_add0"]
    assert units["head0_conv1"].inputs == ("head0_pool1",)
    assert units["stage2_pool0"].inputs == units["head1_fc0"].inputs == ("stage1_add0",)
    assert units["head2_gap0"].inputs == ("stage2_pool0",)
    with pytest.raises(QuantModelError, match="not a network description"):
        NetSpec.from_json(net.to_json().replace('"body"', '"bodies"'))


def test_scales_are_stored():
    net = scales_spec()
    assert NetSpec.from_json(net.to_json()) == net
    assert net.digest() != scales_spec(act_bits=3).digest()


def test_a_stage_computes_what_its_exit_needs():
    """MSDNet's lazy evaluation: what the coarsest map does not need is of a later stage, or not there."""
    net = scales_spec()
    told = [(item.index, item.at, item.unit.name) for item in described(net) if item.where == "stage" and item.index != item.at]
    # Of the first stage's dense layer the finer maps; of the last the finer maps, of the one before it the finest.
    assert told == [
        (0, 1, "stage1_conv0"), (0, 1, "stage1_concat0"), (0, 1, "stage1_conv1"), (0, 1, "stage1_conv2"), (0, 1, "stage1_concat1"),
        *((1, None, name) for name in ("stage1_conv0", "stage1_concat0", "stage1_conv5", "stage1_concat3", "stage1_conv6", "stage1_conv7",
                                       "stage1_concat4"))]
    units = list(trace(net))
    assert [unit.name for where, k, unit in units if (where, k) == ("stage", 0)] == [
        "stage0_conv0", "stage0_conv1", "stage0_conv2", "stage0_conv3", "stage0_conv4", "stage0_concat0"]
    assert [unit.name for where, k, unit in units if (where, k) == ("stage", 1)] == [
        "stage1_conv0", "stage1_concat0", "stage1_conv1", "stage1_conv2", "stage1_concat1", "stage1_conv3", "stage1_conv4",
        "stage1_concat2", "stage1_conv5", "stage1_conv6", "stage1_concat3", "stage1_conv7", "stage1_conv8", "stage1_concat4"]
    # Everything is there before it is read.
    made = {"image"}
    for _, _, unit in units:
        assert made.issuperset(unit.inputs)
        made.add(unit.name)
    # Heads read the coarsest map.
    assert {unit.name: unit.inputs for where, _, unit in units if where != "stage" and "concat" in unit.inputs[0]} == {
        "head0_fc0": ("stage0_concat0",), "gatehead0_gap0": ("stage0_concat0",), "head1_gap0": ("stage1_concat4",)}
    assert cuts(net) == (("stage0_conv0", "stage0_conv1", "stage0_concat0"), ())
    assert cuts(residual_spec()) == (("stage0_add1",), ("stage1_add0",), ())
    # An exit more at the same maps: its stage is empty, and hands all of them on.
    (first, second), (early, last) = net.stages, net.heads
    twice = dataclasses.replace(net, stages=(first, (), second), heads=(early, (GlobalPool(), Linear(out=4)), last), gates=())
    assert cuts(twice) == (cuts(net)[0], cuts(net)[0], ())


def test_groups_are_stored_only_where_there_are_some():
    """What was stored before there were groups reads as it was, and has the same digest."""
    assert "groups" not in spec().to_json()
    net = separable_spec()
    assert NetSpec.from_json(net.to_json()) == net
    assert [json.loads(net.to_json())["stages"][1][place]["groups"] for place in (0, 1)] == [6, 2]


def test_gate_heads_are_stored_only_where_there_are_some():
    """What was stored before there were gate heads reads as it was, and has the same digest."""
    net, gated = spec(), spec(gates=((MaxPool(kernel=2, stride=2), Linear(out=1)), ()))
    assert spec(gates=((), ())) == net
    assert '"gates"' not in net.to_json()
    assert (net.gated, gated.gated) == ((), (0,))
    assert NetSpec.from_json(gated.to_json()) == gated
    assert [unit.name for where, _, unit in trace(gated) if where == "gate"] == ["gatehead0_pool0", "gatehead0_fc0"]


@pytest.mark.parametrize(("gates", "message"), [
    (((Linear(out=1),),), "gates must be one per exit, the last one's empty, not 1 for 2 exits"),
    (((), (Linear(out=1),)), "gates must be one per exit, the last one's empty, not 2 for 2 exits"),
    (((Linear(out=2),), ()), "gatehead0_fc0: the last layer of a gate head must have out = 1, not out=2"),
    (((GlobalPool(),), ()), "gatehead0_gap0: the last layer of a head, and no other, is a linear layer without activation"),
])
def test_gate_heads_that_do_not_fit(gates, message):
    with pytest.raises(QuantModelError, match=message):
        spec(gates=gates)


def test_windows_that_are_not_square():
    stage = (Conv(out=4, kernel=(5, 1), pad=(2, 0), stride=(2, 1)), MaxPool(kernel=(2, 1), stride=(2, 1)))
    net = spec(height=16, width=1, stages=(stage, (Conv(out=5, kernel=(3, 1)),)))
    assert [unit.out_shape for _, _, unit in trace(net)][:2] == [(8, 1, 4), (4, 1, 4)]
    assert NetSpec.from_json(net.to_json()) == net
    assert (both(3), both((3, 1))) == ((3, 3), (3, 1))
    square = (Conv(out=4, kernel=(3, 3), pad=(1, 1)), MaxPool(kernel=(2, 2), stride=(2, 2)))
    assert [unit.out_shape for *_, unit in trace(spec(stages=(square, (Conv(out=5, kernel=2),))))] == [
        unit.out_shape for *_, unit in trace(spec())
    ]


def test_trace_follows_shapes_and_integers():
    units = {unit.name: unit for _, _, unit in trace(spec())}
    assert list(units) == ["stage0_conv0", "stage0_pool0", "head0_fc0", "stage1_conv0", "head1_gap0", "head1_fc0", "head1_fc1"]
    assert (units["stage0_conv0"].in_shape, units["stage0_conv0"].in_bits) == ((6, 5, 2), 8)
    assert units["stage0_pool0"].out_shape == units["head0_fc0"].in_shape == units["stage1_conv0"].in_shape == (3, 2, 4)
    assert units["stage1_conv0"].out_shape == (2, 1, 5)
    assert (units["head1_gap0"].in_signed, units["head1_fc0"].in_signed) == (True, False)
    assert units["head1_fc1"].in_bits == 3


@pytest.mark.parametrize(("changes", "message"), [
    ({"classes": 1}, "classes must be 2 to 1000, not 1"),
    ({"width": 0}, "width must be at least 1, not 0"),
    ({"heads": ((Linear(out=3),),)}, "heads must be as many as stages, 1 or more, not stages=2, heads=1"),
    ({"heads": ((Linear(out=3),), ())}, "head1 must have a layer"),
    ({"heads": ((Linear(out=4),), (Linear(out=3),))}, "out = classes, not out=4, classes=3"),
    ({"heads": ((MaxPool(kernel=1, stride=1),), (Linear(out=3),))}, "head0_pool0: the last layer of a head"),
    ({"heads": ((Linear(out=3), Linear(out=3)), (Linear(out=3),))}, "head0_fc0: the last layer of a head, and no other"),
    ({"stages": ((Conv(out=4, kernel=3, weight_bits=9),), (Conv(out=4, kernel=1),))}, "weight_bits must be 1 to 8, not 9"),
    ({"stages": ((Conv(out=4, kernel=3, act=Activation(bits=9)),), (Conv(out=4, kernel=1),))}, "act bits must be 1 to 8, not 9"),
    ({"stages": ((Conv(out=4, kernel=7),), (Conv(out=4, kernel=1),))}, "kernel=7, input=6, pad=0"),
    ({"stages": ((Conv(out=4, kernel=(3, 7)),), (Conv(out=4, kernel=1),))}, "kernel=7, input=5, pad=0"),
    ({"stages": ((Conv(out=4, kernel=(3, 0)),), (Conv(out=4, kernel=1),))}, r"kernel must be 1 to 64, not \(3, 0\)"),
    ({"stages": ((Linear(out=4, act=Activation()),), (Conv(out=4, kernel=1),))}, "only a linear layer can follow a linear layer"),
])
def test_impossible_networks_are_refused(changes, message):
    with pytest.raises(QuantModelError, match=message):
        spec(**changes)
