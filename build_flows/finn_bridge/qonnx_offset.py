"""A constant in front of the first layers of a QONNX, put behind them: the sums that it makes become part of their biases."""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qonnx_graph import Graph, called
from build_flows.finn_bridge.qonnx_resizes import RESIZES

__all__ = ["Padded", "fold_offset", "moved"]

FloatArray = npt.NDArray[np.float64]


class Padded(CompileError):
    """A layer that the constant cannot be put behind."""


def moved(graph: Graph, node: Any, value: FloatArray) -> FloatArray:
    """``value``, a map or a vector, behind a ``node`` that changes places or shapes alone."""
    if node.op_type == "Transpose":
        return value.transpose(graph.attribute(node, "perm", tuple(reversed(range(value.ndim)))))
    return value.reshape(graph.shape(node.output[0]))


def fold_offset(model: ModelWrapper, tensor: str, value: FloatArray) -> list[str]:
    """Take ``value``, of the shape of ``tensor``, out of what comes there, and put what it adds into the layers behind; gives their names.

    Raises :class:`Padded` when one of them pads, or is none that sums; ``model`` is then as it was.
    """
    graph = Graph(model)
    sums = _sums(graph, tensor, value)
    for node, added in sums:
        _add(model, graph, node, added)
    return [called(node) for node, _ in sums]


def _sums(graph: Graph, tensor: str, value: FloatArray) -> list[tuple[Any, FloatArray]]:
    """The layers that ``tensor`` leads to, each with what ``value`` there adds to its outputs."""
    found = []
    for node in graph.readers(tensor):
        where = called(node)
        if node.op_type in ("Transpose", "Identity", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze"):
            found += _sums(graph, node.output[0], moved(graph, node, value))
        elif node.op_type in RESIZES or (node.op_type == "MaxPool" and not any(graph.attribute(node, "pads", [0]))
                                         and not graph.attribute(node, "ceil_mode", 0)):
            # A constant of each channel: the largest of a window has it as every other value has, and so has what is repeated.
            found += _sums(graph, node.output[0], np.broadcast_to(value[:, :, :1, :1], graph.shape(node.output[0])))
        elif node.op_type in ("Conv", "Gemm", "MatMul") and node.input[0] == tensor and tensor not in node.input[1:]:
            weight = graph.constant(node.input[1])
            if weight is None:
                raise Padded(f"{where} has weights that are no constants behind a Quant node")
            found.append((node, _conv(graph, node, weight, value) if node.op_type == "Conv" else _product(graph, node, weight, value)))
        else:
            raise Padded(f"{where} is no layer that sums, as a convolution without padding does")
    return found


def _conv(graph: Graph, node: Any, weight: FloatArray, value: FloatArray) -> FloatArray:
    same = str(graph.attribute(node, "auto_pad", "NOTSET")).startswith("SAME") and max(weight.shape[2:]) > 1
    if same or any(graph.attribute(node, "pads", [0])):
        raise Padded(f"{called(node)} pads with 0 what is normalised")
    groups = int(graph.attribute(node, "group", 1))
    channels = value[0, :, 0, 0].reshape(groups, 1, -1)
    return np.asarray((weight.sum(axis=(2, 3)).reshape(groups, -1, weight.shape[1]) * channels).sum(axis=2).ravel())


def _product(graph: Graph, node: Any, weight: FloatArray, value: FloatArray) -> FloatArray:
    turned = node.op_type == "Gemm" and graph.attribute(node, "transB", 0)
    return np.asarray(value.reshape(1, -1) @ (weight.T if turned else weight)).ravel()


def _add(model: ModelWrapper, graph: Graph, node: Any, added: FloatArray) -> None:
    name = f"{node.output[0]}.normalised"
    if node.op_type in ("Conv", "Gemm"):
        if len(node.input) > 2 and node.input[2]:
            bias = graph.constant(node.input[2])
            if bias is None:
                raise Padded(f"{called(node)} has a bias that is no constant")
            added = added + bias.ravel()
        del node.input[2:]
        node.input.append(name)
    else:
        raw = f"{node.output[0]}.sum"
        behind = helper.make_node("Add", [raw, name], [node.output[0]], name=f"{node.name or node.output[0]}.normalised")
        model.set_tensor_shape(raw, list(graph.shape(node.output[0])))
        node.output[0] = raw
        model.graph.node.insert(list(model.graph.node).index(node) + 1, behind)
    model.set_initializer(name, added.astype(np.float32))
