"""``sim.json``: every sample's way, and the figures that come of it."""

from pathlib import Path
from typing import Any

from build_flows.artefacts.simulation import SimulationFile
from tests.artefact_checks import checked

FIGURES: dict[str, Any] = {
    "samples": 2, "agree": 2, "accuracy": 0.5, "cycles_per_sample": 130.0, "clock_mhz": 100.0, "samples_per_second": 769230.8,
    "limited_by": "stage 0, a", "sim_cycles_per_second": 1e6, "cycles": 400,
    "exits": [{"share": 1.0, "accuracy": 0.5, "latency_median": 240.0}, {"share": 0.0, "accuracy": None, "latency_median": None}],
    "stages": [{"reach": 1.0, "busy": 0.97, "unit": "a"}],
}
SAMPLE: dict[str, Any] = {"id": 0, "label": 3, "exit": 0, "confidence": -7, "cycle_in": 1, "cycle_out": 241}
CONTENT: dict[str, Any] = {
    "version": 1, "samples": [SAMPLE, {**SAMPLE, "id": 1}], "streams": {"input": {"stall": 3, "occupancy": 2}}, "gates": [1],
    "stages": [{"index": 0, "reach": 1.0, "samples": 2, "busy": 0.97, "cycles": 100, "unit": "a"}], "cycles": 400,
    "cycles_per_sample": 130.0, "limited_by": "stage 0, a", "sim_cycles": 420, "sim_cycles_per_second": 1e6, "registers": {"EXITS": 2},
    "resumed": False, "stall": 0.0, "seed": 1, "figures": FIGURES, "labels": [3, 4],
}


def test_a_simulation(tmp_path: Path) -> None:
    found = checked(SimulationFile, CONTENT, tmp_path)
    assert found.figures.to_json() == FIGURES
    assert found.figures.anytime is None
    assert "provisional" not in found.samples[0].to_json()


def test_answers_of_every_exit(tmp_path: Path) -> None:
    said = [{"exit": 0, "label": 1, "confidence": 2, "cycle_out": 100}]
    anytime = {"words_per_sample": 1.5, "exits": [{"answered": 1.0, "accuracy": 0.5, "latency_median": 99.0}]}
    content = {**CONTENT, "samples": [{**SAMPLE, "exit": 1, "provisional": said}], "figures": {**FIGURES, "anytime": anytime}}
    found = checked(SimulationFile, content, tmp_path)
    assert found.samples[0].provisional[0].cycle_out == 100
    assert found.figures.anytime is not None
    assert found.figures.anytime.words_per_sample == 1.5
