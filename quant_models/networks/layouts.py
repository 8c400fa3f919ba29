"""Where the exits of a network stand and which heads they have, chosen freely over the backbone of a preset.

The backbone is all stages of the preset one after another, cut into blocks: a block begins at each convolution, residual block,
layer of several scales or linear layer, but not at the convolution behind a depthwise one, which is of the same block. An early exit comes
after a block, the last one excepted; there the final head stands, which is always the preset's last.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from quant_models.errors import QuantModelError
from quant_models.networks.presets import Shape, preset
from quant_models.networks.spec import (
    Activation,
    Conv,
    DenseScales,
    GlobalPool,
    LayerSpec,
    Linear,
    MaxPool,
    NetSpec,
    Residual,
    Scales,
    Size,
    inner,
    trace,
)

__all__ = ["HEADS", "HeadForm", "Outline", "backbone", "blocks", "head_layers", "layout", "outline", "place", "places"]

Layers = tuple[LayerSpec, ...]


@dataclass(frozen=True, kw_only=True)
class _Place:
    """What a head is made for: its bits, the ``channels`` that arrive, and whether the maps are ``flat``, time x 1."""

    weight_bits: int
    relu: Activation
    channels: int
    classes: int
    flat: bool

    def size(self, side: int, across: int) -> Size:
        """``side`` of a window, its padding or stride; on flat maps ``across`` for the width."""
        return (side, across) if self.flat else side


def _linear(at: _Place) -> Layers:
    return (Linear(out=at.classes, weight_bits=at.weight_bits),)


def _pool(at: _Place) -> Layers:
    return (MaxPool(kernel=at.size(2, 1), stride=at.size(2, 1)), *_linear(at))


def _conv(at: _Place) -> Layers:
    conv = Conv(out=2 * at.channels, kernel=at.size(3, 1), pad=at.size(1, 0), weight_bits=at.weight_bits, act=at.relu)
    return (conv, *_pool(at))


def _global(at: _Place) -> Layers:
    return (GlobalPool(act=at.relu), *_linear(at))


@dataclass(frozen=True, kw_only=True)
class HeadForm:
    """A form of head: what it is in words, and what ``make`` puts together for a place; None for the preset's own."""

    summary: str
    make: Callable[[_Place], Layers] | None


HEADS = {
    "preset": HeadForm(summary="the preset's own head, after a block where it has one", make=None),
    "linear": HeadForm(summary="one linear layer over the feature map", make=_linear),
    "pool": HeadForm(summary="2x2 max-pool, then linear", make=_pool),
    "conv": HeadForm(summary="3x3 convolution to twice the channels, 2x2 max-pool, then linear (B-LeNet's form)", make=_conv),
    "global": HeadForm(summary="global average pool, then linear", make=_global),
}
"""The heads an early exit can have. On maps of width 1 windows are 1-D."""


@dataclass(frozen=True)
class Outline:
    """What has to be known of a preset before anything is made of it: the number of ``blocks`` of its backbone, the ``places`` of its own
    early exits (the blocks after which they stand), the ``shape`` of images that it was published for (height, width, channels), and the
    ``least`` height and width of others that its layers and own heads take."""

    blocks: int
    places: tuple[int, ...]
    shape: Shape
    least: tuple[int, int]

    @property
    def exits(self) -> int:
        """The preset's own exits, the last one included."""
        return len(self.places) + 1


@cache
def outline(name: str) -> Outline:
    """The outline of the preset ``name``; raises :class:`QuantModelError` when there is none."""
    spec = preset(name)
    height, width, channels = shape = spec.height, spec.width, spec.channels
    least = (
        next(side for side in range(1, height + 1) if _fits(name, (side, width, channels))),
        next(side for side in range(1, width + 1) if _fits(name, (height, side, channels))),
    )
    return Outline(blocks=len(blocks(spec)), places=places(spec), shape=shape, least=least)


def _fits(name: str, shape: Shape) -> bool:
    try:
        preset(name, shape=shape)
    except QuantModelError:
        return False
    return True


def backbone(spec: NetSpec) -> Layers:
    """The stages of ``spec``, one after another."""
    return tuple(layer for stage in spec.stages for layer in stage)


def blocks(spec: NetSpec) -> tuple[Layers, ...]:
    """The backbone of ``spec`` cut before each convolution, residual block, layer of several scales and linear layer but the first, and but
    those behind a convolution in groups."""
    found: list[list[LayerSpec]] = []
    before: LayerSpec | None = None
    for layer in backbone(spec):
        separable = isinstance(before, Conv) and before.groups > 1 and isinstance(layer, Conv)
        if (isinstance(layer, Conv | Residual | Scales | DenseScales | Linear) and not separable) or not found:
            found.append([])
        found[-1].append(layer)
        before = layer
    return tuple(map(tuple, found))


