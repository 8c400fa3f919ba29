"""The body ``pool`` of a max pool that is part of no other unit: one unit that takes several pixels a beat.

The unit is :class:`hw.layers.pixel_pool.PixelPool`; its shapes and cycles are those of :func:`hw.layers.pixel_pool.pool_shape`.
"""

from functools import lru_cache
from typing import Any

from build_flows.planning.memory_map import Placed, place
from build_flows.planning.network import Layer
from build_flows.planning.unit import Unit
from build_flows.planning.unit_terms import Terms, log2
from hw.layers.pixel_pool import pool_depth, pool_shape
from hw.layers.row_aligner import aligned_steps
from hw.layers.static_shape import StaticShape

__all__ = ["pixel_pool_error", "pixel_pool_options", "pixel_pool_parameters", "pixel_pool_unit", "windows_error"]

_REGISTERS = Placed("registers")
_IN_TABLES = 6
"""Bits of values that Yosys compares in look-up tables; of more it does in a carry chain."""


def windows_error(pool: Layer) -> str | None:
    """Why no unit of ours can take the windows of the max ``pool``; None when one can."""
    if pool.kernel == pool.stride:
        return None
    return f"its windows overlap or leave gaps: kernel {pool.kernel[0]}x{pool.kernel[1]}, stride {pool.stride[0]}x{pool.stride[1]}"


def pixel_pool_parameters(layer: Layer, pixels: int) -> dict[str, Any]:
    """What the unit of ``layer`` is built with: parameters of the same name."""
    source = layer.source
    return {"height": source.height, "width": source.width, "channels": source.channels, "bits": layer.in_bits, "signed": layer.in_signed,
            "kernel": layer.kernel, "pixels": pixels}


def _shape(layer: Layer, pixels: int) -> StaticShape:
    return pool_shape(height=layer.source.height, width=layer.source.width, kernel=layer.kernel, pixels=pixels)


@lru_cache(maxsize=16384)
def pixel_pool_error(layer: Layer, pixels: int) -> str | None:
    """Why ``layer`` cannot be such a unit of ``pixels`` a beat, as ``<key> must ..., not <value>``, or None."""
    if layer.kind != "maxpool":
        return f'body must be that of a {layer.kind}, not "pool"'
    if reason := layer.finn_because or windows_error(layer):
        return f'body must be "finn", not "pool": {reason}'
    try:
        _shape(layer, pixels)
    except ValueError as error:
        return str(error)
    return None


@lru_cache(maxsize=4096)
def pixel_pool_options(layer: Layer) -> tuple[int, ...]:
    """The pixels a beat that the unit of ``layer`` can have, rising; none: it cannot be one."""
    return tuple(pixels for pixels in range(1, layer.source.width + 1) if pixel_pool_error(layer, pixels) is None)


@lru_cache(maxsize=4096)
def pixel_pool_unit(layer: Layer, pixels: int) -> Unit:
    """The unit of ``layer`` that takes ``pixels`` a beat. Raises ValueError when it cannot be one so."""
    if reason := pixel_pool_error(layer, pixels):
        raise ValueError(f"{layer.name}: {reason}")
    shape, pixel = _shape(layer, pixels), layer.source.channels * layer.in_bits
    rows = pool_depth(shape) - 1
    queue = place(rows, shape.lanes * pixel, style="distributed") if rows > 1 else _REGISTERS
    line = place(shape.out_width // shape.lanes, shape.lanes * pixel) if shape.pool[0] > 1 else _REGISTERS
    return Unit(
        kind="pixel_pool", folding={"pixels": pixels}, in_bits=pixels * pixel, out_bits=shape.lanes * pixel, in_beats=shape.in_beats,
        out_beats=shape.out_beats, cycles=shape.cycles, model="pixel_pool", bram18=line.bram18,
        ram_style="block" if line.style == "block" else "distributed", terms=_terms(layer, shape, line, queue),
    )


def _terms(layer: Layer, shape: StaticShape, line: Placed, queue: Placed) -> Terms:
    """What the cost model weighs, in bits. Compared are: ``across``, neighbours that come together; ``over``, those that come one after
    the other; ``down``, with the rows above. ``deep`` of these are those that look-up tables compare, less two of each value (four inputs
    are one table), ``long`` less four (eight are two), ``narrow`` those of values that have no more, in pairs of tables with the same
    inputs; ``chained`` those of values that a carry chain compares. ``held`` are registers of data, ``mux`` multiplexers of two,
    ``control`` counters; ``memory`` is LUTs of the line and the FIFO, ``shift`` those that delay a neighbour without a partner."""
    channels, bits = layer.source.channels, layer.in_bits
    pixel, together = channels * bits, min(shape.pixels, shape.pool[1])
    groups, over, lines = shape.pixels // together, int(shape.pool[1] > shape.pixels), shape.lanes if shape.pool[0] > 1 else 0
    across, out = groups * (together - 1), shape.lanes
    chained = bits > _IN_TABLES
    deep, long = (0 if chained else max(0, bits - few) * channels for few in (2, 4))
    levels, alone = _tree(together)
    read = lines if shape.out_width > shape.lanes and line.style != "block" else 0
    held = 2 * shape.pixels + groups * (levels - (2 + alone if alone else 0)) + over + lines + read + out * (1 if queue.lutram else 2)
    mux = out + lines * (line.banks - 1)
    if not shape.aligned:
        kinds = set(aligned_steps(shape.width, shape.pixels))
        rest = max(left for left, _, _ in kinds)
        held, mux = held + 2 * shape.pixels + rest, mux + shape.pixels + (len(kinds) - 1) * (shape.pixels + rest)
    return {
        "across": across * pixel, "across_deep": across * deep, "over": over * pixel, "down": lines * pixel, "down_deep": lines * deep,
        "narrow": across * pixel * (bits < 3), "long": (across + over + lines) * long, "chained": (across + over + lines) * pixel * chained,
        "held": held * pixel + line.registers, "mux": mux * pixel,
        "control": log2(shape.rows) + log2(shape.row_steps) + log2(shape.out_width // shape.lanes) + 3 * log2(pool_depth(shape)),
        "memory": line.lutram + queue.lutram, "shift": groups * pixel if alone else 0, "one": 1,
    }


def _tree(values: int) -> tuple[int, int]:
    """Registers of a tree of maxima over so many ``values``, and how often a value passes on its way without having been compared, which
    is then a shift register with its two registers before."""
    total, alone, first = 0, 0, True
    while values > 1:
        first = first and values % 2 == 1
        values = -(-values // 2)
        total, alone = total + values, alone + first
    return total, alone
