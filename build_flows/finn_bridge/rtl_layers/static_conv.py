"""``StaticConv_rtl``: padding, window, products, thresholds and pool of a layer, as :class:`hw.layers.static_conv.StaticConv`."""

from functools import partial
from typing import Any

from finn.custom_op.fpgadataflow.rtl import register_custom_op

from build_flows.finn_bridge.rtl_layers.fused_conv import FusedConv
from hw.layers.static_conv import StaticConv
from hw.layers.static_shape import StaticShape

__all__ = ["StaticConv_rtl"]


@register_custom_op
class StaticConv_rtl(FusedConv):
    """A layer with constant weights; attributes are those of :class:`FusedConv`."""

    def shape(self) -> StaticShape:
        """Beats, lanes and cycles of the unit."""
        given = self.geometry()
        return StaticShape(**{name: given[name] for name in ("height", "width", "kernel", "stride", "pad", "pool", "pixels")})

    def beats(self) -> tuple[int, int]:
        shape = self.shape()
        return shape.in_beats, shape.out_beats

    def get_exp_cycles(self) -> int:
        return int(self.shape().cycles)

    def recipe(self, model: Any) -> partial[Any]:
        out = self.get_output_datatype()
        return partial(StaticConv, out_bits=out.bitwidth(), out_signed=out.signed(), **self.geometry(), **self.contents(model))
