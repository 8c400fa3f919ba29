"""Shapes, cycles, limits and counts of :class:`hw.layers.static_conv.StaticConv`, without hardware."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, product
from typing import Any

from hw.layers.sum_plan import SumPlan, plan_sums, registers, signed_digits, value_bits

__all__ = ["MOST_KERNEL", "MOST_MACS", "StaticShape", "StaticTerms", "channel_plans", "static_conv_cycles", "static_conv_error",
           "static_terms", "used_multiples", "value_range"]

MOST_KERNEL = 7
"""The longest side of a kernel that spans more than one pixel of its map; a kernel of 1 takes any number of channels."""

MOST_MACS = 5200
"""The most weights times lanes of one unit: more take Yosys and a placer too long. One of 5,000 (b_lenet's third convolution, trained, some
22,000 LUTs before pairing) keeps Yosys busy for minutes."""


_ALIGNER = 3
"""Bits of the row aligner for each bit of a beat: two beats at its output, and less than one that is left of the beat before."""


def value_range(bits: int, signed: bool) -> tuple[int, int]:
    """The least and the greatest value of ``bits`` bits."""
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1)


@dataclass(frozen=True, kw_only=True)
class StaticShape:
    """What happens when, for maps of ``height`` by ``width``, taken ``pixels`` at a time; pairs are (rows, columns).

    A *step* is ``pixels`` columns of one row; where they do not divide the width, what the last one has beyond the row is zeros. After
    each row's steps come those of zeros that complete its right padding and the next row's left padding, after each frame's rows as many
    of zeros, which are the next frame's upper padding too. Raises ValueError for what is no shape that the unit takes.
    """

    height: int
    width: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    pool: tuple[int, int] = (1, 1)
    pixels: int = 1

    def __post_init__(self) -> None:
        error = self._error()
        if error:
            raise ValueError(error)

    def _error(self) -> str | None:
        sizes = {"height": (self.height,), "width": (self.width,), "kernel": self.kernel, "stride": self.stride, "pool": self.pool,
                 "pixels": (self.pixels,)}
        for name, values in sizes.items():
            for value in values:
                if value < 1:
                    return f"{name} must be at least 1, not {value}"
        if min(self.pad) < 0:
            return f"pad must be at least 0, not {min(self.pad)}"
        if max(self.kernel) > MOST_KERNEL:
            return f"kernel must be at most {MOST_KERNEL}, not {max(self.kernel)}"
        for name, size, at in (("height", self.height, 0), ("width", self.width, 1)):
            kernel, pad = self.kernel[at], self.pad[at]
            if pad >= kernel:
                return f"pad must be less than kernel, not pad={self.pad}, kernel={self.kernel}"
            if size + 2 * pad < kernel:
                return f"kernel must be at most {name} and its padding, not kernel={self.kernel}, {name}={size}, pad={self.pad}"
            if (size + 2 * pad - kernel) // self.stride[at] + 1 < self.pool[at]:
                return (f"pool must be at most the windows of {name}, "
                        f"not pool={self.pool}, windows={(size + 2 * pad - kernel) // self.stride[at] + 1}")
        if self.pixels > self.width:
            return f"pixels must be at most width, not pixels={self.pixels}, width={self.width}"
        if self.height * self.width % self.pixels:
            return f"pixels must divide the map's pixels, not pixels={self.pixels}, height={self.height}, width={self.width}"
        if self.pad[1] and not self.pad[0] and self.row_steps == self.real_steps:
            # Zeros of its own have to come before the first row behind a reset.
            return (f"pixels must leave a step of zeros after each row where only columns are padded, "
                    f"not pixels={self.pixels}, width={self.width}, pad={self.pad}")
        stride, pool = self.stride[1], self.pool[1]
        if self.pixels % stride and stride % self.pixels:
            return f"pixels must divide the stride of columns or be a multiple of it, not pixels={self.pixels}, stride={self.stride}"
        lanes = max(1, self.pixels // stride)
        if lanes % pool and pool % lanes:
            return (f"windows a step must divide the pool's columns or be a multiple of them, "
                    f"not pixels={self.pixels}, stride={self.stride}, pool={self.pool}")
        if self.out_width % self.lanes:
            return f"lanes must divide the output's width, not lanes={self.lanes}, width={self.out_width}, pixels={self.pixels}"
        return None

    @property
    def out_height(self) -> int:
        """Rows that come out, after the pool."""
        return ((self.height + 2 * self.pad[0] - self.kernel[0]) // self.stride[0] + 1) // self.pool[0]

    @property
    def out_width(self) -> int:
        """Columns that come out, after the pool."""
        return ((self.width + 2 * self.pad[1] - self.kernel[1]) // self.stride[1] + 1) // self.pool[1]

    @property
    def window_lanes(self) -> int:
        """Windows that are complete with one step."""
        return max(1, self.pixels // self.stride[1])

    @property
    def lanes(self) -> int:
        """Output pixels a beat."""
        return max(1, self.window_lanes // self.pool[1])

    @property
    def aligned(self) -> bool:
        """Whether each row begins with a beat as it comes in."""
        return self.width % self.pixels == 0

    @property
    def in_beats(self) -> int:
        """Beats of a frame at the input."""
        return self.height * self.width // self.pixels

    @property
    def out_beats(self) -> int:
        """Beats of a frame at the output."""
        return self.out_height * self.out_width // self.lanes

    @property
    def real_steps(self) -> int:
        """Steps of a row that have pixels, before those of zeros alone."""
        return -(-self.width // self.pixels)

    @property
    def row_steps(self) -> int:
        """Steps of a row."""
        return -(-(self.width + self.pad[1]) // self.pixels)

    @property
    def rows(self) -> int:
        """Rows of a frame, those of zeros included, which come last."""
        return self.height + self.pad[0]

    @property
    def cycles(self) -> int:
        """Cycles from one frame to the next, where nothing waits: one for each step."""
        return self.rows * self.row_steps

    @property
    def row_windows(self) -> int:
        """Steps of a row that complete windows which anything comes out of."""
        return self.out_width * self.pool[1] // self.window_lanes

    @property
    def window_rows(self) -> int:
        """Rows that complete windows which anything comes out of."""
        return self.out_height * self.pool[0]

    def _reach(self) -> tuple[int, int]:
        """Rows and columns from a window's upper left corner, the padding deducted, to where it ends."""
        return self.kernel[0] - 1 - self.pad[0], self.kernel[1] - 1 - self.pad[1]

    @property
    def ending_rows(self) -> tuple[int, ...]:
        """Numbers of the rows that complete windows, in order."""
        return tuple(self._reach()[0] + row * self.stride[0] for row in range(self.window_rows))

    @property
    def ending_steps(self) -> tuple[int, ...]:
        """Numbers of a row's steps that complete windows, in order."""
        first = ((self.window_lanes - 1) * self.stride[1] + self._reach()[1]) // self.pixels
        every = max(1, self.stride[1] // self.pixels)
        return tuple(first + every * at for at in range(self.row_windows))

    def age(self, lane: int, column: int) -> int:
        """How many columns before the last of a step's that completes windows lies column ``column`` of window ``lane``'s kernel."""
        newest = (self.ending_steps[0] + 1) * self.pixels - 1
        end = lane * self.stride[1] + self._reach()[1]
        return newest - end + self.kernel[1] - 1 - column


def used_multiples(shape: StaticShape, weights: Sequence[Any]) -> dict[tuple[int, int, int], list[int]]:
    """Odd multiples that the sums read: (kernel row, channel, odd multiple) to the ages of the columns that are kept of it, in order.

    A step's own columns have ages 0 to ``pixels - 1``; others come from the one ``pixels`` younger, which is kept for them.
    """
    found: dict[tuple[int, int, int], set[int]] = {}
    for row, column in product(range(shape.kernel[0]), range(shape.kernel[1])):
        for channel in range(len(weights[0][0][0])):
            odds = {digit.odd for weight in weights for digit in signed_digits(weight[row][column][channel])}
            for odd, lane in product(odds, range(shape.window_lanes)):
                found.setdefault((row, channel, odd), set()).update(range(shape.age(lane, column), -1, -shape.pixels))
    return {key: sorted(found[key]) for key in sorted(found)}


def flat(weight: Sequence[Sequence[Sequence[int]]]) -> list[int]:
    """One output channel's weights in a row: rows, then columns, then input channels."""
    return [int(value) for row in weight for column in row for value in column]


def channel_plans(weights: Sequence[Any], bits: int, signed: bool) -> list[SumPlan]:
    """The sum of each output channel."""
    return list(_channel_plans(tuple(tuple(flat(weight)) for weight in weights), bits, signed))


@lru_cache(maxsize=64)
def _channel_plans(weights: tuple[tuple[int, ...], ...], bits: int, signed: bool) -> tuple[SumPlan, ...]:
    """A search asks for the same sums with every number of pixels, and they take long to plan."""
    return tuple(plan_sums(weights, *value_range(bits, signed)))


def static_conv_cycles(*, height: int, width: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), pad: tuple[int, int] = (0, 0),
                       pool: tuple[int, int] = (1, 1), pixels: int = 1) -> int:
    """Cycles from one frame to the next, where nothing waits. Raises ValueError for what is no shape that the unit takes."""
    return StaticShape(height=height, width=width, kernel=kernel, stride=stride, pad=pad, pool=pool, pixels=pixels).cycles


