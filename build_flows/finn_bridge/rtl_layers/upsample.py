"""``Upsample_rtl``: nearest-neighbour upsampling of NHWC frames, as :class:`hw.layers.upsample.Upsample`."""

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from finn.custom_op.fpgadataflow.rtl import register_custom_op

from build_flows.finn_bridge.rtl_layers.map_backend import MapBackend
from hw.layers.upsample import Upsample

__all__ = ["Upsample_rtl"]


@register_custom_op
class Upsample_rtl(MapBackend):
    """Repeats each pixel ``Factor`` = [rows, columns] times.

    Other attributes: ``NumChannels``, ``PE`` (divides it), ``ImgDim`` = [height, width] of the input, ``inputDataType``. Input
    ``[1, height, width, NumChannels]``, output ``[1, height * rows, width * columns, NumChannels]``.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        return {**super().get_nodeattr_types(), "Factor": ("ints", True, [])}

    def get_normal_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        height, width = (size * factor for size, factor in zip(self.get_nodeattr("ImgDim"), self.get_nodeattr("Factor"), strict=True))
        return (1, height, width, self.get_nodeattr("NumChannels"))

    def get_exp_cycles(self) -> int:
        return int(np.prod(self.get_folded_output_shape()[:-1]))

    def execute_node(self, context: dict[str, npt.NDArray[Any]], graph: Any) -> None:
        rows, columns = self.get_nodeattr("Factor")
        frame = context[self.onnx_node.input[0]].reshape(self.get_normal_input_shape())
        context[self.onnx_node.output[0]] = frame.repeat(rows, axis=1).repeat(columns, axis=2).astype(np.float32)

    def recipe(self, model: Any) -> partial[Any]:
        height, width = self.get_nodeattr("ImgDim")
        return partial(
            Upsample,
            height=height, width=width, channels=self.get_nodeattr("NumChannels"), pe=self.get_nodeattr("PE"),
            bits=self.get_input_datatype().bitwidth(), factor=tuple(self.get_nodeattr("Factor")),
        )
