"""What of a Zynq-7000's processing system the logic depends on and no bitstream sets: the clock FCLK0, and how wide the port HP0 is."""

from __future__ import annotations

from typing import Any

from offramp_driver.errors import MismatchError

__all__ = ["ProcessingSystem"]

AFI0, SPAN = 0xF800_8000, 0x1000
"""Where the registers of HP0 lie (UG585, AXI_HP0: AFI)."""
RDCHAN_CTRL, WRCHAN_CTRL = 0x00, 0x14
WIDTH_32 = 1 << 0
"""Bit 0 of both: the port is 32 bits wide in that direction; else 64."""
TOLERANCE = 1e-3
"""By what share the clock that is read may be above the one that the bitstream is for: it is read rounded."""


class ProcessingSystem:
    """The processing system as ``pynq`` reaches it, the module that is given."""

    def __init__(self, pynq: Any) -> None:
        self._pynq = pynq

    @property
    def clock_mhz(self) -> float:
        """FCLK0 as it is."""
        return float(self._pynq.Clocks.fclk0_mhz)

    def set_clock(self, mhz: float) -> None:
        """Set FCLK0. Raises :class:`MismatchError` when it cannot be ``mhz``, or is more afterwards."""
        try:
            self._pynq.Clocks.fclk0_mhz = mhz
        except ValueError as error:
            raise MismatchError(f"the clock FCLK0 cannot be set to {mhz:g} MHz ({error})") from error
        self.check_clock(mhz)

    def check_clock(self, mhz: float) -> None:
        """Raise :class:`MismatchError` when FCLK0 is above ``mhz``: logic that is clocked too fast errs at times."""
        found = self.clock_mhz
        if not found <= mhz * (1 + TOLERANCE):
            raise MismatchError(f"the clock FCLK0 is {found:g} MHz, and the bitstream was built for {mhz:g} MHz: set "
                                f"pynq.Clocks.fclk0_mhz = {mhz:g}, or open it with download=True, which does")

    def widen_port(self) -> None:
        """Make HP0 64 bits wide in both directions, if it is not. Raises :class:`MismatchError` when it stays narrow."""
        registers = self._pynq.MMIO(AFI0, SPAN)
        for name, offset in (("RDCHAN_CTRL", RDCHAN_CTRL), ("WRCHAN_CTRL", WRCHAN_CTRL)):
            value = int(registers.read(offset))
            if value & WIDTH_32:
                registers.write(offset, value & ~WIDTH_32)
                value = int(registers.read(offset))
            if value & WIDTH_32:
                raise MismatchError(f"the port HP0 stays 32 bits wide: {name} at {AFI0 + offset:#x} reads {value:#x} after bit 0 was "
                                    "cleared")