def static_conv_error(
    *, height: int, width: int, channels: int, bits: int, signed: bool, weights: Sequence[Any], thresholds: Sequence[Any] | None,
    out_min: int = 0, out_bits: int, out_signed: bool = False, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int] = (0, 0), pool: tuple[int, int] = (1, 1), pixels: int = 1,
) -> str | None:
    """Why these parameters of StaticConv are refused, in one line, or None."""
    try:
        shape = StaticShape(height=height, width=width, kernel=kernel, stride=stride, pad=pad, pool=pool, pixels=pixels)
    except ValueError as error:
        return str(error)
    for name, value in (("channels", channels), ("weights", len(weights))):
        if value < 1:
            return f"{name} must be at least 1, not {value}"
    for name, value in (("bits", bits), ("out_bits", out_bits)):
        if not 1 <= value <= (8 if name == "bits" or thresholds is not None else 32):
            return f"{name} must be 1 to {8 if name == 'bits' or thresholds is not None else 32}, not {value}"
    for weight in weights:
        if len(weight) != kernel[0] or any(len(row) != kernel[1] or any(len(column) != channels for column in row) for row in weight):
            return f"weights must be {kernel[0]} rows of {kernel[1]} columns of {channels} channels for each output channel"
    values = [value for weight in weights for value in flat(weight)]
    for value in values:
        if not -128 <= value <= 127:
            return f"weights must have at most 8 bits (-128 to 127), not be {value}"
    macs = len(values) * shape.window_lanes
    if macs > MOST_MACS:
        return f"weights times windows a step must be at most {MOST_MACS}, not {macs} ({len(values)} weights, {shape.window_lanes} windows)"
    least, most = value_range(out_bits, out_signed)
    if thresholds is None:
        reach = [[sorted(value * end for end in value_range(bits, signed)) for value in flat(weight)] for weight in weights]
        low, high = min(sum(low for low, _ in row) for row in reach), max(sum(high for _, high in row) for row in reach)
        if low < least or high > most:
            return f"out_bits must hold sums from {low} to {high}, not out_bits={out_bits}, out_signed={out_signed}"
        return None
    return _threshold_error(thresholds, len(weights), out_min, least, most)


