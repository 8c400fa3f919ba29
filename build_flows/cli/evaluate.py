"""``offramp evaluate``: what a trained network's exits are worth."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, load_project, print_json, working

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
        from build_flows.steps import flow

        found = flow.evaluate(project, ui)
    if as_json:
        print_json({**found, "output": str(project.output)})
        return
    tables = answer()
    tables.table(f"{project.name}: exits, on {found['samples']['test']:,} test images",
                 ("exit", "policy", "accuracy, all", "share", "accuracy there", "ECE, all", "scaled"),
                 [_exit(row) for row in found["exits"]])
    tables.table(f"{project.name}: at the thresholds in use", ("figure", "value", "last exit alone"), _operating(found))
    tables.table(f"{project.name}: {found['corruptions']['samples']:,} corrupted test images, accuracy at strengths 0 to 5",
                 ("corruption", *map(str, range(6))), [_corruption(row) for row in found["corruptions"]["kinds"]])
    for line in _slowdown(found["slowdown"]):
        click.echo(line)
    if found["measured_cycles"] is None:
        click.echo("cycles: not known; `offramp simulate` first, then this again")
    click.echo(project.output / "evaluation.html")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.2f} %"


def _exit(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (row["index"], row["policy"], _percent(row["accuracy"]), _percent(row["share"]), _percent(row["accuracy_there"]),
            _percent(row["calibration"]["ece"]), _percent(row["calibration_scaled"]["ece"]))


def _operating(found: Mapping[str, Any]) -> list[tuple[object, ...]]:
    here, alone = found["operating"], found["last_alone"]
    rows: list[tuple[object, ...]] = [("accuracy", _percent(here["accuracy"]), _percent(alone["accuracy"]))]
    rows += [(f"{told} a sample", f"{here[key]:,.0f}", f"{alone[key]:,.0f}")
             for key, told in (("macs", "MACs"), ("bitops", "bit operations"))]
    if found["measured_cycles"] is not None:
        rows.append(("cycles a sample, predicted", f"{here['cycles']:,.1f}", f"{alone['cycles']:,.1f}"))
        rows.append(("cycles a sample, measured in the RTL", f"{found['measured_cycles']:,.1f}", ""))
    return rows


def _corruption(row: Mapping[str, Any]) -> tuple[object, ...]:
    return (row["name"], *(f"{100 * item['accuracy']:.1f} %" for item in row["strengths"]))


def _slowdown(found: Mapping[str, Any]) -> list[str]:
    before, after = found["clean"], found["attacked"]
    lines = [
        f"slowdown attack on {found['samples']:,} validation images: MACs a sample {before['macs']:,.0f} to {after['macs']:,.0f} "
        f"({100 * found['macs_rise']:+.1f} %), leaving at the last exit {_percent(before['shares'][-1])} to {_percent(after['shares'][-1])}"
    ]
    if found["rtl"]:
        rtl = found["rtl"]
        told = "does not fall below" if rtl["holds"] else "FALLS BELOW"
        lines.append(
            f"in the RTL: {rtl['clean']:,.1f} to {rtl['attacked']:,.1f} cycles a sample; throughput {told} that of all-hard samples "
            f"({rtl['all_hard']:,.1f} cycles)"
        )
    return lines
