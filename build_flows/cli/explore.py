"""``offramp explore``: where the exits should be."""

import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.duration import Duration
from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, print_json, working
from build_flows.pages.html import share_told

if TYPE_CHECKING:
    from build_flows.artefacts.explore import ExploreFile, Outcome, PointRecord

__all__ = ["explore"]

SHOWN = 20
"""Designs that the terminal shows; the files hold all."""


@click.command()
@click.argument("file", type=EXISTING)
@click.option("--objectives", metavar="LIST", help="What is weighed, with commas: accuracy, throughput, energy, lut, ff, bram36, dsp.  "
              "[default: those of FILE]")
@click.option("--verify", type=click.IntRange(min=0), metavar="N",
              help="Designs of the front that are compiled, simulated and synthesised; 0: none, all is predicted.  [default: that of FILE]")
@click.option("--budget", type=Duration(), metavar="TIME", help="Time after the training, as 90s, 20min or 2h: half of it at most goes to "
              "predictions, and no verification is begun after it.  [default: as long as it takes]")
@click.option("--scheduler", metavar="ADDRESS", help="Dask scheduler, as tcp://host:8786, whose workers are to do it. A worker runs code "
              "that it is sent: use it in a network of your own, or with TLS (docs/explore.md).  [default: processes of this machine]")
@click.option("--workers", "count", type=click.IntRange(min=1), metavar="N", help="Processes of this machine.  [default: one a processor]")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder for explore.json, explore.csv, explore.html and the plots.  [default: build/<name of FILE> beside FILE]")
@data_option
@json_option
@debug_option
def explore(
    file: Path, objectives: str | None, verify: int | None, budget: float | None, scheduler: str | None, count: int | None,
    output: Path | None, data: Path | None, as_json: bool,
) -> None:
    """Find out where the exits of a network should be: which, with what heads, policies, thresholds, bits and folding, for a board.

    FILE says what may vary and what must hold. The network is trained once, with all exits that may be chosen; of every design accuracy,
    shares, cycles and resources are predicted; those of the front that say most are compiled, simulated with all test images and
    synthesised. What was predicted is called so.

    What is finished is kept: the same command goes on after Ctrl-C, and after a worker was lost.

    \b
    Examples:
      offramp explore examples/explore_b_lenet.toml
      offramp explore examples/explore_b_lenet.toml --objectives accuracy,throughput,energy,lut --budget 20min --verify 12
      offramp explore examples/explore_b_lenet.toml --scheduler tcp://host:8786
    """
    if scheduler is not None and count is not None:
        raise click.UsageError("--workers is for processes of this machine, --scheduler for those of a cluster: give one of them")
    with working() as ui:
        from build_flows.explore.explore import explore as run
        from build_flows.explore.files import write_files
        from build_flows.explore.objectives import chosen
        from build_flows.explore.options import Options
        from build_flows.explore.search_file import read_search

        search = read_search(file)
        if objectives is not None:
            names = list(dict.fromkeys(name.strip() for name in objectives.split(",")))
            chosen(names)
            search = search.model_copy(update={"objectives": names})
        if verify is not None:
            search = search.model_copy(update={"verify": verify})
        found, folder = run(search, file, ui, Options(scheduler=scheduler, count=count, budget=budget, data=data))
        files = write_files(found, folder, output or folder, ui.info)
    if as_json:
        told = found.evaluated
        print_json({
            "points": told.points, "points_per_minute": told.points_per_minute, "hypervolume": found.hypervolume,
            "front": [_published(item) for item in found.front], "moved": [_published(item) for item in found.moved],
            "failed": [item.to_json() for item in found.failed], "files": {name: str(path) for name, path in files.items()},
        })
    else:
        _show(found, folder)
        click.echo(files["html"])
    if found.failed:
        raise OfframpError("\n".join(f"design {item.name}: {item.error}" for item in found.failed))


COLUMNS = ("", "early exits", "accuracy (95 %)", "samples/s", "LUT")
"""What fits 80 columns; page and files have all else."""
LEAST = "switches least a sample"
BEST: dict[str, Callable[["Outcome"], float]] = {
    "most accurate": lambda item: -item.accuracy, "fastest": lambda item: -item.samples_per_second, "smallest": lambda item: item.lut,
    LEAST: lambda item: math.inf if item.energy is None else item.energy,
}


def _show(found: "ExploreFile", folder: Path) -> None:
    measured = [item for item in found.front if item.measured is not None]
    rows = [*measured, *(item for item in found.front if item.measured is None)][:SHOWN]
    answer().table(f"{found.name}: the front of {', '.join(found.objectives)}, for {found.part}", COLUMNS, [_row(item) for item in rows])
    if len(found.front) > len(rows):
        click.echo(f"{len(found.front) - len(rows)} more designs are on the front: the page and the files have them")
    for item in found.moved:
        click.secho(f"{item.name} is on the front no more: by what was measured another one beats it, it does not hold what it must, or it "
                    "cannot be built", fg="yellow")
    bests = BEST if "energy" in found.objectives else {told: key for told, key in BEST.items() if told != LEAST}
    for told, key in bests.items():
        best = min(measured or found.front, key=lambda item: key(item.measured or item.predicted), default=None)
        if best is not None and best.config is not None:
            click.echo(f"{told}, {'measured' if best.measured else 'predicted'}: offramp run {shlex.quote(str(folder / best.config))}")


def _row(item: "PointRecord") -> tuple[object, ...]:
    outcome = item.measured or item.predicted
    early = [f"{one.after} {one.head}, {100 * share:.0f} %" for one, share in zip(item.exits, outcome.shares, strict=False)]
    return (
        "measured" if item.measured else "predicted", "\n".join(early) or "none", share_told(outcome.accuracy, outcome.samples),
        f"{outcome.samples_per_second:,.0f}", f"{outcome.lut:,.0f}",
    )


def _published(item: "PointRecord") -> dict[str, object]:
    made = item.replace(measured=item.measured, errors=item.errors).to_json()
    return {"name": item.name, "config": item.config, "predicted": made["predicted"], "verified": made["measured"],
            "errors": made["errors"]}