def places(spec: NetSpec) -> tuple[int, ...]:
    """The block after which each early exit of ``spec`` stands; raises :class:`QuantModelError` when one stands inside a block."""
    ends = list(accumulate(len(block) for block in blocks(spec)))
    depths = list(accumulate(len(stage) for stage in spec.stages))[:-1]
    for index, depth in enumerate(depths):
        if depth not in ends:
            raise QuantModelError(f"exit {index} of {spec.name} stands after backbone layer {depth}, inside a block; blocks end at {ends}")
    return tuple(ends.index(depth) for depth in depths)


def layout(
    name: str, exits: Sequence[tuple[int, str]], weight_bits: int = 4, act_bits: int = 4, classes: int | None = None,
    shape: Shape | None = None,
) -> NetSpec:
    """The preset ``name`` with early ``exits`` at other places, (block after which it stands, head) each, in the backbone's order.

    None at all makes the network without early exits. The preset's own places and heads give the preset itself. Two exits after the
    same block have different heads; the later one's stage is empty. ``classes`` and ``shape`` are as
    :func:`quant_models.networks.presets.preset` takes them. Raises :class:`QuantModelError` as that and :func:`place` do.
    """
    return place(preset(name, weight_bits, act_bits, classes, shape), exits, weight_bits, act_bits)


def place(spec: NetSpec, exits: Sequence[tuple[int, str]], weight_bits: int, act_bits: int) -> NetSpec:
    """``spec`` with its early exits replaced by ``exits``, whose heads are quantised to ``weight_bits`` and ``act_bits`` (1 to 8).

    Raises :class:`QuantModelError` on a block or a head that does not exist, exits out of order, two with the same head after the same
    block, ``preset`` where ``spec`` has no exit, and a head that does not fit the feature map.
    """
    cut, own = blocks(spec), dict(zip(places(spec), spec.heads, strict=False))
    channels = _channels(spec)
    stages: list[Layers] = []
    heads: list[Layers] = []
    done = 0
    for index, (after, head) in enumerate(exits):
        if not 0 <= after < len(cut) - 1:
            there = f"{spec.name}'s backbone has blocks 0 to {len(cut) - 1}, and an early exit comes before the last"
            raise QuantModelError(f"exit {index}: after must be a block of the backbone, not {after}: {there}")
        if after + 1 < done:
            raise QuantModelError(f"exit {index}: after must be at least {done - 1}, that of the exit before it, not {after}")
        stages.append(tuple(layer for block in cut[done : after + 1] for layer in block))
        heads.append(_head(spec, own, index, after, head, (weight_bits, act_bits), channels[after]))
        for other, ((where, called), same) in enumerate(zip(exits[:index], heads, strict=False)):
            if where == after and same == heads[index]:
                raise QuantModelError(f"exit {index}: head {head} after block {after} is the same as head {called} of exit {other}")
        done = after + 1
    stages.append(tuple(layer for block in cut[done:] for layer in block))
    heads.append(spec.heads[-1])
    return dataclasses.replace(spec, stages=tuple(stages), heads=tuple(heads), gates=())


def head_layers(spec: NetSpec, index: int, head: str, outputs: int, weight_bits: int, act_bits: int) -> Layers:
    """A head of the form ``head`` (any of :data:`HEADS` but ``preset``) with ``outputs`` outputs on what stage ``index`` of ``spec``
    gives."""
    make = HEADS[head].make
    assert make is not None
    channels = [unit.out_shape[2] for where, k, unit in trace(spec) if where == "stage" and k <= index][-1]
    return make(_Place(weight_bits=weight_bits, relu=Activation(bits=act_bits), channels=channels, classes=outputs, flat=spec.width == 1))


def _head(
    spec: NetSpec, own: dict[int, Layers], index: int, after: int, head: str, bits: tuple[int, int], channels: int
) -> Layers:
    if head not in HEADS:
        raise QuantModelError(f"exit {index}: head must be one of {', '.join(HEADS)}, not {head!r}")
    make = HEADS[head].make
    if make is not None:
        relu = Activation(bits=bits[1])
        return make(_Place(weight_bits=bits[0], relu=relu, channels=channels, classes=spec.classes, flat=spec.width == 1))
    if after not in own:
        there = ", ".join(map(str, own)) or "none"
        raise QuantModelError(f"exit {index}: {spec.name} has no head of its own after block {after} (blocks with one: {there})")
    return own[after]


def _channels(spec: NetSpec) -> list[int]:
    """Channels of the feature map after each block, of several scales of the coarsest."""
    found, at = [], spec.channels
    for block in blocks(spec):
        for layer in block:
            if isinstance(layer, DenseScales):
                at += layer.same[-1].out + layer.down[-1].out
                continue
            last = next(iter(inner(layer).values()), (layer,))[-1]
            at = last.out if isinstance(last, Conv | Linear) else at
        found.append(at)
    return found
