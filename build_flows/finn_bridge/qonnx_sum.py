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
from build_flows.finn_bridge.pools import Pool
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_words import ALLOWED
from build_flows.finn_bridge.upsampling import Upsampling

__all__ = [
    "NO_MARGIN", "Sum", "Value", "add_affine", "add_clip", "add_pool", "as_logits", "clips", "retaken", "rising",
    "rounded_bias",
]

FloatArray = npt.NDArray[np.float64]

NEAR = 1e-6
BIAS_NEAR = 0.02
FINE = 256
"""A float bias behind sums that can reach so many of their units is rounded to whole ones: a half is then nothing beside them."""
EXACT = (1 << 24) - 1
"""Float32, in which the user's network and FINN's graph are executed, holds all integers up to here."""

NO_MARGIN = (0, 0, 0, 0)
NOTHING = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, kw_only=True)
class Value:
    """A tensor on the way: images or feature maps of ``shape`` (height, width, channels), its axes in ``order`` (of n, c, h, w), ``flat``
    when they are one; integers of ``bits`` in units of ``scale`` (bits 0: not quantised), which the layer at place ``made`` gives (-1: the
    images). ``margin`` are the zeros that a Pad put around it: above, left, below, right."""

    tensor: str
    shape: tuple[int, int, int]
    order: tuple[int, ...] = (0, 1, 2, 3)
    flat: bool = False
    bits: int = 0
    signed: bool = False
    scale: float = 0.0
    made: int = -1
    margin: tuple[int, int, int, int] = NO_MARGIN

    @property
    def limits(self) -> tuple[int, int]:
        """The least and the greatest integer of its type."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)


@dataclass(kw_only=True)
class Sum:
    """Accumulators of the layer ``node``, which reads ``source`` (an addition ``others``, too): a unit is worth ``slope`` over ``offset``,
    by channel, cut off below ``low`` and above ``high`` where there are any. ``factors`` are the signs of what they were multiplied by, and
    by which node; ``pools``, max pools and upsamplings, stand behind as many of them as is said beside each. ``mean``: sums of windows,
    each channel's by itself."""

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
    low: FloatArray | None = None
    high: FloatArray | None = None
    mean: bool = False
    factors: list[tuple[str, FloatArray]] = field(default_factory=list)
    pools: list[tuple[Pool | Upsampling, int]] = field(default_factory=list)
    others: tuple[Value, ...] = ()

    @property
    def ends(self) -> tuple[FloatArray, FloatArray]:
        """The least and the greatest value of each channel as far as Relu and Clip say, infinite where they say nothing."""
        every = np.full(len(self.slope), np.inf)
        return -every if self.low is None else self.low, every if self.high is None else self.high

    @property
    def pure(self) -> bool:
        """Whether it is a sum of maps, and nothing has been done to it yet."""
        return self.kind == "add" and not (self.factors or self.pools) and self.low is self.high is None

    @property
    def sources(self) -> tuple[Value, ...]:
        """All that it reads."""
        return self.source, *self.others


def retaken(value: Value) -> Sum:
    """The integers of ``value`` themselves, as what another quantiser, or a pool, takes."""
    channels = value.shape[2]
    return Sum(kind="threshold", node=value.tensor, source=value, shape=value.shape, slope=np.full(channels, value.scale),
               offset=np.zeros(channels))


def clips(graph: Graph, node: Any, value: Value) -> bool:
    """Whether the Relu or Clip ``node`` changes any integer that ``value`` can be."""
    (least, most), (low, high) = _ends(graph, node), value.limits
    return not (value.bits and least <= low * value.scale and most >= high * value.scale)


def add_clip(graph: Graph, node: Any, value: Value, total: Sum | None) -> None:
    """A Relu or Clip of ``total``, or of integers that it leaves as they are."""
    where, (least, most) = called(node), _ends(graph, node)
    if total is None:
        low, high = value.limits
        if value.bits and least <= low * value.scale and most >= high * value.scale:
            return
        raise CompileError(f"{where} must stand between a layer and its quantiser")
    if not least <= most:
        raise CompileError(f"{where}: its least value must be at most its greatest, not {least:g} and {most:g}")
    low_, high_ = total.ends
    total.low, total.high = np.clip(low_, least, most), np.clip(high_, least, most)


