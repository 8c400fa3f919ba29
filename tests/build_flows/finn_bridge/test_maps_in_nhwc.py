"""Pools and upsamplings that FINN's graph has no unit of ours for are refused by name."""

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from qonnx.core.datatype import DataType
from qonnx.core.modelwrapper import ModelWrapper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.maps_in_nhwc import maps_in_nhwc
from tests.build_flows.finn_bridge.small_graphs import ASYMMETRIC


def model(op: str, *more: str, kind: str = "UINT4", out: tuple[int, int] = (2, 2), **attributes: Any) -> ModelWrapper:
    """One node of a map of 4x4."""
    maps = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, *size]) for name, size in (("in", (4, 4)), ("out", out))]
    scales = numpy_helper.from_array(np.array([1, 1, out[0] / 4, out[1] / 4], np.float32), "scales")
    node = helper.make_node(op, ["in", *more], ["out"], name="mine", **attributes)
    found = ModelWrapper(helper.make_model(helper.make_graph([node], "one", maps[:1], maps[1:], [scales]),
                                           opset_imports=[helper.make_opsetid("", 20)]))
    found.set_tensor_datatype("in", DataType[kind])
    return found


@pytest.mark.parametrize(("given", "op", "attributes"), [
    (model("MaxPool", kernel_shape=[2, 2], strides=[2, 2]), "MaxPool_rtl", {"Kernel": [2, 2], "Stride": [2, 2]}),
    (model("Resize", "", "scales", out=(8, 12), **ASYMMETRIC), "Upsample_rtl", {"ImgDim": [4, 4], "Factor": [2, 3]}),
    (model("GlobalAveragePool", out=(1, 1)), "GlobalAccPool_rtl", {"numInputVectors": [1, 4, 4]}),
])
def test_a_unit_between_two_transposes(given: ModelWrapper, op: str, attributes: dict[str, Any]) -> None:
    maps_in_nhwc(given)
    assert [node.op_type for node in given.graph.node if node.op_type != "Mul"] == ["Transpose", op, "Transpose"]
    found = {item.name: helper.get_attribute_value(item) for item in given.graph.node[1].attribute}
    assert {name: found[name] for name in attributes} == attributes
    height, width = given.get_tensor_shape("out")[2:]
    assert given.get_tensor_shape(given.graph.node[1].output[0]) == [1, height, width, 3]


@pytest.mark.parametrize(("given", "message"), [
    (model("MaxPool", kind="FLOAT32", kernel_shape=[2, 2], strides=[2, 2]), "MaxPool mine must take integers, but a scale"),
    (model("MaxPool", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1), "max pool mine must have no padding and floor"),
    (model("Resize", "", "scales", out=(6, 8), **ASYMMETRIC), r"Resize mine must repeat pixels a whole number of times \(nearest, .*\)"),
    (model("Resize", "", "scales", out=(8, 8), mode="linear"), "Resize mine must repeat pixels a whole number of times"),
])
def test_what_has_none_is_refused(given: ModelWrapper, message: str) -> None:
    with pytest.raises(CompileError, match=message):
        maps_in_nhwc(given)
