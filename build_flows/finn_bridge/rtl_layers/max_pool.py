"""``MaxPool_rtl``: max pooling over NHWC frames, as :class:`hw.layers.max_pool.MaxPool`."""

from typing import Any

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from finn.custom_op.fpgadataflow.rtl import register_custom_op
from qonnx.core.datatype import DataType

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend
from hw.layers.max_pool import MaxPool

__all__ = ["MaxPool_rtl"]


@register_custom_op
class MaxPool_rtl(AmaranthBackend, HWCustomOp):
    """Max pooling without padding; an incomplete last row or column of windows is left out (floor).

    Attributes: ``NumChannels``, ``PE`` (divides it), ``ImgDim`` = [height, width] of the input, ``Kernel`` and ``Stride`` likewise,
    ``inputDataType``. Input ``[1, height, width, NumChannels]``, output ``[1, (height - Kernel) // Stride + 1, ..., NumChannels]``.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        own = {
            "NumChannels": ("i", True, 0),
            "PE": ("i", True, 1),
            "ImgDim": ("ints", True, []),
            "Kernel": ("ints", True, []),
            "Stride": ("ints", True, []),
            "inputDataType": ("s", True, ""),
        }
        return {**super().get_nodeattr_types(), **own}

    def _out_dim(self) -> tuple[int, int]:
        (rows, columns), (down, across) = self.get_nodeattr("Kernel"), self.get_nodeattr("Stride")
        height, width = self.get_nodeattr("ImgDim")
        return (height - rows) // down + 1, (width - columns) // across + 1

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (1, *self.get_nodeattr("ImgDim"), self.get_nodeattr("NumChannels"))

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (1, *self._out_dim(), self.get_nodeattr("NumChannels"))

    def _fold(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        pe = self.get_nodeattr("PE")
        return (*shape[:-1], shape[-1] // pe, pe)

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return self._fold(self.get_normal_input_shape())

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return self._fold(self.get_normal_output_shape())

    def get_input_datatype(self, ind: int = 0) -> Any:
        return DataType[self.get_nodeattr("inputDataType")]

    def get_output_datatype(self, ind: int = 0) -> Any:
        return self.get_input_datatype()

    def get_instream_width(self, ind: int = 0) -> int:
        return int(self.get_nodeattr("PE") * self.get_input_datatype().bitwidth())

    def get_outstream_width(self, ind: int = 0) -> int:
        return self.get_instream_width()

    def infer_node_datatype(self, model: Any) -> None:
        kind = model.get_tensor_datatype(self.onnx_node.input[0])
        self.set_nodeattr("inputDataType", kind.name)
        model.set_tensor_datatype(self.onnx_node.output[0], kind)

    def get_exp_cycles(self) -> int:
        return int(np.prod(self.get_folded_input_shape()[:-1]))

    def execute_node(self, context: dict[str, npt.NDArray[Any]], graph: Any) -> None:
        frame = context[self.onnx_node.input[0]].reshape(self.get_normal_input_shape())
        down, across = self.get_nodeattr("Stride")
        windows = np.lib.stride_tricks.sliding_window_view(frame, tuple(self.get_nodeattr("Kernel")), axis=(1, 2))[:, ::down, ::across]
        context[self.onnx_node.output[0]] = windows.max(axis=(-2, -1)).astype(np.float32)

    def component(self, model: Any) -> Any:
        height, width = self.get_nodeattr("ImgDim")
        kind = self.get_input_datatype()
        return MaxPool(
            height=height, width=width, channels=self.get_nodeattr("NumChannels"), pe=self.get_nodeattr("PE"),
            bits=kind.bitwidth(), signed=kind.signed(), kernel=tuple(self.get_nodeattr("Kernel")),
            stride=tuple(self.get_nodeattr("Stride")),
        )
