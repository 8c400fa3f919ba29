"""Accumulators on their way to a quantiser: what follows a layer in a QONNX, put into one factor and one offset a channel.

Each rewrite here is exact, or refused: a factor of either sign before an activation (the weights are turned round), a factor of 0 (no
weights), a max pool before its activation (they change places where what lies between them never falls).
"""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import OwnLayer
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_words import ALLOWED

__all__ = ["Sum", "Value", "act", "add_affine", "add_pool", "add_relu", "as_logits"]

FloatArray = npt.NDArray[np.float64]

NEAR = 1e-6
BIAS_NEAR = 0.02
EXACT = (1 << 24) - 1
"""Float32, in which the user's network and FINN's graph are executed, holds all integers up to here."""

NOTHING = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor on the way: images or feature maps of ``shape`` (height, width, channels), its axes in ``order`` (of n, c, h, w), ``flat``
    when they are one; integers of ``bits`` in units of ``scale`` (bits 0: not quantised)."""

    tensor: str
    shape: tuple[int, int, int]
    order: tuple[int, ...] = (0, 1, 2, 3)
    flat: bool = False
    bits: int = 0
    signed: bool = False
    scale: float = 0.0

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest integer of its type."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)


@dataclass(kw_only=True)
class Sum:
    """Accumulators of the layer ``node``, which reads ``source``: a unit is worth ``slope`` over ``offset``, by channel. ``factors`` are
    the signs of what they were multiplied by, and by which node; ``pools`` stand behind as many of them as is said beside each."""

    kind: str
    node: str
    source: Value
    shape: tuple[int, int, int]
    slope: FloatArray
    offset: FloatArray
    kernel: tuple[int, int] = (1, 1)
    pad: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    weight: npt.NDArray[np.int64] | None = None
    weight_bits: int = 0
    weight_scale: FloatArray | None = None
    relu: bool = False
    factors: list[tuple[str, FloatArray]] = field(default_factory=list)
    pools: list[tuple[OwnLayer, int]] = field(default_factory=list)


def add_relu(node: Any, value: Value, total: Sum | None) -> None:
    """A Relu of ``total``, or of what is never negative."""
    if total is None and value.signed:
        raise CompileError(f"{called(node)} must stand between a layer and its quantiser")
    if total is not None:
        total.relu = True


def add_pool(pool: OwnLayer, total: Sum) -> None:
    """A max pool of sums: it will stand behind their quantiser (:func:`act`)."""
    total.pools.append((pool, len(total.factors)))


def add_affine(graph: Graph, node: Any, value: Value, total: Sum | None) -> None:
    """Batch norm, or a constant added or multiplied, into ``total``."""
    where = called(node)
    if total is None:
        raise CompileError(f"{where} must stand between a layer and its quantiser, where it becomes part of the thresholds")
    if total.relu:
        raise CompileError(f"{where} stands behind the Relu of {total.node}; allowed: before it")
    with np.errstate(divide="ignore", invalid="ignore"):
        if node.op_type == "BatchNormalization":
            before, factor, behind = _batch_norm(graph, node, value)
        else:
            before, factor, behind = _constant(graph, node, value, total)
        total.slope, total.offset = total.slope * factor, (total.offset + before) * factor + behind
    for part in (total.slope, total.offset):
        if not np.isfinite(part).all():
            raise CompileError(f"{where}: channel {int(np.argmin(np.isfinite(part)))} becomes infinite or no number")
    total.factors.append((where, np.sign(factor)))


def _batch_norm(graph: Graph, node: Any, value: Value) -> tuple[FloatArray, FloatArray, FloatArray]:
    """What is added, then multiplied by, then added."""
    where = called(node)
    if not value.flat and value.order[1] != 1:
        raise CompileError(f"{where}: its input must be [1, channels, height, width]")
    constants = [graph.constant(tensor) for tensor in node.input[1:5]]
    if any(item is None for item in constants) or graph.attribute(node, "training_mode", 0):
        raise CompileError(f"{where}: its parameters must be constants, those of evaluation mode")
    gamma, beta, mean, variance = (np.asarray(item) for item in constants)
    factor = gamma / np.sqrt(variance + float(graph.attribute(node, "epsilon", 1e-5)))
    return -mean, factor, beta


def _constant(graph: Graph, node: Any, value: Value, total: Sum) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The same of a constant added, subtracted, multiplied or divided by."""
    where, channels = called(node), len(total.slope)
    constants = [graph.constant(tensor) for tensor in node.input]
    if all(item is None for item in constants):
        raise CompileError(f"{where} joins two paths (a residual connection?); allowed: a constant as one of its inputs")
    place = 0 if constants[0] is not None else 1
    given = constants[place]
    assert given is not None
    constant = _by_channel(where, given, value, channels)
    one, nothing = np.ones(channels), np.zeros(channels)
    if place == 0 and node.op_type == "Div":
        raise CompileError(f"{where}: a constant divided by a layer has no hardware layer; allowed: {ALLOWED}")
    if place == 0 and node.op_type == "Sub":
        return nothing, -one, constant
    if node.op_type in ("Add", "Sub"):
        return nothing, one, constant if node.op_type == "Add" else -constant
    return nothing, constant if node.op_type == "Mul" else 1 / constant, nothing


