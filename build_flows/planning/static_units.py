"""The static body of a convolution or linear layer: one unit whose weights are constants in its logic, with the pool behind it where that
can be part of it.

The unit is :class:`hw.layers.static_conv.StaticConv`; its shapes and cycles are formulas of :mod:`hw.layers.static_shape`, and its size is
computed from the weights themselves, or where they are not known from the worst that their width allows.
"""

from functools import lru_cache
from typing import Any

import numpy as np

from build_flows.planning.memory_map import place
from build_flows.planning.network import Layer
from build_flows.planning.pool_units import windows_error
from build_flows.planning.unit import Unit
from build_flows.planning.unit_terms import Terms
from hw.layers.static_shape import MOST_MACS, StaticShape, StaticTerms, static_conv_error, static_terms
from hw.layers.threshold_search import steps_ahead

__all__ = ["body_error", "pool_error", "static_error", "static_options", "static_parameters", "static_unit"]

SHAPE = ("height", "width", "kernel", "stride", "pad", "pool", "pixels")
"""The parameters of the unit that :class:`hw.layers.static_shape.StaticShape` has."""

_STAGES = 8
"""Cycles of a static unit beside those of its sums and its search: about as many more beats its output FIFO holds."""


def static_parameters(layer: Layer, pixels: int, pool: Layer | None = None) -> dict[str, Any]:
    """What the unit of ``layer``, with ``pool`` fused, is built with but weights and thresholds: parameters of the same name. A linear
    layer is a map of one pixel whose channels are all its inputs."""
    source = layer.source
    height, width, channels = (1, 1, source.values) if layer.kind == "linear" else (source.height, source.width, source.channels)
    return {
        "height": height, "width": width, "channels": channels, "bits": layer.in_bits, "signed": layer.in_signed,
        "out_bits": layer.out_bits if layer.activation else layer.sum_bits, "out_signed": layer.out_signed,
        "kernel": layer.kernel, "stride": layer.stride, "pad": layer.pad, "pool": pool.kernel if pool else (1, 1), "pixels": pixels,
    }


def pool_error(layer: Layer, pool: Layer) -> str | None:
    """Why the max ``pool`` that reads ``layer`` cannot be part of its static unit; None when it can."""
    if pool.kind != "maxpool":
        return f"{pool.name} is no max pool"
    if layer.kind != "conv":
        return f"{layer.name} is no convolution"
    return windows_error(pool)


def body_error(layer: Layer) -> str | None:
    """Why ``layer`` can be no static unit whatever its pixels; None when that depends on them."""
    if layer.kind not in ("conv", "linear"):
        return f'body must be "finn" for a {layer.kind}, not "static"'
    if layer.finn_because:
        return f'body must be "finn", not "static": {layer.finn_because}'
    return 'body must be "finn", "shared" or "shared_lut", not "static": its weights are to be exchangeable' if layer.exchangeable else None


@lru_cache(maxsize=16384)
def static_error(layer: Layer, pixels: int, pool: Layer | None = None) -> str | None:
    """Why ``layer`` cannot be a static unit of ``pixels`` a beat with ``pool`` in it, as ``<key> must ..., not <value>``, or None."""
    if reason := body_error(layer):
        return reason
    if pool and (reason := pool_error(layer, pool)):
        return f'body of {pool.name} must be "finn", not "static": {reason}'
    parameters = static_parameters(layer, pixels, pool)
    if layer.constants:
        return static_conv_error(weights=layer.constants.weights.tolist(), thresholds=_lists(layer.constants.thresholds),
                                 out_min=layer.constants.out_min, **parameters)
    try:
        shape = StaticShape(**{name: parameters[name] for name in SHAPE})
    except ValueError as error:
        return str(error)
    macs = layer.mw * layer.mh * shape.window_lanes
    return f"weights times windows a step must be at most {MOST_MACS}, not {macs}" if macs > MOST_MACS else None


def _lists(array: Any) -> Any:
    return None if array is None else array.tolist()


@lru_cache(maxsize=4096)
def static_options(layer: Layer, pool: Layer | None = None) -> tuple[int, ...]:
    """The pixels a beat that a static unit of ``layer`` with ``pool`` in it can have, rising; none: it cannot be one."""
    if body_error(layer):
        return ()
    width = 1 if layer.kind == "linear" else layer.source.width
    return tuple(pixels for pixels in range(1, width + 1) if static_error(layer, pixels, pool) is None)


@lru_cache(maxsize=4096)
def static_unit(layer: Layer, pixels: int, pool: Layer | None = None) -> Unit:
    """The static unit of ``layer`` with ``pool`` in it. Raises ValueError when it cannot be one so."""
    if reason := static_error(layer, pixels, pool):
        raise ValueError(f"{layer.name}: {reason}")
    parameters = static_parameters(layer, pixels, pool)
    shape = StaticShape(**{name: parameters[name] for name in SHAPE})
    source, target = layer.source, pool.target if pool else layer.target
    weights, thresholds = (layer.constants.weights, layer.constants.thresholds) if layer.constants else _worst(layer)
    return Unit(
        kind="static", folding={"pixels": pixels}, in_bits=source.values * layer.in_bits // shape.in_beats,
        out_bits=target.values * parameters["out_bits"] // shape.out_beats, in_beats=shape.in_beats, out_beats=shape.out_beats,
        cycles=shape.cycles, model="static", ram_style="distributed",
        terms=_terms(static_terms(weights=weights.tolist(), thresholds=_lists(thresholds), **parameters)),
    )


def _terms(found: StaticTerms) -> Terms:
    """What the cost model weighs; all are bits, but ``chains``, the adders' CARRY4, and ``memory``, LUTs: of the window's lines, the pool's
    and the output FIFO. ``ahead`` are those of ``search`` whose thresholds are looked up a cycle ahead."""
    queue = found.levels + found.search_steps + _STAGES
    memories = ((found.line_depth, found.line_bits), (found.row_depth, found.row_bits), (queue, found.out_bits))
    return {
        "adders": found.adder_bits, "chains": sum(-(-bits // 4) * count for bits, count in found.adders.items()),
        "sums": found.sum_bits, "multiples": found.multiple_bits, "taps": found.tap_bits,
        "search": found.search_bits,
        "ahead": found.search_bits // max(1, found.search_steps) * steps_ahead(found.search_steps), "pool": found.pool_bits,
        "row": found.row_bits, "out": found.out_bits,
        "memory": sum(place(words, bits, style="distributed").lutram for words, bits in memories if bits), "one": 1,
    }


def _worst(layer: Layer) -> tuple[Any, Any]:
    """Weights and thresholds that take about the most of those of the widths that the layer has: what is known of a network before its
    training. Every weight is odd, so that all multiples are needed, and pairs of weights are common by chance alone."""
    draw, values = np.random.default_rng(layer.mh * layer.mw), np.arange(1, 2 ** (layer.weight_bits - 1), 2)
    weights = draw.choice(values, layer.mh * layer.mw) * draw.choice(np.array([-1, 1]), layer.mh * layer.mw)
    channels = layer.mw // layer.taps
    if not layer.activation:
        return weights.reshape(layer.mh, *layer.kernel, channels), None
    steps, half = 2**layer.out_bits - 1, 2 ** (layer.sum_bits - 1)
    thresholds = np.linspace(-half, half - 1, steps + 2).astype(np.int64)[None, 1:-1] + np.arange(layer.mh)[:, None] % 7
    return weights.reshape(layer.mh, *layer.kernel, channels), thresholds
