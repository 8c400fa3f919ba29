"""What fused layers give each network, whole: the figures of ``docs/layers.md``.

``python -m benchmarks.layers [CASE...]`` trains a little (accuracy is no part of this), compiles, synthesises unit by unit, and runs in
Verilator: hard samples drawn at random at the planned share, and test images as they are. Rows of cases that are not named stay as they
were last measured.
"""

import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import tomli_w

from benchmarks.edited import Place, edited
from benchmarks.figures import Figures, run_json
from benchmarks.layer_heads import PART as HEADS_PART
from benchmarks.layer_heads import head_figures, without_exits
from benchmarks.layer_macs import kinds, told, within
from benchmarks.layer_speed import PART as SPEED_PART
from benchmarks.layer_speed import speed_figures
from benchmarks.project import ProjectFiles, run_hard
from build_flows.artefacts.resources import ResourcesFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.artefacts.verdict import shortages, synthesised, used
from build_flows.base.files import write_text
from build_flows.base.parts import find_part
from build_flows.base.ui import RichUi, Ui
from build_flows.planning.folding_file import read_toml
from build_flows.planning.pace import fastest, least_pace
from build_flows.planning.read_network import read_network
from build_flows.project.load import Project, load
from build_flows.project.template import template
from build_flows.steps.data import project_dataset

__all__ = ["CASES", "STALLS", "Case", "config_text", "layers", "main"]

ROOT = Path(__file__).parent.parent
WORK = ROOT / "build" / "layers"
PAGE = ROOT / "docs" / "layers.md"
DATA = ROOT / "docs" / "layers_benchmark.json"
PART = "layers"
CLOCK = 125.0
BATCH = 1000


@dataclass(frozen=True, kw_only=True)
class Case:
    """``network`` planned for ``cycles`` a sample, after ``epochs`` of training: what is at most to be measured, ``reached``, with samples
    a second at the estimated clock of at least ``rate``, and at most so many LUTs of logic, LUTs of memory and DSPs, ``most`` (each None:
    no target). ``images`` test images go through the RTL, ``hard`` are drawn for the planned shares, ``stalled`` go through it with each of
    :data:`STALLS`. ``keep_free``: as in ``[target]``. ``whole`` False: no more is measured than how good its estimates are. ``as_one``: the
    top is synthesised as one, too, which takes long."""

    network: str
    cycles: int | str
    epochs: int
    reached: int
    rate: int | None = None
    most: tuple[int | None, int | None, int | None] = (None, None, None)
    images: int = 10_000
    hard: int = 4000
    stalled: int = 1000
    keep_free: Mapping[str, int] | None = None
    whole: bool = True
    as_one: bool = False

    @property
    def name(self) -> str:
        """As in the table."""
        return f"{self.network}, fastest" if self.cycles == "auto" else f"{self.network} at {self.cycles}"

    @property
    def slug(self) -> str:
        """As in names of files, and on the command line."""
        return f"{self.network}_{self.cycles}"


CASES = (
    Case(network="b_lenet", cycles=1296, epochs=4, reached=1340, most=(10_000, 2_600, 110),
         keep_free={"lut": 40_000, "dsp": 110}),
    Case(network="b_lenet", cycles=512, epochs=4, reached=518, rate=240_000, as_one=True),
    Case(network="b_lenet", cycles=256, epochs=4, reached=260, rate=480_000, as_one=True),
    Case(network="b_lenet", cycles="auto", epochs=4, reached=170, rate=730_000),
    Case(network="digits", cycles=128, epochs=40, reached=130, most=(None, None, 0), images=360, hard=1000,
         keep_free={"dsp": 220}),
    Case(network="digits", cycles="auto", epochs=40, reached=130, images=360, hard=1000),
    Case(network="triple_wins", cycles="auto", epochs=1, reached=4200),
    Case(network="b_alexnet", cycles="auto", epochs=1, reached=17_500, images=1000, hard=1000),
    *(Case(network=network, cycles=cycles, epochs=epochs, reached=cycles, whole=False)
      for network, epochs, paces in (("b_lenet", 4, (4000,)), ("digits", 40, (256, 1024)), ("triple_wins", 1, (8000, 20_000, 50_000)))
      for cycles in paces),
)
ESTIMATED = {"lut": 0.10, "ff": 0.10, "bram36": 0.0, "dsp": 0.0}
"""By how much estimates of all layers together may be off, as a share of what synthesis finds."""
STALLS = (0.3, 0.9)
"""Shares of all cycles in which source and sink sit out at random."""
STAGES = 0.02
"""By how much a stage's predicted cycles a frame may be."""


