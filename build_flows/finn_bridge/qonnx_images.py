"""The images' way to the first layer of a QONNX, rewritten into one quantiser whose integers are the pixels.

What normalises images goes into the first layers' scales and biases where that is exact. A quantiser with other integers than the pixels
becomes a layer in front of the first: a convolution of 1x1 that changes nothing, and that quantiser.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from onnx import helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, Quantiser, called
from build_flows.finn_bridge.qonnx_offset import Padded, fold_offset, moved
from build_flows.finn_bridge.qonnx_points import Affine, Points, read_points
from build_flows.finn_bridge.qonnx_way import Way, find_way, worth

__all__ = ["Images", "settle_images"]

TO_NCHW, TO_NHWC = [0, 3, 1, 2], [0, 2, 3, 1]
QONNX = "qonnx.custom_op.general"
INSTEAD = "a QuantIdentity (signed, of 8 bits) behind what normalises"


@dataclass(frozen=True, kw_only=True)
class Images:
    """What the network takes, pixels times ``fed``, and ``notes`` for the user on what was changed."""

    fed: float
    notes: tuple[str, ...]


def settle_images(model: ModelWrapper) -> tuple[ModelWrapper, Images]:
    """``model``, changed where it must be so that its images go into a Quant node, unsigned, of 8 bits, whose integers are the pixels.

    Raises :class:`CompileError` naming the node that normalises in a way that is not exact in integers, with the numbers.
    """
    graph = Graph(model)
    way = find_way(graph)
    fed, notes = worth(graph, way)
    found = read_points(graph, way.points, way.channels, way.axes, fed)
    if way.plain and found.quantiser is None:
        return model, Images(fed=fed, notes=notes)
    names = " and ".join(called(node) for node in way.points if node.op_type != "Quant")
    unit = _unit(found, names)
    if found.after.offset.any():
        found, told = _without_offset(model, graph, way, found, unit, names)
        notes = (*notes, told)
    elif names and found.quantiser is None:
        notes = (*notes, f"{names}: a pixel is worth {unit:g} to the first layer, in its scales")
    if found.quantiser is not None:
        made = found.found
        assert made is not None
        sign = "signed" if made.signed else "unsigned"
        notes = (*notes, f"{called(found.quantiser)} makes other integers of images than the pixels ({sign}, of {made.bits} bits and scale "
                         f"{float(made.scale.ravel()[0]):g}): a layer in front of the first makes them")
    _Rewriter(model, way).rewrite(found, unit, fed)
    return model.transform(InferShapes()), Images(fed=fed, notes=notes)


def _unit(found: Points, names: str) -> float:
    """What one integer is worth to the first layer, in all channels."""
    factor = found.after.factor
    if np.any(abs(factor / factor[0] - 1) > 1e-6) or factor[0] <= 0:
        told = ", ".join(f"{item:g}" for item in factor[:4])
        raise CompileError(f"{names}: a step of a pixel must be worth the same in every channel, and above 0, as weights have one scale, "
                           f"not {told}; allowed: one factor (std) for all channels, or {INSTEAD}")
    return float(factor[0])


def _without_offset(model: ModelWrapper, graph: Graph, way: Way, found: Points, unit: float, names: str) -> tuple[Points, str]:
    """``found`` with no offset behind its integers: folded into the layers, or, of pixels, in integers of their own."""
    offset = found.after.offset
    value = np.broadcast_to(offset if way.channels_last else offset.reshape(-1, 1, 1), way.shape)
    for node in way.kept:
        value = moved(graph, node, value)
    try:
        layers = fold_offset(model, way.end, value)
    except Padded as error:
        if found.quantiser is None and np.all(abs(offset / unit + 128) < 1e-4):
            # As many integers as pixels, half of them below 0: what is padded is then 0.
            signed = Quantiser(scale=np.asarray(unit, np.float32), bits=8, signed=True, narrow=False)
            after = replace(found.after, offset=np.zeros_like(offset))
            told = f"{names}: built as pixels less 128"
            return Points(before=found.after, after=after, quantiser=way.points[-1], found=signed), told
        nought = ", ".join(f"{item:g}" for item in (-offset / unit)[:4])
        raise CompileError(f"{names}: {error}, and 0 is then worth pixel {nought} (by channel), where hardware pads with pixel 0, or with "
                           f"128 where that is it; allowed: padding=0 in the first layer, or {INSTEAD}") from error
    return replace(found, after=replace(found.after, offset=np.zeros_like(offset))), f"{names}: folded into {', '.join(layers)}, exactly"


class _Rewriter:
    """Puts new nodes in the place of those on the images' way."""

    def __init__(self, model: ModelWrapper, way: Way) -> None:
        self.model, self.way = model, way
        self.nodes: list[Any] = []
        self.tensor = way.input

    def rewrite(self, found: Points, unit: float, fed: float) -> None:
        graph, way = self.model.graph, self.way
        self.model.set_tensor_shape(way.input, list(way.shape))
        self.model.set_tensor_datatype(way.input, DataType["FLOAT32"])
        if found.quantiser is None:
            self.quant("images", unit, 8, signed=False)
        else:
            self.layer(found, unit, fed)
        for node in (*way.points, *way.kept, *way.dropped):
            graph.node.remove(node)
        for node in way.kept:
            node.input[0], self.tensor = self.tensor, node.output[0]
            self.nodes.append(node)
        for node in graph.node:
            for place, tensor in enumerate(node.input):
                if tensor == way.end:
                    node.input[place] = self.tensor
        for place, node in enumerate(self.nodes):
            graph.node.insert(place, node)

    def layer(self, found: Points, unit: float, fed: float) -> None:
        """The pixels through a convolution of 1x1 that changes nothing, into the quantiser of ``found``, whose unit becomes ``unit``."""
        made = found.found
        assert made is not None
        channels = self.way.channels
        ratio = unit / float(made.scale.ravel()[0])
        before = Affine(factor=found.before.factor * ratio / fed, offset=found.before.offset * ratio)
        name = found.quantiser.name or found.quantiser.output[0]
        self.quant(f"{name}.images", fed, 8, signed=False)
        if self.way.channels_last:
            self.node("Transpose", f"{name}.turned", perm=TO_NCHW)
        pixels, self.tensor = self.tensor, self.constant(f"{name}.one", np.eye(channels).reshape(channels, channels, 1, 1))
        self.quant(f"{name}.weight", 1.0, 2, signed=True, narrow=True)
        weight, self.tensor = self.tensor, pixels
        self.node("Conv", f"{name}.each", weight, kernel_shape=[1, 1])
        for op, values, nothing in (("Mul", before.factor, 1), ("Add", before.offset, 0)):
            if np.any(values != nothing):
                self.node(op, f"{name}.{op}", self.constant(f"{name}.{op}.by", values.reshape(1, -1, 1, 1)))
        self.quant(name, unit, made.bits, signed=made.signed, narrow=made.narrow)
        if self.way.channels_last:
            self.node("Transpose", f"{name}.back", perm=TO_NHWC)

    def constant(self, name: str, value: Any) -> str:
        self.model.set_initializer(name, np.asarray(value, np.float32))
        return name

    def node(self, op: str, name: str, *more: str, domain: str = "", **attributes: Any) -> None:
        self.nodes.append(helper.make_node(op, [self.tensor, *more], [f"{name}.out"], name=name, domain=domain, **attributes))
        self.tensor = f"{name}.out"

    def quant(self, name: str, scale: float, bits: int, *, signed: bool, narrow: bool = False) -> None:
        constants = [self.constant(f"{name}.{key}", value) for key, value in (("scale", scale), ("zero", 0), ("bits", bits))]
        self.node("Quant", name, *constants, domain=QONNX, signed=int(signed), narrow=int(narrow), rounding_mode="ROUND")
