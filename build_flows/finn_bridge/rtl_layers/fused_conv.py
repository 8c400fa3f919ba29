"""What FINN's RTL backends of whole layers of ours have in common: padding, window, products, thresholds and pool in one unit."""

import math
from abc import abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from qonnx.core.datatype import DataType
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend

__all__ = ["FusedConv"]


class FusedConv(AmaranthBackend, HWCustomOp):
    """Nodes of FINN's that are one unit of ours.

    Inputs are the tensor in, FINN's weight matrix ``[inputs, outputs]``, and the integer thresholds ``[outputs, steps]`` where the layer
    has any. ``Frame`` = [height, width, channels] and ``Kernel``, ``Stride``, ``Pad``, ``Pool``, ``Pixels`` are the unit's; ``InShape`` and
    ``OutShape`` are the tensors'. ``OutMin`` is what no threshold reached is.

    ``Body`` is the graph of the nodes that it replaced, which it is executed by: its inputs are this node's in their order. Of the golden
    layers ``Layers`` the outputs are the body's tensors ``Ends``; execution leaves them in the context under :meth:`end`.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        own = {
            "Frame": ("ints", True, []),
            "Kernel": ("ints", True, []),
            "Stride": ("ints", True, []),
            "Pad": ("ints", True, []),
            "Pool": ("ints", True, []),
            "Pixels": ("i", True, 1),
            "InShape": ("ints", True, []),
            "OutShape": ("ints", True, []),
            "OutMin": ("i", False, 0),
            "inputDataType": ("s", True, ""),
            "outputDataType": ("s", True, ""),
            "Layers": ("strings", True, []),
            "Ends": ("strings", True, []),
            "Body": ("g", True, None),
        }
        return {**super().get_nodeattr_types(), **own}

    @abstractmethod
    def beats(self) -> tuple[int, int]:
        """Beats in and out a frame."""

    def geometry(self) -> dict[str, Any]:
        """The unit's parameters that say what is convolved, by name."""
        kind = self.get_input_datatype()
        height, width, channels = self.get_nodeattr("Frame")
        pairs = {name.lower(): tuple(self.get_nodeattr(name)) for name in ("Kernel", "Stride", "Pad", "Pool")}
        return {"height": height, "width": width, "channels": channels, "bits": kind.bitwidth(), "signed": kind.signed(),
                "pixels": self.get_nodeattr("Pixels"), **pairs}

    def contents(self, model: Any) -> dict[str, Any]:
        """The unit's ``weights``, ``[output][kernel row][kernel column][channel]``, its ``thresholds`` (None: none) and ``out_min``."""
        matrix, *levels = (np.rint(model.get_initializer(name)).astype(np.int64) for name in self.onnx_node.input[1:])
        rows, columns = self.get_nodeattr("Kernel")
        return {"weights": matrix.T.reshape(matrix.shape[1], rows, columns, -1).tolist(),
                "thresholds": levels[0].tolist() if levels else None, "out_min": self.get_nodeattr("OutMin")}

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return tuple(self.get_nodeattr("InShape"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return tuple(self.get_nodeattr("OutShape"))

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        beats, _ = self.beats()
        return 1, beats, math.prod(self.get_normal_input_shape()) // beats

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        _, beats = self.beats()
        return 1, beats, math.prod(self.get_normal_output_shape()) // beats

    def get_input_datatype(self, ind: int = 0) -> Any:
        return DataType[self.get_nodeattr("inputDataType")]

    def get_output_datatype(self, ind: int = 0) -> Any:
        return DataType[self.get_nodeattr("outputDataType")]

    def get_instream_width(self, ind: int = 0) -> int:
        return int(self.get_folded_input_shape()[-1] * self.get_input_datatype().bitwidth())

    def get_outstream_width(self, ind: int = 0) -> int:
        return int(self.get_folded_output_shape()[-1] * self.get_output_datatype().bitwidth())

    def infer_node_datatype(self, model: Any) -> None:
        model.set_tensor_datatype(self.onnx_node.output[0], self.get_output_datatype())

    def end(self, layer: str) -> str:
        """Where execution leaves the output of the golden ``layer``."""
        return f"{self.onnx_node.name}/{layer}"

    def body_ops(self) -> list[Any]:
        """FINN's operations that it is executed by, in order."""
        if not hasattr(self, "_ops"):
            self._ops = [getCustomOp(node) for node in self.get_nodeattr("Body").node]
        return list(self._ops)

    def execute_node(self, context: dict[str, npt.NDArray[Any]], graph: Any) -> None:
        body = self.get_nodeattr("Body")
        inner = {item.name: context[name] for item, name in zip(body.input, self.onnx_node.input, strict=True)}
        for item in (*body.value_info, *body.output):
            inner[item.name] = np.zeros([side.dim_value for side in item.type.tensor_type.shape.dim], np.float32)
        for op in self.body_ops():
            op.execute_node(inner, body)
        for layer, tensor in zip(self.get_nodeattr("Layers"), self.get_nodeattr("Ends"), strict=True):
            context[self.end(layer)] = inner[tensor]
        context[self.onnx_node.output[0]] = inner[body.output[0].name].reshape(self.get_normal_output_shape())
