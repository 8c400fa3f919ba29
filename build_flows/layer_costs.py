"""What a folded layer takes: hardware units, cycles a frame, and estimated resources.

A layer becomes a chain of units: ``conv`` is padding (where it pads), sliding window, width converter (where their beats differ),
matrix-vector unit with its weight memory, thresholding; ``linear`` is the last two; pools are one unit each. Cycles are exact: the
interval between frames that the unit's RTL settles to when its input never waits and its output is always taken. Resources are estimates
for 7-series parts, fitted to what Yosys made of single units (``tests/build_flows/test_layer_costs.py`` holds the figures).
"""

from dataclasses import dataclass
from functools import cache, lru_cache
from math import ceil, gcd

from build_flows.network import Layer
from build_flows.parts import Part

__all__ = ["HANDOVER", "Cost", "Fold", "Unit", "converter", "divisors", "fold_error", "fold_options", "lanes", "layer_units", "window_simd"]

HANDOVER = 2
"""Cycles by which a unit may exceed its target: what FINN's sliding window spends between two frames, whatever its folding."""

LUT_PER_BRAM18 = 190
"""When a memory takes block RAM: a block is worth this many LUTs (an xc7z020's LUTs over its 18 kbit blocks)."""


@dataclass(frozen=True)
class Cost:
    """Estimated resources. ``lut`` includes ``lutram`` (LUTs that are memory or shift register)."""

    lut: int = 0
    lutram: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.lut + other.lut, self.lutram + other.lutram, self.ff + other.ff, self.bram18 + other.bram18, self.dsp + other.dsp,
        )

    def area(self, part: Part) -> int:
        """Everything but DSPs in thousandths of a LUT of ``part``: a resource weighs what its share of the part is in LUTs."""
        return 1000 * self.lut + 1000 * self.ff * part.lut // part.ff + 1000 * self.bram18 * part.lut // part.bram18


@dataclass(frozen=True)
class Fold:
    """Folding of a layer: ``pe`` outputs at a time, each of ``simd`` inputs a cycle; ``parallel_window``: the sliding window hands out
    whole windows. ``linear`` has no window; pools have only ``pe``, the channels a beat."""

    pe: int
    simd: int = 1
    parallel_window: bool = False


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One hardware unit of a layer.

    ``kind`` is ``padding``, ``window``, ``converter``, ``mvau``, ``threshold``, ``maxpool`` or ``global_sum``; ``folding`` holds the
    unit's own ``pe``, ``simd`` and ``parallel_window`` as far as it has them. Streams are ``in_bits`` and ``out_bits`` wide,
    ``in_beats`` and ``out_beats`` beats a frame; ``cycles`` is the frame interval. ``ram_style`` is what its memory should be (``block``
    or ``distributed``; empty: it has none).
    """

    kind: str
    folding: dict[str, int]
    in_bits: int
    out_bits: int
    in_beats: int
    out_beats: int
    cycles: int
    cost: Cost
    ram_style: str = ""

    @property
    def beats(self) -> int:
        """The larger of its beats in and out: the least cycles a frame that its folding allows."""
        return max(self.in_beats, self.out_beats)

    def meets(self, target: int) -> bool:
        """Whether it takes a frame every ``target`` cycles, the handover between frames left aside."""
        return self.beats <= target and self.cycles <= target + HANDOVER


@cache
def divisors(value: int) -> tuple[int, ...]:
    """The divisors of ``value``, rising."""
    return tuple(d for d in range(1, value + 1) if value % d == 0)


def lanes(weight_bits: int, in_bits: int, *, narrow: bool = True) -> int:
    """Products that one DSP48E1 makes in the MVU core; ``narrow``: no weight is the most negative number of its width."""
    return 1 + (25 - int(not narrow) - weight_bits) // (weight_bits + in_bits - 1)


def has_window(layer: Layer) -> bool:
    """Whether a convolution needs padding or a sliding window at all: FINN streams an unpadded 1x1 with stride 1 straight through."""
    return layer.kind == "conv" and (layer.kernel, layer.pad, layer.stride) != (1, 0, 1)


def window_simd(layer: Layer, fold: Fold) -> int:
    """Channels a beat of a convolution's padding and sliding window: all when it hands out whole windows (the RTL needs that), otherwise
    the least divisor of the channels that is at least ``simd``, so that the window never lags the matrix-vector unit."""
    channels = layer.source.channels
    if fold.parallel_window or fold.simd >= channels:
        return channels
    return next(d for d in divisors(channels) if d >= fold.simd)


def parallel_window_error(layer: Layer) -> str | None:
    """Why a convolution's sliding window cannot hand out whole windows; None when it can."""
    if layer.kernel == 1:
        return "a kernel of 1 has no window"
    if layer.padded.width < layer.kernel + 2:
        return f"its line buffers need a padded width of at least {layer.kernel + 2}, not {layer.padded.width}"
    height, width = layer.target.height, layer.target.width
    if max(height - int(width == 1), width - int(width > 1)) < 2:
        return f"FINN's generator needs more output pixels than {height}x{width}"
    return None