def config_text(case: Case, cifar10: Path | None = None) -> str:
    """The configuration of ``case``: what ``offramp init`` gives for the network, but for its target, clock and training. ``cifar10`` is
    the folder of b_alexnet's data set (an image folder, or the binary files)."""
    values = tomllib.loads(template(case.network))
    changes: dict[Place, Any] = {
        ("project", "name"): case.network, ("project", "output"): case.slug, ("train", "epochs"): case.epochs, ("train", "threads"): 1,
        ("target", "cycles_per_sample"): case.cycles, ("target", "clock_mhz"): CLOCK,
        ("build", "bus_bits"): 64,
    }
    if case.network != "digits":
        changes["target", "hard_share"] = [0.25]
    if case.keep_free:
        changes["target", "keep_free"] = dict(case.keep_free)
    if case.cycles == "auto":
        changes["target", "utilisation"] = "auto"
    if case.network == "b_alexnet" and cifar10 is not None:
        changes |= {("data", "path"): str(cifar10), ("data", "name"): "cifar10" if (cifar10 / "data_batch_1.bin").is_file() else "folder"}
    return tomli_w.dumps(edited(values, changes))


def layers(ui: Ui, only: Sequence[str] = (), cifar10: Path | None = None) -> str:
    """Measure the cases whose ``slug`` is in ``only`` (none: all, but b_alexnet's without ``cifar10``), and write ``docs/layers.md`` and
    ``docs/layers_benchmark.json``; gives the table."""
    figures, chosen = Figures(ui), [case for case in CASES if case.slug in only or not only]
    for case in CASES:
        if case in chosen and (case.network != "b_alexnet" or cifar10 is not None):
            figures.part = case.slug
            _measure(figures, case, cifar10)
        else:
            figures.keep(case.slug, DATA)
    for part, measure in ((HEADS_PART, head_figures), (SPEED_PART, speed_figures)):
        figures.part = part
        if part in only or not only:
            measure(figures)
        else:
            figures.keep(part, DATA)
    return figures.write(PAGE, PART, DATA)


def _measure(figures: Figures, case: Case, cifar10: Path | None) -> None:
    file = WORK / f"{case.slug}.toml"
    write_text(file, config_text(case, cifar10))
    _begun(case)
    run_json([sys.executable, "-m", "build_flows.cli.main", "synth", str(file), "--json"], ROOT)
    project = load(file)
    found = ResourcesFile.load(project.output / "resources.json")
    _estimates(figures, case, found, SizingFile.load(project.output / "sizing.json"))
    if case.whole:
        _figures(figures, case, project, found)
    if case.as_one:
        _as_one(figures, case, file)


def _begun(case: Case) -> None:
    """Begin with what another case of the network has been trained to, where there is one: their training is the same."""
    output = WORK / case.slug
    trained = [WORK / other.slug for other in CASES
               if other.network == case.network and (WORK / other.slug / ".steps" / "calibrate.json").is_file()]
    if trained and not output.exists():
        shutil.copytree(trained[0], output)


def _estimates(figures: Figures, case: Case, found: ResourcesFile, sizing: SizingFile) -> None:
    """How far the layers' estimate was off what synthesis found, and the stages' predicted cycles off those that were measured."""
    corrected = found.estimates.total.error.corrected
    errors = {name: getattr(corrected, name) or 0.0 for name in ESTIMATED}
    cycles = max((stage.predicted / stage.interval - 1 for stage in sizing.stages), key=abs)
    told = ", ".join(f"{name.upper()} {100 * error:+.1f} %" for name, error in errors.items())
    figures.add(f"{case.name}: layers estimated against synthesised",
                "LUT and FF within 10 %, BRAM and DSP equal; cycles of stages within 2 %", f"{told}; cycles {100 * cycles:+.1f} %",
                all(abs(error) <= ESTIMATED[name] for name, error in errors.items()) and abs(cycles) <= STAGES,
                f"`python -m benchmarks.layers {case.slug}`; of stages' cycles the worst")


