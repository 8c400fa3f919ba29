"""The Zynq-7000's processing system, processing_system7 5.5, as a block: the settings that boards may have, its ports, what excludes what.

From PG082, and from the Zynq-7000 reference manual (UG585): the pins a peripheral may have ("MIO-at-a-Glance"), the windows of its ports.
"""

import re

from build_flows.board.ip_block import FLAG, Interface, Ip, Parameters, Pin, Segment, Values, clock_pin, reset_pin

__all__ = ["PROCESSING_SYSTEM"]

_DELAY, _LENGTH = Values(low=-1, high=1, real=True), Values(low=0, high=1000, real=True)
_PS: dict[str, tuple[str, Values]] = {
    "PCW_PRESET_BANK0_VOLTAGE": ("LVCMOS 3.3V", Values(("LVCMOS 3.3V", "LVCMOS 2.5V", "LVCMOS 1.8V"))),
    "PCW_PRESET_BANK1_VOLTAGE": ("LVCMOS 3.3V", Values(("LVCMOS 3.3V", "LVCMOS 2.5V", "LVCMOS 1.8V", "HSTL 1.8V"))),
    "PCW_CRYSTAL_PERIPHERAL_FREQMHZ": ("33.333333", Values(low=30, high=60, real=True)),
    "PCW_APU_PERIPHERAL_FREQMHZ": ("666.666666", Values(low=50, high=667, real=True)),
    "PCW_UIPARAM_DDR_MEMORY_TYPE": ("DDR 3", Values(("DDR 3", "DDR 3 (Low Voltage)", "DDR 2", "LPDDR 2"))),
    "PCW_UIPARAM_DDR_PARTNO": ("MT41J256M8 HX-15E", Values(("MT41J256M16 RE-125", "MT41K256M16 RE-125", "MT41J256M8 HX-15E", "Custom"))),
    "PCW_UIPARAM_DDR_BUS_WIDTH": ("32 Bit", Values(("16 Bit", "32 Bit"))),
    "PCW_UIPARAM_DDR_FREQ_MHZ": ("533.333333", Values(low=200, high=534, real=True)),
    **{f"PCW_UIPARAM_DDR_TRAIN_{name}": ("1", FLAG) for name in ("WRITE_LEVEL", "READ_GATE", "DATA_EYE")},
    **{f"PCW_UIPARAM_DDR_BOARD_DELAY{n}": ("0.25", _DELAY) for n in range(4)},
    **{f"PCW_UIPARAM_DDR_DQS_TO_CLK_DELAY_{n}": ("0.0", _DELAY) for n in range(4)},
    **{f"PCW_UIPARAM_DDR_{name}_{n}_LENGTH_MM": ("0", _LENGTH) for name in ("CLOCK", "DQS", "DQ") for n in range(4)},
    **{f"PCW_{name}_ENABLE": ("0", FLAG) for name in (
        "QSPI_PERIPHERAL", "QSPI_GRP_SINGLE_SS", "QSPI_GRP_FBCLK", "UART0_PERIPHERAL", "ENET0_PERIPHERAL", "ENET0_GRP_MDIO", "ENET_RESET",
        "ENET0_RESET", "USB0_PERIPHERAL", "USB_RESET", "USB0_RESET", "SD0_PERIPHERAL", "SD0_GRP_CD", "GPIO_MIO_GPIO")},
    "PCW_QSPI_QSPI_IO": ("MIO 1 .. 6", Values(("MIO 1 .. 6",))),
    "PCW_QSPI_PERIPHERAL_FREQMHZ": ("200", Values(low=10, high=200, real=True)),
    "PCW_UART0_UART0_IO": ("MIO 10 .. 11", Values((*(f"MIO {n} .. {n + 1}" for n in range(10, 51, 4)), "EMIO"))),
    "PCW_UART0_BAUD_RATE": ("115200", Values(low=110, high=921600)),
    "PCW_ENET0_ENET0_IO": ("EMIO", Values(("MIO 16 .. 27", "EMIO"))),
    "PCW_ENET0_GRP_MDIO_IO": ("EMIO", Values(("MIO 52 .. 53", "EMIO"))),
    "PCW_ENET0_PERIPHERAL_FREQMHZ": ("1000 Mbps", Values(("1000 Mbps", "100 Mbps", "10 Mbps"))),
    "PCW_USB0_USB0_IO": ("MIO 28 .. 39", Values(("MIO 28 .. 39",))),
    "PCW_SD0_SD0_IO": ("MIO 40 .. 45", Values(("MIO 16 .. 21", "MIO 28 .. 33", "MIO 40 .. 45", "EMIO"))),
    "PCW_SDIO_PERIPHERAL_FREQMHZ": ("100", Values(low=10, high=125, real=True)),
    **{f"PCW_{name}_IO": ("EMIO", Values((*(f"MIO {n}" for n in range(54)), "EMIO")))
       for name in ("ENET0_RESET", "USB0_RESET", "SD0_GRP_CD")},
    **{f"PCW_{name}_RESET_SELECT": ("<Select>", Values(("<Select>", "Share reset pin", "Separate reset pins")))
       for name in ("ENET", "USB")},
    "PCW_GPIO_MIO_GPIO_IO": ("MIO", Values(("MIO",))),
    **{f"PCW_{name}": (default, FLAG) for name, default in (
        ("USE_M_AXI_GP0", "1"), ("USE_S_AXI_HP0", "0"), ("USE_FABRIC_INTERRUPT", "0"), ("IRQ_F2P_INTR", "0"), ("EN_CLK0_PORT", "1"),
        ("EN_RST0_PORT", "1"))},
    "PCW_S_AXI_HP0_DATA_WIDTH": ("64", Values(("32", "64"))),
    "PCW_FCLK0_PERIPHERAL_CLKSRC": ("IO PLL", Values(("IO PLL", "ARM PLL", "DDR PLL"))),
    "PCW_FPGA0_PERIPHERAL_FREQMHZ": ("50", Values(low=0.1, high=250, real=True)),
}

