"""``MaxPool_rtl``: max pooling over NHWC frames, as :class:`hw.layers.max_pool.MaxPool`."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from build_flows.finn_bridge.rtl_layers.map_backend import MapBackend
from hw.layers.max_pool import MaxPool

__all__ = ["MaxPool_rtl"]


@register_custom_op
class MaxPool_rtl(MapBackend):
    """Max pooling without padding; an incomplete last row or column of windows is left out (floor).

    Attributes: ``NumChannels``, ``PE`` (divides it), ``ImgDim`` = [height, width] of the input, ``Kernel`` and ``Stride`` likewise,
    ``inputDataType``. Input ``[1, height, width, NumChannels]``, output ``[1, (height - Kernel) // Stride + 1, ..., NumChannels]``.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        return {**super().get_nodeattr_types(), "Kernel": ("ints", True, []), "Stride": ("ints", True, [])}

    def _out_dim(self) -> tuple[int, int]:
        (rows, columns), (down, across) = self.get_nodeattr("Kernel"), self.get_nodeattr("Stride")
        height, width = self.get_nodeattr("ImgDim")
        return (height - rows) // down + 1, (width - columns) // across + 1

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (1, *self._out_dim(), self.get_nodeattr("NumChannels"))

    def get_exp_cycles(self) -> int:
        return int(np.prod(self.get_folded_input_shape()[:-1]))

    def execute_node(self, context: dict[str, npt.NDArray[Any]], graph: Any) -> None:
        frame = context[self.onnx_node.input[0]].reshape(self.get_normal_input_shape())
        down, across = self.get_nodeattr("Stride")
        windows = np.lib.stride_tricks.sliding_window_view(frame, tuple(self.get_nodeattr("Kernel")), axis=(1, 2))[:, ::down, ::across]
        context[self.onnx_node.output[0]] = windows.max(axis=(-2, -1)).astype(np.float32)

    def recipe(self, model: Any) -> partial[Any]:
        height, width = self.get_nodeattr("ImgDim")
        kind = self.get_input_datatype()
        return partial(
            MaxPool,
            height=height, width=width, channels=self.get_nodeattr("NumChannels"), pe=self.get_nodeattr("PE"),
            bits=kind.bitwidth(), signed=kind.signed(), kernel=tuple(self.get_nodeattr("Kernel")),
            stride=tuple(self.get_nodeattr("Stride")),
        )
