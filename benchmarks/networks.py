"""What presets with published twins reach, from training to the RTL: the figures of ``docs/networks.md``.

``python -m benchmarks.networks [CASE...]`` trains the float twin and fine-tunes it in few bits (each taken up again where it was
interrupted), compiles from nothing, synthesises unit by unit, and runs in Verilator. Rows of cases that are not named, or whose data set is
not given, stay as they were last measured.
"""

import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
import tomli_w

from benchmarks.edited import Place, edited
from benchmarks.figures import SEED, Figures, run_json, step_seconds, sure_share
from benchmarks.layers import STALLS
from benchmarks.project import ProjectFiles, run_hard
from build_flows.artefacts.agreement import AgreementFile
from build_flows.artefacts.resources import ResourcesFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.artefacts.verdict import synthesised
from build_flows.base.files import write_text
from build_flows.base.ui import RichUi, Ui
from build_flows.project.load import Project, load
from build_flows.project.template import template
from build_flows.steps.data import project_dataset
from sim import golden

if TYPE_CHECKING:
    from quant_models.training.train import Progress

__all__ = ["CASES", "Case", "config_text", "main", "networks"]

ROOT = Path(__file__).parent.parent
WORK = ROOT / "build" / "networks"
PAGE = ROOT / "docs" / "networks.md"
DATA = ROOT / "docs" / "networks_benchmark.json"
PART = "networks"
BATCH = 1000
SECONDS, GIGABYTES = 120, 4
"""Targets of compiling: seconds from nothing, and memory of its largest process."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """``network`` with weights and activations of ``bits`` (None: those of its template), with as many passes over the training set in
    float (``floats``; 0: it has no float twin) and in few bits afterwards (``fine_tune``), planned for the share ``hard`` at each early
    exit: at most ``reached`` cycles a sample at it, at most ``lost`` points of accuracy against its last exit alone, and at least the share
    ``leaving`` before that. ``images`` test images go through the RTL, ``stalled`` of them with each of :data:`benchmarks.layers.STALLS`,
    and ``drawn`` at the planned shares."""

    network: str
    bits: int | None = None
    floats: int
    fine_tune: int
    hard: tuple[float, ...]
    reached: int
    lost: float = 1.0
    leaving: float = 0.5
    images: int = 10_000
    stalled: int = 200
    drawn: int = 1000

    @property
    def name(self) -> str:
        """What it is called: the network and, where they are chosen, its bits."""
        return self.network if self.bits is None else f"{self.network}_w{self.bits}a{self.bits}"


CASES = (
    Case(network="resnet8", floats=16, fine_tune=4, hard=(0.5, 0.5), reached=12_000),
    Case(network="mobilenet_tiny", floats=10, fine_tune=5, hard=(0.5, 0.5), reached=9_000, images=1000),
    Case(network="msdnet_tiny", floats=10, fine_tune=5, hard=(0.5, 0.5), reached=6_000, images=1000),
    Case(network="cnv", bits=1, floats=0, fine_tune=10, hard=(0.5, 0.5), reached=4_000, images=1000),
    Case(network="cnv", bits=2, floats=0, fine_tune=10, hard=(0.5, 0.5), reached=20_000, images=1000),
)


def config_text(case: Case, cifar10: Path, weights: Path) -> str:
    """The configuration of ``case``: what ``offramp init`` gives for the network, but for training and target. ``cifar10`` is the folder of
    the data set (an image folder, or the binary files), ``weights`` the float twin, where it has one."""
    changes: dict[Place, Any] = {
        ("project", "output"): f"{case.name}/project", ("data", "path"): str(cifar10),
        ("data", "name"): "cifar10" if (cifar10 / "data_batch_1.bin").is_file() else "folder",
        ("train", "threads"): 1, ("target", "hard_share"): list(case.hard), ("build", "bus_bits"): 64,
    }
    if case.floats:
        changes |= {("train", "scheme"): "import", ("train", "learning_rate"): 0.001, ("import", "weights"): str(weights),
                    ("import", "divisor"): 256.0, ("import", "fine_tune"): case.fine_tune}
    else:
        changes["train", "epochs"] = case.fine_tune
    if case.bits is not None:
        changes |= {("model", "weight_bits"): case.bits, ("model", "act_bits"): case.bits}
    return tomli_w.dumps(edited(tomllib.loads(template(case.network)), changes))


def networks(ui: Ui, only: Sequence[str], cifar10: Path | None) -> str:
    """Measure the cases whose names are in ``only`` (none: all), if their data set ``cifar10`` is given, and write ``docs/networks.md``
    and ``docs/networks_benchmark.json``; gives the table."""
    figures = Figures(ui)
    for case in CASES:
        figures.part = case.name
        if cifar10 is not None and (case.name in only or not only):
            _measure(figures, case, cifar10)
        else:
            figures.keep(case.name, DATA)
    return figures.write(PAGE, PART, DATA)


def _measure(figures: Figures, case: Case, cifar10: Path) -> None:
    file, weights = WORK / f"{case.name}.toml", WORK / f"{case.name}_float.safetensors"
    write_text(file, config_text(case, cifar10, weights))
    if case.floats and not weights.is_file():
        # The data set is opened by a configuration; that of the training without float weights will do.
        plain = edited(tomllib.loads(file.read_text(encoding="utf-8")), {("train", "scheme"): "joint", ("import", "weights"): ...})
        before = WORK / f"{case.name}_float.toml"
        write_text(before, tomli_w.dumps(plain))
        _train_float(figures.ui, case, load(before), weights)
    run_json([sys.executable, "-m", "build_flows.cli.main", "train", str(file), "--json"], ROOT)
    project = load(file)
    _compiled(figures, case, file, project)
    run_json([sys.executable, "-m", "build_flows.cli.main", "synth", str(file), "--json"], ROOT)
    _accuracy(figures, case, project)
    _speed(figures, case, project, ResourcesFile.load(project.output / "resources.json"))
    _images(figures, case, project)


def _train_float(ui: Ui, case: Case, project: Project, weights: Path) -> None:
    from quant_models.bring.float_net import train_float
    from quant_models.networks.presets import preset
    from quant_models.training.train import TrainSettings

    chosen = project.config.train
    settings = TrainSettings(epochs=case.floats, batch=chosen.batch_size, weight_decay=5e-4, shift=chosen.shift, flip=chosen.flip,
                             validation=project.config.data.validation, seed=chosen.seed)
    data = project_dataset(project)
    with ui.progress(f"training {case.name} in float") as bar:
        def tell(step: "Progress") -> None:
            bar.update(completed=step.epoch * step.steps + step.step + 1, total=step.epochs * step.steps, text=f"loss {step.loss:.3f}")

        train_float(preset(case.network, classes=data.classes, shape=data.shape), data, settings, weights, tell)


def _compiled(figures: Figures, case: Case, file: Path, project: Project) -> None:
    """Compile from nothing: without the models that an earlier run built, and without its result."""
    shutil.rmtree(project.output.parent / ".models", ignore_errors=True)
    (project.output / ".steps" / "compile.json").unlink(missing_ok=True)
    started = time.monotonic()
    most = _peak([sys.executable, "-m", "build_flows.cli.main", "compile", str(file)])
    whole = time.monotonic() - started
    seconds = step_seconds(project.output, "compile")
    figures.add(f"{case.name}: compiling", f"at most {SECONDS} s, {GIGABYTES} GB",
                f"{seconds:.0f} s ({whole:.0f} s with export and agreement); at most {most:.1f} GB a process",
                seconds <= SECONDS and most <= GIGABYTES, "step `compile` from nothing, FIFO sizing in Verilator included")


def _peak(command: list[str]) -> float:
    """Gigabytes of the largest process of ``command``, which is run; :class:`subprocess.CalledProcessError` when it fails."""
    ran = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(ran.pid, 0)
    if code := os.waitstatus_to_exitcode(status):
        raise subprocess.CalledProcessError(code, command)
    return used.ru_maxrss / 1e6


def _accuracy(figures: Figures, case: Case, project: Project) -> None:
    data, files, model = project_dataset(project), ProjectFiles(project), project.config.model
    bits = f"{model.weight_bits}-bit weights and {model.act_bits}-bit activations"
    before = f"{case.floats} epochs in float, {case.fine_tune}" if case.floats else f"{case.fine_tune} epochs"
    logits = files.logits(data.x_test)
    alone = [float((item.argmax(1) == data.y_test).mean()) for item in logits]
    found = golden.decide_images(files.net, files.exits, data.x_test)
    right, count = float((found.label == data.y_test).mean()), len(data.y_test)
    shares = np.bincount(found.exit, minlength=len(logits)) / count
    early = float(shares[:-1].sum())
    agreed = AgreementFile.load(project.output / "agreement.json").brevitas
    figures.add(f"{case.name}: accuracy at the operating point", f"at most {case.lost:g} point below the last exit alone",
                f"{sure_share(right, count)}; last exit alone {100 * alone[-1]:.2f} %",
                alone[-1] - right <= case.lost / 100,
                f"all {count:,} test images; {before} with {bits}; `python -m benchmarks.networks {case.name} --cifar10 FOLDER`")
    figures.add(f"{case.name}: leave early", f"at least {100 * case.leaving:.0f} %",
                f"{sure_share(early, count)}; by exit {', '.join(f'{100 * share:.1f} %' for share in shares)}", early >= case.leaving,
                f"accuracy of each exit alone {', '.join(f'{100 * value:.2f} %' for value in alone)}")
    figures.add(f"{case.name}: Brevitas against the golden model", f"{count:,} of {count:,} images equal", f"{agreed:,} of {count:,}",
                agreed == count, "integer logits of every exit; a difference stops the flow")


def _speed(figures: Figures, case: Case, project: Project, found: ResourcesFile) -> None:
    run, verdict, total = run_hard(project, case.drawn), synthesised(found), found.total
    sizing = SizingFile.load(project.output / "sizing.json")
    told = " and ".join(f"{100 * share:.0f} %" for share in case.hard)
    fits = "fits" if verdict.fits else ", ".join(item.told() for item in verdict.short)
    figures.add(f"{case.name}: {told} hard at random", f"at most {case.reached:,} cycles a sample",
                f"{run.describe()}; planned for {sizing.cycles_per_sample:,}", run.cycles_per_sample <= case.reached
                and run.agreed == run.samples, f"RTL; test images drawn with seed {SEED} for these shares of what reaches each exit")
    figures.add(f"{case.name}: what it takes", "fits",
                f"{total.lut:,} LUT ({total.lut_paired:,} after pairing), {total.lutram:,} as memory, {total.ff:,} FF, "
                f"{total.bram36:g} BRAM36, {total.dsp} DSP; {fits}; clock about {found.fmax_estimate_mhz or 0:g} MHz",
                verdict.fits, "synthesised by Yosys, sum of units, logic between them included; the clock estimated before placement")


def _images(figures: Figures, case: Case, project: Project) -> None:
    files, images = ProjectFiles(project), project_dataset(project).x_test[: case.images]
    batches = [min(BATCH, len(images))] * max(1, len(images) // BATCH)
    result, _ = files.simulate(images, batches)
    agreed = files.agreed(images, result, batches)
    figures.add(f"{case.name}: test images through the RTL", f"{case.images:,} of {case.images:,} agree",
                f"{agreed:,} of {len(images):,}; {result.cycles_per_sample:.1f} cycles a sample at its own thresholds",
                agreed == len(images) == case.images, f"in batches of {BATCH:,}")
    some = images[: case.stalled]
    right = [files.agreed(some, files.simulate(some, [len(some)], stall_in=share, stall_out=share)[0], [len(some)]) for share in STALLS]
    figures.add(f"{case.name}: the same with stalls of {' and '.join(f'{100 * share:.0f} %' for share in STALLS)}",
                f"{len(some):,} of {len(some):,} agree", " and ".join(f"{item:,}" for item in right) + f" of {len(some):,}",
                all(item == len(some) for item in right), "source and sink at random, each by itself")


@click.command()
@click.argument("cases", nargs=-1, type=click.Choice([case.name for case in CASES]))
@click.option("--cifar10", type=click.Path(path_type=Path, exists=True, file_okay=False), metavar="PATH",
              help="CIFAR-10: the folder of its binary files, or an image folder.")
def main(cases: Sequence[str], cifar10: Path | None) -> None:
    """Measure what the networks CASES (none: all) reach, and write docs/networks.md and docs/networks_benchmark.json."""
    from rich.console import Console

    click.echo(networks(RichUi(Console(file=sys.stderr)), cases, None if cifar10 is None else cifar10.resolve()))


if __name__ == "__main__":
    main()
