"""``offramp run``: train, compile, simulate, report."""

from pathlib import Path

import click

from build_flows.cli.shared import load_project, print_json, project_command, working
from build_flows.cli.simulate import show_results, simulate_project
from build_flows.cli.verdict import published, refuse_project, strict_option

__all__ = ["run"]


@click.command()
@project_command
@strict_option
def run(config: Path, data: Path | None, as_json: bool, strict: bool) -> None:
    """Train, compile, simulate and report, in order; steps whose inputs did not change are skipped.

    \b
    Examples:
      offramp run examples/digits.toml
      offramp run examples/b_lenet_fashion.toml --json
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.steps import flow

        flow.train(project, ui)
        flow.compile(project, ui)
        result = simulate_project(project, ui)
        path = flow.report(project, ui)
        verdict = flow.verdict(project, ui)
    if as_json:
        print_json({**published(result, verdict), "report": str(path)})
    else:
        show_results(project, result, verdict)
        click.echo(f"report: {path}")
    refuse_project(project, verdict, strict)
