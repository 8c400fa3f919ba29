"""Shared units that count bits, drawn for the fit of the cost model: no preset of those that it draws from has weights of 1 bit."""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.shared_samples import shared_module
from build_flows.planning.constants import Constants
from build_flows.planning.network import Layer, Shape
from build_flows.planning.shared_units import shared_options, shared_shape, shared_unit
from build_flows.planning.unit import Fold, Unit
from build_flows.synthesis.synthesise import Unit as Module

__all__ = ["MOST_MACS", "draw_bits"]

MOST_MACS = 1100
"""Units that take more pairs of bits a cycle are not synthesised: they take minutes."""


def draw_bits(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """``most`` units of layers of any shape, every size as likely as every other; of ``golden`` they have nothing. With each what describes
    it and what is to be synthesised."""
    for number in range(most):
        layer, pool = _layer(draw)
        sizes: dict[int, list[tuple[Fold, Unit]]] = {}
        for fold in shared_options(layer, pool, body="shared_bits"):
            macs = shared_shape(layer, fold, pool).macs
            if 16 <= macs <= MOST_MACS:
                sizes.setdefault(macs.bit_length(), []).append((fold, shared_unit(layer, fold, pool)))
        fold, unit = draw.choice(sizes[draw.choice(sorted(sizes))])
        numbers = "_".join(map(str, (*layer.kernel, layer.source.channels, layer.mh, *unit.folding.values())))
        yield f"bits{number}_{numbers}{'_pool' if pool else ''}", unit, shared_module(layer, fold, pool)


def _layer(draw: random.Random) -> tuple[Layer, Layer | None]:
    """A layer of 1-bit weights and inputs, constants and all, and perhaps a pool behind it."""
    side, channels, outputs = draw.randint(6, 16), draw.choice((24, 48, 64, 96, 128)), draw.choice((16, 32, 64, 80))
    linear = draw.random() < 0.25
    kernel, bits = 1 if linear else draw.choice((1, 3, 3)), draw.choice((1, 1, 2))
    source = Shape(2, 2, channels) if linear else Shape(side, side, channels)
    target = Shape(1, 1, outputs) if linear else Shape(side - kernel + 1, side - kernel + 1, outputs)
    terms = source.values if linear else kernel**2 * channels
    of = np.random.default_rng(draw.randrange(1 << 30))
    weights = of.choice(np.array([-1, 1]), (outputs, kernel, kernel, terms // kernel**2))
    thresholds = np.sort(of.integers(-terms // 4, terms // 4, (outputs, (1 << bits) - 1)), axis=1)
    layer = Layer(
        name="bits", kind="linear" if linear else "conv", stage=0, head=False, source=source, target=target, in_bits=1, in_signed=False,
        out_bits=bits, out_signed=False, acc_bits=terms.bit_length() + 2, sum_bits=terms.bit_length() + 1, activation=True,
        kernel=(kernel, kernel), weight_bits=2, binary=True, finn_because="", constants=Constants.of(weights, thresholds, 0),
    )
    if linear or draw.random() < 0.5:
        return layer, None
    pooled = Shape(target.height // 2, target.width // 2, outputs)
    return layer, Layer(
        name="pool", kind="maxpool", stage=0, head=False, source=target, target=pooled, in_bits=bits, in_signed=False, out_bits=bits,
        out_signed=False, acc_bits=0, sum_bits=0, activation=False, kernel=(2, 2), stride=(2, 2), finn_because="",
    )
