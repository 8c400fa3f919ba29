"""The layers that a network's description is made of, as plain frozen data; :mod:`quant_models.networks.spec` puts them together."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

__all__ = [
    "Activation", "Add", "Concat", "Conv", "DenseScales", "GlobalPool", "LayerSpec", "Linear", "MaxPool", "Requantise", "Residual",
    "Scales", "Size", "UnitLayer", "both", "inner", "with_inner",
]

Size = int | tuple[int, int]
"""One number for height and width, or (that of the height, that of the width)."""


def both(size: Size) -> tuple[int, int]:
    """``size`` by height and by width."""
    return (size, size) if isinstance(size, int) else size


@dataclass(frozen=True, kw_only=True)
class Activation:
    """What follows a layer's accumulator: ``relu`` gives ``bits`` wide unsigned integers, ``identity`` (no ReLU) signed ones.
    ``bits``: 1 (0 and 1; unsigned only) to 8."""

    kind: Literal["relu", "identity"] = "relu"
    bits: int = 4

    @property
    def signed(self) -> bool:
        """Whether the integers are signed."""
        return self.kind == "identity"

    @property
    def minimum(self) -> int:
        """The smallest integer it gives."""
        return -(1 << (self.bits - 1)) if self.signed else 0


@dataclass(frozen=True, kw_only=True)
class Conv:
    """Convolution with bias and batch norm, then ``act``. Weights are signed, narrow-range, with a scale per output channel; of 1 bit they
    are -1 and 1, of one scale for all.

    ``kernel``, ``pad`` (zeros on each of two sides) and ``stride`` are the same for height and width, or one for each: (k, 1), (p, 0) and
    (s, 1) for a 1-D network, whose maps are time x 1. With ``groups`` outputs and inputs are in as many equal parts, and each output is of
    the inputs of its own part: of one input alone where there are as many groups as inputs.
    """

    out: int
    kernel: Size
    pad: Size = 0
    stride: Size = 1
    weight_bits: int = 4
    act: Activation = Activation()
    groups: int = 1


@dataclass(frozen=True, kw_only=True)
class MaxPool:
    """Max-pool without padding; the output size is rounded down. ``kernel`` and ``stride`` are as those of :class:`Conv`."""

    kernel: Size
    stride: Size


@dataclass(frozen=True, kw_only=True)
class GlobalPool:
    """Global average pool, then ``act``: in integers a sum over height and width whose thresholds hold the division."""

    act: Activation = Activation()


@dataclass(frozen=True, kw_only=True)
class Linear:
    """Fully connected layer over the flattened input.

    With an ``act`` it has a float bias and batch norm as a convolution has; without one it must be the last of a head: its
    weights have one scale for the whole tensor and its bias is an integer at the accumulator's scale, so that the accumulator
    plus bias is the integer logit.
    """

    out: int
    weight_bits: int = 4
    act: Activation | None = None


@dataclass(frozen=True, kw_only=True)
class Residual:
    """A block with a skip connection: ``body`` and ``shortcut`` read one feature map, and ``act`` follows their sum.

    ``body`` ends in a convolution with a signed activation, and so does a ``shortcut`` that has layers (a projection); without any the
    feature map itself is added. Both operands go through one quantiser, of the body's last activation, so that integers are added.
    Layers are convolutions and max-pools.
    """

    body: tuple["Conv | MaxPool", ...]
    shortcut: tuple["Conv | MaxPool", ...] = ()
    act: Activation = Activation()

    @property
    def shared(self) -> Activation:
        """The quantiser of both operands."""
        last = self.body[-1]
        assert isinstance(last, Conv)
        return last.act


@dataclass(frozen=True, kw_only=True)
class Scales:
    """The first layer of a multi-scale network (MSDNet, Huang 2018): of one feature map as many as there are ``convs``, one for each scale,
    the finest first. The first convolution reads the map, every other one what the one before it gives, which it makes coarser."""

    convs: tuple[Conv, ...]


@dataclass(frozen=True, kw_only=True)
class DenseScales:
    """A later layer of a multi-scale network with dense connections (MSDNet, Huang 2018): the map of each scale gets as further channels
    what ``same`` of the scale makes of it and, at all scales but the finest, what ``down`` makes of the map one scale finer.

    ``same`` has a convolution for each scale, the finest first, ``down`` one less. Channels side by side are integers of one scale: all
    convolutions of a scale go through the quantiser that the :class:`Scales` before them has there, and have its bits.
    """

    same: tuple[Conv, ...]
    down: tuple[Conv, ...]


@dataclass(frozen=True, kw_only=True)
class Requantise:
    """A unit of a :class:`Residual`: its input in the integers of the quantiser shared with the body."""

    act: Activation


@dataclass(frozen=True, kw_only=True)
class Add:
    """A unit of a :class:`Residual`: the sum of body and shortcut, both in the integers of ``shared``, then ``act``."""

    shared: Activation
    act: Activation


@dataclass(frozen=True, kw_only=True)
class Concat:
    """A unit of a :class:`DenseScales`: the channels of its inputs side by side, the first input's first."""


LayerSpec = Conv | MaxPool | GlobalPool | Linear | Residual | Scales | DenseScales
"""What stages and heads are described by."""

UnitLayer = Conv | MaxPool | GlobalPool | Linear | Requantise | Add | Concat
"""What a network computes: layers of layers are those, and the sums and concatenations, that they are of."""

_INNER: dict[type[LayerSpec], tuple[str, ...]] = {Residual: ("body", "shortcut"), Scales: ("convs",), DenseScales: ("same", "down")}


def inner(layer: LayerSpec) -> dict[str, tuple[Conv | MaxPool, ...]]:
    """The layers that ``layer`` is made of, by the fields that hold them, in the order in which they are called in them; {} of one that is
    a layer by itself."""
    return {key: getattr(layer, key) for key in _INNER.get(type(layer), ())}


def with_inner(layer: LayerSpec, change: Callable[[Any], Any]) -> Any:
    """``layer`` with each of the layers that it is made of changed; itself where it is of none."""
    parts = {key: tuple(map(change, layers)) for key, layers in inner(layer).items()}
    return replace(layer, **parts) if parts else layer  # type: ignore[arg-type]
