"""What FINN's RTL backends of units that take a map and give the same channels of another have in common."""

from typing import Any

from finn.custom_op.fpgadataflow.hwcustomop import HWCustomOp
from qonnx.core.datatype import DataType

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend

__all__ = ["MapBackend"]


class MapBackend(AmaranthBackend, HWCustomOp):
    """Mixin of a unit that takes NHWC frames and gives others of the same channels and data type.

    Attributes: ``NumChannels``, ``PE`` (divides it), ``ImgDim`` = [height, width] of the input, ``inputDataType``. Input
    ``[1, height, width, NumChannels]``.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        own = {
            "NumChannels": ("i", True, 0),
            "PE": ("i", True, 1),
            "ImgDim": ("ints", True, []),
            "inputDataType": ("s", True, ""),
        }
        return {**super().get_nodeattr_types(), **own}

    def get_normal_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        return (1, *self.get_nodeattr("ImgDim"), self.get_nodeattr("NumChannels"))

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
