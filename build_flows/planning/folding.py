"""Folding: PE, SIMD and parallel window of every layer, chosen by a search, stage by stage.

Stage 0 gets II cycles a frame, stage k gets II / reach_k x utilisation and a little more, and the head of stage k runs at stage k's
rate. Among all foldings that meet these targets the search looks for the one whose scarcest resource is least used: of the shares of
LUTs, LUT memories, flip-flops, block RAMs and DSPs that the part loses, the largest is to be small, and then their sum. A layer sees its
neighbours only through the width of the stream between them, so dynamic programming over that width along the tree of stages and heads
finds the true optimum of any weighted sum of the resources; what each weighs is found by raising the weight of what is short, again and
again (multiplicative weights, as in Plotkin, Shmoys and Tardos' fractional packing), and the best of all solutions on the way is taken.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from math import ceil, exp, floor

from build_flows.artefacts.verdict import capacity, shortages
from build_flows.base.errors import OfframpError
from build_flows.base.parts import Part
from build_flows.planning.layer_costs import (
    Cost,
    Fold,
    Unit,
    converter,
    divisors,
    fold_error,
    fold_options,
    layer_units,
    matrix_cycles,
    pool_behind,
    units_of_chain,
)
from build_flows.planning.network import Layer, Network
from build_flows.planning.static_units import static_options, static_unit

__all__ = [
    "RESERVE", "TOLERANCE", "Folding", "FoldingError", "LayerPlan", "Least", "Limit", "evaluate", "fits", "fold_row", "least_targets",
    "search", "stage_targets", "taken",
]


RESERVE = Cost(lut=6500, lutram=1800, ff=5000, bram18=4)
"""What is kept free for all that is no layer: FIFOs, gates, decisions, merge, registers, image input. Synthesised, b_lenet's take 4,427
logic LUTs, 1,546 LUTs as memory, 4,307 flip-flops and 3 half block RAMs; rounded up."""

TOLERANCE = 0.02
"""Share by which a later stage may take longer than its planning factor says: no reach and no utilisation is known more exactly, and a
folding one cycle too slow may be a fifth smaller. It is what a gate may lose to bursts (:mod:`build_flows.planning.gate_model`)."""

ROUNDS = 48
"""Times that the weights of the resources are corrected."""
STEP = 4.0
"""How strongly: a resource whose share is 0.1 above the mean weighs by a factor of e^(0.1 x STEP) more the next time."""
SCALE = 10**9
"""Weights are integers of this size, so that sums are exact and equal on every machine."""


class FoldingError(OfframpError):
    """No folding meets a target, or a folding file is wrong; the message names the layer, the value and what is possible or allowed."""


@dataclass(frozen=True, kw_only=True)
class LayerPlan:
    """What the cost model says of one folded layer: its ``units`` in stream order, first of all the width converter from the layer
    before it (where widths differ), ``cycles`` a frame of its slowest unit (predicted) and the ``cost`` of all. A pool that is part of
    another layer's unit has no units, costs nothing, and takes that one's cycles."""

    name: str
    stage: int
    head: bool
    units: tuple[Unit, ...]
    cycles: int
    cost: Cost


@dataclass(frozen=True, kw_only=True)
class Limit:
    """What limits a stage: ``unit`` of ``layer``, at ``cycles`` a frame (predicted), against the stage's ``target``."""

    stage: int
    layer: str
    unit: str
    cycles: int
    target: int


