"""``offramp evaluate``: what a trained network's exits are worth."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, load_project, print_json, working
from build_flows.pages.html import percent, share_told

if TYPE_CHECKING:
    from build_flows.artefacts.evaluation import EvaluatedExit, EvaluationFile, Kind, Slowdown

__all__ = ["evaluate"]


@click.command()
@click.argument("config", type=EXISTING)
@data_option
@json_option
@debug_option
def evaluate(config: Path, data: Path | None, as_json: bool) -> None:
    """Measure the trained exits on the test images: evaluation.html, evaluation.json and plots.

    Accuracy against cost for every policy; accuracy, share and calibration error of each exit; confusion; overthinking; corrupted images at
    five strengths; images crafted to slow the network down. Cost is in MACs and bit operations, and in cycles once the project was
    simulated (offramp simulate, or offramp run).

    \b
    Examples:
      offramp evaluate examples/digits.toml
      offramp evaluate examples/b_lenet_fashion.toml --json
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.pages.evaluate_page import widest
        from build_flows.steps import flow

        found = flow.evaluate(project, ui)
    if as_json:
        print_json({**_published(found), "output": str(project.output)})
        return
    tables = answer()
    tables.table(f"{project.name}: exits, on {found.samples.test:,} test images",
                 ("exit", "policy", "accuracy, all (95 %)", "share", "accuracy there (95 %)", "ECE,\nall", "scaled"),
                 [_exit(row, found.samples.test) for row in found.exits])
    tables.table(f"{project.name}: at the thresholds in use", ("figure", "value", "last exit alone"), _operating(found))
    tables.table(f"{project.name}: {found.corruptions.samples:,} corrupted test images, accuracy at strengths 0 to 5, each within "
                 f"{100 * widest(found.corruptions):.1f} points at 95 %",
                 ("corruption", *map(str, range(6))), [_corruption(row) for row in found.corruptions.kinds])
    for line in _slowdown(found.slowdown) if found.slowdown else ():
        click.echo(line)
    if found.measured_cycles is None:
        click.echo("cycles: not known; `offramp simulate` first, then this again")
    click.echo(project.output / "evaluation.html")


def _published(found: "EvaluationFile") -> dict[str, Any]:
    """What ``--json`` publishes: ``evaluation.json`` with the 95 % intervals of the test images' accuracies and shares at the thresholds in
    use."""
    from build_flows.base.interval import of_those, wilson

    told, samples = found.to_json(), found.samples.test
    for row, outcome in ((told["operating"], found.operating), (told["last_alone"], found.last_alone)):
        row["accuracy_interval"] = wilson(outcome.accuracy, samples)
    for row, item in zip(told["exits"], found.exits, strict=True):
        row["accuracy_interval"], row["share_interval"] = wilson(item.accuracy, samples), wilson(item.share, samples)
        row["accuracy_there_interval"] = of_those(item.accuracy_there, item.share, samples)
    attacked = found.slowdown
    strengths = (strength for kind in told["corruptions"]["kinds"] for strength in kind["strengths"])
    for row, count in (*((row, found.corruptions.samples) for row in strengths),
                       *((told["slowdown"][key], attacked.samples) for key in ("clean", "attacked") if attacked)):
        row["accuracy_interval"] = wilson(row["accuracy"], count)
    return told


def _exit(row: "EvaluatedExit", samples: int) -> tuple[object, ...]:
    told = (share_told(row.accuracy, samples), share_told(row.accuracy_there, round(row.share * samples)))
    everywhere, there = (share.replace(" (", "\n(") for share in told)  # a narrow terminal would break within the interval
    errors = (row.calibration.ece, row.calibration_scaled.ece)
    return (row.index, row.policy, everywhere, percent(row.share, 2), there, *(percent(error, 2) for error in errors))


def _operating(found: "EvaluationFile") -> list[tuple[object, ...]]:
    here, alone = found.operating, found.last_alone
    rows: list[tuple[object, ...]] = [
        ("accuracy (95 %)", share_told(here.accuracy, found.samples.test), share_told(alone.accuracy, found.samples.test)),
        ("MACs a sample", f"{here.macs:,.0f}", f"{alone.macs:,.0f}"),
        ("bit operations a sample", f"{here.bitops:,.0f}", f"{alone.bitops:,.0f}"),
    ]
    if found.measured_cycles is not None:
        rows.append(("cycles a sample, predicted", f"{here.cycles:,.1f}", f"{alone.cycles:,.1f}"))
        rows.append(("cycles a sample, measured in the RTL", f"{found.measured_cycles:,.1f}", ""))
    return rows


def _corruption(row: "Kind") -> tuple[object, ...]:
    return (row.name, *(percent(item.accuracy) for item in row.strengths))


def _slowdown(found: "Slowdown") -> list[str]:
    before, after = found.clean, found.attacked
    lines = [
        f"slowdown attack on {found.samples:,} validation images: MACs a sample {before.macs:,.0f} to {after.macs:,.0f} "
        f"({100 * found.macs_rise:+.1f} %), leaving at the last exit {percent(before.shares[-1], 2)} to {percent(after.shares[-1], 2)}"
    ]
    if found.rtl is not None:
        rtl = found.rtl
        told = "does not fall below" if rtl.holds else "FALLS BELOW"
        lines.append(
            f"in the RTL: {rtl.clean:,.1f} to {rtl.attacked:,.1f} cycles a sample; throughput {told} that of all-hard samples "
            f"({rtl.all_hard:,.1f} cycles)"
        )
    return lines
