"""Joins the mapped netlists of units into that of the whole design, so that paths from one unit into the next can be followed."""

from collections.abc import Mapping
from typing import Any

from build_flows.base.errors import OfframpError

__all__ = ["link"]


def link(top: Mapping[str, Any], children: Mapping[str, Mapping[str, Any]], alias: str = "") -> dict[str, Any]:
    """The module ``top`` (as in Yosys' JSON) with every cell whose type is in ``children`` replaced by that module's cells.

    Cells and nets of a child are called ``instance.name``; ``alias`` in them is replaced by the instance. A wire straight through a child
    joins the nets at its ends; constant outputs stay without a driver. Raises :class:`OfframpError` where a port of a child has another
    width in the top.
    """
    joined = _Joined()
    cells: dict[str, Any] = {}
    names: dict[str, Any] = dict(top["netnames"])
    free = 1 + max((bit for bit in _bits(top) if isinstance(bit, int)), default=1)
    for instance, cell in top["cells"].items():
        child = children.get(cell["type"])
        if child is None:
            cells[instance] = cell
            continue
        places: dict[int, int] = {}
        for port, found in child["ports"].items():
            outer = cell["connections"].get(port, [])
            if len(outer) not in (0, len(found["bits"])):
                raise OfframpError(f"{instance}: port {port} must have {len(found['bits'])} bits in the top, not {len(outer)}",
                                   hint="compile again: the units are not of one design")
            for inside, outside in zip(found["bits"], outer, strict=False):
                if isinstance(inside, int) and isinstance(outside, int):
                    if inside in places:
                        joined.join(places[inside], outside)
                    places.setdefault(inside, outside)
        top_free = free

        def place(bit: Any, places: dict[int, int] = places, start: int = top_free) -> Any:
            return places.setdefault(bit, start + bit) if isinstance(bit, int) else bit

        inside = [bit for bit in _bits(child) if isinstance(bit, int)]
        free += 1 + max(inside, default=0)
        for name, part in child["cells"].items():
            connections = {port: [place(bit) for bit in bits] for port, bits in part["connections"].items()}
            cells[_name(instance, name, alias)] = {**part, "connections": connections}
        for name, net in child["netnames"].items():
            names[_name(instance, name, alias)] = {**net, "bits": [place(bit) for bit in net["bits"]]}
    cells = {name: {**cell, "connections": {port: joined.all(bits) for port, bits in cell["connections"].items()}}
             for name, cell in cells.items()}
    names = {name: {**net, "bits": joined.all(net["bits"])} for name, net in names.items()}
    ports = {name: {**port, "bits": joined.all(port["bits"])} for name, port in top["ports"].items()}
    return {"attributes": dict(top.get("attributes", {})), "ports": ports, "cells": cells, "netnames": names}


def _bits(module: Mapping[str, Any]) -> list[Any]:
    found = [bit for port in module["ports"].values() for bit in port["bits"]]
    found += [bit for cell in module["cells"].values() for bits in cell["connections"].values() for bit in bits]
    return found + [bit for net in module["netnames"].values() for bit in net["bits"]]


def _name(instance: str, name: str, alias: str) -> str:
    return f"{instance}.{name.replace(alias, instance) if alias else name}"


class _Joined:
    """Nets of the top that are one."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}

    def join(self, a: int, b: int) -> None:
        a, b = self._find(a), self._find(b)
        if a != b:
            self._of[b] = a

    def _find(self, bit: int) -> int:
        while bit in self._of:
            bit = self._of[bit]
        return bit

    def all(self, bits: list[Any]) -> list[Any]:
        return [self._find(bit) if isinstance(bit, int) else bit for bit in bits] if self._of else bits
