"""A max pool on its way to layers: where it has padding, zeros are put around its map first."""

from dataclasses import dataclass

import numpy as np

from build_flows.artefacts.own_layers import OwnLayer
from build_flows.finn_bridge.errors import CompileError
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
        it is puts zeros around the map, the least unsigned integers. Raises :class:`CompileError` where they are not the least."""
        source, found = self.in_shape, []
        if any(self.pads):
            if signed and self.endless:
                raise CompileError(f"{self.node}: must have no padding (nor need any for ceil_mode) behind signed integers, whose least is "
                                   f"not the 0 that padding is made of, not pads {list(self.pads)}; allowed: an unsigned activation "
                                   "(QuantReLU) before it")
            found.append(self._padded(bits, signed, scale))
            source = found[0].out_shape
        return [*found, OwnLayer(
            name="", kind="maxpool", node=self.node, in_shape=source, out_shape=self.out_shape, in_bits=bits, in_signed=signed,
            in_scale=scale, kernel=self.kernel, stride=self.stride,
        )]

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
