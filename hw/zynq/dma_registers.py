"""Memory reader and writer, the accelerator's reset and the interrupt, as registers."""

from typing import Any

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.axi_lite import AxiLiteRegisters, AxiLiteSignature
from hw.zynq.dma_map import ADDR_WIDTH, LENGTH_BITS, dma_registers
from hw.zynq.transfer import Fault

__all__ = ["ChannelSignature", "DmaRegisters"]


class ChannelSignature(wiring.Signature):
    """What starts and watches the transfers of a reader or a writer.

    Members: ``start``, ``address``, ``length``, ``abort``, ``busy`` and ``error`` as those of
    :class:`~hw.zynq.stream_reader.StreamReader`; ``written`` (of a writer, else 0): words taken; ``owed``: memory owes something;
    ``moved``: it takes or gives something in this cycle.
    """

    def __init__(self) -> None:
        super().__init__({
            "start": Out(1), "address": Out(32), "length": Out(LENGTH_BITS), "abort": Out(1),
            "busy": In(1), "error": In(Fault), "written": In(LENGTH_BITS), "owed": In(1), "moved": In(1),
        })


class DmaRegisters(wiring.Component):
    """The registers of :mod:`hw.zynq.dma_map`, and what they do.

    Latency: commands are there in the cycle in which their write is answered (``bvalid``); an event is told by ``INTERRUPTS`` one cycle
    later and by ``irq`` two; the counts of silent cycles begin 2 cycles after the last movement. Throughput: that of
    :class:`~hw.control.axi_lite.AxiLiteRegisters`. Reset: registers take their initial values, no interrupt, nothing held in reset.
    ``abort`` with ``start`` of one channel in one write: only the abort is given.

    Parameters
    ----------
    reader_bits, writer_bits : bits of the words, which BUS tells

    Members
    -------
    bus : In(AxiLiteSignature(12))
    reader, writer : Out(ChannelSignature())
    hold : Out(1), the accelerator shall be in reset
    in_reset, missed : In(1), it is; an access to its registers was answered in its place
    batch_done : In(1), for one cycle: its last result of a batch was taken
    hp0_rcount, hp0_wcount, hp0_racount, hp0_wacount : In, as of :class:`~hw.zynq.ps7.Ps7`
    irq : Out(1), high while an interrupt that is enabled has not been cleared
    """

    def __init__(self, reader_bits: int, writer_bits: int) -> None:
        self.registers = dma_registers(reader_bits, writer_bits)
        super().__init__({
            "bus": In(AxiLiteSignature(ADDR_WIDTH)), "reader": Out(ChannelSignature()), "writer": Out(ChannelSignature()),
            "hold": Out(1), "in_reset": In(1), "missed": In(1), "batch_done": In(1),
            "hp0_rcount": In(8), "hp0_wcount": In(8), "hp0_racount": In(3), "hp0_wacount": In(6), "irq": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.registers = bank = AxiLiteRegisters(self.registers, ADDR_WIDTH)
        wiring.connect(m, wiring.flipped(self.bus), bank.bus)
        ends = []
        for name in ("reader", "writer"):
            ends.append(self._channel(m, bank, name))
        sticky = {"missed": self.missed, "bad_address": bank.unmapped}
        for name, event in sticky.items():
            seen = Signal(name=name)
            m.d.sync += seen.eq((seen & ~bank.control_clear) | event)
            m.d.comb += getattr(bank, f"status_{name}").eq(seen)
        m.d.comb += [
            self.hold.eq(bank.reset), bank.status_in_reset.eq(self.in_reset),
            *(getattr(bank, f"hp0_{name}").eq(getattr(self, f"hp0_{name}")) for name in ("rcount", "wcount", "racount", "wacount")),
            bank.writer_words.eq(self.writer.written),
        ]
        names = ("batch", "reader", "writer")
        pending, enabled, cleared = Signal(len(names)), *(
            Cat(getattr(bank, f"{register}_{name}") for name in names) for register in ("interrupts_enable", "interrupts_clear"))
        m.d.sync += [pending.eq((pending & ~cleared) | Cat(self.batch_done, *ends)), self.irq.eq((pending & enabled).any())]
        m.d.comb += [getattr(bank, f"interrupts_{name}").eq(bit) for name, bit in zip(names, pending, strict=True)]
        return m

    def _channel(self, m: Module, bank: Any, name: str) -> Signal:
        """Joins a channel to its registers; whether its transfer has just ended."""
        channel = getattr(self, name)
        was_busy, ended, waits = (Signal(name=f"{name}_{what}") for what in ("was_busy", "ended", "waits"))
        silent = Signal.like(getattr(bank, f"{name}_silent"))
        start, abort = getattr(bank, f"control_{name}_start"), getattr(bank, f"control_{name}_abort")
        m.d.comb += [
            channel.start.eq(start & ~abort), channel.abort.eq(abort),
            channel.address.eq(getattr(bank, f"{name}_address")), channel.length.eq(getattr(bank, f"{name}_length")),
            getattr(bank, f"status_{name}_busy").eq(channel.busy), getattr(bank, f"status_{name}_error").eq(channel.error),
            getattr(bank, f"{name}_silent").eq(silent),
            ended.eq(was_busy & ~channel.busy),
        ]
        m.d.sync += [
            was_busy.eq(channel.busy),
            waits.eq(channel.owed & ~channel.moved),
            # Its highest bit, once set, stays until something moves.
            silent.eq(Mux(waits, silent + ~silent[-1], 0)),
        ]
        return ended