def _figures(figures: Figures, case: Case, project: Project, found: ResourcesFile) -> None:
    verdict, total, run = synthesised(found), found.total, run_hard(project, case.hard)
    fmax = found.fmax_estimate_mhz or 0.0
    rate = fmax * 1e6 / run.cycles_per_sample
    fast = case.rate is None or rate >= case.rate
    wanted = f", {case.rate:,} samples a second at the estimated clock" if case.rate else ""
    figures.add(f"{case.name}: {100 * run.share:.0f} % hard at random", f"at most {case.reached:,} cycles a sample, fits{wanted}",
                f"{run.describe()}; {rate:,.0f} samples a second at {fmax:g} MHz; "
                f"{'fits' if verdict.fits else ', '.join(item.told() for item in verdict.short)}",
                run.cycles_per_sample <= case.reached and run.agreed == run.samples and verdict.fits and fast,
                f"`python -m benchmarks.layers {case.slug}`; synthesised by Yosys, the clock estimated before placement")
    taken = (total.lut, total.lutram, total.dsp)
    small = all(most is None or used <= most for used, most in zip(taken, case.most, strict=True))
    limits = [f"at most {most:,} {what}" for most, what in zip(case.most, ("LUT", "as memory", "DSP"), strict=True) if most is not None]
    figures.add(f"{case.name}: what it takes", ", ".join([*limits, "fits"]),
                f"{total.lut:,} LUT ({total.lut_paired:,} after pairing), {total.lutram:,} as memory, {total.ff:,} FF, {total.bram36:g} "
                f"BRAM36, {total.dsp} DSP", small and verdict.fits, "sum of units, logic between them included")
    network = read_network(project.output / "golden.npz", layers="fused")
    macs = kinds(network, read_toml(project.output / "folding.toml", network), found.units)
    figures.add(f"{case.name}: for each multiplication a cycle", "static at most 6.5 LUT (8-bit inputs: 10.5), shared 6 LUT + 0.25 DSP",
                told(macs), within(macs), "whole units, unpaired; in brackets which, and the multiplications a cycle")
    figures.add(f"{case.name}: clock", f"{CLOCK:g} MHz", f"{fmax:g} MHz", fmax >= CLOCK, found.path)
    files, whole = ProjectFiles(project), project_dataset(project).x_test
    images = whole[: case.images]
    batches = [min(BATCH, len(images))] * max(1, len(images) // BATCH)
    result, _ = files.simulate(images, batches)
    agreed = files.agreed(images, result, batches)
    figures.add(f"{case.name}: test images through the RTL", f"{len(whole):,} of {len(whole):,} agree",
                f"{agreed:,} of {len(images):,}; {result.cycles_per_sample:.1f} cycles a sample at its own thresholds",
                agreed == len(images) == len(whole), f"the first {case.images:,} test images, in batches of {BATCH:,} at most")
    stalled = images[: case.stalled]
    found_right = [files.agreed(stalled, files.simulate(stalled, [len(stalled)], stall_in=share, stall_out=share)[0], [len(stalled)])
                   for share in STALLS]
    figures.add(f"{case.name}: the same with stalls of {' and '.join(f'{100 * share:.0f} %' for share in STALLS)}",
                f"{len(stalled):,} of {len(stalled):,} agree",
                " and ".join(f"{right:,}" for right in found_right) + f" of {len(stalled):,}",
                all(right == len(stalled) for right in found_right), "source and sink at random, each by itself")
    if case.cycles == "auto":
        _worth(figures, case, project, run.cycles_per_sample)


def _as_one(figures: Figures, case: Case, file: Path) -> None:
    """What the top takes that is synthesised as one, and how the sum of its units differs from that."""
    run_json([sys.executable, "-m", "build_flows.cli.main", "synth", str(file), "--full", "--json"], ROOT)
    found = ResourcesFile.load(load(file).output / "resources.json")
    whole = found.whole
    assert whole is not None
    short = shortages(used(whole), found.capacity)
    off = ", ".join(f"{name.upper()} {100 * getattr(whole.difference, name):+.1f} %" for name in ("lut", "ff", "bram36", "dsp")
                    if getattr(whole.difference, name) is not None)
    figures.add(f"{case.name}: the top synthesised as one", "fits",
                f"{whole.lut:,} LUT ({whole.lut_paired:,} after pairing), {whole.lutram:,} as memory, {whole.ff:,} FF, "
                f"{whole.bram36:g} BRAM36, {whole.dsp} DSP; {', '.join(item.told() for item in short) or 'fits'}; "
                f"the sum of units differs by {off}",
                not short, f"`offramp synth --full build/layers/{case.slug}.toml`, after `python -m benchmarks.layers {case.slug}`")


def _worth(figures: Figures, case: Case, project: Project, cycles: float) -> None:
    """What the exits are worth: the fastest design of the same network without them, of the same units on the same part, is predicted."""
    network = without_exits(read_network(project.output / "golden.npz", layers="fused"))
    least = least_pace(network, (1.0,), 1.0, project.config.build.bus_bits).cycles
    alone = fastest(network, (1.0,), 1.0, find_part(project.config.target.board), least)
    ratio = None if alone is None else alone / cycles
    figures.add(f"{case.name}: against the same network without exits", "above 1: exits pay (ATHEENA: 2.00 to 2.78)",
                f"{ratio:.2f} times ({alone:,} cycles a sample without, predicted)" if ratio else "without exits nothing fits",
                ratio is None or ratio > 1, "both the fastest that fit, of the same units; with exits as measured above")


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice([*(case.slug for case in CASES), HEADS_PART, SPEED_PART]))
@click.option("--cifar10", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="PATH",
              help="CIFAR-10 for b_alexnet: the folder of its binary files, or an image folder.")
def main(cases: Sequence[str], cifar10: Path | None) -> None:
    """Measure what fused layers give CASES (none: all; heads: what other heads would give, predicted; speed: compile and simulation beside
    those of FINN's layers), and write docs/layers.md and docs/layers_benchmark.json."""
    from rich.console import Console

    click.echo(layers(RichUi(Console(file=sys.stderr)), cases, None if cifar10 is None else cifar10.resolve()))


if __name__ == "__main__":
    main()
