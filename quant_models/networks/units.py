"""What a stage or head computes, layer by layer: layers of layers are taken apart, shapes and integer types worked out and checked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quant_models.errors import QuantModelError
from quant_models.networks.layers import (
    Activation,
    Add,
    Concat,
    Conv,
    DenseScales,
    GlobalPool,
    LayerSpec,
    Linear,
    MaxPool,
    Requantise,
    Residual,
    Scales,
    UnitLayer,
    both,
)

__all__ = ["FeatureMap", "Maps", "Unit", "block_units"]

_WORDS: dict[type[UnitLayer], str] = {
    Conv: "conv", MaxPool: "pool", GlobalPool: "gap", Linear: "fc", Requantise: "act", Add: "add", Concat: "concat",
}

MOST = 4
"""Scales that a network may have: as many tensors a gate holds."""


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Where a layer stands in the net: its unique ``name`` (``stage0_conv0``, ``head1_fc0``, ``gatehead0_fc0``), input and output shape
    (height, width, channels; a flat vector is (1, 1, n)), and the integers that enter it (``in_bits``, ``in_signed``).

    ``inputs`` are the units that it reads, by name. ``shared`` is the :class:`Add` whose quantiser takes its accumulators, by name, and
    ``follows`` the convolution whose quantiser it has too; both None where its activation is its own.
    """

    name: str
    layer: UnitLayer
    in_shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    in_bits: int
    in_signed: bool
    inputs: tuple[str, ...]
    shared: str | None = None
    follows: str | None = None


@dataclass(frozen=True, kw_only=True)
class FeatureMap:
    """What the unit ``name`` gives: ``shape`` (height, width, channels) of integers; ``flat`` behind a linear layer. ``quantiser`` is the
    convolution whose activation quantiser made them, by name, where layers behind must have it too."""

    name: str
    shape: tuple[int, int, int]
    bits: int
    signed: bool = False
    flat: bool = False
    quantiser: str = ""


Maps = tuple[FeatureMap, ...]
"""One feature map, or one for each scale, the finest first."""


def block_units(
    prefix: str, layers: Sequence[LayerSpec], begin: Maps, outputs: int = 0, told: str = ""
) -> tuple[list[Unit], Maps]:
    """The units of the stage or head called ``prefix``, which reads ``begin``, in order of computation, and what it ends with. A head ends
    in a linear layer of ``outputs`` (0: a stage), which ``told`` says in words.

    Raises :class:`QuantModelError` naming the layer that does not fit.
    """
    block, at = _Block(prefix), begin
    for place, layer in enumerate(layers):
        last = bool(outputs) and place == len(layers) - 1
        if isinstance(layer, DenseScales):
            at = block.dense(layer, at)
        elif len(at) > 1:
            raise QuantModelError(f"{prefix}: {layer} reads one map, not those of {len(at)} scales; allowed there: DenseScales, and heads")
        elif isinstance(layer, Scales):
            at = block.scales(layer, at[0])
        elif isinstance(layer, Residual):
            at = (block.residual(layer, at[0], last),)
        else:
            at = (block.simple(layer, at[0], last, outputs, told),)
        if last and isinstance(layer, Scales | DenseScales):
            raise QuantModelError(f"{prefix}: the last layer of a head is a linear layer without activation, not {layer}")
    return block.units, at