def _by_channel(where: str, constant: FloatArray, value: Value, channels: int) -> FloatArray:
    rank = 2 if value.flat else 4
    axis = 1 if value.flat else value.order.index(1)
    shape = (1,) * (rank - constant.ndim) + constant.shape
    if len(shape) != rank or any(size != 1 for place, size in enumerate(shape) if place != axis) or shape[axis] not in (1, channels):
        raise CompileError(f"{where}: its constant must be one number, or one for each channel, not {list(constant.shape)}")
    return np.broadcast_to(constant.reshape(-1), (channels,)).copy()


def act(total: Sum, scale: float, bits: int, signed: bool) -> list[OwnLayer]:
    """The layer of ``total`` with an activation of ``bits`` in units of ``scale``, and the pools that stood before it.

    A pool may come behind whatever never falls: raises :class:`CompileError` naming the factor below 0 between them.
    """
    for pool, begin in total.pools:
        _only_rises(total, pool, begin)
    layer = replace(_rising(total), scale=scale, act_bits=bits, act_signed=signed)
    return [layer, *(replace(pool, in_bits=bits, in_signed=signed, in_scale=scale) for pool, _ in total.pools)]


def _only_rises(total: Sum, pool: OwnLayer, begin: int) -> None:
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


def _rising(total: Sum) -> OwnLayer:
    """The layer, its slopes above 0: where a factor is negative the weights are turned round, so that thresholds rise."""
    slope, weight = total.slope, total.weight
    nothing = abs(slope) < NOTHING
    if weight is None:
        if np.any(wrong := nothing | (slope < 0)):
            channel = int(np.argmax(wrong))
            raise CompileError(f"{total.node}: channel {channel} is multiplied by {slope[channel]:g} behind it; allowed: a number above 0")
        return _layer(total)
    # A channel multiplied by 0 is its offset alone: the same without weights.
    assert total.weight_scale is not None
    turn = np.where(nothing, 0, np.sign(slope)).astype(np.int64)
    slope = np.where(nothing, total.source.scale * total.weight_scale, abs(slope))
    return replace(_layer(total), slope=slope, weight=weight * turn.reshape(-1, *(1,) * (weight.ndim - 1)))


def _layer(total: Sum) -> OwnLayer:
    source = total.source
    layer = OwnLayer(
        name="", kind=total.kind, node=total.node, in_shape=source.shape, out_shape=total.shape, in_bits=source.bits,
        in_signed=source.signed, in_scale=source.scale, kernel=total.kernel, pad=total.pad, stride=total.stride, weight=total.weight,
        weight_bits=total.weight_bits, weight_scale=total.weight_scale, slope=total.slope, offset=total.offset,
    )
    if layer.reach > EXACT:
        raise CompileError(f"{total.node}: its sums can reach {layer.reach:,}; allowed: up to {EXACT:,} (fewer bits of weights or "
                           "activations, or fewer inputs)")
    return layer


def as_logits(total: Sum | None, value: Value) -> OwnLayer:
    """The last layer of a head, which the output ``value`` comes from."""
    where = f"output {value.tensor}"
    if total is None or total.kind != "linear" or total.relu or total.pools:
        raise CompileError(f"{where} must come from a linear layer (Gemm or MatMul) with nothing but a bias behind it")
    slope = total.slope
    if slope[0] <= 0:
        raise CompileError(f"{where}: its scale must be above 0, not {slope[0]:g}")
    if np.any(abs(slope / slope[0] - 1) > NEAR):
        raise CompileError(f"{where}: the weights of {total.node}, the last layer of a head, must have one scale, not one an output "
                           "(weight_quant=Int8WeightPerTensorFloat)")
    scale = float(np.float32(slope[0]))
    units = total.offset / slope[0]
    bias = np.rint(units).astype(np.int64)
    wrong = int(np.argmax(abs(units - bias)))
    if abs(units[wrong] - bias[wrong]) > BIAS_NEAR:
        raise CompileError(
            f"{where}: the bias of {total.node} must be whole numbers of {scale:g}, its accumulator's unit (a quantised bias, "
            f"bias_quant=Int16Bias), not {units[wrong]:.3f} of them in class {wrong}"
        )
    assert total.weight_scale is not None
    return replace(_layer(total), scale=scale, bias=bias)
