"""``offramp report``: one page of what was built."""

from pathlib import Path

import click

from build_flows.cli.shared import load_project, print_json, project_command, working
from build_flows.cli.verdict import fields, refuse_project, show, strict_option

__all__ = ["report"]


@click.command()
@project_command
@strict_option
def report(config: Path, data: Path | None, as_json: bool, strict: bool) -> None:
    """Write report.html: fit and clock, accuracy, exits, throughput, streams, folding and cost, in one file.

    With what `offramp synth` found, where that was run, and the speed-up over the same network without exits, where `offramp compare` was.

    \b
    Example:
      offramp report examples/digits.toml
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.steps import flow

        path = flow.report(project, ui)
        verdict = flow.verdict(project, ui)
    if as_json:
        print_json({**fields(verdict), "project": project.name, "report": str(path)})
    else:
        show(project.name, verdict, project.config)
        click.echo(path)
    refuse_project(project, verdict, strict)