def fold_error(layer: Layer, fold: Fold) -> str | None:
    """What is wrong with ``fold`` for ``layer``, as ``<key> must ..., not <value>``; None when nothing is."""
    channels = layer.target.channels
    if fold.pe < 1 or channels % fold.pe:
        return f"pe must divide {channels} ({_list(channels)}), not {fold.pe}"
    if layer.kind in ("conv", "linear"):
        if fold.simd < 1 or layer.mw % fold.simd:
            return f"simd must divide {layer.mw} ({_list(layer.mw)}), not {fold.simd}"
    elif fold.simd != 1:
        return f"simd must be left out for a {layer.kind}, not {fold.simd}"
    if fold.parallel_window:
        reason = parallel_window_error(layer) if layer.kind == "conv" else f"a {layer.kind} has no window"
        if reason:
            return f"parallel_window must be 0, not 1: {reason}"
    elif layer.kind == "conv" and layer.kernel > 1 and _row_step(layer) > _buffer_depth(layer, 1):
        return f"parallel_window must be 1, not 0: a stride of {layer.stride} oversteps the buffer of FINN's single-buffer window"
    return None


def _list(value: int) -> str:
    return ", ".join(str(d) for d in divisors(value))


@lru_cache(maxsize=4096)
def fold_options(layer: Layer) -> tuple[Fold, ...]:
    """Every folding that ``layer`` can have."""
    if not layer.weight_bits:
        return tuple(Fold(pe) for pe in divisors(layer.target.channels))
    windows = (False, True) if layer.kind == "conv" and layer.kernel > 1 else (False,)
    folds = (Fold(pe, simd, window) for pe in divisors(layer.mh) for simd in divisors(layer.mw) for window in windows)
    return tuple(fold for fold in folds if fold_error(layer, fold) is None)


def converter(in_bits: int, out_bits: int, frame_bits: int) -> Unit | None:
    """The width converter between two streams; None when they are equally wide. It keeps up with both, in any ratio.

    Its input rotates by whole beats through a barrel of ``in_bits / gcd`` positions: turning wide beats into narrow ones costs by the
    square of the ratio.
    """
    if in_bits == out_bits:
        return None
    common = gcd(in_bits, out_bits)
    turns, outs = in_bits // common, out_bits // common
    barrel = in_bits * turns // 4 if turns > 1 and outs % turns else 0
    in_beats, out_beats = frame_bits // in_bits, frame_bits // out_bits
    return Unit(
        kind="converter", folding={}, in_bits=in_bits, out_bits=out_bits,
        in_beats=in_beats, out_beats=out_beats, cycles=max(in_beats, out_beats),
        cost=Cost(lut=in_bits + out_bits + barrel + 35, ff=in_bits + out_bits + 20),
    )


@lru_cache(maxsize=65536)
def layer_units(layer: Layer, fold: Fold, *, narrow: bool = True) -> tuple[Unit, ...]:
    """The units of ``layer`` folded by ``fold``, in stream order. Raises ValueError when the layer cannot be folded so."""
    reason = fold_error(layer, fold)
    if reason:
        raise ValueError(f"{layer.name}: {reason}")
    if layer.kind == "maxpool":
        return (_maxpool(layer, fold),)
    if layer.kind == "global_sum":
        units = [_global_sum(layer, fold)]
    elif layer.kind == "conv" and has_window(layer):
        units = _windows(layer, fold)
        between = converter(units[-1].out_bits, fold.simd * layer.in_bits, layer.target.pixels * layer.mw * layer.in_bits)
        units += [between] if between else []
        units.append(_mvau(layer, fold, narrow))
    else:
        units = [_mvau(layer, fold, narrow)]
    if layer.activation:
        units.append(_threshold(layer, fold))
    return tuple(units)


