"""``synthesis.json`` and ``resources.json``: what the RTL takes, unit by unit, and what Vivado found."""

from pathlib import Path
from typing import Any

from build_flows.artefacts.resources import ResourcesFile, SynthesisFile
from tests.artefact_checks import checked
from tests.build_flows.compare_samples import resources

VIVADO: dict[str, Any] = {
    "vivado": "2022.2", "board": "pynq-z2", "part": "xc7z020clg400-1",
    "capacity": {"lut": 53200, "lutram": 17400, "ff": 106400, "bram36": 140, "dsp": 220},
    "utilisation": {"lut": 1101, "lutram": 299, "ff": 2999, "bram36": 2.5, "dsp": 219},
    "timing": {"wns_ns": 0.312, "tns_ns": 0.0, "whs_ns": None, "met": True, "fmax_mhz": 103.2, "clock_mhz": 100.0, "path": None},
    "power": {"total_w": 1.832, "dynamic_w": 1.691, "static_w": 0.141},
}


def content(**more: Any) -> dict[str, Any]:
    """A design whose whole top was synthesised too, with one estimate."""
    row = {"lut": 100, "ff": 90.5, "bram36": None, "dsp": 2}
    estimate = {"finn": row, "corrected": row, "synthesised": row, "error": {"finn": row, "corrected": row}}
    found = resources(1).to_json()
    hop = {"name": "a", "cell": "FDRE", "into": "", "out": "Q", "net_ns": 0.0, "cell_ns": 0.3, "fanout": 0}
    del found["vivado"]
    return {
        **found, "version": 1, "whole": {**found["total"], "difference": {**dict.fromkeys(found["total"], 0.01), "dsp": None}},
        "estimates": {"layers": [{**estimate, "layer": "a", "op": "MVAU_rtl"}], "total": estimate},
        "timing": {**found["timing"], "path": [hop]},
        "memories": [{"unit": "a", "name": "m", "words": 4, "bits": 8, "writable": True, "wanted": "auto", "found": "block"}], **more,
    }


def test_a_synthesis(tmp_path: Path) -> None:
    found = checked(SynthesisFile, content(), tmp_path)
    assert found.whole is not None
    assert (found.whole.difference.lut, found.whole.difference.dsp) == (0.01, None)
    assert "layer" not in found.estimates.total.to_json()
    assert found.estimates.layers[0].corrected.ff == 90.5


def test_resources_with_vivados_figures_and_without(tmp_path: Path) -> None:
    found = checked(ResourcesFile, content(vivado=VIVADO), tmp_path)
    assert found.vivado is not None
    assert (found.vivado.utilisation.bram36, found.vivado.timing.whs_ns) == (2.5, None)
    assert found.routed == found.vivado
    assert found.vivado.by == "Vivado 2022.2"
    without = checked(ResourcesFile, content(vivado=None), tmp_path)
    assert (without.vivado, without.open, without.routed) == (None, None, None)


def test_resources_with_the_open_flows_figures(tmp_path: Path) -> None:
    placed = {key: VIVADO[key] for key in ("board", "part", "capacity", "utilisation")}
    timing = {"clock_mhz": 100.0, "fmax_mhz": 104.5, "met": True}
    found = checked(ResourcesFile, content(vivado=None, open={**placed, "tools": {}, "timing": timing}), tmp_path)
    assert found.open is not None
    assert found.open.timing is not None
    assert (found.open.timing.fmax_mhz, found.routed, found.open.by) == (104.5, found.open, "the open flow")
    told = checked(ResourcesFile, content(vivado=None, open={**placed, "tools": {"yosys": "0.48"}, "timing": None}), tmp_path).open
    assert told is not None
    assert (told.timing, told.by) == (None, "the open flow (yosys 0.48)")


def test_a_synthesis_becomes_resources() -> None:
    found = SynthesisFile.parse(content(), "synthesis.json")
    assert ResourcesFile(**vars(found), vivado=None).to_json() == {**content(), "vivado": None}
