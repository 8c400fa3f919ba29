"""What no layer is: streams, decisions and all that joins them."""

import pytest

from build_flows.base.parts import find_part
from build_flows.planning import glue_costs as module
from build_flows.planning.cost_model import Cost
from build_flows.planning.folding import RESERVE, evaluate
from build_flows.planning.folding_search import search
from build_flows.planning.glue_costs import ALWAYS, decision_cost, glue_cost, logit_beats, stream_cost, with_decisions
from build_flows.planning.layer_costs import Fold
from build_flows.planning.network import fused
from tests.build_flows.networks import b_lenet, network

PART = find_part("pynq-z2")


def folded(net, **folds):
    chosen = search(net, (10_000,) * len(net.stages), PART).folds
    return evaluate(net, {**chosen, **folds}, (10_000,) * len(net.stages), PART)


@pytest.mark.parametrize(("bits", "logic", "lutram", "ff"), [
    (4, 13, 4, 11), (8, 17, 8, 15), (32, 41, 24, 39), (64, 73, 44, 71), (128, 137, 88, 135), (256, 265, 172, 263),
])
def test_streams_are_those_that_yosys_made(bits, logic, lutram, ff):
    assert stream_cost(bits) == Cost(lut=logic + lutram, lutram=lutram, ff=ff)


@pytest.mark.parametrize(("bits", "lut", "ff"), [(8, 14, 20), (24, 30, 52), (64, 70, 132), (128, 134, 260), (384, 390, 772)])
def test_short_streams_are_registers(bits, lut, ff):
    assert stream_cost(bits, short=True) == Cost(lut=lut, ff=ff)


@pytest.mark.parametrize(("policy", "logits", "bits", "lut", "ff"), [
    ("max_logit", 1, 10, 40, 52), ("max_logit", 2, 10, 65, 79), ("max_logit", 10, 10, 201, 95), ("margin", 1, 10, 70, 62),
    ("margin", 1, 16, 100, 85), ("margin", 5, 10, 220, 199), ("margin", 10, 10, 374, 199), ("softmax", 1, 10, 209, 267),
    ("softmax", 5, 10, 845, 727), ("softmax", 10, 10, 1571, 1307), ("entropy", 1, 10, 639, 471), ("entropy", 10, 10, 4498, 2325),
])
def test_decisions_are_near_those_that_yosys_made(policy, logits, bits, lut, ff):
    """In units alone; the register behind one takes 23 LUTs and 22 flip-flops."""
    found = decision_cost(policy, logits, bits)
    assert found.lut - 23 == pytest.approx(lut, rel=0.12, abs=12)
    assert found.ff - 22 == pytest.approx(ff, rel=0.2, abs=55)
    assert found.dsp == (logits if policy == "entropy" else 0)


def test_every_stream_counts_once():
    """Two layers between image and exit, the bus, and one exit more than none."""
    net = fused(network((6, 6, 1), [[("conv", 3, 1, 1, 4)]], [[("linear", 3)]]))
    found = folded(net)
    units = [unit for plan in found.plans.values() for unit in plan.units]
    wide = folded(net, **{net.stages[0][0].name: Fold(body="static", pixels=2)})
    more = [unit for plan in wide.plans.values() for unit in plan.units]
    assert glue_cost(wide, 64).ff - glue_cost(found, 64).ff == pytest.approx(
        sum(unit.out_bits + 7 for unit in more) - sum(unit.out_bits + 7 for unit in units), abs=2 * 64)
    assert glue_cost(found, 64).ff - glue_cost(found, 32).ff == 64


def test_what_forks_is_read_by_more_than_one(monkeypatch):
    """Streams: the bus, the image's, one behind every unit, and of the fork one more, for head and gate read it."""
    monkeypatch.setattr(module, "stream_cost", lambda bits, short=False: Cost(dsp=1))
    alone = folded(fused(network((6, 6, 1), [[("conv", 3, 1, 1, 4), ("conv", 3, 1, 1, 4)]], [[("linear", 3)]])))
    forked = folded(fused(network((6, 6, 1), [[("conv", 3, 1, 1, 4)], [("conv", 3, 1, 1, 4)]], [[("linear", 3)], [("linear", 3)]])))
    for folding, more in ((alone, 0), (forked, 1)):
        assert glue_cost(folding, 64).dsp == 2 + sum(len(plan.units) for plan in folding.plans.values()) + more


def test_the_last_exit_always_decides():
    found = folded(fused(b_lenet()))
    beats = logit_beats(found)
    assert [bits for _, bits in beats] == [head[-1].sum_bits for head in found.network.heads]
    glue = glue_cost(found, 64)
    assert with_decisions(glue, beats, ["margin"]) == glue + decision_cost("margin", *beats[0]) + decision_cost(ALWAYS, *beats[1])
    with pytest.raises(ValueError, match="zip"):
        with_decisions(glue, beats, [])


def test_a_policy_that_is_not_known_is_dear():
    assert decision_cost("class_threshold", 1, 12) == decision_cost("softmax", 1, 12)


def test_a_small_design_has_less_of_it_than_is_kept_free():
    found = folded(fused(b_lenet()))
    glue = with_decisions(glue_cost(found, 64), logit_beats(found), ["max_logit"])
    assert 2500 < glue.lut < RESERVE.lut
    assert 0 < glue.pairable < glue.lut
