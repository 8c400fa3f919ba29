"""A multi-exit network as plain frozen data (:class:`NetSpec`), that can be hashed, stored with a checkpoint and compared.

A net with n exits has n stages and n heads: stage k feeds head k and stage k+1; the last stage feeds its head alone. A stage but the first
may be empty: its head then reads the same feature map as the head before it. A stage may end with maps of several scales
(:class:`quant_models.networks.layers.Scales`): heads read the coarsest. Nothing here needs torch: whoever only has to know a network's
shape need not load it. :mod:`quant_models.networks.net` makes a module of it.
"""

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

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
    Size,
    UnitLayer,
    both,
    inner,
    with_inner,
)
from quant_models.networks.units import FeatureMap, Unit, block_units

__all__ = [
    "IMAGE", "INPUT_BITS", "INPUT_SCALE", "Activation", "Add", "Concat", "Conv", "DenseScales", "Described", "GlobalPool", "LayerSpec",
    "Linear", "MaxPool", "NetSpec", "Requantise", "Residual", "Scales", "Size", "Unit", "UnitLayer", "both", "cuts", "described", "inner",
    "trace", "with_inner",
]

IMAGE = "image"
"""What units that read the images name as their input."""

INPUT_BITS = 8
"""Bits of every channel of a pixel, unsigned."""

INPUT_SCALE = 2.0**-INPUT_BITS
"""What a pixel's integer is worth to the network."""

_PREFIXES = {"stage": "stage", "head": "head", "gate": "gatehead"}
_PARTS = tuple(_PREFIXES)
_KINDS: dict[str, type[LayerSpec]] = {"conv": Conv, "pool": MaxPool, "gap": GlobalPool, "fc": Linear, "residual": Residual,
                                     "scales": Scales, "dense_scales": DenseScales}


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
        raw: dict[str, Any] = {key: getattr(self, key) for key in ("name", "height", "width", "channels", "classes")}
        raw |= {"stages": [*map(_block, self.stages)], "heads": [*map(_block, self.heads)]}
        if self.gates:
            raw["gates"] = [*map(_block, self.gates)]
        return json.dumps(raw, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "NetSpec":
        """The inverse of :meth:`to_json`; raises :class:`QuantModelError` when ``text`` describes no network."""
        try:
            raw = json.loads(text)
            keys = ("stages", "heads", *(("gates",) if "gates" in raw else ()))
            raw |= {key: tuple(tuple(map(_layer, block)) for block in raw[key]) for key in keys}
            return NetSpec(**raw)
        except (TypeError, KeyError, AttributeError, json.JSONDecodeError) as error:
            raise QuantModelError(f"not a network description: {error}") from error

    def digest(self) -> str:
        """SHA-256 of :meth:`to_json`, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def _block(layers: Sequence[LayerSpec]) -> list[dict[str, Any]]:
    """The layers of a stage or head as JSON data."""
    found = []
    for layer in layers:
        raw = {"layer": _kind(layer), **dataclasses.asdict(layer)}
        if raw.get("groups") == 1:
            # As networks were stored before there were groups: their digests stay.
            del raw["groups"]
        found.append(raw | {key: _block(layers) for key, layers in inner(layer).items()})
    return found


def _layer(raw: dict[str, Any]) -> LayerSpec:
    """A layer out of JSON data."""
    kind = _KINDS[raw["layer"]]
    fields: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items() if key != "layer"}
    fields |= {key: tuple(map(_layer, fields[key])) for key in ("body", "shortcut", "convs", "same", "down") if key in fields}
    if fields.get("act") is not None:
        fields["act"] = Activation(**fields["act"])
    return kind(**fields)


def trace(spec: NetSpec) -> Iterator[tuple[str, int, Unit]]:
    """Every unit as ``("stage", "head" or "gate", k, unit)`` in order of computation: stage 0, head 0, its gate head, stage 1, ...

    A residual block is the units of its body, those of its shortcut, and their sum; a layer of several scales the units of each, the finest
    first, and the concatenation of each. A stage computes what its exit needs, and no more: finer maps that no head needs yet are of a
    later stage, those that none needs at all of none (MSDNet's lazy evaluation). Raises :class:`QuantModelError` naming the layer that
    does not fit.
    """
    found = [(item.at, _PARTS.index(item.where), item) for item in described(spec) if item.at is not None]
    for k, _, item in sorted(found, key=lambda entry: entry[:2]):
        yield item.where, k, item.unit


@dataclass(frozen=True, kw_only=True)
class Described:
    """A ``unit`` of the stage, head or gate head (``where``) ``index`` of a description. It is computed in that of exit ``at``, and named
    by it; None: nowhere."""

    where: str
    index: int
    at: int | None
    unit: Unit


def described(spec: NetSpec) -> tuple[Described, ...]:
    """Every unit, those too that are not computed, in the order in which stages, heads and gate heads are described. Backbones that are
    described alike have the same units in one order, wherever exits stand. Raises as :func:`trace`."""
    found = list(_units(spec))
    first: dict[str, int] = {}
    for where, k, unit in reversed(found):
        at = k if where != "stage" else first.get(unit.name)
        if at is not None:
            first |= {name: min(at, first.get(name, at)) for name in unit.inputs}
    counts: Counter[tuple[int, str]] = Counter()
    names = {IMAGE: IMAGE}
    rows = []
    for where, k, unit in found:
        at = k if where != "stage" else first.get(unit.name)
        names[unit.name] = unit.name
        if where == "stage" and at is not None:
            word = unit.name.rpartition("_")[2].rstrip("0123456789")
            names[unit.name] = f"stage{at}_{word}{counts[at, word]}"
            counts[at, word] += 1
        rows.append((where, k, at, unit))

    def named(unit: Unit) -> Unit:
        shared, follows = (None if name is None else names[name] for name in (unit.shared, unit.follows))
        return dataclasses.replace(unit, name=names[unit.name], inputs=tuple(names[name] for name in unit.inputs), shared=shared,
                                   follows=follows)

    return tuple(Described(where=where, index=k, at=at, unit=named(unit)) for where, k, at, unit in rows)


def cuts(spec: NetSpec) -> tuple[tuple[str, ...], ...]:
    """By stage, what later stages and heads read of it and of those before it, by the names of units in order of computation; of the last
    one nothing."""
    found = list(trace(spec))
    names = [IMAGE, *(unit.name for where, _, unit in found if where == "stage")]
    made = {IMAGE: -1, **{unit.name: k for where, k, unit in found if where == "stage"}}
    last = {name: max((k for _, k, unit in found if name in unit.inputs), default=-1) for name in names}
    return tuple(tuple(name for name in names if made[name] <= k < last[name]) for k in range(spec.exits))


def _units(spec: NetSpec) -> Iterator[tuple[str, int, Unit]]:
    begin: tuple[FeatureMap, ...] = (FeatureMap(name=IMAGE, shape=(spec.height, spec.width, spec.channels), bits=INPUT_BITS),)
    for k in range(spec.exits):
        for where, block in (("stage", spec.stages[k]), ("head", spec.heads[k]), ("gate", spec.gates[k] if spec.gates else ())):
            if not block and (where == "head" or (where == "stage" and k == 0)):
                raise QuantModelError(f"{where}{k} must have a layer")
            outputs, told = {
                "stage": (0, ""), "head": (spec.classes, "head must have out = classes"), "gate": (1, "gate head must have out = 1"),
            }[where]
            units, end = block_units(f"{_PREFIXES[where]}{k}", block, begin if where == "stage" else begin[-1:], outputs, told)
            yield from ((where, k, unit) for unit in units)
            if where == "stage":
                begin = end
