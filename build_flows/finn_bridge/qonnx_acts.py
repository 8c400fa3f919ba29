"""Quantisers of activations: what stands before them, and what integers they make of it."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import OwnLayer
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.pools import Pool
from build_flows.finn_bridge.qonnx_graph import Graph, Quantiser, called
from build_flows.finn_bridge.qonnx_sum import Sum, Value, retaken, rising
from build_flows.finn_bridge.upsampling import Upsampling

__all__ = ["act", "quantised"]

IntArray = npt.NDArray[np.int64]


def quantised(graph: Graph, node: Any, value: Value, total: Sum | None) -> tuple[list[OwnLayer], Value]:
    """Past the quantiser ``node`` of ``total``, with the layers that are finished so; without sums, of what is quantised already: no layer
    where it stays as it is."""
    found, where = graph.quantiser(node), called(node)
    if found.scale.size != 1:
        raise CompileError(f"{where}: an activation must have one scale, not {found.scale.size} (scaling_per_output_channel=False)")
    scale = float(found.scale.ravel()[0])
    if total is None:
        low, high = value.limits
        if np.float32(scale) == np.float32(value.scale) and not found.sign and found.low <= low and found.high >= high:
            return [], replace(value, tensor=node.output[0])
        total = retaken(value)
    if not 1 <= found.bits <= 8:
        raise CompileError(f"{where}: an activation must have 1 to 8 bits, not {found.bits} bits")
    if found.sign and all(np.all(_levels(end, found) == 1) for end in total.ends):
        raise CompileError(
            f"{where}: gives 1 whatever comes, for nothing below 0 comes to it; behind a Relu Brevitas exports QuantReLU(bit_width=1) so, "
            "which computes something else; allowed: QuantIdentity(SignedBinaryActPerTensorConst), or QuantReLU of 2 bits"
        )
    layers = act(total, found)
    last = layers[-1]
    return layers, replace(value, tensor=node.output[0], bits=last.out_bits, signed=last.out_signed, scale=scale)


def act(total: Sum, found: Quantiser) -> list[OwnLayer]:
    """The layer of ``total`` with the activation ``found``, and the pools that stood before it.

    Its type is the narrowest, of 2 bits at least, that holds what comes out: behind a Relu, half of a signed quantiser's integers never do.
    An upsampling may come behind everything, a pool behind whatever never falls: raises :class:`CompileError` naming the factor below 0
    between them.
    """
    for pool, begin in total.pools:
        _only_rises(total, pool, begin)
    scale = float(found.scale.ravel()[0])
    low, high = (_levels(end, found) for end in total.ends)
    signed = int(low.min()) < 0
    bits = max(2, signed + max(int(high.max()).bit_length(), (-1 - int(low.min())).bit_length() if signed else 0))
    layer = replace(rising(total), scale=scale, act_bits=bits, act_signed=signed, act_sign=found.sign)
    if np.any(low > layer.minimum) or np.any(high < layer.minimum + (1 << bits) - 1):
        layer = replace(layer, act_low=low, act_high=high)
    return [layer, *(part for pool, _ in total.pools for part in pool.layers(bits, signed, scale))]


def _levels(values: npt.NDArray[np.float64], found: Quantiser) -> IntArray:
    """The integers that ``found`` makes of real ``values`` (infinite ones too), in float32 as it computes."""
    units = values.astype(np.float32) / np.float32(found.scale.ravel()[0])
    levels = np.where(units >= 0, 1, -1) if found.sign else np.clip(np.rint(units), found.low, found.high)
    return levels.astype(np.int64)


def _only_rises(total: Sum, pool: Pool | Upsampling, begin: int) -> None:
    behind = total.factors[begin:]
    falls = np.flatnonzero(np.prod([np.ones(len(total.slope)), *(sign for _, sign in behind)], axis=0) < 0)
    if len(falls) and pool.kernel != (1, 1):
        channel = int(falls[0])
        name = next(name for name, sign in reversed(behind) if sign[channel] < 0)
        raise CompileError(
            f"{name} stands behind {pool.node} and multiplies channel {channel} by a number below 0 ({len(falls)} of {len(total.slope)} "
            f"channels): the hardware pools behind the activation, where that would be the least value, not the largest; allowed: "
            f"{pool.node} behind the activation's quantiser, or factors above 0"
        )
