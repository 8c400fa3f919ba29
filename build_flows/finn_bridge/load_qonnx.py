"""A user's QONNX read from its file and made plain: constants folded, one image at a time, its outputs the logits in exit order."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.transformation.fold_constants import FoldConstants
from qonnx.transformation.general import RemoveStaticGraphInputs, RemoveUnusedTensors, SortGraph
from qonnx.transformation.infer_shapes import InferShapes

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.qcdq import join_qcdq
from build_flows.finn_bridge.qonnx_ends import Ends, settle_ends
from build_flows.finn_bridge.qonnx_graph import Graph
from build_flows.finn_bridge.qonnx_heads import settle_heads
from build_flows.finn_bridge.qonnx_images import Images, settle_images
from build_flows.finn_bridge.qonnx_shuffle import settle_shuffles
from build_flows.finn_bridge.quiet import quiet_finn

__all__ = ["load_qonnx"]

QONNX = "qonnx.custom_op.general"


def load_qonnx(
    path: Path, *, images: bool = True, keep: Sequence[int] | None = None
) -> tuple[Graph, Ends, Images | None]:
    """The QONNX at ``path``, of whose exits those that ``keep`` says (:func:`settle_ends`), names as they are, and what was done to its
    outputs and, unless ``images`` is false (when it is executed as it is), to what stands before its first layer; heads and shuffles are
    then in a form that is read. Raises :class:`CompileError` when it is not one, when its outputs are no logits, or its images not such as
    hardware takes.
    """
    try:
        with quiet_finn():
            proto = onnx.load(str(path))
            notes = _one_image(proto.graph)
            if join_qcdq(proto.graph) and not any(item.domain == QONNX for item in proto.opset_import):
                proto.opset_import.append(helper.make_opsetid(QONNX, 2))
            model = ModelWrapper(proto)
            while _fold_shapes(model):
                pass
            for step in (InferShapes(), FoldConstants(), RemoveStaticGraphInputs(), SortGraph(), InferShapes(), RemoveUnusedTensors()):
                model = model.transform(step)
    except CompileError:
        raise
    except Exception as error:
        raise CompileError(f"{path.name} is not a QONNX model: {' '.join(str(error).split())[:200]}") from error
    ends = settle_ends(model, keep)
    found = None
    if images:
        with quiet_finn():
            model, found = settle_images(settle_heads(settle_shuffles(model)))
    return Graph(model), replace(ends, notes=(*notes, *ends.notes)), found


def _fold_shapes(model: ModelWrapper) -> bool:
    """Make constants of the shapes that nodes ask for, as far as they are known; whether there were any. Those behind what they size
    (a Resize to the size of a skip) are known a round later."""
    if not any(node.op_type == "Shape" for node in model.graph.node):
        return False
    model.model.CopyFrom(model.transform(InferShapes()).model)
    found = False
    for node in [node for node in model.graph.node if node.op_type == "Shape"]:
        shape = model.get_tensor_shape(node.input[0])
        if shape and all(isinstance(size, int) and size > 0 for size in shape):
            ends, name = {item.name: item.i for item in node.attribute}, node.output[0]
            model.graph.node.remove(node)
            for item in [item for item in model.graph.value_info if item.name == name]:
                model.graph.value_info.remove(item)
            sizes = np.asarray(shape[ends.get("start", 0) : ends.get("end")], np.int64)
            model.graph.initializer.append(numpy_helper.from_array(sizes, name))
            found = True
    if found:
        model.model.CopyFrom(model.transform(InferShapes()).transform(FoldConstants()).model)
    return found


def _one_image(graph: Any) -> list[str]:
    """Make ``graph`` one for an image at a time, as the hardware takes them, whether its batch size is open or a number."""
    weights = {item.name for item in graph.initializer}
    images = [item for item in graph.input if item.name not in weights]
    sizes = {item.type.tensor_type.shape.dim[0].dim_value for item in images if item.type.tensor_type.shape.dim}
    ends = {item.name for item in graph.output}
    for item in (*images, *graph.output):
        for first in item.type.tensor_type.shape.dim[:1]:
            first.ClearField("dim_param")
            first.dim_value = 1
    # Shapes are worked out again, and some exporters tell that of an output twice.
    for item in [item for item in graph.value_info if item.name in ends or (item.name not in weights and sizes != {1})]:
        graph.value_info.remove(item)
    for item in images:
        if item.type.tensor_type.elem_type == onnx.TensorProto.UINT8:
            # All execution here is in float; what makes bytes float is then nothing.
            item.type.tensor_type.elem_type = onnx.TensorProto.FLOAT
            for node in [node for node in graph.node if node.op_type == "Cast" and node.input[0] == item.name]:
                node.op_type = "Identity"
                del node.attribute[:]
    fixed = max(sizes, default=1)
    if fixed > 1:
        _reshape(graph, {item.name for item in images}, fixed)
    return [f"the file takes {fixed} images at a time; the hardware takes one"] if fixed > 1 else []


def _reshape(graph: Any, behind: set[str], batch: int) -> None:
    """Every Reshape of the images, or of what is made of them, to ``batch`` of something becomes one to 1."""
    constants = {item.name: item for item in graph.initializer}
    constants |= {node.output[0]: node.attribute[0].t for node in graph.node if node.op_type == "Constant"}
    for node in graph.node:
        if not behind.intersection(node.input):
            continue
        behind.update(node.output)
        if node.op_type == "Reshape" and node.input[1] in constants:
            shape = numpy_helper.to_array(constants[node.input[1]]).copy()
            if len(shape) and shape[0] == batch:
                shape[0] = 1
                graph.initializer.append(numpy_helper.from_array(shape, f"{node.output[0]}.shape"))
                node.input[1] = f"{node.output[0]}.shape"
