"""The search for a folding, stage by stage.

Among all foldings that meet the stages' targets it looks for the one whose scarcest resource is least used: of the shares of
LUTs, LUT memories, flip-flops, block RAMs and DSPs that the part loses, the largest is to be small, and then their sum. A layer sees its
neighbours only through the width of the stream between them, so dynamic programming over that width along the tree of stages and heads
finds the true optimum of any weighted sum of the resources; what each weighs is found by raising the weight of what is short, again and
again (multiplicative weights, as in Plotkin, Shmoys and Tardos' fractional packing), and the best of all solutions on the way is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp

from build_flows.base.parts import Part
from build_flows.planning.cost_model import LITTLE
from build_flows.planning.fold_choices import Choice, Key, Vector, add, cheapest, choices, dot, resources, undominated, vector
from build_flows.planning.folding import RESERVE, Folding, FoldingError, evaluate
from build_flows.planning.gate_costs import frame_bits, gate_cost, planned_frames
from build_flows.planning.layer_costs import Cost, Fold, converter, divisors, pool_behind
from build_flows.planning.least_targets import refuse_impossible
from build_flows.planning.network import Network

__all__ = ["fits", "search"]

ROUNDS = 48
"""Times that the weights of the resources are corrected."""

STEP = 4.0
"""How strongly: a resource whose share is 0.1 above the mean weighs by a factor of e^(0.1 x STEP) more the next time."""

SCALE = 10**9
"""Weights are integers of this size, so that sums are exact and equal on every machine."""

_RESOURCES = ("LUT", "LUTRAM", "FF", "BRAM18", "DSP")


def search(
    network: Network, targets: Sequence[int], part: Part, *, weights: Mapping[str, float] | None = None, narrow: bool = True,
    reach: Sequence[float] | None = None,
) -> Folding:
    """The folding that leaves most of ``part`` free, of those in which every unit of stage k and head k takes a frame every
    ``targets[k]`` cycles.

    ``weights`` None: the largest share that any resource has of the part (with :data:`RESERVE`) is small, and then the sum of shares; that
    is a very good folding, but not proven the best. Otherwise (by ``LUT``, ``LUTRAM``, ``FF``, ``BRAM18`` and ``DSP``, none below 0)
    the least sum of shares, each times its weight, which is exact. ``reach``, the share of the samples that reaches each stage, sizes the
    gates, whose memories count; without it they do not. ``narrow``: see :func:`build_flows.planning.layer_costs.lanes`. Of
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
        found = min(_tried(space, part), key=lambda tried: tried.merit).solution
    return evaluate(network, found.folds, targets, part, input_pe=found.input_pe, narrow=narrow, reach=reach)


def fits(
    network: Network, targets: Sequence[int], part: Part, *, narrow: bool = True, reach: Sequence[float] | None = None
) -> bool:
    """Whether the folding that :func:`search` finds takes no more than ``part`` has, :data:`RESERVE` included, by the estimate.

    That is told as soon as one does, or a weighted sum, the least of all foldings, is more than the part's. Raises
    :class:`FoldingError` as the search does.
    """
    for tried in _tried(_space(network, targets, narrow, reach), part):
        if tried.merit[0] <= 1:
            return True
        if sum(tried.weights[name] * (share - 1) for name, share in tried.shares.items()) > 1e-6:
            return False
    return False


def _space(network: Network, targets: Sequence[int], narrow: bool, reach: Sequence[float] | None) -> "_Space":
    if len(targets) != len(network.stages):
        raise FoldingError(f"targets must have one value a stage, {len(network.stages)}, not {len(targets)}")
    refuse_impossible(network, targets, narrow=narrow)
    return _Space(network, targets, narrow, reach)


def _priced(weights: Mapping[str, float], part: Part) -> Vector:
    """What one of each resource costs, when shares of the part weigh as ``weights`` say."""
    capacity = dict(zip(_RESOURCES, (part.lut, part.lutram, part.ff, part.bram18, part.dsp), strict=True))
    lut, lutram, ff, bram18, dsp = (round(SCALE * weights[name] / max(capacity[name], LITTLE)) for name in _RESOURCES)
    return lut, lutram, ff, bram18, dsp


@dataclass(frozen=True)
class _Tried:
    """The least weighted sum of ``weights``: the ``shares`` of the part that it takes, the reserve included, and how good that is."""

    weights: dict[str, float]
    solution: "_Solution"
    shares: dict[str, float]

    @property
    def merit(self) -> tuple[float, float]:
        """The largest share and the sum of all; the less the better."""
        return round(max(self.shares.values()), 9), round(sum(self.shares.values()), 9)


def _tried(space: "_Space", part: Part) -> Iterator[_Tried]:
    """Solutions while the weight of what is short is raised; first of all with each resource before all others."""

    def tried(weights: dict[str, float]) -> _Tried:
        found = space.cheapest(_priced(weights, part))
        return _Tried(weights, found, (Cost(*found.cost) + RESERVE).shares(part))

    for first in _RESOURCES:
        yield tried({name: 1.0 if name == first else 0.001 for name in _RESOURCES})
    weights = dict.fromkeys(_RESOURCES, 1 / len(_RESOURCES))
    for _ in range(ROUNDS):
        found = tried(weights)
        yield found
        mean = sum(found.shares.values()) / len(found.shares)
        raised = {name: weights[name] * exp(STEP * (found.shares[name] - mean)) for name in _RESOURCES}
        weights = {name: max(0.001, value / sum(raised.values())) for name, value in raised.items()}


