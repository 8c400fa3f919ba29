"""What fused layers give b_lenet, whole: the figures of ``docs/layers.md``.

One training of four epochs, compiled with ``build.layers = "fused"`` for several targets, synthesised unit by unit, and run in Verilator:
all test images as they are, and hard ones drawn at random at the planned share.
"""

import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from benchmarks.edited import edited
from benchmarks.figures import Figures, run_json
from benchmarks.project import ProjectFiles, run_hard
from build_flows.artefacts.resources import ResourcesFile
from build_flows.artefacts.verdict import synthesised
from build_flows.base.files import write_text
from build_flows.base.ui import Ui
from build_flows.project.load import load
from build_flows.steps.data import project_dataset

__all__ = ["CASES", "Case", "config_text", "layers"]

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "b_lenet_fashion.toml"
WORK = ROOT / "build" / "layers"
PAGE = ROOT / "docs" / "layers.md"
DATA = ROOT / "docs" / "layers_benchmark.json"
PART = "layers"
CLOCK = 125.0
BATCH = 1000


@dataclass(frozen=True)
class Case:
    """A target of ``cycles`` a sample: what is at most to be measured, ``reached``, with samples a second at the estimated clock of at
    least ``rate``, and at most so many LUTs of logic, LUTs of memory and DSPs, ``most`` (None: no target)."""

    cycles: int
    reached: int
    rate: int | None = None
    most: tuple[int, int, int] | None = None


CASES = (Case(1296, 1340, most=(10_000, 2_600, 110)), Case(512, 518, 240_000), Case(256, 260, 480_000))


def config_text(case: Case) -> str:
    """The example's configuration with fused layers, for ``case``."""
    values = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    changes: dict[tuple[str | int, ...], Any] = {
        ("project", "output"): f"b_lenet_{case.cycles}", ("train", "epochs"): 4, ("train", "threads"): 1, ("build", "layers"): "fused",
        ("target", "cycles_per_sample"): case.cycles, ("target", "clock_mhz"): CLOCK,
    }
    return tomli_w.dumps(edited(values, changes))


def layers(ui: Ui) -> str:
    """Measure every one of :data:`CASES`, and write ``docs/layers.md`` and ``docs/layers_benchmark.json``; gives the table."""
    figures = Figures(ui)
    for case in CASES:
        _measure(figures, case)
    return figures.write(PAGE, PART, DATA)


def _measure(figures: Figures, case: Case) -> None:
    file = WORK / f"b_lenet_{case.cycles}.toml"
    write_text(file, config_text(case))
    run_json([sys.executable, "-m", "build_flows.cli.main", "synth", str(file), "--json"], ROOT)
    project = load(file)
    found = ResourcesFile.load(project.output / "resources.json")
    verdict, total, run, name = synthesised(found), found.total, run_hard(project), f"b_lenet at {case.cycles}"
    fmax = found.fmax_estimate_mhz or 0.0
    rate = fmax * 1e6 / run.cycles_per_sample
    fast = case.rate is None or rate >= case.rate
    wanted = f", {case.rate:,} samples a second at the estimated clock" if case.rate else ""
    figures.add(f"{name}, {100 * run.share:.0f} % hard at random", f"at most {case.reached} cycles a sample, fits{wanted}",
                f"{run.describe()}; {rate:,.0f} samples a second at {fmax:g} MHz; "
                f"{'fits' if verdict.fits else ', '.join(item.told() for item in verdict.short)}",
                run.cycles_per_sample <= case.reached and run.agreed == run.samples and verdict.fits and fast,
                "`python -m benchmarks.bench --part layers`; synthesised by Yosys, the clock estimated before placement")
    taken = total.lut, total.lutram, total.dsp
    small = case.most is None or all(used <= most for used, most in zip(taken, case.most, strict=True))
    limits = "fits" if case.most is None else "at most {:,} LUT, {:,} as memory, {} DSP".format(*case.most)
    figures.add(f"{name}: what it takes", limits,
                f"{total.lut:,} LUT ({total.lut_paired:,} after pairing), {total.lutram:,} as memory, {total.ff:,} FF, {total.bram36:g} "
                f"BRAM36, {total.dsp} DSP", small and verdict.fits, "sum of units, logic between them included")
    figures.add(f"{name}: clock", f"{CLOCK:g} MHz", f"{fmax:g} MHz", fmax >= CLOCK, found.path)
    files, images = ProjectFiles(project), project_dataset(project).x_test
    batches = [BATCH] * (len(images) // BATCH)
    result, _ = files.simulate(images, batches)
    agreed = files.agreed(images, result, batches)
    figures.add(f"{name}: test images through the RTL", "10,000 of 10,000 agree",
                f"{agreed:,} of {len(images):,}; {result.cycles_per_sample:.1f} cycles a sample at its own thresholds",
                agreed == len(images) == 10_000, "all test images, in batches of 1,000")
