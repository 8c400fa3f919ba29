"""Static units drawn from networks, for the fit of the cost model: each as one module, with the weights that the network has."""

import random
from collections.abc import Iterator
from pathlib import Path

from build_flows.planning.layer_costs import pool_behind
from build_flows.planning.network import Layer
from build_flows.planning.read_network import read_network
from build_flows.planning.static_units import static_options, static_parameters, static_unit
from build_flows.planning.unit import Unit
from build_flows.synthesis.synthesise import Unit as Module
from build_flows.synthesis.units import ALIAS
from hw.layers.static_conv import StaticConv
from hw.streams.axis import axis_verilog

__all__ = ["MOST_BITS", "draw_static", "static_module"]

MOST_BITS = 9000
"""Units with more bits of adders are not synthesised: they take minutes."""


def draw_static(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """Up to ``most`` units of the network in ``golden``: layers, pixels a beat and pool or none at random. With each what describes it and
    what is to be synthesised."""
    network = read_network(golden, layers="fused")
    options = [
        (layer, pixels, pool) for chain in network.chains for place, layer in enumerate(chain)
        for pool in dict.fromkeys((None, pool_behind(chain, place))) for pixels in static_options(layer, pool)
    ]
    draw.shuffle(options)
    for layer, pixels, pool in options:
        unit = static_unit(layer, pixels, pool)
        if unit.terms["adders"] <= MOST_BITS and most:
            most -= 1
            yield f"{layer.name}_{pixels}{'_pool' if pool else ''}", unit, static_module(layer, pixels, pool)


def static_module(layer: Layer, pixels: int, pool: Layer | None) -> Module:
    """The static unit of ``layer``, whose weights are known, as a module to synthesise."""
    assert layer.constants is not None, layer.name
    thresholds = layer.constants.thresholds
    component = StaticConv(
        weights=layer.constants.weights.tolist(), thresholds=None if thresholds is None else thresholds.tolist(),
        out_min=layer.constants.out_min, **static_parameters(layer, pixels, pool),
    )
    return Module(top=ALIAS, verilog=axis_verilog(component, ALIAS, inputs={"in0_V": component.i}, outputs={"out0_V": component.o}))
