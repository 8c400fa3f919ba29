"""A sweep of units through Verilated RTL, from the specification to the files that are written."""

import json
from dataclasses import replace

import pytest

from build_flows.base.errors import OfframpError
from build_flows.base.ui import SilentUi
from build_flows.exit_unit import simulate as work
from build_flows.exit_unit.spec import UnitSpec
from build_flows.synthesis.resources import Resources
from build_flows.synthesis.synthesise import Synthesised
from quant_models.exits.policies import POLICIES
from sim.units import verilog as unit_verilog

COMMON = {"logit_bits": 12, "scale": 0.01}


def test_a_sweep_is_every_policy_with_every_pair_that_fits() -> None:
    found, notes = work.specs(["all"], [2, 10], [1, 5], threshold=None, **COMMON)
    assert {spec.policy for spec in found} == set(POLICIES)
    assert [(spec.classes, spec.pe) for spec in found][:3] == [(2, 1), (10, 1), (10, 5)]
    assert len(found) == 3 * len(POLICIES)
    assert notes == ["pe 5 does not divide 2 classes: left out"]
    found, _ = work.specs(["class_threshold", "margin", "margin"], [4], [2], score="entropy", threshold=0.7, **COMMON)
    assert [(spec.policy, spec.score, spec.real) for spec in found] == [("class_threshold", "entropy", 0.7), ("margin", "softmax", 0.7)]


