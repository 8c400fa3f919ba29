"""A convolution with constant weights, its activation and its max pool, in one pipeline that nothing stops."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Shape, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layers import constant_products
from hw.layers.across_maximum import across_cycles, across_maximum
from hw.layers.adder_tree import adder_trees
from hw.layers.credits import Credits
from hw.layers.line_maximum import LineMaximum
from hw.layers.pipeline import later, later_flag
from hw.layers.row_aligner import RowAligner
from hw.layers.sliding_window import SlidingWindow
from hw.layers.static_shape import StaticShape, channel_plans, static_conv_error, used_multiples
from hw.layers.threshold_search import search_cycles, threshold_search
from hw.streams.fifo import Fifo

__all__ = ["StaticConv"]


class StaticConv(wiring.Component):
    """Convolves an NHWC frame stream with weights that are part of the hardware, ``pixels`` of its pixels a cycle; each output is
    ``out_min`` and how many of its channel's thresholds the sum reaches. A fused max pool takes the maximum.

    A fully connected layer is a convolution of a map of one pixel. Frames follow each other without any mark, and frames of output do
    not wait for the next frame of input.

    Latency: :attr:`latency` cycles from the beat (or the zero beyond an edge) that completes an output beat to it, and one more of a beat
    where a row aligner stands first. Throughput: a frame
    every ``cycles`` cycles. Reset: the next beat is the first of a frame, and what is inside is lost; the first frame's pixels wait for
    the rows of zeros above it. A consumer that stalls stops the input as soon as the output FIFO might not hold what is on its way, so
    no data path has an enable, and no output depends combinationally on an input.

    Parameters
    ----------
    height, width, channels : shape of a frame
    bits, signed : of an input value; 1 to 8 bits, two's complement with ``signed``
    weights : integers of at most 8 bits, as [output channel][kernel row][kernel column][channel]
    thresholds : integers as [output channel][threshold], equally many for each channel, not descending; None: sums are the output
    out_min : what a sum that reaches no threshold is; not used without thresholds
    out_bits, out_signed : of an output value
    kernel, stride, pad : (rows, columns); padding is the same above and below, left and right
    pool : (rows, columns) of a max pool whose windows touch; rows and columns left over are ignored; (1, 1): none
    behavioural : as in :func:`hw.add3.add3`
    pixels : pixels a beat, at most ``width``; divides ``height * width``. Where it does not divide ``width``, a row aligner stands first

    Raises ValueError for what :func:`hw.layers.static_shape.static_conv_error` refuses.

    Attributes
    ----------
    out_height, out_width, out_channels : shape of a frame of output, after the pool
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
        self, *, height: int, width: int, channels: int, bits: int, signed: bool, weights: Sequence[Any], thresholds: Sequence[Any] | None,
        out_min: int = 0, out_bits: int, out_signed: bool = False, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
        pad: tuple[int, int] = (0, 0), pool: tuple[int, int] = (1, 1), pixels: int = 1, behavioural: bool = False,
    ) -> None:
        error = static_conv_error(
            height=height, width=width, channels=channels, bits=bits, signed=signed, weights=weights, thresholds=thresholds,
            out_min=out_min, out_bits=out_bits, out_signed=out_signed, kernel=kernel, stride=stride, pad=pad, pool=pool, pixels=pixels)
        if error:
            raise ValueError(error)
        self.height = height
        self.width = width
        self.channels = channels
        self.bits = bits
        self.signed = signed
        self.weights = [[[[int(value) for value in column] for column in row] for row in weight] for weight in weights]
        self.thresholds = None if thresholds is None else [[int(value) for value in row] for row in thresholds]
        self.out_min = out_min
        self.out_bits = out_bits
        self.out_signed = out_signed
        self.kernel = kernel
        self.stride = stride
        self.pad = pad
        self.pool = pool
        self.pixels = pixels
        self.behavioural = behavioural
        self.shape = shape = StaticShape(height=height, width=width, kernel=kernel, stride=stride, pad=pad, pool=pool, pixels=pixels)
        self.out_height, self.out_width, self.out_channels = shape.out_height, shape.out_width, len(weights)
        self.lanes = shape.lanes
        self.in_beats, self.out_beats, self.cycles = shape.in_beats, shape.out_beats, shape.cycles
        self._plans = channel_plans(self.weights, bits, signed)
        self._levels = max(plan.depth for plan in self._plans)
        self._search = 0 if self.thresholds is None else search_cycles(len(self.thresholds[0]))
        inside = (SlidingWindow.LATENCY + constant_products.LATENCY + self._levels + across_cycles(shape.window_lanes, pool[1])
                  + self._search + (pool[0] > 1))
        self.latency = inside + 1
        # A credit comes back a cycle after its beat left, and is used in the next.
        self.depth = -(-(self.latency + 2) // self._every()) + 1
        self.credits = Credits(self.depth)
        super().__init__({
            "i": In(stream.Signature(pixels * channels * bits)),
            "o": Out(stream.Signature(shape.lanes * self.out_channels * out_bits)),
        })

    def _every(self) -> int:
        """Steps from one output beat to the next, at least."""
        steps = self.shape.ending_steps
        apart = steps[1] - steps[0] if len(steps) > 1 else 1
        return apart * max(1, self.pool[1] // self.shape.window_lanes)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        m.submodules.window = window = SlidingWindow(shape, self.channels * self.bits)
        m.submodules.results = results = Fifo(len(self.o.payload), self.depth)
        if shape.aligned:
            wiring.connect(m, wiring.flipped(self.i), window.i)
        else:
            m.submodules.aligner = aligner = RowAligner(self.height, self.width, self.pixels, self.channels * self.bits)
            wiring.connect(m, wiring.flipped(self.i), aligner.i)
            wiring.connect(m, aligner.o, window.i)
        wiring.connect(m, results.o, wiring.flipped(self.o))
        m.submodules.credits = credits = self.credits
        m.d.comb += [credits.take.eq(window.take), credits.back.eq(results.o.valid & results.o.ready), window.credit.eq(credits.credit)]

        valid, sums, shapes = self._sums(m, window)
        valid, sums = across_maximum(m, valid, sums, shapes, self.pool[1])
        if self.thresholds is None:
            bits, is_signed = self.out_bits, self.out_signed
            values = [value for lane in sums for value in lane]
        else:
            bits, is_signed = len(self.thresholds[0]).bit_length(), False
            values = [threshold_search(m, value, plan.total.least, plan.total.most, row)
                      for lane in sums for value, plan, row in zip(lane, self._plans, self.thresholds, strict=True)]
            valid = later_flag(m, valid, self._search)
        payload = Signal(len(values) * bits)
        m.d.comb += [payload.word_select(n, bits).eq(value) for n, value in enumerate(values)]
        found: Value = payload
        if self.pool[0] > 1:
            m.submodules.line = line = LineMaximum(
                beats=self.out_width // self.lanes, rows=self.pool[0], lanes=len(values), bits=bits, signed=is_signed)
            m.d.comb += [line.valid.eq(valid), line.values.eq(payload)]
            valid, found = line.o_valid, line.o_values
        m.d.comb += results.i.valid.eq(valid)
        for n in range(len(values)):
            value = found.word_select(n, bits)
            m.d.comb += results.i.payload.word_select(n, self.out_bits).eq(value if self.thresholds is None else value + self.out_min)
        return m

    def _sums(self, m: Module, window: SlidingWindow) -> tuple[Value, list[list[Value]], list[Shape]]:
        """Whether there are any, and the sums by lane and channel with their shapes by channel."""
        products = constant_products.constant_products(
            m, window.columns, window.step, shape=self.shape, channels=self.channels, bits=self.bits, signed=self.signed,
            used=used_multiples(self.shape, self.weights))
        shapes = [Shape.cast(range(plan.total.least, plan.total.most + 1)) for plan in self._plans]

        def of_lane(lane: int) -> list[Value]:
            def value(number: int, odd: int) -> Value:
                place, channel = divmod(number, self.channels)
                row, column = divmod(place, self.kernel[1])
                return products[row, channel, odd, self.shape.age(lane, column)]

            return [later(m, found, self._levels - plan.depth)
                    for found, plan in zip(adder_trees(m, self._plans, value, behavioural=self.behavioural), self._plans, strict=True)]

        valid = later_flag(m, window.complete, constant_products.LATENCY + self._levels)
        return valid, [of_lane(lane) for lane in range(self.shape.window_lanes)], shapes
