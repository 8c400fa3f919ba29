"""A max pool on its way to layers: where it has padding, what is less than all else is put around its map first."""

from dataclasses import dataclass

import numpy as np

from build_flows.artefacts.own_layers import OwnLayer
from build_flows.finn_bridge.qonnx_kernels import Pads, even

__all__ = ["Pool"]

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The max pool ``node`` of maps ``in_shape`` (height, width, channels) with ``pads`` around them. ``endless``: what is there counts as
    less than anything, or else as 0."""

    node: str
    in_shape: Shape
    out_shape: Shape
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pads: Pads
    endless: bool

    def layers(self, bits: int, signed: bool, scale: float) -> list[OwnLayer]:
        """The pool of integers of ``bits`` in units of ``scale``. There is no pool with padding: a convolution that leaves every pixel as
        it is puts zeros around the map, the least unsigned integers; integers with a sign have none meanwhile, and are so much larger."""
        if any(self.pads) and signed and self.endless:
            half, (rows, columns) = 1 << (bits - 1), self.in_shape[:2]
            pool = self.layers(bits, False, scale)
            return [self._moved((rows, columns), bits, scale, half), *pool, self._moved(self.out_shape[:2], bits, scale, -half)]
        border = [self._padded(bits, signed, scale)] if any(self.pads) else []
        return [*border, OwnLayer(
            name="", kind="maxpool", node=self.node, in_shape=border[0].out_shape if border else self.in_shape, out_shape=self.out_shape,
            in_bits=bits, in_signed=signed, in_scale=scale, kernel=self.kernel, stride=self.stride,
        )]

    def _moved(self, size: tuple[int, int], bits: int, scale: float, by: int) -> OwnLayer:
        """Pixels of a map of ``size``, ``by`` added: signed before and unsigned after where that is above 0, and the other way round."""
        shape = (*size, self.in_shape[2])
        return OwnLayer(
            name="", kind="threshold", node=self.node, in_shape=shape, out_shape=shape, in_bits=bits, in_signed=by > 0, in_scale=scale,
            slope=np.full(shape[2], scale), offset=np.full(shape[2], by * scale), scale=scale, act_bits=bits, act_signed=by < 0,
        )

    def _padded(self, bits: int, signed: bool, scale: float) -> OwnLayer:
        height, width, channels = self.in_shape
        one = np.eye(channels, dtype=np.int64)[:, :, None, None]
        weight, pad = even(one, (height, width), self.pads, (1, 1))
        units = np.full(channels, scale)
        return OwnLayer(
            name="", kind="conv", node=self.node, in_shape=self.in_shape,
            out_shape=(height + self.pads[0] + self.pads[2], width + self.pads[1] + self.pads[3], channels), in_bits=bits, in_signed=signed,
            in_scale=scale, kernel=(weight.shape[2], weight.shape[3]), pad=pad, weight=weight.transpose(0, 2, 3, 1), weight_bits=2,
            weight_scale=np.ones(channels), slope=units, offset=np.zeros(channels), scale=scale, act_bits=bits, act_signed=signed,
        )
