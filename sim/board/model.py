"""The Verilated model of a board: the accelerator with AXI DMA, AXI4-Lite and memory around it, driven by commands on a pipe."""

from pathlib import Path

from hw.control.register_map import ADDR_WIDTH
from hw.netlist import Netlist
from sim.accelerator.protocol import BINDING, CHECKER, binding
from sim.accelerator.sources import accelerator_sources
from sim.accelerator.waivers import waivers
from sim.tools.verilator import HDL, Design, build

__all__ = ["build_board"]


def build_board(netlist: Netlist, rtl: Path, cache: Path, *, jobs: int | None = None, **rules: int) -> Path:
    """The executable of a board with the accelerator of ``netlist``, whose Verilog is in the folder ``rtl`` (with ``filelist.f``).

    ``rules`` are values for parameters of the protocol checker, where the Verilog was made by a version with other rules.
    Kept in ``cache``. It has to be run in ``rtl``, where the design finds its memories. Raises what :func:`sim.tools.verilator.build`
    raises.
    """
    sources, includes = accelerator_sources(rtl)
    return build(Design(
        top="board", sources=[HDL / "board.sv", CHECKER, *sources], includes=includes, waive=waivers(sources), assertions=False,
        optimise="O1", main=HDL / "board_main.cpp", texts={BINDING: binding(netlist, **rules)},
        parameters={"BUS_BITS": netlist.input.bus_bits, "RESULT_BITS": netlist.result.bits, "ADDR_BITS": ADDR_WIDTH},
    ), cache, jobs=jobs)
