"""FINN's Python execution of the compiled graph: the layer-by-layer reference beside the golden model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.name_layers import Unit
from build_flows.finn_bridge.quiet import quiet_finn

__all__ = ["Execution", "execute"]

IntArray = npt.NDArray[np.int64]


class Execution:
    """What came out: ``logits`` (per exit, int64 ``[images, classes]``, biases not added) and ``layers`` (by golden layer name, int64, the
    layer's last tensor before any converter, ``[images, height, width, channels]`` or ``[images, features]``)."""

    def __init__(self, logits: tuple[IntArray, ...], layers: Mapping[str, IntArray]) -> None:
        self.logits = logits
        self.layers = dict(layers)


def execute(model: ModelWrapper, units: tuple[Unit, ...], images: npt.NDArray[Any]) -> Execution:
    """Run ``images`` (integers, ``[n, height, width, channels]``) through every node; all exits are computed for every image.

    Raises :class:`CompileError` for images of another shape or out of the input's range.
    """
    source = model.graph.input[0].name
    shape, kind = tuple(model.get_tensor_shape(source)), model.get_tensor_datatype(source)
    if images.shape[1:] != shape[1:]:
        raise CompileError(f"images must be [n, {', '.join(map(str, shape[1:]))}], not {list(images.shape)}")
    if images.size and (images.min() < kind.min() or images.max() > kind.max()):
        raise CompileError(f"pixels must be from {kind.min():.0f} to {kind.max():.0f}, not {images.min()} to {images.max()}")
    last = {unit.layer.name: unit.name for unit in units if unit.layer is not None and unit.role != "_dwc"}
    constants = {item.name: model.get_initializer(item.name) for item in model.graph.initializer}
    blank = {tensor: np.zeros(model.get_tensor_shape(tensor), np.float32) for node in model.graph.node for tensor in node.output}
    nodes = {node.name: node for node in model.graph.node}
    found: dict[str, list[npt.NDArray[Any]]] = {}
    with quiet_finn():
        ops = []
        for unit in units:
            op = getCustomOp(nodes[unit.name])
            op.set_nodeattr("exec_mode", "cppsim")
            ops.append(op)
        for image in images:
            context = {**blank, **constants, source: image[None].astype(np.float32)}
            for op in ops:
                op.execute_node(context, model.graph)
            for name, unit_name in last.items():
                found.setdefault(name, []).append(context[nodes[unit_name].output[0]][0])
            for index, output in enumerate(model.graph.output):
                found.setdefault(f"/{index}", []).append(context[output.name][0])
    tensors = {name: np.rint(np.stack(values)).astype(np.int64) for name, values in found.items()}
    logits = tuple(tensors.pop(f"/{index}") for index in range(len(model.graph.output)) if f"/{index}" in tensors)
    return Execution(logits, tensors)