@pytest.mark.parametrize(
    ("policies", "classes", "pes", "more", "message"),
    [
        (["loudest"], [10], [1], {}, "policy must be all or one of max_logit, .* not 'loudest'"),
        (["all", "margin"], [10], [1], {}, "policy must be all or one of .* not 'all'"),
        (["margin"], [10], [3], {}, "pe must divide classes, not pe=3, classes=10"),
        (["margin"], [10, 20], [3, 7], {}, "no pe of 3, 7 divides a number of classes of 10, 20"),
        (["margin"], [1], [1], {}, "classes must be from 2 to 1000, not 1"),
        (["margin"], [10, 1], [1], {}, "classes must be from 2 to 1000, not 1"),
        (["margin"], [10], [0, 1], {}, "pe must divide classes, not pe=0"),
        (["margin"], [10], [1], {"scale": 0.0}, "scale must be positive, not 0"),
        (["softmax"], [10], [1], {"threshold": 1.5}, "threshold of softmax must be from 0.1 to 1"),
        (["class_threshold"], [10], [1], {"score": "always"}, "score must be one of .* not 'always'"),
        (["class_threshold"], [10], [1], {"score": "class_threshold"}, "score must be one of .* not 'class_threshold'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_built(policies, classes, pes, more, message) -> None:
    with pytest.raises(OfframpError, match=message):
        work.specs(policies, classes, pes, **{**COMMON, **more})


@pytest.fixture
def kept(model_cache, tmp_path):
    """An output folder whose models outlive the test."""
    (tmp_path / "out").mkdir()
    model_cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / ".models").symlink_to(model_cache)
    return tmp_path / "out"


SPECS = [UnitSpec(policy=policy, classes=4, pe=2, **COMMON) for policy in ("softmax", "patience", "gate")] + [
    UnitSpec(policy="class_threshold", classes=4, pe=1, score="margin", **COMMON)]


@pytest.mark.slow
@pytest.mark.cosim
def test_a_sweep_from_end_to_end(kept) -> None:
    result = work.simulate(work.Sweep(specs=SPECS, samples=300), kept, SilentUi())
    assert result.faults == []
    rows = result.units
    assert [(row.policy, row.classes, row.pe, row.samples, row.agree, row.ii, row.bubbles) for row in rows] == [
        ("softmax", 4, 2, 300, 300, 2, 0), ("patience", 4, 2, 300, 300, 2, 0), ("gate", 4, 2, 300, 300, 2, 0),
        ("class_threshold", 4, 1, 300, 300, 4, 0)]
    for row, spec in zip(rows, SPECS, strict=True):
        expected = spec.beats - 1 + spec.decision().latency
        assert row.latency_min == row.latency_median == row.latency_max == expected <= row.latency_bound
        assert row.coverage["back_to_back"] == 299
        assert row.sim_cycles_per_second > 0
    assert rows[3].score == "margin"
    assert result.sim_cycles_per_second > 0
    assert json.loads((kept / "sweep.json").read_text()) == {"version": 1, **result.to_json()}
    assert "score" not in rows[0].to_json()
    assert {path.name for path in kept.iterdir()} == {".models", "sweep.json"}
    assert work.row_cells(rows[0])[:5] == ("softmax", 4, 2, 300, 2)


@pytest.mark.cosim
def test_the_same_seed_gives_the_same_and_the_model_is_not_built_again(kept, monkeypatch) -> None:
    first = work.simulate(work.Sweep(specs=SPECS, samples=100, stall=0.5, seed=9), kept, SilentUi())

    def never(*words):
        raise AssertionError("made again")

    monkeypatch.setattr(unit_verilog, "unit_verilog", never)
    monkeypatch.setattr("sim.tools.verilator._verilate", never)
    again = work.simulate(work.Sweep(specs=SPECS, samples=100, stall=0.5, seed=9), kept, SilentUi())
    other = work.simulate(work.Sweep(specs=SPECS, samples=100, stall=0.5, seed=10), kept, SilentUi())
    timeless = [[row.replace(sim_cycles_per_second=0) for row in result.units] for result in (first, again, other)]
    assert timeless[0] == timeless[1] != timeless[2]
    assert all(result.faults == [] for result in (first, again, other))
    assert min(row.coverage["stalled_output"] for row in first.units) > 0
    assert first.units[0].ii > 2


@pytest.mark.cosim
def test_a_single_sample_has_no_initiation_interval(kept) -> None:
    result = work.simulate(work.Sweep(specs=SPECS, samples=1), kept, SilentUi())
    assert [row.ii for row in result.units] == [None] * 4
    assert result.faults == []
    assert work.row_cells(result.units[0])[4] == "-"


@pytest.mark.cosim
def test_a_fault_names_configuration_sample_got_and_expected(kept, monkeypatch) -> None:
    right = work.expect

    def wrong(unit, samples):
        expected = right(unit, samples)
        words = expected.words.copy()
        words[42] ^= 1 << unit.label_bits
        return replace(expected, words=words)

    monkeypatch.setattr(work, "expect", wrong)
    result = work.simulate(work.Sweep(specs=SPECS, samples=60), kept, SilentUi())
    assert [row.agree for row in result.units] == [59] * 4
    assert len(result.faults) == 4
    assert result.faults[0].startswith("softmax_c4_pe2: 1 of 60 samples differ: sample 42 gave label ")
    assert work.row_cells(result.units[0])[3] == "59 of 60"


@pytest.mark.cosim
def test_synthesis_adds_what_units_take(kept, monkeypatch) -> None:
    given = {}

    def synthesise_all(units, cache, *, progress):
        given.update(units)
        taken = {"lut_paired": 2, "lutram": 3, "ff": 4, "dsp": 5, "bram36": 0.5, "carry": 6, "cells": {}}
        return {name: Synthesised(resources=Resources(lut=at, **taken), memories=(), netlist=cache / name) for at, name in enumerate(units)}

    monkeypatch.setattr(work.synthesis, "synthesise_all", synthesise_all)
    result = work.simulate(work.Sweep(specs=SPECS, samples=20, synth=True), kept, SilentUi())
    assert [row.lut for row in result.units] == [0, 1, 2, 3]
    row = result.units[0]
    assert (row.lut_paired, row.lutram, row.ff, row.dsp, row.bram36) == (2, 3, 4, 5, 0.5)
    assert all(f"module {name}(" in unit.verilog for name, unit in given.items())
    assert len(work.row_cells(row)) == len(work.COLUMNS + work.SYNTHESIS_COLUMNS)
