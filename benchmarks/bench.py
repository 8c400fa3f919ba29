"""Measures the figures of the README on this machine: ``python -m benchmarks.bench`` (``make bench``).

Everything is measured by running what users run; nothing is taken from an earlier run but trained checkpoints, and built models where
it says so. The results go to ``docs/benchmark.json`` and, as a table, into ``README.md``.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
from amaranth.hdl import UnusedElaboratable

from benchmarks.board import board
from benchmarks.exit_unit import exit_units
from benchmarks.explore import explorations
from benchmarks.figures import SEED, Figures, run_json, step_seconds, sure_share
from benchmarks.layers import layers
from benchmarks.networks import networks
from benchmarks.profile import profiled
from benchmarks.project import MOST_CYCLES, ProjectFiles, run_hard
from benchmarks.resources import resources
from benchmarks.skips import skips
from benchmarks.trust import trust
from benchmarks.zoo import zoo
from build_flows.artefacts.agreement import AgreementFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.base.interval import paired
from build_flows.base.ui import RichUi
from build_flows.project.load import load as load_config
from build_flows.steps.data import project_dataset
from sim.accelerator.bare import run_bare

__all__ = ["main"]

ROOT = Path(__file__).parent.parent
PART = "benchmark"
PARTS = ("all", "accelerator", "board", "exit-unit", "explore", "layers", "networks", "profile", "resources", "skips", "trust", "zoo")
BATCH = 1000
HARD_SAMPLES = 500
SPEED_IMAGES = 500
PAIRS = 3


class _Bench:
    """The example projects and what is measured on them."""

    def __init__(self, ui: RichUi) -> None:
        self.ui = ui
        self.figures = Figures(ui)
        self.add = self.figures.add
        self.digits = load_config(ROOT / "examples" / "digits.toml")
        self.b_lenet = load_config(ROOT / "examples" / "b_lenet_fashion.toml")

    def fresh(self) -> None:
        """``make demo`` from a fresh clone, set-up included, and once more."""
        with tempfile.TemporaryDirectory() as folder:
            clone = Path(folder) / "offramp"
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            first = _seconds(lambda: _run(["make", "demo"], clone))
            again = _seconds(lambda: _run(["make", "demo"], clone))
        self.add("`make demo` from a fresh clone", "under 8 min", f"{first / 60:.1f} min", first < 480, "clone, `make demo`")
        self.add("`make demo` again, nothing changed", "under 30 s", f"{again:.1f} s", again < 30, "`make demo`")

    def compile(self) -> None:
        """Checkpoint to RTL with nothing cached but the checkpoint: no Verilated model, no FINN output."""
        _run([*_offramp(), "train", str(self.b_lenet.file)], ROOT)
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "project"
            project.mkdir()
            (project / "config.toml").write_text(self.b_lenet.file.read_text(encoding="utf-8"), encoding="utf-8")
            output = project / "build" / self.b_lenet.name
            shutil.copytree(self.b_lenet.output, output, ignore=shutil.ignore_patterns("rtl", "*.work", "sim.json", "report.html"))
            for step in ("export", "compile", "agree", "simulate", "report"):
                (output / ".steps" / f"{step}.json").unlink(missing_ok=True)
            started = time.monotonic()
            usage = _peak([*_offramp(), "compile", str(project / "config.toml"), "--json"], ROOT)
            whole = time.monotonic() - started
            seconds = step_seconds(output, "export", "compile")
        self.add("compile of b_lenet, checkpoint to RTL", "under 60 s", f"{seconds:.0f} s", seconds < 60,
                 "`offramp compile examples/b_lenet_fashion.toml`, nothing built before "
                 f"(with the agreement of FINN and Brevitas: {whole:.0f} s)")
        self.add("its peak memory", "under 4 GB", f"{usage / 1e9:.1f} GB", usage < 4e9, "largest process of that command")

    def digits_agree(self) -> None:
        """Every test image of digits, all four models."""
        found = run_json([*_offramp(), "run", str(self.digits.file), "--json"], ROOT)
        agreed = AgreementFile.load(self.digits.output / "agreement.json")
        same = found["agree"] == found["samples"] == 360 == agreed.brevitas
        self.add("digits, test images through the RTL", "360 of 360 equal golden and Brevitas",
                 f"{found['agree']} of {found['samples']}; accuracy {sure_share(found['accuracy'], found['samples'])}", same,
                 "`offramp run examples/digits.toml`")

    def b_lenet_all(self) -> None:
        """All 10,000 test images of b_lenet; the time is the simulation's own, with its model built."""
        ran = run_json([*_offramp(), "run", str(self.b_lenet.file), "--json"], ROOT)
        files = ProjectFiles(self.b_lenet)
        images = project_dataset(self.b_lenet).x_test
        result, seconds = files.simulate(images, [BATCH] * (len(images) // BATCH))
        agreed = files.agreed(images, result, [BATCH] * (len(images) // BATCH))
        self.add("b_lenet, Fashion-MNIST test images through the RTL", "10,000 of 10,000 agree", f"{agreed:,} of {len(images):,}",
                 agreed == len(images) == 10_000, "`offramp simulate examples/b_lenet_fashion.toml`")
        rate = f"{result.sim_cycles / seconds / 1e3:,.0f} k cycles a second, two processes"
        self.add("that RTL run", "under 90 s", f"{seconds:.0f} s ({rate})", seconds < 90, "the simulation alone, its model built before")
        labels = project_dataset(self.b_lenet).y_test
        answered, at_last = result.label == labels, files.logits(images)[-1].argmax(axis=1) == labels
        accuracy, loss = float(answered.mean()), paired(at_last, answered)
        self.add("b_lenet's accuracy at the operating point", "at least 87 %", sure_share(accuracy, len(images)), accuracy >= 0.87,
                 "all test images; in brackets, here and elsewhere, the 95 % interval")
        self.add("below its last exit alone", "at most 0.5 points",
                 f"{100 * loss.value:.2f} points ({100 * loss.low:.2f} to {100 * loss.high:.2f}); that exit {100 * at_last.mean():.2f} %",
                 loss.value <= 0.005, "all test images, image by image")
        cycles, on, planned = ran["cycles_per_sample"], 1 - ran["exits"][0]["share"], files.netlist.stages[1].reach
        self.add("b_lenet, the test images as they are", f"at most {MOST_CYCLES} cycles a sample",
                 f"{cycles:.1f} cycles a sample ({100 * on:.1f} % go on at its own thresholds, {100 * planned:.0f} % are planned for)",
                 cycles <= MOST_CYCLES, "`offramp simulate examples/b_lenet_fashion.toml`")

    def throughput(self) -> None:
        """Cycles per sample with hard samples drawn at random at the planned share, and with nothing but hard ones."""
        run = run_hard(self.b_lenet)
        self.add(f"b_lenet, hard samples at random, {100 * run.share:.0f} %", f"at most {MOST_CYCLES} cycles a sample", run.describe(),
                 run.cycles_per_sample <= MOST_CYCLES and run.agreed == run.samples, f"{run.samples:,} images, seed {SEED}")
        files = ProjectFiles(self.b_lenet)
        images = project_dataset(self.b_lenet).x_test
        result, _ = files.simulate(images[:HARD_SAMPLES], [HARD_SAMPLES], writes={"ENABLE_0": 0})
        slowest = max(item.interval for item in SizingFile.load(files.folder / "sizing.json").stages)
        ratio = result.cycles_per_sample / slowest
        met = bool((result.exit == 1).all()) and abs(ratio - 1) < 0.01 and "stage 1" in result.limited_by
        value = f"{result.cycles_per_sample:.0f} cycles a sample; the slowest stage alone takes {slowest}; limited by {result.limited_by}"
        self.add("b_lenet, every sample hard", "no deadlock; the slowest stage's pace", value, met,
                 f"{HARD_SAMPLES} images, exit 0 switched off by its register")

    def speed(self) -> None:
        """The bench against a bare C++ main, in turn, so that the machine's mood cancels out."""
        files = ProjectFiles(self.b_lenet)
        images = project_dataset(self.b_lenet).x_test[:SPEED_IMAGES]
        ratios = []
        with tempfile.TemporaryDirectory() as folder:
            for _ in range(PAIRS):
                result, _ = files.simulate(images, [SPEED_IMAGES], jobs=1)
                bare = run_bare(files.netlist, files.rtl, images, work=Path(folder), cache=files.cache, batch=SPEED_IMAGES)
                ratios.append(result.sim_cycles_per_second / bare.cycles_per_second)
        ratio = float(np.median(ratios))
        value = f"{ratio:.2f} (of {bare.cycles_per_second / 1e3:,.0f} k cycles a second)"
        self.add("simulation speed against a bare C++ main", "at least 0.8", value,
                 ratio >= 0.8, f"median of {PAIRS} pairs in turn, one process, {SPEED_IMAGES} images")


def _offramp() -> list[str]:
    return [sys.executable, "-m", "build_flows.cli.main"]


def _run(command: list[str], folder: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in ("VIRTUAL_ENV", "MAKEFLAGS", "MAKELEVEL")}
    subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr, env=environment)


def _seconds(action: Callable[[], None]) -> float:
    started = time.monotonic()
    action()
    return time.monotonic() - started


def _peak(command: list[str], folder: Path) -> int:
    """Run ``command``; bytes of the largest process so far among all that were run, as the operating system has it."""
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024


@click.command()
@click.option("--fresh/--no-fresh", default=True, help="Also time `make demo` in a fresh clone, set-up included (several minutes).")
@click.option("--part", type=click.Choice(PARTS), default="all", show_default=True, help="What to measure.")
@click.option("--cifar10", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="PATH",
              help="CIFAR-10 for b_alexnet and presets of its size (binary files, or an image folder); else their figures stay.")
def main(fresh: bool, part: str, cifar10: Path | None) -> None:
    """Measure the figures of the README, docs/board.md, docs/exit_unit.md, docs/explore.md, docs/layers.md, docs/networks.md,
    docs/profile.md, docs/resources.md, docs/trust.md and docs/zoo.md; write them there, and beside them as JSON."""
    from rich.console import Console

    # units are made only to be asked for their attributes
    warnings.filterwarnings("ignore", category=UnusedElaboratable)
    ui, place = RichUi(Console(file=sys.stderr)), None if cifar10 is None else cifar10.resolve()
    if part in ("all", "accelerator"):
        click.echo(_accelerator(ui, fresh))
    if part in ("all", "board"):
        click.echo(board(ui))
    if part in ("all", "exit-unit"):
        click.echo(exit_units(ui))
    if part in ("all", "explore"):
        click.echo(explorations(ui))
    if part in ("all", "layers"):
        click.echo(layers(ui, cifar10=place))
    if part in ("all", "networks"):
        click.echo(networks(ui, (), place))
    if part in ("all", "profile"):
        click.echo(profiled(ui))
    if part in ("all", "resources"):
        click.echo(resources(ui))
    if part in ("all", "skips"):
        click.echo(skips(ui))
    if part in ("all", "trust"):
        click.echo(trust(ui))
    if part in ("all", "zoo"):
        click.echo(zoo(ui)[0])


def _accelerator(ui: RichUi, fresh: bool) -> str:
    bench = _Bench(ui)
    # The peak of all children so far is what the operating system tells, so compile goes first.
    steps = [bench.compile, bench.digits_agree, bench.b_lenet_all, bench.throughput, bench.speed, *([bench.fresh] if fresh else [])]
    for step in steps:
        step()
    return bench.figures.write(ROOT / "README.md", PART, ROOT / "docs" / "benchmark.json")


if __name__ == "__main__":
    main()
