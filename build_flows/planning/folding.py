"""A folding of a network, and what is predicted of it: PE, SIMD, parallel window or body of every layer.

Stage 0 gets II cycles a frame, stage k gets II / reach_k x utilisation and a little more, and the head of stage k runs at stage k's rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import floor

from build_flows.artefacts.verdict import capacity, shortages
from build_flows.base.errors import OfframpError
from build_flows.base.parts import Part
from build_flows.planning.gate_costs import gate_costs, planned_frames
from build_flows.planning.layer_costs import Cost, Fold, Unit, converter, units_of_chain
from build_flows.planning.network import IMAGE, Layer, Network, Run
from build_flows.planning.unit import OWN_KEYS

__all__ = ["RESERVE", "TOLERANCE", "Folding", "FoldingError", "LayerPlan", "Limit", "evaluate", "fold_row", "stage_targets", "taken"]

RESERVE = Cost(lut=7100, lutram=1800, ff=5000, bram18=2, carry=450, pairable=190)
"""What is kept free for all that is no layer and no gate's memory: FIFOs, gates' logic, decisions, merge, registers, image input.
Synthesised, b_lenet's take 5,271 logic LUTs, of which pairing could save 192, 1,538 LUTs as memory, 4,801 flip-flops, 281 CARRY4
and, beside its gate's 3 half block RAMs, none; all but the pairs rounded up."""

NOTHING = Cost()

TOLERANCE = 0.02
"""Share by which a later stage may take longer than its planning factor says: no reach and no utilisation is known more exactly, and a
folding one cycle too slow may be a fifth smaller. It is what a gate may lose to bursts (:mod:`build_flows.planning.gate_model`)."""



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
    values a beat in which the image should be handed to the first layer; ``part`` is what the areas were weighed for; ``gates`` is what
    the gates' memories take (nothing where no reach is known), ``widths`` the bits a beat of what they hold, by layer.
    """

    network: Network
    part: Part
    targets: tuple[int, ...]
    input_pe: int
    folds: dict[str, Fold]
    plans: dict[str, LayerPlan]
    gates: Cost = NOTHING
    widths: Mapping[str, int] = field(default_factory=dict)

    @property
    def cost(self) -> Cost:
        """The cost of all layers and of the gates' memories together (forks, FIFOs, decisions and the gates' logic are not in it)."""
        return self.layer_cost + self.gates

    @property
    def layer_cost(self) -> Cost:
        """The cost of all layers together."""
        total = Cost()
        for plan in self.plans.values():
            total += plan.cost
        return total

    def fused_pool(self, name: str) -> Layer | None:
        """The pool that is part of the unit of the layer called ``name``."""
        layers = self.network.layers
        behind = next((after for layer, after in pairwise(layers) if layer.name == name), None)
        fold = self.folds[name]
        inside = (behind is not None and behind.kind == "maxpool" and fold.fused and not fold.by_itself
                  and self.folds[behind.name].body == fold.body)
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
        window; or ``{layer: {"body": "static", "pixels"}}``, ``{layer: {"body", "pixels", "inputs", "outputs", "lanes"}}`` of ``shared``
        and ``shared_lut``, a pool that is part of the unit before it with ``body`` alone, one of body ``pool`` with its ``pixels``."""
        return {layer.name: fold_row(layer, self.folds[layer.name]) for layer in self.network.layers}

    @property
    def fullest(self) -> float:
        """The largest share that it takes of any resource of the part, :data:`RESERVE` included."""
        return max((self.cost + RESERVE).shares(self.part).values())

    def exceeds(self) -> list[str]:
        """What the part has too little of by the estimate, :data:`RESERVE` included, as ``DSP: 240 of 220``; empty when all fits."""
        return [item.told() for item in shortages(taken(self.cost), capacity(self.part))]



