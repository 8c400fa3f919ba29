"""``offramp simulate``: test images through the whole accelerator; and what ``offramp run`` shows of it."""

import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import answer, load_project, number, print_json, project_command, working
from build_flows.cli.verdict import alarm, published, refuse_project, show, strict_option

if TYPE_CHECKING:
    from build_flows.artefacts.simulation import Figures
    from build_flows.artefacts.verdict import Verdict
    from build_flows.base.ui import RichUi
    from build_flows.project.load import Project

__all__ = ["pace_told", "show_results", "simulate", "simulate_project"]


def _options(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option(
        "--waves", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.fst", help="Record all streams, for GTKWave or Surfer."
    )(command)
    command = click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of the stalls.  [default: simulate.seed]")(command)
    command = click.option(
        "--stall",
        type=click.FloatRange(0, 1, max_open=True),
        metavar="P",
        help="Probability that input or output stalls in a cycle, 0 to below 1.  [default: simulate.stall]",
    )(command)
    command = strict_option(command)
    return click.option(
        "--samples", type=click.IntRange(1), metavar="N", help="Test images to run.  [default: simulate.samples, else all]"
    )(command)


@click.command()
@project_command
@_options
def simulate(
    config: Path, data: Path | None, as_json: bool, samples: int | None, stall: float | None, seed: int | None, waves: Path | None,
    strict: bool,
) -> None:
    """Run test images through the whole accelerator, cycle by cycle, and check every result bit for bit.

    \b
    Examples:
      offramp simulate examples/digits.toml
      offramp simulate examples/digits.toml --samples 50 --stall 0.3 --seed 7
      offramp simulate examples/digits.toml --samples 4 --waves digits.fst
    """
    with working() as ui:
        project = load_project(config, data)
        result = simulate_project(project, ui, samples, stall, seed, waves)
        from build_flows.steps import flow

        verdict = flow.verdict(project, ui)
    if as_json:
        print_json(published(result, verdict))
    else:
        show_results(project, result, verdict)
    refuse_project(project, verdict, strict)


def simulate_project(
    project: "Project", ui: "RichUi", samples: int | None = None, stall: float | None = None, seed: int | None = None,
    waves: Path | None = None,
) -> "Figures":
    """The figures of a simulation with these options, those of the configuration where one is None; raises :class:`OfframpError` for an
    option that cannot be, and when a sample differs from the golden model."""
    if stall is not None and math.isnan(stall):
        raise OfframpError("--stall must be from 0 to below 1, not nan")
    if waves is not None and waves.suffix != ".fst":
        raise OfframpError(f"--waves must name a file that ends in .fst, not {waves}")
    if waves is not None and not waves.absolute().parent.is_dir():
        raise OfframpError(f"--waves {waves}: there is no folder {waves.absolute().parent}", hint="make it first, or choose another place")
    if waves is not None and not os.access(waves.absolute().parent, os.W_OK):
        raise OfframpError(f"--waves {waves}: the folder {waves.absolute().parent} must not be written to", hint="choose another place")
    from build_flows.steps import flow

    chosen = project.config.simulate
    result = flow.simulate(
        project,
        ui,
        samples=samples if samples is not None else chosen.samples,
        stall=stall if stall is not None else chosen.stall,
        seed=seed if seed is not None else chosen.seed,
        waves=waves,
    )
    if result.agree != result.samples:
        raise OfframpError(f"only {result.agree} of {result.samples} samples agree with the golden model")
    return result


def pace_told(result: "Figures") -> str:
    """What set the pace; of a later stage that more samples reached than it was planned for, how many."""
    for index, stage in enumerate(result.stages):
        planned = stage.planned
        if index and planned is not None and stage.reach > planned and result.limited_by.startswith(f"stage {index},"):
            return f"{result.limited_by}: {100 * stage.reach:.1f} % of the samples reached it, {100 * planned:.1f} % were planned for"
    return result.limited_by


def show_results(project: "Project", result: "Figures", verdict: "Verdict") -> None:
    """The tables of a simulation, and the verdict on the design."""
    from build_flows.pages.html import share_told
    from build_flows.pages.verdict import at_clock, clock_told, fit_told

    tables = answer()
    exits = [
        (index, f"{100 * item.share:.1f} %", share_told(item.accuracy, round(item.share * result.samples)))
        for index, item in enumerate(result.exits)
    ]
    tables.table(f"{project.name}: exits", ("exit", "share", "accuracy (95 % interval)"), exits)
    rows = [
        ("images through the RTL", f"{result.samples:,}"),
        ("equal to the golden model", f"{result.agree:,}"),
        ("accuracy (95 % interval)", share_told(result.accuracy, result.samples)),
        ("cycles per sample", number(result.cycles_per_sample)),
        ("part", alarm(fit_told(verdict), not verdict.fits)),
        ("clock", alarm(clock_told(verdict), verdict.meets_clock is False)),
        ("samples per second", alarm(f"{number(verdict.rate(result.cycles_per_sample))} {at_clock(verdict)}", not verdict.buildable)),
        ("limited by", pace_told(result)),
        *([] if result.anytime is None else [("result words per sample", f"{result.anytime.words_per_sample:.2f}")]),
        ("simulated cycles per second", number(result.sim_cycles_per_second)),
    ]
    tables.table(f"{project.name}: accelerator", ("figure", "value"), rows)
    show(project.name, verdict, project.config)
