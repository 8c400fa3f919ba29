"""The boards that a build plan can be made for, as data: add a row, or write a file (:func:`find_platform`).

Where Amaranth's collection of boards has one, its platform is taken, with all its pins. The design uses nothing but the processing
system, so for the others the part alone is enough.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.base.toml_file import read_toml_file

__all__ = ["PLATFORMS", "BoardPlatform", "find_platform", "read_platform"]

_PART = re.compile(r"(?P<device>xc7z\d{3}s?)(?P<package>[a-z]{3}\d{3,4})-(?P<speed>\dl?)")
_KEYS: Mapping[str, type] = {"name": str, "part": str, "label": str}
_COLLECTION = "amaranth_boards"


@dataclass(frozen=True, kw_only=True)
class BoardPlatform:
    """A board with a Zynq-7000.

    ``name`` is what a configuration says; ``part`` what is soldered on it, by the name Vivado wants (``xc7z020clg400-1``; another shape is
    a ValueError); ``label`` what people call it, and, where there is a PYNQ image for it, what that image calls it in ``$BOARD``. ``pynq``
    says that there is one: without, the board is build-only. ``source`` is Amaranth's platform, ``module:class``, if there is one.
    """

    name: str
    part: str
    label: str
    pynq: bool = False
    source: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not _PART.fullmatch(self.part):
            raise ValueError(f"part must be that of a Zynq-7000, as xc7z020clg400-1, not {self.part!r}")

    @property
    def device(self) -> str:
        """The part without package and speed grade: ``xc7z020``."""
        return self._piece("device")

    @property
    def package(self) -> str:
        """The part's package: ``clg400``."""
        return self._piece("package")

    @property
    def speed(self) -> str:
        """The part's speed grade: ``1``."""
        return self._piece("speed")

    def platform(self, flow: type) -> type:
        """Amaranth's platform of this board, built as ``flow`` says: a mixin, whose members count before the board's.

        The class has no default clock: a design that forgets to drive its clock is an error, and not clocked from a pin.
        """
        members = {"device": self.device, "package": self.package, "speed": self.speed, "default_clk": None, "default_rst": None}
        return type(f"{flow.__name__}_{self.name}", (flow, self._base()), members)

    def _base(self) -> type:
        if self.source:
            module, _, name = self.source.partition(":")
            found: type = getattr(importlib.import_module(module), name)
            return found
        from amaranth.vendor import XilinxPlatform

        return type("_Bare", (XilinxPlatform,), {"resources": [], "connectors": []})

    def _piece(self, name: str) -> str:
        match = _PART.fullmatch(self.part)
        assert match is not None
        return match[name]


PLATFORMS: dict[str, BoardPlatform] = {
    board.name: board
    for board in (
        BoardPlatform(name="pynq-z1", part="xc7z020clg400-1", label="Pynq-Z1", pynq=True),
        BoardPlatform(name="pynq-z2", part="xc7z020clg400-1", label="Pynq-Z2", pynq=True),
        BoardPlatform(name="arty-z7-20", part="xc7z020clg400-1", label="Arty Z7-20", source=f"{_COLLECTION}.arty_z7:ArtyZ720Platform"),
        BoardPlatform(name="cora-z7-10", part="xc7z010clg400-1", label="Cora Z7-10", source=f"{_COLLECTION}.cora_z7:CoraZ7_10Platform"),
        BoardPlatform(name="microzed-7010", part="xc7z010clg400-1", label="MicroZed 7010",
                      source=f"{_COLLECTION}.microzed_z010:MicroZedZ010Platform"),
        BoardPlatform(name="microzed-7020", part="xc7z020clg400-1", label="MicroZed 7020",
                      source=f"{_COLLECTION}.microzed_z020:MicroZedZ020Platform"),
        BoardPlatform(name="zedboard", part="xc7z020clg484-1", label="ZedBoard"),
        BoardPlatform(name="zybo-z7-20", part="xc7z020clg400-1", label="Zybo Z7-20"),
    )
}


def find_platform(name: str, folder: Path = Path()) -> BoardPlatform:
    """The board called ``name`` (any case; ``_`` as ``-``), or that of the file ``name``, relative to ``folder``, if it ends in ``.toml``.

    Raises :class:`OfframpError`, listing those there are, and what :func:`read_platform` raises.
    """
    if name.lower().endswith(".toml"):
        return read_platform(folder / name)
    board = PLATFORMS.get(name.lower().replace("_", "-"))
    if board is None:
        raise OfframpError(f"no board is called {name!r}; known are {', '.join(sorted(PLATFORMS))}",
                           hint='another board is a file: board.toml with name = "my-board" and part = "xc7z020clg400-1"')
    return board


def read_platform(path: Path) -> BoardPlatform:
    """The board that the TOML file ``path`` describes: ``name`` and ``part``, and, as one wishes, ``label``. It is build-only.

    Raises :class:`OfframpError` for what is missing, unknown, or no text; for a name that is not made of letters, digits and ``-``, or is
    taken; and for a part that is no Zynq-7000.
    """
    found: dict[str, Any] = read_toml_file(path)
    for key, value in found.items():
        if key not in _KEYS:
            raise OfframpError(f"{path}: there is no key {key!r}; known are {', '.join(_KEYS)}")
        if not isinstance(value, _KEYS[key]):
            raise OfframpError(f"{path}: {key} must be text, not {value!r}")
    missing = [key for key in ("name", "part") if key not in found]
    if missing:
        raise OfframpError(f"{path}: {missing[0]} is missing", hint='as in name = "my-board" and part = "xc7z020clg400-1"')
    name = found["name"]
    if not re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", name):
        raise OfframpError(f"{path}: name must be of small letters, digits and -, not {name!r}")
    if name in PLATFORMS:
        raise OfframpError(f"{path}: the name {name!r} is taken by {PLATFORMS[name].label}")
    try:
        return BoardPlatform(name=name, part=found["part"], label=found.get("label", name))
    except ValueError as error:
        raise OfframpError(f"{path}: {error}") from None
