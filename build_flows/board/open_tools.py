"""Finds the open flow's tools, and says what is missing and where it comes from."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.board.open_plan import OpenTools
from build_flows.board.platforms import PLATFORMS, BoardPlatform
from build_flows.board.vivado import ELSEWHERE

__all__ = ["GET", "OpenFlow", "OpenFlowError", "Piece", "find_open", "pieces"]

GET = "openXC7 has it: https://github.com/openXC7 (its toolchain-installer or nix flake), or build it from there"
_YOSYS = "a Yosys with the slang frontend, built in or as plugin, from https://github.com/povik/yosys-slang"
_VERSION = re.compile(r"\(Version ([^)]+)\)|^Yosys (\S+)", re.MULTILINE)


class OpenFlowError(OfframpError):
    """A tool of the open flow is missing."""


@dataclass(frozen=True)
class Piece:
    """Something that the open flow needs: its ``name``, where it was ``found`` (empty: nowhere), and how to get it."""

    name: str
    found: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class OpenFlow:
    """A whole open flow: the version of each tool that tells one."""

    versions: dict[str, str]


def pieces(board: BoardPlatform = PLATFORMS["pynq-z2"], tools: OpenTools | None = None) -> Iterator[Piece]:
    """All that the open flow needs to build for ``board`` with ``tools``: programs, named by the environment as the plan's script reads it
    (``NEXTPNR_XILINX``) or on PATH, and the databases of Project X-Ray and nextpnr."""
    chosen = tools or OpenTools()
    assembler = (chosen.assembler,) if chosen.assembler == "fpga-as" else ("fasm2frames", "xc7frames2bit")
    for name in ("yosys", "nextpnr-xilinx", *assembler):
        variable = name.upper().replace("-", "_")
        hint = _YOSYS if name == "yosys" else GET
        yield Piece(name, shutil.which(os.environ.get(variable) or name) or "", f"{hint}; {variable} names another than that on PATH")
    chipdb = Path(os.environ.get("CHIPDB_DIR") or chosen.chipdb_dir) / chosen.chipdb.format(device=board.device, package=board.package)
    yield Piece("chip database", str(chipdb) if chipdb.is_file() else "",
                f"{chipdb} is missing: nextpnr-xilinx' bbasm makes it, and openXC7 has it; CHIPDB_DIR names its folder, --chipdb the file")
    family = Path(os.environ.get("PRJXRAY_DB_DIR") or chosen.database_dir) / "zynq7"
    yield Piece("Project X-Ray's database", str(family) if family.is_dir() else "",
                f"{family} is missing: https://github.com/openXC7/prjxray-db; PRJXRAY_DB_DIR names the folder that zynq7 lies in")


def find_open(board: BoardPlatform, tools: OpenTools | None = None) -> OpenFlow:
    """The open flow for ``board`` on this machine. Raises :class:`OpenFlowError`, which names what is missing, when it is not whole."""
    found = list(pieces(board, tools))
    missing = [piece for piece in found if not piece.found]
    if missing:
        raise OpenFlowError(f"the open flow lacks {', '.join(piece.name for piece in missing)}",
                            hint=f"{missing[0].hint}; `offramp doctor` says all; else {ELSEWHERE}")
    return OpenFlow(versions={piece.name: version for piece in found if piece.name in ("yosys", "nextpnr-xilinx")
                              if (version := _version(piece.found))})


def _version(program: str) -> str:
    """What ``program --version`` says of it; empty where it says nothing of the kind."""
    try:
        ran = subprocess.run([program, "--version"], stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=60,
                             check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    match = _VERSION.search(ran.stdout + ran.stderr)
    return "" if match is None else match[1] or match[2]
