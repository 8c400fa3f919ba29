"""The folder in which Vivado builds: static Tcl, the accelerator's RTL, and one command. It may be moved to any machine that has Vivado."""

import shlex
import shutil
from pathlib import Path

from build_flows.base.files import write_text
from build_flows.board.boards import TCL, Board
from build_flows.board.design import arguments, design_name, file_name
from hw.netlist import Netlist

__all__ = ["FILES", "RESULTS", "vivado_arguments", "write_project"]

FILES = ("build.tcl", "tcl", "rtl", "build.sh", "README.txt")
"""What :func:`write_project` writes; whatever else lies in the folder is Vivado's."""

RESULTS = "results"
"""Where the Tcl leaves what came of it."""

_SCRIPT = """#!/bin/sh
# Builds the bitstream: needs Vivado 2022.2 or newer on PATH (source its settings64.sh).
cd "$(dirname "$0")" || exit 1
exec {command}
"""

_README = """\
{design}: Vivado project for {board}
{underline}

Made by offramp from the network {name!r}, for part {part}. Needs Vivado 2022.2 or newer with support for Zynq-7000 (the free edition will
do) and no board files. Expect half an hour or more, and some 8 GB of memory; neither was measured.

    ./build.sh

or, where there is no POSIX shell, in this folder:

    {command}

What comes of it is in {results}/: {file}.bit and {file}.hwh, reports/ with utilisation, timing and power, and build.txt.
Copy {results}/ back and give it to offramp:

    offramp build CONFIG --from {results}

build.tcl     entry; reads the arguments and runs the stages
tcl/          block design, implementation, and the boards' processing systems
rtl/          the accelerator, the very files that were simulated

The folder holds no absolute path and may be moved.
"""


def vivado_arguments(netlist: Netlist, board: Board) -> list[str]:
    """What ``vivado`` is given, in the project folder. Raises what :func:`build_flows.board.design.arguments` raises."""
    return ["-mode", "batch", "-notrace", "-source", "build.tcl", "-log", "vivado.log", "-journal", "vivado.jou", "-tclargs",
            *arguments(netlist, board)]


def write_project(folder: Path, netlist: Netlist, rtl: Path, board: Board) -> None:
    """Write :data:`FILES` into ``folder``, which need not exist: the Tcl, a copy of ``rtl``, ``build.sh`` and ``README.txt``.

    The same inputs give the same bytes, wherever ``folder`` lies. Raises what :func:`build_flows.board.design.arguments` raises, before
    anything is written.
    """
    command = shlex.join(["vivado", *vivado_arguments(netlist, board)])
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in (("tcl", TCL), ("rtl", rtl)):
        shutil.rmtree(folder / name, ignore_errors=True)
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("build.tcl"))
    shutil.copyfile(TCL / "build.tcl", folder / "build.tcl")
    write_text(folder / "build.sh", _SCRIPT.format(command=command))
    (folder / "build.sh").chmod(0o755)
    design = design_name(netlist)
    title = f"{design}: Vivado project for {board.label}"
    write_text(folder / "README.txt", _README.format(
        design=design, board=board.label, underline="=" * len(title), name=netlist.name, part=board.part, command=command, results=RESULTS,
        file=file_name(netlist),
    ))