@dataclass(frozen=True, kw_only=True)
class Folding:
    """A folding of a network and what is predicted of it.

    ``folds`` and ``plans`` are by layer name, in the network's order; ``targets`` are cycles a frame by stage; ``input_pe`` is the
    values a beat in which the image should be handed to the first layer; ``part`` is what the areas were weighed for.
    """

    network: Network
    part: Part
    targets: tuple[int, ...]
    input_pe: int
    folds: dict[str, Fold]
    plans: dict[str, LayerPlan]

    @property
    def cost(self) -> Cost:
        """The cost of all layers together (forks, FIFOs, gates and decisions are not in it)."""
        total = Cost()
        for plan in self.plans.values():
            total += plan.cost
        return total

    def fused_pool(self, name: str) -> Layer | None:
        """The pool that is part of the unit of the layer called ``name``."""
        layers = self.network.layers
        behind = next((after for layer, after in pairwise(layers) if layer.name == name), None)
        inside = behind is not None and behind.kind == "maxpool" and self.folds[name].static and self.folds[behind.name].static
        return behind if inside else None

    def stage_cycles(self, stage: int) -> int:
        """Predicted cycles a frame of stage ``stage`` with its head: those of its slowest unit."""
        return self.limit(stage).cycles

    def limit(self, stage: int) -> Limit:
        """The slowest unit of ``stage`` and its head; the first in stream order when there are several."""
        units = [(plan.name, unit) for plan in self.plans.values() if plan.stage == stage for unit in plan.units]
        name, unit = max(units, key=lambda item: item[1].cycles)
        return Limit(stage=stage, layer=name, unit=unit.kind, cycles=unit.cycles, target=self.targets[stage])

    def as_dict(self) -> dict[str, dict[str, int | str]]:
        """The table of ``folding.toml``: ``{layer: {"pe", "simd", "parallel_window"}}``, pools with ``pe`` alone, ``linear`` without the
        window; or ``{layer: {"body": "static", "pixels"}}``, a pool that is part of the unit before it with ``body`` alone."""
        return {layer.name: fold_row(layer, self.folds[layer.name]) for layer in self.network.layers}

    def exceeds(self) -> list[str]:
        """What the part has too little of by the estimate, :data:`RESERVE` included, as ``DSP: 240 of 220``; empty when all fits."""
        return [item.told() for item in shortages(taken(self.cost), capacity(self.part))]


def taken(cost: Cost) -> dict[str, float]:
    """What a design whose layers take ``cost`` is predicted to take in all, :data:`RESERVE` included, by the keys of
    :data:`build_flows.artefacts.verdict.NAMES`."""
    whole = cost + RESERVE
    return {"lut": whole.lut, "lutram": whole.lutram, "ff": whole.ff, "bram36": whole.bram18 / 2, "dsp": whole.dsp}


def stage_targets(ii: int, reach: Sequence[float], utilisation: float = 0.8) -> tuple[int, ...]:
    """Cycles a frame that each stage may take: ``ii`` for stage 0; for stage k ``ii / reach[k] * utilisation`` and :data:`TOLERANCE` of it
    more, but no more than ``ii / reach[k]``, rounded down, and at least ``ii``.

    ``reach[k]`` is the share of samples that arrive at stage k, from 1 for stage 0 down. Raises :class:`FoldingError` for values out of
    range.
    """
    if ii < 1:
        raise FoldingError(f"ii must be at least 1 cycle, not {ii}")
    if not 0 < utilisation <= 1:
        raise FoldingError(f"utilisation must be above 0 and at most 1, not {utilisation}")
    previous = 1.0
    for stage, share in enumerate(reach):
        if not 0 < share <= previous or (stage == 0 and share != 1):
            allowed = "1" if stage == 0 else f"above 0 and at most {previous}, the one before"
            raise FoldingError(f"reach[{stage}] must be {allowed}, not {share}")
        previous = share
    busy = min(1.0, utilisation * (1 + TOLERANCE))
    # What is a whole number but for the last digits of a quotient is one.
    return tuple(ii if stage == 0 else max(ii, floor(round(ii / share * busy, 6))) for stage, share in enumerate(reach))


def search(
    network: Network, targets: Sequence[int], part: Part, *, weights: Mapping[str, float] | None = None, narrow: bool = True
) -> Folding:
    """The folding that leaves most of ``part`` free, of those in which every unit of stage k and head k takes a frame every
    ``targets[k]`` cycles.

    ``weights`` None: the largest share that any resource has of the part (with :data:`RESERVE`) is small, and then the sum of shares; that
    is a very good folding, but not proven the best. Otherwise (by ``LUT``, ``LUTRAM``, ``FF``, ``BRAM18`` and ``DSP``, none below 0)
    the least sum of shares, each times its weight, which is exact. ``narrow``: see :func:`build_flows.planning.layer_costs.lanes`. Of
    equally good foldings the one with the lowest numbers is taken, so the result is deterministic. Cycles may exceed a target by
    ``HANDOVER`` where FINN's sliding window needs it between frames. Raises :class:`FoldingError` naming every layer that meets its target
    in no folding, and the least cycles it could take.
    """
    space = _space(network, targets, narrow)
    if weights is not None:
        odd = [name for name in _RESOURCES if weights.get(name, -1) < 0]
        if odd or len(weights) != len(_RESOURCES):
            raise FoldingError(f"weights must be {', '.join(_RESOURCES)}, each at least 0, not {dict(weights)}")
        found = space.cheapest(_priced(weights, part))
    else:
        found = min(_tried(space, part), key=lambda tried: tried.merit).solution
    return evaluate(network, found.folds, targets, part, input_pe=found.input_pe, narrow=narrow)


