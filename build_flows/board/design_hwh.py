"""The hardware hand-off file (.hwh) of a design without a block design, for ``pynq.Overlay``: what it looks up there, and no more.

It sees the processing system with FCLK0 and its dividers, which ``Overlay`` sets before it loads the bitstream, and the pages of registers
behind GP0. It is laid out as Vivado's (:mod:`build_flows.board.hwh_writer`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from build_flows.base.errors import OfframpError
from build_flows.board.hwh_writer import AXI_LITE, AXI_READ, AXI_WRITE, Bus, BusLink, Module, Range, hwh_text
from build_flows.board.platforms import BoardPlatform

__all__ = ["GP0_FIRST", "GP0_LAST", "IO_PLL_MHZ", "Page", "design_hwh", "fclk_divisors"]

GP0_FIRST, GP0_LAST = 0x4000_0000, 0x7FFF_FFFF
"""What the processor reaches through GP0 (UG585)."""
IO_PLL_MHZ = 1000.0
"""The PLL that FCLK0 is divided from, as PYNQ's images set it up."""

_PS, _BRIDGE = "processing_system7_0", "registers_0"
_CLOCKS = range(4)
_ALIGNED = 0x1000
_NEAR = 1e-6


@dataclass(frozen=True, kw_only=True)
class Page:
    """Registers of ``size`` bytes from the address ``base`` on: ``name`` is the attribute of the overlay (``accelerator_0``), ``kind`` what
    it is one of (``accelerator``)."""

    name: str
    kind: str
    base: int
    size: int


def fclk_divisors(clock_mhz: float) -> tuple[int, int]:
    """The two dividers, 1 to 63 each, that make FCLK0 run at ``clock_mhz`` (UG585, FPGA0_CLK_CTRL). Raises :class:`OfframpError` when no
    two do, to a millionth."""
    for first in range(1, 64):
        for second in range(1, 64):
            if abs(IO_PLL_MHZ / (first * second) / clock_mhz - 1) < _NEAR:
                return max(first, second), min(first, second)
    raise OfframpError(f"FCLK0 cannot be {clock_mhz:g} MHz: {IO_PLL_MHZ:g} MHz through two dividers of 1 to 63",
                       hint="take what the processing system makes of the clock that is wanted")


def design_hwh(*, name: str, board: BoardPlatform, clock_mhz: float, pages: Sequence[Page], made_by: str = "offramp") -> str:
    """The file's text for the design ``name`` (``digits_1a2b3c4d``: file name and BUILD) on ``board``, clocked by FCLK0 of exactly
    ``clock_mhz``, with ``pages`` of registers. ``made_by`` stands where Vivado's version would. The same design gives the same text.

    Raises :class:`OfframpError` for a clock that cannot be had, and for a page that GP0 does not reach, is not aligned to 4 KiB, or
    overlaps another.
    """
    _check(pages)
    device, package = board.device.removeprefix("xc"), board.package
    clk, full = ("I", None, "clk"), (*AXI_READ, *AXI_WRITE)
    registers = [Module(
        instance=page.name, vlnv=f"offramp:design:{page.kind}:1.0",
        parameters={"C_BASEADDR": f"0x{page.base:08X}", "C_HIGHADDR": f"0x{page.base + page.size - 1:08X}", "EDK_IPTYPE": "PERIPHERAL"},
        ports=[("clk", *clk)], buses=[Bus(name="registers", prefix="registers_", signals=AXI_LITE, data=32, begins=False)],
    ) for page in pages]
    sides = [f"M{number:02}_AXI" for number in range(len(pages))]
    bridge = Module(
        instance=_BRIDGE, vlnv="offramp:design:register_bridge:1.0", parameters={"NUM_SI": 1, "NUM_MI": len(pages), "EDK_IPTYPE": "BUS"},
        ports=[("clk", *clk)],
        buses=[Bus(name="S00_AXI", prefix="S00_AXI_", signals=full, data=32, begins=False, protocol="AXI3"),
               *(Bus(name=side, prefix=f"{side}_", signals=AXI_LITE, data=32, begins=True) for side in sides)],
        attributes={"IPTYPE": "BUS", "MODCLASS": "BUS"},
    )
    system = Module(
        instance=_PS, vlnv="xilinx.com:ip:processing_system7:5.5", parameters=_settings(clock_mhz),
        ports=[("FCLK_CLK0", "O", None, "clk"), ("M_AXI_GP0_ACLK", *clk)],
        buses=[Bus(name="M_AXI_GP0", prefix="M_AXI_GP0_", signals=full, data=32, begins=True, protocol="AXI3", upper=True)],
        ranges=[Range(manager="M_AXI_GP0", instance=page.name, subordinate="registers", base=page.base, size=page.size) for page in pages],
        attributes={"CONFIGURABLE": "TRUE", "IS_PL": "FALSE"},
    )
    return hwh_text(
        name=name, device=device, package=package, speed=f"-{board.speed}", version=made_by, timestamp="Thu Jan  1 00:00:00 1970",
        comment="Written by offramp for a design without a block design: what PYNQ looks up, and no more", clock_hz=round(clock_mhz * 1e6),
        modules=[system, bridge, *registers],
        nets={(_PS, "FCLK_CLK0"): [(_PS, "M_AXI_GP0_ACLK"), (_BRIDGE, "clk"), *((page.name, "clk") for page in pages)]},
        links=[BusLink((_PS, "M_AXI_GP0"), (_BRIDGE, "S00_AXI")),
               *(BusLink((_BRIDGE, side), (page.name, "registers")) for side, page in zip(sides, pages, strict=True))],
    )


def _check(pages: Sequence[Page]) -> None:
    last: Page | None = None
    for page in sorted(pages, key=lambda page: page.base):
        if page.base % _ALIGNED or page.size <= 0 or page.base < GP0_FIRST or page.base + page.size - 1 > GP0_LAST:
            raise OfframpError(f"the registers {page.name} must be at a multiple of 4 KiB that GP0 reaches, not at 0x{page.base:08X} "
                               f"with {page.size} bytes")
        if last is not None and page.base < last.base + last.size:
            raise OfframpError(f"the registers {page.name} at 0x{page.base:08X} overlap those of {last.name}")
        last = page


def _settings(clock_mhz: float) -> dict[str, object]:
    """Of all four clocks, since PYNQ looks all of them up; those that are not enabled it does not touch."""
    divisors = {0: fclk_divisors(clock_mhz)}
    return {
        "PCW_FPGA0_PERIPHERAL_FREQMHZ": f"{clock_mhz:.6f}", "PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ": f"{clock_mhz:.6f}",
        **{f"PCW_FCLK{clock}_PERIPHERAL_DIVISOR{part}": divisors.get(clock, (1, 1))[part] for clock in _CLOCKS for part in range(2)},
        **{f"PCW_FCLK{clock}_PERIPHERAL_CLKSRC": "IO PLL" for clock in _CLOCKS},
        **{f"PCW_FPGA_FCLK{clock}_ENABLE": int(clock == 0) for clock in _CLOCKS},
        "PCW_USE_M_AXI_GP0": 1, "PCW_USE_S_AXI_HP0": 1, "PCW_S_AXI_HP0_DATA_WIDTH": 64, "EDK_IPTYPE": "PERIPHERAL",
    }
