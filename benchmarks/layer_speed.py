"""How long compile and simulation take with fused layers, beside the same network of FINN's: rows of ``docs/layers.md``."""

import statistics
import sys
import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.edited import edited
from benchmarks.figures import Figures, run_json, step_seconds
from benchmarks.project import ProjectFiles
from build_flows.base.files import write_text
from build_flows.project.load import load
from build_flows.project.template import template
from build_flows.steps.data import project_dataset

__all__ = ["LAYERS", "PART", "config_text", "speed_figures"]

ROOT = Path(__file__).parent.parent
WORK = ROOT / "build" / "layers"
PART = "speed"
NETWORK = "b_lenet"
CYCLES = 1296
"""What FINN's layers need for b_lenet: its padding takes a pixel a cycle."""
IMAGES = 500
PAIRS = 3
LAYERS = ("fused", "finn")


def config_text(layers: str) -> str:
    """The configuration with ``layers`` of :data:`LAYERS`, trained as those of :mod:`benchmarks.layers` are."""
    return tomli_w.dumps(edited(tomllib.loads(template(NETWORK)), {
        ("project", "name"): NETWORK, ("project", "output"): f"speed_{layers}", ("train", "epochs"): 4, ("train", "threads"): 1,
        ("target", "cycles_per_sample"): CYCLES, ("target", "hard_share"): [0.25], ("build", "layers"): layers,
    }))


def speed_figures(figures: Figures) -> None:
    """Add the rows to ``figures``: both are compiled from the same weights, nothing built before, and simulated in turn, so that the
    machine's mood cancels out."""
    seconds: dict[str, float] = {}
    found: dict[str, Any] = {}
    for layers in LAYERS:
        file = WORK / f"speed_{layers}.toml"
        write_text(file, config_text(layers))
        project = load(file)
        for step in ("export", "compile"):
            (project.output / ".steps" / f"{step}.json").unlink(missing_ok=True)
        run_json([sys.executable, "-m", "build_flows.cli.main", "compile", str(file), "--json"], ROOT)
        seconds[layers] = step_seconds(project.output, "export", "compile")
        found[layers] = (ProjectFiles(project), project_dataset(project).x_test[:IMAGES])
    ratio = seconds["fused"] / seconds["finn"]
    command = f"`python -m benchmarks.layers {PART}`"
    figures.add(f"{NETWORK} at {CYCLES}: compile, beside FINN's layers", "no slower",
                f"{ratio:.2f} times as long ({seconds['fused']:.0f} s and {seconds['finn']:.0f} s)", ratio <= 1,
                f"{command}; checkpoint to RTL, nothing built before")
    ratios, rates = [], []
    for _ in range(PAIRS):
        took = {layers: files.simulate(images, [IMAGES], jobs=1)[1] for layers, (files, images) in found.items()}
        ratios.append(took["fused"] / took["finn"])
        rates.append(IMAGES / took["fused"])
    middle = statistics.median(ratios)
    figures.add(f"{NETWORK} at {CYCLES}: simulation, beside FINN's layers", "no slower for an image",
                f"{middle:.2f} times as long ({statistics.median(rates):,.0f} images a second)", middle <= 1,
                f"median of {PAIRS} pairs in turn, one process, {IMAGES} images")