def fits(network: Network, targets: Sequence[int], part: Part, *, narrow: bool = True) -> bool:
    """Whether the folding that :func:`search` finds takes no more than ``part`` has, :data:`RESERVE` included, by the estimate.

    That is told as soon as one does, or a weighted sum, the least of all foldings, is more than the part's. Raises
    :class:`FoldingError` as the search does.
    """
    for tried in _tried(_space(network, targets, narrow), part):
        if tried.merit[0] <= 1:
            return True
        if sum(tried.weights[name] * (share - 1) for name, share in tried.shares.items()) > 1e-6:
            return False
    return False


def _space(network: Network, targets: Sequence[int], narrow: bool) -> "_Space":
    if len(targets) != len(network.stages):
        raise FoldingError(f"targets must have one value a stage, {len(network.stages)}, not {len(targets)}")
    _refuse_impossible(network, targets, narrow)
    return _Space(network, targets, narrow)


def _priced(weights: Mapping[str, float], part: Part) -> "_Vector":
    """What one of each resource costs, when shares of the part weigh as ``weights`` say."""
    capacity = dict(zip(_RESOURCES, (part.lut, part.lutram, part.ff, part.bram18, part.dsp), strict=True))
    lut, lutram, ff, bram18, dsp = (round(SCALE * weights[name] / capacity[name]) for name in _RESOURCES)
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


def evaluate(
    network: Network, folds: Mapping[str, Fold], targets: Sequence[int], part: Part, *, input_pe: int | None = None, narrow: bool = True
) -> Folding:
    """What is predicted of ``folds`` (by layer name), whether they meet ``targets`` or not. ``input_pe`` None: whatever the first layer
    takes.

    Raises :class:`FoldingError` for a layer that is missing, not in the network, or cannot be folded so.
    """
    names = [layer.name for layer in network.layers]
    for name in [*folds, *names]:
        if name not in names:
            raise FoldingError(f"no layer is called {name!r}; known are {', '.join(names)}")
        if name not in folds:
            raise FoldingError(f"layer {name!r} has no folding")
    plans: dict[str, LayerPlan] = {}

    def plan(chain: Sequence[Layer], width: int | None) -> int | None:
        cycles = 0
        for layer, units, _ in units_of_chain(chain, folds, narrow=narrow):
            cost = Cost()
            if units:
                between = converter(width, units[0].in_bits, layer.source.values * layer.in_bits) if width else None
                units = (between, *units) if between else units
                for unit in units:
                    cost += unit.cost
                width, cycles = units[-1].out_bits, max(unit.cycles for unit in units)
            plans[layer.name] = LayerPlan(name=layer.name, stage=layer.stage, head=layer.head, units=units, cycles=cycles, cost=cost)
        return width

    def planned(chain: Sequence[Layer], width: int | None) -> int | None:
        try:
            return plan(chain, width)
        except ValueError as error:
            raise FoldingError(str(error)) from error

    width = input_pe * network.in_bits if input_pe else None
    for k, (stage, head) in enumerate(zip(network.stages, network.heads, strict=True)):
        width = planned(stage, width)
        planned(head, width)
        planned(network.gates[k] if network.gates else (), width)
    first = network.layers[0]
    if input_pe is None:
        input_pe = plans[first.name].units[0].in_bits // network.in_bits
        input_pe = input_pe if network.source.channels % input_pe == 0 or folds[first.name].static else network.source.channels
        return evaluate(network, folds, targets, part, input_pe=input_pe, narrow=narrow)
    return Folding(
        network=network, part=part, targets=tuple(targets), input_pe=input_pe,
        folds={name: folds[name] for name in names}, plans={name: plans[name] for name in names},
    )


_RESOURCES = ("LUT", "LUTRAM", "FF", "BRAM18", "DSP")
_Vector = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class _Solution:
    folds: dict[str, Fold]
    input_pe: int
    cost: _Vector


@dataclass(frozen=True)
class _Choice:
    """A folding of a layer, or of a layer and the pool that is part of its unit: widths of its streams in and out, and what its units
    take."""

    in_bits: int
    out_bits: int
    folds: tuple[Fold, ...]
    cost: _Vector


