"""Weights of a shared convolution, a row a step, as chains of multipliers take them."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.exchangeable import exchangeable_memory
from hw.layers.dsp_packing import packed_weights
from hw.layers.lookup import look_up
from hw.layers.shared_shape import SharedShape

__all__ = ["DISTRIBUTED", "WeightMemory", "each_its_own", "weight_rows"]

DISTRIBUTED = 64
"""The deepest memory that is look-up tables: 64 rows are one a bit."""


def weight_rows(shape: SharedShape, weights: Sequence[Sequence[Sequence[Sequence[int]]]]) -> list[list[list[tuple[int, ...]]]]:
    """``[row][input][multiplier]``: what is stored (:func:`hw.layers.dsp_packing.packed_weights`) for each input channel and multiplier (a
    DSP48E1 with all its outputs, or an output's look-up tables) of a step, for ``weights[output][kernel row][kernel column][channel]``.
    Rows are in the order of output group, kernel row, kernel column, input group; a depthwise ``shape`` has weights of one channel, and a
    row those of as many outputs. Channels beyond those of a beat and outputs beyond the
    last are zeros. Of a binary ``shape`` a weight is 1 for 1 and 0 for -1, and beyond the last 1, which no activation of 0 agrees with.
    Raises ValueError for weights of another shape, or that are not narrow, or not -1 and 1.
    """
    top = (1 << (shape.weight_bits - 1)) - (not shape.binary)
    sizes = (shape.out_channels, *shape.kernel, shape.weight_channels)
    found = (len(weights), len(weights[0]), len(weights[0][0]), len(weights[0][0][0]))
    if found != sizes:
        raise ValueError(f"weights must be {' x '.join(map(str, sizes))}, not {' x '.join(map(str, found))}")
    for output, kernel in enumerate(weights):
        for value in (value for line in kernel for tap in line for value in tap):
            if shape.binary and value not in (-1, 1):
                raise ValueError(f"weights must be -1 or 1, not {value} (output {output})")
            if not -top <= value <= top:
                raise ValueError(f"weights must be from {-top} to {top} with weight_bits={shape.weight_bits}, "
                                 f"not {value} (output {output})")

    def weight(output: int, row: int, column: int, group: int, at: int) -> int:
        beat, part = divmod(group, shape.beat_groups)
        inside = part * shape.inputs + at
        exists = output < shape.out_channels and inside < shape.beat
        if shape.binary:
            return int(not exists or weights[output][row][column][beat * shape.beat + inside] > 0)
        return int(weights[output][row][column][beat * shape.beat + inside]) if exists else 0

    if shape.depthwise:
        return [
            [[(int(weights[output][row][column][0]) if output < shape.out_channels else 0,)]
             for output in range(group * shape.outputs, (group + 1) * shape.outputs)]
            for group in range(shape.output_groups) for row in range(shape.kernel[0]) for column in range(shape.kernel[1])
        ]
    together = shape.packing.outputs
    return [
        [[packed_weights([weight(group * shape.outputs + at + n, row, column, inputs, channel) for n in range(together)])
          for at in range(0, shape.outputs, together)] for channel in range(shape.inputs)]
        for group in range(shape.output_groups) for row in range(shape.kernel[0]) for column in range(shape.kernel[1])
        for inputs in range(shape.input_groups)
    ]


def each_its_own(weights: Sequence[Sequence[Sequence[Sequence[int]]]]) -> list[list[list[list[int]]]]:
    """Of ``weights[output][kernel row][kernel column][channel]`` those of each output's own channel: what a depthwise shape takes."""
    return [[[[int(tap[output])] for tap in line] for line in kernel] for output, kernel in enumerate(weights)]


class WeightMemory(wiring.Component):
    """Gives the weights of each step, those of every input channel as many cycles late as its place in the chains asks for.

    Channels of the same delay share a memory, so that only addresses are delayed. In front of multipliers in look-up tables a memory has a
    register behind it, for block RAM takes 2.5 ns by itself and tables up to 4 LUTs; DSP slices have their own.

    Latency: 4 cycles and the channel's delay from the address. Throughput: one step a cycle. Reset: weights of earlier addresses may
    be others.

    Parameters
    ----------
    shape : the convolution
    weights : ``[output][kernel row][kernel column][channel]`` (:func:`weight_rows`)
    delays : cycles for each of the ``shape.inputs`` channels
    block : read synchronously, for block RAM, or else look-up tables; None: look-up tables up to :data:`DISTRIBUTED` rows
    exchangeable : the contents may be exchanged (:mod:`hw.exchangeable`): synthesis chooses where they are

    Members
    -------
    line, tap : the step, as :func:`hw.layers.tap_reader.step_layout` has it
    w : for each channel, the stored weights of all its multipliers, the lowest output lowest (``shape.weights_each`` of them)
    """

    def __init__(self, shape: SharedShape, weights: Sequence[Sequence[Sequence[Sequence[int]]]], delays: Sequence[int], *,
                 block: bool | None = None, exchangeable: bool = False) -> None:
        if len(delays) != shape.inputs:
            raise ValueError(f"delays must be one for each of {shape.inputs} inputs, not {len(delays)}")
        self.shape = shape
        self.delays = tuple(delays)
        self.exchangeable = exchangeable
        self.block = shape.weight_rows > DISTRIBUTED if block is None else block
        self._rows = weight_rows(shape, weights)
        super().__init__({
            "line": In(range(shape.output_groups << (shape.kernel[0] - 1).bit_length())),
            "tap": In(range(max(2, shape.kernel[1] * shape.step_groups))),
            "w": Out(shape.weights_each * shape.weight_bits).array(shape.inputs),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.shape
        line_rows = shape.kernel[1] * shape.step_groups
        lines = 1 << (shape.kernel[0] - 1).bit_length()
        starts = [(at // lines * shape.kernel[0] + min(at % lines, shape.kernel[0] - 1)) * line_rows for at in range(len(self.line_range))]
        start, tap = Signal(range(max(2, shape.weight_rows)), reset_less=True), Signal.like(self.tap, reset_less=True)
        address = Signal(range(max(2, shape.weight_rows)), reset_less=True)
        m.d.sync += [start.eq(look_up(starts, self.line)), tap.eq(self.tap), address.eq(start + tap)]
        distributed = not self.block
        later, behind = [address], int(shape.lut)
        reads = (2 if distributed else 1) - behind
        for at in range(max(self.delays) + reads):
            # With a reset, what a memory reads is no shift register, whose output comes late.
            following = Signal.like(address, name=f"address{at}", reset_less=at + 1 - reads not in self.delays)
            m.d.sync += following.eq(later[-1])
            later.append(following)
        for delay in sorted(set(self.delays)):
            channels = [channel for channel, own in enumerate(self.delays) if own == delay]
            width, rows = len(channels) * shape.weights_each * shape.weight_bits, [self._joined(row, channels) for row in self._rows]
            if self.exchangeable:
                memory = exchangeable_memory(f"weights{delay}", width, rows)
            else:
                memory = Memory(shape=width, depth=max(2, len(rows)), init=rows, attrs={"rom_style": "block"} if self.block else {})
            m.submodules[f"weights{delay}"] = memory
            # Read synchronously the memory has a register of its own in the place of the last one.
            read = memory.read_port(domain="comb" if distributed else "sync")
            m.d.comb += read.addr.eq(later[delay + reads])
            if not distributed:
                m.d.comb += read.en.eq(1)
            found: Value = read.data
            if behind:
                register = Signal(width, name=f"read{delay}", reset_less=True)
                m.d.sync += register.eq(found)
                found = register
            m.d.comb += Cat(self.w[channel] for channel in channels).eq(found)
        return m

    @property
    def line_range(self) -> range:
        return range(self.shape.output_groups << (self.shape.kernel[0] - 1).bit_length())

    def _joined(self, row: Sequence[Sequence[tuple[int, ...]]], channels: Sequence[int]) -> int:
        bits = self.shape.weight_bits
        values = [value for channel in channels for slice_ in row[channel] for value in slice_]
        return sum((value % (1 << bits)) << (at * bits) for at, value in enumerate(values))
