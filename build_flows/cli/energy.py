"""``offramp energy``: what a design switches a sample, and where."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, load_project, print_json, working
from build_flows.cli.verdict import show as show_verdict

if TYPE_CHECKING:
    from build_flows.artefacts.energy import EnergyFile
    from build_flows.base.ui import Ui

__all__ = ["energy"]


@click.command()
@click.argument("config", type=EXISTING)
@click.option("--images", type=click.IntRange(8), metavar="N", help="Test images to count, the first of those simulated.  [default: 200]")
@click.option("--beside", type=EXISTING, metavar="CONFIG", help="Another design, to compare with: the same network without exits, say.")
@data_option
@json_option
@debug_option
def energy(config: Path, images: int | None, beside: Path | None, data: Path | None, as_json: bool) -> None:
    """Model what a sample takes in energy: energy.html, energy.json and plots.

    Verilator counts how often each unit's bits change while test images go through the RTL, while images of each exit do by themselves, and
    while none do; what synthesis made of the unit is taken to change as often. Resources are weighed by assumed numbers: the result is
    relative, without joules, and two designs are compared with each weight three times larger and smaller. Static power, the processing
    system, glitches and routing are not in it.

    \b
    Examples:
      offramp energy examples/digits.toml
      offramp energy with_exits.toml --beside without_exits.toml --json
    """
    with working() as ui:
        from build_flows.artefacts.energy import compared
        from build_flows.steps.energy import IMAGES, measure

        project, other = load_project(config, data), None if beside is None else load_project(beside, data)
        found = measure(project, ui, images or IMAGES)
        against = None if other is None else measure(other, ui, images or IMAGES)
    ratios = None if against is None else compared(found, against)
    if as_json:
        told = None if ratios is None else {"equal_rate": ratios[0].to_json(), "full_rate": ratios[1].to_json()}
        print_json({**found.to_json(), "beside": told, "gating": found.gating, "output": str(project.output)})
        return
    show(found, answer())
    show_verdict(project.name, found.verdict, project.config)
    if against is not None and other is not None:
        show_verdict(other.name, against.verdict, other.config)
    if ratios is not None and against is not None:
        from build_flows.pages.energy_page import ratio_told

        click.echo(f"{against.project} takes, at the rate of the slower of the two, {ratio_told(ratios[0])}")
        click.echo(f"{against.project} takes, each at its full rate, {ratio_told(ratios[1])}")
    click.echo(project.output / "energy.html")


def show(found: "EnergyFile", tables: "Ui") -> None:
    """Where a sample's switching is, and what it is by exit."""
    from build_flows.pages.energy_page import share
    from build_flows.pages.energy_plots import stage_name
    from build_flows.pages.html import percent

    tables.table(
        f"{found.project}: what {found.images:,} test images switch at full rate (modelled, no joules)",
        ("where", "of a sample", "busy", "without images"), [
            (stage_name(item.stage), percent(share(found, item.switches)), percent(item.busy),
             percent(share(found, item.idle.times(found.cycles_per_sample)))) for item in found.stages])
    tables.table(f"{found.project}: by exit", ("exit", "images", "cycles a sample", "against the mean"), [
        (item.exit, item.images, f"{item.cycles_per_sample:.1f}", percent(share(found, item.switches))) for item in found.exits])