class _Space:
    """All foldings of a network that meet its targets, less those that are no better than another of the same widths in anything."""

    def __init__(self, network: Network, targets: Sequence[int], narrow: bool) -> None:
        self.network = network
        self.chains = {(part, k): chain
                       for part, chains in (("stage", network.stages), ("head", network.heads), ("gate", network.gates))
                       for k, chain in enumerate(chains)}
        self.choices = {
            (part, k, place): _undominated(_choices(layer, targets[k], narrow, pool_behind(chain, place)))
            for (part, k), chain in self.chains.items() for place, layer in enumerate(chain)
        }
        source = network.source
        whole = [choice.in_bits // network.in_bits for choice in self.choices["stage", 0, 0] if choice.folds[0].static]
        sizes = {*divisors(source.channels), *whole}
        self.entries = [pe for pe in sorted(sizes) if source.values // pe <= targets[0]]
        self.converters: dict[tuple[int, int, int], _Vector] = {}

    def between(self, width: int, in_bits: int, frame_bits: int) -> _Vector:
        """What the converter between two widths takes; nothing when they are equal."""
        key = (width, in_bits, frame_bits)
        if key not in self.converters:
            unit = converter(*key)
            self.converters[key] = _vector([unit] if unit else [])
        return self.converters[key]

    def cheapest(self, weights: _Vector) -> _Solution:
        """The folding with the least sum of resources, each times its weight."""
        priced = {key: [(_dot(choice.cost, weights), choice) for choice in choices] for key, choices in self.choices.items()}

        def behind(part: str, stage: int) -> list[tuple[str, int]]:
            """The chains that what a stage gives goes into."""
            branches = [("head", stage), ("gate", stage), ("stage", stage + 1)] if part == "stage" else []
            return [branch for branch in branches if branch in self.chains]

        @cache
        def least(part: str, stage: int, place: int, width: int) -> tuple[int | None, _Choice | None]:
            """The least price of everything downstream of a stream ``width`` wide that enters a layer, and how the layer is folded; None
            where it can be in no way: a pool is too slow by itself, and has to be part of the unit before it."""
            chain = self.chains[part, stage]
            if place == len(chain):
                prices = [least(*branch, 0, width)[0] for branch in behind(part, stage)]
                return None if None in prices else sum(price for price in prices if price is not None), None
            frame_bits = chain[place].source.values * chain[place].in_bits
            found: tuple[int, _Key, _Choice] | None = None
            for price, choice in priced[part, stage, place]:
                behind_it = least(part, stage, place + len(choice.folds), choice.out_bits)[0]
                if behind_it is None:
                    continue
                total = price + behind_it + _dot(self.between(width, choice.in_bits, frame_bits), weights)
                if found is None or (total, _key(choice)) < found[:2]:
                    found = (total, _key(choice), choice)
            return (found[0], found[2]) if found else (None, None)

        def entry(pe: int) -> tuple[int, int]:
            price = least("stage", 0, 0, pe * self.network.in_bits)[0]
            assert price is not None, "what no folding meets was refused"
            return price, pe

        input_pe = min(self.entries, key=entry)
        folds: dict[str, Fold] = {}
        cost: _Vector = (0, 0, 0, 0, 0)

        def follow(part: str, stage: int, width: int) -> None:
            nonlocal cost
            place, chain = 0, self.chains[part, stage]
            while place < len(chain):
                layer, choice = chain[place], least(part, stage, place, width)[1]
                assert choice is not None, "what no folding meets was refused"
                folds.update(zip((item.name for item in chain[place:]), choice.folds, strict=False))
                place += len(choice.folds)
                cost = _sum(_sum(cost, choice.cost), self.between(width, choice.in_bits, layer.source.values * layer.in_bits))
                width = choice.out_bits
            for branch in behind(part, stage):
                follow(*branch, width)

        follow("stage", 0, input_pe * self.network.in_bits)
        return _Solution(folds, input_pe, cost)


@lru_cache(maxsize=65536)
def _choice(layer: Layer, fold: Fold, narrow: bool) -> tuple[int, _Choice]:
    """The least target that ``layer`` meets when it is folded so, and the choice."""
    units = layer_units(layer, fold, narrow=narrow)
    least = max(unit.least_target for unit in units)
    return least, _Choice(units[0].in_bits, units[-1].out_bits, (fold,), _vector(units))


@lru_cache(maxsize=4096)
def _static_choice(layer: Layer, pixels: int, pool: Layer | None) -> tuple[int, _Choice]:
    """As :func:`_choice`, of a static unit."""
    unit, fold = static_unit(layer, pixels, pool), Fold(body="static", pixels=pixels)
    return unit.least_target, _Choice(unit.in_bits, unit.out_bits, (fold, Fold(body="static")) if pool else (fold,), _vector([unit]))


def _choices(layer: Layer, target: int, narrow: bool, pool: Layer | None) -> list[_Choice]:
    """The foldings of a layer that meet the target; ``pool`` may be part of its unit."""
    # A quick look at the matrix-vector unit alone, before the others are worked out.
    options = [fold for fold in fold_options(layer) if matrix_cycles(layer, fold) <= target]
    found = [_choice(layer, fold, narrow) for fold in options]
    for inside in dict.fromkeys((None, pool)):
        found += [_static_choice(layer, pixels, inside) for pixels in static_options(layer, inside)]
    return [choice for least, choice in found if least <= target]


def _undominated(choices: list[_Choice]) -> list[_Choice]:
    """The choices of which no other of the same widths, and as many layers, takes at most as much of everything (of equal ones the
    first)."""
    groups: dict[tuple[int, int, int], list[_Choice]] = {}
    for choice in sorted(choices, key=lambda item: (item.in_bits, item.out_bits, item.cost, _key(item))):
        group = groups.setdefault((choice.in_bits, choice.out_bits, len(choice.folds)), [])
        if not any(all(a <= b for a, b in zip(other.cost, choice.cost, strict=True)) for other in group):
            group.append(choice)
    return [choice for group in groups.values() for choice in group]


def _vector(units: Iterable[Unit]) -> _Vector:
    total = Cost()
    for unit in units:
        total += unit.cost
    return total.lut, total.lutram, total.ff, total.bram18, total.dsp


def _sum(a: _Vector, b: _Vector) -> _Vector:
    return a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]


def _dot(a: _Vector, b: _Vector) -> int:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2] + a[3] * b[3] + a[4] * b[4]


