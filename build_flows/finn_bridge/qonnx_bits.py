"""Activations and weights of -1 and 1 as one bit, wherever that is exact.

An activation x of -1 and 1 is the bit b with x = 2 b - 1: one bit in streams and memories. A layer that reads it sums w x = 2 w b - w, so
its accumulator unit is worth twice as much and its offset less by the sum of its weights, which goes into its thresholds. Zeros that are
put around such a map are no bit: what a padded layer reads stays an integer of 2 bits.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import PASSING, OwnLayer, OwnNetwork

__all__ = ["as_bits"]

MOST_WEIGHT_BITS = 8
"""Of a layer; the last one of a head takes one bit more where it reads bits, for its accumulator unit stays a logit's."""

Layers = Mapping[str, OwnLayer]


def as_bits(network: OwnNetwork, *, exchangeable: bool = False) -> OwnNetwork:
    """``network`` with every activation of -1 and 1 that all its readers can take so as one bit, 0 and 1, and the ``weight_bits`` 1 of
    layers all of whose weights are -1 or 1, not so in ``exchangeable`` heads, whose other weights may be 0. Sums, thresholds and logits
    decide what they did."""
    layers = {layer.name: layer for chain in (*network.stages, *network.heads) for layer in chain}
    bits = _bits(layers)
    any_weights = {layer.name for chain in network.heads for layer in chain} if exchangeable else set()
    changed = {name: _layer(layer, name in bits, any(source in bits for source in layer.inputs), name not in any_weights)
               for name, layer in layers.items()}
    stages, heads = (tuple(tuple(changed[layer.name] for layer in chain) for chain in chains) for chains in (network.stages, network.heads))
    return replace(network, stages=stages, heads=heads)


def _bits(layers: Layers) -> set[str]:
    """The layers that give bits: the most that agree with each other."""
    found = {name for name, layer in layers.items() if layer.act_sign or layer.kind in PASSING}
    while wrong := {name for name in found if not _gives(layers[name], found)} | {
            source for layer in layers.values() if not _takes(layer, found) for source in layer.inputs if source in found}:
        found -= wrong
    return found


def _gives(layer: OwnLayer, bits: set[str]) -> bool:
    return layer.act_sign or all(source in bits for source in layer.inputs)


def _takes(layer: OwnLayer, bits: set[str]) -> bool:
    """Whether ``layer`` can take bits from those of its inputs that are among ``bits``."""
    if layer.kind in PASSING:
        return layer.name in bits
    if layer.kind == "add":
        return all(source in bits for source in layer.inputs)
    return layer.pad == (0, 0) and (layer.bias is None or layer.weight_bits < MOST_WEIGHT_BITS)


def _layer(layer: OwnLayer, gives: bool, takes: bool, looked_at: bool) -> OwnLayer:
    if looked_at and layer.weight is not None and layer.weight_bits == 2 and bool(np.all(abs(layer.weight) == 1)):
        layer = replace(layer, weight_bits=1)
    if takes:
        layer = _reading(layer)
    if gives and layer.act_sign:
        # -1 and 1, or of a channel that a Relu or Clip cuts off one of them alone.
        assert layer.act_low is not None
        assert layer.act_high is not None
        layer = replace(layer, act_bits=1, act_signed=False, scale=2 * layer.scale, act_low=(layer.act_low + 1) // 2,
                        act_high=(layer.act_high + 1) // 2)
    return layer


def _reading(layer: OwnLayer) -> OwnLayer:
    """``layer`` as it reads bits."""
    layer = replace(layer, in_bits=1, in_signed=False, in_scale=2 * layer.in_scale, others=tuple((1, False) for _ in layer.others))
    if layer.kind in PASSING:
        return layer
    assert layer.slope is not None
    assert layer.offset is not None
    ones = _ones(layer)
    if layer.bias is not None:
        # Twice the weights: an odd sum of them would leave half a unit of the bias.
        assert layer.weight is not None
        assert layer.weight_scale is not None
        return replace(layer, weight=2 * layer.weight, weight_bits=max(2, layer.weight_bits) + 1, weight_scale=layer.weight_scale / 2,
                       bias=layer.bias - ones)
    return replace(layer, slope=2 * layer.slope, offset=layer.offset - layer.slope * ones)


def _ones(layer: OwnLayer) -> npt.NDArray[np.int64]:
    """What accumulators of ``layer`` are, by channel, when all that it reads is 1."""
    assert layer.slope is not None
    if layer.weight is not None:
        return np.asarray(layer.weight.reshape(len(layer.weight), -1).sum(axis=1), np.int64)
    count = {"global_sum": layer.in_shape[0] * layer.in_shape[1], "add": len(layer.inputs)}.get(layer.kind, 1)
    return np.full(len(layer.slope), count, np.int64)
