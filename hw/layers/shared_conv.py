"""A convolution on chains of multipliers, with its pool and thresholds, whose weights and thresholds are memory contents."""

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hw.layers.bit_sums import BitSums
from hw.layers.chain_sums import ChainSums, chain_delays, chain_latency
from hw.layers.pipeline import later_flag
from hw.layers.row_ring import RowRing
from hw.layers.shared_shape import SharedShape
from hw.layers.sum_drain import SumDrain, drain_latency, drained_layout
from hw.layers.tap_reader import TapReader
from hw.layers.weight_memory import WeightMemory
from hw.streams.fifo import Fifo

__all__ = ["SharedConv", "conv_latency", "output_depth"]


class SharedConv(wiring.Component):
    """Convolves frames, keeps the maximum of each pool window, and counts the thresholds that it reaches.

    Each output is exactly ``out_min`` plus the number of its channel's thresholds that are at most the maximum, over the pool window, of
    the sums of weights times inputs; inputs outside the frame are 0.

    A frame may follow the one before at once; rows enter while others are read. An output pixel (or pair) is begun only when there is
    room for it at the output, so nothing inside ever waits for ``o.ready``. Throughput: ``shape.cycles`` a frame while ``i`` offers and
    ``o`` takes every beat. Latency: a pixel comes some ``latency`` cycles after the last step of its pool window. Reset: all that has
    entered is forgotten, and the next beat is the first of a frame. ``i.ready`` and ``o.valid`` depend on no input.

    Where weights and activations are bits (``shape.binary``), how many agree is counted in place of sums, which is more by the weights of
    -1 of an output: its thresholds are moved by so many, so it must have some, and they cannot be exchanged.

    Parameters
    ----------
    shape : the convolution, and what of it is done at once
    weights : ``[output][kernel row][kernel column][channel]``, narrow (:func:`hw.layers.weight_memory.weight_rows`)
    thresholds : ``[output][step]``, not descending; None: the sums themselves are the output, in two's complement
    out_min : least output value; 0 without thresholds
    out_bits : bits of an output value, enough for each (else ValueError)
    exchangeable : accumulators hold the sums of any narrow weights, not only of ``weights``, and weights and thresholds are in memories
        whose contents may be exchanged (:mod:`hw.exchangeable`)
    block : where the weights are, as in :class:`hw.layers.weight_memory.WeightMemory`
    behavioural : as in :class:`hw.layers.dsp_chain.DspChain`

    Kept as attributes of these names, beside ``sum_bits``, ``latency`` and ``depth``, the pixels that have room at the output.

    Members
    -------
    i : ``height * width * channels / beat`` beats a frame, ``beat * bits`` bits each, channel 0 of a pixel first and lowest
    o : ``out_height * out_width`` beats a frame, a pixel of ``out_channels * out_bits`` bits each
    """

    def __init__(
        self, shape: SharedShape, *, weights: Sequence[Sequence[Sequence[Sequence[int]]]], thresholds: Sequence[Sequence[int]] | None,
        out_bits: int, out_min: int = 0, exchangeable: bool = False, block: bool | None = None,
        behavioural: bool = False,
    ) -> None:
        self.shape = shape
        self.weights = weights
        self.thresholds = thresholds
        self.out_min = out_min
        self.out_bits = out_bits
        self.exchangeable = exchangeable
        self.block = block
        self.behavioural = behavioural
        if shape.binary and (thresholds is None or exchangeable):
            raise ValueError("a binary shape must have thresholds, and cannot be exchangeable")
        self.sum_bits = _sum_bits(shape, weights, exchangeable)
        if thresholds is None:
            if out_min:
                raise ValueError(f"out_min must be 0 without thresholds, not {out_min}")
            if out_bits < self.sum_bits:
                raise ValueError(f"out_bits must be at least {self.sum_bits}, the sums' bits, not {out_bits}")
        else:
            if len(thresholds) != shape.out_channels:
                raise ValueError(f"thresholds must be of {shape.out_channels} channels, not of {len(thresholds)}")
            least, most = out_min, out_min + len(thresholds[0])
            if not (-(1 << (out_bits - 1)) <= least if least < 0 else most < 1 << out_bits) or (least < 0 and most >= 1 << (out_bits - 1)):
                raise ValueError(f"out_bits must hold values from {least} to {most}, not out_bits={out_bits}")
        steps = 0 if thresholds is None else len(thresholds[0])
        self.latency = conv_latency(shape, steps)
        self.depth = output_depth(shape, steps)
        super().__init__({
            "i": In(stream.Signature(shape.beat * shape.bits)), "o": Out(stream.Signature(shape.out_channels * out_bits)),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        m.submodules.ring = ring = RowRing(shape)
        m.submodules.reader = reader = TapReader(shape)
        m.submodules.weights = memory = WeightMemory(shape, self.weights, chain_delays(shape), block=self.block,
                                                     exchangeable=self.exchangeable)
        layout = drained_layout(shape)
        kind = BitSums if shape.binary else ChainSums
        m.submodules.sums = sums = kind(shape, self.sum_bits, layout.size, behavioural=self.behavioural)
        m.submodules.drain = drain = SumDrain(shape, self.sum_bits, self._limits(), self.out_min, self.out_bits,
                                              exchangeable=self.exchangeable)
        m.submodules.output = output = Fifo(shape.out_channels * self.out_bits, self.depth)
        wiring.connect(m, wiring.flipped(self.i), ring.i)
        wiring.connect(m, output.o, wiring.flipped(self.o))
        step = reader.step
        ends = Signal()
        m.d.comb += [
            ends.eq(reader.valid & step.last),
            reader.written.eq(ring.written), ring.freed.eq(Mux(ends, step.visit.freed, 0)),
            ring.valid.eq(reader.valid), ring.void.eq(step.void), ring.row.eq(step.row), ring.column.eq(step.column),
            ring.channel.eq(step.channel), memory.line.eq(step.line), memory.tap.eq(step.tap),
        ]
        visit = Signal(layout)
        m.d.comb += [getattr(visit, name).eq(getattr(step.visit, name)) for name in ("group", "first", "last", "alone")]
        first, last, tag = reader.valid & step.first, ends, visit.as_value()
        valid: Value = reader.valid
        for stage in range(4):      # as long as the ring and the weights take
            registers = [Signal.like(value, name=f"{name}{stage}", reset_less=name != "last")
                         for name, value in (("first", first), ("last", last), ("tag", tag))]
            m.d.sync += [register.eq(value) for register, value in zip(registers, (first, last, tag), strict=True)]
            first, last, tag = registers
            valid = later_flag(m, valid, 1) if shape.binary else valid
        if isinstance(sums, BitSums):
            m.d.comb += sums.valid.eq(valid)
        m.d.comb += [
            sums.first.eq(first), sums.last.eq(last), sums.tag.eq(tag), sums.a.eq(ring.q),
            *(to.eq(of) for to, of in zip(sums.w, memory.w, strict=True)),
            drain.done.eq(sums.done), drain.visit.as_value().eq(sums.told),
            *(to.eq(of) for to, of in zip(drain.sums, sums.sums, strict=True)),
            output.i.valid.eq(drain.valid), output.i.payload.eq(drain.o),
        ]
        self._credits(m, reader)
        return m

    def _limits(self) -> Sequence[Sequence[int]] | None:
        """The thresholds of what is added up."""
        if not self.shape.binary or self.thresholds is None:
            return self.thresholds
        less = [sum(value < 0 for line in kernel for tap in line for value in tap) for kernel in self.weights]
        return [[limit + by for limit in row] for row, by in zip(self.thresholds, less, strict=True)]

    def _credits(self, m: Module, reader: TapReader) -> None:
        most = 2 if self.shape.paired else 1
        credits, returned = Signal(range(self.depth + 1), init=self.depth), Signal()
        m.d.sync += [
            returned.eq(self.o.valid & self.o.ready),
            credits.eq(credits - reader.takes + returned),
            # ``takes`` comes late: only whether anything is taken counts here.
            reader.credit.eq(Mux(reader.takes.any(), credits >= 2 * most, credits >= most)),
        ]


def _sum_bits(shape: SharedShape, weights: Sequence[Sequence[Sequence[Sequence[int]]]], exchangeable: bool) -> int:
    """Bits of the accumulators, in which any part of a sum lies."""
    if shape.binary:    # counts, with the sign that drains look at
        return (shape.kernel[0] * shape.kernel[1] * shape.channels).bit_length() + 1
    low, high = (-(1 << (shape.bits - 1)), (1 << (shape.bits - 1)) - 1) if shape.signed else (0, (1 << shape.bits) - 1)
    if exchangeable:
        most = shape.kernel[0] * shape.kernel[1] * shape.weight_channels * ((1 << (shape.weight_bits - 1)) - 1) * max(high, -low)
        least = -most
    else:
        flat = [[int(value) for line in kernel for tap in line for value in tap] for kernel in weights]
        sums = [(sum(value for value in row if value > 0), -sum(value for value in row if value < 0)) for row in flat]
        most = max(above * high - below * low for above, below in sums)
        least = min(above * low - below * high for above, below in sums)
    return max(most.bit_length(), 1, (-least - 1).bit_length() if least < 0 else 0) + 1


def conv_latency(shape: SharedShape, thresholds: int) -> int:
    """Cycles from the last step of a pool window to its pixel, with so many ``thresholds`` a channel (0: none)."""
    return 4 + chain_latency(shape) + 1 + drain_latency(shape, thresholds) + 2


def output_depth(shape: SharedShape, thresholds: int) -> int:
    """Pixels that the output has room for: what is under way, what is begun, and what comes back late."""
    beats = 2 if shape.paired else 1
    return beats * (2 + -(-(conv_latency(shape, thresholds) + 8) // _shortest_unit(shape)))


def _shortest_unit(shape: SharedShape) -> int:
    """The fewest cycles that an output pixel, or pair, takes."""
    rows = min(sum(inside.taps for inside in row) for row in shape.row_visits)
    columns = min(sum(visit.taps for visit in unit) for unit in shape.column_visits)
    visits = shape.output_groups * shape.pool[0] * shape.columns
    return max(rows * columns * shape.input_groups * shape.output_groups, visits * shape.drain)