@dataclass(frozen=True)
class _Solution:
    folds: dict[str, Fold]
    input_pe: int
    cost: Vector


class _Space:
    """All foldings of a network that meet its targets, less those that are no better than another of the same widths in anything."""

    def __init__(self, network: Network, targets: Sequence[int], narrow: bool, reach: Sequence[float] | None) -> None:
        self.network = network
        frames = planned_frames(tuple(targets), tuple(reach)) if reach else ()
        self.gates = {stage: (count, frame_bits(network, stage)) for stage, count in enumerate(frames)}
        self.chains = {(part, k): chain
                       for part, chains in (("stage", network.stages), ("head", network.heads), ("gate", network.gates))
                       for k, chain in enumerate(chains)}
        self.choices = {
            (part, k, place): undominated(choices(layer, targets[k], narrow, pool_behind(chain, place)))
            for (part, k), chain in self.chains.items() for place, layer in enumerate(chain)
        }
        source = network.source
        whole = [choice.in_bits // network.in_bits for choice in self.choices["stage", 0, 0] if choice.folds[0].fused]
        sizes = {*divisors(source.channels), *whole}
        self.entries = [pe for pe in sorted(sizes) if source.values // pe <= targets[0]]
        self.converters: dict[tuple[int, int, int], Vector] = {}

    def between(self, width: int, in_bits: int, frame_bits: int) -> Vector:
        """What the converter between two widths takes; nothing when they are equal."""
        key = (width, in_bits, frame_bits)
        if key not in self.converters:
            unit = converter(*key)
            self.converters[key] = vector([unit] if unit else [])
        return self.converters[key]

    def gate(self, part: str, stage: int, width: int) -> Vector:
        """What the memory of the gate behind a stage takes; nothing where there is none."""
        if part != "stage" or stage not in self.gates:
            return 0, 0, 0, 0, 0
        return resources(gate_cost(*self.gates[stage], width))

    def cheapest(self, weights: Vector) -> _Solution:
        """The folding with the least sum of resources, each times its weight."""
        priced = {key: cheapest(found, weights) for key, found in self.choices.items()}

        def behind(part: str, stage: int) -> list[tuple[str, int]]:
            """The chains that what a stage gives goes into."""
            branches = [("head", stage), ("gate", stage), ("stage", stage + 1)] if part == "stage" else []
            return [branch for branch in branches if branch in self.chains]

        @cache
        def joined(width: int, in_bits: int, frame_bits: int) -> int:
            return dot(self.between(width, in_bits, frame_bits), weights)

        @cache
        def entered(part: str, stage: int, place: int) -> tuple[tuple[int, Key, Choice], ...]:
            """For each width that a layer can take, the least price of it and everything downstream of it, and how it is folded."""
            found: dict[int, tuple[int, Key, Choice]] = {}
            for price, choice in priced[part, stage, place]:
                behind_it = least(part, stage, place + len(choice.folds), choice.out_bits)[0]
                if behind_it is None:
                    continue
                best, total = found.get(choice.in_bits), price + behind_it
                if best is None or (total, choice.key) < best[:2]:
                    found[choice.in_bits] = total, choice.key, choice
            return tuple(found.values())

        @cache
        def least(part: str, stage: int, place: int, width: int) -> tuple[int | None, Choice | None]:
            """The least price of everything downstream of a stream ``width`` wide that enters a layer, and how the layer is folded; None
            where it can be in no way: a pool is too slow by itself, and has to be part of the unit before it."""
            chain = self.chains[part, stage]
            if place == len(chain):
                prices = [least(*branch, 0, width)[0] for branch in behind(part, stage)]
                held = dot(self.gate(part, stage, width), weights)
                return None if None in prices else held + sum(price for price in prices if price is not None), None
            frame_bits = chain[place].source.values * chain[place].in_bits
            found = [(price + joined(width, choice.in_bits, frame_bits), key, choice) for price, key, choice in entered(part, stage, place)]
            if not found:
                return None, None
            price, _, choice = min(found, key=lambda item: item[:2])
            return price, choice

        def entry(pe: int) -> tuple[int, int]:
            price = least("stage", 0, 0, pe * self.network.in_bits)[0]
            assert price is not None, "what no folding meets was refused"
            return price, pe

        input_pe = min(self.entries, key=entry)
        folds: dict[str, Fold] = {}
        cost: Vector = (0, 0, 0, 0, 0)

        def follow(part: str, stage: int, width: int) -> None:
            nonlocal cost
            place, chain = 0, self.chains[part, stage]
            while place < len(chain):
                layer, choice = chain[place], least(part, stage, place, width)[1]
                assert choice is not None, "what no folding meets was refused"
                folds.update(zip((item.name for item in chain[place:]), choice.folds, strict=False))
                place += len(choice.folds)
                cost = add(add(cost, choice.cost), self.between(width, choice.in_bits, layer.source.values * layer.in_bits))
                width = choice.out_bits
            cost = add(cost, self.gate(part, stage, width))
            for branch in behind(part, stage):
                follow(*branch, width)

        follow("stage", 0, input_pe * self.network.in_bits)
        return _Solution(folds, input_pe, cost)