def _ends(graph: Graph, node: Any) -> tuple[float, float]:
    """What a Relu or Clip cuts off at: of inputs, or of attributes in old graphs."""
    found = []
    for place, (name, default) in enumerate((("min", -np.inf), ("max", np.inf)), start=1):
        if node.op_type == "Relu":
            found.append((0.0, np.inf)[place - 1])
        elif len(node.input) > place and node.input[place]:
            given = graph.initialiser(node.input[place])
            if given is None or given.size != 1:
                raise CompileError(f"{called(node)}: its least and greatest value must be constants, one of each")
            found.append(float(np.ravel(given)[0]))
        else:
            found.append(float(graph.attribute(node, name, default)))
    return found[0], found[1]


def add_pool(pool: Pool | Upsampling, total: Sum) -> None:
    """A max pool or an upsampling of sums: it will stand behind their quantiser (:func:`build_flows.finn_bridge.qonnx_acts.act`)."""
    total.pools.append((pool, len(total.factors)))


def add_affine(graph: Graph, node: Any, value: Value, total: Sum | None) -> None:
    """Batch norm, or a constant added or multiplied, into ``total``."""
    where = called(node)
    if total is None:
        raise CompileError(f"{where} must stand between a layer and its quantiser, where it becomes part of the thresholds")
    with np.errstate(divide="ignore", invalid="ignore"):
        if node.op_type == "BatchNormalization":
            before, factor, behind = _batch_norm(graph, node, value)
        else:
            before, factor, behind = _constant(graph, node, value, total)
        total.slope, total.offset = total.slope * factor, (total.offset + before) * factor + behind
        if total.low is not None:
            ends = [np.where(factor == 0, behind, (end + before) * factor + behind) for end in total.ends]
            total.low, total.high = np.minimum(*ends), np.maximum(*ends)
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
    if gamma.size != value.shape[2]:
        raise CompileError(f"{where}: it takes each of {gamma.size} values of a flattened map by itself, where the hardware has thresholds "
                           f"by channel, of which there are {value.shape[2]}; allowed: BatchNorm2d before the Flatten")
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


def rising(total: Sum) -> OwnLayer:
    """The layer, its slopes above 0: where a factor is negative the weights are turned round, so that thresholds rise."""
    slope, weight = total.slope, total.weight
    nothing = abs(slope) < NOTHING
    if weight is None and np.any(falls := nothing | (slope < 0)):
        if total.others:
            channel = int(np.argmax(falls))
            raise CompileError(f"{total.node}: channel {channel} is multiplied by {slope[channel]:g} behind it; allowed: a number above 0")
        return rising(_weighted(total))
    if weight is None:
        return _layer(total)
    # A channel multiplied by 0 is its offset alone: the same without weights.
    assert total.weight_scale is not None
    turn = np.where(nothing, 0, np.sign(slope)).astype(np.int64)
    slope = np.where(nothing, total.source.scale * total.weight_scale, abs(slope))
    return replace(_layer(total), slope=slope, weight=weight * turn.reshape(-1, *(1,) * (weight.ndim - 1)))


def _weighted(total: Sum) -> Sum:
    """Sums over a whole map, or pixels as they are, as a convolution with ones, which may be turned round."""
    channels = len(total.slope)
    ones = np.eye(channels, dtype=np.int64)[:, None, None, :] * np.ones((1, *total.kernel, 1), np.int64)
    return replace(total, kind="conv", weight=ones, weight_bits=2, weight_scale=np.full(channels, 1 / np.prod(total.kernel)))