def _windows(layer: Layer, fold: Fold) -> list[Unit]:
    simd = window_simd(layer, fold)
    factor = layer.source.channels // simd
    width = simd * layer.in_bits
    padded, units = layer.padded, []
    if layer.pad:
        beats = padded.pixels * factor
        units.append(Unit(
            kind="padding", folding={"simd": simd}, in_bits=width, out_bits=width,
            in_beats=layer.source.pixels * factor, out_beats=beats, cycles=beats, cost=Cost(lut=width + 60, ff=2 * width + 40),
        ))
    parallel = fold.parallel_window or layer.kernel == 1
    if parallel:
        out_width = layer.kernel**2 * width
        style, memory = _memory(padded.width - layer.kernel, width, ports=2) if layer.kernel > 1 else ("", Cost())
        cost = Cost(lut=80, ff=out_width + 80)
        for _ in range(layer.kernel - 1):
            cost += memory
        out_beats = layer.target.pixels * factor
        cycles = _parallel_cycles(layer, factor)
    else:
        out_width = width
        style, memory = _memory(_buffer_depth(layer, factor), width, ports=2)
        cost = Cost(lut=180, ff=width + 120) + memory
        out_beats = layer.target.pixels * layer.kernel**2 * factor
        cycles = _default_cycles(padded.height, padded.width, factor, layer.kernel, layer.stride)
    units.append(Unit(
        kind="window", folding={"simd": simd, "parallel_window": int(fold.parallel_window)}, in_bits=width, out_bits=out_width,
        in_beats=padded.pixels * factor, out_beats=out_beats, cycles=cycles, cost=cost, ram_style=style,
    ))
    return units


def _parallel_cycles(layer: Layer, factor: int) -> int:
    """One beat in a cycle; when the last window ends at the last pixel, that window goes out in a cycle of its own."""
    padded, kernel, stride = layer.padded, layer.kernel, layer.stride
    whole = (padded.height - kernel) % stride == 0 and (padded.width - kernel) % stride == 0
    return padded.pixels * factor + int(whole)


def _buffer_depth(layer: Layer, factor: int) -> int:
    """Beats that the single-buffer sliding window holds: a window, and what stride lets it read ahead."""
    kernel, width, stride = layer.kernel, layer.padded.width, layer.stride
    least = ((kernel - 1) * width + kernel) * factor
    return least + factor * (max(0, stride - 1 - kernel**2) + max(0, (stride - 1) * width - kernel**2))


def _row_step(layer: Layer) -> int:
    """Pixels between the last one of a row of windows and the first one of the next, as the single-buffer window counts them."""
    kernel, width, stride = layer.kernel, layer.padded.width, layer.stride
    skipped = width - (kernel + (layer.target.width - 1) * stride)
    return abs(skipped + kernel + (stride - 1) * width - ((kernel - 1) * width + kernel))


