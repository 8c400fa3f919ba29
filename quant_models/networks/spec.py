"""A multi-exit network as plain frozen data (:class:`NetSpec`), that can be hashed, stored with a checkpoint and compared.

A net with n exits has n stages and n heads: stage k feeds head k and stage k+1; the last stage feeds its head alone. A stage but the first
may be empty: its head then reads the same feature map as the head before it. Nothing here needs torch: whoever only has to know a network's
shape need not load it. :mod:`quant_models.networks.net` makes a module of it.
"""

import dataclasses
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from quant_models.errors import QuantModelError

__all__ = [
    "INPUT_BITS", "Activation", "Conv", "GlobalPool", "LayerSpec", "Linear", "MaxPool", "NetSpec", "Size", "Unit", "both", "trace",
]

INPUT_BITS = 8
"""Bits of every channel of a pixel, unsigned."""

Size = int | tuple[int, int]
"""One number for height and width, or (that of the height, that of the width)."""


def both(size: Size) -> tuple[int, int]:
    """``size`` by height and by width."""
    return (size, size) if isinstance(size, int) else size


@dataclass(frozen=True, kw_only=True)
class Activation:
    """What follows a layer's accumulator: ``relu`` gives ``bits`` wide unsigned integers, ``identity`` (no ReLU) signed ones.
    ``bits``: 2 to 8."""

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
    """Convolution with bias and batch norm, then ``act``. Weights are signed, narrow-range, with a scale per output channel.

    ``kernel``, ``pad`` (zeros on each of two sides) and ``stride`` are the same for height and width, or one for each: (k, 1), (p, 0) and
    (s, 1) for a 1-D network, whose maps are time x 1.
    """

    out: int
    kernel: Size
    pad: Size = 0
    stride: Size = 1
    weight_bits: int = 4
    act: Activation = Activation()


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


LayerSpec = Conv | MaxPool | GlobalPool | Linear
_PREFIXES = {"stage": "stage", "head": "head", "gate": "gatehead"}
_KINDS: dict[str, type[LayerSpec]] = {"conv": Conv, "pool": MaxPool, "gap": GlobalPool, "fc": Linear}


def _kind(layer: LayerSpec) -> str:
    return next(name for name, kind in _KINDS.items() if isinstance(layer, kind))


