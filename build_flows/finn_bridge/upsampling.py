"""A nearest-neighbour upsampling on its way to a layer."""

from dataclasses import dataclass

from build_flows.artefacts.own_layers import OwnLayer

__all__ = ["Upsampling"]

Shape = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Upsampling:
    """The ``node`` that makes ``factor`` (rows, columns) of each pixel of maps ``in_shape`` (height, width, channels)."""

    node: str
    in_shape: Shape
    factor: tuple[int, int]

    @property
    def kernel(self) -> tuple[int, int]:
        """As that of a pool: what it gives is of one pixel."""
        return 1, 1

    @property
    def out_shape(self) -> Shape:
        """Height, width and channels of what it gives."""
        height, width, channels = self.in_shape
        return height * self.factor[0], width * self.factor[1], channels

    def layers(self, bits: int, signed: bool, scale: float) -> list[OwnLayer]:
        """The upsampling of integers of ``bits`` in units of ``scale``; no layer where it leaves the map as it is."""
        if self.factor == (1, 1):
            return []
        return [OwnLayer(
            name="", kind="upsample", node=self.node, in_shape=self.in_shape, out_shape=self.out_shape, in_bits=bits, in_signed=signed,
            in_scale=scale, factor=self.factor,
        )]
