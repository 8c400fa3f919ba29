"""The accelerator's top: its core, its registers and FINN's layers behind AXI-Stream and AXI4-Lite."""

import zlib

from amaranth.hdl import ClockDomain, Elaboratable, Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.register_map import ADDR_WIDTH, accelerator_registers
from hw.control.registers import Register, with_init
from hw.core import AcceleratorCore, check_exits, counted_streams
from hw.core_registers import connect_registers
from hw.exits.exit_path import RESULT_DEPTH, result_depth
from hw.layers.dataflow import attach_layers
from hw.netlist import Netlist, dump
from hw.streams.interface_attributes import interface_attributes

__all__ = ["RESULT_DEPTH", "Accelerator", "build_id", "counted_streams", "ports", "registers", "result_depth"]


def build_id(netlist: Netlist) -> int:
    """32-bit identity of an accelerator, read back from its BUILD register: the checksum of its netlist."""
    return zlib.crc32(dump(netlist).encode())


def registers(netlist: Netlist) -> list[Register]:
    """The accelerator's registers with their initial values, the one declaration behind Verilog, driver and documentation."""
    values = {"CLASSES": netlist.classes, "BUILD": build_id(netlist)}
    for item in netlist.exits:
        values[f"THRESHOLD_{item.index}"] = item.threshold
        values[f"ENABLE_{item.index}"] = int(item.enabled)
    declared = accelerator_registers(exits=len(netlist.exits), streams=len(counted_streams(netlist)), gates=len(netlist.cuts))
    return with_init(declared, values)


_AXI = {"awaddr": In(ADDR_WIDTH), "awvalid": In(1), "awready": Out(1), "wdata": In(32), "wstrb": In(4), "wvalid": In(1),
        "wready": Out(1), "bresp": Out(2), "bvalid": Out(1), "bready": In(1), "araddr": In(ADDR_WIDTH), "arvalid": In(1),
        "arready": Out(1), "rdata": Out(32), "rresp": Out(2), "rvalid": Out(1), "rready": In(1)}


def ports(netlist: Netlist) -> dict[str, wiring.Member]:
    """The accelerator's ports by name: the members of :class:`Accelerator`."""
    return {
        "ap_clk": In(1), "ap_rst_n": In(1),
        "s_axis_tdata": In(netlist.input.bus_bits), "s_axis_tvalid": In(1), "s_axis_tready": Out(1), "s_axis_tlast": In(1),
        "m_axis_tdata": Out(netlist.result.bits), "m_axis_tvalid": Out(1), "m_axis_tready": In(1), "m_axis_tlast": Out(1),
        **{f"s_axilite_{name}": member for name, member in _AXI.items()},
        "irq": Out(1),
    }


class Accelerator(wiring.Component):
    """A multi-exit network as one AXI-Stream accelerator.

    Images enter on ``s_axis``, each starting on a bus word; one result word per image leaves on ``m_axis``, ``tlast``
    with the last one of a batch of
    ``BATCH_LENGTH`` images. Easy images leave at early exits; their feature maps are dropped in the gates in one cycle.

    Where results have a field ``final`` (``netlist.anytime``), every exit that an image passes gives a word, in the order of the exits;
    batches, ids, ``tlast`` and all counters go by the final ones.

    Throughput is that of the slowest stage at the share of images that reach it. Latency differs per image and stands
    in the result's
    ``cycles``. Reset: ``ap_rst_n`` clears everything but thresholds of classes, which stay as they were written;
    ``CONTROL.soft_reset`` everything but the writable registers, and holds ``s_axis_tready`` and
    ``m_axis_tvalid`` low for sixteen cycles, but for a result that was on offer: that one stays, and ``s_axis_tready`` stays low, until it
    is taken or ``CONTROL.discard`` is written.

    Parameters
    ----------
    netlist : what to build

    Members
    -------
    ap_clk, ap_rst_n : clock; synchronous reset, active low
    s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tlast : images; batches go by count, ``tlast`` is looked at with
        ``CONTROL.check_tlast`` alone (:class:`hw.exits.arrivals.Arrivals`)
    m_axis_tdata, m_axis_tvalid, m_axis_tready, m_axis_tlast : results
    s_axilite_* : registers (``hw.control.register_map``)
    irq : high for one cycle, that after the one in which the last result of a batch was taken
    """

    def __init__(self, netlist: Netlist) -> None:
        check_exits(netlist)
        self.netlist = netlist
        self.registers = registers(netlist)
        super().__init__(ports(netlist))
        for name, attributes in interface_attributes(self.signature.members).items():
            getattr(self, name).attrs.update(attributes)

    def elaborate(self, platform: object) -> Elaboratable:
        # Core, registers and layers are all of one module: each unit stays a module of the top, under its own name there.
        return AcceleratorCore(self.netlist, beside=self._surround)

    def _surround(self, m: Module, core: AcceleratorCore) -> None:
        """What stands around the core."""
        m.domains.sync = sync = ClockDomain("sync")
        sync.clk = self.ap_clk
        m.d.comb += [
            sync.rst.eq(~self.ap_rst_n),
            core.images.payload.eq(self.s_axis_tdata),
            core.images.valid.eq(self.s_axis_tvalid),
            core.images_last.eq(self.s_axis_tlast),
            self.s_axis_tready.eq(core.images.ready),
            self.m_axis_tdata.eq(core.results.payload.word),
            self.m_axis_tlast.eq(core.results.payload.last),
            self.m_axis_tvalid.eq(core.results.valid),
            core.results.ready.eq(self.m_axis_tready),
            self.irq.eq(core.batch_done),
        ]
        bus = connect_registers(m, core, self.registers)
        for name, member in _AXI.items():
            inner, outer = getattr(bus, name), getattr(self, f"s_axilite_{name}")
            m.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        attach_layers(m, self.netlist, core, ResetInserter({"sync": core.core_reset}))
