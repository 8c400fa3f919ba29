"""Blocks as their parameters make them, and the accelerator's module as a block."""

import pytest
from amaranth.back import verilog

from build_flows.board.ip_catalog import CATALOG, module_ip
from build_flows.board.rtl_module import read_module
from hw.accelerator import Accelerator
from tests import toy


def defaults(name, **values):
    ip = CATALOG[f"xilinx.com:ip:{name}"]
    return ip, {**{key: default for key, (default, _) in ip.parameters.items()}, **values}


@pytest.mark.parametrize("name", list(CATALOG))
def test_defaults_are_allowed_and_whole(name):
    ip = CATALOG[name]
    values = {key: default for key, (default, _) in ip.parameters.items()}
    assert [key for key, (default, allowed) in ip.parameters.items() if not allowed.allow(default)] == []
    assert ip.conflicts(values) == []
    pins = [pin.name for pin in ip.pins(values)]
    interfaces = ip.interfaces(values)
    assert len({*pins, *(item.name for item in interfaces)}) == len(pins) + len(interfaces)
    assert {item.clock for item in interfaces if item.clock} <= set(pins)
    assert {item.interface for item in ip.segments} <= {item.name for item in interfaces} | {"S_AXI_HP0"}


def test_parameters_make_ports():
    ip, values = defaults("axi_interconnect:2.1", NUM_SI="2", NUM_MI="1")
    assert [item.name for item in ip.interfaces(values)] == ["S00_AXI", "S01_AXI", "M00_AXI"]
    assert "S01_ACLK" in [pin.name for pin in ip.pins(values)]
    ip, values = defaults("axi_dma:7.1")
    assert "M_AXI_SG" in [item.name for item in ip.interfaces(values)]
    ip, values = defaults("axi_dma:7.1", c_include_sg="0", c_m_axis_mm2s_tdata_width="8")
    widths = {item.name: item.bits for item in ip.interfaces(values)}
    assert "M_AXI_SG" not in widths
    assert widths["M_AXIS_MM2S"] == 8


def test_a_stream_wider_than_memory_is_a_conflict():
    ip, values = defaults("axi_dma:7.1", c_m_axi_mm2s_data_width="64", c_m_axis_mm2s_tdata_width="128")
    assert ip.conflicts(values) == ["c_m_axi_mm2s_data_width must be at least c_m_axis_mm2s_tdata_width, not 64 and 128"]


@pytest.mark.parametrize(("bus", "result"), [(8, 32), (128, 64)])
def test_the_accelerator(bus, result):
    text = verilog.convert(Accelerator(toy.build(None, bus_bits=bus, result_bits=result)), name="accelerator", emit_src=False)
    ip = module_ip(read_module(text, "accelerator"))
    assert {pin.name: (pin.kind, pin.output) for pin in ip.pins({})} == {
        "ap_clk": ("clock", False), "ap_rst_n": ("reset", False), "irq": ("interrupt", True)}
    assert all(pin.active_low for pin in ip.pins({}) if pin.kind == "reset")
    assert {item.name: (item.master, item.protocol, item.bits, item.clock) for item in ip.interfaces({})} == {
        "s_axis": (False, "axis", bus, "ap_clk"), "m_axis": (True, "axis", result, "ap_clk"),
        "s_axilite": (False, "axi4lite", 32, "ap_clk")}
    assert [(item.name, item.least) for item in ip.segments] == [("s_axilite/reg0", 4096)]


@pytest.mark.parametrize(("old", "new", "message"), [
    ("s_axis:m_axis:s_axilite", "s_axis:m_axis", "interface s_axilite is in no clock's ASSOCIATED_BUSIF"),
    ("axis:1.0 m_axis TLAST", "axis:1.0 m_axis TUSER", "interface m_axis lacks TLAST"),
    ("s_axilite WSTRB", "s_axilite WLAST", "interface s_axilite lacks WSTRB"),
])
def test_a_module_that_lacks_something(old, new, message):
    text = verilog.convert(Accelerator(toy.build(None)), name="accelerator", emit_src=False)
    assert old in text
    with pytest.raises(ValueError, match=message):
        module_ip(read_module(text.replace(old, new), "accelerator"))
