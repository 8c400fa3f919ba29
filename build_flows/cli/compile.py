"""``offramp compile``: from the trained network to RTL."""

from pathlib import Path

import click

from build_flows.cli.shared import done, load_project, project_command, working
from build_flows.cli.verdict import fields, refuse_project, show, strict_option

__all__ = ["compile"]


@click.command()
@project_command
@strict_option
def compile(config: Path, data: Path | None, as_json: bool, strict: bool) -> None:
    """Compile the trained network to RTL: QONNX, FINN graph, folding.toml, netlist.json, rtl/ with filelist.f.

    To fold by hand, copy folding.toml out of the output folder, edit it, and name it as build.folding in CONFIG.

    \b
    Example:
      offramp compile examples/digits.toml
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.steps import flow

        result = flow.compile(project, ui)
        verdict = flow.verdict(project, ui)
    if not as_json:
        show(project.name, verdict, project.config)
    done(project, {**result.to_json(), **fields(verdict)}, as_json)
    refuse_project(project, verdict, strict)
