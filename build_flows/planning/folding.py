"""Folding: PE, SIMD and parallel window of every layer, chosen by a search, stage by stage.

Stage 0 gets II cycles a frame, stage k gets II / reach_k x utilisation, and the head of stage k runs at stage k's rate. Among all
foldings that meet these targets the search looks for the one whose scarcest resource is least used: of the shares of LUTs, LUT memories,
flip-flops, block RAMs and DSPs that the part loses, the largest is to be small, and then their sum. A layer sees its neighbours only
through the width of the stream between them, so dynamic programming over that width along the tree of stages and heads finds the true
optimum of any weighted sum of the resources; what each weighs is found by raising the weight of what is short, again and again
(multiplicative weights, as in Plotkin, Shmoys and Tardos' fractional packing), and the best of all solutions on the way is taken.
"""

import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import exp
from pathlib import Path
from typing import Any

from build_flows.artefacts.verdict import capacity, shortages
from build_flows.base.errors import OfframpError
from build_flows.base.files import write_text
from build_flows.base.parts import Part
from build_flows.planning.layer_costs import Cost, Fold, Unit, converter, divisors, fold_error, fold_options, layer_units
from build_flows.planning.network import Layer, Network

__all__ = [
    "RESERVE", "Folding", "FoldingError", "LayerPlan", "Limit", "evaluate", "read_toml", "search", "stage_targets", "taken", "to_toml",
    "write_toml",
]


RESERVE = Cost(lut=6500, lutram=1800, ff=5000, bram18=4)
"""What is kept free for all that is no layer: FIFOs, gates, decisions, merge, registers, image input. Synthesised, b_lenet's take 4,427
logic LUTs, 1,546 LUTs as memory, 4,307 flip-flops and 3 half block RAMs; rounded up."""

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
    before it (where widths differ), ``cycles`` a frame of its slowest unit (predicted) and the ``cost`` of all."""

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
    channels a beat in which the image should be handed to the first layer; ``part`` is what the areas were weighed for.
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

    def stage_cycles(self, stage: int) -> int:
        """Predicted cycles a frame of stage ``stage`` with its head: those of its slowest unit."""
        return self.limit(stage).cycles

    def limit(self, stage: int) -> Limit:
        """The slowest unit of ``stage`` and its head; the first in stream order when there are several."""
        units = [(plan.name, unit) for plan in self.plans.values() if plan.stage == stage for unit in plan.units]
        name, unit = max(units, key=lambda item: item[1].cycles)
        return Limit(stage=stage, layer=name, unit=unit.kind, cycles=unit.cycles, target=self.targets[stage])

    def as_dict(self) -> dict[str, dict[str, int]]:
        """The table of ``folding.toml``: ``{layer: {"pe", "simd", "parallel_window"}}``, pools with ``pe`` alone, ``linear`` without the
        window."""
        return {layer.name: _row(layer, self.folds[layer.name]) for layer in self.network.layers}

    def exceeds(self) -> list[str]:
        """What the part has too little of by the estimate, :data:`RESERVE` included, as ``DSP: 240 of 220``; empty when all fits."""
        return [item.told() for item in shortages(taken(self.cost), capacity(self.part))]


def taken(cost: Cost) -> dict[str, float]:
    """What a design whose layers take ``cost`` is predicted to take in all, :data:`RESERVE` included, by the keys of
    :data:`build_flows.artefacts.verdict.NAMES`."""
    whole = cost + RESERVE
    return {"lut": whole.lut, "lutram": whole.lutram, "ff": whole.ff, "bram36": whole.bram18 / 2, "dsp": whole.dsp}


def stage_targets(ii: int, reach: Sequence[float], utilisation: float = 0.8) -> tuple[int, ...]:
    """Cycles a frame that each stage may take: ``ii`` for stage 0, ``ii / reach[k] * utilisation`` (rounded down, and at least ``ii``)
    for stage k.

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
    return tuple(ii if stage == 0 else max(ii, int(ii / share * utilisation)) for stage, share in enumerate(reach))


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
    if len(targets) != len(network.stages):
        raise FoldingError(f"targets must have one value a stage, {len(network.stages)}, not {len(targets)}")
    _refuse_impossible(network, targets, narrow)
    space = _Space(network, targets, narrow)
    capacity = dict(zip(_RESOURCES, (part.lut, part.lutram, part.ff, part.bram18, part.dsp), strict=True))

    def solve(wanted: Mapping[str, float]) -> _Solution:
        lut, lutram, ff, bram18, dsp = (round(SCALE * wanted[name] / capacity[name]) for name in _RESOURCES)
        return space.cheapest((lut, lutram, ff, bram18, dsp))

    if weights is not None:
        odd = [name for name in _RESOURCES if weights.get(name, -1) < 0]
        if odd or len(weights) != len(_RESOURCES):
            raise FoldingError(f"weights must be {', '.join(_RESOURCES)}, each at least 0, not {dict(weights)}")
        found = solve(weights)
    else:
        found = _balanced(solve, part)
    return evaluate(network, found.folds, targets, part, input_pe=found.input_pe, narrow=narrow)


