"""Sizes, order of work and cycles of a shared convolution unit, without any gateware."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from hw.layers.dsp_packing import Packing, longest_chain
from hw.layers.lut_rows import longest_lut_chain

__all__ = ["ColumnVisit", "RowVisit", "SharedShape"]

TURN = 12
"""Cycles from a step to the first of those that may read the row written in the place of what it lets go."""


@dataclass(frozen=True, kw_only=True)
class RowVisit:
    """One row of convolution outputs: its valid kernel rows are ``taps`` from ``first_tap`` on, the first of which reads input row
    ``offset`` above the lowest row that is still kept. ``void``: all of them are padding, and one tap of zeros stands for them."""

    first_tap: int
    taps: int
    offset: int
    void: bool


@dataclass(frozen=True, kw_only=True)
class ColumnVisit:
    """One column of convolution outputs or two neighbours: kernel columns ``taps`` from ``first_tap`` on are valid for either; the first of
    them reads padded input column ``start`` for the first pixel. ``alone``: there is no second pixel."""

    first_tap: int
    taps: int
    start: int
    alone: bool


@dataclass(frozen=True, kw_only=True)
class SharedShape:
    """A convolution on chains of multipliers: its frame, kernel and pool, and how much of it is done at once.

    ``beat`` input channels enter at once, all of them or a part. ``pixels`` neighbouring outputs (2, or 1), ``outputs`` output channels and
    ``inputs`` input channels of a beat are done at once, a tap of the kernel a cycle; ``lanes`` sums of the result leave the accumulators a
    cycle. ``pad`` is above = below and left = right, ``pool`` the fused maximum of kernel = stride, left-over rows and columns ignored.
    Weights are narrow (:mod:`hw.layers.dsp_packing`). Multipliers are DSP48E1, or with ``lut`` look-up tables (:mod:`hw.layers.lut_rows`).
    With ``binary`` there are none: weights are -1 and 1 (``weight_bits`` 1), activations of 1 bit, and what agrees is counted
    (:mod:`hw.layers.bit_counts`); there is no padding then, for a step that is left out would have to count as one of zeros. With
    ``depthwise`` each output channel is the sum over its own input channel alone: there are as many of either, ``inputs`` and ``outputs``
    are the same channels, and weights are of one channel. Its multipliers are look-up tables.

    A fully connected layer has ``height = width = 1`` and a 1x1 kernel, and wants ``pixels = 1`` and the ``beat`` of the
    layer before. Raises ValueError, one line, for what the unit does not take.
    """

    height: int
    width: int
    channels: int
    beat: int
    out_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int]
    pool: tuple[int, int]
    bits: int
    signed: bool
    weight_bits: int
    pixels: int
    inputs: int
    outputs: int
    lanes: int
    lut: bool = False
    binary: bool = False
    depthwise: bool = False

    def __post_init__(self) -> None:
        for name in ("height", "width", "channels", "beat", "out_channels", "bits", "inputs", "outputs", "lanes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        for name, least in (("kernel", 1), ("stride", 1), ("pad", 0), ("pool", 1)):
            if min(getattr(self, name)) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.pixels not in (1, 2):
            raise ValueError(f"pixels must be 1 or 2, not {self.pixels}")
        if self.channels % self.beat:
            raise ValueError(f"beat must divide channels, not beat={self.beat}, channels={self.channels}")
        if self.inputs > self.beat:
            raise ValueError(f"inputs must be at most beat, not inputs={self.inputs}, beat={self.beat}")
        if reason := self._binary_error() or self._depthwise_error():
            raise ValueError(reason)
        if not self.lut and not self.binary and longest_chain(self.bits, self.signed, self.weight_bits, pixels=self.pixels) is None:
            raise ValueError(f"no DSP48E1 holds two products for bits={self.bits}, weight_bits={self.weight_bits}, pixels={self.pixels}")
        if self.outputs % self.packing.outputs:
            raise ValueError(f"outputs must be a multiple of {self.packing.outputs}, which share a DSP48E1, not {self.outputs}")
        if self.outputs % self.lanes:
            raise ValueError(f"lanes must divide outputs, not lanes={self.lanes}, outputs={self.outputs}")
        for side, size, kernel, pad in zip(("height", "width"), (self.height, self.width), self.kernel, self.pad, strict=True):
            if size + 2 * pad < kernel:
                raise ValueError(f"kernel must be at most the padded {side}, not kernel={kernel}, {side}={size}, pad={pad}")
        if min(self.out_height, self.out_width) < 1:
            raise ValueError(f"pool must be at most the convolution's {self.conv_height}x{self.conv_width}, not pool={self.pool}")

    def _binary_error(self) -> str | None:
        if not self.binary:
            return None
        wanted = {"bits": (self.bits, 1), "signed": (self.signed, False), "weight_bits": (self.weight_bits, 1), "pad": (self.pad, (0, 0)),
                  "lut": (self.lut, False)}
        return next((f"{name} must be {must} where weights and activations are bits, not {value}"
                     for name, (value, must) in wanted.items() if value != must), None)

    def _depthwise_error(self) -> str | None:
        if not self.depthwise:
            return None
        wanted = {"out_channels": (self.out_channels, self.channels), "beat": (self.beat, self.channels),
                  "outputs": (self.outputs, self.inputs), "lut": (self.lut, True), "binary": (self.binary, False)}
        return next((f"{name} must be {must} where each channel is convolved by itself, not {value}"
                     for name, (value, must) in wanted.items() if value != must), None)

    @property
    def conv_height(self) -> int:
        return (self.height + 2 * self.pad[0] - self.kernel[0]) // self.stride[0] + 1

    @property
    def conv_width(self) -> int:
        return (self.width + 2 * self.pad[1] - self.kernel[1]) // self.stride[1] + 1

    @property
    def out_height(self) -> int:
        return self.conv_height // self.pool[0]

    @property
    def out_width(self) -> int:
        return self.conv_width // self.pool[1]

    @cached_property
    def chain(self) -> tuple[int, Packing]:
        """The most products in a chain, and their packing; of bits, all of them."""
        if self.binary:
            return self.inputs, Packing(pixels=self.pixels, outputs=1, field=self.inputs.bit_length())
        if self.lut:
            return longest_lut_chain(self.bits, self.signed, self.weight_bits, pixels=self.pixels)
        found = longest_chain(self.bits, self.signed, self.weight_bits, pixels=self.pixels)
        assert found is not None
        return found

    @property
    def packing(self) -> Packing:
        return self.chain[1]

    @cached_property
    def chain_lengths(self) -> tuple[int, ...]:
        """Products of each of the chains that add up ``inputs`` channels: as few chains as hold them, of about the same length. Where a
        channel is convolved by itself there is one product."""
        if self.depthwise:
            return (1,)
        count = -(-self.inputs // self.chain[0])
        return tuple(self.inputs // count + (at < self.inputs % count) for at in range(count))

    @property
    def dsps(self) -> int:
        return 0 if self.lut or self.binary else self.inputs * self.outputs // self.packing.outputs

    @property
    def beat_groups(self) -> int:
        """Input groups of a beat."""
        return -(-self.beat // self.inputs)

    @property
    def input_groups(self) -> int:
        """Input groups of a pixel: those of its beats, one after the other."""
        return self.channels // self.beat * self.beat_groups

    @property
    def step_groups(self) -> int:
        """Input groups of which a visit reads each tap: all, or the one that gives its outputs."""
        return 1 if self.depthwise else self.input_groups

    @property
    def weights_each(self) -> int:
        """Weights that an input channel has in a step: one for each output, or of a depthwise convolution its own."""
        return 1 if self.depthwise else self.outputs

    @property
    def output_groups(self) -> int:
        return -(-self.out_channels // self.outputs)

    @property
    def weight_rows(self) -> int:
        """Rows of the weight memory: by output group, kernel row, kernel column, input group."""
        return self.output_groups * self.kernel[0] * self.kernel[1] * self.step_groups

    @property
    def weight_channels(self) -> int:
        """Input channels that weights are of."""
        return 1 if self.depthwise else self.channels

    @property
    def paired(self) -> bool:
        """Two pixels of the output, not of one pool window, are done at once."""
        return self.pixels == 2 and self.pool[1] == 1

    @property
    def slots(self) -> int:
        """Turns in which one pixel's or pool window's sums of an output group leave the accumulators."""
        return self.outputs // self.lanes

    @property
    def drain(self) -> int:
        """Cycles in which the sums of a visit leave the accumulators: visits end no closer to each other."""
        return self.slots * (2 if self.paired else 1)

    @property
    def units(self) -> int:
        """Output pixels of a row, or pairs of them."""
        return -(-self.out_width // 2) if self.paired else self.out_width

    @property
    def columns(self) -> int:
        """Visits side by side in a pool window."""
        return 1 if self.paired else -(-self.pool[1] // self.pixels)

    @property
    def row_visits(self) -> tuple[tuple[RowVisit, ...], ...]:
        """For each output row, the rows of its pool window."""
        return _row_visits(self.height, self.out_height, self.kernel[0], self.stride[0], self.pad[0], self.pool[0])

    @property
    def column_visits(self) -> tuple[tuple[ColumnVisit, ...], ...]:
        """For each output pixel of a row, or pair of them, the visits of its pool window."""
        return _column_visits(self.width, self.out_width, self.kernel[1], self.stride[1], self.pad[1], self.pool[1], self.pixels)

    @cached_property
    def bases(self) -> tuple[int, ...]:
        """For each output row, the lowest input row that is still kept."""
        return tuple(_base(row, self.height, self.stride[0], self.pad[0], self.pool[0]) for row in range(self.out_height))

    @cached_property
    def freed(self) -> tuple[int, ...]:
        """Input rows that are let go after each output row."""
        return tuple(after - base for base, after in zip(self.bases, (*self.bases[1:], self.height), strict=True))

    @cached_property
    def needed(self) -> tuple[int, ...]:
        """Input rows, from the lowest that is kept, that must be there before an output row begins."""
        found = []
        for row, base in enumerate(self.bases):
            bottom = ((row + 1) * self.pool[0] - 1) * self.stride[0] - self.pad[0] + self.kernel[0]
            # What is let go with a row, read or left over at the bottom, must have come by then.
            found.append(max(1, min(self.height, bottom) - base, self.freed[row]))
        return tuple(found)

    @cached_property
    def ring_rows(self) -> int:
        """Rows of the ring: those of an output row, and those that come meanwhile. These twice where the next rows come so late that they
        must not wait for room, and more where output rows are so short that what they let go is late."""
        columns = sum(map(sum, self._column_steps())) * self.step_groups * self.output_groups
        work = [max(sum(inside.taps for inside in row) * columns, self.units * self.drain) for row in self.row_visits]
        coming = max(self.freed) * self.width * self.input_groups
        ahead = 2 if (coming + TURN) * len(work) > sum(work) else 1
        return max(self.needed) + max(self.freed) * max(ahead, -(-TURN // min(work)))

    def _column_steps(self) -> list[list[int]]:
        return [[visit.taps for visit in unit] for unit in self.column_visits]

    def visits(self) -> Iterator[int]:
        """Steps of each visit of a frame, in order: output rows, pixels, output groups, rows and columns of the pool window."""
        columns = self._column_steps()
        for row in self.row_visits:
            for unit in columns:
                for _ in range(self.output_groups):
                    for inside in row:
                        for taps in unit:
                            yield inside.taps * taps * self.step_groups

    @cached_property
    def reader_cycles(self) -> int:
        """Cycles that the steps of a frame take: those of all visits, none shorter than the drain."""
        rows = Counter(inside.taps for row in self.row_visits for inside in row)
        columns = Counter(taps for unit in self._column_steps() for taps in unit)
        return self.output_groups * sum(
            max(down * across * self.step_groups, self.drain) * often * times
            for down, often in rows.items() for across, times in columns.items()
        )

    @property
    def cycles(self) -> int:
        """Cycles a frame, frames back to back, while nothing stalls: the steps', or those in which the input is written."""
        return max(self.reader_cycles, self.height * self.width * self.input_groups)

    @property
    def macs(self) -> int:
        """Multiply-accumulates a cycle."""
        return self.pixels * self.outputs * (1 if self.depthwise else self.inputs)

    def positions(self) -> Sequence[int]:
        """Padded input columns that a tap of the first pixel may read: as many as there are."""
        return range(max(visit.start + visit.taps for unit in self.column_visits for visit in unit))


