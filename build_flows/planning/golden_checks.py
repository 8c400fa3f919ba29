"""What a ``golden.npz`` of version 2 (docs/interfaces.md, section 2) must hold besides layers that fit: images that it says all of, nothing
that is not read, and one scale wherever paths join."""

import math
from collections.abc import Mapping
from typing import Any

from build_flows.planning.network import IMAGE, PASSING, Network, NetworkError

__all__ = ["image_shape", "refuse_scales", "refuse_unread"]

ENCODINGS = ("integer",)

NEAR = 1e-5
"""Scales may differ by so much of themselves, from how they were rounded, and count as one."""


def image_shape(entry: Mapping[str, Any]) -> tuple[int, int, int]:
    """Height, width and channels of the images that ``input`` describes; raises :class:`NetworkError` naming the field that does not."""
    for key in ("shape", "encoding", "scale", "offset"):
        if key not in entry:
            raise NetworkError(f"input lacks {key!r}")
    shape = entry["shape"]
    if not isinstance(shape, list) or len(shape) != 3 or any(type(side) is not int or side < 1 for side in shape):
        raise NetworkError(f"input: shape must be [height, width, channels], integers at least 1, not {shape!r}")
    if entry["encoding"] not in ENCODINGS:
        raise NetworkError(f"input: encoding must be one of {', '.join(ENCODINGS)}, not {entry['encoding']!r}")
    for key, least in (("scale", 0.0), ("offset", -math.inf)):
        value = entry[key]
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value <= least:
            raise NetworkError(f"input: {key} must be a finite number{' above 0' if key == 'scale' else ''}, not {value!r}")
    height, width, channels = shape
    return height, width, channels


def refuse_unread(network: Network) -> None:
    """Raise :class:`NetworkError` for a layer, but the last of a head, that no other reads, and for what is in a cut and not read behind
    it."""
    rows = list(zip(network.stages, network.heads, network.gates or ((),) * len(network.heads), strict=True))
    last = {name: k for k, row in enumerate(rows) for layers in row for layer in layers for name in layer.inputs}
    for k, (stage, head, gate) in enumerate(rows):
        for layer in (*stage, *head[:-1], *gate[:-1]):
            if layer.name not in last:
                raise NetworkError(f"layer {layer.name} is read by no other")
        for name in network.cut(k):
            if last.get(name, -1) <= k:
                raise NetworkError(f"stages[{k}]: {name} is in its cut, but nothing behind it reads that")


def refuse_scales(network: Network, meta: Mapping[str, Any]) -> None:
    """Raise :class:`NetworkError` for a sum or concatenation of integers of several scales, as far as ``meta`` says them: before training
    nobody knows them."""
    said = {item["name"]: item["scale"] for part in ("stages", "heads", "gates") for block in meta.get(part, ())
            for item in block["layers"] if "scale" in item}
    scales: dict[str, Any] = {IMAGE: meta["input"]["scale"]}
    for layer in network.layers:
        given = [(name, scales[name]) for name in layer.inputs if scales.get(name) is not None]
        if layer.kind in ("add", "concat"):
            for name, scale in given[1:]:
                if abs(scale - given[0][1]) > NEAR * given[0][1]:
                    raise NetworkError(f"{layer.name}: inputs must be of one scale, not {given[0][1]:g} ({given[0][0]}) and {scale:g} "
                                       f"({name})")
        scales[layer.name] = scales.get(layer.inputs[0]) if layer.kind in PASSING else said.get(layer.name)
