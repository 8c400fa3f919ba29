"""The hand-off file of a design without a block design, read as PYNQ reads it, and by our own reader."""

import pytest
from pynqmetadata.frontends import Metadata
from pynqmetadata.views.runtime import RuntimeMetadataParser

from build_flows.base.errors import OfframpError
from build_flows.board.design import actual_clock
from build_flows.board.design_hwh import IO_PLL_MHZ, Page, design_hwh, fclk_divisors
from build_flows.board.hwh import read_hwh
from build_flows.board.platforms import PLATFORMS

PAGES = [Page(name="accelerator_0", kind="accelerator", base=0x43C0_0000, size=0x1000),
         Page(name="dma_0", kind="dma", base=0x43C1_0000, size=0x1000)]


def text(**changes):
    return design_hwh(**{"name": "digits_1a2b3c4d", "board": PLATFORMS["pynq-z2"], "clock_mhz": 100.0, "pages": PAGES, **changes})


@pytest.fixture
def path(tmp_path):
    def write(**changes):
        (tmp_path / "digits.hwh").write_text(text(**changes))
        return tmp_path / "digits.hwh"
    return write


def test_pynq_finds_the_registers(path):
    found = RuntimeMetadataParser(Metadata(str(path())))
    pages = {name: page for name, page in found.ip_dict.items() if name != found.ps_name}
    assert {name: (page["phys_addr"], page["addr_range"], page["type"]) for name, page in pages.items()} == {
        "accelerator_0": (0x43C0_0000, 0x1000, "offramp:design:accelerator:1.0"), "dma_0": (0x43C1_0000, 0x1000, "offramp:design:dma:1.0")}
    assert found.family_ps == "processing_system7"
    assert found.ps_name == "processing_system7_0"
    assert found.md.name == "digits_1a2b3c4d"
    # No interrupt controller: pynq.Interrupt is not offered.
    assert found.interrupt_controllers == {}
    assert found.interrupt_pins == {}
    assert found.gpio_dict == {}


@pytest.mark.parametrize("wanted", [100.0, 142.9, 33.0, 250.0])
def test_pynq_sets_the_clock(wanted, path):
    clock = actual_clock(wanted)
    clocks = RuntimeMetadataParser(Metadata(str(path(clock_mhz=clock)))).clock_dict
    first, second = clocks[0]["divisor0"], clocks[0]["divisor1"]
    assert pytest.approx(clock) == IO_PLL_MHZ / first / second
    assert [clocks[number]["enable"] for number in range(4)] == [1, 0, 0, 0]


def test_our_own_reader(path):
    found = read_hwh(path())
    assert (found.name, found.part, found.version) == ("digits_1a2b3c4d", "xc7z020clg400-1", "offramp")
    assert found.ranges == {"accelerator_0": (0x43C0_0000, 0x1000), "dma_0": (0x43C1_0000, 0x1000)}
    assert found.kinds["dma_0"] == "dma"
    assert found.parameters["processing_system7_0"]["PCW_FPGA_FCLK0_ENABLE"] == "1"
    assert read_hwh(path(board=PLATFORMS["zedboard"])).part == "xc7z020clg484-1"


def test_the_same_text():
    assert text() == text()
    assert text(pages=PAGES[:1]) != text()


@pytest.mark.parametrize(("clock", "divisors"), [(100.0, (10, 1)), (250.0, (4, 1)), (1000 / 7, (7, 1)), (1000 / 77, (11, 7)),
                                                 (1000 / 3969, (63, 63))])
def test_dividers(clock, divisors):
    assert fclk_divisors(clock) == divisors


@pytest.mark.parametrize(("changes", "told"), [
    ({"clock_mhz": 101.0}, "FCLK0 cannot be 101 MHz"),
    ({"pages": [Page(name="a", kind="a", base=0x3FFF_F000, size=0x1000)]}, "at a multiple of 4 KiB that GP0 reaches, not at 0x3FFFF000"),
    ({"pages": [Page(name="a", kind="a", base=0x7FFF_F000, size=0x1001)]}, "not at 0x7FFFF000 with 4097 bytes"),
    ({"pages": [Page(name="a", kind="a", base=0x43C0_0010, size=16)]}, "not at 0x43C00010"),
    ({"pages": [PAGES[1], Page(name="a", kind="a", base=0x43C0_F000, size=0x2000)]}, "registers dma_0 at 0x43C10000 overlap those of a"),
])
def test_refused(changes, told):
    with pytest.raises(OfframpError, match=told):
        text(**changes)
