"""What a network takes at least: the least target that each layer meets in any folding, and whether targets can be met at all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import ceil

from build_flows.planning.folding import FoldingError
from build_flows.planning.layer_costs import Fold, fold_error, fold_options, layer_units, matrix_cycles, pool_behind
from build_flows.planning.network import Layer, Network
from build_flows.planning.pool_units import pixel_pool_options, pixel_pool_unit
from build_flows.planning.shared_units import shared_options, shared_shape
from build_flows.planning.static_units import static_options, static_unit
from build_flows.planning.unit import SHARED

__all__ = ["Least", "least_targets", "refuse_impossible"]


@dataclass(frozen=True, kw_only=True)
class Least:
    """What ``layer`` (``"input"``: the images) takes at least in any folding: ``target``, the least that its stage's may be in cycles a
    frame, set by ``unit``, which takes ``cycles``."""

    layer: str
    stage: int
    unit: str
    target: int
    cycles: int

    def __str__(self) -> str:
        what = "the input" if self.layer == "input" else self.layer
        return f"{what} takes at least {self.cycles} cycles a frame ({self.unit})"



def least_targets(network: Network, *, narrow: bool = True) -> tuple[Least, ...]:
    """What the images, at one pixel a cycle or as many as a first layer of ours takes, and every layer take at least, in the network's
    order.

    Raises :class:`FoldingError` for a layer that can be folded in no way at all.
    """
    stages = [layer.stage for layer in network.layers]
    chains = [[layer.unplaced for layer in chain] for chain in network.chains]
    pools = [(chain[place - 1] if place and pool_behind(chain, place - 1) else None, layer, pool_behind(chain, place))
             for chain in chains for place, layer in enumerate(chain)]
    first = chains[0][0]
    beat = max((1, *static_options(first), *static_options(first, pools[0][2]), *pixel_pool_options(first)))
    pixels = network.source.pixels if first.kind == "linear" else ceil(network.source.pixels / beat)
    entry = Least(layer="input", stage=0, unit="one pixel a cycle", target=pixels, cycles=pixels)
    return (entry, *(replace(_least(before, layer, behind, narrow), stage=stage)
                     for stage, (before, layer, behind) in zip(stages, pools, strict=True)))



@lru_cache(maxsize=4096)
def _least(before: Layer | None, layer: Layer, behind: Layer | None, narrow: bool) -> Least:
    """What ``layer`` takes at least, by itself, with the pool ``behind`` in it, or, a pool, in the unit of the layer ``before``."""
    found: Least | None = None
    fused = [(before, layer)] if before else [(layer, None), (layer, behind)] if behind else [(layer, None)]
    units = [static_unit(conv, pixels, pool) for conv, pool in fused for pixels in static_options(conv, pool)]
    units += [pixel_pool_unit(layer, pixels) for pixels in pixel_pool_options(layer)]
    ours = [(unit.least_target, unit.cycles, unit.kind) for unit in units]
    for conv, pool in fused:
        shared = [shared_shape(conv, fold, pool).cycles for body in SHARED for fold in shared_options(conv, pool, body=body)]
        ours += [(min(shared), min(shared), "shared")] if shared else []
    if ours:
        target, cycles, kind = min(ours, key=lambda item: item[0])
        found = Least(layer=layer.name, stage=layer.stage, unit=kind, target=target, cycles=cycles)
    for fold in sorted(fold_options(layer), key=lambda fold: (matrix_cycles(layer, fold), -fold.pe, -fold.simd)):
        if found is not None and matrix_cycles(layer, fold) >= found.target:
            break
        unit = max(layer_units(layer, fold, narrow=narrow), key=lambda unit: unit.least_target)
        if found is None or unit.least_target < found.target:
            found = Least(layer=layer.name, stage=layer.stage, unit=unit.kind, target=unit.least_target, cycles=unit.cycles)
    if found is None:
        raise FoldingError(f"{layer.name}: a {layer.kind} of {layer.source} to {layer.target} can be folded in no way: "
                           f"{fold_error(layer, Fold(layer.mh, layer.mw if layer.weight_bits else 1))}")
    return found



def refuse_impossible(network: Network, targets: Sequence[int], *, narrow: bool = True) -> None:
    """Raise :class:`FoldingError` naming every layer that meets its stage's target, in cycles a frame, in no folding."""
    least = least_targets(network, narrow=narrow)
    faults = [f"{item}, not {targets[item.stage]} (stage {item.stage})" for item in least if item.target > targets[item.stage]]
    if faults:
        raise FoldingError("; ".join(faults), hint="raise the target (fewer samples a second), or make the layer's feature map smaller")
