"""Many designs of a network: what each is, and that none differs from the search's."""

import pytest

from build_flows.artefacts.verdict import capacity, shortages
from build_flows.base.parts import find_part
from build_flows.planning.designs import FILL, Designs
from build_flows.planning.folding import FoldingError, stage_targets, taken
from build_flows.planning.folding_search import search
from build_flows.planning.gate_costs import gate_losses, planned_gates
from build_flows.planning.glue_costs import glue_cost, logit_beats, with_decisions
from build_flows.planning.network import fused
from tests.build_flows.networks import b_lenet

PART = find_part("pynq-z2")
NET = fused(b_lenet())
POLICY = ["max_logit"]
ASKED = [(512, (1.0, 0.25), 0.8), (512, (1.0, 0.25), 0.801), (512, (1.0, 0.25), 0.95), (515, (1.0, 0.25), 0.8), (700, (1.0, 0.05), 0.9)]


def test_designs_are_those_of_the_search():
    designs = Designs(NET, PART, 64)
    for cycles, reach, busy in [*ASKED, *ASKED]:
        found = designs.at(cycles, reach, busy, POLICY)
        wanted = search(NET, stage_targets(cycles, reach, busy), PART, reach=reach)
        whole = taken(wanted.cost, with_decisions(glue_cost(wanted, 64), logit_beats(wanted), POLICY))
        assert found.takes == whole
        assert list(found.short) == [item.told() for item in shortages(whole, capacity(PART))]
    assert designs.asked == 2 * len(ASKED)
    assert 0 < designs.searched < len(ASKED), "a search for a folding that was found before"


def test_the_pace_is_that_of_the_slowest_stage_and_its_gate():
    cycles, reach, busy = ASKED[0]
    targets = stage_targets(cycles, reach, busy)
    folding = search(NET, targets, PART, reach=reach)
    [gate] = planned_gates(targets, reach)
    found = Designs(NET, PART, 64).at(cycles, reach, busy, POLICY)
    pace = max(folding.stage_cycles(0), 0.25 * folding.stage_cycles(1))
    [lost] = gate_losses((gate,), targets, (folding.stage_cycles(0), folding.stage_cycles(1)), reach, pace)
    assert found.cycles == pytest.approx(pace / (1 - lost))
    assert 0 < gate.loss < 0.02
    assert found.slowest == 0
    words = Designs(NET, PART, 8)
    assert words.words == NET.source.values
    assert words.at(NET.source.values, reach, busy, POLICY).cycles >= NET.source.values


def test_a_stage_that_fewer_reach_than_planned_takes_less():
    """The folding is that of the plan; a gate loses what bursts of those that come cost."""
    designs = Designs(NET, PART, 64)
    planned = designs.at(512, (1.0, 0.25), 0.8, POLICY)
    folding = search(NET, stage_targets(512, (1.0, 0.25), 0.8), PART, reach=(1.0, 0.25))
    many, none = (designs.at(512, (1.0, 0.25), 0.8, POLICY, (1.0, share)) for share in (0.5, 0.0))
    assert many.takes == none.takes == planned.takes
    assert (many.slowest, none.slowest) == (1, 0)
    assert none.cycles == folding.stage_cycles(0), "nothing waits for a stage that none reach"
    assert many.cycles >= 0.5 * folding.stage_cycles(1)
    few = designs.at(512, (1.0, 0.25), 0.8, POLICY, (1.0, 0.2))
    assert folding.stage_cycles(0) < few.cycles < planned.cycles


def test_what_no_folding_keeps_is_refused():
    designs = Designs(NET, PART, 64)
    least = designs.least((1.0, 0.25), 0.8)
    with pytest.raises(FoldingError, match=f"cycles must be at least {least}, not {least - 1}"):
        designs.at(least - 1, (1.0, 0.25), 0.8, POLICY)


def test_latency_is_that_of_all_stages_and_full_gates_on_the_way():
    cycles, reach, busy = ASKED[0]
    targets = stage_targets(cycles, reach, busy)
    folding = search(NET, targets, PART, reach=reach)
    [gate] = planned_gates(targets, reach)
    first, second = Designs(NET, PART, 64).at(cycles, reach, busy, POLICY).latencies
    assert first == pytest.approx(FILL * folding.stage_cycles(0))
    assert second == pytest.approx(first + (FILL + gate.frames) * folding.stage_cycles(1))
