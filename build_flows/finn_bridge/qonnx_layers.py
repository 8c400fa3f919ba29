"""Nodes of a QONNX as layers: convolutions, linear layers and pools, each with what it may be."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import OwnLayer
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_sum import Sum, Value

__all__ = ["average", "conv", "linear", "max_pool"]

FloatArray = npt.NDArray[np.float64]
NCHW = (0, 1, 2, 3)


def conv(graph: Graph, node: Any, value: Value) -> Sum:
    """The sums of a convolution."""
    where = called(node)
    _map(where, value)
    weight, scale, quantiser = graph.weight(node.input[1], node)
    if weight.ndim != 4:
        raise CompileError(f"{where}: must be a 2-D convolution, not one with {weight.ndim - 2} dimensions")
    group, dilations = graph.attribute(node, "group", 1), list(graph.attribute(node, "dilations", [1, 1]))
    if group != 1:
        raise CompileError(f"{where}: grouped and depthwise convolutions have no hardware layer; group must be 1, not {group}")
    kernel, stride = weight.shape[2:], tuple(graph.attribute(node, "strides", [1, 1]))
    if any(step != 1 for step, size in zip(dilations, kernel, strict=True) if size > 1):
        raise CompileError(f"{where}: dilations must be 1, not {dilations}")
    pad = _pad(graph, node, value, (int(kernel[0]), int(kernel[1])), stride)
    found = _products(graph, node, value, weight, scale)
    rows, columns = ((size + 2 * p - k) // s + 1 for size, p, k, s in zip(value.shape[:2], pad, kernel, stride, strict=True))
    _check_shape(graph, node, (1, len(weight), rows, columns))
    return replace(
        found, kind="conv", shape=(rows, columns, len(weight)), kernel=(int(kernel[0]), int(kernel[1])), pad=pad,
        stride=(stride[0], stride[1]), weight=weight.transpose(0, 2, 3, 1), weight_bits=quantiser.bits,
    )


def _pad(graph: Graph, node: Any, value: Value, kernel: tuple[int, int], stride: tuple[int, ...]) -> tuple[int, int]:
    """Rows above and below, columns on either side."""
    where, auto = called(node), graph.attribute(node, "auto_pad", "NOTSET")
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        # As many outputs as strides fit; what is missing for that is added, half of it on each side.
        total = [max(0, (-(-size // s) - 1) * s + k - size) for size, k, s in zip(value.shape[:2], kernel, stride, strict=True)]
        if any(item % 2 for item in total):
            raise CompileError(
                f"{where}: padding 'same' adds {' and '.join(map(str, total))} rows and columns here, which cannot be the same on opposite "
                "sides; allowed: odd kernels, or padding in numbers"
            )
        return total[0] // 2, total[1] // 2
    pads = list(graph.attribute(node, "pads", [0, 0, 0, 0])) if auto == "NOTSET" else [0, 0, 0, 0]
    if pads[:2] != pads[2:] or min(pads) < 0:
        raise CompileError(f"{where}: pads must be the same on opposite sides, not {pads} (top, left, bottom, right)")
    return pads[0], pads[1]


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


def average(graph: Graph, node: Any, value: Value) -> Sum:
    """The sums of a mean over a whole map."""
    where, (height, width, channels) = called(node), value.shape
    if value.flat or not value.bits or value.order != NCHW:
        raise CompileError(f"{where}: must average a quantised feature map [1, channels, height, width]")
    after = graph.shape(node.output[0])
    pads = any(graph.attribute(node, "pads", [0]))
    kernel = list(graph.attribute(node, "kernel_shape", [height, width])) if node.op_type == "AveragePool" else [height, width]
    if node.op_type == "ReduceMean":
        axes = _axes(graph, node)
        if axes != (2, 3):
            raise CompileError(f"{where}: must average over height and width, axes 2 and 3, not {list(axes)}")
    elif after != (1, channels, 1, 1) or pads or kernel != [height, width]:
        raise CompileError(f"{where}: must average the whole map of {height}x{width}, not shape {list(after)} of kernel {kernel}")
    slope = np.full(channels, value.scale / (height * width))
    return Sum(kind="global_sum", node=where, source=value, shape=(1, 1, channels), slope=slope, offset=np.zeros(channels))


def _axes(graph: Graph, node: Any) -> tuple[int, ...]:
    """The axes of a map that a ReduceMean takes, in order; an attribute of old graphs, an input of new ones."""
    given = graph.attribute(node, "axes", None)
    if given is None and len(node.input) > 1 and node.input[1]:
        given = graph.initialiser(node.input[1])
    return tuple(sorted(int(axis) % 4 for axis in np.ravel(given))) if given is not None else (0, 1, 2, 3)


def max_pool(graph: Graph, node: Any, value: Value) -> OwnLayer:
    """A max pool as a layer."""
    where = called(node)
    _map(where, value)
    kernel, stride = tuple(graph.attribute(node, "kernel_shape", [])), tuple(graph.attribute(node, "strides", [1, 1]))
    pads, dilations = list(graph.attribute(node, "pads", [0])), list(graph.attribute(node, "dilations", [1]))
    if len(kernel) != 2:
        raise CompileError(f"{where}: must be a 2-D pool, not one of {len(kernel)} dimensions")
    if any(pads) or set(dilations) != {1}:
        raise CompileError(f"{where}: must be a pool without padding and dilation, not pads {pads} and dilations {dilations}")
    rows, columns = ((size - k) // s + 1 for size, k, s in zip(value.shape[:2], kernel, stride, strict=True))
    _check_shape(graph, node, (1, value.shape[2], rows, columns))
    return OwnLayer(
        name="", kind="maxpool", node=where, in_shape=value.shape, out_shape=(rows, columns, value.shape[2]), in_bits=value.bits,
        in_signed=value.signed, in_scale=value.scale, kernel=(kernel[0], kernel[1]), stride=(stride[0], stride[1]),
    )


def _map(where: str, value: Value) -> None:
    if value.flat or value.order != NCHW:
        raise CompileError(f"{where}: its input must be [1, channels, height, width]")


def _check_shape(graph: Graph, node: Any, wanted: tuple[int, ...]) -> None:
    found = graph.shape(node.output[0])
    if found != wanted:
        raise CompileError(f"{called(node)}: its output must be {list(wanted)} (sizes are rounded down), not {list(found)}")
