"""Trains and measures what ``docs/RESULTS.md`` tells: ``python -m benchmarks.results``.

Each run is a project under ``build/results`` that goes through the steps users run; one whose settings were measured before is not
trained again. Figures go to ``docs/results.json``, the page and its plots are made from that file alone.
"""

import fnmatch
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from benchmarks.figures import machine, step_seconds
from benchmarks.results_page import write_page
from benchmarks.results_records import Entry, Epoch, Imported, Measured, Noisy, ResultsFile, User, Worth
from benchmarks.results_runs import CIFAR10, FASHION, RUNS, Run, config_text
from build_flows.base.errors import OfframpError
from build_flows.base.files import read_json, write_bytes, write_json, write_text
from build_flows.base.ui import RichUi, Ui
from build_flows.project.load import Project, load
from build_flows.steps.data import project_dataset
from build_flows.steps.evaluate import spread
from build_flows.steps.flow import open_flow
from quant_models.exits.records import ExitsFile
from quant_models.judge.curves import Costs, outcome
from quant_models.training.records import MetricsFile

if TYPE_CHECKING:
    from quant_models.datasets.load import Dataset
    from quant_models.networks.spec import NetSpec

__all__ = ["main", "measure"]

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
WORK = ROOT / "build" / "results"
VERSION = 1
NOISE = "gaussian_noise"
MIDDLE = 3
USER_SAMPLES = 1000


def measure(project: Project, checkpoint: Path | None = None, changed: str | None = None) -> Measured:
    """What the trained and calibrated ``project`` is worth on its test images, all decisions by the exact integer logits; the strengths of
    noise are those of ``offramp evaluate``.

    ``checkpoint``: of other weights than the project's own; ``changed``: a corruption that all test images have, at the middle strength.
    """
    from build_flows.planning.computed import exit_costs
    from build_flows.planning.read_network import from_meta
    from quant_models.integers.describe import describe
    from quant_models.integers.view import integer_logits
    from quant_models.judge.corruptions import CORRUPTIONS, STRENGTHS, corrupt
    from quant_models.networks.checkpoint import load_model

    data = project_dataset(project)
    model = load_model(checkpoint or project.output / "checkpoint.safetensors")
    entries, costs = ExitsFile.load(project.output / "exits.json").exits, Costs(exits=exit_costs(from_meta(*describe(model.spec))))
    labels, seed = np.asarray(data.y_test, np.int64), project.config.train.seed
    test = data.x_test if changed is None else corrupt(data.x_test, changed, MIDDLE, seed)

    def look(images: np.ndarray) -> Worth:
        logits = integer_logits(model, images)
        found = outcome(entries, logits, labels, costs)
        alone = [float((item.argmax(1) == labels).mean()) for item in logits]
        return Worth(accuracy=found.accuracy, exit_accuracy=alone, exit_share=found.shares)

    amounts = CORRUPTIONS[NOISE].amounts
    noisy = [Noisy(strength=at, deviation=amount, **vars(look(corrupt(test, NOISE, at, seed))))
             for at, amount in zip(STRENGTHS, amounts, strict=True)]
    return Measured(**vars(look(test)), test_samples=len(labels), noisy=noisy)


def _entry(run: Run, project: Project, ui: Ui) -> Entry:
    """One entry of ``results.json``; training and calibration are skipped when they were done before."""
    with open_flow(project, ui) as flow:
        flow.train()
    config, user, imported = project.config, None, None
    measured = measure(project, changed=run.user)
    if run.user is not None:
        before = measure(project, project.start, run.user)
        user = User(change=run.user, strength=MIDDLE, samples=USER_SAMPLES, before=before.exit_accuracy)
    if run.floats is not None and not config.import_.fine_tune:
        imported = Imported(float_accuracy=_float_accuracy(run, project), quantised_accuracy=measured.exit_accuracy)
    return Entry(
        name=run.name, scheme=run.scheme, variant=run.variant, network=run.network, data=run.data, source=config.data.name, seed=run.seed,
        weight_bits=run.bits, act_bits=run.bits, epochs=len(MetricsFile.load(project.output / "metrics.json").history), **vars(measured),
        user=user, imported=imported, validation=_validation(project), policy=run.policy, shares_wanted=list(run.shares), start=run.start,
        settings=_settings(run), training_seconds=step_seconds(project.output, "train"), machine=machine(),
    )


