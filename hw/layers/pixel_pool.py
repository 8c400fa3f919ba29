"""A max pool that takes several pixels a beat, in one pipeline that nothing stops."""

from amaranth.hdl import Module, Shape, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layers.across_maximum import across_cycles, across_maximum
from hw.layers.credits import Credits
from hw.layers.line_maximum import LineMaximum
from hw.layers.row_aligner import RowAligner
from hw.layers.sliding_window import SlidingWindow
from hw.layers.static_shape import StaticShape
from hw.streams.fifo import Fifo

__all__ = ["PixelPool", "pool_depth", "pool_latency", "pool_shape"]


def pool_shape(*, height: int, width: int, kernel: tuple[int, int], pixels: int = 1) -> StaticShape:
    """What happens when: that of a convolution of 1x1 with such a pool. Raises ValueError for what is no shape that the unit takes."""
    return StaticShape(height=height, width=width, kernel=(1, 1), pool=kernel, pixels=pixels)


def pool_latency(shape: StaticShape) -> int:
    """Cycles from the beat that completes an output beat to it; behind a row aligner one more."""
    return SlidingWindow.LATENCY + across_cycles(shape.window_lanes, shape.pool[1]) + (shape.pool[0] > 1) + 1


def pool_depth(shape: StaticShape) -> int:
    """Beats that the output FIFO holds: those on their way, and those whose credit is."""
    every = max(1, shape.pool[1] // shape.window_lanes)
    # A credit comes back a cycle after its beat left, and is used in the next.
    return -(-(pool_latency(shape) + 2) // every) + 1


class PixelPool(wiring.Component):
    """The maximum over the windows of an NHWC frame stream that touch each other, ``pixels`` of its pixels a cycle; rows and columns that
    are left over are ignored.

    Frames follow each other without any mark, and frames of output do not wait for the next frame of input.

    Latency: :attr:`latency` cycles from the beat that completes an output beat to it, and one more where a row aligner stands first.
    Throughput: a frame every ``cycles`` cycles. Reset: the next beat is the first of a frame, and what is inside is lost. A consumer that
    stalls stops the input as soon as the output FIFO might not hold what is on its way, so no data path has an enable, and no output
    depends combinationally on an input.

    Parameters
    ----------
    height, width, channels : shape of a frame
    bits, signed : of a value; 1 to 8 bits, two's complement with ``signed``
    kernel : (rows, columns) of a window, and distance of windows
    pixels : pixels a beat, at most ``width``; divides ``height * width``. Where it does not divide ``width``, a row aligner stands first.
        It divides the kernel's columns or is a multiple of them

    Raises ValueError, one line, for what is no such pool.

    Attributes
    ----------
    out_height, out_width : shape of a frame of output
    lanes : output pixels a beat
    in_beats, out_beats : beats of a frame
    cycles : cycles from one frame to the next, where nothing waits
    latency : see above
    depth : beats that the output FIFO holds
    credits : what stops the input

    Members
    -------
    i : ``pixels`` pixels a beat, the first lowest; within a pixel channel 0 lowest
    o : ``lanes`` pixels a beat, in the same order
    """

    def __init__(
        self, *, height: int, width: int, channels: int, bits: int, signed: bool, kernel: tuple[int, int], pixels: int = 1,
    ) -> None:
        if channels < 1:
            raise ValueError(f"channels must be at least 1, not {channels}")
        if not 1 <= bits <= 8:
            raise ValueError(f"bits must be 1 to 8, not {bits}")
        self.height = height
        self.width = width
        self.channels = channels
        self.bits = bits
        self.signed = signed
        self.kernel = kernel
        self.pixels = pixels
        self.shape = shape = pool_shape(height=height, width=width, kernel=kernel, pixels=pixels)
        self.out_height, self.out_width, self.lanes = shape.out_height, shape.out_width, shape.lanes
        self.in_beats, self.out_beats, self.cycles = shape.in_beats, shape.out_beats, shape.cycles
        self.latency, self.depth = pool_latency(shape), pool_depth(shape)
        self.credits = Credits(self.depth)
        super().__init__({
            "i": In(stream.Signature(pixels * channels * bits)), "o": Out(stream.Signature(shape.lanes * channels * bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, bits = self.shape, self.bits
        m.submodules.window = window = SlidingWindow(shape, self.channels * bits)
        m.submodules.results = results = Fifo(len(self.o.payload), self.depth)
        m.submodules.credits = credits = self.credits
        if shape.aligned:
            wiring.connect(m, wiring.flipped(self.i), window.i)
        else:
            m.submodules.aligner = aligner = RowAligner(self.height, self.width, self.pixels, self.channels * bits)
            wiring.connect(m, wiring.flipped(self.i), aligner.i)
            wiring.connect(m, aligner.o, window.i)
        wiring.connect(m, results.o, wiring.flipped(self.o))
        m.d.comb += [credits.take.eq(window.take), credits.back.eq(results.o.valid & results.o.ready), window.credit.eq(credits.credit)]

        def value(place: int) -> Value:
            found = window.columns.word_select(place, bits)
            return found.as_signed() if self.signed else found

        pixels = [[value(pixel * self.channels + channel) for channel in range(self.channels)] for pixel in range(self.pixels)]
        valid, greatest = across_maximum(m, window.complete, pixels, [Shape(bits, self.signed)] * self.channels, self.kernel[1])
        values = [value for lane in greatest for value in lane]
        if self.kernel[0] == 1:
            m.d.comb += results.i.valid.eq(valid)
            m.d.comb += [results.i.payload.word_select(n, bits).eq(value) for n, value in enumerate(values)]
            return m
        m.submodules.line = line = LineMaximum(
            beats=self.out_width // self.lanes, rows=self.kernel[0], lanes=len(values), bits=bits, signed=self.signed)
        m.d.comb += [line.values.word_select(n, bits).eq(value) for n, value in enumerate(values)]
        m.d.comb += [line.valid.eq(valid), results.i.valid.eq(line.o_valid), results.i.payload.eq(line.o_values)]
        return m
