"""Bit widths layer by layer: a network of one width with those of some of its layers changed."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quant_models.errors import QuantModelError
from quant_models.networks.spec import (
    Activation,
    Add,
    Concat,
    Conv,
    DenseScales,
    LayerSpec,
    Linear,
    MaxPool,
    NetSpec,
    Residual,
    Scales,
    Unit,
    UnitLayer,
    described,
    trace,
)

__all__ = ["with_bits"]


def with_bits(spec: NetSpec, bits: Mapping[str, tuple[int | None, int | None]]) -> NetSpec:
    """``spec`` with other bit widths, 1 to 8 (of signed activations 2 at least), in some layers: by the names of
    :func:`quant_models.networks.spec.trace`, (weight, activation), None for one that stays. Activation bits of the last convolution of a
    residual block's body are those of the quantiser that the shortcut shares, and those of the first convolution of a scale those of all
    others there.

    Raises :class:`QuantModelError` for a layer that there is not or that has no such bits, naming those there are.
    """
    units = [unit for _, _, unit in trace(spec)]
    followers = {unit.inputs[1] for unit in units if isinstance(unit.layer, Add)} | {unit.name for unit in units if unit.follows}
    there = {unit.name: _has(unit, followers) for unit in units}
    for name, (weight, act) in bits.items():
        if not there.get(name):
            known = ", ".join(key for key, has in there.items() if has)
            raise QuantModelError(f"{spec.name} has no layer {name!r} with bit widths; allowed: {known}")
        for kind, value in (("weight", weight), ("act", act)):
            if value is not None and kind not in there[name]:
                raise QuantModelError(f"layer {name} has no {kind} bits, only {' and '.join(there[name])} bits")
    changed: dict[tuple[str, int], list[UnitLayer]] = defaultdict(list)
    for item in described(spec):
        changed[item.where, item.index].append(
            _changed(item.unit.layer, *(bits.get(item.unit.name, (None, None)) if item.at is not None else (None, None))))

    def part(where: str, blocks: tuple[tuple[LayerSpec, ...], ...]) -> tuple[tuple[LayerSpec, ...], ...]:
        scales = list[Activation]()
        return tuple(_rebuilt(block, iter(changed[where, k]), scales) for k, block in enumerate(blocks))

    return dataclasses.replace(spec, stages=part("stage", spec.stages), heads=part("head", spec.heads), gates=part("gate", spec.gates))


def _rebuilt(layers: tuple[LayerSpec, ...], units: Iterator[UnitLayer], scales: list[Activation]) -> tuple[LayerSpec, ...]:
    """``layers`` of the ``units`` that they were taken apart into; ``scales`` are the activations of the scales there are, which are added
    where they begin."""
    found: list[Any] = []
    for layer in layers:
        if isinstance(layer, Scales):
            convs: list[Any] = [next(units) for _ in layer.convs]
            scales[:] = [item.act for item in convs]
            found.append(Scales(convs=tuple(convs)))
            continue
        if isinstance(layer, DenseScales):
            found.append(_dense(units, scales))
            continue
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


def _dense(units: Iterator[UnitLayer], scales: Sequence[Activation]) -> DenseScales:
    same, down = list[Conv](), list[Conv]()
    for place, act in enumerate(scales):
        for convs in (same, down)[: 2 if place else 1]:
            conv = next(units)
            assert isinstance(conv, Conv)
            convs.append(dataclasses.replace(conv, act=act))
        # Behind them they are joined.
        assert isinstance(next(units), Concat)
    return DenseScales(same=tuple(same), down=tuple(down))


def _has(unit: Unit, followers: set[str]) -> tuple[str, ...]:
    """Which bit widths ``unit`` has; ``followers``, the shortcut of a residual block and later convolutions of a scale, have the activation
    bits of another."""
    layer = unit.layer
    weight = ("weight",) if isinstance(layer, Conv | Linear) else ()
    return weight if getattr(layer, "act", None) is None or unit.name in followers else (*weight, "act")


def _changed(layer: UnitLayer, weight: int | None, act: int | None) -> UnitLayer:
    if weight is not None and isinstance(layer, Conv | Linear):
        layer = dataclasses.replace(layer, weight_bits=weight)
    if act is not None and not isinstance(layer, MaxPool | Concat) and layer.act is not None:
        layer = dataclasses.replace(layer, act=dataclasses.replace(layer.act, bits=act))
    return layer
