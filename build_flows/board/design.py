"""What all who meet the design on a board must agree on: its names, its clock, and where its registers lie.

The design is :class:`hw.zynq.zynq_top.ZynqTop`. What clocks the processing system has to give is the Zynq-7000's affair (UG585).
"""

from build_flows.base.errors import OfframpError
from hw.accelerator import build_id
from hw.netlist import Netlist

__all__ = ["FCLK_MAX_MHZ", "IO_PLL_MHZ", "actual_clock", "design_name", "file_name"]

IO_PLL_MHZ = 1000.0
"""The IO PLL that FCLK0 is divided from: 50 MHz times 20 on the PYNQ-Z1 and the PYNQ-Z2."""

FCLK_MAX_MHZ = 250.0
"""Fastest FCLK the processing system can be configured for (DS187, FTOPCLK's limit as Vivado states it)."""


def file_name(netlist: Netlist) -> str:
    """What the files for the board are called: the netlist's name as an identifier (``my-net`` is ``my_net``)."""
    return netlist.name.replace("-", "_")


def design_name(netlist: Netlist) -> str:
    """Name of the design, such as ``digits_1a2b3c4d``: file name and BUILD."""
    return f"{file_name(netlist)}_{build_id(netlist):08x}"


def actual_clock(mhz: float) -> float:
    """The clock in MHz that FCLK0 really gets when ``mhz`` is asked for: the IO PLL through two dividers of 1 to 63 each (UG585,
    FPGA0_CLK_CTRL), as near as can be, the slower of two equally near.

    Raises :class:`OfframpError` when ``mhz`` is not above 0 and at most 250, or nothing within the limit is near it.
    """
    if not 0 < mhz <= FCLK_MAX_MHZ:
        raise OfframpError(
            f"the processing system's clock must be above 0 and at most {FCLK_MAX_MHZ:g} MHz, not {mhz:g}", hint="change target.clock_mhz")
    quotients = {first * second for first in range(1, 64) for second in range(1, 64)}
    return min((IO_PLL_MHZ / quotient for quotient in sorted(quotients, reverse=True) if IO_PLL_MHZ / quotient <= FCLK_MAX_MHZ),
               key=lambda clock: abs(clock - mhz))
