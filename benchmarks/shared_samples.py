"""Shared units drawn from networks, for the fit of the cost model: each as one module, with the weights that the network has."""

import random
from collections.abc import Iterator
from pathlib import Path

from build_flows.planning.layer_costs import pool_behind
from build_flows.planning.network import Layer, read_network
from build_flows.planning.shared_units import shared_options, shared_shape, shared_unit
from build_flows.planning.unit import Fold, Unit
from build_flows.synthesis.synthesise import Unit as Module
from build_flows.synthesis.units import ALIAS
from hw.layers.shared_conv import SharedConv
from hw.streams.axis import axis_verilog

__all__ = ["MOST_BITS", "draw_shared", "shared_module"]

MOST_BITS = 9000
"""Units with more bits of sums are not synthesised: they take minutes."""


def draw_shared(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """Up to ``most`` units of the network in ``golden``: layers, folds and pool or none at random. With each what describes it and what is
    to be synthesised."""
    network = read_network(golden, layers="fused")
    layers = [
        (layer, pool) for chain in network.chains for place, layer in enumerate(chain)
        for pool in dict.fromkeys((None, pool_behind(chain, place))) if shared_options(layer, pool)
    ]
    draw.shuffle(layers)
    for layer, pool in layers:
        folds = list(shared_options(layer, pool))
        fold = draw.choice(folds)
        unit = shared_unit(layer, fold, pool)
        if unit.terms["sums"] <= MOST_BITS and most:
            most -= 1
            sizes = f"{fold.pixels}_{fold.inputs}_{fold.outputs}_{fold.lanes}"
            yield f"{layer.name}_{sizes}{'_pool' if pool else ''}", unit, shared_module(layer, fold, pool)


def shared_module(layer: Layer, fold: Fold, pool: Layer | None) -> Module:
    """The shared unit of ``layer``, whose weights are known, as a module to synthesise."""
    assert layer.constants is not None, layer.name
    thresholds = layer.constants.thresholds
    component = SharedConv(
        shared_shape(layer, fold, pool), weights=layer.constants.weights.tolist(),
        thresholds=None if thresholds is None else thresholds.tolist(), out_min=layer.constants.out_min,
        out_bits=layer.out_bits if layer.activation else layer.sum_bits, exchangeable=layer.exchangeable,
    )
    return Module(top=ALIAS, verilog=axis_verilog(component, ALIAS, inputs={"in0_V": component.i}, outputs={"out0_V": component.o}))
