"""Accelerators for the design in a simulator, in the clock domain that they are put into: there a clock that passes through a signal comes
late. Each says what its results have to be."""

from dataclasses import replace
from functools import lru_cache, partial
from unittest.mock import patch

from amaranth.hdl import Fragment, Module, Mux, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.accelerator import Accelerator, ports, registers
from hw.control.axi_lite import AxiLiteRegisters
from hw.control.register_map import ADDR_WIDTH
from hw.layers.dataflow import attach_layers
from hw.zynq.zynq_design import ZynqDesign
from sim.accelerator.images import pack
from sim.golden import Exit, decide
from sim.result_word import unpack
from tests import toy
from tests.hw.toy_core import toy_layers


class ToyAccelerator(Accelerator):
    """The accelerator of ``netlist`` with layers made by ``unit``."""

    def __init__(self, netlist, unit):
        super().__init__(netlist)
        self._unit = unit

    def elaborate(self, platform):
        with patch("hw.accelerator.attach_layers", partial(attach_layers, unit=self._unit)):
            fragment = Fragment.get(super().elaborate(platform), platform)
        del fragment.domains["sync"]
        return ResetInserter(~self.ap_rst_n)(fragment)

    def expected(self, images):
        """(label, exit) of each image."""
        exits = [Exit(index=item.index, policy=item.policy, threshold=item.threshold, params=item.params) for item in self.netlist.exits]
        want = decide(toy.logits(images, self.netlist), exits)
        return list(zip(want.label.tolist(), want.exit.tolist(), strict=True))

    def results(self, words):
        """The same of a batch's result words, by the image that they are of."""
        found = unpack(words, self.netlist.result)
        waiting = {}
        for place, ident in enumerate(found["id"].tolist()):
            waiting.setdefault(ident, []).append(place)
        ids = 1 << next(field.width for field in self.netlist.result.fields if field.name == "id")
        places = (waiting[n % ids].pop(0) for n in range(len(words)))
        return [(int(found["label"][place]), int(found["exit"][place])) for place in places]


class PlainAccelerator(wiring.Component):
    """Has the ports and some registers of the accelerator of ``netlist``, and gives the sum of each image's words, one at a time; while a
    sum is on offer it takes nothing. Quick to simulate."""

    def __init__(self, netlist):
        self.netlist = netlist
        self.registers = [replace(item, fields=item.fields[:3]) if item.name == "CONTROL" else item for item in registers(netlist)
                          if item.name in ("ID", "BUILD", "CONTROL", "BATCH_LENGTH")]
        super().__init__(ports(netlist))

    def elaborate(self, platform):
        inside = Module()
        inside.submodules.registers = bank = AxiLiteRegisters(self.registers, ADDR_WIDTH)
        for name, member in bank.bus.signature.members.items():
            inner, outer = getattr(bank.bus, name), getattr(self, f"s_axilite_{name}")
            inside.d.comb += inner.eq(outer) if member.flow == In else outer.eq(inner)
        words = self.words(toy.images(1, seed=0))
        total, left, rest = Signal(32), Signal(range(len(words)), init=len(words) - 1), Signal(32)
        done, closed = Signal(), Signal(5, init=16)
        taken, given = self.s_axis_tvalid & self.s_axis_tready, self.m_axis_tvalid & self.m_axis_tready
        inside.d.comb += self.s_axis_tready.eq(~self.m_axis_tvalid & (closed == 0))
        inside.d.sync += [self.irq.eq(given & self.m_axis_tlast), closed.eq(closed - (closed != 0))]
        with inside.If(given):
            inside.d.sync += self.m_axis_tvalid.eq(0)
        with inside.If(taken):
            inside.d.sync += [total.eq(total + self.s_axis_tdata), left.eq(left - 1)]
            with inside.If(left == 0):
                inside.d.sync += [left.eq(len(words) - 1), total.eq(0), self.m_axis_tdata.eq((total + self.s_axis_tdata)[:32]),
                                  self.m_axis_tvalid.eq(1), self.m_axis_tlast.eq(done), rest.eq(Mux(done, 0, rest + 1))]
        inside.d.comb += done.eq(rest == bank.batch_length - 1)
        with inside.If(bank.control_soft_reset):
            inside.d.sync += [total.eq(0), left.eq(len(words) - 1), rest.eq(0), closed.eq(16), self.m_axis_tvalid.eq(0)]
        return ResetInserter(~self.ap_rst_n)(inside)

    def words(self, images):
        return [int.from_bytes(word.tobytes(), "little") for image in pack(images, self.netlist.input.bus_bits) for word in image]

    def expected(self, images):
        return [sum(self.words(images[n:n + 1])) % (1 << 32) for n in range(len(images))]

    def results(self, words):
        return words


@lru_cache(maxsize=2)
def toy_design(**shape):
    """A design with the toy accelerator in it; the same one for the same shape, which need not be compiled again."""
    netlist, unit = toy_layers(**shape)
    return ZynqDesign(netlist, ToyAccelerator(netlist, unit))


@lru_cache(maxsize=2)
def plain_design(**shape):
    """As ``toy_design``, with the plain one."""
    netlist = toy.build(None, units={}, **shape)
    return ZynqDesign(netlist, PlainAccelerator(netlist))
