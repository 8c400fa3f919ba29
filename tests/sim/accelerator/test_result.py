"""The steady pace leaves out filling and draining; traces of several runs make one result; and what limits is named."""

import pytest

from hw.accelerator import counted_streams
from sim.accelerator.result import assemble, steady_cycles
from sim.accelerator.trace import Trace
from tests import toy

NETLIST = toy.build(None, exits=2)


def test_the_pace_at_which_images_are_taken():
    filling = [0, 1, 2, 3, 4, 5, 6, 7]
    images = filling + [100 * k for k in range(1, 93)]
    assert steady_cycles(images, [value + 900 for value in images], 8) == pytest.approx(100)


def test_a_short_run_is_its_mean():
    assert steady_cycles([0, 50], [300, 400], 8) == pytest.approx(200)


def word(**values):
    return sum((values.get(field.name, 0) & ((1 << field.width) - 1)) << field.offset for field in NETLIST.result.fields)


def registers(stall=0, **changes):
    """All that a result is made of; ``stall`` of every stream."""
    counted = range(len(counted_streams(NETLIST)))
    return {**{f"STALL_{j}": stall for j in counted}, **{f"OCCUPANCY_MAX_{j}": 1 for j in counted}, "GATE_OCCUPANCY_MAX_0": 1,
            "EXIT_COUNT_0": 0, "EXIT_COUNT_1": 0, "BATCH_LENGTH": 1, **changes}


def test_traces_of_several_runs_are_one_result():
    """Results of a batch of two, the second image's first, and of one of one; their cycles as if one run had made all three."""
    first = Trace(images=[5, 9], cycles=50, results=[(30, False, word(id=1, label=2, exit=0, confidence=-4, cycles=21)),
                                                     (40, True, word(id=0, label=1, exit=1, confidence=7, cycles=35))],
                  snapshots=[registers(), registers(stall=3, OCCUPANCY_MAX_0=5, GATE_OCCUPANCY_MAX_0=2, EXIT_COUNT_0=1, BATCH_LENGTH=2)])
    second = Trace(images=[3], cycles=30, results=[(20, True, word(id=0, label=0, exit=0, confidence=1, cycles=17))],
                   snapshots=[registers(stall=4, OCCUPANCY_MAX_0=2, GATE_OCCUPANCY_MAX_0=1, EXIT_COUNT_0=1)])
    found = assemble(NETLIST, [2, 1], [first, second], seconds=2.0, resumed=False)
    columns = {name: getattr(found, name).tolist() for name in ("id", "label", "exit", "confidence", "latency", "cycle_in", "cycle_out")}
    assert columns == {"id": [0, 1, 0], "label": [1, 2, 0], "exit": [1, 0, 0], "confidence": [7, -4, 1], "latency": [35, 21, 17],
                       "cycle_in": [5, 9, 41], "cycle_out": [40, 30, 58]}
    assert found.arrival.tolist() == [1, 0, 2]
    assert (found.cycles, found.sim_cycles, found.sim_cycles_per_second, found.words) == (53, 80, 40.0, 3)
    assert {name: found.registers[name] for name in ("STALL_1", "OCCUPANCY_MAX_0", "EXIT_COUNT_0", "EXIT_COUNT_1", "BATCH_LENGTH")} == {
        "STALL_1": 7, "OCCUPANCY_MAX_0": 5, "EXIT_COUNT_0": 2, "EXIT_COUNT_1": 0, "BATCH_LENGTH": 1}
    assert found.gates == (2,)
    assert [(item.name, item.stall) for item in found.streams] == [(name, 7) for name in counted_streams(NETLIST)]
    assert [(item.samples, item.cycles, item.busy) for item in found.stages] == [(3, 16, 48 / 53), (1, 16, 16 / 53)]


@pytest.mark.parametrize(("gap", "stalls", "limit"), [
    (16, {}, "stage 0, stage0_pool0"),
    (1000, {"STALL_0": 900, "STALL_4": 2500}, "output"),
    (1000, {"STALL_0": 10}, "input"),
    (1000, {"STALL_0": 900}, "stage 0, stage0_pool0"),
])
def test_what_limits_the_pace(gap, stalls, limit):
    """Four images of which the slowest unit takes 16 cycles each; waiting at the ports counts where no stage is busy."""
    assert counted_streams(NETLIST)[4] == "output"
    trace = Trace(images=[gap * k for k in range(4)], cycles=4 * gap, snapshots=[registers(**stalls)],
                  results=[(gap * (k + 1), k == 3, word(id=k)) for k in range(4)])
    assert assemble(NETLIST, [4], [trace], seconds=1.0, resumed=False).limited_by == limit
