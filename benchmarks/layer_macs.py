"""LUTs for each multiplication a cycle, of whole units of ours: window, sums, thresholds, pool and FIFO included."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from build_flows.artefacts.resources import UnitRecord
from build_flows.planning.layer_costs import units_of_chain
from build_flows.planning.network import Layer, Network
from build_flows.planning.shared_units import shared_shape
from build_flows.planning.static_units import SHAPE, static_parameters
from build_flows.planning.unit import Fold
from hw.layers.static_shape import StaticShape

__all__ = ["LIMITS", "Kind", "kinds", "told", "within"]

LIMITS: Mapping[tuple[str, int], tuple[float, float]] = {("static", 4): (6.5, 0.0), ("static", 8): (10.5, 0.0), ("shared", 4): (6.0, 0.25)}
"""LUTs (unpaired) and DSPs for each multiplication a cycle at most, by body and bits of an input, of 4-bit weights."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Units of one ``body`` and ``bits`` of an input together: their ``layers``, and what they take and multiply in a cycle."""

    body: str
    bits: int
    layers: tuple[str, ...]
    macs: int
    lut: int
    dsp: int


def kinds(network: Network, folds: Mapping[str, Fold], units: Sequence[UnitRecord]) -> list[Kind]:
    """The units of ours among ``units``, by body and bits of an input."""
    taken = {unit.name: unit for unit in units}
    found: dict[tuple[str, int], list[tuple[Layer, int]]] = {}
    for chain in network.chains:
        for layer, planned, pool in units_of_chain(chain, folds):
            fold = folds[layer.name]
            if fold.fused and planned and layer.weight_bits and layer.name in taken:
                found.setdefault((fold.body, layer.in_bits), []).append((layer, _macs(layer, fold, pool)))
    return [Kind(body=body, bits=bits, layers=tuple(layer.name for layer, _ in rows), macs=sum(macs for _, macs in rows),
                 lut=sum(taken[layer.name].lut for layer, _ in rows), dsp=sum(taken[layer.name].dsp for layer, _ in rows))
            for (body, bits), rows in sorted(found.items())]


def _macs(layer: Layer, fold: Fold, pool: Layer | None) -> int:
    """Multiplications of a cycle in which the unit is busy."""
    if not fold.static:
        return shared_shape(layer, fold, pool).macs
    parameters = static_parameters(layer, fold.pixels, pool)
    return layer.mw * layer.mh * StaticShape(**{name: parameters[name] for name in SHAPE}).window_lanes


def told(found: Sequence[Kind]) -> str:
    """In words."""
    def one(kind: Kind) -> str:
        dsps = f" + {kind.dsp / kind.macs:.2f} DSP" if kind.dsp else ""
        return f"{kind.body}, {kind.bits}-bit inputs: {kind.lut / kind.macs:.1f} LUT{dsps} ({', '.join(kind.layers)}; {kind.macs:,})"

    return "; ".join(map(one, found))


def within(found: Sequence[Kind]) -> bool:
    """Whether all that have a limit (:data:`LIMITS`) keep it."""
    return all(kind.lut <= lut * kind.macs and kind.dsp <= dsp * kind.macs
               for kind in found if (kind.body, kind.bits) in LIMITS for lut, dsp in (LIMITS[kind.body, kind.bits],))
