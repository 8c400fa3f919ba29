from dataclasses import replace

import pytest

from hw.exits.check_exits import check_exits
from hw.netlist import NetlistError
from tests import toy


def changed(*gates, **shape):
    """A toy of three exits, each gate of two tensors, with other ``gates``: (place, what is another)."""
    netlist = toy.build(None, exits=3, spans=True, **shape)
    found = list(netlist.gates)
    for place, changes in gates:
        found[place] = replace(found[place], **changes)
    return replace(netlist, gates=tuple(found))


def test_cuts_of_several_tensors_may_be_handed_on():
    netlist = changed()
    check_exits(netlist)
    assert [[(gate.src[0], gate.dst[0]) for gate in cut] for cut in netlist.cuts] == [
        [("fork0", "stage1_slow0"), ("fork0", "gate1")], [("fork1", "stage2_slow0"), ("gate0", "stage2_same0")]]


@pytest.mark.parametrize(("gates", "message"), [
    ([(0, {"exit": 1})], r"every exit but the last needs one gate, in order, not \[1, 0, 1, 1\]"),
    ([(3, {"exit": 2})], r"every exit but the last needs one gate, in order, not \[0, 0, 1, 2\]"),
    ([(1, {"frames": 3})], r"the gates of exit 0 must have as many frames, not \[2, 3\]"),
    ([(1, {"dst": ("gate1", 0)})], "tensor 1 of gate 0 goes to 'gate1', 0, which does not take it"),
    ([(1, {"dst": ("gate1", 2)})], "tensor 1 of gate 0 goes to 'gate1', 2, which does not take it"),
    ([(1, {"dst": ("stage1_slow0", 0)})], "tensor 1 of gate 1 comes from 'gate0', 1, which does not hand it on"),
    ([(3, {"dst": ("gate2", 0)})], "tensor 1 of gate 1 goes to 'gate2', 0, which does not take it"),
])
def test_gates_that_do_not_fit_are_refused(gates, message):
    with pytest.raises(NetlistError, match=message):
        check_exits(changed(*gates))


def test_a_cut_has_at_most_four_tensors():
    netlist = changed()
    with pytest.raises(NetlistError, match="exit 0 must have at most 4 gates, not 5"):
        check_exits(replace(netlist, gates=(*netlist.gates[:1] * 5, *netlist.gates[2:])))
