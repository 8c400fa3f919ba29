"""The shared body of a convolution or linear layer: one unit on DSP chains whose weights and thresholds are memory contents, with the pool
behind it where that can be part of it.

The unit is :class:`hw.layers.shared_conv.SharedConv`; its shapes and cycles are formulas of :mod:`hw.layers.shared_shape`.
"""

from functools import lru_cache
from typing import Any

from build_flows.planning.network import Layer
from build_flows.planning.static_units import pool_error
from build_flows.planning.unit import Fold
from hw.layers.shared_shape import SharedShape

__all__ = ["shared_error", "shared_parameters", "shared_shape"]


def shared_parameters(layer: Layer, fold: Fold, pool: Layer | None = None) -> dict[str, Any]:
    """What the shape of the unit of ``layer`` folded by ``fold``, with ``pool`` fused, is built with: parameters of the same name. A beat
    in is a whole pixel. A linear layer is a map of one pixel whose channels are all its inputs, and come as the pixels of the map before."""
    source = layer.source
    height, width, channels = (1, 1, source.values) if layer.kind == "linear" else (source.height, source.width, source.channels)
    return {
        "height": height, "width": width, "channels": channels, "beat": source.channels, "out_channels": layer.mh, "kernel": layer.kernel,
        "stride": layer.stride, "pad": layer.pad, "pool": pool.kernel if pool else (1, 1), "bits": layer.in_bits, "signed": layer.in_signed,
        "weight_bits": layer.weight_bits, "pixels": fold.pixels, "inputs": fold.inputs, "outputs": fold.outputs, "lanes": fold.lanes,
    }


@lru_cache(maxsize=65536)
def shared_shape(layer: Layer, fold: Fold, pool: Layer | None = None) -> SharedShape:
    """Sizes, beats and cycles of the unit. Raises ValueError, one line, when there is none so."""
    return SharedShape(**shared_parameters(layer, fold, pool))


@lru_cache(maxsize=65536)
def shared_error(layer: Layer, fold: Fold, pool: Layer | None = None) -> str | None:
    """Why ``layer`` cannot be a shared unit folded by ``fold`` with ``pool`` in it, as ``<key> must ..., not <value>``, or None."""
    if layer.kind not in ("conv", "linear"):
        return f'body must be "finn" for a {layer.kind}, not "shared"'
    if pool and (reason := pool_error(layer, pool)):
        return f'body of {pool.name} must be "finn", not "shared": {reason}'
    if layer.constants is not None and (least := int(layer.constants.weights.min())) < -(2 ** (layer.weight_bits - 1) - 1):
        return f"weights must be narrow, at least {-(2 ** (layer.weight_bits - 1) - 1)}, not {least}"
    try:
        shared_shape(layer, fold, pool)
    except ValueError as error:
        return str(error)
    return None