_MIO = {  # each peripheral's switch, and where its pins are
    "QSPI_PERIPHERAL": "QSPI_QSPI", "UART0_PERIPHERAL": "UART0_UART0", "ENET0_PERIPHERAL": "ENET0_ENET0", "ENET0_RESET": "ENET0_RESET",
    "ENET0_GRP_MDIO": "ENET0_GRP_MDIO", "USB0_PERIPHERAL": "USB0_USB0", "USB0_RESET": "USB0_RESET", "SD0_PERIPHERAL": "SD0_SD0",
    "SD0_GRP_CD": "SD0_GRP_CD",
}


def _conflicts(values: Parameters) -> list[str]:
    """Pins that two peripherals share; an interrupt or a port that is switched on by half."""
    taken: dict[int, str] = {8: "QSPI_GRP_FBCLK"} if values["PCW_QSPI_GRP_FBCLK_ENABLE"] == "1" else {}
    found = []
    for switch, pins in _MIO.items():
        place = values[f"PCW_{pins}_IO"]
        if values[f"PCW_{switch}_ENABLE"] != "1" or not place.startswith("MIO"):
            continue
        first, *last = (int(word) for word in re.findall(r"\d+", place))
        for pin in range(first, (last or [first])[0] + 1):
            if pin in taken:
                found.append(f"{switch} and {taken[pin]} both take MIO {pin}")
            taken[pin] = switch
    if values["PCW_USE_FABRIC_INTERRUPT"] != values["PCW_IRQ_F2P_INTR"]:
        found.append("PCW_USE_FABRIC_INTERRUPT and PCW_IRQ_F2P_INTR must be the same")
    return found


def _pins(values: Parameters) -> list[Pin]:
    switched = (
        ("PCW_EN_CLK0_PORT", clock_pin("FCLK_CLK0", output=True)), ("PCW_EN_RST0_PORT", reset_pin("FCLK_RESET0_N", output=True)),
        ("PCW_USE_M_AXI_GP0", clock_pin("M_AXI_GP0_ACLK")), ("PCW_USE_S_AXI_HP0", clock_pin("S_AXI_HP0_ACLK")),
        ("PCW_IRQ_F2P_INTR", Pin(name="IRQ_F2P", output=False, bits=None, kind="interrupt")),
    )
    return [pin for switch, pin in switched if values[switch] == "1"]


def _interfaces(values: Parameters) -> list[Interface]:
    width = int(values["PCW_S_AXI_HP0_DATA_WIDTH"])
    switched = (
        ("PCW_USE_M_AXI_GP0", Interface(name="M_AXI_GP0", master=True, protocol="axi3", bits=32, clock="M_AXI_GP0_ACLK")),
        ("PCW_USE_S_AXI_HP0", Interface(name="S_AXI_HP0", master=False, protocol="axi3", bits=width, clock="S_AXI_HP0_ACLK")),
        ("PCW_USE_S_AXI_HP0", Interface(name="S_AXI_HP0_FIFO_CTRL", master=False, protocol="hpstatusctrl", needed=False)),
        ("PCW_USB0_PERIPHERAL_ENABLE", Interface(name="USBIND_0", master=True, protocol="usbctrl", needed=False)),
    )
    return [
        Interface(name="DDR", master=True, protocol="xilinx.com:interface:ddrx_rtl:1.0"),
        Interface(name="FIXED_IO", master=True, protocol="xilinx.com:display_processing_system7:fixedio_rtl:1.0"),
        *(item for switch, item in switched if values[switch] == "1"),
    ]


PROCESSING_SYSTEM = Ip(
    parameters=_PS,
    pins=_pins,
    interfaces=_interfaces,
    spaces={"Data": ("M_AXI_GP0", 0x4000_0000, 0x8000_0000)},
    segments=(Segment(name="S_AXI_HP0/HP0_DDR_LOWOCM", interface="S_AXI_HP0", high=0x4000_0000),),
    conflicts=_conflicts,
)
