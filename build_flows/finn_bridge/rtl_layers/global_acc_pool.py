"""``GlobalAccPool_rtl``: FINN's global accumulation pooling, as :class:`hw.layers.global_acc_pool.GlobalAccPool`."""

import math
from functools import partial
from typing import Any

from finn.custom_op.fpgadataflow.globalaccpool import GlobalAccPool as FinnGlobalAccPool
from finn.custom_op.fpgadataflow.rtl import register_custom_op
from qonnx.core.datatype import DataType

from build_flows.finn_bridge.rtl_layers.amaranth_backend import AmaranthBackend
from hw.layers.global_acc_pool import GlobalAccPool

__all__ = ["GlobalAccPool_rtl"]


@register_custom_op
class GlobalAccPool_rtl(FinnGlobalAccPool, AmaranthBackend):
    """Sum of a frame over height and width, per channel: input ``[1, h, w, NumChannels]``, output ``[1, 1, 1, NumChannels]``."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        return {**AmaranthBackend.get_nodeattr_types(self), **FinnGlobalAccPool.get_nodeattr_types(self)}

    def get_output_datatype(self, ind: int = 0) -> Any:
        """As wide as the unit's accumulator, which can be a bit wider than the largest sum needs."""
        kind, pixels = self.get_input_datatype(), math.prod(self.get_nodeattr("numInputVectors"))
        return DataType[f"{'INT' if kind.signed() else 'UINT'}{kind.bitwidth() + (pixels - 1).bit_length()}"]

    def recipe(self, model: Any) -> partial[Any]:
        kind = self.get_input_datatype()
        return partial(
            GlobalAccPool,
            pixels=math.prod(self.get_nodeattr("numInputVectors")), channels=self.get_nodeattr("NumChannels"),
            pe=self.get_nodeattr("PE"), bits=kind.bitwidth(), signed=kind.signed(),
        )
