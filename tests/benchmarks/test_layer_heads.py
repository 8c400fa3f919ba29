"""Heads are looked at with the networks that are named."""

import pytest

from benchmarks.layer_heads import HEADS, Head, planned_network, without_exits
from tests.build_flows.networks import b_lenet


def test_a_network_without_exits_is_one_stage_with_the_last_head() -> None:
    network = b_lenet()
    alone = without_exits(network)
    assert [layer.name for layer in alone.layers] == [layer.name for chain in (*network.stages, network.heads[-1]) for layer in chain]
    assert {layer.stage for layer in alone.layers} == {0}
    assert (alone.source, alone.classes, alone.gates) == (network.source, network.classes, ())


@pytest.mark.parametrize("head", HEADS, ids=lambda head: head.name)
def test_only_the_early_head_differs_from_the_preset(head: Head) -> None:
    preset, found = planned_network("b_alexnet"), planned_network("b_alexnet", [(0, head.form)], head.bits)
    assert [layer.name for stage in found.stages for layer in stage] == [layer.name for stage in preset.stages for layer in stage]
    assert [layer.name for layer in found.heads[1]] == [layer.name for layer in preset.heads[1]]
    bits = {layer.name: layer.weight_bits for layer in found.heads[0] if layer.weight_bits}
    assert bits == {name: head.bits.get(name, 4) for name in bits}
    assert sum(layer.macs for layer in found.heads[0]) <= sum(layer.macs for layer in preset.heads[0])
    assert (found.heads[0] == preset.heads[0]) == (head.name == "as published")


def test_exchangeable_heads_are_not_of_constant_weights() -> None:
    assert all(layer.exchangeable for layer in planned_network("b_lenet", exchangeable=True).heads[0])
    assert not any(layer.exchangeable for layer in planned_network("b_lenet").layers)
