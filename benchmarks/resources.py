"""Measures the figures of ``docs/resources.md``: what layouts take, how long it takes to know, and how good the estimates are.

``python -m benchmarks.resources [PART...]`` measures some alone; the rows of the others stay.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import psutil
import tomli_w

from benchmarks.edited import Place, edited
from benchmarks.figures import Figures, run_json, step_seconds
from benchmarks.project import MOST_CYCLES, run_hard
from build_flows.artefacts.compare import CompareFile
from build_flows.artefacts.resources import ResourcesFile
from build_flows.base.ui import RichUi, Ui
from build_flows.pages.compare_plots import PLOTS
from build_flows.project.load import load as load_config

__all__ = ["DATA", "PAGE", "PART", "PARTS", "main", "resources"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "resources.md"
DATA = ROOT / "docs" / "resources_benchmark.json"
PICTURES = ROOT / "docs"
PART = "figures"
B_LENET = ROOT / "examples" / "b_lenet_fashion.toml"
SWEEP = ROOT / "examples" / "layouts_b_lenet.toml"
FINN_CYCLES = 1296
"""Cycles a sample of b_lenet that FINN's sliding windows reach: the padded image, a pixel a cycle."""
KEPT = ("train", "calibrate", "simulate")
"""Steps that do not count when layouts are compared; the others are made anew."""


def resources(ui: Ui, only: Sequence[str] = ()) -> str:
    """Measure the parts of :data:`PARTS` that are in ``only`` (none: all), write them into the page and beside it, where the others stay
    as they were last measured, and give the table."""
    figures = Figures(ui)
    run_json([*_offramp(), "run", str(B_LENET), "--json"], ROOT)
    for name, measure in PARTS.items():
        if only and name not in only:
            figures.keep(name, DATA)
            continue
        figures.part = name
        with tempfile.TemporaryDirectory() as folder:
            measure(figures, Path(folder))
    return figures.write(PAGE, PART, DATA)


def _offramp() -> list[str]:
    return [sys.executable, "-m", "build_flows.cli.main"]


def _synthesised(config: Path, *options: str) -> ResourcesFile:
    """What ``offramp synth`` finds."""
    run_json([*_offramp(), "synth", str(config), *options, "--json"], ROOT)
    return ResourcesFile.load(load_config(config).output / "resources.json")


def _synth(figures: Figures, folder: Path) -> None:
    """The compiled project in a place where nothing was synthesised before."""
    config = _copy(folder)
    seconds, peak = _timed([*_offramp(), "synth", str(config), "--json"])
    units = ResourcesFile.load(load_config(config).output / "resources.json").units
    how = "`offramp synth examples/b_lenet_fashion.toml`, compiled before, nothing synthesised before"
    figures.add("synthesis of b_lenet, unit by unit", "under 6 min", f"{seconds / 60:.1f} min ({len(units)} units)",
                seconds < 360, how)
    figures.add("its peak memory", "under 6 GB", f"{peak / 1e9:.1f} GB", peak < 6e9, "all processes of that command together")
    again, _ = _timed([*_offramp(), "synth", str(config), "--json"])
    other, _ = _timed([*_offramp(), "synth", str(config), "--part", "xc7z010clg400-1", "--json"])
    figures.add("the same, cached", "under 10 s", f"{again:.1f} s; {other:.1f} s for another part, units cached", again < 10,
                "the same command again, and with `--part xc7z010clg400-1`")


def _whole(figures: Figures, _folder: Path) -> None:
    found = _synthesised(B_LENET, "--full")
    whole, summed = found.whole, found.sum_of_units
    if whole is None:
        raise AssertionError(f"{B_LENET}: the whole top was not synthesised")
    limits = {"lut": 0.10, "ff": 0.05, "bram36": 0.0, "dsp": 0.0}
    differences = {name: getattr(whole.difference, name) for name in limits}
    told = ", ".join(f"{name.upper()} {getattr(summed, name):,g} / {getattr(whole, name):,g} ({100 * differences[name]:+.1f} %)"
                     for name in limits)
    figures.add("sum of units against the whole top, b_lenet", "LUT within 10 %, FF 5 %, BRAM and DSP equal", told,
                all(abs(differences[name]) <= limit for name, limit in limits.items()),
                "`offramp synth examples/b_lenet_fashion.toml --full`")
    run = run_hard(load_config(B_LENET))
    shares = ", ".join(f"{name.upper()} {100 * getattr(found.shares, name):.0f} %" for name in ("lut", "ff", "bram36", "dsp"))
    fits = "fits" if found.fits else f"does not fit: {', '.join(found.short)}"
    figures.add("b_lenet, 4-bit weights, 25 % hard", f"at most {MOST_CYCLES} cycles a sample, fits xc7z020",
                f"{run.describe()}; {fits} ({shares})", run.cycles_per_sample <= MOST_CYCLES and run.agreed == run.samples and found.fits,
                "whole top; test images drawn at random")
    fmax = found.fmax_estimate_mhz or 0.0
    figures.add("its clock, estimated", f"{found.clock_mhz:g} MHz", f"{fmax:g} MHz", fmax >= found.clock_mhz, found.path)


