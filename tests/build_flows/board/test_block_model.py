"""The block design's model: what is refused when it is made, what is told as open at the end."""

import pytest

from build_flows.board.block_model import BlockDesign, BlockError
from build_flows.board.ip_block import Interface, Ip, Pin, Segment, Values, clock_pin, reset_pin

MAKER = Ip(
    parameters={"WIDTH": ("8", Values(("8", "16")))},
    pins=lambda p: [clock_pin("clk", output=True), reset_pin("rst_n", output=True), Pin(name="spare", output=True, needed=False),
                    Pin(name="data", output=True, bits=int(p["WIDTH"])), reset_pin("rst", output=True, active_low=False, needed=False),
                    clock_pin("clk2", output=True)],
    interfaces=lambda p: [Interface(name="M", master=True, protocol="axi4lite", bits=32, clock="clk"),
                          Interface(name="STREAM", master=True, protocol="axis", bits=int(p["WIDTH"]), clock="clk", needed=False,
                                    signals=frozenset({"TDATA", "TVALID"}))],
    spaces={"Data": ("M", 0x4000_0000, 0x8000_0000)},
)
TAKER = Ip(
    parameters={},
    pins=lambda _: [clock_pin("clk"), reset_pin("rst_n"), Pin(name="data", output=False, bits=8), Pin(name="any", output=False, bits=None)],
    interfaces=lambda _: [Interface(name="S", master=False, protocol="axi4lite", bits=32, clock="clk"),
                          Interface(name="S4", master=False, protocol="axi4", bits=32, clock="clk", needed=False),
                          Interface(name="STREAM", master=False, protocol="axis", bits=8, clock="clk", needed=False,
                                    signals=frozenset({"TDATA", "TVALID", "TLAST"}))],
    spaces={}, segments=(Segment(name="S/Reg", interface="S"),),
)


def design() -> BlockDesign:
    block = BlockDesign("block")
    block.add_cell("maker", "m", MAKER)
    block.add_cell("taker", "t", TAKER)
    return block


def whole() -> BlockDesign:
    block = design()
    for name in ("clk", "rst_n", "data"):
        block.connect([f"/maker/{name}", f"/taker/{name}"])
    block.connect(["/maker/data", "/taker/any"])
    block.add_cell("other", "o", Ip(parameters={}, pins=lambda _: [clock_pin("clk")], interfaces=lambda _: [], spaces={}))
    block.connect(["/maker/clk2", "/other/clk"])
    block.join("/taker/S", "/maker/M")
    block.assign("/maker/Data", "/taker/S/Reg", 0x4000_1000, 0x1000)
    return block


def test_a_whole_design():
    block = whole()
    assert block.faults() == []
    assert block.left_open() == ["/maker/spare", "/maker/rst", "/maker/STREAM", "/taker/S4", "/taker/STREAM"]
    assert block.nets["/maker/data"] == ["/taker/data", "/taker/any"]


def test_all_that_is_open_is_told():
    block = design()
    block.add_port("DDR", "ddr")
    assert block.faults() == [
        "clock pin /maker/clk is not connected", "active-low reset pin /maker/rst_n is not connected",
        "data pin /maker/data is not connected", "clock pin /maker/clk2 is not connected",
        "clock pin /taker/clk is not connected", "active-low reset pin /taker/rst_n is not connected",
        "data pin /taker/data is not connected", "data pin /taker/any is not connected",
        "interface /maker/M is not connected", "interface /taker/S is not connected", "port DDR is not connected",
    ]


def test_a_segment_without_address_and_two_clocks_are_told():
    block = design()
    block.connect(["/maker/clk2", "/taker/clk"])
    block.join("/maker/M", "/taker/S")
    assert "/taker/S/Reg has no address in /maker/Data" in block.faults()
    assert "/maker/M runs on /maker/clk, but /taker/S on /maker/clk2" in block.faults()


@pytest.mark.parametrize(("paths", "message"), [
    (["/maker/clock", "/taker/clk"], "maker has no pin clock; it has clk, rst_n, spare, data, rst, clk2"),
    (["/nobody/clk", "/taker/clk"], "no cell is called nobody; there are maker, taker"),
    (["/maker/clk", "/taker/rst_n"], "/maker/clk is a clock, but /taker/rst_n a reset"),
    (["/maker/data", "/taker/clk"], "/maker/data is a data, but /taker/clk a clock"),
    (["/maker/rst", "/taker/rst_n"], "/maker/rst is a active-high reset, but /taker/rst_n a active-low reset"),
    (["/maker/spare", "/taker/data"], "/maker/spare has 1 bits, but /taker/data 8"),
    (["/taker/data", "/taker/any"], "a net needs one driver, not 0"),
    (["/maker/clk", "/maker/clk2", "/taker/clk"], "a net needs one driver, not 2"),
])
def test_pins_that_do_not_fit(paths, message):
    with pytest.raises(BlockError, match=message):
        design().connect(paths)


