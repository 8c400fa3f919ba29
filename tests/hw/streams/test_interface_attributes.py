"""Attributes of ports: every port has its interface, parameters stand once."""

import pytest

from hw.streams.interface_attributes import interface_attributes


def test_every_kind_of_port():
    found = interface_attributes(["ap_clk", "ap_rst_n", "s_axis_tdata", "m_axis_tlast", "s_axilite_awaddr", "s_axilite_rready", "irq"])
    assert {port: item["X_INTERFACE_INFO"] for port, item in found.items()} == {
        "ap_clk": "xilinx.com:signal:clock:1.0 ap_clk CLK",
        "ap_rst_n": "xilinx.com:signal:reset:1.0 ap_rst_n RST",
        "s_axis_tdata": "xilinx.com:interface:axis:1.0 s_axis TDATA",
        "m_axis_tlast": "xilinx.com:interface:axis:1.0 m_axis TLAST",
        "s_axilite_awaddr": "xilinx.com:interface:aximm:1.0 s_axilite AWADDR",
        "s_axilite_rready": "xilinx.com:interface:aximm:1.0 s_axilite RREADY",
        "irq": "xilinx.com:signal:interrupt:1.0 irq INTERRUPT",
    }
    assert {port: item["X_INTERFACE_PARAMETER"] for port, item in found.items() if len(item) > 1} == {
        "ap_clk": "XIL_INTERFACENAME ap_clk, ASSOCIATED_BUSIF s_axis:m_axis:s_axilite, ASSOCIATED_RESET ap_rst_n",
        "ap_rst_n": "XIL_INTERFACENAME ap_rst_n, POLARITY ACTIVE_LOW",
        "s_axilite_awaddr": "XIL_INTERFACENAME s_axilite, PROTOCOL AXI4LITE",
        "irq": "XIL_INTERFACENAME irq, SENSITIVITY EDGE_RISING",
    }


@pytest.mark.parametrize("port", ["debug", "t_axis_tdata", "axis_s_tdata"])
def test_a_port_of_no_interface_is_refused(port):
    with pytest.raises(ValueError, match=rf"port '{port}' belongs to none of s_axis\*, m_axis\*, s_axilite, ap_clk, ap_rst_n, irq"):
        interface_attributes([port])


def test_a_unit_with_other_names():
    """Streams of any name, a clock and a reset of their own, and ports that belong to no interface."""
    found = interface_attributes(["aclk", "aresetn", "s_axis_logits_tdata", "m_axis_result_tvalid", "m_axis_result_tready", "threshold"],
                                 clock="aclk", reset="aresetn", plain={"threshold"})
    assert found == {
        "aclk": {"X_INTERFACE_INFO": "xilinx.com:signal:clock:1.0 aclk CLK",
                 "X_INTERFACE_PARAMETER": "XIL_INTERFACENAME aclk, ASSOCIATED_BUSIF s_axis_logits:m_axis_result, ASSOCIATED_RESET aresetn"},
        "aresetn": {"X_INTERFACE_INFO": "xilinx.com:signal:reset:1.0 aresetn RST",
                    "X_INTERFACE_PARAMETER": "XIL_INTERFACENAME aresetn, POLARITY ACTIVE_LOW"},
        "s_axis_logits_tdata": {"X_INTERFACE_INFO": "xilinx.com:interface:axis:1.0 s_axis_logits TDATA"},
        "m_axis_result_tvalid": {"X_INTERFACE_INFO": "xilinx.com:interface:axis:1.0 m_axis_result TVALID"},
        "m_axis_result_tready": {"X_INTERFACE_INFO": "xilinx.com:interface:axis:1.0 m_axis_result TREADY"},
    }
