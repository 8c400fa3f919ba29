"""``PixelPool_rtl``: max pooling of several pixels a beat, as :class:`hw.layers.pixel_pool.PixelPool`."""

import math
from functools import partial
from typing import Any

from finn.custom_op.fpgadataflow.rtl import register_custom_op

from build_flows.finn_bridge.rtl_layers.max_pool import MaxPool_rtl
from hw.layers.pixel_pool import PixelPool

__all__ = ["PixelPool_rtl"]


@register_custom_op
class PixelPool_rtl(MaxPool_rtl):
    """A max pool whose windows touch, executed as :class:`MaxPool_rtl` is. Attributes are those of that without ``PE``, and ``Pixels``, of
    the input a beat."""

    def get_nodeattr_types(self) -> dict[str, Any]:
        types = {**super().get_nodeattr_types(), "Pixels": ("i", True, 1)}
        del types["PE"]
        return types

    def unit(self) -> PixelPool:
        """The component."""
        return self._recipe()()

    def _recipe(self) -> partial[PixelPool]:
        height, width = self.get_nodeattr("ImgDim")
        kind = self.get_input_datatype()
        return partial(
            PixelPool,
            height=height, width=width, channels=self.get_nodeattr("NumChannels"), bits=kind.bitwidth(), signed=kind.signed(),
            kernel=tuple(self.get_nodeattr("Kernel")), pixels=self.get_nodeattr("Pixels"),
        )

    def get_folded_input_shape(self, ind: int = 0) -> tuple[int, ...]:
        beats = self.unit().in_beats
        return 1, beats, math.prod(self.get_normal_input_shape()) // beats

    def get_folded_output_shape(self, ind: int = 0) -> tuple[int, ...]:
        beats = self.unit().out_beats
        return 1, beats, math.prod(self.get_normal_output_shape()) // beats

    def get_instream_width(self, ind: int = 0) -> int:
        return len(self.unit().i.payload)

    def get_outstream_width(self, ind: int = 0) -> int:
        return len(self.unit().o.payload)

    def get_exp_cycles(self) -> int:
        return int(self.unit().cycles)

    def recipe(self, model: Any) -> partial[Any]:
        return self._recipe()
