"""``StreamConcat_rtl``: the channels of several streams in one, as :class:`hw.layers.stream_concat.StreamConcat`."""

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from finn.custom_op.fpgadataflow.rtl import register_custom_op
from qonnx.core.datatype import DataType

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend
from hw.layers.stream_concat import StreamConcat

__all__ = ["StreamConcat_rtl"]


@register_custom_op
class StreamConcat_rtl(AmaranthBackend, HWCustomOp):
    """Maps of as many pixels, ``numInputVectors``, and of one type, ``inputDataType``, side by side: ``Channels`` of each. A beat is a
    pixel."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        own = {"Channels": ("ints", True, []), "numInputVectors": ("ints", True, []), "inputDataType": ("s", True, "")}
        return {**super().get_nodeattr_types(), **own}

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (*self.get_nodeattr("numInputVectors"), self.get_nodeattr("Channels")[ind])

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (*self.get_nodeattr("numInputVectors"), sum(self.get_nodeattr("Channels")))

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        *vectors, channels = self.get_normal_input_shape(ind)
        return (*vectors, 1, channels)

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        *vectors, channels = self.get_normal_output_shape()
        return (*vectors, 1, channels)

    def get_input_datatype(self, ind: int = 0) -> Any:
        return DataType[self.get_nodeattr("inputDataType")]

    def get_output_datatype(self, ind: int = 0) -> Any:
        return self.get_input_datatype()

    def get_instream_width(self, ind: int = 0) -> int:
        return int(self.get_nodeattr("Channels")[ind] * self.get_input_datatype().bitwidth())

    def get_outstream_width(self, ind: int = 0) -> int:
        return int(sum(self.get_nodeattr("Channels")) * self.get_input_datatype().bitwidth())

    def infer_node_datatype(self, model: Any) -> None:
        kind = model.get_tensor_datatype(self.onnx_node.input[0])
        self.set_nodeattr("inputDataType", kind.name)
        model.set_tensor_datatype(self.onnx_node.output[0], kind)

    def get_exp_cycles(self) -> int:
        return math.prod(self.get_nodeattr("numInputVectors"))

    def execute_node(self, context: dict[str, npt.NDArray[Any]], graph: Any) -> None:
        given = [context[name].reshape(self.get_normal_input_shape(place)) for place, name in enumerate(self.onnx_node.input)]
        context[self.onnx_node.output[0]] = np.concatenate(given, axis=-1).astype(np.float32)

    def recipe(self, model: Any) -> partial[Any]:
        return partial(StreamConcat, [self.get_instream_width(place) for place in range(len(self.onnx_node.input))])
