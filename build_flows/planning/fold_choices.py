"""The foldings of one layer that the search chooses from: of FINN's units, or of a unit of ours, with the pool behind it in that or not."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from build_flows.planning.cost_model import Cost
from build_flows.planning.layer_costs import fold_options, layer_units, matrix_cycles
from build_flows.planning.network import Layer
from build_flows.planning.pool_units import pixel_pool_options
from build_flows.planning.shared_units import shared_folds, shared_unit
from build_flows.planning.static_units import static_options, static_unit
from build_flows.planning.unit import SHARED, Fold, Unit

__all__ = ["Choice", "Key", "Vector", "add", "cheapest", "choices", "dot", "kept", "less", "resources", "undominated", "vector"]

Vector = tuple[int, int, int, int, int, int]
"""LUTs, LUTs as memory, flip-flops, half block RAMs, DSPs and CARRY4, or what one of each weighs."""

Key = tuple[str, int, int, bool, int, int, int, int, int]
"""Of a choice; choices of a layer differ in it."""


@dataclass(frozen=True)
class Choice:
    """A folding of a layer, or of a layer and the pool that is part of its unit: widths of its streams in and out, and what its units
    take."""

    in_bits: int
    out_bits: int
    folds: tuple[Fold, ...]
    cost: Vector

    @property
    def key(self) -> Key:
        """What orders equally good ones: the lowest numbers first."""
        fold = self.folds[0]
        return fold.body, fold.pe, fold.simd, fold.parallel_window, fold.pixels, fold.inputs, fold.outputs, fold.lanes, len(self.folds)


@lru_cache(maxsize=65536)
def _choice(layer: Layer, fold: Fold, narrow: bool) -> tuple[int, Choice]:
    """The least target that ``layer`` meets when it is folded so, and the choice."""
    units = layer_units(layer, fold, narrow=narrow)
    least = max(unit.least_target for unit in units)
    return least, Choice(units[0].in_bits, units[-1].out_bits, (fold,), vector(units))


@lru_cache(maxsize=4096)
def _static_choice(layer: Layer, pixels: int, pool: Layer | None) -> tuple[int, Choice]:
    """As :func:`_choice`, of a static unit."""
    unit, fold = static_unit(layer, pixels, pool), Fold(body="static", pixels=pixels)
    return unit.least_target, Choice(unit.in_bits, unit.out_bits, (fold, Fold(body="static")) if pool else (fold,), vector([unit]))


@lru_cache(maxsize=65536)
def _shared_choice(layer: Layer, fold: Fold, pool: Layer | None) -> Choice:
    """The choice of a shared unit."""
    unit = shared_unit(layer, fold, pool)
    return Choice(unit.in_bits, unit.out_bits, (fold, Fold(body=fold.body)) if pool else (fold,), vector([unit]))


def choices(layer: Layer, target: int, narrow: bool, pool: Layer | None) -> list[Choice]:
    """The foldings of a layer that meet the target; ``pool`` may be part of its unit."""
    # A quick look at the matrix-vector unit alone, before the others are worked out.
    options = [fold for fold in fold_options(layer) if matrix_cycles(layer, fold) <= target]
    found = [_choice(layer, fold, narrow) for fold in options]
    found += [_choice(layer, Fold(body="pool", pixels=pixels), narrow) for pixels in pixel_pool_options(layer)]
    shared = []
    for inside in dict.fromkeys((None, pool)):
        found += [_static_choice(layer, pixels, inside) for pixels in static_options(layer, inside)]
        shared += [_shared_choice(layer, fold, inside) for body in SHARED for fold in shared_folds(layer, target, inside, body=body)]
    return [choice for least, choice in found if least <= target] + shared


@lru_cache(maxsize=16384)
def kept(layer: Layer, target: int, narrow: bool, pool: Layer | None) -> tuple[Choice, ...]:
    """Of :func:`choices` those that are :func:`undominated`; for all targets that leave the same ones the very same."""
    return _same(tuple(undominated(choices(layer, target, narrow, pool))))


@lru_cache(maxsize=16384)
def _same(found: tuple[Choice, ...]) -> tuple[Choice, ...]:
    return found


def undominated(found: Iterable[Choice]) -> list[Choice]:
    """The choices of which no other of the same widths, and as many layers, takes at most as much of everything (of equal ones the
    first)."""
    groups: dict[tuple[int, int, int], list[Choice]] = {}
    for choice in sorted(found, key=lambda item: (item.in_bits, item.out_bits, item.cost, item.key)):
        group = groups.setdefault((choice.in_bits, choice.out_bits, len(choice.folds)), [])
        if not any(all(a <= b for a, b in zip(other.cost, choice.cost, strict=True)) for other in group):
            group.append(choice)
    return [choice for group in groups.values() for choice in group]


def cheapest(found: Iterable[Choice], weights: Vector) -> list[tuple[int, Choice]]:
    """With their prices, of the choices of the same widths, and as many layers, the cheapest."""
    groups: dict[tuple[int, int, int], tuple[int, Key, Choice]] = {}
    for choice in found:
        widths, price = (choice.in_bits, choice.out_bits, len(choice.folds)), dot(choice.cost, weights)
        before = groups.get(widths)
        if before is None or price < before[0] or (price == before[0] and choice.key < before[1]):
            groups[widths] = price, choice.key, choice
    return [(price, choice) for price, _, choice in groups.values()]


def vector(units: Iterable[Unit]) -> Vector:
    """What ``units`` take together."""
    total = Cost()
    for unit in units:
        total += unit.cost
    return resources(total)


def resources(cost: Cost) -> Vector:
    """What ``cost`` takes of a part."""
    return cost.occupied, cost.lutram, cost.ff, cost.bram18, cost.dsp, cost.carry


def add(a: Vector, b: Vector) -> Vector:
    """The sum."""
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4], a[5] + b[5]


def less(a: Vector, b: Vector) -> Vector:
    """The difference."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2], a[3] - b[3], a[4] - b[4], a[5] - b[5]


def dot(a: Vector, b: Vector) -> int:
    """The price of one when each weighs as the other says."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] + a[4] * b[4] + a[5] * b[5]
