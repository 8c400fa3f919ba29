import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import stream
from amaranth.lib.wiring import In, Out

from hw.zynq.black_box import BlackBox


def test_an_instance_with_its_ports():
    box, top = BlackBox("other", {"level": In(3), "go": In(1), "found": Out(5)}), Module()
    top.submodules.there = box
    text = verilog.convert(top, name="top", ports=[box.level, box.go, box.found], strip_internal_attrs=True)
    for line in ("other there (", ".level(level)", ".go(go)", ".found(found)", "output [4:0] found;", "input [2:0] level;"):
        assert line in text
    assert text.count("endmodule") == 1


def test_an_interface_is_refused():
    with pytest.raises(ValueError, match=r"^ports of other must be plain values, and words is an interface$"):
        BlackBox("other", {"go": In(1), "words": Out(stream.Signature(8))})