def _balanced(solve: Callable[[Mapping[str, float]], "_Solution"], part: Part) -> "_Solution":
    """The best solution met while the weight of what is short is raised; first of all with each resource before all others."""
    best: tuple[tuple[float, float], _Solution] | None = None

    def tried(weights: Mapping[str, float]) -> dict[str, float]:
        nonlocal best
        found = solve(weights)
        shares = (Cost(*found.cost) + RESERVE).shares(part)
        merit = (round(max(shares.values()), 9), round(sum(shares.values()), 9))
        if best is None or merit < best[0]:
            best = (merit, found)
        return shares

    for first in _RESOURCES:
        tried({name: 1.0 if name == first else 0.001 for name in _RESOURCES})
    weights = dict.fromkeys(_RESOURCES, 1 / len(_RESOURCES))
    for _ in range(ROUNDS):
        shares = tried(weights)
        mean = sum(shares.values()) / len(shares)
        raised = {name: weights[name] * exp(STEP * (shares[name] - mean)) for name in _RESOURCES}
        weights = {name: max(0.001, value / sum(raised.values())) for name, value in raised.items()}
    assert best is not None
    return best[1]


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
        for layer in chain:
            reason = fold_error(layer, folds[layer.name])
            if reason:
                raise FoldingError(f"{layer.name}: {reason}")
            units = layer_units(layer, folds[layer.name], narrow=narrow)
            between = converter(width, units[0].in_bits, layer.source.values * layer.in_bits) if width else None
            units = (between, *units) if between else units
            cost = Cost()
            for unit in units:
                cost += unit.cost
            plans[layer.name] = LayerPlan(
                name=layer.name, stage=layer.stage, head=layer.head, units=units, cycles=max(unit.cycles for unit in units), cost=cost,
            )
            width = units[-1].out_bits
        return width

    width = input_pe * network.in_bits if input_pe else None
    for k, (stage, head) in enumerate(zip(network.stages, network.heads, strict=True)):
        width = plan(stage, width)
        plan(head, width)
        plan(network.gates[k] if network.gates else (), width)
    first = network.layers[0]
    if input_pe is None:
        input_pe = plans[first.name].units[0].in_bits // network.in_bits
        input_pe = input_pe if network.source.channels % input_pe == 0 else network.source.channels
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
    """A folding of a layer: widths of its streams in and out, and what its units take."""

    in_bits: int
    out_bits: int
    fold: Fold
    cost: _Vector


