"""What a folded layer takes: hardware units, cycles a frame, and estimated resources.

A layer becomes a chain of units: ``conv`` is padding (where it pads), sliding window, width converter (where their beats differ),
matrix-vector unit with its weight memory, thresholding; ``linear`` is the last two; pools and upsamplings
(:mod:`build_flows.planning.upsample_units`) are one unit each, max pools of several pixels a beat one of another kind
(:mod:`build_flows.planning.pool_units`). With a body of ours ``conv`` and ``linear`` are one unit, which may hold the pool behind
(:mod:`build_flows.planning.static_units`, :mod:`build_flows.planning.shared_units`). Cycles are exact: the interval between
frames that the unit's RTL settles to when its input never waits and its output is always taken. DSPs and block RAMs are those that
synthesis finds too; LUTs and flip-flops are estimates for 7-series parts, fitted to synthesised units
(:mod:`build_flows.planning.cost_model`).
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from math import ceil, gcd

from build_flows.planning.cost_model import Cost
from build_flows.planning.memory_map import Placed, place, place_table
from build_flows.planning.network import Layer, Pair
from build_flows.planning.pool_units import pixel_pool_error, pixel_pool_unit
from build_flows.planning.shared_units import shared_error, shared_unit
from build_flows.planning.static_units import body_error, pool_error, static_error, static_unit
from build_flows.planning.unit import BODIES, HANDOVER, OWN_KEYS, SUFFIXES, Fold, Unit
from build_flows.planning.unit_terms import (
    add_terms,
    concat_terms,
    converter_terms,
    mvau_terms,
    padding_terms,
    pool_terms,
    sum_terms,
    threshold_terms,
    window_terms,
)
from build_flows.planning.upsample_units import upsample_unit

__all__ = [
    "HANDOVER", "SUFFIXES", "Cost", "Fold", "Unit", "converter", "divisors", "fold_error", "fold_options", "lanes", "layer_units",
    "matrix_cycles", "pool_behind", "unit_names", "units_of_chain", "window_simd",
]

LUT_PER_BRAM18 = 190
"""When a memory is to be block RAM: a block is worth this many LUTs (an xc7z020's LUTs over its 18 kbit blocks)."""

@cache
def divisors(value: int) -> tuple[int, ...]:
    """The divisors of ``value``, rising."""
    return tuple(d for d in range(1, value + 1) if value % d == 0)


def lanes(weight_bits: int, in_bits: int, *, narrow: bool = True) -> int:
    """Products that one DSP48E1 makes in the MVU core; ``narrow``: no weight is the most negative number of its width."""
    return 1 + (25 - int(not narrow) - weight_bits) // (weight_bits + in_bits - 1)


def has_window(layer: Layer) -> bool:
    """Whether a convolution needs padding or a sliding window at all: FINN streams an unpadded 1x1 with stride 1 straight through."""
    return layer.kind == "conv" and (layer.kernel, layer.pad, layer.stride) != ((1, 1), (0, 0), (1, 1))


def window_simd(layer: Layer, fold: Fold) -> int:
    """Channels a beat of a convolution's padding and sliding window: all when it hands out whole windows (the RTL needs that), otherwise
    the least divisor of the channels that is at least ``simd``, so that the window never lags the matrix-vector unit."""
    channels = layer.source.channels
    if fold.parallel_window or fold.simd >= channels:
        return channels
    return next(d for d in divisors(channels) if d >= fold.simd)


def parallel_window_error(layer: Layer) -> str | None:
    """Why a convolution's sliding window cannot hand out whole windows; None when it can."""
    if layer.taps == 1:
        return "a kernel of 1 has no window"
    if _lines(layer) and layer.padded.width < layer.kernel[1] + 2:
        return f"its line buffers need a padded width of at least {layer.kernel[1] + 2}, not {layer.padded.width}"
    height, width = layer.target.height, layer.target.width
    if max(height - int(width == 1), width - int(width > 1)) < 2:
        return f"FINN's generator needs more output pixels than {height}x{width}"
    return None


def fold_error(layer: Layer, fold: Fold) -> str | None:
    """What is wrong with ``fold`` for ``layer``, as ``<key> must ..., not <value>``; None when nothing is. What depends on the pool in a
    unit of ours is :func:`units_of_chain`'s to say, and so are the pixels of a static one."""
    if fold.body not in BODIES:
        return f"body must be one of {', '.join(BODIES)}, not {fold.body!r}"
    if fold.fused and (fold.pe, fold.simd, fold.parallel_window) != (1, 1, False):
        return f"pe, simd and parallel_window must be left out where the body is {fold.body}"
    if foreign := next((key for key in OWN_KEYS["shared"] if key not in OWN_KEYS[fold.body] and getattr(fold, key) != 1), None):
        return f"{foreign} must be left out where the body is {fold.body}, not {getattr(fold, foreign)}"
    if fold.by_itself:
        return pixel_pool_error(layer, fold.pixels)
    if fold.fused and layer.kind == "maxpool":
        given = next((key for key in OWN_KEYS["shared"] if getattr(fold, key) != 1), None)
        return f"{given} must be left out for a maxpool, not {getattr(fold, given)}" if given else None
    if fold.fused:
        return body_error(layer) if fold.static else shared_error(layer, fold)
    if layer.weight_bits and layer.in_bits < 2:
        return f'body must be one of ours, not "finn": FINN\'s matrix unit takes inputs of 2 bits at least, not {layer.in_bits}'
    channels = layer.target.channels
    if layer.kind == "concat" and fold.pe != channels:
        return f"pe must be {channels}, for it takes whole pixels, not {fold.pe}"
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
    elif layer.kind == "conv" and layer.taps > 1 and _row_step(layer) > _buffer_depth(layer, 1):
        return f"parallel_window must be 1, not 0: a stride of {layer.stride[0]} oversteps the buffer of FINN's single-buffer window"
    elif layer.kind == "conv" and has_window(layer) and not _counts(layer, layer.source.channels // window_simd(layer, fold)):
        return f"simd must be less than {fold.simd}: FINN's single-buffer window needs more than a single window of two beats"
    return None


def _counts(layer: Layer, factor: int) -> bool:
    """Whether FINN's single-buffer window has something to count, the innermost of its loops apart, which it enters in its second round."""
    loops = [layer.target.height, layer.target.width, *layer.kernel, factor]
    inner = max((place for place in (2, 3, 4) if loops[place] > 1), default=2)
    loops[inner] -= 1
    return layer.taps == 1 or max(loops) > 1


def _list(value: int) -> str:
    return ", ".join(str(d) for d in divisors(value))


@lru_cache(maxsize=4096)
def fold_options(layer: Layer) -> tuple[Fold, ...]:
    """Every folding that ``layer`` can have, made of FINN's units; :func:`~build_flows.planning.static_units.static_options` are others."""
    if layer.kind == "concat":
        return (Fold(layer.target.channels),)
    if not layer.weight_bits:
        return tuple(Fold(pe) for pe in divisors(layer.target.channels))
    windows = (False, True) if layer.kind == "conv" and layer.taps > 1 else (False,)
    folds = (Fold(pe, simd, window) for pe in divisors(layer.mh) for simd in divisors(layer.mw) for window in windows)
    return tuple(fold for fold in folds if fold_error(layer, fold) is None)


def converter(in_bits: int, out_bits: int, frame_bits: int) -> Unit | None:
    """The width converter between two streams; None when they are equally wide.

    It keeps up with both where one width is a multiple of the other, and otherwise loses cycles: it takes no beat in while less than a
    beat's room is free, and gives none before a whole beat is there.
    """
    if in_bits == out_bits:
        return None
    in_beats, out_beats = frame_bits // in_bits, frame_bits // out_bits
    common = gcd(in_bits, out_bits)
    period, taken = _conversion(in_bits // common, out_bits // common)
    return Unit(
        kind="converter", folding={}, in_bits=in_bits, out_bits=out_bits, in_beats=in_beats, out_beats=out_beats,
        cycles=max(in_beats, out_beats, ceil(in_beats * period / taken)), model=_converter_model(in_bits, out_bits),
        terms=converter_terms(in_bits, out_bits),
    )


def _converter_model(in_bits: int, out_bits: int) -> str:
    if out_bits % in_bits == 0:
        return "converter_up"
    return "converter_serial" if in_bits % out_bits == 0 else "converter_down"


@cache
def _conversion(ins: int, outs: int) -> tuple[int, int]:
    """Cycles, and beats in, after which a converter from ``ins`` to ``outs`` parts a beat is where it was, both sides never waiting.

    This is the counter of FINN's ``vpc.sv``: free parts, less those that a beat in takes; in while it is not negative, out while it is
    not positive.
    """
    free, seen, beats, cycle = outs, dict[int, tuple[int, int]](), 0, 0
    while free not in seen:
        seen[free] = cycle, beats
        takes, gives = free >= 0, free <= 0
        free += outs * gives - ins * takes
        beats += takes
        cycle += 1
    before, had = seen[free]
    return cycle - before, beats - had


@lru_cache(maxsize=65536)
def layer_units(layer: Layer, fold: Fold, *, narrow: bool = True) -> tuple[Unit, ...]:
    """The units of ``layer`` folded by ``fold``, in stream order; none of a pool that is part of another unit. Raises ValueError when the
    layer cannot be folded so."""
    reason = fold_error(layer, fold)
    if reason:
        raise ValueError(f"{layer.name}: {reason}")
    if fold.by_itself:
        return (pixel_pool_unit(layer, fold.pixels),)
    if fold.fused:
        return (_own_unit(layer, fold, None),) if layer.weight_bits else ()
    if layer.kind == "maxpool":
        return (_maxpool(layer, fold),)
    if layer.kind == "concat":
        return (_concat(layer),)
    if layer.kind == "upsample":
        return (upsample_unit(layer, fold.pe),)
    if layer.kind == "global_sum":
        units = [_global_sum(layer, fold)]
    elif layer.kind in ("threshold", "add"):
        units = [_add(layer, fold)] if layer.others else []
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


def _own_unit(layer: Layer, fold: Fold, pool: Layer | None) -> Unit:
    return static_unit(layer, fold.pixels, pool) if fold.static else shared_unit(layer, fold, pool)


def pool_behind(chain: Sequence[Layer], place: int) -> Layer | None:
    """The pool that a unit of ours of ``chain[place]`` could have in it: the one that alone reads the layer."""
    behind = chain[place + 1] if place + 1 < len(chain) else None
    return behind if behind and pool_error(chain[place], behind) is None else None


def units_of_chain(
    chain: Sequence[Layer], folds: Mapping[str, Fold], *, narrow: bool = True
) -> Iterator[tuple[Layer, tuple[Unit, ...], Layer | None]]:
    """The units of every layer of a ``chain`` folded by ``folds``, by name; of a pool that is in the unit of the layer before, none.
    With each its pool that is part of its unit.

    Raises ValueError naming the layer that cannot be folded so.
    """
    inside: Layer | None = None
    for at, layer in enumerate(chain):
        fold = folds[layer.name]
        if fold.fused and not fold.by_itself and layer.kind == "maxpool":
            reason = f"body must be {_outside(chain, at, folds)}" if layer is not inside else fold_error(layer, fold)
            if reason:
                raise ValueError(f"{layer.name}: {reason}")
            yield layer, (), None
            continue
        behind = chain[at + 1] if at + 1 < len(chain) else None
        holds = fold.fused and not fold.by_itself
        inside = behind if behind and holds and behind.kind == "maxpool" and folds[behind.name].body == fold.body else None
        if inside is None:
            yield layer, layer_units(layer.unplaced, fold, narrow=narrow), None
        else:
            alone, pool = layer.unplaced, inside.unplaced
            reason = fold_error(alone, fold) or (
                static_error(alone, fold.pixels, pool) if fold.static else shared_error(alone, fold, pool))
            if reason:
                raise ValueError(f"{layer.name}: {reason}")
            yield layer, (_own_unit(alone, fold, pool),), inside


def _outside(chain: Sequence[Layer], place: int, folds: Mapping[str, Fold]) -> str:
    """What body the pool ``chain[place]``, which is not part of the layer before it, may have, and why."""
    body, allowed = folds[chain[place].name].body, ["finn", *(["pool"] if pixel_pool_error(chain[place], 1) is None else [])]
    if place == 0:
        because = "it is the first layer of its part of the network"
    elif reason := pool_error(chain[place - 1], chain[place]):
        because = reason
    else:
        its = folds[chain[place - 1].name].body
        because, allowed = f"the body of {chain[place - 1].name} is {its}", list(dict.fromkeys([*allowed, its]))
    *others, last = (f'"{name}"' for name in allowed)
    told = f"{', '.join(others)} or {last}" if others else last
    return f'{told}, not "{body}": {because}'


def unit_names(layer: str, units: Sequence[Unit]) -> list[tuple[str, Unit]]:
    """The ``units`` of ``layer`` with the names that they have in the netlist; a converter is called after the unit behind it."""
    names = [layer + SUFFIXES.get(unit.kind, "") for unit in units]
    return [(f"{names[place + 1]}_dwc" if unit.kind == "converter" else names[place], unit) for place, unit in enumerate(units)]


def _windows(layer: Layer, fold: Fold) -> list[Unit]:
    simd = window_simd(layer, fold)
    factor = layer.source.channels // simd
    width = simd * layer.in_bits
    padded, units = layer.padded, []
    if layer.pad:
        beats = padded.pixels * factor
        units.append(Unit(
            kind="padding", folding={"simd": simd}, in_bits=width, out_bits=width, in_beats=layer.source.pixels * factor, out_beats=beats,
            cycles=beats, model="padding", terms=padding_terms(width, padded.width, padded.height, factor),
        ))
    kernel, target = layer.kernel, layer.target
    parallel = fold.parallel_window or layer.taps == 1
    if parallel:
        lines, depth = _lines(layer), max(1, padded.width - kernel[1])
        out_width, out_beats, cycles = layer.taps * width, target.pixels * factor, _parallel_cycles(layer, factor)
        loops: tuple[int, ...] = (target.height, target.width)
    else:
        lines, depth = 1, _buffer_depth(layer, factor)
        out_width, out_beats = width, target.pixels * layer.taps * factor
        cycles = _default_cycles(padded.height, padded.width, factor, kernel, layer.stride)
        loops = (target.height, target.width, *kernel, factor)
    memory = _memory(depth, width) if lines else Placed("")
    in_beats = padded.pixels * factor
    units.append(Unit(
        kind="window", folding={"simd": simd, "parallel_window": int(fold.parallel_window)}, in_bits=width, out_bits=out_width,
        in_beats=in_beats, out_beats=out_beats, cycles=cycles, model="window_parallel" if parallel else "window",
        terms=window_terms(
            width, window=layer.taps, lines=0 if memory.style == "block" else lines, depth=depth, loops=loops, beats=in_beats,
            memory=lines * memory.lutram, banks=memory.banks, parallel=parallel,
        ),
        bram18=lines * memory.bram18, ram_style="distributed" if memory.style == "registers" else memory.style,
    ))
    return units


def _lines(layer: Layer) -> int:
    """Line buffers of a sliding window that hands out whole windows: a map of one column, or row, is one line."""
    return 0 if 1 in (layer.padded.height, layer.padded.width) else layer.kernel[0] - 1


def _parallel_cycles(layer: Layer, factor: int) -> int:
    """One beat in a cycle; when the last window ends at the last pixel, that window goes out in a cycle of its own."""
    padded, kernel, stride = layer.padded, layer.kernel, layer.stride
    whole = (padded.height - kernel[0]) % stride[0] == 0 and (padded.width - kernel[1]) % stride[1] == 0
    return padded.pixels * factor + int(whole)


def _buffer_depth(layer: Layer, factor: int) -> int:
    """Beats that the single-buffer sliding window holds: a window, and what stride lets it read ahead."""
    (rows, columns), (down, across), width = layer.kernel, layer.stride, layer.padded.width
    least = ((rows - 1) * width + columns) * factor
    return least + factor * (max(0, across - 1 - layer.taps) + max(0, (down - 1) * width - layer.taps))


def _row_step(layer: Layer) -> int:
    """Pixels between the last one of a row of windows and the first one of the next, as the single-buffer window counts them."""
    (rows, columns), (down, across), width = layer.kernel, layer.stride, layer.padded.width
    skipped = width - (columns + (layer.target.width - 1) * across)
    return abs(skipped + columns + (down - 1) * width - ((rows - 1) * width + columns))


@lru_cache(maxsize=4096)
def _default_cycles(height: int, width: int, factor: int, kernel: Pair, stride: Pair) -> int:
    """Cycles a frame of the single-buffer sliding window: its two pointers, stepped cycle by cycle.

    It reads a beat unless that would overwrite one still needed, hands out a beat as soon as it is there, and starts the next frame
    only when this one is read and handed out.
    """
    (tall, wide), (down, across) = kernel, stride
    rows, columns = (height - tall) // down + 1, (width - wide) // across + 1
    depth = ((tall - 1) * width + wide) * factor
    last_offset = depth - 1
    depth += factor * (max(0, across - 1 - tall * wide) + max(0, (down - 1) * width - tall * wide))
    offsets = [(y * width + x) * factor + c for y in range(tall) for x in range(wide) for c in range(factor)]
    starts = [(y * down * width + x * across) * factor for y in range(rows) for x in range(columns)]
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


def matrix_cycles(layer: Layer, fold: Fold) -> int:
    """Cycles a frame of the matrix-vector unit of ``layer`` folded by ``fold``, the least target that it meets; 0: there is none."""
    return layer.target.pixels * (layer.mw // fold.simd) * (layer.mh // fold.pe) if layer.weight_bits else 0


def _mvau(layer: Layer, fold: Fold, narrow: bool) -> Unit:
    pixels = layer.target.pixels
    synapse, neuron = layer.mw // fold.simd, layer.mh // fold.pe
    products = lanes(layer.weight_bits, layer.in_bits, narrow=narrow)
    width, bits = fold.simd * layer.in_bits, fold.pe * fold.simd * layer.weight_bits
    # The weight stream is whole bytes; the activations' memory has a power of two of words.
    weights = _memory(synapse * neuron, 8 * ceil(bits / 8), used=bits, shared=True)
    replay = place(2 ** max(1, (synapse - 1).bit_length()), width) if neuron > 1 else Placed("")
    return Unit(
        kind="mvau", folding={"pe": fold.pe, "simd": fold.simd}, in_bits=width, out_bits=fold.pe * layer.sum_bits,
        in_beats=pixels * synapse, out_beats=pixels * neuron, cycles=matrix_cycles(layer, fold), model="mvau",
        terms=mvau_terms(
            pe=fold.pe, simd=fold.simd, synapse=synapse, neuron=neuron, weight_bits=layer.weight_bits, in_bits=layer.in_bits,
            sum_bits=layer.sum_bits, products=products, memory=weights.lutram + replay.lutram, weight_banks=weights.banks,
            replay_banks=replay.banks, block=weights.style == "block", block_replay=replay.style == "block",
        ),
        bram18=weights.bram18 + replay.bram18, dsp=fold.simd * ceil(fold.pe / products),
        ram_style="block" if weights.style == "block" else "distributed",
    )


def _add(layer: Layer, fold: Fold) -> Unit:
    beats = layer.target.pixels * (layer.target.channels // fold.pe)
    return Unit(
        kind="add", folding={"pe": fold.pe}, in_bits=fold.pe * layer.in_bits, out_bits=fold.pe * layer.sum_bits, in_beats=beats,
        out_beats=beats, cycles=beats, model="add", terms=add_terms(fold.pe, layer.sum_bits, len(layer.others)),
    )


def _concat(layer: Layer) -> Unit:
    bits, beats = layer.target.channels * layer.in_bits, layer.target.pixels
    return Unit(
        kind="concat", folding={}, in_bits=layer.source.channels * layer.in_bits, out_bits=bits, in_beats=beats, out_beats=beats,
        cycles=beats, model="concat", terms=concat_terms(bits),
    )


def _threshold(layer: Layer, fold: Fold) -> Unit:
    folds = layer.target.channels // fold.pe
    beats = layer.target.pixels * folds
    bits, levels = layer.sum_bits, layer.out_bits
    tables = [(folds * 2**level, place_table(folds * 2**level, bits)) for level in range(levels)]
    return Unit(
        kind="threshold", folding={"pe": fold.pe}, in_bits=fold.pe * bits, out_bits=fold.pe * levels, in_beats=beats, out_beats=beats,
        cycles=beats, model="threshold",
        terms=threshold_terms(pe=fold.pe, folds=folds, bits=bits, tables=[(words, placed.style == "block") for words, placed in tables]),
        bram18=fold.pe * sum(placed.bram18 for _, placed in tables),
    )


def _maxpool(layer: Layer, fold: Fold) -> Unit:
    width = fold.pe * layer.in_bits
    folds = layer.source.channels // fold.pe
    axes = list(zip(layer.kernel, layer.stride, strict=True))
    words = [
        depth for depth, (kernel, stride) in zip((layer.target.width * folds, folds), axes, strict=True)
        for _ in range(ceil((kernel - 1) / stride))
    ]
    placed = [place(depth, width) for depth in words]
    in_beats = layer.source.pixels * folds
    return Unit(
        kind="maxpool", folding={"pe": fold.pe}, in_bits=width, out_bits=width, in_beats=in_beats, out_beats=layer.target.pixels * folds,
        cycles=in_beats, model="maxpool",
        terms=pool_terms(
            fold.pe, layer.in_bits, sum((kernel - 1) // stride + int(kernel > 1) for kernel, stride in axes),
            [(depth, item.lutram, item.registers, item.banks) for depth, item in zip(words, placed, strict=True) if item.style != "block"],
            (layer.source.width, layer.source.height, folds, layer.target.width * folds),
        ),
        bram18=sum(item.bram18 for item in placed), ram_style="block" if any(item.style == "block" for item in placed) else "distributed",
    )


def _global_sum(layer: Layer, fold: Fold) -> Unit:
    folds, width = layer.source.channels // fold.pe, fold.pe * layer.acc_bits
    sums = place(folds, width)
    # Its queue of results is a FIFO, which reads a shallow memory without a clock.
    queue = place(folds, width) if folds > 64 else place(max(1, folds - 1), width, style="distributed")
    in_beats = layer.source.pixels * folds
    return Unit(
        kind="global_sum", folding={"pe": fold.pe}, in_bits=fold.pe * layer.in_bits, out_bits=width, in_beats=in_beats, out_beats=folds,
        cycles=in_beats, model="global_sum",
        terms=sum_terms(
            width, folds, sums.lutram + queue.lutram, sums.registers + queue.registers, sums.banks + queue.banks - 1,
            (layer.source.pixels, folds),
        ),
        bram18=sums.bram18 + queue.bram18,
        ram_style="block" if "block" in (sums.style, queue.style) else "distributed",
    )


def _memory(words: int, bits: int, *, used: int | None = None, shared: bool = False) -> Placed:
    """A writable memory where it should be: in block RAM if the tool chooses so by itself, or if LUTs would be dearer than the blocks."""
    free = place(words, bits, used=used, shared=shared)
    if words < 2 or free.style == "block":
        return free
    block = place(words, bits, used=used, shared=shared, style="block")
    if free.lutram > block.bram18 * LUT_PER_BRAM18:
        return block
    return place(words, bits, used=used, shared=shared, style="distributed") if free.style == "registers" and not shared else free
