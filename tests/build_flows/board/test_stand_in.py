import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from build_flows.board import design
from build_flows.board.bitfile import read_bit_header
from build_flows.board.boards import TCL, find_board
from build_flows.board.hwh import read_hwh
from build_flows.board.stand_in import write_stand_in
from hw.accelerator import Accelerator, build_id
from tests import toy

Z2 = find_board("pynq-z2")


def _root(folder: Path, netlist: object) -> ElementTree.Element:
    return ElementTree.parse(write_stand_in(folder, netlist, Z2)[1]).getroot()


def test_header_tells_design_and_build(tmp_path: Path) -> None:
    netlist = toy.build(None)
    header = read_bit_header(write_stand_in(tmp_path, netlist, Z2)[0])
    build = build_id(netlist)
    assert (header.design, header.user_id, header.part, header.length) == (f"toy_{build:08x}_wrapper", build, "7z020clg400", 0)


def test_same_bytes_for_the_same_netlist(tmp_path: Path) -> None:
    netlist = toy.build(None)
    first, second = (write_stand_in(tmp_path / name, netlist, Z2) for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_what_the_processing_system_sees(tmp_path: Path) -> None:
    assert read_hwh(write_stand_in(tmp_path, toy.build(None), Z2)[1]).ranges == {
        "axi_dma_0": (0x4040_0000, 0x1_0000), "axi_intc_0": (0x4180_0000, 0x1_0000), "accelerator_0": (0x43C0_0000, 0x1000)}


@pytest.mark.parametrize(("bus", "bits"), [(32, 64), (128, 32)])
def test_accelerators_ports_are_those_of_the_rtl(tmp_path: Path, bus: int, bits: int) -> None:
    netlist = toy.build(None, bus_bits=bus, result_bits=bits)
    module = next(item for item in _root(tmp_path, netlist).iter("MODULE") if item.get("INSTANCE") == "accelerator_0")
    told = {item.get("NAME"): (item.get("DIR"), int(item.get("LEFT", "0")) + 1) for item in module.iter("PORT")}
    members = Accelerator(netlist).signature.members
    assert told == {name: ("I" if member.flow.name == "In" else "O", member.shape) for name, member in members.items()}


def test_every_port_but_unused_signals_is_connected_both_ways(tmp_path: Path) -> None:
    ends: dict[tuple[str, str], set[tuple[str, str]]] = {}
    directions = {}
    for module in _root(tmp_path, toy.build(None)).iter("MODULE"):
        for port in module.iter("PORT"):
            pin = module.get("INSTANCE", ""), port.get("NAME", "")
            directions[pin] = port.get("DIR")
            ends[pin] = {(item.get("INSTANCE", ""), item.get("PORT", "")) for item in port.iter("CONNECTION")}
    for pin, others in ends.items():
        for other in others:
            assert pin in ends[other]
            assert directions[pin] != directions[other]
    loose = {pin for pin, others in ends.items() if not others and directions[pin] == "I"}
    # GP0 is an AXI3 port and its interconnect's other side AXI4-Lite; the DMA's channels only read or only write.
    assert {instance for instance, _ in loose} <= {design.PS, design.REGISTER_INTERCONNECT, design.MEMORY_INTERCONNECT}


def test_nets_are_those_of_the_tcl(tmp_path: Path) -> None:
    """Connections between pins, read out of the Tcl by its plain layout."""
    text = (TCL / "block_design.tcl").read_text(encoding="utf-8")
    wanted = set()
    for driver, loads in re.findall(r"join_pins (\S+) (\{[^}]*\}|\S+)\n", text):
        wanted |= {(driver, load) for load in loads.strip("{}").split()}
    found = set()
    for module in _root(tmp_path, toy.build(None)).iter("MODULE"):
        buses = {item.get("PHYSICAL") for item in module.iter("PORTMAP")}
        for port in module.iter("PORT"):
            if port.get("DIR") == "O" and port.get("NAME") not in buses:
                found |= {(f"{module.get('INSTANCE')}/{port.get('NAME')}", f"{item.get('INSTANCE')}/{item.get('PORT')}")
                          for item in port.iter("CONNECTION")}
    assert len(wanted) > 30
    assert found == wanted


def test_divisors_make_the_clock(tmp_path: Path) -> None:
    for mhz, expected in ((100.0, 100.0), (142.0, 1000 / 7), (10.0, 10.0), (0.3, 1000 / (63 * 53))):
        netlist = toy.build(None)
        hwh = read_hwh(write_stand_in(tmp_path, type(netlist)(**{**vars(netlist), "clock_mhz": mhz}), Z2)[1])
        parameters = hwh.parameters["processing_system7_0"]
        divisors = [int(parameters[f"PCW_FCLK0_PERIPHERAL_DIVISOR{number}"]) for number in (0, 1)]
        assert all(1 <= divisor <= 63 for divisor in divisors)
        assert 1000 / divisors[0] / divisors[1] == pytest.approx(design.actual_clock(mhz)) == pytest.approx(expected, rel=0.01)
