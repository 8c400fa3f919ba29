"""What an ``rtl/`` folder holds beside the accelerator's sources: for simulation and lint, never for synthesis."""

from pathlib import Path

from hw.netlist import Netlist
from sim.accelerator.protocol import BINDING, CHECKER, binding
from sim.accelerator.waivers import LINT_FILE, lint_file

__all__ = ["simulation_files"]


def simulation_files(netlist: Netlist, rtl: Path) -> dict[str, str]:
    """Texts by file name, for the folder ``rtl`` with the accelerator of ``netlist`` and its ``filelist.f``: the checker of its ports, what
    binds it, and the warnings of Verilator to pass over."""
    return {CHECKER.name: CHECKER.read_text(encoding="utf-8"), BINDING: binding(netlist), LINT_FILE: lint_file(rtl)}
