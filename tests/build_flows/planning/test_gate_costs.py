"""What gates take before anything is built: how many frames, of which stream, in which memory."""

import dataclasses

import pytest

from build_flows.base.parts import PARTS
from build_flows.planning.cost_model import Cost
from build_flows.planning.folding import evaluate, stage_targets
from build_flows.planning.folding_search import fits, search
from build_flows.planning.gate_costs import frame_bits, gate_cost, gate_costs, gates_built, planned_frames
from build_flows.planning.network import fused
from tests.build_flows.networks import b_lenet, small
from tests.build_flows.planning.test_network import conv, logits, plain
from tests.build_flows.planning.test_network import network as graph

PART = PARTS["xc7z020clg400-1"]
REACH = (1.0, 0.25)


def test_frames_are_those_of_the_queue_model() -> None:
    """b_lenet at 1296 cycles got 6 frames once its stages were measured, at 512 also: 838 and 578 cycles to a verdict."""
    assert planned_frames((1296, 4230), REACH) == planned_frames((512, 1671), REACH) == (7,)
    assert planned_frames((1296, 2000), REACH) < (5,) < planned_frames((1296, 4900), REACH), "the busier the next stage, the more"


def test_gates_are_built_for_what_stages_do() -> None:
    """b_lenet folded for 159 cycles a sample whose later stages were faster than asked: compile made gates of 7 and 8 frames."""
    built = gates_built(159, (128, 2000, 13836), (174, 1820), (1.0, 0.061842894376754096, 0.01))
    assert [gate.frames for gate in built] == [7, 8]
    assert planned_frames((159, 2491, 15407), (1.0, 0.061842894376754096, 0.01)) == (16, 15), "by what they may take at most"
    as_asked, too_fast = (gates_built(ii, (128, 2000), (174,), (1.0, 0.05)) for ii in (128, 100))
    assert as_asked == too_fast, "no faster than stage 0"


def test_a_frame_is_what_leaves_the_stage() -> None:
    network = b_lenet()
    (cut,) = network.cut(0)
    assert frame_bits(network, cut) == 16 * 16 * 5 * 4
    empty = dataclasses.replace(network, stages=(network.stages[0], (), network.stages[1]))
    assert empty.cut(1) == empty.cut(0) == (cut,), "an empty stage hands on what it gets"
    (image,) = dataclasses.replace(network, stages=((), *network.stages)).cut(0)
    assert frame_bits(network, image) == 28 * 28 * 8


@pytest.mark.parametrize(("frames", "bits", "width", "cost"), [
    (6, 5120, 40, Cost(bram18=3)), (5, 5120, 20, Cost(bram18=3)), (5, 2048, 32, Cost(bram18=1)), (5, 1024, 16, Cost(bram18=1)),
    (4, 1024, 64, Cost(lut=88, lutram=88)), (1, 8, 8, Cost(ff=8)),
])
def test_memories_are_those_that_synthesis_finds(frames: int, bits: int, width: int, cost: Cost) -> None:
    """All but the last as Yosys found them in designs of b_lenet and digits."""
    assert gate_cost(frames, bits, width) == cost


def test_gates_count_in_folding_and_search() -> None:
    network, targets = b_lenet(), stage_targets(1300, REACH)
    plain, found = (search(network, targets, PART, reach=reach) for reach in (None, REACH))
    assert plain.gates == Cost()
    widths = {chain[-1].name: found.plans[chain[-1].name].units[-1].out_bits for chain in network.stages}
    assert found.gates == gate_costs(network, widths, planned_frames(targets, REACH)) != Cost()
    assert found.cost == found.layer_cost + found.gates
    again = evaluate(network, found.folds, targets, PART, input_pe=found.input_pe, reach=REACH)
    assert again == found
    few = [dataclasses.replace(PART, bram36=count) for count in range(12)]
    without, needed = ([fits(network, targets, part, reach=reach) for part in few] for reach in (None, REACH))
    assert without.index(True) < needed.index(True), "some are the gate's"


def test_each_tensor_of_a_cut_has_a_memory() -> None:
    layers = [conv("a", "image"), conv("b", "a")]
    spans = graph([layers, [conv("c", "b"), plain("f", "add", "c", "a")]], [[logits("x", "b")], [logits("y", "f")]], [["a", "b"]])
    assert (spans.cut(0), spans.cut(1), spans.held("a")) == (("a", "b"), (), (0,))
    assert [[layer.name for layer in run.layers] for run in spans.runs] == [["a"], ["b"], ["x"], ["c"], ["f"], ["y"]]
    targets = (200, 200)
    (frames,) = planned_frames(targets, REACH)
    assert gate_costs(spans, {"a": 4, "b": 16}, [frames]) == gate_cost(frames, 480, 4) + gate_cost(frames, 480, 16)
    found = search(fused(spans), targets, PART, reach=REACH)
    widths = {name: found.plans[name].units[-1].out_bits for name in ("a", "b")}
    assert found.gates == gate_costs(spans, widths, [frames])


def test_a_network_without_exits_has_none() -> None:
    network = small()
    alone = dataclasses.replace(network, stages=network.stages[:1], heads=network.heads[:1], gates=())
    assert search(alone, (5000,), PART, reach=(1.0,)).gates == Cost()
