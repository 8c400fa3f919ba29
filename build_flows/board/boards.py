"""The boards that a bitstream can be made for, as data: add a row and a file of settings to add one."""

from dataclasses import dataclass
from pathlib import Path

from build_flows.base import parts
from build_flows.base.errors import OfframpError

__all__ = ["BOARDS", "TCL", "Board", "find_board"]

TCL = Path(__file__).parent / "tcl"
__sources__ = ("tcl",)
"""Folder of the Tcl that Vivado runs."""


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board.

    ``name`` is what a configuration's ``target.board`` says; ``part`` what is soldered on it, by the name Vivado wants; ``ps_config`` the
    Tcl file with the settings of its processing system; ``label`` what its Linux calls it in ``$BOARD`` (PYNQ writes that to
    ``/etc/profile.d/boardname.sh``).
    """

    name: str
    part: str
    ps_config: Path
    label: str


BOARDS: dict[str, Board] = {
    name: Board(name=name, part=parts.BOARDS[name], ps_config=TCL / "boards" / f"{name.replace('-', '_')}.tcl", label=label)
    for name, label in (("pynq-z1", "Pynq-Z1"), ("pynq-z2", "Pynq-Z2"))
}


def find_board(name: str) -> Board:
    """The board called ``name`` (any case; ``_`` as ``-``). Raises :class:`OfframpError`, listing those there are."""
    board = BOARDS.get(name.lower().replace("_", "-"))
    if board is None:
        raise OfframpError(f"no board is called {name!r}; known are {', '.join(sorted(BOARDS))}",
                           hint="a board needs a row in build_flows/board/boards.py and a file in build_flows/board/tcl/boards")
    return board
