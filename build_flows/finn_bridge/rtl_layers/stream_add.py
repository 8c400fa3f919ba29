"""``StreamAdd_rtl``: the sum of several streams, as :class:`hw.layers.stream_add.StreamAdd`."""

import math
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from finn.custom_op.fpgadataflow.rtl import register_custom_op
from qonnx.core.datatype import DataType

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend
from hw.layers.stream_add import StreamAdd, sum_bits

__all__ = ["StreamAdd_rtl"]


@register_custom_op
class StreamAdd_rtl(AmaranthBackend, HWCustomOp):
    """Adds maps of one shape, ``numInputVectors`` and ``NumChannels`` (``PE`` divides it) with a type each, ``inputDataTypes``."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        own = {"NumChannels": ("i", True, 0), "PE": ("i", True, 1), "numInputVectors": ("ints", True, []),
               "inputDataTypes": ("strings", True, [])}
        return {**super().get_nodeattr_types(), **own}

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (*self.get_nodeattr("numInputVectors"), self.get_nodeattr("NumChannels"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return self.get_normal_input_shape()

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        pe = self.get_nodeattr("PE")
        *vectors, channels = self.get_normal_input_shape()
        return (*vectors, channels // pe, pe)

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return self.get_folded_input_shape()

    def get_input_datatype(self, ind: int = 0) -> Any:
        return DataType[self.get_nodeattr("inputDataTypes")[ind]]

    def _kinds(self) -> list[tuple[int, bool]]:
        kinds = [DataType[name] for name in self.get_nodeattr("inputDataTypes")]
        return [(kind.bitwidth(), kind.signed()) for kind in kinds]

    def get_output_datatype(self, ind: int = 0) -> Any:
        bits, signed = sum_bits(self._kinds())
        return DataType[f"{'INT' if signed else 'UINT'}{bits}"]

    def get_instream_width(self, ind: int = 0) -> int:
        return int(self.get_nodeattr("PE") * self.get_input_datatype(ind).bitwidth())

    def get_outstream_width(self, ind: int = 0) -> int:
        return int(self.get_nodeattr("PE") * self.get_output_datatype().bitwidth())

    def infer_node_datatype(self, model: Any) -> None:
        self.set_nodeattr("inputDataTypes", [model.get_tensor_datatype(name).name for name in self.onnx_node.input])
        model.set_tensor_datatype(self.onnx_node.output[0], self.get_output_datatype())

    def get_exp_cycles(self) -> int:
        return math.prod(self.get_folded_input_shape()[:-1])

    def execute_node(self, context: dict[str, npt.NDArray[Any]], graph: Any) -> None:
        given = [context[name].reshape(self.get_normal_input_shape()) for name in self.onnx_node.input]
        context[self.onnx_node.output[0]] = np.add.reduce(given, dtype=np.float32)

    def recipe(self, model: Any) -> partial[Any]:
        return partial(StreamAdd, self.get_nodeattr("PE"), self._kinds())
