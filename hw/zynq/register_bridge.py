"""The way from a Zynq-7000's processor to registers."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.axi_lite import AxiLiteSignature
from hw.zynq.axi3 import Axi3Signature, Response
from hw.zynq.burst_address import BurstAddress

__all__ = ["Page", "RegisterBridge"]


@dataclass(frozen=True)
class Page:
    """The ``1 << addr_width`` bytes (4 KiB to 1 GiB, which is all that GP0 reaches) at address ``base``, a multiple of their number."""

    base: int
    addr_width: int = 12

    def __post_init__(self) -> None:
        if not 12 <= self.addr_width <= 30:
            raise ValueError(f"addr_width of a page must be from 12 to 30, not {self.addr_width}")
        if self.base not in range(0, 1 << 32, self.bytes):
            raise ValueError(f"base must be a multiple of the page's {self.bytes:#x} bytes below 2**32, not {self.base:#x}")

    @property
    def bytes(self) -> int:
        """The page's size."""
        return 1 << self.addr_width

    def overlaps(self, other: "Page") -> bool:
        """Whether some address is in both."""
        return self.base < other.base + other.bytes and other.base < self.base + self.bytes


class RegisterBridge(wiring.Component):
    """Hands accesses from AXI3 (ARM IHI 0022C) on to AXI4-Lite subordinates, each in a page of its own.

    Takes every burst of 1 to 16 beats, FIXED, INCR and WRAP, of beats of 1, 2 or 4 bytes, one burst at a time for each direction; reads
    and writes know nothing of each other. A beat is one access of a subordinate's word, whose address is given without its low two bits:
    a beat written has the strobes of the bus, of a beat read the manager takes its bytes, so what reading a word sets off a narrow burst
    sets off with every beat. Data to be written may come before, with or after its address, in the order of the addresses (interleaving
    depth 1: ``wid`` and ``wlast`` are not looked at); the first beat is taken even before the address, the next one when that is done.
    An answer has its burst's ID, each beat read its own response, a burst written the worst of its beats'. Where there is no page, each
    beat read is 0 and DECERR, a burst written is answered DECERR after all its beats, and no subordinate is reached. ``lock`` is not
    looked at: an exclusive access is an ordinary one, and is answered OKAY, which says so.

    An access that is not answered freezes the processor. The bridge answers each one if its subordinate does, and asks of that: it takes
    address and data, in any order, and answers once, after both, in bounded time, whatever state the unit behind it is in; an offered
    answer stays; EXOKAY is none; it is in reset only while the bridge is. So a soft reset must not strike what has the bus in it:
    :class:`~hw.control.axi_lite.AxiLiteRegisters` outside that reset answers in any case, while in it they would take accesses and forget
    them.

    Latency: a subordinate is asked 2 cycles after the address was taken, and to write no sooner than 2 cycles after the data was; its
    answer is on offer one cycle after it came. With AxiLiteRegisters that is 5 cycles from address (or data) to answer. Throughput: with
    these a beat read takes 4 cycles and a beat written 5, a burst read 2 more and a burst written 1 more. Where there is no page, each
    beat takes 2 cycles less. All outputs come from registers, without a gate between. Reset: from its second cycle on nothing is taken,
    and an access that is offered waits. One under way is forgotten: so reset the bridge only while the processor has none.

    Parameters
    ----------
    pages : mapping of str to Page
        One at least, by the name of its member; none may overlap.
    id_bits : int
        Bits of an ID, 12 at the processing system.

    Members
    -------
    bus : In(Axi3Signature(32, id_bits))
        The processor's side.
    *name* : Out(AxiLiteSignature(page.addr_width))
        One for each page. Address and data are the same at all of them, and mean something where ``valid`` is high.
    """

    def __init__(self, pages: Mapping[str, Page], id_bits: int = 12) -> None:
        if not pages:
            raise ValueError("there must be a page")
        for name in pages:
            if not name.isidentifier() or hasattr(RegisterBridge, name) or name in ("bus", "pages", "id_bits"):
                raise ValueError(f"a page cannot be called {name!r}")
        for (name, page), (other, another) in combinations(pages.items(), 2):
            if page.overlaps(another):
                raise ValueError(f"pages must not overlap: {name} at {page.base:#x} and {other} at {another.base:#x}")
        self.pages = MappingProxyType(dict(pages))
        self.id_bits = id_bits
        super().__init__({
            "bus": In(Axi3Signature(32, id_bits)),
            **{name: Out(AxiLiteSignature(page.addr_width)) for name, page in pages.items()},
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._read(m)
        self._write(m)
        return m

    def _read(self, m: Module) -> None:
        bus = self.bus
        m.submodules.read_address = beat = BurstAddress()
        here, hit = self._pages(m, beat, "read")
        taken, given = bus.arvalid & bus.arready, bus.rvalid & bus.rready
        m.d.comb += [beat.start.eq(taken), beat.addr.eq(bus.araddr), beat.len.eq(bus.arlen), beat.size.eq(bus.arsize),
                     beat.burst.eq(bus.arburst), beat.step.eq(given)]

        # Started, asked, on offer; then asked again, or done.
        started, asked, ask, answered = (Signal(name=f"read_{name}") for name in ("started", "asked", "ask", "answered"))
        rid = Signal(self.id_bits, reset_less=True)
        m.d.comb += bus.rid.eq(rid)
        m.d.comb += [ask.eq(started | given & ~bus.rlast), answered.eq(asked & self._answer(hit, "rvalid"))]
        m.d.sync += [
            started.eq(taken),
            asked.eq(ask | asked & ~answered),
            bus.rvalid.eq(answered | bus.rvalid & ~bus.rready),
            # Self-starting, so that nothing is taken in reset.
            bus.arready.eq(given & bus.rlast | ~(started | asked | bus.rvalid | taken)),
        ]
        with m.If(bus.arready):
            m.d.sync += rid.eq(bus.arid)
        # What is there in the last cycle of asking is the answer.
        with m.If(asked):
            m.d.sync += [bus.rlast.eq(beat.last), bus.rdata.eq(self._chosen(hit, "rdata")),
                         bus.rresp.eq(self._chosen(hit, "rresp") | Mux(hit.any(), 0, Response.DECERR))]
        for place, name in enumerate(self.pages):
            port = getattr(self, name)
            m.d.comb += [port.araddr.eq(self._word(beat, name)), port.rready.eq(asked)]
            m.d.sync += port.arvalid.eq(ask & here[place] | port.arvalid & ~port.arready)

    def _write(self, m: Module) -> None:
        bus = self.bus
        m.submodules.write_address = beat = BurstAddress()
        here, hit = self._pages(m, beat, "write")
        busy, full, asked, ask, answered = (Signal(name=f"write_{name}") for name in ("busy", "full", "asked", "ask", "answered"))
        taken, filled, given = bus.awvalid & bus.awready, bus.wvalid & bus.wready, bus.bvalid & bus.bready
        m.d.comb += [beat.start.eq(taken), beat.addr.eq(bus.awaddr), beat.len.eq(bus.awlen), beat.size.eq(bus.awsize),
                     beat.burst.eq(bus.awburst), beat.step.eq(answered)]

        wdata, wstrb, bid = Signal(32, reset_less=True), Signal(4, reset_less=True), Signal(self.id_bits, reset_less=True)
        m.d.comb += [
            ask.eq(busy & full & ~asked & ~bus.bvalid),
            answered.eq(asked & self._answer(hit, "bvalid")),
            bus.bid.eq(bid),
        ]
        m.d.sync += [
            busy.eq(taken | busy & ~given),
            full.eq(filled | full & ~answered),
            asked.eq(ask | asked & ~answered),
            bus.bvalid.eq(answered & beat.last | bus.bvalid & ~bus.bready),
            # Self-starting, so that nothing is taken in reset.
            bus.awready.eq(given | ~(busy | taken)),
            bus.wready.eq(answered | ~(full | filled)),
        ]
        with m.If(bus.wready):
            m.d.sync += [wdata.eq(bus.wdata), wstrb.eq(bus.wstrb)]
        with m.If(bus.awready):
            m.d.sync += [bid.eq(bus.awid), bus.bresp.eq(Response.OKAY)]
        with m.Elif(answered):
            # Of OKAY, SLVERR and DECERR the bits of the worst are those of all together.
            m.d.sync += bus.bresp.eq(bus.bresp.as_value() | self._chosen(hit, "bresp") | Mux(hit.any(), 0, Response.DECERR))
        for place, name in enumerate(self.pages):
            port = getattr(self, name)
            m.d.comb += [port.awaddr.eq(self._word(beat, name)), port.wdata.eq(wdata), port.wstrb.eq(wstrb), port.bready.eq(asked)]
            m.d.sync += [port.awvalid.eq(ask & here[place] | port.awvalid & ~port.awready),
                         port.wvalid.eq(ask & here[place] | port.wvalid & ~port.wready)]

    def _pages(self, m: Module, beat: BurstAddress, name: str) -> tuple[Signal, Signal]:
        """For each page whether the beat is in it, and the same one cycle later: no burst leaves its 4 KiB, so all its beats are."""
        here, hit = Signal(len(self.pages), name=f"{name}_here"), Signal(len(self.pages), name=f"{name}_hit", reset_less=True)
        m.d.comb += here.eq(Cat(beat.address[page.addr_width:] == page.base >> page.addr_width for page in self.pages.values()))
        m.d.sync += hit.eq(here)
        return here, hit

    def _answer(self, hit: Signal, valid: str) -> Value:
        """The answer of the page that is ``hit`` is there, or there is none to wait for."""
        return self._chosen(hit, valid).any() | ~hit.any()

    def _chosen(self, hit: Signal, member: str) -> Value:
        """The input of the page that is ``hit``; 0 where none is."""
        chosen: Value = Cat()
        for which, name in zip(hit, self.pages, strict=True):
            value = getattr(getattr(self, name), member)
            chosen = chosen | value & which.replicate(len(value))
        return chosen

    def _word(self, beat: BurstAddress, name: str) -> Value:
        """The beat's word in the page ``name``."""
        return beat.address[2:self.pages[name].addr_width] << 2
