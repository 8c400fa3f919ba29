"""``SharedConv_rtl``: padding, window, products, thresholds and pool of a layer, as :class:`hw.layers.shared_conv.SharedConv`."""

from functools import partial
from typing import Any

from finn.custom_op.fpgadataflow.rtl import register_custom_op

from build_flows.finn_bridge.rtl_layers.fused_conv import FusedConv
from hw.layers.shared_conv import SharedConv
from hw.layers.shared_shape import SharedShape
from hw.layers.weight_memory import each_its_own

__all__ = ["SharedConv_rtl"]


@register_custom_op
class SharedConv_rtl(FusedConv):
    """A layer on chains of multipliers, weights and thresholds in memories; in Verilog it instantiates ``DSP48E1``, but not with ``Lut`` or
    ``Binary``; with ``Depthwise`` each channel is convolved by itself.

    Attributes beside those of :class:`FusedConv`: ``Beat``, the channels a beat; ``Inputs``, ``Outputs`` and ``Lanes``, what is done at
    once; ``WeightBits``; ``Exchangeable``: 1 where the weights may be exchanged.
    """

    def get_nodeattr_types(self) -> dict[str, Any]:
        own = {
            "Beat": ("i", True, 1),
            "Inputs": ("i", True, 1),
            "Outputs": ("i", True, 1),
            "Lanes": ("i", True, 1),
            "WeightBits": ("i", True, 2),
            "Exchangeable": ("i", False, 0, {0, 1}),
            "Lut": ("i", False, 0, {0, 1}),
            "Binary": ("i", False, 0, {0, 1}),
            "Depthwise": ("i", False, 0, {0, 1}),
        }
        return {**super().get_nodeattr_types(), **own}

    def shape(self) -> SharedShape:
        """Sizes, order of work and cycles of the unit."""
        own = {"beat": "Beat", "inputs": "Inputs", "outputs": "Outputs", "lanes": "Lanes", "weight_bits": "WeightBits"}
        channels = self.get_normal_output_shape()[-1]
        lut, binary, depthwise = (bool(self.get_nodeattr(name)) for name in ("Lut", "Binary", "Depthwise"))
        return SharedShape(out_channels=channels, lut=lut, binary=binary, depthwise=depthwise, **self.geometry(),
                           **{key: self.get_nodeattr(name) for key, name in own.items()})

    def beats(self) -> tuple[int, int]:
        shape = self.shape()
        return shape.height * shape.width * shape.channels // shape.beat, shape.out_height * shape.out_width

    def get_exp_cycles(self) -> int:
        return int(self.shape().cycles)

    def recipe(self, model: Any) -> partial[Any]:
        shape, contents = self.shape(), self.contents(model)
        if shape.depthwise:
            contents["weights"] = each_its_own(contents["weights"])
        return partial(
            SharedConv,
            shape, out_bits=self.get_output_datatype().bitwidth(), exchangeable=bool(self.get_nodeattr("Exchangeable")), **contents,
        )