_Key = tuple[str, int, int, bool, int, int]


def _key(choice: _Choice) -> _Key:
    fold = choice.folds[0]
    return fold.body, fold.pe, fold.simd, fold.parallel_window, fold.pixels, len(choice.folds)


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
    """What the images, at one pixel a cycle or as many as a static first layer takes, and every layer take at least, in the network's
    order.

    Raises :class:`FoldingError` for a layer that can be folded in no way at all.
    """
    pools = [(chain[place - 1] if place and pool_behind(chain, place - 1) else None, layer, pool_behind(chain, place))
             for chain in network.chains for place, layer in enumerate(chain)]
    first = network.layers[0]
    beat = max((1, *static_options(first), *static_options(first, pools[0][2])))
    pixels = ceil(network.source.pixels / beat) if first.kind == "conv" else network.source.pixels
    entry = Least(layer="input", stage=0, unit="one pixel a cycle", target=pixels, cycles=pixels)
    return (entry, *(_least(before, layer, behind, narrow) for before, layer, behind in pools))


@lru_cache(maxsize=4096)
def _least(before: Layer | None, layer: Layer, behind: Layer | None, narrow: bool) -> Least:
    """What ``layer`` takes at least, by itself, with the pool ``behind`` in it, or, a pool, in the static unit of the layer ``before``."""
    found: Least | None = None
    fused = [(before, layer)] if before else [(layer, None), (layer, behind)] if behind else [(layer, None)]
    units = [static_unit(conv, pixels, pool) for conv, pool in fused for pixels in static_options(conv, pool)]
    if units:
        unit = min(units, key=lambda unit: unit.least_target)
        found = Least(layer=layer.name, stage=layer.stage, unit=unit.kind, target=unit.least_target, cycles=unit.cycles)
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


def _refuse_impossible(network: Network, targets: Sequence[int], narrow: bool) -> None:
    least = least_targets(network, narrow=narrow)
    faults = [f"{item}, not {targets[item.stage]} (stage {item.stage})" for item in least if item.target > targets[item.stage]]
    if faults:
        raise FoldingError("; ".join(faults), hint="raise the target (fewer samples a second), or make the layer's feature map smaller")


def fold_row(layer: Layer, fold: Fold) -> dict[str, int | str]:
    """The table of ``layer`` in ``folding.toml``."""
    if fold.static:
        return {"body": fold.body, "pixels": fold.pixels} if layer.weight_bits else {"body": fold.body}
    row: dict[str, int | str] = {"pe": fold.pe}
    if layer.weight_bits:
        row["simd"] = fold.simd
    if layer.kind == "conv":
        row["parallel_window"] = int(fold.parallel_window)
    return row


