"""Folding: PE, SIMD and parallel window of every layer, chosen by an exact search, stage by stage.

Stage 0 gets II cycles a frame, stage k gets II / reach_k x utilisation, and the head of stage k runs at stage k's rate. Among all
foldings that meet these targets the search takes the cheapest: least DSPs, then least area (LUT, FF and block RAM, weighed by their
share of the part; this is where weight memories and width converters count). A layer sees its neighbours only through the width of the
stream between them, so dynamic programming over that width along the tree of stages and heads finds the true optimum of the cost model.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from build_flows.errors import OfframpError
from build_flows.files import write_text
from build_flows.layer_costs import Cost, Fold, Unit, converter, divisors, fold_error, fold_options, layer_units
from build_flows.network import Layer, Network
from build_flows.parts import Part

__all__ = ["Folding", "FoldingError", "LayerPlan", "Limit", "evaluate", "read_toml", "search", "stage_targets", "to_toml", "write_toml"]


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
        """What the part has too little of by the estimate, as ``DSP: 240 of 220``; empty when all fits."""
        cost, part = self.cost, self.part
        rows = (
            ("LUT", cost.lut, part.lut), ("LUTRAM", cost.lutram, part.lutram), ("FF", cost.ff, part.ff),
            ("BRAM18", cost.bram18, part.bram18), ("DSP", cost.dsp, part.dsp),
        )
        return [f"{name}: {used} of {there}" for name, used, there in rows if used > there]


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


def search(network: Network, targets: Sequence[int], part: Part, *, dsp_weight: float | None = None, narrow: bool = True) -> Folding:
    """The cheapest folding in which every unit of stage k and head k takes a frame every ``targets[k]`` cycles.

    ``dsp_weight`` None: least DSPs, then least area; otherwise a DSP is worth that many LUTs. ``narrow``: see
    :func:`build_flows.layer_costs.lanes`. Of equally cheap foldings the one with the lowest numbers is taken, so the result is
    deterministic. Cycles may exceed a target by ``HANDOVER`` where FINN's sliding window needs it between frames. Raises
    :class:`FoldingError` naming every layer that meets its target in no folding, and the least cycles it could take.
    """
    if len(targets) != len(network.stages):
        raise FoldingError(f"targets must have one value a stage, {len(network.stages)}, not {len(targets)}")
    _refuse_impossible(network, targets, narrow)
    chains = {(head, k): chain for head, chains in ((False, network.stages), (True, network.heads)) for k, chain in enumerate(chains)}

    def price(units: Sequence[Unit]) -> _Price:
        total = Cost()
        for unit in units:
            total += unit.cost
        area = total.area(part)
        return (total.dsp, area) if dsp_weight is None else (0, area + round(1000 * dsp_weight * total.dsp))

    @cache
    def choices(head: bool, stage: int, index: int) -> tuple[tuple[int, int, _Price, Fold], ...]:
        """Of the foldings of a layer that meet the target, the cheapest for each pair of widths in and out."""
        layer = chains[head, stage][index]
        best: dict[tuple[int, int], tuple[_Price, Fold]] = {}
        for fold in fold_options(layer):
            if not _may_meet(layer, fold, targets[stage]):
                continue
            units = layer_units(layer, fold, narrow=narrow)
            if all(unit.meets(targets[stage]) for unit in units):
                key, found = (units[0].in_bits, units[-1].out_bits), (price(units), fold)
                if key not in best or _rank(found) < _rank(best[key]):
                    best[key] = found
        return tuple((*widths, *found) for widths, found in sorted(best.items()))

    @cache
    def least(head: bool, stage: int, index: int, width: int) -> tuple[_Price, Fold | None, int]:
        """The least price of everything downstream of a stream ``width`` wide that enters a layer; the layer's folding, and its width
        out."""
        chain = chains[head, stage]
        if index == len(chain):
            total: _Price = (0, 0)
            if not head:
                total = least(True, stage, 0, width)[0]
                if stage + 1 < len(network.stages):
                    total = _add(total, least(False, stage + 1, 0, width)[0])
            return total, None, width
        layer, found = chain[index], None
        for in_bits, out_bits, own, fold in choices(head, stage, index):
            total = _add(own, least(head, stage, index + 1, out_bits)[0])
            between = converter(width, in_bits, layer.source.values * layer.in_bits)
            if between:
                total = _add(total, price([between]))
            if found is None or (total, _key(fold)) < (found[0], _key(found[1])):
                found = (total, fold, out_bits)
        assert found is not None
        return found

    source = network.source
    entries = [pe for pe in divisors(source.channels) if source.pixels * source.channels // pe <= targets[0]]
    input_pe = min(entries, key=lambda pe: (least(False, 0, 0, pe * network.in_bits)[0], pe))
    folds: dict[str, Fold] = {}

    def follow(head: bool, stage: int, width: int) -> None:
        for index, layer in enumerate(chains[head, stage]):
            _, fold, width = least(head, stage, index, width)
            assert fold is not None
            folds[layer.name] = fold
        if not head:
            follow(True, stage, width)
            if stage + 1 < len(network.stages):
                follow(False, stage + 1, width)

    follow(False, 0, input_pe * network.in_bits)
    return evaluate(network, folds, targets, part, input_pe=input_pe, narrow=narrow)


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
    for stage, head in zip(network.stages, network.heads, strict=True):
        width = plan(stage, width)
        plan(head, width)
    first = network.layers[0]
    if input_pe is None:
        input_pe = plans[first.name].units[0].in_bits // network.in_bits
        input_pe = input_pe if network.source.channels % input_pe == 0 else network.source.channels
        return evaluate(network, folds, targets, part, input_pe=input_pe, narrow=narrow)
    return Folding(
        network=network, part=part, targets=tuple(targets), input_pe=input_pe,
        folds={name: folds[name] for name in names}, plans={name: plans[name] for name in names},
    )


_Price = tuple[int, int]


def _add(a: _Price, b: _Price) -> _Price:
    return a[0] + b[0], a[1] + b[1]


def _key(fold: Fold) -> tuple[int, int, bool]:
    return fold.pe, fold.simd, fold.parallel_window


def _rank(found: tuple[_Price, Fold]) -> tuple[_Price, tuple[int, int, bool]]:
    return found[0], _key(found[1])


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
