"""The shared bodies of a convolution or linear layer: one unit on chains of DSPs, or of multipliers in look-up tables, or one that counts
bits, whose weights and thresholds are memory contents, with the pool behind it where that can be part of it.

The unit is :class:`hw.layers.shared_conv.SharedConv`; its shapes and cycles are formulas of :mod:`hw.layers.shared_shape`.
"""

from dataclasses import replace
from functools import lru_cache
from typing import Any

from build_flows.planning.network import Layer
from build_flows.planning.shared_terms import shared_size
from build_flows.planning.static_units import pool_error
from build_flows.planning.unit import Fold, Unit
from hw.layers.dsp_packing import longest_chain
from hw.layers.shared_shape import SharedShape
from hw.layers.weight_memory import DISTRIBUTED

__all__ = ["shared_error", "shared_folds", "shared_options", "shared_parameters", "shared_shape", "shared_unit"]


def shared_parameters(layer: Layer, fold: Fold, pool: Layer | None = None) -> dict[str, Any]:
    """What the shape of the unit of ``layer`` folded by ``fold``, with ``pool`` fused, is built with: parameters of the same name.

    A beat in is a whole pixel. A linear layer is a map of one pixel whose channels are all its inputs, and come as the pixels of the map
    before.
    """
    source = layer.source
    linear = layer.kind == "linear"
    height, width, channels = (1, 1, source.values) if linear else (source.height, source.width, source.channels)
    return {
        "height": height, "width": width, "channels": channels, "beat": source.channels, "out_channels": layer.mh, "kernel": layer.kernel,
        "stride": layer.stride, "pad": layer.pad, "pool": pool.kernel if pool else (1, 1), "bits": layer.in_bits, "signed": layer.in_signed,
        "weight_bits": 1 if fold.binary else layer.weight_bits, "pixels": fold.pixels, "inputs": fold.inputs, "outputs": fold.outputs,
        "lanes": fold.lanes, "lut": fold.lut, "binary": fold.binary, "depthwise": fold.depthwise,
    }


@lru_cache(maxsize=65536)
def shared_shape(layer: Layer, fold: Fold, pool: Layer | None = None) -> SharedShape:
    """Sizes, beats and cycles of the unit. Raises ValueError, one line, when there is none so."""
    return SharedShape(**shared_parameters(layer, fold, pool))


@lru_cache(maxsize=65536)
def shared_error(layer: Layer, fold: Fold, pool: Layer | None = None) -> str | None:
    """Why ``layer`` cannot be a shared unit folded by ``fold`` with ``pool`` in it, as ``<key> must ..., not <value>``, or None."""
    if layer.kind not in ("conv", "linear"):
        return f'body must be "finn" for a {layer.kind}, not "{fold.body}"'
    if layer.finn_because:
        return f'body must be "finn", not "{fold.body}": {layer.finn_because}'
    if pool and (reason := pool_error(layer, pool)):
        return f'body of {pool.name} must be "finn", not "{fold.body}": {reason}'
    if fold.binary and (reason := _binary_error(layer)):
        return reason
    if fold.depthwise and (not layer.depthwise or layer.exchangeable):
        return 'body must not be "depthwise": it must be a convolution each of whose outputs is of one input, and not exchangeable'
    if layer.constants is not None and (least := int(layer.constants.weights.min())) < -(2 ** (layer.weight_bits - 1) - 1):
        return f"weights must be narrow, at least {-(2 ** (layer.weight_bits - 1) - 1)}, not {least}"
    try:
        shared_shape(layer, fold, pool)
    except ValueError as error:
        return str(error)
    return None


def _binary_error(layer: Layer) -> str | None:
    """Why the products of ``layer`` are no bits that agree or not."""
    wrong = (
        f"its inputs must be of 1 bit, not {layer.in_bits}" if layer.in_bits != 1 or layer.in_signed else
        f"its weights must be -1 and 1, not of {layer.weight_bits} bits" if not layer.binary else
        "it must have thresholds" if not layer.activation else
        "its weights are to be exchangeable" if layer.exchangeable else None
    )
    return wrong and f'body must not be "shared_bits": {wrong}'


