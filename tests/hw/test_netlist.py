"""netlist.json: load and dump are inverses, and a wrong file is told apart by key."""

import dataclasses
import json

import pytest

from hw.netlist import NetlistError, dump, load
from tests import toy


def test_dump_and_load_are_inverse():
    netlist = toy.build(None, exits=3)
    assert load(dump(netlist)) == netlist
    assert dump(load(dump(netlist))) == dump(netlist)


@pytest.mark.parametrize(("change", "message"), [
    (lambda raw: raw.update(version=2), "netlist version must be 1, not 2"),
    (lambda raw: raw.update(colour="red"), "netlist has unknown key 'colour'"),
    (lambda raw: raw.pop("order"), "netlist lacks 'order'"),
    (lambda raw: raw["gates"][0].update(frames="2"), r"netlist.gates\[0\].frames must be int, not '2'"),
    (lambda raw: raw["gates"][0].update(frames=True), r"netlist.gates\[0\].frames must be int, not True"),
    (lambda raw: raw["exits"][0].update(bias=3), r"netlist.exits\[0\].bias must be a list, not 3"),
    (lambda raw: raw["streams"][0].update(src=["input"]), r"netlist.streams\[0\].src must have 2 items, not 1"),
    (lambda raw: raw["layers"][0].update(cost=[]), r"netlist.layers\[0\].cost must be an object"),
    (lambda raw: raw.update(input=None), "netlist.input must be an object, not None"),
])
def test_what_is_wrong_is_named(change, message):
    raw = json.loads(dump(toy.build(None)))
    change(raw)
    with pytest.raises(NetlistError, match=message):
        load(json.dumps(raw))


def test_text_that_is_no_json():
    with pytest.raises(NetlistError, match="netlist is not JSON"):
        load("{")


def test_exchangeable_heads_are_told_and_others_change_nothing():
    netlist = toy.build(None)
    assert "exchangeable" not in dump(netlist)
    chosen = dataclasses.replace(netlist, exchangeable=True)
    assert load(dump(chosen)) == chosen


def test_layer_by_name():
    netlist = toy.build(None)
    assert netlist.layer("fork0").name == "fork0"
    with pytest.raises(NetlistError, match="no layer is called 'fork9'"):
        netlist.layer("fork9")
