"""The rows of the report's tables, by hand."""

from dataclasses import replace

import pytest

from build_flows.artefacts.resources import StageSums
from build_flows.artefacts.verdict import synthesised
from build_flows.pages.report_data import CountedStream, SizedGate
from build_flows.pages.report_rows import (
    StreamRow,
    exit_rows,
    predicted,
    reached,
    resource_rows,
    stage_cycles,
    stage_layers,
    stage_rows,
    stage_sums,
    stream_rows,
    totals,
    without_lut,
)
from tests.build_flows.compare_samples import resources
from tests.build_flows.report_samples import netlist, sample_data

DATA = sample_data()


def test_what_reaches_a_stage_is_what_did_not_leave_before() -> None:
    shares = [item.share for item in DATA.results.exits]
    assert reached(DATA.results) == [pytest.approx(1.0), pytest.approx(shares[1] + shares[2]), shares[2]]


def test_exits() -> None:
    rows = exit_rows(DATA)
    assert [(row.index, row.policy, row.expected, row.alone) for row in rows] == [
        (0, "softmax", 0.64, 0.92), (1, "max_logit", 0.24, 0.96), (2, "always", 0.12, 0.978),
    ]
    assert [row.share for row in rows] == [item.share for item in DATA.results.exits]
    assert rows[0].rule.endswith(": 0.937 (a probability); as an integer, 69905")
    assert rows[1].rule.endswith("the threshold; as an integer, 41")


def test_stages_have_the_cycles_that_were_measured_or_those_planned() -> None:
    assert stage_cycles(DATA) == [100, 288, 576]
    measured = replace(DATA, intervals=[101, 290, 577])
    assert stage_cycles(measured) == [101, 290, 577]
    rows = stage_rows(measured)
    assert [(row.slowest, row.planned, row.cycles) for row in rows] == [
        ("stage0_conv0", 100, 101), ("stage1_conv0", 288, 290), ("stage2_conv0", 576, 577),
    ]
    assert [(row.reach, row.target_cycles) for row in rows] == [(1.0, 128), (0.35, 292), (0.12, 853)]
    assert rows[1].busy == pytest.approx(rows[1].reached * 290 / 131.2)


def test_a_prediction_needs_measured_stages_and_counts_bursts() -> None:
    assert predicted(DATA) is None
    assert predicted(replace(DATA, intervals=[128, 300, 500])) == 128
    gates = [SizedGate(exit=0, frames=6, held=None, kilobits=8.0, loss=loss, utilisation=0.8) for loss in (0.2, 0.1)]
    assert predicted(replace(DATA, intervals=[128, 600, 500], gates=gates)) == 0.35 * 600 / 0.8


def test_layers_stand_by_stage_the_heads_last() -> None:
    groups = stage_layers(netlist())
    assert [[row.name for row in group.rows] for group in groups] == [
        ["stage0_conv0", "head0_fc0"], ["stage1_conv0", "stage1_pool0", "head1_fc0"], ["stage2_conv0", "head2_fc0"],
    ]
    first, pool = groups[0].rows[0], groups[1].rows[1]
    assert (first.told, first.slowest, first.finn_cycles, first.costs[0]) == ("parallel window, PE 4, SIMD 9", True, 100, (12, 15))
    assert (pool.kind, pool.told, pool.slowest, pool.finn_cycles) == ("MaxPool", "PE 4", False, None)
    assert pool.costs == [(0, None), (90, None), (pytest.approx(126), None), (1.0, None)]
    assert groups[1].costs[:2] == [(20, 26), (1290, pytest.approx(1440))]


def test_totals_stand_beside_the_part() -> None:
    rows = {row.name: row for row in totals(DATA)}
    assert (rows["DSP"].ours, rows["DSP"].finn, rows["DSP"].part) == (52, 70, 220)
    assert (rows["FF"].finn, rows["BRAM18"].part) == (None, 280)
    assert [row.part for row in totals(replace(DATA, part=None))] == [None] * 4
    assert without_lut(netlist()) == ["MaxPool"]


def test_carry_chains_stand_among_the_resources_where_they_were_counted() -> None:
    found = resources(1)
    found = found.replace(stages=[StageSums(stage=None, head=False, units=3, **vars(found.total))])
    data = replace(DATA, resources=found, verdict=synthesised(found))
    last, taken = resource_rows(data)[-1], found.total.carry
    assert (last.name, last.used, last.there) == ("CARRY4 (carry chains; one a slice)", taken, 13300)
    assert last.share == taken / 13300
    assert stage_sums(data)[0].counts[-1] == taken
    old = found.replace(capacity=found.capacity.replace(carry=0), total=found.total.replace(carry=0))
    data = replace(data, resources=old, verdict=synthesised(old))
    assert [row.name for row in resource_rows(data)][-1] == "DSP"
    assert stage_sums(data)[0].counts[-1] is None


def test_streams() -> None:
    found = stream_rows([CountedStream(name="gate0", depth=6, most=3, unit="frames", stalls=10, cycles=1000), CountedStream(name="output"),
                         CountedStream(name="exit2", depth=0, most=0), CountedStream(name="input"), CountedStream(name="a__b")])
    assert found[0] == StreamRow(
        name="gate0", told="frames kept after exit 0, waiting for stage 1", depth=6, most=3, unit="frames", fill=0.5, stalls=10,
        stalled=0.01,
    )
    assert [row.told for row in found[1:]] == [
        "results, waiting to be fetched", "logits of exit 2, waiting for their decision", "images, waiting to be let in", "",
    ]
    assert (found[1].fill, found[1].stalled, found[2].fill) == (None, None, None)
