"""What a QONNX does to every pixel by itself before its first layer: constants by channel, and quantisers, as numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, Quantiser, called

__all__ = ["Affine", "Points", "read_points"]

FloatArray = npt.NDArray[np.float64]

PIXELS = np.arange(256)


@dataclass(frozen=True, kw_only=True)
class Affine:
    """``factor`` and ``offset``, one a channel."""

    factor: FloatArray
    offset: FloatArray

    def then(self, other: "Affine") -> "Affine":
        return Affine(factor=self.factor * other.factor, offset=self.offset * other.factor + other.offset)


@dataclass(frozen=True, kw_only=True)
class Points:
    """Integers made of pixels, of which a layer behind them sees what ``after`` makes of them. The integers are the pixels, or those that
    the node ``quantiser`` (its constants ``found``) makes of what ``before`` makes of a pixel."""

    before: Affine
    after: Affine
    quantiser: Any = None
    found: Quantiser | None = None


def read_points(graph: Graph, nodes: Sequence[Any], channels: int, axes: Sequence[int], fed: float) -> Points:
    """What ``nodes``, one behind the other, do to images of ``channels``, which are axis ``axes[k]`` at node k (-1: none), and whose pixels
    are worth ``fed``; raises :class:`CompileError` naming the node that cannot be taken."""
    start = Affine(factor=np.full(channels, fed), offset=np.zeros(channels))
    found = Points(before=start, after=start)
    for node, axis in zip(nodes, axes, strict=True):
        if node.op_type != "Quant":
            found = Points(before=found.before, after=found.after.then(_affine(graph, node, channels, axis)), quantiser=found.quantiser,
                           found=found.found)
            continue
        made = graph.quantiser(node)
        if made.scale.size != 1:
            raise CompileError(f"{called(node)}: the images' quantiser must have one scale, not {made.scale.size}")
        scale = float(made.scale.ravel()[0])
        unit = Affine(factor=np.full(channels, scale), offset=np.zeros(channels))
        if found.quantiser is None and _are_pixels(found.after, scale, made):
            found = Points(before=unit, after=unit)
        elif found.quantiser is None:
            found = Points(before=found.after, after=unit, quantiser=node, found=made)
        elif not _same(found, scale, made):
            before = called(found.quantiser)
            raise CompileError(f"{called(node)} quantises again what {before} has, to other integers; allowed: one of them")
    return found


def _are_pixels(before: Affine, scale: float, made: Quantiser) -> bool:
    """Whether a quantiser makes of every pixel that pixel."""
    real = before.factor.astype(np.float32)[:, None] * PIXELS.astype(np.float32) + before.offset.astype(np.float32)[:, None]
    return bool((np.clip(np.rint(real / np.float32(scale)), made.low, made.high) == PIXELS).all())


def _same(found: Points, scale: float, made: Quantiser) -> bool:
    assert found.found is not None
    same = np.all(np.float32(found.after.factor) == np.float32(scale)) and not found.after.offset.any()
    return bool(same and made.low <= found.found.low and made.high >= found.found.high)


def _affine(graph: Graph, node: Any, channels: int, axis: int) -> Affine:
    constants = [graph.constant(tensor) for tensor in node.input]
    one = np.ones(channels)
    with np.errstate(divide="ignore", invalid="ignore"):
        if node.op_type == "BatchNormalization":
            gamma, beta, mean, variance = (np.asarray(item, np.float64) * one for item in constants[1:5])
            factor = gamma / np.sqrt(variance + float(graph.attribute(node, "epsilon", 1e-5)))
            found = Affine(factor=factor, offset=beta - mean * factor)
        else:
            first = constants[0] is not None
            constant = _by_channel(node, constants[0 if first else 1], channels, axis)
            if node.op_type in ("Add", "Sub"):
                turned = -one if first and node.op_type == "Sub" else one
                found = Affine(factor=turned, offset=-constant if not first and node.op_type == "Sub" else constant)
            else:
                found = Affine(factor=constant if node.op_type == "Mul" else 1 / constant, offset=np.zeros(channels))
    if not (np.isfinite(found.factor).all() and np.isfinite(found.offset).all()):
        raise CompileError(f"{called(node)} makes images infinite or no numbers")
    return found


def _by_channel(node: Any, constant: FloatArray | None, channels: int, axis: int) -> FloatArray:
    assert constant is not None
    if constant.size == 1:
        return np.full(channels, float(constant.ravel()[0]))
    shape = (1,) * (4 - constant.ndim) + constant.shape
    if axis < 0 or constant.size != channels or len(shape) != 4 or shape[axis] != channels:
        told = list(constant.shape)
        raise CompileError(f"{called(node)}: what normalises images must be one number, or one for each channel, not {told}")
    return constant.ravel().copy()