def _validation(project: Project) -> Worth:
    """What calibration says of the validation split."""
    found = ExitsFile.load(project.output / "exits.json")
    return Worth(accuracy=found.calibration.accuracy, exit_accuracy=found.calibration.exit_accuracy,
                 exit_share=[item.leave for item in found.exits])


def _settings(run: Run) -> dict[str, dict[str, Any]]:
    return {"train": dict(run.train), run.scheme: dict(run.own)}


def _checkpoint(name: str) -> Path:
    return WORK / name / "checkpoint.safetensors"


def _project(run: Run, places: Mapping[str, Path], ui: Ui) -> Project:
    """The project of ``run``, its configuration written; raises :class:`OfframpError` when data or weights to start from are missing."""
    if run.data == CIFAR10 and CIFAR10 not in places:
        raise OfframpError(
            f"{run.name} needs CIFAR-10",
            hint="--cifar10 PATH; it is cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html, unpacked",
        )
    start = None if run.start is None else _checkpoint(run.start)
    if start is not None and not start.is_file():
        raise OfframpError(f"{run.name} starts from {run.start}, which was not trained here", hint=f"--only {run.start}")
    file, samples = WORK / f"{run.name}.toml", None
    if run.user is not None:
        samples = WORK / f"{run.name}.npz"
        write_user(run.user, load(WORK / f"{run.start}.toml"), samples)
    weights = None
    if run.floats is not None:
        weights = WORK / f"{run.network}-{run.data}-float-s{run.seed}.safetensors"
        # The data set is opened by a configuration; that of a run that needs no weights will do.
        write_text(file, config_text(replace(run, scheme="joint", own={}), places.get(run.data)))
        train_floats(run, load(file), weights, ui)
    write_text(file, config_text(run, places.get(run.data), start, samples, weights))
    return load(file)


def train_floats(run: Run, project: Project, weights: Path, ui: Ui) -> None:
    """Write the float network of ``run`` to ``weights``, unless it is there as these settings make it."""
    from quant_models.bring.float_net import train_float
    from quant_models.training.train import Progress, TrainSettings

    assert run.floats is not None
    stamp = weights.with_suffix(".json")
    wanted = {"version": VERSION, "settings": dict(run.floats)}
    if weights.is_file() and stamp.is_file() and read_json(stamp) == wanted:
        return
    data = project_dataset(project)
    settings = TrainSettings(**run.floats, seed=run.seed, validation=project.config.data.validation)
    with ui.progress(f"training {run.network} in float") as bar:
        def tell(step: Progress) -> None:
            bar.update(completed=step.epoch * step.steps + step.step + 1, total=step.epochs * step.steps, text=f"loss {step.loss:.3f}")

        train_float(_spec(run, data), data, settings, weights, tell)
    write_json(stamp, wanted)


def _spec(run: Run, data: "Dataset") -> "NetSpec":
    from quant_models.networks.presets import preset

    return preset(run.network, run.bits, run.bits, data.classes, data.shape)


def _float_accuracy(run: Run, project: Project) -> list[float]:
    """Of each exit of the float network alone, over the test images."""
    from safetensors.torch import load_file

    from quant_models.bring.float_net import FloatNet
    from quant_models.training.evaluate import evaluate

    assert project.weights is not None
    data = project_dataset(project)
    model = FloatNet(_spec(run, data))
    model.load_state_dict(load_file(project.weights))
    return [item["accuracy"] for item in evaluate(model, data.x_test, np.asarray(data.y_test, np.int64))]


def write_user(change: str, project: Project, samples: Path) -> None:
    """Write ``samples``, ``x`` and ``y`` of a user all of whose images have ``change``: some of the validation split of ``project``, which
    its weights have not seen."""
    from quant_models.datasets.load import split
    from quant_models.judge.corruptions import corrupt

    data, seed = project_dataset(project), project.config.train.seed
    _, held = split(data, project.config.data.validation, seed)
    chosen = held[spread(len(held), USER_SAMPLES)]
    buffer = io.BytesIO()
    np.savez(buffer, x=corrupt(data.x_train[chosen], change, MIDDLE, seed + 1), y=data.y_train[chosen])
    write_bytes(samples, buffer.getvalue())