@lru_cache(maxsize=4096)
def shared_options(layer: Layer, pool: Layer | None = None, *, body: str = "shared") -> tuple[Fold, ...]:
    """The folds of a shared unit of ``layer`` with ``pool`` in it that are worth a look, all of one ``body`` of
    :data:`build_flows.planning.unit.SHARED`; none: it cannot be one.

    Inputs and outputs need not divide the layer's, for what is beyond them is zeros: of every number of groups the fewest are taken, and
    of lanes those without which a frame takes longer.
    """
    linear = layer.kind == "linear"
    found = []
    for pixels in (1,) if linear or layer.target.width == 1 else (1, 2):
        least = Fold(body=body, pixels=pixels)
        together = 1 if body != "shared" else _together(layer, pixels)
        if together is None or shared_error(layer, replace(least, outputs=together), pool):
            continue
        for inputs in _groups(layer.source.channels, 1):
            for outputs in [inputs] if least.depthwise else _groups(layer.mh, together):
                fold = replace(least, inputs=inputs, outputs=outputs, lanes=outputs)
                cycles = shared_shape(layer, fold, pool).cycles
                before = 0
                for lanes in (at for at in range(1, outputs + 1) if outputs % at == 0):
                    found_cycles = shared_shape(layer, replace(fold, lanes=lanes), pool).cycles
                    if found_cycles != before:
                        found.append(replace(fold, lanes=lanes))
                    before = found_cycles
                    if before == cycles:
                        break
    return tuple(found)


def shared_folds(layer: Layer, target: int, pool: Layer | None = None, *, body: str = "shared") -> tuple[Fold, ...]:
    """Of :func:`shared_options` those that take a frame every ``target`` cycles, with the same pixels and inputs as few outputs and lanes
    as that asks for. Fewer outputs take more rows of weights: where those are block RAM then, the fewest are kept too of which they are
    look-up tables, and of which they are a single row: constants."""
    kept: dict[tuple[int, int, int], Fold] = {}
    for fold in shared_options(layer, pool, body=body):
        shape = shared_shape(layer, fold, pool)
        if shape.cycles <= target:
            key = fold.pixels, fold.inputs, int(shape.weight_rows > 1) + int(shape.weight_rows > DISTRIBUTED)
            if key not in kept or (fold.outputs, fold.lanes) < (kept[key].outputs, kept[key].lanes):
                kept[key] = fold
    return tuple(kept.values())


def _together(layer: Layer, pixels: int) -> int | None:
    """Outputs that share a DSP48E1; None: nothing does."""
    if layer.weight_bits < 2:
        return None
    chain = longest_chain(layer.in_bits, layer.in_signed, layer.weight_bits, pixels=pixels)
    return chain[1].outputs if chain else None


def _groups(count: int, step: int) -> list[int]:
    """For every number of groups that ``count`` can be parted into, how many are in one, a multiple of ``step``; rising."""
    return sorted({-(-count // (groups * step)) * step for groups in range(1, -(-count // step) + 1)})


@lru_cache(maxsize=65536)
def shared_unit(layer: Layer, fold: Fold, pool: Layer | None = None) -> Unit:
    """The shared unit of ``layer`` folded by ``fold`` with ``pool`` in it. Raises ValueError when it cannot be one so."""
    if reason := shared_error(layer, fold, pool):
        raise ValueError(f"{layer.name}: {reason}")
    shape = shared_shape(layer, fold, pool)
    out_bits = layer.out_bits if layer.activation else layer.sum_bits
    sum_bits = layer.mw.bit_length() + 1 if fold.binary else layer.sum_bits
    size = shared_size(shape, sum_bits=sum_bits, steps=_steps(layer), out_bits=out_bits, exchangeable=layer.exchangeable)
    return Unit(
        kind="shared", folding={"pixels": fold.pixels, "inputs": fold.inputs, "outputs": fold.outputs, "lanes": fold.lanes},
        in_bits=shape.beat * shape.bits, out_bits=shape.out_channels * out_bits,
        in_beats=shape.height * shape.width * shape.channels // shape.beat, out_beats=shape.out_height * shape.out_width,
        cycles=shape.cycles, model=fold.body, terms=size.terms, bram18=size.bram18, dsp=shape.dsps,
        ram_style="block" if size.block else "distributed",
    )


def _steps(layer: Layer) -> int:
    """Thresholds of a channel; 0: the sums are the output."""
    if not layer.activation:
        return 0
    known = layer.constants.thresholds if layer.constants else None
    return 2**layer.out_bits - 1 if known is None else int(known.shape[1])
