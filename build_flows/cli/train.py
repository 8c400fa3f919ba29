"""``offramp train``: the network, and its thresholds."""

from pathlib import Path

import click

from build_flows.cli.shared import done, load_project, project_command, working

__all__ = ["train"]


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
    done(project, result.to_json(), as_json)