def _base(row: int, height: int, stride: int, pad: int, pool: int) -> int:
    """The lowest input row that an output row needs."""
    return min(max(0, row * pool * stride - pad), height - 1)


@lru_cache(maxsize=4096)
def _row_visits(height: int, out_height: int, kernel: int, stride: int, pad: int, pool: int) -> tuple[tuple[RowVisit, ...], ...]:
    found = []
    for row in range(out_height):
        base = _base(row, height, stride, pad, pool)
        visits = []
        for inside in range(pool):
            top = (row * pool + inside) * stride - pad
            low, high = max(0, -top), min(kernel, height - top)
            if high <= low:
                visits.append(RowVisit(first_tap=0, taps=1, offset=0, void=True))
            else:
                visits.append(RowVisit(first_tap=low, taps=high - low, offset=top + low - base, void=False))
        found.append(tuple(visits))
    return tuple(found)


@lru_cache(maxsize=4096)
def _column_visits(
    width: int, out_width: int, kernel: int, stride: int, pad: int, pool: int, pixels: int,
) -> tuple[tuple[ColumnVisit, ...], ...]:
    paired = pixels == 2 and pool == 1
    found = []
    for unit in range(-(-out_width // 2) if paired else out_width):
        visits = []
        for inside in range(1 if paired else -(-pool // pixels)):
            column = unit * 2 if paired else unit * pool + inside * pixels
            end = out_width if paired else (unit + 1) * pool
            alone = pixels == 1 or column + 1 >= end
            taps = [tap for tap in range(kernel) for pixel in range(1 if alone else 2)
                    if 0 <= (column + pixel) * stride + tap - pad < width] or [0]
            visits.append(ColumnVisit(first_tap=min(taps), taps=max(taps) - min(taps) + 1, start=column * stride + min(taps), alone=alone))
        found.append(tuple(visits))
    return tuple(found)