def _finn_folding(figures: Figures, folder: Path) -> None:
    """The same network at cycles that both can reach: as offramp folds it, and of FINN's layers, folded by FINN's own transformation."""
    pace: dict[Place, Any] = {("target", "cycles_per_sample"): FINN_CYCLES}
    sides = {"optimal": pace, "finn": {**pace, ("build", "folding"): "finn", ("build", "layers"): "finn"}}
    for side in sides:
        (folder / side).mkdir()
    found = {side: _synthesised(_copy(folder / side, changes)) for side, changes in sides.items()}
    layers = {side: _layers(item) for side, item in found.items()}
    told = "; ".join(f"{side}: {sums['dsp']:g} DSP, {sums['lut'] + sums['lutram']:,} LUT, {sums['ff']:,} FF, {sums['bram36']:g} BRAM36"
                     for side, sums in layers.items())
    fits = "" if found["finn"].fits else f" ({', '.join(found['finn'].short)})"
    met = 2 * layers["optimal"]["dsp"] <= layers["finn"]["dsp"] and (
        layers["optimal"]["lut"] + layers["optimal"]["lutram"] <= layers["finn"]["lut"] + layers["finn"]["lutram"])
    figures.add(f"fused layers against FINN's with `finn` folding: b_lenet at {FINN_CYCLES} cycles, layers synthesised",
                "at most half the DSP, no more LUT", told + fits, met,
                '`offramp synth`, the second with `build.folding` and `build.layers` "finn"')


def _layers(found: ResourcesFile) -> dict[str, float]:
    rows = [row for row in found.units if row.kind == "layer"]
    return {name: sum(getattr(row, name) for row in rows) for name in ("lut", "lutram", "ff", "bram36", "dsp")}


def _compared(figures: Figures, _folder: Path) -> None:
    """The example sweep with nothing compiled or synthesised before; what was trained or simulated in that run is taken off its time."""
    output = ROOT / "examples" / "build" / SWEEP.stem
    shutil.rmtree(output / ".synthesis", ignore_errors=True)
    for stamp in output.glob("*/.steps/*.json"):
        if stamp.stem not in KEPT:
            stamp.unlink()
    began = time.time()
    whole, _ = _timed([*_offramp(), "compare", "--sweep", str(SWEEP), "--json"])
    stamps = [stamp for stamp in output.glob("*/.steps/*.json") if stamp.stem in KEPT and stamp.stat().st_mtime >= began]
    seconds = whole - sum(step_seconds(stamp.parents[1], stamp.stem) for stamp in stamps)
    for name in PLOTS:
        shutil.copyfile(output / f"compare_{name}.png", PICTURES / f"compare_{name}.png")
    count = len(CompareFile.load(output / "compare.json").layouts)
    figures.add(f"{count} layouts compared, training and simulation cached", "eight in under 20 min",
                f"{seconds / 60:.1f} min ({seconds / count / 60:.1f} min a layout)", 8 * seconds / count < 1200,
                "`offramp compare --sweep examples/layouts_b_lenet.toml`, nothing compiled or synthesised before; time without "
                f"training and simulation ({whole / 60:.1f} min with what of these was not cached)")


def _estimates(figures: Figures, _folder: Path) -> None:
    """The cost model against the synthesis of layouts that it has not seen."""
    folder = ROOT / "examples" / "build" / SWEEP.stem
    totals = [ResourcesFile.load(file).estimates.total for file in sorted(folder.glob("*/resources.json"))]
    limits = {"lut": 0.15, "ff": 0.15, "bram36": 0.0, "dsp": 0.0}

    def worst(side: str, name: str) -> float | None:
        errors = [error for total in totals if (error := getattr(getattr(total.error, side), name)) is not None]
        return max(errors, key=abs) if errors else None

    def told(side: str) -> str:
        return ", ".join(f"{name.upper()} {'no model' if value is None else f'{100 * value:+.1f} %'}"
                         for name in limits for value in (worst(side, name),))

    figures.add(f"corrected estimate of the layers against their synthesis, worst of {len(totals)} layouts",
                "LUT and FF within 15 %, BRAM and DSP exact", f"{told('corrected')} (FINN's own estimate: {told('finn')})",
                all(abs(worst("corrected", name) or 0) <= limit for name, limit in limits.items()),
                "the layouts of that sweep, to which no coefficient was fitted")


def _copy(folder: Path, changes: Mapping[Place, Any] | None = None) -> Path:
    """The example and its compiled output in ``folder``; with ``changes`` of its configuration, to be compiled again."""
    project = load_config(B_LENET)
    config = folder / B_LENET.name
    values = tomllib.loads(B_LENET.read_text(encoding="utf-8"))
    config.write_text(tomli_w.dumps(edited(values, changes or {})), encoding="utf-8")
    shutil.copytree(project.output, folder / "build" / project.name, ignore=shutil.ignore_patterns("synthesis.json", "resources.json"))
    (folder / "build" / project.name / ".steps" / "synth.json").unlink(missing_ok=True)
    models = project.output.parent / ".models"
    if changes and models.is_dir():
        shutil.copytree(models, folder / "build" / ".models")
    return config


def _timed(command: Sequence[str]) -> tuple[float, int]:
    """Seconds, and bytes of memory that all its processes had at a time at most."""
    peak, done = [0], threading.Event()
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=dict(os.environ))

    def watch() -> None:
        while not done.wait(0.5):
            peak[0] = max(peak[0], _memory(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    seconds = time.monotonic() - began
    done.set()
    watcher.join()
    if code:
        raise subprocess.CalledProcessError(code, list(command))
    return seconds, peak[0]


def _memory(process: int) -> int:
    total = 0
    try:
        parent = psutil.Process(process)
        for item in (parent, *parent.children(recursive=True)):
            try:
                total += item.memory_info().rss
            except psutil.Error:
                continue
    except psutil.Error:
        pass
    return total


PARTS: Mapping[str, Callable[[Figures, Path], None]] = {
    "synth": _synth, "whole": _whole, "finn": _finn_folding, "compared": _compared, "estimates": _estimates,
}
"""What can be measured by itself, in an empty folder."""


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: Sequence[str]) -> None:
    """Measure PARTS (none: all) of docs/resources.md."""
    from rich.console import Console

    click.echo(resources(RichUi(Console(file=sys.stderr)), parts))


if __name__ == "__main__":
    main()
