"""``offramp train``: the network, and its thresholds."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.cli.shared import answer, done, load_project, project_command, working

if TYPE_CHECKING:
    from build_flows.project.load import Project
    from build_flows.steps.flow import Trained

__all__ = ["show_exits", "train"]


@click.command()
@project_command
def train(config: Path, data: Path | None, as_json: bool) -> None:
    """Train the network by the chosen scheme and calibrate its thresholds: checkpoint, metrics.json, exits.json.

    Ctrl-C is safe: the same command goes on from the last epoch.

    \b
    Examples:
      offramp train examples/digits.toml
      offramp train examples/b_lenet_fashion.toml --data ~/fashion-mnist
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.steps import flow

        result = flow.train(project, ui)
    if not as_json:
        show_exits(project, result)
    done(project, result.to_json(), as_json)


def show_exits(project: "Project", result: "Trained") -> None:
    """The table of the exits: how good each is alone, its threshold, and what leaves there; accuracies with their 95 % intervals, which
    tell how much chance the images leave, not that thresholds were chosen on some of them."""
    from build_flows.pages.html import share_told

    found = result.exits
    samples = found.calibration.samples
    rows = []
    for alone, item in zip(result.alone, found.exits, strict=True):
        real = found.calibration.real_thresholds.get(str(item.index))
        rows.append((
            item.index, item.policy, share_told(alone.accuracy, result.metrics.validation_samples).replace(" (", "\n("), _threshold(real),
            f"{100 * item.leave:.2f} %", share_told(item.accuracy, round(item.leave * samples)).replace(" (", "\n("),
        ))
    columns = ("exit", "policy", "accuracy alone (95 %)", "threshold", "leave here", "right of these (95 %)")
    right = share_told(found.calibration.accuracy, samples)
    answer().table(f"{project.name}: {right} of {samples:,} validation images right with exits", columns, rows)


def _threshold(real: float | list[float] | None) -> str:
    """A threshold in the policy's own unit; of many the least and the most."""
    if isinstance(real, list):
        return f"{min(real):.4g} to {max(real):.4g}"
    return "-" if real is None else f"{real:.4g}"
