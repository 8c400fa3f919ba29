"""The sum of each channel over a whole frame."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.streams.delay_line import DelayLine
from hw.streams.fifo import Fifo

__all__ = ["GlobalAccPool"]


class GlobalAccPool(wiring.Component):
    """Adds up each channel over all pixels of a frame (global average pooling, without the division).

    The sums leave with the frame's last pixel; a whole frame of them may wait for the consumer while the next frame is added up.

    Latency: 1 cycle from a channel's last value to its sum. Throughput: one input beat a cycle, frames back to back; the input waits only
    at a frame's last pixel, while the sums of the frame before have not left. Reset: the next beat is the first of a frame, and sums
    that wait are lost.

    Parameters
    ----------
    pixels : pixels (height times width) of a frame
    channels : channels of a pixel
    pe : channels a beat; divides ``channels``
    bits : bits of an input value
    signed : whether values and sums are two's complement
    out_bits : bits of a sum, at least ``bits + ceil(log2(pixels))``, which is the default

    Members
    -------
    i : ``pixels * channels / pe`` beats a frame, ``pe`` values each
    o : ``channels / pe`` beats a frame, ``pe`` sums each
    """

    def __init__(self, pixels: int, channels: int, pe: int, bits: int, signed: bool, out_bits: int | None = None) -> None:
        for name, value in (("pixels", pixels), ("channels", channels), ("pe", pe), ("bits", bits)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, not {value}")
        if channels % pe:
            raise ValueError(f"pe must divide channels, not pe={pe}, channels={channels}")
        needed = bits + ceil_log2(pixels)
        if out_bits is not None and out_bits < needed:
            raise ValueError(f"out_bits must be at least {needed} for bits={bits}, pixels={pixels}, not {out_bits}")
        self.pixels = pixels
        self.channels = channels
        self.pe = pe
        self.bits = bits
        self.signed = signed
        self.out_bits = needed if out_bits is None else out_bits
        super().__init__({"i": In(stream.Signature(pe * bits)), "o": Out(stream.Signature(pe * self.out_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        folds = self.channels // self.pe
        needed = self.bits + ceil_log2(self.pixels)
        m.submodules.sums = sums = DelayLine(self.pe * needed, folds)
        m.submodules.results = results = Fifo(self.pe * self.out_bits, max(2, folds))
        fold = Signal(range(max(2, folds)))
        pixel = Signal(range(max(2, self.pixels)))
        step, ends = Signal(), Signal()
        m.d.comb += [
            ends.eq(pixel == self.pixels - 1),
            self.i.ready.eq(~ends | results.i.ready),
            step.eq(self.i.valid & self.i.ready),
            sums.step.eq(step),
            results.i.valid.eq(self.i.valid & ends),
        ]
        with m.If(step):
            m.d.sync += fold.eq(fold + 1)
            with m.If(fold == folds - 1):
                m.d.sync += [fold.eq(0), pixel.eq(Mux(ends, 0, pixel + 1))]

        outputs = []
        for n in range(self.pe):
            value, so_far = self.i.payload.word_select(n, self.bits), sums.q.word_select(n, needed)
            if self.signed:
                value, so_far = value.as_signed(), so_far.as_signed()
            total = Signal.like(so_far, name=f"total{n}")
            wide = Signal(type(so_far.shape())(self.out_bits, self.signed), name=f"sum{n}")
            m.d.comb += [
                total.eq(Mux(pixel == 0, 0, so_far) + value),
                wide.eq(total),
                sums.d.word_select(n, needed).eq(total),
            ]
            outputs.append(wide)
        m.d.comb += results.i.payload.eq(Cat(outputs))
        wiring.connect(m, results.o, wiring.flipped(self.o))
        return m
