"""Upsamplings, for the fit of the cost model: each as one module, of maps that networks have."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from build_flows.planning.layer_costs import Fold, divisors, layer_units
from build_flows.planning.network import Layer, Shape
from build_flows.planning.read_network import read_network
from build_flows.planning.unit import Unit
from build_flows.synthesis.synthesise import Unit as Module
from build_flows.synthesis.units import ALIAS
from hw.layers.upsample import Upsample
from hw.streams.axis import axis_verilog

__all__ = ["FACTORS", "draw_upsamplings", "upsample_module"]

FACTORS = ((2, 2), (2, 2), (4, 4), (3, 3), (2, 1), (1, 2), (2, 3))
"""Factors drawn; that which networks have most often twice."""
WIDER = (1, 1, 8)
"""Maps are made so many times as wide, so that rows of some are in block RAM."""
MOST_BITS = 1600
"""Units of wider beats are not synthesised: they take minutes."""


def draw_upsamplings(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """Up to ``most`` upsamplings of maps that the network in ``golden`` has, factors, widths and channels a beat at random. With each what
    describes it and what is to be synthesised."""
    maps = [layer for layer in read_network(golden).layers if layer.activation and layer.weight_bits]
    for turn in range(most):
        layer, (down, across) = draw.choice(maps), draw.choice(FACTORS)
        alone = turn == 0 and draw.random() < 0.5       # a beat that is repeated by itself, without a memory
        down, across = (1, 2) if alone else (down, across)
        source = replace(layer.target, width=layer.target.width * draw.choice(WIDER))
        found = replace(
            layer, kind="upsample", source=source, target=Shape(source.height * down, source.width * across, source.channels),
            in_bits=layer.out_bits, in_signed=layer.out_signed, acc_bits=0, sum_bits=0, activation=False, factor=(down, across),
            kernel=(1, 1), stride=(1, 1), pad=(0, 0), weight_bits=0, constants=None,
        )
        pe = draw.choice([pe for pe in divisors(source.channels) if pe * layer.out_bits <= MOST_BITS])
        pe = source.channels if alone else pe
        (unit,) = layer_units(found, Fold(pe=pe))
        yield f"{layer.name}_{down}x{across}_{pe}", unit, upsample_module(found, pe)


def upsample_module(layer: Layer, pe: int) -> Module:
    """The unit of ``layer`` as a module to synthesise."""
    source = layer.source
    component = Upsample(source.height, source.width, source.channels, pe, layer.in_bits, layer.factor)
    return Module(top=ALIAS, verilog=axis_verilog(component, ALIAS, inputs={"in0_V": component.i}, outputs={"out0_V": component.o}))