class _Space:
    """All foldings of a network that meet its targets, less those that are no better than another of the same widths in anything."""

    def __init__(self, network: Network, targets: Sequence[int], narrow: bool) -> None:
        self.network = network
        self.chains = {(part, k): chain
                       for part, chains in (("stage", network.stages), ("head", network.heads), ("gate", network.gates))
                       for k, chain in enumerate(chains)}
        self.choices = {
            (part, k, place): _undominated(_choices(layer, targets[k], narrow))
            for (part, k), chain in self.chains.items() for place, layer in enumerate(chain)
        }
        source = network.source
        self.entries = [pe for pe in divisors(source.channels) if source.pixels * source.channels // pe <= targets[0]]
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
        def least(part: str, stage: int, place: int, width: int) -> tuple[int, _Choice | None]:
            """The least price of everything downstream of a stream ``width`` wide that enters a layer, and how the layer is folded."""
            chain = self.chains[part, stage]
            if place == len(chain):
                return sum(least(*branch, 0, width)[0] for branch in behind(part, stage)), None
            frame_bits = chain[place].source.values * chain[place].in_bits
            found: tuple[int, tuple[int, int, bool], _Choice] | None = None
            for price, choice in priced[part, stage, place]:
                total = price + least(part, stage, place + 1, choice.out_bits)[0]
                total += _dot(self.between(width, choice.in_bits, frame_bits), weights)
                if found is None or (total, _key(choice.fold)) < found[:2]:
                    found = (total, _key(choice.fold), choice)
            assert found is not None
            return found[0], found[2]

        input_pe = min(self.entries, key=lambda pe: (least("stage", 0, 0, pe * self.network.in_bits)[0], pe))
        folds: dict[str, Fold] = {}
        cost: _Vector = (0, 0, 0, 0, 0)

        def follow(part: str, stage: int, width: int) -> None:
            nonlocal cost
            for place, layer in enumerate(self.chains[part, stage]):
                choice = least(part, stage, place, width)[1]
                assert choice is not None
                folds[layer.name] = choice.fold
                cost = _sum(_sum(cost, choice.cost), self.between(width, choice.in_bits, layer.source.values * layer.in_bits))
                width = choice.out_bits
            for branch in behind(part, stage):
                follow(*branch, width)

        follow("stage", 0, input_pe * self.network.in_bits)
        return _Solution(folds, input_pe, cost)


def _choices(layer: Layer, target: int, narrow: bool) -> list[_Choice]:
    """The foldings of a layer that meet the target."""
    found = []
    for fold in fold_options(layer):
        if _may_meet(layer, fold, target):
            units = layer_units(layer, fold, narrow=narrow)
            if all(unit.meets(target) for unit in units):
                found.append(_Choice(units[0].in_bits, units[-1].out_bits, fold, _vector(units)))
    return found


def _undominated(choices: list[_Choice]) -> list[_Choice]:
    """The choices of which no other of the same widths takes at most as much of everything (of equal ones the first)."""
    groups: dict[tuple[int, int], list[_Choice]] = {}
    for choice in sorted(choices, key=lambda item: (item.in_bits, item.out_bits, item.cost, _key(item.fold))):
        group = groups.setdefault((choice.in_bits, choice.out_bits), [])
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


def _key(fold: Fold) -> tuple[int, int, bool]:
    return fold.pe, fold.simd, fold.parallel_window


def _may_meet(layer: Layer, fold: Fold, target: int) -> bool:
    """A quick look before the units are worked out: whether the matrix-vector unit alone is fast enough."""
    return not layer.weight_bits or layer.target.pixels * (layer.mw // fold.simd) * (layer.mh // fold.pe) <= target


def _refuse_impossible(network: Network, targets: Sequence[int], narrow: bool) -> None:
    faults = []
    if network.source.pixels > targets[0]:
        faults.append(f"the input takes at least {network.source.pixels} cycles a frame, one pixel a cycle, not {targets[0]} (stage 0)")
    for layer in network.layers:
        target = targets[layer.stage]
        options = [fold for fold in fold_options(layer) if _may_meet(layer, fold, target)]
        if any(all(unit.meets(target) for unit in layer_units(layer, fold, narrow=narrow)) for fold in options):
            continue
        fastest = [layer_units(layer, fold, narrow=narrow) for fold in _fastest(layer)]
        units = min(fastest, key=lambda units: max(unit.cycles for unit in units))
        slowest = max(units, key=lambda unit: unit.cycles)
        faults.append(f"{layer.name} takes at least {slowest.cycles} cycles a frame ({slowest.kind}), not {target} (stage {layer.stage})")
    if faults:
        raise FoldingError("; ".join(faults), hint="raise the target (fewer samples a second), or make the layer's feature map smaller")


def _fastest(layer: Layer) -> list[Fold]:
    """Full unfolding, with and without parallel windows as far as the layer has them."""
    full = [Fold(layer.mh, layer.mw if layer.weight_bits else 1, window) for window in (False, True)]
    return [fold for fold in full if fold_error(layer, fold) is None]


def _row(layer: Layer, fold: Fold) -> dict[str, int]:
    row = {"pe": fold.pe}
    if layer.weight_bits:
        row["simd"] = fold.simd
    if layer.kind == "conv":
        row["parallel_window"] = int(fold.parallel_window)
    return row


def to_toml(folding: Folding) -> str:
    """``folding.toml`` as text: one table a layer, with comments on what is predicted of it. Equal foldings give equal text."""
    lines = ["# Folding of every layer; edit and compile again. Comments are predictions, and are not read back.", "version = 1"]
    cost = folding.cost
    lines.append(f"# all layers, estimated: {_cost_text(cost)}, of {folding.part.name}'s {folding.part.dsp} DSP, {folding.part.lut} LUT")
    stage = -1
    for layer in folding.network.layers:
        if layer.stage != stage:
            stage = layer.stage
            limit = folding.limit(stage)
            predicted = f"{limit.cycles} predicted, set by {limit.layer} ({limit.unit})"
            lines += ["", f"# ---- stage {stage}: target {limit.target} cycles a frame; {predicted}"]
        plan = folding.plans[layer.name]
        lines += ["", f"[{layer.name}]", f"# {plan.cycles} cycles; {_cost_text(plan.cost)}"]
        if layer.weight_bits:
            lines.append(f"# weights {layer.mh} x {layer.mw}: pe divides {layer.mh}, simd divides {layer.mw}")
        else:
            lines.append(f"# pe divides {layer.target.channels}")
        lines += [f"{key} = {value}" for key, value in _row(layer, folding.folds[layer.name]).items()]
    return "\n".join(lines) + "\n"


def _cost_text(cost: Cost) -> str:
    return f"{cost.dsp} DSP, {cost.bram18} BRAM18, {cost.lut} LUT, {cost.ff} FF"


def write_toml(folding: Folding, path: Path) -> None:
    """Write ``folding.toml`` (:func:`to_toml`) to ``path``, whole or not at all."""
    write_text(path, to_toml(folding))


def read_toml(path: Path, network: Network) -> dict[str, Fold]:
    """The foldings in the ``folding.toml`` at ``path``, by layer name; :func:`evaluate` says what they make.

    Raises :class:`FoldingError` naming file, layer, key, value and what is allowed for the first thing that is wrong; OSError when it
    cannot be read.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FoldingError(f"{path}: not TOML: {error}") from error
    version = raw.pop("version", None)
    if version != 1:
        raise FoldingError(f"{path}: version must be 1, not {version!r}")
    layers = {layer.name: layer for layer in network.layers}
    for name in raw:
        if name not in layers:
            raise FoldingError(f"{path}: no layer is called {name!r}; known are {', '.join(layers)}")
    folds = {}
    for name, layer in layers.items():
        if name not in raw:
            raise FoldingError(f"{path}: layer {name!r} is missing")
        folds[name] = _read_fold(path, layer, raw[name])
    return folds


def _read_fold(path: Path, layer: Layer, table: Any) -> Fold:
    where = f"{path}: {layer.name}"
    keys = tuple(_row(layer, Fold(1)))
    if not isinstance(table, dict):
        raise FoldingError(f"{where}: must be a table with {', '.join(keys)}, not {table!r}")
    for key in [*table, *keys]:
        if key not in keys:
            raise FoldingError(f"{where}: unknown key {key!r}; a {layer.kind} has {', '.join(keys)}")
        if key not in table:
            raise FoldingError(f"{where}: key {key!r} is missing; a {layer.kind} has {', '.join(keys)}")
        value = table[key]
        if key == "parallel_window":
            if value not in (0, 1):
                raise FoldingError(f"{where}: parallel_window must be 0 or 1, not {value!r}")
        elif isinstance(value, bool) or not isinstance(value, int):
            raise FoldingError(f"{where}: {key} must be an integer, not {value!r}")
    fold = Fold(table["pe"], table.get("simd", 1), bool(table.get("parallel_window", 0)))
    reason = fold_error(layer, fold)
    if reason:
        raise FoldingError(f"{where}: {reason}")
    return fold
