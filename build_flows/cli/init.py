"""``offramp init``: a configuration to start from."""

import errno
import shlex
from pathlib import Path

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import debug_option, json_option, print_json, working
from quant_models.networks.presets import PRESETS

__all__ = ["init"]


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(tuple(PRESETS)), default="digits", show_default=True, help="Network to start from.")
@json_option
@debug_option
def init(folder: Path, preset: str, as_json: bool) -> None:
    """Write DIR/config.toml, with every key explained, to start from. A file that is there is left alone.

    \b
    Examples:
      offramp init my-net
      offramp init fashion --preset b_lenet
    """
    with working():
        from build_flows.base.files import write_text
        from build_flows.project.template import template, valid_name

        target = folder / "config.toml"
        try:
            if target.exists():
                raise OfframpError(f"{target} exists already", hint="choose another DIR, or remove it first")
            name = folder.resolve().name
            write_text(target, template(preset, name=name if valid_name(name) else None))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise
            why = (error.strerror or str(error)).lower()
            raise OfframpError(f"DIR = {folder}: cannot be made ({why}); allowed: a new folder, or one without config.toml") from None
    if as_json:
        print_json({"config": str(target), "preset": preset})
    else:
        click.echo(f"{target}\nnow: offramp run {shlex.quote(str(target))}")
