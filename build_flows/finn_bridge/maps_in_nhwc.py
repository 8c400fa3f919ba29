"""Pools and upsamplings of FINN's graph as units of ours, which take maps as they stream: NHWC."""

from typing import Any

import numpy as np
from onnx import helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.errors import CompileError

__all__ = ["NCHW_TO_NHWC", "maps_in_nhwc"]

RTL_DOMAIN = "finn.custom_op.fpgadataflow.rtl"
NCHW_TO_NHWC = [0, 2, 3, 1]
NHWC_TO_NCHW = [0, 3, 1, 2]
REPEATS = ("nearest", "asymmetric", "floor")
"""What a Resize must say that repeats pixels, in the one form that is written here (build_flows.finn_bridge.write_qonnx)."""


def maps_in_nhwc(model: ModelWrapper) -> None:
    """Each NCHW pool, and Resize that repeats pixels, becomes our NHWC unit between two transposes, which later steps cancel.

    (FINN's own step for max pools loses a branch when the pool is what a fork hangs on.) Raises :class:`CompileError` naming the operation
    that there is no unit for.
    """
    for node in list(model.graph.node):
        if node.op_type not in ("MaxPool", "GlobalAveragePool", "Resize"):
            continue
        batch, channels, height, width = model.get_tensor_shape(node.input[0])
        kind = model.get_tensor_datatype(node.input[0])
        if not kind.is_integer():
            raise CompileError(f"{node.op_type} {node.name} must take integers, but a scale stands before it")
        before = _new(model, [batch, height, width, channels])
        out_shape = [model.get_tensor_shape(node.output[0])[axis] for axis in NCHW_TO_NHWC]
        after = result = _new(model, out_shape)
        op, attributes = _unit(model, node, [batch, height, width], out_shape)
        unit = helper.make_node(op, [before], [after], domain=RTL_DOMAIN, backend="fpgadataflow", NumChannels=channels, PE=1,
                                inputDataType=kind.name, **attributes)
        model.set_tensor_datatype(after, getCustomOp(unit).get_output_datatype())
        tail: list[Any] = []
        if node.op_type == "GlobalAveragePool":
            factor, result = _new(model, [1]), _new(model, out_shape)
            model.set_initializer(factor, np.array(1 / (height * width), dtype=np.float32))
            tail = [helper.make_node("Mul", [after, factor], [result])]
        new = [
            helper.make_node("Transpose", [node.input[0]], [before], perm=NCHW_TO_NHWC), unit, *tail,
            helper.make_node("Transpose", [result], [node.output[0]], perm=NHWC_TO_NCHW),
        ]
        place = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        for offset, item in enumerate(new):
            model.graph.node.insert(place + offset, item)


def _new(model: ModelWrapper, shape: list[int]) -> str:
    """A tensor of ``shape``, whose name is then taken."""
    name: str = model.make_new_valueinfo_name()
    model.set_tensor_shape(name, shape)
    return name


def _unit(model: ModelWrapper, node: Any, sizes: list[int], out_shape: list[int]) -> tuple[str, dict[str, Any]]:
    """The operation that takes the place of ``node``, and its own attributes; ``sizes`` are those of a map but for its channels."""
    given = {item.name: item for item in node.attribute}
    if node.op_type == "GlobalAveragePool":
        return "GlobalAccPool_rtl", {"numInputVectors": sizes}
    if node.op_type == "MaxPool":
        if ("pads" in given and any(given["pads"].ints)) or ("ceil_mode" in given and given["ceil_mode"].i):
            raise CompileError(f"max pool {node.name} must have no padding and floor its output size")
        strides = list(given["strides"].ints) if "strides" in given else [1, 1]
        return "MaxPool_rtl", {"ImgDim": sizes[1:], "Kernel": list(given["kernel_shape"].ints), "Stride": strides}
    texts = tuple(given[name].s.decode() if name in given else "" for name in ("mode", "coordinate_transformation_mode", "nearest_mode"))
    factor = [out // size for out, size in zip(out_shape[1:3], sizes[1:], strict=True)]
    if texts != REPEATS or [factor[at] * sizes[1 + at] for at in (0, 1)] != out_shape[1:3]:
        raise CompileError(f"Resize {node.name} must repeat pixels a whole number of times (nearest, asymmetric, floor)")
    return "Upsample_rtl", {"ImgDim": sizes[1:], "Factor": factor}
