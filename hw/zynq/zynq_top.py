"""The whole design for a board: the programmable logic and the processing system."""

from amaranth.hdl import ClockDomain, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer

from hw.netlist import Netlist
from hw.zynq.ps7 import Ps7
from hw.zynq.zynq_design import ZynqDesign

__all__ = ["ZynqTop"]


class ZynqTop(wiring.Component):
    """:class:`ZynqDesign` at the processing system's ports, clocked by it. It has no ports of its own, and needs no pins.

    The clock is FCLK0, over a global buffer, the reset FCLK_RESET0_N, brought in time with it, and the state after configuration. The
    net of the clock is called ``fclk0``. Software sets the clock's frequency, and the width of HP0 to 64 bits, before anything else is
    asked of the design. Latency and throughput: those of :class:`ZynqDesign` and :class:`~hw.zynq.ps7.Ps7`.

    Parameters
    ----------
    netlist : of the accelerator, whose Verilog is added to the design, with the module ``accelerator`` as its top
    """

    def __init__(self, netlist: Netlist) -> None:
        self.netlist = netlist
        self.ps7 = Ps7()
        super().__init__({})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = sync = ClockDomain()
        m.submodules.ps7 = ps = self.ps7
        m.submodules.design = design = ZynqDesign(self.netlist)
        m.submodules.clock = Instance("BUFG", i_I=ps.fclk0, o_O=sync.clk)
        m.submodules.reset = FFSynchronizer(~ps.fclk0_resetn, sync.rst, init=1)
        wiring.connect(m, ps.gp0, design.gp0)
        wiring.connect(m, design.hp0, ps.hp0)
        m.d.comb += [
            ps.irq.eq(design.irq),
            *(getattr(design, name).eq(getattr(ps, name)) for name in ("hp0_rcount", "hp0_wcount", "hp0_racount", "hp0_wacount")),
        ]
        return m
