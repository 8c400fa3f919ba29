"""A small design for build plans: the processing system, and the accelerator of an ``rtl/`` with a register between them."""

from amaranth.hdl import ClockDomain, ClockSignal, Elaboratable, Instance, Module, ResetSignal, Signal

from hw.control.register_map import ADDR_WIDTH
from hw.zynq.ps7 import Ps7


class PlanTop(Elaboratable):
    """The accelerator's ports are driven by GP0 and drive GP0 and HP0, so that synthesis leaves nothing out of it; it would not work."""

    def __init__(self, bus_bits: int = 32, result_bits: int = 64) -> None:
        self.bus_bits, self.result_bits = bus_bits, result_bits
        self.ps7 = Ps7()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.submodules.ps7 = ps7 = self.ps7
        gp0, hp0 = ps7.gp0, ps7.hp0
        stored, result = Signal(32), Signal(self.result_bits)
        m.d.comb += [ClockSignal().eq(ps7.fclk0), ResetSignal().eq(~ps7.fclk0_resetn), hp0.wdata.eq(result), gp0.rid.eq(gp0.arid)]
        m.d.sync += stored.eq(gp0.wdata)
        m.submodules.accelerator = Instance(
            "accelerator", i_ap_clk=ClockSignal(), i_ap_rst_n=~ResetSignal(),
            i_s_axis_tdata=stored.replicate(-(-self.bus_bits // 32))[:self.bus_bits], i_s_axis_tvalid=gp0.wvalid, i_s_axis_tlast=gp0.wlast,
            o_s_axis_tready=gp0.awready, o_m_axis_tdata=result, o_m_axis_tvalid=hp0.wvalid, o_m_axis_tlast=hp0.wlast,
            i_m_axis_tready=hp0.wready, o_irq=ps7.irq,
            i_s_axilite_awaddr=gp0.awaddr[:ADDR_WIDTH], i_s_axilite_awvalid=gp0.awvalid, o_s_axilite_awready=Signal(name="awready"),
            i_s_axilite_wdata=gp0.wdata, i_s_axilite_wstrb=gp0.wstrb, i_s_axilite_wvalid=gp0.wvalid, o_s_axilite_wready=gp0.wready,
            o_s_axilite_bresp=gp0.bresp, o_s_axilite_bvalid=gp0.bvalid, i_s_axilite_bready=gp0.bready,
            i_s_axilite_araddr=gp0.araddr[:ADDR_WIDTH], i_s_axilite_arvalid=gp0.arvalid, o_s_axilite_arready=gp0.arready,
            o_s_axilite_rdata=gp0.rdata, o_s_axilite_rresp=gp0.rresp, o_s_axilite_rvalid=gp0.rvalid, i_s_axilite_rready=gp0.rready,
        )
        return m