def test_a_pin_has_one_driver():
    block = design()
    block.connect(["/maker/clk", "/taker/clk"])
    with pytest.raises(BlockError, match=r"a net needs one driver, not 2 \(/maker/clk2, /maker/clk\), to /taker/clk"):
        block.connect(["/maker/clk2", "/taker/clk"])


@pytest.mark.parametrize(("first", "second", "message"), [
    ("/maker/M", "/maker/STREAM", "/maker/M and /maker/STREAM are both masters"),
    ("/maker/M", "/taker/STREAM", "/maker/M is axi4lite, but /taker/STREAM axis"),
    ("/maker/M", "/taker/S4", "/maker/M is axi4lite, but /taker/S4 axi4, with no interconnect between"),
    ("/maker/M", "/taker/T", "taker has no interface T; it has S, S4, STREAM"),
    ("/maker/STREAM", "/taker/STREAM", "/taker/STREAM needs TLAST of /maker/STREAM"),
    ("/maker/M", "/DDR", "/maker/M is a axi4lite, but port /DDR a ddr"),
])
def test_interfaces_that_do_not_fit(first, second, message):
    block = design()
    block.add_port("DDR", "ddr")
    with pytest.raises(BlockError, match=message):
        block.join(first, second)


def test_streams_of_two_widths_and_ends_that_are_taken():
    block = design()
    block.configure("maker", {"WIDTH": "16"})
    with pytest.raises(BlockError, match="/maker/STREAM has 16 bits, but /taker/STREAM 8"):
        block.join("/maker/STREAM", "/taker/STREAM")
    block.join("/maker/M", "/taker/S")
    with pytest.raises(BlockError, match="/taker/S is joined to /maker/M already"):
        block.join("/maker/M2", "/taker/S")


@pytest.mark.parametrize(("offset", "size", "message"), [
    (0x4000_0000, 0x800, "the range must be a power of two of at least 0x1000"),
    (0x4000_0000, 0x3000, "the range must be a power of two of at least 0x1000"),
    (0x4000_1000, 0x2000, "the offset must be a multiple of the range"),
    (0x8000_0000, 0x1000, "it must lie from 0x40000000 to 0x80000000"),
])
def test_addresses_that_there_are_not(offset, size, message):
    block = whole()
    with pytest.raises(BlockError, match=message):
        block.assign("/maker/Data", "/taker/S/Reg", offset, size)


def test_addresses_overlap_or_cannot_be_reached():
    block = design()
    block.add_cell("second", "t", TAKER)
    block.add_cell("between", "i", Ip(
        parameters={}, pins=lambda _: [], spaces={}, passes=True,
        interfaces=lambda _: [Interface(name=name, master=name != "S", protocol="any") for name in ("S", "M0", "M1")]))
    with pytest.raises(BlockError, match="it cannot be reached from there"):
        block.assign("/maker/Data", "/taker/S/Reg", 0x4000_0000, 0x1000)
    block.join("/maker/M", "/between/S")
    block.join("/between/M0", "/taker/S")
    block.join("/between/M1", "/second/S")
    assert sorted(block.reachable("/maker/Data")) == ["/second/S/Reg", "/taker/S/Reg"]
    block.assign("/maker/Data", "/taker/S/Reg", 0x4000_0000, 0x2000)
    with pytest.raises(BlockError, match="it overlaps /taker/S/Reg at 0x40000000"):
        block.assign("/maker/Data", "/second/S/Reg", 0x4000_1000, 0x1000)


def test_parameters():
    block = design()
    with pytest.raises(BlockError, match="m has no parameter DEPTH"):
        block.configure("maker", {"DEPTH": "1"})
    with pytest.raises(BlockError, match="maker: WIDTH must be 8, 16, not '12'"):
        block.configure("/maker", {"WIDTH": "12"})
    with pytest.raises(BlockError, match="cell maker exists already"):
        block.add_cell("maker", "m", MAKER)
