"""What no layer is: streams, decisions and all that joins them."""

import pytest

from build_flows.base.parts import find_part
from build_flows.planning import glue_costs as module
from build_flows.planning.cost_model import Cost
from build_flows.planning.folding import RESERVE
from build_flows.planning.folding_search import search
from build_flows.planning.glue_costs import ALWAYS, decision_cost, glue_cost, logit_beats, stream_cost, with_decisions
from build_flows.planning.network import fused
from tests.build_flows.networks import b_lenet, network

PART = find_part("pynq-z2")


def folded(net):
    return search(net, (10_000,) * len(net.stages), PART)


@pytest.mark.parametrize(("bits", "logic", "lutram", "ff"), [
    (4, 13, 4, 11), (8, 17, 8, 15), (32, 41, 24, 39), (64, 73, 44, 71), (128, 137, 88, 135), (256, 265, 172, 263),
])
def test_streams_are_those_that_yosys_made(bits, logic, lutram, ff):
    assert stream_cost(bits) == Cost(lut=logic + lutram, lutram=lutram, ff=ff)


@pytest.mark.parametrize(("bits", "lut", "ff"), [(8, 14, 20), (24, 30, 52), (64, 70, 132), (128, 134, 260), (384, 390, 772)])
def test_short_streams_are_registers(bits, lut, ff):
    assert stream_cost(bits, short=True) == Cost(lut=lut, ff=ff)


@pytest.mark.parametrize(("policy", "logits", "bits", "lut", "ff"), [
    ("max_logit", 1, 10, 40, 52), ("max_logit", 2, 13, 74, 94), ("max_logit", 10, 10, 201, 95), ("max_logit", 10, 16, 305, 137),
    ("margin", 1, 10, 70, 62), ("margin", 1, 16, 108, 85), ("margin", 2, 13, 133, 120), ("margin", 10, 10, 408, 199),
    ("margin", 10, 16, 650, 300), ("softmax", 1, 10, 223, 267), ("softmax", 2, 13, 419, 445), ("softmax", 10, 10, 1616, 1307),
    ("softmax", 10, 16, 1809, 1511), ("entropy", 1, 10, 666, 471), ("entropy", 10, 10, 4650, 2325),
])
def test_decisions_are_near_those_that_yosys_made_of_units_alone(policy, logits, bits, lut, ff):
    """In an accelerator one takes so much more as its biases and its token do."""
    found, joined = decision_cost(policy, logits, bits), 31 + logits * (bits + 3)
    assert found.lut - joined == pytest.approx(lut, rel=0.1, abs=10)
    assert found.ff - 46 - 10 * logits == pytest.approx(ff, rel=0.15, abs=25)
    assert found.dsp == (logits if policy == "entropy" else 0)


@pytest.mark.parametrize(("policy", "logits", "bits", "lut", "ff"), [
    ("max_logit", 1, 12, 90, 116), ("max_logit", 2, 14, 141, 159), ("max_logit", 10, 15, 506, 280), ("softmax", 1, 11, 273, 312),
    (ALWAYS, 1, 13, 82, 91), (ALWAYS, 10, 15, 462, 281),
])
def test_decisions_are_near_those_of_accelerators(policy, logits, bits, lut, ff):
    """Of digits, b_lenet and b_alexnet, with the register behind each."""
    found = decision_cost(policy, logits, bits)
    assert (found.lut, found.ff) == (pytest.approx(lut, rel=0.1), pytest.approx(ff, rel=0.2))


def test_the_bus_is_a_stream_of_registers():
    found = folded(fused(network((6, 6, 1), [[("conv", 3, 1, 1, 4)]], [[("linear", 3)]])))
    wide, narrow = glue_cost(found, 64), glue_cost(found, 32)
    assert (wide.lut - narrow.lut, wide.ff - narrow.ff) == (32, 64)


def test_what_forks_is_read_by_more_than_one(monkeypatch):
    """Streams: the bus, the image's, one behind every unit, and of the fork one more, for head and gate read it."""
    monkeypatch.setattr(module, "stream_cost", lambda bits, short=False: Cost(dsp=1))
    alone = folded(fused(network((6, 6, 1), [[("conv", 3, 1, 1, 4), ("conv", 3, 1, 1, 4)]], [[("linear", 3)]])))
    forked = folded(fused(network((6, 6, 1), [[("conv", 3, 1, 1, 4)], [("conv", 3, 1, 1, 4)]], [[("linear", 3)], [("linear", 3)]])))
    monkeypatch.setattr(module, "_FORK", Cost(dsp=1000))
    for folding, more in ((alone, 0), (forked, 1 + 1000)):
        assert glue_cost(folding, 64).dsp == 2 + sum(len(plan.units) for plan in folding.plans.values()) + more


def test_the_last_exit_always_decides():
    found = folded(fused(b_lenet()))
    beats = logit_beats(found)
    assert [bits for _, bits in beats] == [head[-1].sum_bits for head in found.network.heads]
    glue = glue_cost(found, 64)
    assert with_decisions(glue, beats, ["margin"]) == glue + decision_cost("margin", *beats[0]) + decision_cost(ALWAYS, *beats[1])
    with pytest.raises(ValueError, match="zip"):
        with_decisions(glue, beats, [])


def test_a_policy_that_nothing_is_known_of_is_refused():
    with pytest.raises(ValueError, match="policy must be one of max_logit, margin, softmax, entropy, always, not 'class_threshold'"):
        decision_cost("class_threshold", 1, 12)


def test_a_small_design_has_less_of_it_than_is_kept_free():
    found = folded(fused(b_lenet()))
    glue = with_decisions(glue_cost(found, 64), logit_beats(found), ["max_logit"])
    assert 2500 < glue.lut < RESERVE.lut
    assert 0 < glue.pairable < glue.lut
