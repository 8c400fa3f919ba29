"""``offramp profile``: where the accuracy goes between a float network and its quantised one."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, load_project, print_json, working

if TYPE_CHECKING:
    from build_flows.base.ui import Ui
    from quant_models.judge.profile_records import ProfileFile

__all__ = ["profile"]


@click.command()
@click.argument("config", type=EXISTING)
@data_option
@json_option
@debug_option
def profile(config: Path, data: Path | None, as_json: bool) -> None:
    """Find where the accuracy goes, layer by layer: profile.html, profile.json and plots.

    The quantised network beside the float one on the same validation images: signal to quantisation noise, ranges and clipping, dead and
    saturated channels, and what each layer's quantisation alone costs every exit; and one line that says what to change first. Float is,
    of an imported network, that of the weights it was imported from; else the same network without its quantisers. For presets and for
    networks of your own that are a function (model.factory).

    \b
    Examples:
      offramp profile examples/digits.toml
      offramp profile examples/own_network.toml --json
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.pages.profile_words import advice
        from build_flows.steps import flow

        found = flow.profile(project, ui)
    if as_json:
        print_json({**found.to_json(), "advice": advice(found), "output": str(project.output)})
        return
    show(found, answer())
    click.echo(advice(found))
    click.echo(project.output / "profile.html")


def show(found: "ProfileFile", tables: "Ui") -> None:
    """What was found, as two tables."""
    from build_flows.pages.html import share_told
    from build_flows.pages.profile_page import decibels, points
    from build_flows.pages.profile_words import change

    rows = [(k, share_told(before, found.samples), share_told(after, found.samples), points(whole, found.samples))
            for k, (before, after, whole) in enumerate(zip(found.float_accuracy, found.accuracy, found.whole, strict=True))]
    tables.table(f"{found.project}: {found.samples:,} validation images; float is {found.reference}",
                 ("exit", "float (95 %)", "quantised (95 %)", "points lost (95 %)"), rows)
    exits = range(len(found.accuracy))
    tables.table(f"{found.project}: points of accuracy that the quantisation of a layer alone costs",
                 ("layer", "bits: weights,\nwhat it gives", "dB", "clipped", *(f"exit {k}" for k in exits)), [
                     (unit.name, f"{unit.weight.bits if unit.weight else '-'}, {unit.output.bits if unit.output else '-'}",
                      decibels(unit.sqnr), "-" if unit.output is None else f"{100 * unit.output.clipped:.1f} %",
                      *(f"{100 * change(unit.alone[k], found.samples).value:.2f}" for k in exits)) for unit in found.units])
