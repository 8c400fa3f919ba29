"""All that is in the programmable logic of a Zynq-7000: accelerator, memory reader and writer, and the way to their registers."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Any

from amaranth.hdl import Cat, ClockSignal, Module, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.accelerator import ports
from hw.control.register_map import ADDR_WIDTH
from hw.netlist import Netlist
from hw.streams.fifo import Fifo
from hw.zynq.axi3 import Axi3Signature
from hw.zynq.black_box import BlackBox
from hw.zynq.dma_map import ADDR_WIDTH as DMA_ADDR_WIDTH
from hw.zynq.dma_map import LENGTH_BITS
from hw.zynq.dma_registers import DmaRegisters
from hw.zynq.register_bridge import Page, RegisterBridge
from hw.zynq.reset_guard import ResetGuard
from hw.zynq.stream_reader import StreamReader
from hw.zynq.stream_writer import StreamWriter

__all__ = ["PAGES", "ZynqDesign"]

PAGES = MappingProxyType({"accelerator": Page(0x43C0_0000, ADDR_WIDTH), "dma": Page(0x4040_0000, DMA_ADDR_WIDTH)})
"""Where the processor finds registers: the accelerator's (``hw.control.register_map``) and the others (:mod:`hw.zynq.dma_map`)."""


class ZynqDesign(wiring.Component):
    """The accelerator between memory and the processor: everything but the processing system and its clock.

    The reader gives images from memory to the accelerator, with TLAST where a transfer ends; the writer puts its results into memory, up
    to the last one of a batch. Both, and the accelerator's reset, are ruled by the registers of :class:`DmaRegisters`; accesses elsewhere
    are answered DECERR. The registers of an accelerator in reset read as 0 (:class:`ResetGuard`).

    A transfer that is to end early: both aborts in one write of CONTROL, RESET = 1, wait until neither channel is busy and the
    accelerator is in reset, RESET = 0, and write the accelerator's registers anew: it begins with those of its netlist. An abort of the
    reader never takes a word back from an accelerator that is not in reset: the one or two words that are on their way stay there until
    they are taken, or RESET drops them, and until then the reader is busy. So the two writes may come in any order. With the accelerator's
    own soft reset in place of RESET its registers keep their values: then it comes once neither channel is busy, and another one
    before where the reader stays so, as its words are taken then.

    Throughput: that of accelerator, reader and writer: a word of up to 64 bits a cycle each way. Latency: theirs, and 1 cycle between
    reader and accelerator.
    Reset: everything; as it forgets what memory still owes, it may come only where nothing is under way at the ports.

    Parameters
    ----------
    netlist : of the accelerator
    accelerator : what stands in its place, a component with its ports (:func:`hw.accelerator.ports`). None: an instance
        of the module ``accelerator``, whose sources are added to the design

    Members
    -------
    gp0 : In(Axi3Signature(32, 12)), the processor's accesses
    hp0 : Out(Axi3Signature(64, 6)), accesses to memory
    hp0_rcount, hp0_wcount, hp0_racount, hp0_wacount : In, as of :class:`~hw.zynq.ps7.Ps7`
    irq : Out(1), the interrupt, by level
    """

    def __init__(self, netlist: Netlist, accelerator: wiring.Component | None = None) -> None:
        self.netlist = netlist
        self.accelerator = accelerator or BlackBox("accelerator", ports(netlist))
        super().__init__({
            "gp0": In(Axi3Signature(32, 12)), "hp0": Out(Axi3Signature(64, 6)),
            "hp0_rcount": In(8), "hp0_wcount": In(8), "hp0_racount": In(3), "hp0_wacount": In(6), "irq": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge = bridge = RegisterBridge(PAGES)
        m.submodules.guard = guard = ResetGuard(PAGES["accelerator"].addr_width)
        m.submodules.dma = dma = DmaRegisters(self.netlist.input.bus_bits, self.netlist.result.bits)
        wiring.connect(m, wiring.flipped(self.gp0), bridge.bus)
        wiring.connect(m, bridge.accelerator, guard.bus)
        wiring.connect(m, bridge.dma, dma.bus)
        m.d.comb += [
            guard.hold.eq(dma.hold), dma.in_reset.eq(~guard.rst_n), dma.missed.eq(guard.missed), self.irq.eq(dma.irq),
            *(getattr(dma, name).eq(getattr(self, name)) for name in ("hp0_rcount", "hp0_wcount", "hp0_racount", "hp0_wacount")),
        ]

        m.submodules.reader = reader = StreamReader(self.netlist.input.bus_bits, length_bits=LENGTH_BITS)
        m.submodules.writer = writer = StreamWriter(self.netlist.result.bits, length_bits=LENGTH_BITS)
        # A word on offer to the accelerator is out of the reader's hands: an abort does not take it back, and what takes it comes late.
        images = Fifo(self.netlist.input.bus_bits + 1, 2)
        m.submodules.images = ResetInserter(~guard.rst_n)(images)
        self._control(m, dma.reader, reader, ("ar", "r"))
        self._control(m, dma.writer, writer, ("aw", "w", "b"))
        m.d.comb += [
            images.i.payload.eq(reader.o.payload), images.i.valid.eq(reader.o.valid & guard.rst_n),
            reader.o.ready.eq(images.i.ready & guard.rst_n),
            dma.reader.busy.eq(reader.busy | images.o.valid), dma.writer.busy.eq(writer.busy), dma.writer.written.eq(writer.written),
        ]

        m.submodules.accelerator = accelerator = self.accelerator
        m.d.comb += [
            accelerator.ap_clk.eq(ClockSignal()), accelerator.ap_rst_n.eq(guard.rst_n), dma.batch_done.eq(accelerator.irq),
            Cat(accelerator.s_axis_tdata, accelerator.s_axis_tlast).eq(images.o.payload),
            accelerator.s_axis_tvalid.eq(images.o.valid), images.o.ready.eq(accelerator.s_axis_tready),
            writer.i.payload.word.eq(accelerator.m_axis_tdata), writer.i.payload.last.eq(accelerator.m_axis_tlast),
            writer.i.valid.eq(accelerator.m_axis_tvalid), accelerator.m_axis_tready.eq(writer.i.ready),
        ]
        for name, member in guard.inner.signature.members.items():
            inner, outer = getattr(guard.inner, name), getattr(accelerator, f"s_axilite_{name}")
            m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
        return m

    def _control(self, m: Module, channel: Any, unit: Any, channels: Sequence[str]) -> None:
        """Joins reader or writer to what rules it, and to the ``channels`` of the port that it has."""
        for name, member in unit.axi.signature.members.items():
            inner, outer = getattr(unit.axi, name), getattr(self.hp0, name)
            m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
        m.d.comb += [
            *(getattr(unit, name).eq(getattr(channel, name)) for name in ("start", "address", "length", "abort")),
            *(getattr(channel, name).eq(getattr(unit, name)) for name in ("error", "owed")),
            channel.moved.eq(Cat(getattr(unit.axi, f"{name}valid") & getattr(unit.axi, f"{name}ready") for name in channels).any()),
        ]
