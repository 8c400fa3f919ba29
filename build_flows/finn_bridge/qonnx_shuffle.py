"""Channel shuffles (Zhang et al. 2018, ShuffleNet) of a user's QONNX: another order of channels, which the weights behind it take on.

As torch code writes it, a map is reshaped to groups of channels, which change places with the channels inside them, and reshaped back.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper

from build_flows.finn_bridge.qonnx_graph import Graph
from build_flows.finn_bridge.qonnx_kernels import dense

__all__ = ["settle_shuffles"]

QONNX = "qonnx.custom_op.general"


def settle_shuffles(model: ModelWrapper) -> ModelWrapper:
    """Change ``model`` in place, so that no channels are shuffled in front of convolutions; shuffles that anything else reads stay."""
    graph = Graph(model)
    for node in list(model.graph.node):
        if node.op_type == "Reshape" and (found := _shuffle(graph, node)) is not None:
            nodes, order = found
            readers = graph.readers(nodes[-1].output[0])
            if readers and all(_weights(graph, reader) is not None for reader in readers):
                for reader in readers:
                    _reorder(model, graph, reader, order)
                    reader.input[0] = node.input[0]
                for item in nodes:
                    model.graph.node.remove(item)
    return model


def _shuffle(graph: Graph, first: Any) -> tuple[list[Any], npt.NDArray[np.int64]] | None:
    """The three nodes of a shuffle that begins with ``first``, and which channel before it each channel behind it is; None: it is none."""
    nodes = [first]
    for op in ("Transpose", "Reshape"):
        readers = graph.readers(nodes[-1].output[0])
        if len(readers) != 1 or readers[0].op_type != op:
            return None
        nodes.append(readers[0])
    begin, apart = graph.shape(first.input[0]), graph.shape(first.output[0])
    perm = graph.attribute(nodes[1], "perm", [])
    if len(begin) != 4 or len(apart) != 5 or apart[3:] != begin[2:] or apart[0] != 1 or list(perm) != [0, 2, 1, 3, 4]:
        return None
    if graph.shape(nodes[2].output[0]) != begin:
        return None
    return nodes, np.arange(begin[1]).reshape(apart[1:3]).T.ravel()


def _weights(graph: Graph, node: Any) -> Any:
    """The Quant node of the weights of the Conv ``node``, of a constant; None where it is no such."""
    source = graph.producer(node.input[1]) if node.op_type == "Conv" else None
    if source is None or source.op_type != "Quant" or graph.initialiser(source.input[0]) is None:
        return None
    return source


def _reorder(model: ModelWrapper, graph: Graph, conv: Any, order: npt.NDArray[np.int64]) -> None:
    """Let ``conv`` read channels as they were before a shuffle to ``order``, of all groups: what is of another is 0."""
    quant = _weights(graph, conv)
    given = graph.initialiser(quant.input[0])
    assert given is not None
    weight = dense(given, graph.attribute(conv, "group", 1))
    placed = np.zeros_like(weight)
    placed[:, order] = weight
    name = f"{conv.output[0]}.unshuffled"
    model.set_initializer(name, placed.astype(np.float32))
    quantised = helper.make_node("Quant", [name, *quant.input[1:]], [f"{name}.Quant"], name=f"{name}.Quant", domain=QONNX)
    quantised.attribute.extend(quant.attribute)
    model.set_tensor_shape(quantised.output[0], list(placed.shape))
    model.graph.node.insert(list(model.graph.node).index(conv), quantised)
    conv.input[1] = quantised.output[0]
    for item in conv.attribute:
        if item.name == "group":
            item.i = 1
