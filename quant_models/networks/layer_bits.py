"""Bit widths layer by layer: a network of one width with those of some of its layers changed."""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping

from quant_models.errors import QuantModelError
from quant_models.networks.spec import GlobalPool, LayerSpec, MaxPool, NetSpec, trace

__all__ = ["with_bits"]


def with_bits(spec: NetSpec, bits: Mapping[str, tuple[int | None, int | None]]) -> NetSpec:
    """``spec`` with other bit widths, 2 to 8, in some layers: by the names of :func:`quant_models.networks.spec.trace`, (weight,
    activation), None for one that stays.

    Raises :class:`QuantModelError` for a layer that there is not or that has no such bits, naming those there are.
    """
    there = {unit.name: _has(unit.layer) for _, _, unit in trace(spec)}
    for name, (weight, act) in bits.items():
        if not there.get(name):
            known = ", ".join(key for key, has in there.items() if has)
            raise QuantModelError(f"{spec.name} has no layer {name!r} with bit widths; allowed: {known}")
        for kind, value in (("weight", weight), ("act", act)):
            if value is not None and kind not in there[name]:
                raise QuantModelError(f"layer {name} has no {kind} bits, only {' and '.join(there[name])} bits")
    changed: dict[tuple[str, int], list[LayerSpec]] = defaultdict(list)
    for where, k, unit in trace(spec):
        changed[where, k].append(_changed(unit.layer, *bits.get(unit.name, (None, None))))
    stages, heads, gates = (tuple(tuple(changed[where, k]) for k in range(spec.exits)) for where in ("stage", "head", "gate"))
    return dataclasses.replace(spec, stages=stages, heads=heads, gates=gates)


def _has(layer: LayerSpec) -> tuple[str, ...]:
    """Which bit widths ``layer`` has."""
    weight = () if isinstance(layer, MaxPool | GlobalPool) else ("weight",)
    return weight if getattr(layer, "act", None) is None else (*weight, "act")


def _changed(layer: LayerSpec, weight: int | None, act: int | None) -> LayerSpec:
    if weight is not None and not isinstance(layer, MaxPool | GlobalPool):
        layer = dataclasses.replace(layer, weight_bits=weight)
    if act is not None and not isinstance(layer, MaxPool) and layer.act is not None:
        layer = dataclasses.replace(layer, act=dataclasses.replace(layer.act, bits=act))
    return layer
