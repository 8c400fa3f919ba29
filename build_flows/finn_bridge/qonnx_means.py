"""Average pools: sums of windows, and what becomes of them where no quantiser follows."""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import OwnLayer
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_acts import act
from build_flows.finn_bridge.qonnx_graph import Graph, Quantiser, called
from build_flows.finn_bridge.qonnx_kernels import even, placed
from build_flows.finn_bridge.qonnx_layers import conv, linear
from build_flows.finn_bridge.qonnx_sum import NO_MARGIN, Sum, Value
from build_flows.finn_bridge.qonnx_windows import NCHW, check_shape, need_map, padding, pair, windows

__all__ = ["average", "behind", "whole"]

NEAR = 1e-9
PASSED = ("Identity", "Dropout", "Transpose", "Flatten", "Reshape", "Squeeze", "BatchNormalization", "Add", "Sub", "Mul", "Div", "Relu",
          "Clip", "MaxPool", "Resize", "Upsample")
"""What may stand between sums and their quantiser."""


def average(graph: Graph, node: Any, value: Value) -> Sum:
    """The sums of a mean over a whole map, or over windows of one."""
    where, (height, width, channels) = called(node), value.shape
    if value.flat or not value.bits or value.order != NCHW:
        raise CompileError(f"{where}: must average a quantised feature map [1, channels, height, width]")
    if node.op_type == "ReduceMean":
        axes = _axes(graph, node)
        if axes != (2, 3):
            raise CompileError(f"{where}: must average over height and width, axes 2 and 3, not {list(axes)}")
    elif node.op_type == "AveragePool":
        local = _windows(graph, node, value)
        if local is not None:
            return local
    slope = np.full(channels, value.scale / (height * width))
    return Sum(kind="global_sum", node=where, source=value, shape=(1, 1, channels), slope=slope, offset=np.zeros(channels), mean=True,
               kernel=(height, width), stride=(height, width))


def _axes(graph: Graph, node: Any) -> tuple[int, ...]:
    """The axes of a map that a ReduceMean takes, in order; an attribute of old graphs, an input of new ones."""
    given = graph.attribute(node, "axes", None)
    if given is None and len(node.input) > 1 and node.input[1]:
        given = graph.initialiser(node.input[1])
    return tuple(sorted(int(axis) % 4 for axis in np.ravel(given))) if given is not None else (0, 1, 2, 3)


def _windows(graph: Graph, node: Any, value: Value) -> Sum | None:
    """The sums of an AveragePool, a convolution with ones for each channel; None where its one window is the map."""
    where, channels = called(node), value.shape[2]
    need_map(where, value)
    kernel, stride = pair(graph, node, "kernel_shape"), pair(graph, node, "strides")
    if pair(graph, node, "dilations") != (1, 1):
        raise CompileError(f"{where}: must average neighbouring pixels, not dilations {list(pair(graph, node, 'dilations'))}")
    own = padding(graph, node, replace(value, margin=NO_MARGIN), kernel, stride)
    if any(own) and not graph.attribute(node, "count_include_pad", 0):
        raise CompileError(f"{where}: a mean at the border must be one over as many pixels as elsewhere, of which padding {list(own)} are "
                           "zeros (count_include_pad=True), or have no padding")
    pads = padding(graph, node, value, kernel, stride)
    count = windows(value, pads, kernel, stride)
    check_shape(graph, node, (1, channels, *count))
    if kernel == value.shape[:2] and not any(pads):
        return None
    ones = np.eye(channels, dtype=np.int64)[:, :, None, None] * np.ones((1, 1, *kernel), np.int64)
    weight, pad = even(ones, value.shape[:2], pads, stride)
    weight_scale = np.full(channels, 1 / (kernel[0] * kernel[1]))
    return Sum(
        kind="conv", node=where, source=value, shape=(*count, channels), slope=value.scale * weight_scale, offset=np.zeros(channels),
        kernel=(weight.shape[2], weight.shape[3]), pad=pad, stride=stride, weight=weight.transpose(0, 2, 3, 1), weight_bits=2,
        weight_scale=weight_scale, mean=True,
    )


