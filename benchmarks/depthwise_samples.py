"""Shared units that convolve each channel by itself, drawn for the fit of the cost model: no network that it draws from has any."""

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

__all__ = ["MOST_MACS", "draw_depthwise"]

MOST_MACS = 64
"""Units that multiply more in a cycle are not synthesised: they take minutes."""


def draw_depthwise(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """``most`` units of layers of any shape, every size as likely as every other; of ``golden`` they have nothing. With each what describes
    it and what is to be synthesised."""
    for number in range(most):
        layer = _layer(draw)
        sizes: dict[int, list[tuple[Fold, Unit]]] = {}
        for fold in shared_options(layer, body="depthwise"):
            macs = shared_shape(layer, fold).macs
            if macs <= MOST_MACS:
                sizes.setdefault(macs.bit_length(), []).append((fold, shared_unit(layer, fold)))
        fold, unit = draw.choice(sizes[draw.choice(sorted(sizes))])
        numbers = "_".join(map(str, (layer.in_bits, layer.weight_bits, *layer.kernel, layer.source.channels, *unit.folding.values())))
        yield f"depthwise{number}_{numbers}", unit, shared_module(layer, fold, None)


def _layer(draw: random.Random) -> Layer:
    """A layer of weights on the diagonal, constants and all."""
    side, channels, stride = draw.randint(6, 24), draw.choice((8, 16, 24, 32, 48, 64)), draw.choice((1, 1, 2))
    kernel, bits, weight_bits, out_bits = draw.choice((3, 3, 5)), draw.choice((2, 4, 4, 8)), draw.choice((2, 4, 4, 8)), draw.choice((2, 4))
    after = (side - 1) // stride + 1
    of, top = np.random.default_rng(draw.randrange(1 << 30)), (1 << (weight_bits - 1)) - 1
    weights = np.zeros((channels, kernel, kernel, channels), np.int64)
    weights[np.arange(channels), :, :, np.arange(channels)] = of.integers(-top, top + 1, (channels, kernel, kernel))
    high = int(abs(weights).sum(axis=(1, 2, 3)).max()) * ((1 << bits) - 1)
    thresholds = np.sort(of.integers(-high // 4, high // 4, (channels, (1 << out_bits) - 1)), axis=1)
    return Layer(
        name="depthwise", kind="conv", stage=0, head=False, source=Shape(side, side, channels), target=Shape(after, after, channels),
        in_bits=bits, in_signed=False, out_bits=out_bits, out_signed=False, acc_bits=high.bit_length() + 2, sum_bits=high.bit_length() + 1,
        activation=True, kernel=(kernel, kernel), pad=(kernel // 2, kernel // 2), stride=(stride, stride), weight_bits=weight_bits,
        depthwise=True, finn_because="", constants=Constants.of(weights, thresholds, 0),
    )
