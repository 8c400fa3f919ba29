"""What synthesis finds of a project adds up, by unit, stage and in total, and is held against the part."""

from pathlib import Path
from typing import Any

import pytest

from build_flows.artefacts.resources import Shares, Sums, SynthesisFile
from build_flows.artefacts.verdict import occupied
from build_flows.base.parts import find_part
from build_flows.base.ui import SilentUi
from build_flows.synthesis import measure as synth
from build_flows.synthesis.carry_chains import CarryUse
from build_flows.synthesis.measure import RESOURCES, measure, shares, shortages
from build_flows.synthesis.memories import Memory
from build_flows.synthesis.resources import count_cells
from build_flows.synthesis.synthesise import Synthesised, SynthesisError
from tests.build_flows.uis import Listening
from tests.toy_rtl import emit

PART = find_part("xc7z020clg400-1")
SUMS = ("lut", "lut_paired", "lutram", "ff", "bram36", "dsp", "carry")
CACHE = "cache"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[SynthesisFile, Path]:
    """A toy with two exits, synthesised unit by unit and whole, and its folder."""
    folder = tmp_path_factory.mktemp("synth")
    netlist = emit(folder / "rtl", exits=2)
    return measure(netlist, folder / "rtl", PART, folder / CACHE, SilentUi(), full=True), folder


@pytest.mark.slow
@pytest.mark.cosim
def test_units_add_up(made: tuple[SynthesisFile, Path]) -> None:
    found, _ = made
    for name in SUMS:
        assert getattr(found.sum_of_units, name) == sum(getattr(row, name) for row in found.units)
        assert getattr(found.sum_of_units, name) == sum(getattr(row, name) for row in found.stages)
    assert sum(row.units for row in found.stages) == len(found.units)
    added = {name: sum(getattr(row, name) for row in found.units if row.exit_cost) for name in RESOURCES}
    whole = {name: getattr(found.sum_of_units, name) for name in RESOURCES}
    assert found.exits_add == Shares(**{name: round(added[name] / whole[name], 4) if added[name] else 0 for name in RESOURCES})
    assert 0.2 < found.exits_add.ff < 0.8


@pytest.mark.slow
@pytest.mark.cosim
def test_the_whole_is_near_the_sum_and_counts(made: tuple[SynthesisFile, Path]) -> None:
    found, _ = made
    assert found.total_of == "whole top"
    assert found.whole is not None
    assert found.total == Sums(**{name: getattr(found.whole, name) for name in SUMS})
    for name, limit in (("lut", 0.1), ("ff", 0.05), ("bram36", 0), ("dsp", 0)):
        assert abs(getattr(found.whole.difference, name)) <= limit, name
    assert found.fits is True
    saved = found.total.lut - found.total.lut_paired
    assert found.shares.lut == round((occupied(found.total.lut, saved) + found.total.lutram) / 53200, 4)


@pytest.mark.slow
@pytest.mark.cosim
def test_timing_follows_paths_from_unit_to_unit(made: tuple[SynthesisFile, Path]) -> None:
    found, folder = made
    parts = measure(emit(folder / "again", exits=2), folder / "again", PART, folder / CACHE, SilentUi())
    assert parts.total_of == "sum of units"
    assert parts.whole is None
    slowest = max(row.timing.path_ns or 0 for row in parts.units)
    assert parts.timing.path_ns is not None
    assert parts.timing.path_ns >= slowest
    # Without the optimiser's look across units it can only be more pessimistic, and not by much.
    assert parts.timing.path_ns == pytest.approx(found.timing.path_ns, rel=0.35)
    assert "MHz" in parts.path
    assert "this_unit" not in parts.replace(memories=[]).dump()


@pytest.mark.slow
@pytest.mark.cosim
def test_what_is_kept_needs_no_yosys(made: tuple[SynthesisFile, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    found, folder = made
    monkeypatch.setattr("build_flows.synthesis.synthesise._PROGRAM", "raise SystemExit('Yosys was run')")
    again = measure(emit(folder / "kept", exits=2), folder / "kept", find_part("xc7z010clg400-1"), folder / CACHE, SilentUi(), full=True)
    assert again.units == found.units
    assert again.capacity.dsp == 80


@pytest.mark.slow
@pytest.mark.cosim
def test_a_refused_unit_names_the_users_file(made: tuple[SynthesisFile, Path], tmp_path: Path) -> None:
    netlist = emit(tmp_path / "rtl", exits=2)
    file = tmp_path / "rtl" / "fork0.v"
    lines = file.read_text().splitlines()
    at = lines.index("endmodule")
    lines.insert(at, "  wire broken = ;")
    file.write_text("\n".join(lines))
    with pytest.raises(SynthesisError, match=rf"^fork0: {file}:{at + 1}: expected expression") as caught:
        measure(netlist, tmp_path / "rtl", PART, made[1] / CACHE, SilentUi())
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("mend that line, or compile again if it was edited")


def test_a_memory_that_went_elsewhere_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netlist, ui = emit(tmp_path / "rtl", exits=1), Listening()
    elsewhere = Memory(name="core.mem", words=64, bits=8, writable=True, wanted="block", found="registers")

    def synthesise_all(units: dict[str, Any], cache: Path, **more: object) -> dict[str, Synthesised]:
        resources = count_cells({"LUT2": 2, "DSP48E1": 20, "CARRY4": 3}, CarryUse(taken=1, tables={"LUT2": 1}))
        return {name: Synthesised(resources=resources, memories=(elsewhere,) if name == "merge" else (), netlist=cache) for name in units}

    empty = {"modules": {"accelerator": {"attributes": {}, "ports": {}, "cells": {}, "netnames": {}}}}
    monkeypatch.setattr(synth, "synthesise_all", synthesise_all)
    monkeypatch.setattr(Synthesised, "read_netlist", lambda self: empty)
    found = measure(netlist, tmp_path / "rtl", PART, tmp_path, ui)
    (line,) = found.memories_elsewhere
    assert line == "merge: core.mem (64 x 8 bits): block was asked for, registers came out"
    assert f"warning: {line}" in ui.said
    assert found.fits is False
    assert found.short == [f"DSP48E1: {20 * len(found.units)} of 220"]
    assert found.fmax_estimate_mhz is None
    assert found.total.carry == 3 * len(found.units)
    assert found.shares.carry == round(found.total.carry / 13300, 4)
    assert found.capacity.carry == 13300


def test_shares_and_shortages() -> None:
    taken = Sums(lut=57000, lut_paired=47000, lutram=4000, ff=106400, bram36=140.5, dsp=0, carry=13301)
    assert shares(taken, PART) == Shares(lut=1.015, lutram=0.2299, ff=1.0, bram36=1.0036, dsp=0.0, carry=1.0001)
    assert shortages(taken, PART) == ["LUT: 54000 of 53200", "BRAM36: 140.5 of 140", "CARRY4: 13301 of 13300"]
    assert shortages(taken.replace(lut=40000, bram36=140, carry=13300), PART) == []