@dataclass(frozen=True, kw_only=True)
class NetSpec:
    """A whole network: input ``height`` x ``width`` x ``channels`` of 8-bit unsigned pixels, ``classes`` (2 to 1000), and as
    many ``heads`` as ``stages``.

    ``gates`` are the gate heads beside the heads, by exit, each ending in a linear layer of one output: empty where an exit has none,
    as the last one always; () when no exit has one.

    Raises :class:`QuantModelError` when the layers do not fit together.
    """

    name: str
    height: int
    width: int
    channels: int
    classes: int
    stages: tuple[tuple[LayerSpec, ...], ...]
    heads: tuple[tuple[LayerSpec, ...], ...]
    gates: tuple[tuple[LayerSpec, ...], ...] = ()

    def __post_init__(self) -> None:
        if not 2 <= self.classes <= 1000:
            raise QuantModelError(f"classes must be 2 to 1000, not {self.classes}")
        for key in ("height", "width", "channels"):
            if getattr(self, key) < 1:
                raise QuantModelError(f"{key} must be at least 1, not {getattr(self, key)}")
        if not self.stages or len(self.stages) != len(self.heads):
            raise QuantModelError(f"heads must be as many as stages, 1 or more, not stages={len(self.stages)}, heads={len(self.heads)}")
        if self.gates and (len(self.gates) != len(self.heads) or self.gates[-1]):
            raise QuantModelError(f"gates must be one per exit, the last one's empty, not {len(self.gates)} for {len(self.heads)} exits")
        if not any(self.gates):
            object.__setattr__(self, "gates", ())
        for _ in trace(self):
            pass

    @property
    def exits(self) -> int:
        """The number of exits."""
        return len(self.heads)

    @property
    def gated(self) -> tuple[int, ...]:
        """The exits that have a gate head."""
        return tuple(k for k, layers in enumerate(self.gates) if layers)

    def to_json(self) -> str:
        """The description as JSON text, keys sorted: equal descriptions give equal text."""

        def block(layers: tuple[LayerSpec, ...]) -> list[dict[str, Any]]:
            return [{"layer": _kind(layer), **dataclasses.asdict(layer)} for layer in layers]

        raw: dict[str, Any] = {key: getattr(self, key) for key in ("name", "height", "width", "channels", "classes")}
        raw |= {"stages": [*map(block, self.stages)], "heads": [*map(block, self.heads)]}
        if self.gates:
            raw["gates"] = [*map(block, self.gates)]
        return json.dumps(raw, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "NetSpec":
        """The inverse of :meth:`to_json`; raises :class:`QuantModelError` when ``text`` describes no network."""

        def layer(raw: dict[str, Any]) -> LayerSpec:
            fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items()}
            kind = _KINDS[fields.pop("layer")]
            if fields.get("act") is not None:
                fields["act"] = Activation(**fields["act"])
            return kind(**fields)

        try:
            raw = json.loads(text)
            keys = ("stages", "heads", *(("gates",) if "gates" in raw else ()))
            raw |= {key: tuple(tuple(layer(item) for item in block) for block in raw[key]) for key in keys}
            return NetSpec(**raw)
        except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
            raise QuantModelError(f"not a network description: {error}") from error

    def digest(self) -> str:
        """SHA-256 of :meth:`to_json`, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Unit:
    """Where a layer stands in the net: its unique ``name`` (``stage0_conv0``, ``head1_fc0``, ``gatehead0_fc0``), input and output shape
    (height, width, channels; a flat vector is (1, 1, n)), and the integers that enter it (``in_bits``, ``in_signed``)."""

    name: str
    layer: LayerSpec
    in_shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    in_bits: int
    in_signed: bool


def _check(unit: str, layer: LayerSpec, last: bool, outputs: int, told: str) -> None:
    for key, low, high in (("out", 1, 1 << 16), ("kernel", 1, 64), ("stride", 1, 64), ("pad", 0, 63), ("weight_bits", 2, 8)):
        value = getattr(layer, key, low)
        if not all(low <= side <= high for side in both(value)):
            raise QuantModelError(f"{unit}: {key} must be {low} to {high}, not {value}")
    act = getattr(layer, "act", None)
    if act is not None and act.kind not in ("relu", "identity"):
        raise QuantModelError(f"{unit}: act must be relu or identity, not {act.kind!r}")
    if act is not None and not 2 <= act.bits <= 8:
        raise QuantModelError(f"{unit}: act bits must be 2 to 8, not {act.bits}")
    logits = isinstance(layer, Linear) and act is None
    if logits != last:
        raise QuantModelError(f"{unit}: the last layer of a head, and no other, is a linear layer without activation, not {layer}")
    if last and isinstance(layer, Linear) and layer.out != outputs:
        raise QuantModelError(f"{unit}: the last layer of a {told}, not out={layer.out}{f', classes={outputs}' if outputs > 1 else ''}")


def _slide(unit: str, size: int, kernel: int, pad: int, stride: int) -> int:
    if kernel > size + 2 * pad:
        raise QuantModelError(f"{unit}: kernel must fit into the padded input, not kernel={kernel}, input={size}, pad={pad}")
    return (size + 2 * pad - kernel) // stride + 1


def trace(spec: NetSpec) -> Iterator[tuple[str, int, Unit]]:
    """Every layer as ``("stage", "head" or "gate", k, unit)`` in order of computation: stage 0, head 0, its gate head, stage 1, ...

    Raises :class:`QuantModelError` naming the layer that does not fit.
    """
    fork = ((spec.height, spec.width, spec.channels), INPUT_BITS, False, False)
    for k in range(spec.exits):
        for where, block in (("stage", spec.stages[k]), ("head", spec.heads[k]), ("gate", spec.gates[k] if spec.gates else ())):
            if not block and (where == "head" or (where == "stage" and k == 0)):
                raise QuantModelError(f"{where}{k} must have a layer")
            (height, width, channels), bits, signed, flat = fork
            counts: dict[str, int] = {}
            for i, layer in enumerate(block):
                kind = _kind(layer)
                name = f"{_PREFIXES[where]}{k}_{kind}{counts.get(kind, 0)}"
                counts[kind] = counts.get(kind, 0) + 1
                outputs, told = (1, "gate head must have out = 1") if where == "gate" else (spec.classes, "head must have out = classes")
                _check(name, layer, where != "stage" and i == len(block) - 1, outputs, told)
                shape = (height, width, channels)
                if flat and not isinstance(layer, Linear):
                    raise QuantModelError(f"{name}: only a linear layer can follow a linear layer, not {layer}")
                flat = isinstance(layer, Linear)
                if isinstance(layer, Conv | MaxPool):
                    pads = layer.pad if isinstance(layer, Conv) else 0
                    height, width = map(
                        _slide, (name, name), (height, width), both(layer.kernel), both(pads), both(layer.stride)
                    )
                    channels = layer.out if isinstance(layer, Conv) else channels
                elif isinstance(layer, GlobalPool):
                    height = width = 1
                else:
                    height, width, channels = 1, 1, layer.out
                yield where, k, Unit(
                    name=name, layer=layer, in_shape=shape, out_shape=(height, width, channels), in_bits=bits, in_signed=signed
                )
                act = getattr(layer, "act", None)
                if act is not None:
                    bits, signed = act.bits, act.signed
            if where == "stage":
                fork = ((height, width, channels), bits, signed, flat)