def whole(graph: Graph, node: Any, total: Sum) -> OwnLayer | None:
    """The mean ``total`` of ``node`` as integers of their own, its sums, where no quantiser follows it; None where one does, and where the
    sums have more than 8 bits (:func:`behind` is for those)."""
    low, high = total.source.limits
    area = round(float(total.source.scale / total.slope[0]))
    low, high = low * area, high * area
    bits = total.source.signed + max(high.bit_length(), (-1 - low).bit_length() if low < 0 else 0)
    if bits > 8 or _is_quantised(graph, node):
        return None
    unit = Quantiser(scale=total.slope[:1].astype(np.float32), bits=bits, signed=total.source.signed, narrow=False)
    layer, = act(total, unit)
    return layer


def _is_quantised(graph: Graph, node: Any) -> bool:
    """Whether there is a quantiser behind ``node``, with nothing but constants in between."""
    while len(readers := graph.readers(node.output[0])) == 1:
        node = readers[0]
        if node.op_type in ("Quant", "BipolarQuant"):
            return True
        joins = node.op_type in ("Add", "Sub", "Mul", "Div") and all(graph.constant(tensor) is None for tensor in node.input)
        if node.op_type not in PASSED or joins:
            return False
    return False


def behind(graph: Graph, node: Any, value: Value, total: Sum) -> Sum:
    """The sums of the convolution or linear layer ``node`` of the mean ``total``, which nothing has quantised, over what that is a mean of:
    a sum of sums. Raises :class:`CompileError` where that is not exact."""
    where = called(node)
    if not total.mean or total.low is not None or total.pools:
        raise CompileError(f"{where} follows {total.node} without a quantiser between them; allowed: a Quant node of 1 to 8 bits")
    slope = float(total.slope[0])
    if slope <= 0 or np.any(abs(total.slope / slope - 1) > NEAR):
        raise CompileError(f"{where} follows {total.node} without a quantiser between them, but its channels have scales of their own; "
                           "allowed: a Quant node of 1 to 8 bits")
    source = total.source
    reader = conv if node.op_type == "Conv" else linear
    inner = reader(graph, node, replace(value, bits=source.bits, signed=source.signed, scale=slope))
    assert inner.weight is not None
    assert inner.weight_scale is not None
    if any(inner.pad) and (np.any(total.offset != 0) or not _tiles(total)):
        raise CompileError(f"{where} pads what {total.node} averages, whose windows overlap, are padded or leave pixels out, or to which "
                           "something is added; allowed: a Quant node of 1 to 8 bits between them")
    weight = inner.weight.reshape(len(inner.weight), *(inner.kernel if inner.kind == "conv" else total.shape[:2]), total.shape[2])
    offset = inner.offset + inner.weight_scale * (weight * total.offset).sum(axis=(1, 2, 3))
    window = np.ones(total.kernel, np.int64) if total.weight is None else total.weight[0, :, :, 0]
    weight = placed(weight, window, total.stride)
    bits = max(inner.weight_bits, 1 + int(abs(weight).max(initial=0)).bit_length())
    if bits > 8:
        raise CompileError(f"{where} follows {total.node} without a quantiser between them, and its weights add up to {bits} bits where "
                           "windows overlap; allowed: a Quant node of 1 to 8 bits between them")
    found = replace(inner, source=source, offset=offset, weight_scale=inner.slope / source.scale, weight_bits=bits)
    if inner.kind == "linear":
        return replace(found, weight=_on_map(weight, total).reshape(len(weight), -1))
    pad, stride = ([own * step for own, step in zip(sizes, total.stride, strict=True)] for sizes in (inner.pad, inner.stride))
    return replace(found, weight=weight, kernel=(weight.shape[1], weight.shape[2]), stride=(stride[0], stride[1]),
                   pad=(pad[0] + total.pad[0], pad[1] + total.pad[1]))


def _tiles(total: Sum) -> bool:
    """Whether the windows of a mean are all of its map, each pixel once."""
    sizes = zip(total.source.shape[:2], total.kernel, total.stride, total.pad, strict=True)
    return all(kernel == stride and not pad and size % stride == 0 for size, kernel, stride, pad in sizes)


def _on_map(weight: npt.NDArray[np.int64], total: Sum) -> npt.NDArray[np.int64]:
    """Weights ``[out, rows, columns, in]`` over a padded map, of which the last rows and columns may be missing, as those over the map."""
    height, width, channels = total.source.shape
    found = np.zeros((len(weight), height, width, channels), np.int64)
    part = weight[:, total.pad[0] : total.pad[0] + height, total.pad[1] : total.pad[1] + width]
    found[:, : part.shape[1], : part.shape[2]] = part
    return found