def taken(cost: Cost, glue: Cost = RESERVE) -> dict[str, float]:
    """What a design whose layers take ``cost``, and all that is no layer ``glue``, is predicted to take in all, by the keys of
    :data:`build_flows.artefacts.verdict.NAMES`."""
    whole = cost + glue
    return {"lut": whole.occupied, "lutram": whole.lutram, "ff": whole.ff, "bram36": whole.bram18 / 2, "dsp": whole.dsp,
            "carry": whole.carry}



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



def evaluate(
    network: Network, folds: Mapping[str, Fold], targets: Sequence[int], part: Part, *, input_pe: int | None = None, narrow: bool = True,
    reach: Sequence[float] | None = None,
) -> Folding:
    """What is predicted of ``folds`` (by layer name), whether they meet ``targets`` or not. ``input_pe`` None: whatever the first layer
    takes. ``reach``: the share of the samples that reaches each stage; without it gates are not counted.

    Raises :class:`FoldingError` for a layer that is missing, not in the network, or cannot be folded so.
    """
    names = [layer.name for layer in network.layers]
    for name in [*folds, *names]:
        if name not in names:
            raise FoldingError(f"no layer is called {name!r}; known are {', '.join(names)}")
        if name not in folds:
            raise FoldingError(f"layer {name!r} has no folding")
    plans: dict[str, LayerPlan] = {}

    # The width of what each layer gives.
    given: dict[str, int | None] = {IMAGE: input_pe * network.in_bits if input_pe else None}

    def between(name: str, wanted: int, frame_bits: int) -> tuple[Unit, ...]:
        """The converter to beats of ``wanted`` bits for what the layer called ``name`` gives, if there is one."""
        width = given[name]
        found = converter(width, wanted, frame_bits) if width else None
        return (found,) if found else ()

    def plan(run: Run) -> None:
        cycles = 0
        for layer, units, _ in units_of_chain(run.layers, folds, narrow=narrow):
            cost, width = Cost(), given[layer.inputs[0]]
            if units:
                values = units[0].in_bits // layer.in_bits
                front = between(layer.inputs[0], units[0].in_bits, layer.source.values * layer.in_bits)
                for place, (name, (bits, _)) in enumerate(zip(layer.inputs[1:], layer.others, strict=True)):
                    channels = layer.more[place] if layer.more else layer.source.channels
                    front += between(name, (channels if layer.more else values) * bits, layer.source.pixels * channels * bits)
                units = (*front, *units)
                for unit in units:
                    cost += unit.cost
                width, cycles = units[-1].out_bits, max(unit.cycles for unit in units)
            given[layer.name] = width
            plans[layer.name] = LayerPlan(name=layer.name, stage=layer.stage, head=layer.head, units=units, cycles=cycles, cost=cost)

    for run in network.runs:
        try:
            plan(run)
        except ValueError as error:
            raise FoldingError(str(error)) from error
    widths = {name: given[name] or network.in_bits for k in range(len(network.stages)) for name in network.cut(k)}
    first = network.layers[0]
    if input_pe is None:
        input_pe = plans[first.name].units[0].in_bits // network.in_bits
        input_pe = input_pe if network.source.channels % input_pe == 0 or folds[first.name].fused else network.source.channels
        return evaluate(network, folds, targets, part, input_pe=input_pe, narrow=narrow, reach=reach)
    return Folding(
        network=network, part=part, targets=tuple(targets), input_pe=input_pe,
        folds={name: folds[name] for name in names}, plans={name: plans[name] for name in names},
        gates=gate_costs(network, widths, planned_frames(targets, reach)) if reach else NOTHING, widths=widths,
    )



def fold_row(layer: Layer, fold: Fold) -> dict[str, int | str]:
    """The table of ``layer`` in ``folding.toml``."""
    if fold.fused:
        keys = OWN_KEYS[fold.body] if layer.weight_bits or fold.by_itself else ()
        return {"body": fold.body, **{key: getattr(fold, key) for key in keys}}
    row: dict[str, int | str] = {"pe": fold.pe}
    if layer.weight_bits:
        row["simd"] = fold.simd
    if layer.kind == "conv":
        row["parallel_window"] = int(fold.parallel_window)
    return row