def _threshold_error(thresholds: Sequence[Any], channels: int, out_min: int, least: int, most: int) -> str | None:
    if len(thresholds) != channels:
        return f"thresholds must be given for each output channel, not for {len(thresholds)} of {channels}"
    steps = {len(row) for row in thresholds}
    if len(steps) != 1 or 0 in steps:
        return f"thresholds must be equally many for each output channel, at least 1, not {sorted(steps)}"
    for channel, row in enumerate(thresholds):
        if any(a > b for a, b in pairwise(row)):
            return f"thresholds must not descend, those of output channel {channel} do"
    if out_min < least or out_min + len(thresholds[0]) > most:
        return f"outputs from {out_min} to {out_min + len(thresholds[0])} must fit between {least} and {most}"
    return None


@dataclass(frozen=True, kw_only=True)
class StaticTerms:
    """What a cost model of a unit may count; bits are those of the whole unit, all lanes together.

    ``multiples``: how many 3a, 5a and 7a are computed, ``multiple_bits`` the bits of their adders, ``tap_bits`` flip-flops of the window
    with its multiples and of the row aligner before it, ``adder_bits`` and ``sum_bits`` the bits of the trees' adders and registers,
    ``adders`` how many there are of each number of bits, ``line_bits`` by ``line_depth`` the line memory, ``search_bits`` the bits
    compared in threshold searches, ``search_steps`` their steps, ``pool_bits`` the bits of sums compared before them, ``row_bits`` by
    ``row_depth`` the pool's line.
    """

    macs: int
    zeros: int
    digits: int
    multiples: int
    multiple_bits: int
    tap_bits: int
    adder_bits: int
    sum_bits: int
    adders: dict[int, int]
    levels: int
    line_bits: int
    line_depth: int
    search_bits: int
    search_steps: int
    pool_bits: int
    row_bits: int
    row_depth: int
    out_bits: int


