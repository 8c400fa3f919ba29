"""Layers in their places: which streams are theirs, and what does not fit."""

import dataclasses

import pytest
from amaranth.hdl import Module, Signal

from hw.core import AcceleratorCore
from hw.layers.dataflow import Dataflow, attach_layers
from hw.netlist import NetlistError
from tests import toy

CHAIN = {"exits": 3, "policies": ("gate", "max_logit"), "params": ({"gate_bits": 11}, {})}


def attach(netlist):
    """The names of what is placed for ``netlist``."""
    placed = []
    core = AcceleratorCore(netlist)
    m = Module()
    attach_layers(m, netlist, core, lambda unit: placed.append(unit) or unit)
    return placed


def test_inner_streams_are_those_between_layers():
    netlist = toy.build(None, **CHAIN)
    assert {item.name for item in Dataflow.inner(netlist)} == {
        "stage0_pool0__fork0", "fork0__head0_gate0", "fork0__head0_sum0", "stage1_slow0__fork1", "fork1__head1_sum0",
        "stage2_slow0__head2_sum0"}
    assert len(attach(netlist)) == 6


def test_ends_by_their_place():
    netlist = toy.build(None)
    flow = Dataflow(Module(), netlist.layers, rst_n=Signal())
    assert len(flow.source(("fork0", 1)).payload) == 24
    assert flow.sink(("head0_sum0", 0)) is flow.sink(("head0_sum0", 0))
    with pytest.raises(NetlistError, match="no layer is called 'fork3'"):
        flow.source(("fork3", 0))
    with pytest.raises(NetlistError, match="layer 'fork0' has no output 2"):
        flow.source(("fork0", 2))
    with pytest.raises(NetlistError, match="layer 'fork0' has no input 1"):
        flow.sink(("fork0", 1))


@pytest.mark.parametrize(("which", "change", "message"), [
    ("streams", {"dst": ("stage0_pool0", 0)}, "stream 'input__stage0_pool0' has bits=25, but one end of it is 24 wide"),
    ("streams", {"dst": ("head0_sum0", 0)}, "stream 'fork0__head0_sum0' has bits=25, but one end of it is 24 wide"),
    ("streams", {"dst": ("exit0", 1)}, "stream 'head0_gate0__exit0' has bits=12, but one end of it is 11 wide"),
    ("gates", {"exit": 1}, "gate 1 has bits=25, but one end of it is 24 wide"),
])
def test_a_stream_or_gate_of_another_width(which, change, message):
    netlist = toy.build(None, **CHAIN)
    (key, value), = change.items()
    items = tuple(dataclasses.replace(item, bits=item.bits + 1) if getattr(item, key) == value else item
                  for item in getattr(netlist, which))
    with pytest.raises(NetlistError, match=message):
        attach(dataclasses.replace(netlist, **{which: items}))
