"""Shared units drawn from networks, for the fit of the cost model: each as one module, with the weights that the network has."""

import random
from collections.abc import Iterator
from pathlib import Path

from build_flows.planning.layer_costs import pool_behind
from build_flows.planning.network import Layer
from build_flows.planning.read_network import read_network
from build_flows.planning.shared_units import shared_options, shared_shape, shared_unit
from build_flows.planning.unit import Fold, Unit
from build_flows.synthesis.synthesise import Unit as Module
from build_flows.synthesis.units import ALIAS
from hw.layers.shared_conv import SharedConv
from hw.layers.weight_memory import each_its_own
from hw.streams.axis import axis_verilog

__all__ = ["MOST_BITS", "MOST_DSPS", "MOST_WEIGHTS", "draw_shared", "shared_module"]

MOST_BITS = 1600
"""Units with more bits of sums, or of an output pixel, are not synthesised: they take minutes."""
MOST_DSPS = 60
"""Nor those with more DSPs, or four times as many products a cycle in look-up tables."""
MOST_WEIGHTS = 24000
"""Layers with more bits of weights are not: large memories take minutes."""


def draw_shared(golden: Path, draw: random.Random, most: int, *, body: str = "shared") -> Iterator[tuple[str, Unit, Module]]:
    """Up to ``most`` units of the network in ``golden``, of the ``body`` ``shared`` or ``shared_lut``, more of convolutions than others.

    Layers, with pool or without, folds and, in heads, whether they are exchangeable at random, every size as likely as every other. With
    each what describes it and what is to be synthesised.
    """
    fixed, heads = (read_network(golden, exchangeable, layers="fused") for exchangeable in (False, True))
    layers = [
        (layer, pool) for chain in fixed.chains for place, layer in enumerate(chain)
        if 0 < layer.mw * layer.mh * layer.weight_bits <= MOST_WEIGHTS
        for pool in ((pool_behind(chain, place), None) if layer.kind == "conv" else (None,))
    ]
    draw.shuffle(layers)
    for layer, pool in layers:
        layer = heads.layer(layer.name) if draw.random() < 0.5 else layer
        sizes: dict[int, list[tuple[Fold, Unit]]] = {}
        for fold in shared_options(layer, pool, body=body):
            unit = shared_unit(layer, fold, pool)
            size = shared_shape(layer, fold, pool).macs // 4 if body == "shared_lut" else unit.dsp
            sums = fold.pixels * fold.outputs * layer.sum_bits
            if max(sums, unit.out_bits) <= MOST_BITS and size <= MOST_DSPS:
                sizes.setdefault(size.bit_length(), []).append((fold, unit))
        if sizes and most:
            most -= 1
            fold, unit = draw.choice(sizes[draw.choice(sorted(sizes))])
            numbers = "_".join(map(str, unit.folding.values()))
            name = f"{layer.name}_{numbers}{'_pool' if pool else ''}{'_any' if layer.exchangeable else ''}"
            yield name, unit, shared_module(layer, fold, pool)


def shared_module(layer: Layer, fold: Fold, pool: Layer | None) -> Module:
    """The shared unit of ``layer``, whose weights are known, as a module to synthesise."""
    assert layer.constants is not None, layer.name
    thresholds = layer.constants.thresholds
    weights = layer.constants.weights.tolist()
    component = SharedConv(
        shared_shape(layer, fold, pool), weights=each_its_own(weights) if fold.depthwise else weights,
        thresholds=None if thresholds is None else thresholds.tolist(), out_min=layer.constants.out_min,
        out_bits=layer.out_bits if layer.activation else layer.sum_bits, exchangeable=layer.exchangeable,
    )
    return Module(top=ALIAS, verilog=axis_verilog(component, ALIAS, inputs={"in0_V": component.i}, outputs={"out0_V": component.o}))