def _layer(total: Sum) -> OwnLayer:
    source = total.source
    kernel, stride = (total.kernel, total.stride) if total.kind == "conv" else ((1, 1), (1, 1))
    layer = OwnLayer(
        name="", kind=total.kind, node=total.node, in_shape=source.shape, out_shape=total.shape, in_bits=source.bits,
        in_signed=source.signed, in_scale=source.scale, kernel=kernel, pad=total.pad, stride=stride, weight=total.weight,
        weight_bits=total.weight_bits, weight_scale=total.weight_scale, slope=total.slope, offset=total.offset,
        others=tuple((other.bits, other.signed) for other in total.others),
    )
    if layer.reach > EXACT:
        raise CompileError(f"{total.node}: its sums can reach {layer.reach:,}; allowed: up to {EXACT:,} (fewer bits of weights or "
                           "activations, or fewer inputs)")
    return layer


def as_logits(total: Sum | None, value: Value) -> OwnLayer:
    """The last layer of a head, which the output ``value`` comes from. A bias that is no whole number of the logits' unit is rounded where
    sums reach :data:`FINE` units at least; ``rest`` then says what of it is left."""
    where = f"output {value.tensor}"
    if total is not None and total.kind == "conv" and total.shape[:2] == (1, 1) and not total.mean:
        total = _over_map(total)
    if total is None and value.bits:
        raise CompileError(f"{where} is quantised behind the last layer, so that classes may tie that did not; allowed: what a linear "
                           "layer (Gemm or MatMul), a Conv of one pixel, or a mean over the map gives, with nothing but a bias behind it")
    if total is None or total.kind != "linear" or total.low is not None or total.pools:
        raise CompileError(f"{where} must come from a linear layer (Gemm or MatMul), or a Conv of one pixel, with nothing but a bias "
                           "behind it")
    slope = total.slope
    if slope[0] <= 0:
        raise CompileError(f"{where}: its scale must be above 0, not {slope[0]:g}")
    uneven = np.any(abs(slope / slope[0] - 1) > NEAR)
    for name, _ in reversed(total.factors if uneven else ()):
        if total.weight_scale is not None and not np.any(abs(total.weight_scale / total.weight_scale[0] - 1) > NEAR):
            raise CompileError(f"{where}: {name} multiplies classes by numbers of their own, where an exit decision compares logits of one "
                               "scale; allowed: no batch norm behind the last layer of a head, or one number for all classes")
    if uneven:
        raise CompileError(f"{where}: the weights of {total.node}, the last layer of a head, must have one scale, not one an output "
                           "(weight_quant=Int8WeightPerTensorFloat)")
    scale = float(np.float32(slope[0]))
    units = total.offset / slope[0]
    bias = np.rint(units).astype(np.int64)
    wrong = int(np.argmax(abs(units - bias)))
    layer, rest = _layer(total), None
    if abs(units[wrong] - bias[wrong]) > BIAS_NEAR:
        if layer.reach < FINE:
            raise CompileError(
                f"{where}: the bias of {total.node} must be whole numbers of {scale:g}, its accumulator's unit (a quantised bias, "
                f"bias_quant=Int16Bias), not {units[wrong]:.3f} of them in class {wrong}: sums of at most {layer.reach:,} units are too "
                f"coarse to round it; allowed: rounding from {FINE} on"
            )
        rest = units - bias
    assert total.weight_scale is not None
    return replace(layer, scale=scale, bias=bias, rest=rest)


def _over_map(total: Sum) -> Sum:
    """A convolution of one output pixel as a linear layer, over all of the map that it reads."""
    assert total.weight is not None
    (height, width, channels), (top, left) = total.source.shape, total.pad
    padded = np.zeros((len(total.weight), height + 2 * top, width + 2 * left, channels), np.int64)
    padded[:, : total.kernel[0], : total.kernel[1]] = total.weight
    weight = padded[:, top : top + height, left : left + width].reshape(len(total.weight), -1)
    return replace(total, kind="linear", weight=weight, kernel=(1, 1), pad=(0, 0), stride=(1, 1))


def rounded_bias(layer: OwnLayer) -> str:
    """What to tell of the last layer of a head whose float bias was rounded; "" where it was not."""
    if layer.rest is None:
        return ""
    most = float(abs(layer.rest).max())
    return (f"the float bias of {layer.node} is rounded to whole units of its sums ({layer.scale:g}), which moves a logit by {most:.2f} "
            f"units at most, where sums reach {layer.reach:,}; bias_quant=Int16Bias trains with whole ones")
