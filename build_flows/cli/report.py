"""``offramp report``: one page of what was built."""

from pathlib import Path

import click

from build_flows.cli.shared import load_project, print_json, project_command, working

__all__ = ["report"]


@click.command()
@project_command
def report(config: Path, data: Path | None, as_json: bool) -> None:
    """Write report.html: accuracy, exits, throughput, streams, folding and cost, in one file.

    \b
    Example:
      offramp report examples/digits.toml
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.steps import flow

        path = flow.report(project, ui)
    if as_json:
        print_json({"project": project.name, "report": str(path)})
    else:
        click.echo(path)