class _Block:
    """The units of a stage or head, and their names."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.units: list[Unit] = []
        self.counts: Counter[str] = Counter()

    def name(self, layer: UnitLayer) -> str:
        word = _WORDS[type(layer)]
        self.counts[word] += 1
        return f"{self.prefix}_{word}{self.counts[word] - 1}"

    def simple(self, layer: UnitLayer, at: FeatureMap, last: bool = False, outputs: int = 0, told: str = "") -> FeatureMap:
        name = self.name(layer)
        _check(name, layer, last, outputs, told)
        self.units.append(_unit(name, layer, at))
        return _after(self.units[-1], at)

    def scales(self, layer: Scales, begin: FeatureMap) -> Maps:
        if not 2 <= len(layer.convs) <= MOST:
            raise QuantModelError(f"{self.prefix}: scales must be 2 to {MOST}, not {len(layer.convs)}")
        maps, at = list[FeatureMap](), begin
        for item in layer.convs:
            at = self.simple(item, at)
            maps.append(replace(at, quantiser=at.name))
        return tuple(maps)

    def dense(self, layer: DenseScales, begin: Maps) -> Maps:
        if not len(begin) == len(layer.same) == len(layer.down) + 1 or len(begin) < 2:
            raise QuantModelError(
                f"{self.prefix}: same must have a convolution for each scale, and down one less, not {len(layer.same)} and "
                f"{len(layer.down)} for {len(begin)} scale{'s' if len(begin) > 1 else ''}")
        maps = []
        for place, at in enumerate(begin):
            ways = [(layer.same[place], at), *((layer.down[place - 1], begin[place - 1]) for _ in range(place > 0))]
            joined = [at, *(self.joining(conv, source, at) for conv, source in ways)]
            unit = _unit(self.name(Concat()), Concat(), at)
            channels = sum(item.shape[2] for item in joined)
            self.units.append(replace(unit, inputs=tuple(item.name for item in joined), out_shape=(*at.shape[:2], channels)))
            maps.append(replace(at, name=unit.name, shape=self.units[-1].out_shape))
        return tuple(maps)

    def joining(self, layer: Conv, begin: FeatureMap, at: FeatureMap) -> FeatureMap:
        """What ``layer`` makes of ``begin``, to stand beside ``at``."""
        found = self.simple(layer, begin)
        if found.shape[:2] != at.shape[:2]:
            shapes = ["x".join(map(str, item.shape[:2])) for item in (at, found)]
            raise QuantModelError(f"{found.name}: must give a map of {shapes[0]}, as its scale has, not of {shapes[1]}")
        if (found.bits, found.signed) != (at.bits, at.signed):
            told = [f"{'signed ' * item.signed}{item.bits} bits" for item in (at, found)]
            raise QuantModelError(f"{found.name}: must have the quantiser of {at.quantiser}, of {told[0]}, not one of {told[1]}")
        self.units[-1] = replace(self.units[-1], follows=at.quantiser)
        return found

    def residual(self, layer: Residual, begin: FeatureMap, last: bool) -> FeatureMap:
        shared = _shared(f"residual block of {self.prefix}", layer)
        total = Add(shared=shared, act=layer.act)
        name = self.name(total)
        _check(name, total, last, 0, "")
        ends = []
        for path in (layer.body, layer.shortcut or (Requantise(act=shared),)):
            at = begin
            for item in path:
                at = self.simple(item, at)
            self.units[-1] = replace(self.units[-1], shared=name)
            ends.append(at)
        body, shortcut = ends
        if body.shape != shortcut.shape:
            shapes = ["x".join(map(str, item.shape)) for item in ends]
            raise QuantModelError(f"{name}: body and shortcut must give maps of one shape, not {shapes[0]} and {shapes[1]}")
        self.units.append(replace(_unit(name, total, body), inputs=(body.name, shortcut.name)))
        return _after(self.units[-1], body)


def _shared(where: str, layer: Residual) -> Activation:
    """The quantiser that body and shortcut of ``layer`` have in common."""
    for told, path in (("body", layer.body), ("shortcut", layer.shortcut)):
        for item in path:
            if not isinstance(item, Conv | MaxPool):
                raise QuantModelError(f"{where}: {told} must be of convolutions and max-pools, not {item}")
        if not path and told == "shortcut":
            continue
        if not path or not isinstance(path[-1], Conv) or not path[-1].act.signed:
            raise QuantModelError(f"{where}: {told} must end in a convolution with act identity, not {path[-1] if path else 'no layer'}")
        if path[-1].act != layer.shared:
            raise QuantModelError(
                f"{where}: body and shortcut must end at one quantiser, not bits={layer.shared.bits} and bits={path[-1].act.bits}")
    return layer.shared


def _check(unit: str, layer: UnitLayer, last: bool, outputs: int, told: str) -> None:
    for key, low, high in (("out", 1, 1 << 16), ("kernel", 1, 64), ("stride", 1, 64), ("pad", 0, 63), ("weight_bits", 1, 8),
                           ("groups", 1, 1 << 16)):
        value = getattr(layer, key, low)
        if not all(low <= side <= high for side in both(value)):
            raise QuantModelError(f"{unit}: {key} must be {low} to {high}, not {value}")
    act = getattr(layer, "act", None)
    if act is not None and act.kind not in ("relu", "identity"):
        raise QuantModelError(f"{unit}: act must be relu or identity, not {act.kind!r}")
    if act is not None and not 1 + act.signed <= act.bits <= 8:
        raise QuantModelError(f"{unit}: act bits must be {1 + act.signed} to 8, not {act.bits}")
    logits = isinstance(layer, Linear) and act is None
    if logits != last:
        raise QuantModelError(f"{unit}: the last layer of a head, and no other, is a linear layer without activation, not {layer}")
    if last and isinstance(layer, Linear) and layer.out != outputs:
        raise QuantModelError(f"{unit}: the last layer of a {told}, not out={layer.out}{f', classes={outputs}' if outputs > 1 else ''}")


def _unit(name: str, layer: UnitLayer, at: FeatureMap) -> Unit:
    height, width, channels = at.shape
    if isinstance(layer, Conv | MaxPool):
        pads = layer.pad if isinstance(layer, Conv) else 0
        if not at.flat:
            height, width = map(_slide, (name, name), (height, width), both(layer.kernel), both(pads), both(layer.stride))
        channels = layer.out if isinstance(layer, Conv) else channels
        groups = layer.groups if isinstance(layer, Conv) else 1
        if at.shape[2] % groups or channels % groups:
            raise QuantModelError(f"{name}: groups must divide its inputs and outputs, not groups={groups}, {at.shape[2]} and {channels}")
    elif isinstance(layer, GlobalPool):
        height = width = 1
    elif isinstance(layer, Linear):
        height, width, channels = 1, 1, layer.out
    if at.flat and not isinstance(layer, Linear):
        raise QuantModelError(f"{name}: only a linear layer can follow a linear layer, not {layer}")
    return Unit(name=name, layer=layer, in_shape=at.shape, out_shape=(height, width, channels), in_bits=at.bits, in_signed=at.signed,
                inputs=(at.name,))


def _after(unit: Unit, at: FeatureMap) -> FeatureMap:
    """What ``unit``, which reads ``at``, gives."""
    act = getattr(unit.layer, "act", None)
    bits, signed = (at.bits, at.signed) if act is None else (act.bits, act.signed)
    return FeatureMap(name=unit.name, shape=unit.out_shape, bits=bits, signed=signed, flat=isinstance(unit.layer, Linear))


def _slide(unit: str, size: int, kernel: int, pad: int, stride: int) -> int:
    if kernel > size + 2 * pad:
        raise QuantModelError(f"{unit}: kernel must fit into the padded input, not kernel={kernel}, input={size}, pad={pad}")
    return (size + 2 * pad - kernel) // stride + 1
