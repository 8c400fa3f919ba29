"""Max pools of several pixels a beat, for the fit of the cost model: each as one module, on maps that networks have."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from build_flows.planning.network import Layer, Shape
from build_flows.planning.pool_units import pixel_pool_options, pixel_pool_parameters, pixel_pool_unit
from build_flows.planning.read_network import read_network
from build_flows.planning.unit import Unit
from build_flows.synthesis.synthesise import Unit as Module
from build_flows.synthesis.units import ALIAS
from hw.layers.pixel_pool import PixelPool
from hw.streams.axis import axis_verilog

__all__ = ["KERNELS", "MOST_BITS", "draw_pools", "pool_module"]

KERNELS = ((2, 2), (2, 2), (3, 3), (4, 4), (2, 1), (1, 2), (2, 4))
"""Windows drawn; those that networks have most often twice."""
MOST_BITS = 1600
"""Units of wider beats are not synthesised: they take minutes."""


def draw_pools(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """Up to ``most`` pools of maps that the network in ``golden`` has, windows and pixels a beat at random, every number of bits a beat as
    likely as every other. With each what describes it and what is to be synthesised."""
    network = read_network(golden, layers="fused")
    maps = [layer for layer in network.layers if layer.target.pixels > 1]
    for _ in range(most):
        sizes: dict[int, list[tuple[Layer, int]]] = {}
        for kernel in KERNELS:
            for layer in maps:
                if kernel[0] > layer.target.height or kernel[1] > layer.target.width:
                    continue
                pool = _pool(layer, kernel)
                for pixels in pixel_pool_options(pool):
                    bits = pixels * pool.source.channels * pool.in_bits
                    if bits <= MOST_BITS:
                        sizes.setdefault(bits.bit_length(), []).append((pool, pixels))
        pool, pixels = draw.choice(sizes[draw.choice(sorted(sizes))])
        yield f"{pool.name}_{pool.kernel[0]}x{pool.kernel[1]}_{pixels}", pixel_pool_unit(pool, pixels), pool_module(pool, pixels)


def _pool(layer: Layer, kernel: tuple[int, int]) -> Layer:
    """A pool of ``layer``'s map."""
    source = layer.target
    return replace(
        layer, kind="maxpool", source=source, target=Shape(source.height // kernel[0], source.width // kernel[1], source.channels),
        in_bits=layer.out_bits, in_signed=layer.out_signed, acc_bits=0, sum_bits=0, activation=False, kernel=kernel, stride=kernel,
        pad=(0, 0), weight_bits=0, constants=None,
    )


def pool_module(pool: Layer, pixels: int) -> Module:
    """The unit of ``pool`` as a module to synthesise."""
    component = PixelPool(**pixel_pool_parameters(pool, pixels))
    return Module(top=ALIAS, verilog=axis_verilog(component, ALIAS, inputs={"in0_V": component.i}, outputs={"out0_V": component.o}))
