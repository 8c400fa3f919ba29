"""Nodes of a QONNX as layers: convolutions, linear layers and pools, each with what it may be."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.pools import Pool
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_kernels import dense, even, spread
from build_flows.finn_bridge.qonnx_sum import Sum, Value
from build_flows.finn_bridge.qonnx_windows import check_shape, need_map, padding, pair, windows

__all__ = ["conv", "linear", "max_pool"]

FloatArray = npt.NDArray[np.float64]


def conv(graph: Graph, node: Any, value: Value) -> Sum:
    """The sums of a convolution: groups, dilations and padding of any kind are zeros in its kernel."""
    where = called(node)
    need_map(where, value)
    weight, scale, quantiser = graph.weight(node.input[1], node)
    if weight.ndim != 4:
        raise CompileError(f"{where}: must be a 2-D convolution, not one with {weight.ndim - 2} dimensions")
    group, dilations = graph.attribute(node, "group", 1), pair(graph, node, "dilations")
    if weight.shape[1] * group != value.shape[2] or len(weight) % group:
        raise CompileError(f"{where}: its weights {list(weight.shape)} in {group} groups are not for {value.shape[2]} channels")
    found = _products(graph, node, value, weight, scale)
    stride = pair(graph, node, "strides")
    weight = spread(dense(weight, group), dilations)
    pads = padding(graph, node, value, (weight.shape[2], weight.shape[3]), stride)
    count = windows(value, pads, (weight.shape[2], weight.shape[3]), stride)
    check_shape(graph, node, (1, len(weight), *count))
    weight, pad = even(weight, value.shape[:2], pads, stride)
    return replace(
        found, kind="conv", shape=(*count, len(weight)), kernel=(weight.shape[2], weight.shape[3]), pad=pad, stride=stride,
        weight=weight.transpose(0, 2, 3, 1), weight_bits=quantiser.bits,
    )


def linear(graph: Graph, node: Any, value: Value) -> Sum:
    """The sums of a linear layer."""
    where = called(node)
    if not value.flat:
        raise CompileError(f"{where}: its input must be flattened first")
    weight, scale, quantiser = graph.weight(node.input[1], node)
    if node.op_type == "Gemm":
        settings = {name: graph.attribute(node, name, default) for name, default in (("alpha", 1.0), ("beta", 1.0), ("transA", 0))}
        if settings != {"alpha": 1.0, "beta": 1.0, "transA": 0}:
            raise CompileError(f"{where}: alpha and beta must be 1 and transA 0, not {settings}")
    if not (node.op_type == "Gemm" and graph.attribute(node, "transB", 0)):
        weight, scale = weight.T, scale.T
    found = _products(graph, node, value, weight, scale)
    height, width, channels = value.shape
    sizes = {1: channels, 2: height, 3: width}
    axes = [axis for axis in value.order if axis]
    # From the order in which the graph flattens to that in which the hardware streams.
    maps = weight.reshape(-1, *(sizes[axis] for axis in axes))
    weight = maps.transpose(0, *(1 + axes.index(axis) for axis in (2, 3, 1))).reshape(len(weight), -1)
    return replace(found, kind="linear", shape=(1, 1, len(weight)), weight=weight, weight_bits=quantiser.bits)


def _products(graph: Graph, node: Any, value: Value, weight: npt.NDArray[np.int64], scale: FloatArray) -> Sum:
    """A layer with weights ``[out, ...]``, whose scales (of the same shape) must be one an output, with its bias."""
    if not value.bits:
        raise CompileError(f"{called(node)}: its input must be quantised")
    by_output = scale.reshape(len(scale), -1)
    if np.any(by_output != by_output[:, :1]):
        raise CompileError(f"{called(node)}: its weights must have one scale, or one for each output")
    weight_scale = by_output[:, 0].copy()
    slope = value.scale * weight_scale
    offset = np.zeros_like(slope)
    if len(node.input) > 2 and node.input[2]:
        bias = graph.constant(node.input[2])
        if bias is None:
            raise CompileError(f"{called(node)}: its bias must be a constant")
        offset = offset + bias.ravel()
    return Sum(kind="", node=called(node), source=value, shape=value.shape, slope=slope, offset=offset, weight_scale=weight_scale)


def max_pool(graph: Graph, node: Any, value: Value) -> Pool:
    """A max pool, whose padding is as much as its windows reach (with ceil_mode, that is more than it says)."""
    where = called(node)
    need_map(where, value)
    kernel, stride, dilations = (pair(graph, node, name) for name in ("kernel_shape", "strides", "dilations"))
    if dilations != (1, 1):
        raise CompileError(f"{where}: must be a pool of neighbouring pixels, not dilations {list(dilations)}")
    pads = padding(graph, node, value, kernel, stride)
    count = windows(value, pads, kernel, stride)
    if graph.attribute(node, "ceil_mode", 0):
        count = graph.shape(node.output[0])[2], graph.shape(node.output[0])[3]
    check_shape(graph, node, (1, value.shape[2], *count))
    reach = [max(0, (count[at] - 1) * stride[at] + kernel[at] - value.shape[at] - pads[at]) for at in (0, 1)]
    pads = pads[0], pads[1], reach[0], reach[1]
    return Pool(node=where, in_shape=value.shape, out_shape=(*count, value.shape[2]), kernel=kernel, stride=stride, pads=pads,
                endless=any(mine > given for mine, given in zip(pads, value.margin, strict=True)))
