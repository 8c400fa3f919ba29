"""``offramp boards``: the boards that a bitstream can be made for."""

import click

from build_flows.cli.shared import answer, debug_option, json_option, print_json

__all__ = ["boards"]


@click.command()
@json_option
@debug_option
def boards(as_json: bool) -> None:
    """List the boards: name, part, and whether there is a PYNQ image for it, or bitstreams are all that can be made.

    The name is what target.board and --board take. Another board is a file, board.toml, with name = "my-board" and
    part = "xc7z020clg400-1", that is given in place of a name.

    \b
    Examples:
      offramp boards
      offramp boards --json
    """
    from build_flows.board.platforms import PLATFORMS

    found = sorted(PLATFORMS.values(), key=lambda board: (not board.pynq, board.name))
    if as_json:
        print_json({"boards": [{"name": board.name, "label": board.label, "part": board.part, "pynq": board.pynq} for board in found]})
        return
    answer().table("", ("board", "", "part", "for"), [
        (board.name, board.label, board.part, "PYNQ image" if board.pynq else "build-only") for board in found
    ])
