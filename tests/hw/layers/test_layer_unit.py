"""LayerUnit: the layer's modules behind typed streams, in the Verilog that comes out."""

import dataclasses
import re

import pytest
from amaranth.back import verilog

from hw.layers.layer_unit import LayerUnit
from hw.netlist import Instance, Layer, Link, NetlistError, Port


def port(name, bits, tdata=None):
    return Port(data=f"{name}_tdata", valid=f"{name}_tvalid", ready=f"{name}_tready", bits=bits, tdata=tdata or bits)


WEIGHTS = Instance(name="weights", module="weights_wrapper", clocks=("ap_clk", "ap_clk2x"), resets_n=("ap_rst_n",),
                   outputs={"m_axis_0": port("m_axis_0", 13, 16)}, ties={"araddr": (0, 12), "idle_n": (1, 1), "level": (5, 4)})
MVU = Instance(name="mvu", module="mvu_wrapper", clocks=("ap_clk",), resets_n=("ap_rst_n",),
               inputs={"in0_V": port("in0_V", 20, 24), "in1_V": port("in1_V", 13, 16)}, outputs={"out0_V": port("out0_V", 9, 16)})
LAYER = Layer(name="conv", op="MVAU_rtl", stage=0, head=False, instances=(MVU, WEIGHTS),
              links=(Link(src=("weights", "m_axis_0"), dst=("mvu", "in1_V")),), inputs=(("mvu", "in0_V"),), outputs=(("mvu", "out0_V"),),
              cycles=1, in_beats=1, out_beats=1)


def test_streams_have_the_real_widths():
    unit = LayerUnit(LAYER)
    assert len(unit.i0.payload) == 20
    assert len(unit.o0.payload) == 9


def test_every_pin_is_connected():
    text = verilog.convert(LayerUnit(LAYER), name="conv", emit_src=False)
    for pin in (".ap_clk(", ".ap_clk2x(", ".ap_rst_n(rst_n)", ".araddr(12'h000)", ".idle_n(1'h1)", ".level(4'h5)",
                ".m_axis_0_tdata(", ".m_axis_0_tready(", ".in0_V_tdata(", ".in1_V_tvalid(", ".out0_V_tready("):
        assert pin in text
    assert "mvu_wrapper mvu (" in text.replace("\\", "")


def test_links_carry_what_they_are_given_unless_hollow():
    """The weights reach the matrix-vector unit; in a harness that looks at the timing only they are zeros."""
    for hollow in (False, True):
        text = verilog.convert(LayerUnit(LAYER, hollow=hollow), name="conv", emit_src=False)
        pins = {name: dict(re.findall(r"\.(\w+)\((.*)\)", body))
                for name, body in re.findall(r"^  \w+_wrapper \\?(\w+) \((.*?)^  \);", text, re.M | re.S)}
        weights, mvu = pins["weights"], pins["mvu"]
        assert mvu["in1_V_tdata"] == ("16'h0000" if hollow else weights["m_axis_0_tdata"])
        assert mvu["in1_V_tvalid"] == weights["m_axis_0_tvalid"]
        assert mvu["in1_V_tready"] == weights["m_axis_0_tready"]


@pytest.mark.parametrize(("change", "message"), [
    ({"inputs": (("mvu", "in7_V"),)}, "instance 'mvu' of layer 'conv' has no port 'in7_V' among its inputs"),
    ({"outputs": (("pool", "out0_V"),)}, "layer 'conv' has no instance 'pool'"),
    ({"links": (Link(src=("weights", "m_axis_1"), dst=("mvu", "in1_V")),)}, "has no port 'm_axis_1' among its outputs"),
    ({"instances": (dataclasses.replace(MVU, inputs={"in0_V": port("in0_V", 20, 16)}), WEIGHTS)},
     "port 'in0_V' of 'mvu' has tdata=16 for bits=20"),
])
def test_what_does_not_fit_is_refused(change, message):
    with pytest.raises(NetlistError, match=message):
        verilog.convert(LayerUnit(dataclasses.replace(LAYER, **change)), name="conv")
