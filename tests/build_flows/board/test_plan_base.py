"""What both flows' plans refuse, and that they look at nothing of the environment."""

import contextlib
import os

import pytest
from amaranth.build import Clock, Pins, Resource
from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Instance, Module, Signal

from build_flows.base.errors import OfframpError
from build_flows.board.plan_base import bare_environment
from build_flows.board.platforms import PLATFORMS
from build_flows.board.rtl_files import RtlFiles
from build_flows.board.vivado_plan import VivadoPlan


class Top(Elaboratable):
    """A clock out of PS7, and a register; as one wishes, a second constraint."""

    def __init__(self, name="fclk0", second=False):
        self.fclk0, self.second = Signal(name=name), second

    def elaborate(self, platform):
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.d.comb += ClockSignal().eq(self.fclk0)
        count = Signal(4)
        m.d.sync += count.eq(count + 1)
        m.submodules.ps7 = Instance("PS7", o_FCLKCLK=self.fclk0)
        if self.second:
            other = Signal(name="other")
            m.d.comb += other.eq(count[0])
            m.submodules.more = Instance("BUFG", i_I=other)
            platform.add_clock_constraint(other, 50e6)
        return m


def platform(**files):
    rtl = RtlFiles(files={name.replace("_", "."): b"" for name in files}, sources=(), headers=(), data=(), includes=(), roots=())
    return PLATFORMS["pynq-z1"].platform(VivadoPlan)(rtl)


def test_a_plan():
    top = Top()
    made = platform().plan_of(top, top.fclk0, 100.0, "top")
    assert sorted(made.files) == ["build_top.sh", "top.tcl", "top.v", "top.xdc"]
    assert made.script == "build_top"


def test_a_clock_that_is_none_of_the_designs():
    with pytest.raises(OfframpError, match="must have one clock constraint, on fclk0, not 0"):
        platform().plan_of(Top(), Signal(name="fclk0"), 100.0, "top")


def test_a_constraint_of_the_designs_own():
    top = Top(second=True)
    with pytest.raises(OfframpError, match="must have one clock constraint, on fclk0, not 2"):
        platform().plan_of(top, top.fclk0, 100.0, "top")


def test_a_name_that_tools_would_quote():
    top = Top(name="fclk[0]")
    with pytest.raises(OfframpError, match="must have a plain name, not 'fclk"):
        platform().plan_of(top, top.fclk0, 100.0, "top")


def test_a_file_of_a_name_that_is_taken():
    top = Top()
    with pytest.raises(OfframpError, match=r"rtl/ holds top\.tcl, which the build plan has a file of its own for"):
        platform(top_tcl=1).plan_of(top, top.fclk0, 100.0, "top")


def test_a_resource_of_the_board_counts_as_a_constraint():
    """Amaranth constrains a board's clock once it is asked for: then there are two."""
    class Asks(Top):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            platform.add_resources([Resource("clk", 0, Pins("H16", dir="i"), Clock(125e6))])
            m.submodules.pin = Instance("IBUF", i_I=platform.request("clk", dir="-").io, o_O=Signal())
            return m

    top = Asks()
    with pytest.raises(OfframpError, match="not 2"):
        platform().plan_of(top, top.fclk0, 100.0, "top")


def test_the_environment_comes_back(monkeypatch):
    monkeypatch.setenv("AMARANTH_verbose", "1")
    monkeypatch.setenv("AMARANTH_USE_YOSYS", "system")
    before = dict(os.environ)
    seen = {}
    with contextlib.suppress(KeyError), bare_environment():
        seen |= {name: value for name, value in os.environ.items() if name.startswith("AMARANTH")}
        raise KeyError
    assert seen == {"AMARANTH_USE_YOSYS": "builtin"}
    assert dict(os.environ) == before
