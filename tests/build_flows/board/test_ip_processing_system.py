"""Settings of the processing system that exclude each other, and ports they open."""

import pytest

from build_flows.board.ip_processing_system import PROCESSING_SYSTEM

DEFAULTS = {key: default for key, (default, _) in PROCESSING_SYSTEM.parameters.items()}


@pytest.mark.parametrize(("values", "conflict"), [
    ({"PCW_UART0_PERIPHERAL_ENABLE": "1", "PCW_UART0_UART0_IO": "MIO 14 .. 15", "PCW_ENET0_RESET_ENABLE": "1",
      "PCW_ENET0_RESET_IO": "MIO 15"}, "ENET0_RESET and UART0_PERIPHERAL both take MIO 15"),
    ({"PCW_QSPI_GRP_FBCLK_ENABLE": "1", "PCW_USB0_RESET_ENABLE": "1", "PCW_USB0_RESET_IO": "MIO 8"},
     "USB0_RESET and QSPI_GRP_FBCLK both take MIO 8"),
    ({"PCW_USB0_PERIPHERAL_ENABLE": "1", "PCW_SD0_PERIPHERAL_ENABLE": "1", "PCW_SD0_SD0_IO": "MIO 28 .. 33"},
     "SD0_PERIPHERAL and USB0_PERIPHERAL both take MIO 28"),
    ({"PCW_IRQ_F2P_INTR": "1"}, "PCW_USE_FABRIC_INTERRUPT and PCW_IRQ_F2P_INTR must be the same"),
])
def test_conflicts(values, conflict):
    assert PROCESSING_SYSTEM.conflicts({**DEFAULTS, **values})[0] == conflict


def test_peripherals_apart_are_none():
    values = {"PCW_UART0_PERIPHERAL_ENABLE": "1", "PCW_UART0_UART0_IO": "MIO 14 .. 15", "PCW_ENET0_RESET_ENABLE": "1",
              "PCW_ENET0_RESET_IO": "MIO 9"}
    assert PROCESSING_SYSTEM.conflicts({**DEFAULTS, **values}) == []


def test_ports():
    values = {**DEFAULTS, "PCW_USE_S_AXI_HP0": "1", "PCW_S_AXI_HP0_DATA_WIDTH": "32", "PCW_EN_RST0_PORT": "0"}
    pins = [pin.name for pin in PROCESSING_SYSTEM.pins(values)]
    assert pins == ["FCLK_CLK0", "M_AXI_GP0_ACLK", "S_AXI_HP0_ACLK"]
    widths = {item.name: item.bits for item in PROCESSING_SYSTEM.interfaces(values)}
    assert widths["S_AXI_HP0"] == 32
    assert "S_AXI_HP0" not in {item.name for item in PROCESSING_SYSTEM.interfaces(DEFAULTS)}
