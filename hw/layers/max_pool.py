"""Max pooling of a streamed feature map."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.streams.delay_line import DelayLine

__all__ = ["MaxPool"]


def _lane_max(a: Value, b: Value, *, pe: int, bits: int, is_signed: bool) -> Value:
    """Maximum of two beats, lane by lane."""
    lanes = []
    for n in range(pe):
        x, y = a.word_select(n, bits), b.word_select(n, bits)
        above = x.as_signed() > y.as_signed() if is_signed else x > y
        lanes.append(Mux(above, x, y))
    return Cat(lanes)


class _LineMax(wiring.Component):
    """Max pooling along one axis of a stream of ``length`` positions with ``inner`` beats each.

    Windows that overlap are followed at once: partial maximum ``q`` belongs to the ``q``-th newest window. A window's result is ready with
    its last position, so partials left by earlier rows or frames, which only stand where no window ends yet, never come out.
    """

    def __init__(self, *, length: int, inner: int, pe: int, bits: int, is_signed: bool, kernel: int, stride: int) -> None:
        self._length = length
        self._inner = inner
        self._lanes: dict[str, Any] = {"pe": pe, "bits": bits, "is_signed": is_signed}
        self._kernel = kernel
        self._stride = stride
        super().__init__({"i": In(stream.Signature(pe * bits)), "o": Out(stream.Signature(pe * bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat = Signal(range(max(2, self._inner)))
        position = Signal(range(max(2, self._length)))
        phase = Signal(range(max(2, self._stride)))     # position in the newest window, which starts at phase 0
        step, ends = Signal(), Signal()
        # Verilator warns of a comparison that always holds.
        filled = position >= self._kernel - 1 if self._kernel > 1 else Const(1)
        m.d.comb += [
            ends.eq(filled & (phase == (self._kernel - 1) % self._stride)),
            self.i.ready.eq(~ends | ~self.o.valid | self.o.ready),
            step.eq(self.i.valid & self.i.ready),
        ]
        with m.If(step):
            m.d.sync += beat.eq(beat + 1)
            with m.If(beat == self._inner - 1):
                m.d.sync += [beat.eq(0), position.eq(position + 1), phase.eq(phase + 1)]
                with m.If(phase == self._stride - 1):
                    m.d.sync += phase.eq(0)
                with m.If(position == self._length - 1):
                    m.d.sync += [position.eq(0), phase.eq(0)]

        x = self.i.payload
        starts = phase == 0
        older: Value | None = None      # of the window before, as it stood before this position
        result: Value = x
        last = (self._kernel - 1) // self._stride
        for q in range(last + 1):
            # With (kernel - 1) % stride == 0 the oldest window ends where it becomes the oldest: nothing of it has to be kept.
            kept = None
            if q < last or (self._kernel - 1) % self._stride:
                m.submodules[f"partial{q}"] = kept = DelayLine(len(x), self._inner)
            if kept is None:
                before = older
            elif older is None:
                before = kept.q
            else:
                before = Mux(starts, older, kept.q)
            value = x if before is None else _lane_max(before, x, **self._lanes)
            if q == 0 and kept is not None:
                value = Mux(starts, x, value)
            if kept is not None:
                m.d.comb += [kept.step.eq(step), kept.d.eq(value)]
                older = kept.q
            result = value
        with m.If(~self.o.valid | self.o.ready):
            m.d.sync += self.o.valid.eq(step & ends)
        with m.If(step & ends):
            m.d.sync += self.o.payload.eq(result)
        return m


class MaxPool(wiring.Component):
    """Two-dimensional max pooling of an NHWC frame stream, without padding; what is left over at the right and at the bottom is ignored.

    Frames follow each other without any mark; each output beat leaves with the last beat of its window, in NHWC order. Windows may
    overlap (``kernel > stride``), touch, or leave gaps.

    Latency: 2 cycles from the last beat of a window to its output beat. Throughput: one input beat a cycle; a stalled output holds the
    input only when the next output beat is complete. Reset: the next beat is the first of a frame. ``i.ready`` depends combinationally
    on ``o.ready``.

    Memory: ``ceil((kernel - 1) / stride)``, those of the height, partial rows of ``out_width * channels`` values.

    Parameters
    ----------
    height, width, channels : shape of a frame
    pe : channels a beat; divides ``channels``
    bits : bits of a value
    signed : whether values are two's complement
    kernel : side of the window, or (height, width) of it, at most ``height`` and ``width``
    stride : distance of windows, at least 1, or (that of rows, that of columns)

    Kept as attributes of these names, ``kernel`` and ``stride`` as pairs, beside ``out_height`` and ``out_width``.

    Members
    -------
    i : ``height * width * channels / pe`` beats a frame
    o : ``out_height * out_width * channels / pe`` beats a frame
    """

    def __init__(
        self, height: int, width: int, channels: int, pe: int, bits: int, signed: bool, kernel: int | tuple[int, int],
        stride: int | tuple[int, int],
    ) -> None:
        kernels, strides = ((size, size) if isinstance(size, int) else size for size in (kernel, stride))
        sizes = {"height": (height,), "width": (width,), "channels": (channels,), "pe": (pe,), "bits": (bits,),
                 "kernel": kernels, "stride": strides}
        for name, values in sizes.items():
            for value in values:
                if value < 1:
                    raise ValueError(f"{name} must be at least 1, not {value}")
        if channels % pe:
            raise ValueError(f"pe must divide channels, not pe={pe}, channels={channels}")
        if kernels[0] > height or kernels[1] > width:
            raise ValueError(f"kernel must be at most height and width, not kernel={kernel}, height={height}, width={width}")
        self.height = height
        self.width = width
        self.channels = channels
        self.pe = pe
        self.bits = bits
        self.signed = signed
        self.kernel = kernels
        self.stride = strides
        self.out_height = (height - kernels[0]) // strides[0] + 1
        self.out_width = (width - kernels[1]) // strides[1] + 1
        super().__init__({"i": In(stream.Signature(pe * bits)), "o": Out(stream.Signature(pe * bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        folds = self.channels // self.pe
        lanes: dict[str, Any] = {"pe": self.pe, "bits": self.bits, "is_signed": self.signed}
        (rows, columns), (by_rows, by_columns) = self.kernel, self.stride
        m.submodules.across = across = _LineMax(length=self.width, inner=folds, kernel=columns, stride=by_columns, **lanes)
        m.submodules.down = down = _LineMax(length=self.height, inner=self.out_width * folds, kernel=rows, stride=by_rows, **lanes)
        wiring.connect(m, wiring.flipped(self.i), across.i)
        wiring.connect(m, across.o, down.i)
        wiring.connect(m, down.o, wiring.flipped(self.o))
        return m
