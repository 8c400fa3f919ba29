"""The search for a folding, stage by stage.

Among all foldings that meet the stages' targets it looks for the one whose scarcest resource is least used: of the shares of
LUTs, LUT memories, flip-flops, block RAMs and DSPs that the part loses, the largest is to be small, and then their sum. Dynamic programming
finds the true optimum of any weighted sum of the resources (:mod:`build_flows.planning.fold_space`); what each weighs is found by raising
the weight of what is short, again and again (multiplicative weights, as in Plotkin, Shmoys and Tardos' fractional packing). Where layers
trade one resource for another at the same rate, as DSPs for look-up tables, weighted sums know all or none of them: so in the best of the
solutions on the way layers are exchanged one by one (:mod:`build_flows.planning.fold_exchange`), and the best of those is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp

import numpy as np
import numpy.typing as npt

from build_flows.base.parts import Part
from build_flows.planning.cost_model import LITTLE
from build_flows.planning.fold_choices import Vector, add, dot, resources
from build_flows.planning.fold_exchange import exchanged
from build_flows.planning.fold_space import Solution, Space
from build_flows.planning.fold_table import Ints
from build_flows.planning.folding import RESERVE, Folding, FoldingError, evaluate
from build_flows.planning.least_targets import refuse_impossible
from build_flows.planning.network import Network

__all__ = ["emptiest", "fits", "search"]

ROUNDS = 48
"""Times that the weights of the resources are corrected."""

STEP = 4.0
"""How strongly: a resource whose share is 0.1 above the mean weighs by a factor of e^(0.1 x STEP) more the next time."""

SCALE = 10**9
"""Weights are integers of this size, so that sums are exact and equal on every machine."""

EXCHANGED = 6
"""Of the solutions with different costs, the best so many are begun with when layers are exchanged."""

_RESOURCES = ("LUT", "LUTRAM", "FF", "BRAM18", "DSP", "CARRY4")


def search(
    network: Network, targets: Sequence[int], part: Part, *, weights: Mapping[str, float] | None = None, narrow: bool = True,
    reach: Sequence[float] | None = None,
) -> Folding:
    """The folding that leaves most of ``part`` free, of those in which every unit of stage k and head k takes a frame every
    ``targets[k]`` cycles.

    ``weights`` None: the largest share that any resource has of the part (with :data:`RESERVE`) is small, and then the sum of shares; that
    is a very good folding, but not proven the best. Otherwise (by ``LUT``, ``LUTRAM``, ``FF``, ``BRAM18``, ``DSP`` and ``CARRY4``, none
    below 0) the least sum of shares, each times its weight, which is exact. ``reach``, the share of the samples that reaches each stage,
    sizes the gates, whose memories count; without it they do not. ``narrow``: see :func:`build_flows.planning.layer_costs.lanes`. Of
    equally good foldings the one with the lowest numbers is taken, so the result is deterministic. Cycles may exceed a target by
    ``HANDOVER`` where FINN's sliding window needs it between frames. Raises :class:`FoldingError` naming every layer that meets its target
    in no folding, and the least cycles it could take.
    """
    space = _space(network, targets, narrow, reach)
    if weights is not None:
        odd = [name for name in _RESOURCES if weights.get(name, -1) < 0]
        if odd or len(weights) != len(_RESOURCES):
            raise FoldingError(f"weights must be {', '.join(_RESOURCES)}, each at least 0, not {dict(weights)}")
        found = space.cheapest(_priced(weights, part))
    else:
        found = emptiest(space, part)
    return evaluate(network, space.folds(found), targets, part, input_pe=found.input_pe, narrow=narrow, reach=reach)


def emptiest(space: Space, part: Part) -> Solution:
    """The folding of ``space`` that leaves most of ``part`` free, as :func:`search` finds it without weights."""
    return min(_exchanged(space, list(_tried(space, part)), part), key=lambda found: _merit(found.cost, part))


def fits(
    network: Network, targets: Sequence[int], part: Part, *, narrow: bool = True, reach: Sequence[float] | None = None
) -> bool:
    """Whether the folding that :func:`search` finds takes no more than ``part`` has, :data:`RESERVE` included, by the estimate.

    That is told as soon as one does, or a weighted sum, the least of all foldings, is more than the part's. Raises
    :class:`FoldingError` as the search does.
    """
    space, seen = _space(network, targets, narrow, reach), []
    for tried in _tried(space, part):
        if tried.merit[0] <= 1:
            return True
        if _none_fits(tried, part):
            return False
        seen.append(tried)
    return any(_merit(found.cost, part)[0] <= 1 for found in _exchanged(space, seen, part))


def _none_fits(tried: "_Tried", part: Part) -> bool:
    """Whether the least of all foldings, by the very integers that it was found with, is more than what the part has: a folding that fits
    takes no more than that of any resource, and so in no sum."""
    capacity = (part.lut, part.lutram, part.ff, part.bram18, part.dsp, part.carry)
    return dot(add(tried.solution.cost, resources(RESERVE)), tried.price) > dot(capacity, tried.price)


def _space(network: Network, targets: Sequence[int], narrow: bool, reach: Sequence[float] | None) -> Space:
    if len(targets) != len(network.stages):
        raise FoldingError(f"targets must have one value a stage, {len(network.stages)}, not {len(targets)}")
    refuse_impossible(network, targets, narrow=narrow)
    return Space(network, targets, narrow, reach)


def _priced(weights: Mapping[str, float], part: Part) -> Vector:
    """What one of each resource costs, when shares of the part weigh as ``weights`` say."""
    capacity = dict(zip(_RESOURCES, (part.lut, part.lutram, part.ff, part.bram18, part.dsp, part.carry), strict=True))
    lut, lutram, ff, bram18, dsp, carry = (round(SCALE * weights[name] / max(capacity[name], LITTLE)) for name in _RESOURCES)
    return lut, lutram, ff, bram18, dsp, carry


def _shares(costs: Ints, part: Part) -> npt.NDArray[np.float64]:
    """The shares of ``part`` that foldings take, the reserve included: ``[foldings, resources]``."""
    capacity = np.array([part.lut, part.lutram, part.ff, part.bram18, part.dsp, part.carry], float)
    found: npt.NDArray[np.float64] = (costs + np.array(resources(RESERVE))) / np.maximum(capacity, LITTLE)
    return found


def _merits(costs: Ints, part: Part) -> npt.NDArray[np.float64]:
    """The largest share and the sum of all, of each folding."""
    shares = _shares(costs, part)
    return np.round(np.stack([shares.max(axis=1), shares.sum(axis=1)], axis=1), 9)


def _merit(cost: Vector, part: Part) -> tuple[float, float]:
    largest, together = _merits(np.array([cost], np.int64), part)[0]
    return float(largest), float(together)


@dataclass(frozen=True)
class _Tried:
    """The least sum of all foldings when one of each resource costs ``price``: the ``shares`` of the part that it takes, the reserve
    included, and how good that is."""

    price: Vector
    solution: Solution
    shares: tuple[float, ...]
    merit: tuple[float, float]


def _tried(space: Space, part: Part) -> Iterator[_Tried]:
    """Solutions while the weight of what is short is raised; first of all with each resource before all others."""

    def tried(weights: dict[str, float]) -> _Tried:
        price = _priced(weights, part)
        found = space.cheapest(price)
        return _Tried(price, found, tuple(map(float, _shares(np.array([found.cost]), part)[0])), _merit(found.cost, part))

    for first in _RESOURCES:
        yield tried({name: 1.0 if name == first else 0.001 for name in _RESOURCES})
    weights = dict.fromkeys(_RESOURCES, 1 / len(_RESOURCES))
    for _ in range(ROUNDS):
        found = tried(weights)
        yield found
        mean = sum(found.shares) / len(found.shares)
        raised = {name: weights[name] * exp(STEP * (share - mean)) for name, share in zip(_RESOURCES, found.shares, strict=True)}
        weights = {name: max(0.001, value / sum(raised.values())) for name, value in raised.items()}


def _exchanged(space: Space, tried: Sequence[_Tried], part: Part) -> Iterator[Solution]:
    """The best of what was tried, each as good as exchanging layers one by one makes it."""
    best: dict[Vector, _Tried] = {}
    for item in sorted(tried, key=lambda item: item.merit):
        if len(best) < EXCHANGED:
            best.setdefault(item.solution.cost, item)
    for item in best.values():
        yield exchanged(space, item.solution, lambda costs: _merits(costs, part))