@lru_cache(maxsize=4096)
def _default_cycles(height: int, width: int, factor: int, kernel: int, stride: int) -> int:
    """Cycles a frame of the single-buffer sliding window: its two pointers, stepped cycle by cycle.

    It reads a beat unless that would overwrite one still needed, hands out a beat as soon as it is there, and starts the next frame
    only when this one is read and handed out.
    """
    rows, columns = (height - kernel) // stride + 1, (width - kernel) // stride + 1
    depth = ((kernel - 1) * width + kernel) * factor
    last_offset = depth - 1
    depth += factor * (max(0, stride - 1 - kernel**2) + max(0, (stride - 1) * width - kernel**2))
    offsets = [(y * width + x) * factor + c for y in range(kernel) for x in range(kernel) for c in range(factor)]
    starts = [(y * width + x) * stride * factor for y in range(rows) for x in range(columns)]
    ends = [*starts[1:], starts[-1] + last_offset]
    order = [start + offset for start in starts for offset in offsets]
    last_read, count, window = height * width * factor - 1, len(order), len(offsets)
    newest, needed, at, cycle = -1, 0, 0, 0
    write, written = False, False
    while True:
        cycle += 1
        fetched = at == count
        current = order[at] if not fetched else order[-1]
        oldest = newest - (depth - 1)
        fetch = not fetched and current <= newest
        read = newest != last_read and (fetched or (oldest < needed and oldest < current))
        reading_last = newest == last_read - 1
        if (write and fetched and (newest == last_read or (read and reading_last))) or (written and read and reading_last):
            return cycle
        written = written or (write and fetched)
        if fetch:
            if at % window == 0:
                needed = ends[at // window]
            at += 1
        write = fetch
        newest += int(read)


def _mvau(layer: Layer, fold: Fold, narrow: bool) -> Unit:
    pixels, macs = layer.target.pixels, fold.pe * fold.simd
    synapse, neuron = layer.mw // fold.simd, layer.mh // fold.pe
    products = lanes(layer.weight_bits, layer.in_bits, narrow=narrow)
    lane_bits = 25 // products if products > 1 else layer.acc_bits
    lut = macs * (lane_bits + 10 if products > 1 else lane_bits * (fold.simd - 1) // fold.simd) + 60
    results, width = fold.pe * layer.acc_bits, fold.simd * layer.in_bits
    cost = Cost(lut=lut + results, lutram=results, ff=macs * (lane_bits + 18) + results + 60, dsp=fold.simd * ceil(fold.pe / products))
    if neuron > 1:
        replay = _lutram(2 ** max(1, (synapse - 1).bit_length()), width)
        cost += Cost(lut=replay + 20, lutram=replay, ff=width + 30)
    style, memory = _memory(synapse * neuron, macs * layer.weight_bits, ports=1)
    weight_bits = macs * layer.weight_bits
    cost += memory + Cost(lut=weight_bits + 40, lutram=weight_bits, ff=3 * weight_bits + 40)
    return Unit(
        kind="mvau", folding={"pe": fold.pe, "simd": fold.simd}, in_bits=width, out_bits=fold.pe * layer.acc_bits,
        in_beats=pixels * synapse, out_beats=pixels * neuron, cycles=pixels * synapse * neuron, cost=cost, ram_style=style,
    )


def _threshold(layer: Layer, fold: Fold) -> Unit:
    fold_factor = layer.target.channels // fold.pe
    beats = layer.target.pixels * fold_factor
    bits, levels = layer.acc_bits, layer.out_bits
    lut = sum(3 * bits // 4 + 4 + _rom(fold_factor * 2**level, bits) for level in range(levels))
    fifo = fold.pe * levels
    return Unit(
        kind="threshold", folding={"pe": fold.pe}, in_bits=fold.pe * bits, out_bits=fold.pe * levels,
        in_beats=beats, out_beats=beats, cycles=beats,
        cost=Cost(lut=fold.pe * lut + fifo + 40, lutram=fifo, ff=fold.pe * levels * (2 * bits + 2 * levels) + 40),
    )


def _maxpool(layer: Layer, fold: Fold) -> Unit:
    width = fold.pe * layer.in_bits
    factor = layer.source.channels // fold.pe
    rows = 1 if layer.stride >= layer.kernel else layer.kernel - 1
    style, memory = _memory(layer.target.width * factor * rows, width, ports=2)
    in_beats = layer.source.pixels * factor
    return Unit(
        kind="maxpool", folding={"pe": fold.pe}, in_bits=width, out_bits=width, in_beats=in_beats, out_beats=layer.target.pixels * factor,
        cycles=in_beats, cost=memory + Cost(lut=2 * width + 60, ff=2 * width + 60), ram_style=style,
    )


def _global_sum(layer: Layer, fold: Fold) -> Unit:
    factor, width = layer.source.channels // fold.pe, fold.pe * layer.acc_bits
    style, memory = _memory(factor, width, ports=2)
    in_beats = layer.source.pixels * factor
    return Unit(
        kind="global_sum", folding={"pe": fold.pe}, in_bits=fold.pe * layer.in_bits, out_bits=width,
        in_beats=in_beats, out_beats=factor, cycles=in_beats, cost=memory + Cost(lut=width + 40, ff=width + 40), ram_style=style,
    )


def _rom(depth: int, width: int) -> int:
    """LUTs of a memory that is only read: 64 words a LUT, two outputs of up to 32 words in one."""
    if depth <= 1:
        return 0
    return ceil(width / 2) if depth <= 32 else width * ceil(depth / 64)


def _lutram(depth: int, width: int) -> int:
    """LUTs of a memory with a write and a read port: 6 bits of 32 words, or 3 bits of 64, in four."""
    return 4 * ceil(width / 6) if depth <= 32 else 4 * ceil(width / 3) * ceil(depth / 64)


def _blocks(depth: int, width: int) -> int:
    """18 kbit block RAMs, in the best of their shapes."""
    shapes = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
    return min(ceil(depth / words) * ceil(width / bits) for words, bits in shapes)


def _memory(depth: int, width: int, *, ports: int) -> tuple[str, Cost]:
    """The cheaper of LUTs and block RAM for ``depth`` words of ``width`` bits (``ports`` 1: only read), and its cost."""
    luts = _rom(depth, width) if ports == 1 else _lutram(depth, width)
    blocks = _blocks(depth, width)
    if luts > blocks * LUT_PER_BRAM18:
        return "block", Cost(bram18=blocks)
    return "distributed", Cost(lut=luts, lutram=luts if ports == 2 else 0)
