"""Bit widths layer by layer: a network of one width with those of some of its layers changed."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from quant_models.errors import QuantModelError
from quant_models.networks.spec import Add, Conv, LayerSpec, Linear, MaxPool, NetSpec, Residual, Unit, UnitLayer, trace

__all__ = ["with_bits"]


def with_bits(spec: NetSpec, bits: Mapping[str, tuple[int | None, int | None]]) -> NetSpec:
    """``spec`` with other bit widths, 1 to 8 (of signed activations 2 at least), in some layers: by the names of
    :func:`quant_models.networks.spec.trace`, (weight, activation), None for one that stays. Activation bits of the last convolution of a
    residual block's body are those of the quantiser that the shortcut shares.

    Raises :class:`QuantModelError` for a layer that there is not or that has no such bits, naming those there are.
    """
    units = [unit for _, _, unit in trace(spec)]
    followers = {unit.inputs[1] for unit in units if isinstance(unit.layer, Add)}
    there = {unit.name: _has(unit, followers) for unit in units}
    for name, (weight, act) in bits.items():
        if not there.get(name):
            known = ", ".join(key for key, has in there.items() if has)
            raise QuantModelError(f"{spec.name} has no layer {name!r} with bit widths; allowed: {known}")
        for kind, value in (("weight", weight), ("act", act)):
            if value is not None and kind not in there[name]:
                raise QuantModelError(f"layer {name} has no {kind} bits, only {' and '.join(there[name])} bits")
    changed: dict[tuple[str, int], list[UnitLayer]] = defaultdict(list)
    for where, k, unit in trace(spec):
        changed[where, k].append(_changed(unit.layer, *bits.get(unit.name, (None, None))))

    def part(where: str, blocks: tuple[tuple[LayerSpec, ...], ...]) -> tuple[tuple[LayerSpec, ...], ...]:
        return tuple(_rebuilt(block, iter(changed[where, k])) for k, block in enumerate(blocks))

    return dataclasses.replace(spec, stages=part("stage", spec.stages), heads=part("head", spec.heads), gates=part("gate", spec.gates))


def _rebuilt(layers: tuple[LayerSpec, ...], units: Iterator[UnitLayer]) -> tuple[LayerSpec, ...]:
    """``layers`` of the ``units`` that they were taken apart into."""
    found: list[Any] = []
    for layer in layers:
        if not isinstance(layer, Residual):
            found.append(next(units))
            continue
        body: list[Any] = [next(units) for _ in layer.body]
        shortcut: list[Any] = [next(units) for _ in layer.shortcut or (None,)]
        # The shortcut ends at the body's quantiser.
        shortcut[-1] = dataclasses.replace(shortcut[-1], act=body[-1].act)
        total: Any = next(units)
        found.append(Residual(body=tuple(body), shortcut=tuple(shortcut) if layer.shortcut else (), act=total.act))
    return tuple(found)


def _has(unit: Unit, followers: set[str]) -> tuple[str, ...]:
    """Which bit widths ``unit`` has; a shortcut of a residual block (``followers``) has the activation bits of the body."""
    layer = unit.layer
    weight = ("weight",) if isinstance(layer, Conv | Linear) else ()
    return weight if getattr(layer, "act", None) is None or unit.name in followers else (*weight, "act")


def _changed(layer: UnitLayer, weight: int | None, act: int | None) -> UnitLayer:
    if weight is not None and isinstance(layer, Conv | Linear):
        layer = dataclasses.replace(layer, weight_bits=weight)
    if act is not None and not isinstance(layer, MaxPool) and layer.act is not None:
        layer = dataclasses.replace(layer, act=dataclasses.replace(layer.act, bits=act))
    return layer
