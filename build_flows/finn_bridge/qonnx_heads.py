"""Heads of a user's QONNX that end in a mean over the map, rewritten so that a layer with weights gives the logits.

A 1x1 convolution and the mean of what it gives change places, which is exact (SqueezeNet, Iandola et al. 2016, ends so); behind a mean of
quantised channels, one for each class (Lin, Chen and Yan 2014), comes a linear layer that changes nothing.
"""

from typing import Any

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.infer_shapes import InferShapes

from build_flows.finn_bridge.qonnx_graph import Graph

__all__ = ["settle_heads"]

IDLE = ("Identity", "Dropout")
ONLY_SHAPE = (*IDLE, "Flatten", "Reshape", "Squeeze")
MEANS = ("GlobalAveragePool", "AveragePool", "ReduceMean")
QUANTISERS = ("Quant", "BipolarQuant")
QONNX = "qonnx.custom_op.general"


def settle_heads(model: ModelWrapper) -> ModelWrapper:
    """``model`` with a Conv, Gemm or MatMul at the end of every head that ended in a mean over its whole map of a 1x1 Conv or of a
    quantised map; as it is where none did."""
    graph = Graph(model)
    changed = False
    for name in graph.outputs:
        if (mean := _mean(graph, name)) is not None:
            source, idle = graph.producer(mean.input[0]), list[Any]()
            while source is not None and source.op_type in IDLE and len(graph.readers(source.output[0])) == 1:
                idle.append(source)
                source = graph.producer(source.input[0])
            if source is not None and source.op_type == "Conv" and _each_pixel(graph, source):
                _swap(model, source, [mean, *idle])
                changed = True
            elif len(graph.shape(name)) == 2 and source is not None and _quantised(graph, source):
                _weigh(model, graph, name)
                changed = True
    return model.transform(InferShapes()) if changed else model


def _mean(graph: Graph, output: str) -> Any:
    """The node behind which nothing changes values any more before ``output``, where that makes one pixel of a map as its mean; None."""
    node = graph.producer(output)
    while node is not None and node.op_type in ONLY_SHAPE:
        node = graph.producer(node.input[0])
    if node is None or node.op_type not in MEANS or len(graph.shape(node.input[0])) != 4:
        return None
    return node if int(np.prod(graph.shape(node.output[0]))) == graph.shape(node.input[0])[1] else None


def _each_pixel(graph: Graph, conv: Any) -> bool:
    """Whether ``conv`` takes every pixel by itself. (What it makes of them only the mean may read: it is not quantised.)"""
    weight = graph.shape(conv.input[1])
    strides, pads = graph.attribute(conv, "strides", [1, 1]), graph.attribute(conv, "pads", [0, 0, 0, 0])
    return tuple(weight[2:]) == (1, 1) and set(strides) == {1} and not any(pads)


def _quantised(graph: Graph, node: Any) -> bool:
    while node is not None and node.op_type in (*IDLE, "MaxPool"):
        node = graph.producer(node.input[0])
    return node is not None and node.op_type in QUANTISERS


def _swap(model: ModelWrapper, conv: Any, behind: list[Any]) -> None:
    """The mean of what the 1x1 ``conv`` takes, a map of one pixel, then that; what has read the mean reads it of ``conv``. ``behind`` are
    the mean and what does nothing between the two, which go."""
    graph, mean = model.graph, behind[0]
    end = mean.output[0]
    shape = model.get_tensor_shape(mean.input[0])
    pooled = f"{conv.output[0]}.mean"
    swapped = helper.make_node("GlobalAveragePool", [conv.input[0]], [pooled], name=mean.name)
    place = list(graph.node).index(conv)
    for node in behind:
        graph.node.remove(node)
    graph.node.insert(place, swapped)
    conv.input[0] = pooled
    model.set_tensor_shape(conv.output[0], [1, shape[1], 1, 1])
    if len(model.get_tensor_shape(end)) == 4:
        for node in graph.node:
            for at, tensor in enumerate(node.input):
                if tensor == end:
                    node.input[at] = conv.output[0]
        if end in {item.name for item in graph.output}:
            conv.output[0] = end
        return
    graph.node.insert(place + 2, helper.make_node("Flatten", [conv.output[0]], [end], name=f"{mean.name}.flat"))


def _weigh(model: ModelWrapper, graph: Graph, output: str) -> None:
    """A linear layer with weights of 1 between a class and itself, and 0 otherwise, as the last node before ``output``."""
    node = graph.producer(output)
    classes = graph.shape(output)[1]
    before = f"{output}.each"
    node.output[0] = before
    model.set_tensor_shape(before, [1, classes])
    constants = {"weight": np.eye(classes), "scale": 1.0, "zero": 0.0, "bits": 2.0}
    for key, value in constants.items():
        model.set_initializer(f"{before}.{key}", np.asarray(value, np.float32))
    weight = helper.make_node("Quant", [f"{before}.{key}" for key in constants], [f"{before}.ones"], name=f"{before}.Quant", domain=QONNX,
                              signed=1, narrow=1, rounding_mode="ROUND")
    layer = helper.make_node("MatMul", [before, f"{before}.ones"], [output], name=f"{node.name}.each")
    model.graph.node.extend([weight, layer])
