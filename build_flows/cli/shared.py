"""What the commands share: their options, where an answer goes, and the time in which a command works.

The answer goes to stdout, everything else to stderr. Heavy packages are imported inside the commands, so that ``--help`` is quick.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from build_flows.base.ui import RichUi
    from build_flows.board.platforms import BoardPlatform
    from build_flows.project.load import Project

__all__ = [
    "EXISTING", "answer", "board_option", "chosen_board", "data_option", "debug_option", "done", "json_option", "load_project", "number",
    "print_json", "project_command", "working",
]

EXISTING = click.Path(path_type=Path)

debug_option = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
data_option = click.option(
    "--data", type=EXISTING, metavar="DIR", help="Folder or file of the data set; goes before the config's data.path."
)
board_option = click.option(
    "--board", metavar="BOARD", help="Board, one of `offramp boards`, or a file board.toml.  [default: target.board]"
)


def project_command(command: Callable[..., None]) -> Callable[..., None]:
    """The argument and options of every command that works on a project: ``config``, ``data``, ``as_json``."""
    return click.argument("config", type=EXISTING)(data_option(json_option(debug_option(command))))


@contextmanager
def working() -> Iterator["RichUi"]:
    """The time in which a command works: whatever is printed, by Python or by a child process, goes to stderr."""
    from rich.console import Console

    from build_flows.base.ui import RichUi

    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield RichUi(Console(file=sys.stderr))
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def load_project(config: Path, data: Path | None) -> "Project":
    """The project that the file ``config`` describes; ``data`` goes before its ``data.path``."""
    from build_flows.project.load import load

    return load(config, data_dir=data)


def chosen_board(project: "Project", board: str | None, image: bool = False) -> "BoardPlatform":
    """The board that ``--board`` names, or the project's own (None). Raises :class:`build_flows.base.errors.OfframpError` for none that is
    known, and, where it has to have a PYNQ ``image``, for one without."""
    from build_flows.base.errors import OfframpError
    from build_flows.board.platforms import PLATFORMS, find_platform

    found = find_platform(project.config.target.board, project.file.parent) if board is None else find_platform(board)
    if image and not found.pynq:
        known = ", ".join(sorted(name for name, item in PLATFORMS.items() if item.pynq))
        raise OfframpError(f"{found.label} is build-only: the driver needs a PYNQ image, and none is known for it",
                           hint=f"boards with one: {known}; `offramp build` makes the bitstream")
    return found


def answer() -> "RichUi":
    """Where tables for a person go: stdout."""
    from rich.console import Console

    from build_flows.base.ui import RichUi

    return RichUi(Console(file=sys.stdout))


def print_json(value: Mapping[str, object]) -> None:
    """One JSON object on stdout, sorted by key."""
    click.echo(json.dumps(value, sort_keys=True, allow_nan=False))


def done(project: "Project", result: Mapping[str, object], as_json: bool) -> None:
    """The answer of a command whose product is the output folder."""
    if as_json:
        print_json({**result, "project": project.name, "output": str(project.output)})
    else:
        click.echo(project.output)


def number(value: float | None) -> str:
    """``value`` with about five digits; a dash when it was not measured."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.1f}"
