"""Three of the four models that must agree (docs/interfaces.md): Brevitas' integer view, the FINN graph, and ``sim.golden``.

The fourth, the RTL, is compared where it is simulated. A difference stops the flow and names the first sample, layer and value.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from build_flows.base.errors import OfframpError

__all__ = ["compare_gates", "compare_layers", "compare_logits"]

Array = npt.NDArray[Any]


def _first(wanted: Array, found: Array, what: str, names: tuple[str, str]) -> None:
    if wanted.shape != found.shape:
        raise OfframpError(f"{what}: {names[0]} gives shape {wanted.shape}, {names[1]} {found.shape}")
    differs = np.asarray(wanted != found)
    if differs.any():
        place = tuple(int(item) for item in np.argwhere(differs)[0])
        raise OfframpError(
            f"{what}, sample {place[0]}, position {place[1:]}: {names[0]} has {wanted[place]}, {names[1]} {found[place]} "
            f"({int(differs.sum())} of {differs.size} values differ)",
            hint="this is a fault of offramp: please report it with the configuration",
        )


def compare_logits(wanted: Sequence[Array], found: Sequence[Array], names: tuple[str, str]) -> None:
    """Every exit's integer logits, ``[n, classes]``, must be equal; ``names`` say whose they are. Raises :class:`OfframpError`."""
    if len(wanted) != len(found):
        raise OfframpError(f"{names[0]} has {len(wanted)} exits, {names[1]} {len(found)}")
    for k, (mine, other) in enumerate(zip(wanted, found, strict=True)):
        _first(np.asarray(mine), np.asarray(other), f"logits of exit {k}", names)


def compare_gates(wanted: Mapping[int, Array], found: Mapping[int, Array], names: tuple[str, str]) -> None:
    """Every gate head's integer logits, ``[n]`` by exit, must be equal; ``names`` say whose they are. Raises :class:`OfframpError`."""
    if set(wanted) != set(found):
        told = [f"{name} has gate heads at exits {sorted(of)}" for name, of in zip(names, (wanted, found), strict=True)]
        raise OfframpError(", ".join(told))
    for k, mine in wanted.items():
        _first(np.asarray(mine), np.asarray(found[k]), f"gate head of exit {k}", names)


def compare_layers(wanted: Mapping[str, Array], found: Mapping[str, Array], names: tuple[str, str]) -> int:
    """Outputs of every layer of ``wanted`` must be equal in ``found``; returns how many were compared. Raises :class:`OfframpError` for
    the first difference, and when a layer is missing from ``found``."""
    for layer, mine in wanted.items():
        if layer not in found:
            raise OfframpError(f"{names[1]} has no layer {layer!r} to compare with {names[0]}'s")
        other = np.asarray(found[layer])
        _first(np.asarray(mine), other.reshape(np.shape(mine)) if other.size == np.size(mine) else other, f"layer {layer}", names)
    return len(wanted)
