"""The Verilated model of a board: all that is in the programmable logic, behind a model of the processing system's ports, driven by
commands on a pipe."""

from pathlib import Path

from amaranth.back import verilog

from hw.netlist import Netlist
from hw.zynq.zynq_design import ZynqDesign
from sim.accelerator.protocol import BINDING, CHECKER, binding
from sim.accelerator.sources import accelerator_sources
from sim.accelerator.waivers import STYLE, waivers
from sim.tools.verilator import HDL, Design, build

__all__ = ["DESIGN", "build_board"]

DESIGN = "zynq_design"
"""The module around the accelerator."""


def build_board(netlist: Netlist, rtl: Path, cache: Path, *, jobs: int | None = None, **rules: int) -> Path:
    """The executable of a board with the accelerator of ``netlist``, whose Verilog is in the folder ``rtl`` (with ``filelist.f``).

    ``rules`` are values for parameters of the protocol checker, where the Verilog was made by a version with other rules.
    Kept in ``cache``. It has to be run in ``rtl``, where the design finds its memories. Raises what :func:`sim.tools.verilator.build`
    raises.
    """
    sources, includes = accelerator_sources(rtl)
    text = verilog.convert(ZynqDesign(netlist), name=DESIGN, emit_src=False, strip_internal_attrs=True)
    return build(Design(
        top="board", sources=[HDL / "board.sv", CHECKER, *sources], includes=includes,
        waive={**waivers(sources), f"*/{DESIGN}.v": STYLE}, assertions=False, optimise="O1", main=HDL / "board_main.cpp",
        texts={BINDING: binding(netlist, **rules), f"{DESIGN}.v": text},
    ), cache, jobs=jobs)
