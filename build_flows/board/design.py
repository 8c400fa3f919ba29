"""The block design around the accelerator, as numbers and names that all who meet it on the board must agree on.

``tcl/block_design.tcl`` builds it from :func:`arguments`; the package, the driver's manifest and the model of the board take the same
constants. The processing system's side of it (which FCLK there is, that GP0 sees 0x4000_0000 to 0x7fff_ffff) is the Zynq-7000's, UG585.
"""

from typing import TYPE_CHECKING

from build_flows.base.errors import OfframpError
from hw.accelerator import build_id
from hw.control.register_map import ADDR_WIDTH
from hw.netlist import Netlist

if TYPE_CHECKING:
    from build_flows.board.boards import Board

__all__ = [
    "ACCELERATOR", "ACCELERATOR_BASE", "ACCELERATOR_RANGE", "BURST", "CONCAT", "DMA", "DMA_BASE", "DMA_RANGE", "FCLK_MAX_MHZ", "INTC",
    "INTC_BASE", "INTC_RANGE", "IO_PLL_MHZ", "LENGTH_BITS", "MEMORY_INTERCONNECT", "PORT_BITS", "PS", "REGISTER_INTERCONNECT", "RESET",
    "actual_clock", "arguments", "design_name", "file_name", "memory_bits",
]

PS = "processing_system7_0"
DMA = "axi_dma_0"
ACCELERATOR = "accelerator_0"
INTC = "axi_intc_0"
RESET = "proc_sys_reset_0"
CONCAT = "xlconcat_0"
REGISTER_INTERCONNECT = "axi_interconnect_registers"
"""From M_AXI_GP0 to the registers of DMA (M00), accelerator (M01) and interrupt controller (M02)."""
MEMORY_INTERCONNECT = "axi_interconnect_memory"
"""From the DMA's MM2S (S00) and S2MM (S01) to S_AXI_HP0."""

DMA_BASE = 0x4040_0000
DMA_RANGE = 0x1_0000
ACCELERATOR_BASE = 0x43C0_0000
ACCELERATOR_RANGE = 1 << ADDR_WIDTH
INTC_BASE = 0x4180_0000
INTC_RANGE = 0x1_0000

LENGTH_BITS = 26
"""Width of AXI DMA's LENGTH registers, the widest there is (PG021): one transfer moves at most 2**26 - 1 bytes."""

PORT_BITS = 64
"""Data width of the port S_AXI_HP0 through which the DMA reaches memory."""

BURST = 16
"""Beats of a DMA burst: the most that the AXI3 port S_AXI_HP0 takes in one."""

IO_PLL_MHZ = 1000.0
"""The IO PLL that FCLK_CLK0 is divided from: 50 MHz times 20 on both boards."""

FCLK_MAX_MHZ = 250.0
"""Fastest FCLK the processing system can be configured for (DS187, FTOPCLK's limit as Vivado states it)."""


def file_name(netlist: Netlist) -> str:
    """What the files for the board are called: the netlist's name as an identifier (``my-net`` is ``my_net``)."""
    return netlist.name.replace("-", "_")


def design_name(netlist: Netlist) -> str:
    """Name of the block design, such as ``digits_1a2b3c4d``: file name and BUILD. .hwh and .bit carry it, so that each says to which
    netlist it belongs."""
    return f"{file_name(netlist)}_{build_id(netlist):08x}"


def memory_bits(stream_bits: int) -> int:
    """Data width of a DMA channel's memory side: the port's, or the stream's where that is wider (PG021 wants it no narrower)."""
    return max(PORT_BITS, stream_bits)


def actual_clock(mhz: float) -> float:
    """The clock in MHz that FCLK_CLK0 really gets when ``mhz`` is asked for: the IO PLL through two dividers of 1 to 63 each (UG585,
    FPGA0_CLK_CTRL), as near as can be, the slower of two equally near.

    Raises :class:`OfframpError` when ``mhz`` is not above 0 and at most 250, or nothing within the limit is near it.
    """
    if not 0 < mhz <= FCLK_MAX_MHZ:
        raise OfframpError(
            f"the processing system's clock must be above 0 and at most {FCLK_MAX_MHZ:g} MHz, not {mhz:g}", hint="change target.clock_mhz")
    quotients = {first * second for first in range(1, 64) for second in range(1, 64)}
    return min((IO_PLL_MHZ / quotient for quotient in sorted(quotients, reverse=True) if IO_PLL_MHZ / quotient <= FCLK_MAX_MHZ),
               key=lambda clock: abs(clock - mhz))


def arguments(netlist: Netlist, board: "Board", *, jobs: int = 8) -> list[str]:
    """The arguments after ``-tclargs`` of ``tcl/build.tcl``, as ``--name value`` pairs: all that the static Tcl must be told.

    ``jobs`` are the threads Vivado may use, 1 to 32. Raises :class:`OfframpError` when ``netlist`` is made for another part than
    ``board``'s, its clock cannot be had, or ``jobs`` is out of range.
    """
    if netlist.part != board.part:
        raise OfframpError(f"{board.name} has part {board.part}, but {netlist.name} is made for {netlist.part}",
                           hint=f'set target.board = "{board.name}" and compile again')
    if not 1 <= jobs <= 32:
        raise OfframpError(f"jobs must be from 1 to 32, not {jobs}")
    actual_clock(netlist.clock_mhz)
    values: dict[str, str] = {
        "name": file_name(netlist),
        "design": design_name(netlist),
        "board": board.name,
        "part": board.part,
        "bus_bits": str(netlist.input.bus_bits),
        "result_bits": str(netlist.result.bits),
        "memory_read_bits": str(memory_bits(netlist.input.bus_bits)),
        "memory_write_bits": str(memory_bits(netlist.result.bits)),
        "clock_mhz": f"{netlist.clock_mhz:.6g}",
        "user_id": f"0x{build_id(netlist):08X}",
        "dma_base": f"0x{DMA_BASE:08X}",
        "dma_range": f"0x{DMA_RANGE:08X}",
        "accelerator_base": f"0x{ACCELERATOR_BASE:08X}",
        "accelerator_range": f"0x{ACCELERATOR_RANGE:08X}",
        "intc_base": f"0x{INTC_BASE:08X}",
        "intc_range": f"0x{INTC_RANGE:08X}",
        "length_bits": str(LENGTH_BITS),
        "burst": str(BURST),
        "jobs": str(jobs),
    }
    return [word for name, value in values.items() for word in (f"--{name}", value)]
