"""Many designs of a network: what each is, and that none differs from the search's."""

import pytest

from build_flows.artefacts.verdict import capacity, shortages
from build_flows.base.parts import find_part
from build_flows.planning.designs import BUBBLE, PIPELINE, Designs, verdict_cycles
from build_flows.planning.folding import FoldingError, stage_targets, taken
from build_flows.planning.folding_search import search
from build_flows.planning.gate_costs import gate_costs, gates_built
from build_flows.planning.glue_costs import glue_cost, logit_beats, with_decisions
from build_flows.planning.layout_network import with_exits
from build_flows.planning.network import fused
from build_flows.planning.throughput import cycles_a_sample
from tests.build_flows.networks import b_lenet

PART = find_part("pynq-z2")
NET = fused(b_lenet())
POLICY = ["max_logit"]
ASKED = [(512, (1.0, 0.25), 0.8), (512, (1.0, 0.25), 0.801), (512, (1.0, 0.25), 0.95), (515, (1.0, 0.25), 0.8), (700, (1.0, 0.05), 0.9)]


def frames(folding, cycles, reach):
    stages = tuple(folding.stage_cycles(stage) for stage in range(len(reach)))
    return tuple(gate.frames for gate in gates_built(cycles, stages, verdict_cycles(folding), reach))


def test_designs_are_those_of_the_search_and_its_gates_what_its_stages_ask_for():
    designs = Designs(NET, PART, 64)
    for cycles, reach, busy in [*ASKED, *ASKED]:
        found = designs.at(cycles, reach, busy, POLICY)
        wanted = search(NET, stage_targets(cycles, reach, busy), PART, reach=reach)
        cost = wanted.layer_cost + gate_costs(NET, wanted.widths, frames(wanted, cycles, reach))
        whole = taken(cost, with_decisions(glue_cost(wanted, 64), logit_beats(wanted), POLICY))
        assert found.takes == whole
        assert list(found.short) == [item.told() for item in shortages(whole, capacity(PART))]
    assert designs.asked == 2 * len(ASKED)
    assert 0 < designs.searched < len(ASKED), "a search for a folding that was found before"


def test_the_pace_is_that_of_its_stages_gates_and_bus():
    cycles, reach, busy = ASKED[0]
    folding = search(NET, stage_targets(cycles, reach, busy), PART, reach=reach)
    found = Designs(NET, PART, 64).at(cycles, reach, busy, POLICY)
    stages = folding.stage_cycles(0), folding.stage_cycles(1)
    assert found.cycles == cycles_a_sample(98 + BUBBLE, stages, (*verdict_cycles(folding), 0), frames(folding, cycles, reach), reach)
    assert stages[0] < found.cycles < 1.03 * stages[0]
    assert found.slowest == 0
    words = Designs(NET, PART, 8)
    assert words.words == NET.source.values
    slow = words.at(NET.source.values, reach, busy, POLICY)
    assert slow.cycles >= NET.source.values + BUBBLE
    assert slow.slowest is None


def test_a_stage_that_fewer_reach_than_planned_takes_less():
    """The folding is that of the plan; bursts are those of the samples that come."""
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


def test_verdicts_come_when_linear_layers_are_through():
    folding = search(NET, stage_targets(512, (1.0, 0.25), 0.8), PART, reach=(1.0, 0.25))
    [last] = [layer.name for layer in NET.heads[0] if layer.kind == "linear"]
    assert verdict_cycles(folding) == (PIPELINE + folding.plans[last].cycles,)


def test_what_no_folding_keeps_is_refused():
    designs = Designs(NET, PART, 64)
    least = designs.least((1.0, 0.25), 0.8)
    with pytest.raises(FoldingError, match=f"cycles must be at least {least}, not {least - 1}"):
        designs.at(least - 1, (1.0, 0.25), 0.8, POLICY)


def test_latency_is_that_of_all_layers_and_full_gates_on_the_way():
    cycles, reach, busy = ASKED[0]
    folding = search(NET, stage_targets(cycles, reach, busy), PART, reach=reach)
    [held] = frames(folding, cycles, reach)
    took = {name: plan.cycles for name, plan in folding.plans.items() if plan.units}
    trunk, head = ([sum(took.get(layer.name, 0) for layer in chain) for chain in side] for side in (NET.stages, NET.heads))
    first, second = Designs(NET, PART, 64).at(cycles, reach, busy, POLICY).latencies
    assert first == 98 + trunk[0] + head[0] + PIPELINE
    assert second == 98 + trunk[0] + held * folding.stage_cycles(1) + trunk[1] + head[1] + PIPELINE


def test_latency_is_no_less_than_that_of_designs_that_were_run():
    """b_lenet without exits, at 169 cycles a sample, took 589 in RTL; 99 of 100 samples."""
    alone = with_exits(NET, ())
    [found] = Designs(alone, PART, 64).at(179, (1.0,), 1.0, []).latencies
    assert 589 <= found < 2 * 589