def static_terms(
    *, height: int, width: int, channels: int, bits: int, signed: bool, weights: Sequence[Any], thresholds: Sequence[Any] | None,
    out_min: int = 0, out_bits: int, out_signed: bool = False, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1),
    pad: tuple[int, int] = (0, 0), pool: tuple[int, int] = (1, 1), pixels: int = 1,
) -> StaticTerms:
    """Counts of the unit with these parameters, which must be such as StaticConv takes."""
    shape = StaticShape(height=height, width=width, kernel=kernel, stride=stride, pad=pad, pool=pool, pixels=pixels)
    plans = channel_plans(weights, bits, signed)
    least, most = value_range(bits, signed)
    used = used_multiples(shape, weights)
    shared = [odd for _, _, odd in used if odd > 1]
    nodes = registers(plans)
    adders = Counter(node.adder_bits for node in nodes if len(node.parts) > 1)
    sums = [value_bits(plan.total.least, plan.total.most) for plan in plans]
    steps = len(thresholds[0]).bit_length() if thresholds is not None else 0
    values = [value for weight in weights for value in flat(weight)]
    return StaticTerms(
        macs=len(values) * shape.window_lanes,
        zeros=values.count(0),
        digits=sum(len(plan.levels[0]) for plan in plans if plan.levels) * shape.window_lanes,
        multiples=len(shared) * pixels,
        multiple_bits=sum(value_bits(odd * least, odd * most) for odd in shared) * pixels,
        tap_bits=sum(value_bits(odd * least, odd * most) * len(ages) for (_, _, odd), ages in used.items())
        + (0 if shape.aligned else _ALIGNER * pixels * channels * bits),
        adder_bits=sum(node.adder_bits for node in nodes) * shape.window_lanes,
        sum_bits=sum(node.bits for node in nodes) * shape.window_lanes,
        adders={bits: adders[bits] * shape.window_lanes for bits in sorted(adders)},
        levels=max(plan.depth for plan in plans),
        line_bits=(kernel[0] - 1) * pixels * channels * bits,
        line_depth=shape.row_steps,
        search_bits=sum(sums) * shape.lanes * steps,
        search_steps=steps,
        pool_bits=sum(sums) * (shape.window_lanes if pool[1] > 1 else 0),
        row_bits=shape.lanes * len(weights) * (steps or out_bits) if pool[0] > 1 else 0,
        row_depth=shape.out_width // shape.lanes,
        out_bits=shape.lanes * len(weights) * out_bits,
    )
