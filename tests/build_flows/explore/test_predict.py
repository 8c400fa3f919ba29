"""What is predicted of designs: the same as planning and calibration say one by one."""

import pickle

import pytest

from build_flows.artefacts.verdict import capacity, shortages
from build_flows.base.parts import find_part
from build_flows.explore import predict as module
from build_flows.explore.decisions import Scoring, decided
from build_flows.explore.predict import Chunk, Chunked, Goal, least_cycles, predict, scoring
from build_flows.explore.space import Asked
from build_flows.planning.designs import verdict_cycles
from build_flows.planning.exchangeable import logit_bits
from build_flows.planning.folding import stage_targets, taken
from build_flows.planning.folding_search import search
from build_flows.planning.gate_costs import gate_costs, gates_built
from build_flows.planning.glue_costs import glue_cost, logit_beats, with_decisions
from build_flows.planning.layout_network import with_exits
from build_flows.planning.pace import least_pace, planned_reach
from quant_models.exits.promise import upper_bound
from tests.build_flows.explore.material import GOAL, answers, material, network

PART = find_part(GOAL.part)


def test_a_design_is_what_planning_and_calibration_say():
    asked = (Asked(2.0, 80, 0.8), Asked(2.0, 120, 0.95), Asked(0.5, 80, 0.8))
    found = predict(material(), GOAL, Chunk(exits=(0,), policy="margin", asked=asked))
    assert [(item.loss, item.cycles, item.utilisation) for item in found.designs] == [(2.0, 80, 0.8), (2.0, 120, 0.95), (0.5, 80, 0.8)]
    assert {item.loss for item in found.variants} == {0.5, 2.0}
    for item in found.designs:
        known = decided(answers(), (0,), "margin", item.loss, GOAL.seed, Scoring())
        assert item.outcome.accuracy == known.right / 600
        assert item.outcome.accuracy_interval[0] < item.outcome.accuracy < item.outcome.accuracy_interval[1]
        assert (item.outcome.samples, item.outcome.shares) == (600, list(known.shares))
        reach = planned_reach([upper_bound(known.leave[1], 600, 0.99)])
        assert reach[1] > known.shares[1], "a few more may come"
        [variant] = [variant for variant in found.variants if variant.loss == item.loss]
        assert planned_reach(variant.hard_share) == reach, "it is written into the configuration"
        folding = search(with_exits(network(), (0,)), stage_targets(item.cycles, reach, item.utilisation), PART, reach=reach)
        stages = tuple(folding.stage_cycles(stage) for stage in (0, 1))
        frames = [gate.frames for gate in gates_built(item.cycles, stages, verdict_cycles(folding), reach)]
        cost = folding.layer_cost + gate_costs(folding.network, folding.widths, frames)
        takes = taken(cost, with_decisions(glue_cost(folding, GOAL.bus_bits), logit_beats(folding), ["margin"]))
        assert {key: getattr(item.outcome, key) for key in ("lut", "ff", "bram36", "dsp")} == {
            key: takes[key] for key in ("lut", "ff", "bram36", "dsp")}
        busy = [share * cycles for share, cycles in zip((1.0, known.shares[1]), stages, strict=True)]
        assert max(busy) * 0.995 <= item.outcome.cycles_per_sample < max(busy) / 0.9, "at the shares seen"
        assert item.outcome.energy > 0
        assert item.outcome.samples_per_second == pytest.approx(125e6 / item.outcome.cycles_per_sample)
        assert item.outcome.fits is (not shortages(takes, capacity(PART)))


def test_without_early_exits_nothing_is_decided():
    [item] = predict(material(), GOAL, Chunk(exits=(), policy="always", asked=(Asked(0.0, 100, 1.0),))).designs
    right = (answers().logits[3].argmax(1) == answers().labels).mean()
    assert item.outcome.shares == [1.0]
    assert item.outcome.accuracy == pytest.approx(right, abs=0.02), "of another half of the images"


def test_what_no_folding_keeps_and_what_lets_none_go_is_left_out():
    least = least_pace(with_exits(network(), ()), (1.0,), 1.0, GOAL.bus_bits).cycles
    found = predict(material(), GOAL, Chunk(exits=(), policy="always", asked=tuple(Asked(0.0, least + k, 1.0) for k in (-1, 0))))
    assert [item.cycles for item in found.designs] == [least]
    none = predict(material(), GOAL, Chunk(exits=(1,), policy="max_logit", asked=(Asked(0.0, 500, 0.8),)))
    assert (none.designs == []) is (None in none.variants[0].thresholds)


def test_the_least_cycles_are_those_of_the_fastest_layout():
    nets = [with_exits(network(), kept) for kept in ((), (0,), (1,), (2,))]
    wanted = min(least_pace(net, planned_reach([0.0] * (len(net.stages) - 1)), 1.0, GOAL.bus_bits).cycles for net in nets)
    assert least_cycles(material(), GOAL) == wanted


def test_a_part_that_is_too_small_is_told(monkeypatch):
    small = find_part("xc7z010clg400-1")
    goal = Goal(**{**vars(GOAL), "part": small.name})
    [item] = predict(material(), goal, Chunk(exits=(), policy="always", asked=(Asked(0.0, 18, 1.0),))).designs or [None]
    if item is not None and not item.outcome.fits:
        assert any(key in item.outcome.short[0] for key in ("LUT", "DSP", "flip"))
        assert item.outcome.lut > capacity(small).lut or item.outcome.dsp > capacity(small).dsp


def test_scores_are_as_the_configuration_has_them():
    assert scoring(network(), GOAL) == Scoring(epsilon=0.001, bits=None)
    goal = Goal(**{**vars(GOAL), "exchangeable": True, "epsilon": 0.01})
    assert scoring(network(), goal) == Scoring(epsilon=0.01, bits=logit_bits(network()))


def test_it_is_pure_and_travels():
    chunk = Chunk(exits=(2,), policy="margin", asked=(Asked(1.0, 90, 0.8),))
    found = predict(material(), GOAL, chunk)
    module._known.cache_clear()
    module._designs.cache_clear()
    assert predict(*pickle.loads(pickle.dumps((material(), GOAL, chunk)))) == found
    assert Chunked.model_validate(found.to_json()) == found, "as the store keeps it"


def test_latency_is_that_of_the_exit_by_which_so_many_left():
    chunk = Chunk(exits=(0,), policy="margin", asked=(Asked(2.0, 120, 0.95),))
    known = decided(answers(), (0,), "margin", 2.0, GOAL.seed, Scoring())
    leave = 100 * known.shares[0]
    found = {share: predict(material(), Goal(**{**vars(GOAL), "percentile": share}), chunk).designs[0].outcome.latency_us
             for share in (1.0, leave - 0.01, leave + 0.01, 100.0)}
    early, just, late, last = found.values()
    assert early == just < late == last
    design = module._designs(material(), GOAL, (0,)).at(
        120, planned_reach(known.planned(0.99)), 0.95, ["margin"], (1.0, known.shares[1]))
    assert (early, last) == tuple(cycles / 125 for cycles in design.latencies)
