"""Verilog of units: kept, found again, and made anew when what it follows from changes."""

from dataclasses import replace

import pytest

from build_flows.exit_unit.simulate import plain_unit
from build_flows.exit_unit.spec import UnitSpec
from sim.errors import BuildError
from sim.units import verilog as own


def units(count):
    return [plain_unit(UnitSpec(policy="max_logit", classes=classes, pe=1, logit_bits=8, scale=0.1)) for classes in range(2, 2 + count)]


def test_verilog_is_kept_and_found_again(tmp_path, monkeypatch) -> None:
    made = own.unit_verilogs(units(2), tmp_path)
    assert list(made) == ["max_logit_c2_pe1", "max_logit_c3_pe1"]
    assert all(f"module {name}(" in text for name, text in made.items())
    monkeypatch.setattr(own, "unit_verilog", lambda unit: "anew")
    assert own.unit_verilogs(units(2), tmp_path) == made
    # What is given to it while it runs is no part of it.
    for changes in {"threshold": 5}, {"limits": (0, 5)}, {"scale": 0.2}:
        assert own.unit_verilogs([replace(unit, **changes) for unit in units(2)], tmp_path) == made
    for changes in {"bits": 9}, {"bias": (1, 0)}, {"params": {"more": 1}}, {"policy": "margin"}, {"pe": 2}, {"classes": 4}, {"name": "a"}:
        assert list(own.unit_verilogs([replace(units(1)[0], **changes)], tmp_path).values()) == ["anew"], changes
    monkeypatch.setattr(own, "_gateware", lambda: "changed")
    assert set(own.unit_verilogs(units(2), tmp_path).values()) == {"anew"}
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".v"]


@pytest.mark.slow
def test_many_are_made_in_processes(tmp_path) -> None:
    told = []
    made = own.unit_verilogs(units(5), tmp_path, progress=told.append)
    assert sorted(told) == sorted(made)
    assert made == {unit.name: own.unit_verilog(unit) for unit in units(5)}


def test_what_cannot_be_made_is_told(tmp_path) -> None:
    wrong = [*units(4), replace(units(1)[0], name="wrong", pe=7)]
    with pytest.raises(BuildError, match="making the units' Verilog failed: ValueError: pe must divide classes, not pe=7, classes=2"):
        own.unit_verilogs(wrong, tmp_path)
