"""The layers that a network's description is made of, as plain frozen data; :mod:`quant_models.networks.spec` puts them together."""

from dataclasses import dataclass
from typing import Literal

__all__ = [
    "Activation", "Add", "Conv", "GlobalPool", "LayerSpec", "Linear", "MaxPool", "Requantise", "Residual", "Size", "UnitLayer", "both",
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
class Requantise:
    """A unit of a :class:`Residual`: its input in the integers of the quantiser shared with the body."""

    act: Activation


@dataclass(frozen=True, kw_only=True)
class Add:
    """A unit of a :class:`Residual`: the sum of body and shortcut, both in the integers of ``shared``, then ``act``."""

    shared: Activation
    act: Activation


LayerSpec = Conv | MaxPool | GlobalPool | Linear | Residual
"""What stages and heads are described by."""

UnitLayer = Conv | MaxPool | GlobalPool | Linear | Requantise | Add
"""What a network computes: residual blocks are the layers and sums that they are of."""
