"""``manifest.json`` of a unit and ``sweep.json``: every field has a type."""

from pathlib import Path
from typing import Any

from build_flows.artefacts.exit_unit import SweepFile, UnitManifest
from hw.control.registers import Field, Register
from hw.exits.unit import Port
from tests.artefact_checks import checked

FIELD = {"name": "label", "lsb": 0, "bits": 15, "doc": "the class", "access": None}
REGISTER = {"name": "MODE", "offset": 8, "bits": 26, "access": "rw", "init": 0, "signed": False, "fields": [FIELD], "strobe": False,
            "read_with": "", "doc": "what it does"}
MANIFEST: dict[str, Any] = {
    "version": 1, "made_by": "offramp 0.2.0", "module": "exit_unit", "policy": "class_threshold", "score": "margin", "classes": 2, "pe": 1,
    "logit_bits": 9, "scale": 1, "bias": [0, 0], "params": {"score": "margin", "thresholds": [1, 2]}, "threshold": None,
    "integer_threshold": None, "class_thresholds": [1, 2.5], "integer_class_thresholds": [1, 2], "threshold_unit": "a difference",
    "threshold_range": [0, 511], "enabled": True, "epsilon": 0.0, "latency": {"first_beat_to_result": 9, "last_beat_to_result": 8},
    "initiation_interval": 2, "control": "axi4lite",
    "ports": [{"name": "clk", "direction": "in", "bits": 1, "signed": False, "doc": "the clock"}], "result": [FIELD], "token": [],
    "registers": [REGISTER], "vectors": {"samples": 300, "leave": 120, "writes": 99}, "files": {"exit_unit.v": "ab"},
}
ROW: dict[str, Any] = {
    "name": "margin", "policy": "margin", "classes": 10, "pe": 1, "samples": 100, "agree": 100, "ii": 10, "latency_min": 14,
    "latency_median": 14.5, "latency_max": 15, "latency_bound": 32, "bubbles": 0, "coverage": {"left": 40}, "logit_bits": 16, "scale": 0.01,
    "epsilon": None, "threshold": 1.0, "cycles": 1000, "sim_cycles_per_second": 12345,
}


def test_a_manifest(tmp_path: Path) -> None:
    found = checked(UnitManifest, MANIFEST, tmp_path)
    field = Field(name="label", lsb=0, bits=15, doc="the class")
    assert found.result == [field]
    assert found.registers == [Register(name="MODE", offset=8, bits=26, access="rw", fields=(field,), doc="what it does")]
    assert found.ports == [Port(name="clk", direction="in", bits=1, doc="the clock")]


def test_a_sweep(tmp_path: Path) -> None:
    synthesised = {**ROW, "name": "class_threshold (margin)", "score": "margin", "ii": None, "latency_min": None, "latency_median": None,
                   "latency_max": None, "lut": 70, "lut_paired": 60, "lutram": 0, "ff": 90, "dsp": 0, "bram36": 0.5}
    content = {
        "version": 1, "units": [ROW, synthesised], "faults": ["margin: late"], "seed": 1, "stall": 0.25, "cycles": 2000,
        "sim_cycles_per_second": 4000, "seconds": {"build": 1.5, "draw": 0.1, "simulate": 0.5},
    }
    found = checked(SweepFile, content, tmp_path)
    assert not {"score", "lut"} & found.units[0].model_fields_set
    assert (found.units[1].score, found.units[1].bram36, found.seconds.draw) == ("margin", 0.5, 0.1)