def _known(run: Run) -> bool:
    """Whether ``results.json`` has this run with these settings."""
    return any(item.name == run.name and item.settings == _settings(run) for item in _results().entries)


def _results() -> ResultsFile:
    file = DOCS / "results.json"
    return ResultsFile.load(file) if file.is_file() else ResultsFile(entries=[], epoch=None)


def _take(entry: Entry) -> None:
    """``entry`` in place of an earlier one of its name, the order being that of :data:`RUNS`."""
    found = _results()
    order = {run.name: index for index, run in enumerate(RUNS)}
    rows = [*(item for item in found.entries if item.name != entry.name), entry]
    entries = sorted(rows, key=lambda item: (order.get(item.name, len(order)), item.name))
    found.replace(entries=entries).save(DOCS / "results.json")


def epoch_figure() -> Epoch:
    """``offramp train`` over one epoch of b_lenet on Fashion-MNIST, all cores."""
    run = next(item for item in RUNS if item.data == FASHION and item.scheme == "joint")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "epoch.toml"
        file.write_text(config_text(replace(run, train={"epochs": 1}), None), encoding="utf-8")
        started = time.monotonic()
        subprocess.run([sys.executable, "-m", "build_flows.cli.main", "train", str(file)], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
        whole = time.monotonic() - started
        seconds = step_seconds(Path(folder) / run.name, "train")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return Epoch(seconds=seconds, command_seconds=round(whole, 1), peak_bytes=peak, cores=os.cpu_count() or 1, machine=machine())


def _chosen(patterns: Sequence[str]) -> list[Run]:
    found = [run for run in RUNS if not patterns or any(fnmatch.fnmatch(run.name, item) for item in patterns)]
    if not found:
        raise OfframpError(f"no run is called {' or '.join(patterns)}", hint="--list tells their names")
    return found


@click.command()
@click.option("--only", multiple=True, metavar="NAME", help="Only the runs of this name; * stands for anything. May be given again.")
@click.option("--cifar10", type=click.Path(path_type=Path, exists=True), metavar="PATH",
              help="CIFAR-10: the folder of its binary files, or an image folder (also in a tar file).")
@click.option("--again", is_flag=True, help="Measure runs again that docs/results.json has; training is skipped where nothing changed.")
@click.option("--epoch/--no-epoch", default=False, help="Also time one epoch of b_lenet; nothing else should be running.")
@click.option("--list", "listed", is_flag=True, help="Tell the names of all runs, and whether they were measured.")
@click.option("--page", is_flag=True, help="Only write docs/RESULTS.md and its plots, from docs/results.json.")
def main(only: tuple[str, ...], cifar10: Path | None, again: bool, epoch: bool, listed: bool, page: bool) -> None:
    """Train and measure what docs/RESULTS.md tells.

    Runs take minutes to hours each; what was measured is kept, and an interrupted run goes on where it was.

    \b
    Examples:
      python -m benchmarks.results --list
      python -m benchmarks.results --only 'b_lenet-*'
      python -m benchmarks.results --only 'b_alexnet-*' --cifar10 ~/cifar-10-batches-bin
    """
    from rich.console import Console

    ui = RichUi(Console(file=sys.stderr))
    places = {} if cifar10 is None else {CIFAR10: cifar10.resolve()}
    try:
        chosen = _chosen(only)
        for run in [] if page else chosen:
            known = _known(run)
            if listed:
                click.echo(f"{'measured' if known else '-':<10}{run.name}")
            elif not known or again:
                ui.info(run.name)
                _take(_entry(run, _project(run, places, ui), ui))
        if listed:
            return
        if epoch:
            _results().replace(epoch=epoch_figure()).save(DOCS / "results.json")
        write_page(_results(), DOCS)
    except OfframpError as error:
        click.echo(f"error: {error}" + (f"\n  {error.hint}" if error.hint else ""), err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
