"""The rows of the report's tables."""

from collections.abc import Sequence
from dataclasses import dataclass

from build_flows.artefacts.resources import ResourcesFile
from build_flows.artefacts.simulation import Figures
from build_flows.artefacts.verdict import NAMES, capacity, used
from build_flows.base.parts import find_part
from build_flows.pages.folding_words import folding_words
from build_flows.pages.report_data import CountedStream, ReportData
from hw.netlist import Exit, Layer, Netlist, Stage
from quant_models.exits.policies import POLICIES
from quant_models.exits.records import Calibration

__all__ = [
    "CostRow", "ExitRow", "LayerRow", "ResourceRow", "StageLayers", "StageRow", "StageSumsRow", "StreamRow", "exit_rows", "predicted",
    "reached", "resource_rows", "stage_cycles", "stage_layers", "stage_rows", "stage_sums", "stream_rows", "totals", "without_lut",
]

COSTS = ("dsp", "lut", "ff", "bram18")


@dataclass(frozen=True, kw_only=True)
class ExitRow:
    """An exit: its ``rule`` in words, the share that calibration ``expected`` and the one measured, the accuracy there and of the exit
    ``alone`` over the validation split, the share that ``reached`` it, and the median latency in cycles."""

    index: int
    policy: str
    rule: str
    expected: float
    share: float
    accuracy: float | None
    alone: float
    reached: float
    latency: float | None


@dataclass(frozen=True, kw_only=True)
class StageRow:
    """A stage: planned and measured reach, the ``cycles`` a frame that it takes, those ``planned`` for its ``slowest`` layer and those that
    it may take, and the share of the run in which it was ``busy`` (None: not known)."""

    index: int
    reach: float
    target_cycles: int
    cycles: int
    planned: int
    slowest: str
    reached: float
    busy: float | None


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """A layer: its folding in words (``told``), whether it is its stage's ``slowest``, and by :data:`COSTS` our estimate and FINN's, None
    where there is none."""

    name: str
    kind: str
    told: str
    cycles: int
    slowest: bool
    finn_cycles: float | None
    costs: list[tuple[float | None, float | None]]


@dataclass(frozen=True, kw_only=True)
class StageLayers:
    """The layers of a stage, its head's last, and the sums of their costs."""

    stage: Stage
    rows: list[LayerRow]
    costs: list[tuple[float, float | None]]


@dataclass(frozen=True, kw_only=True)
class CostRow:
    """One kind of cost of all layers, by our estimate and FINN's, and what the part has (None: not known)."""

    name: str
    ours: float
    finn: float | None
    part: int | None


@dataclass(frozen=True, kw_only=True)
class StreamRow:
    """A counted stream, what it carries in words, how full it was at most, and the share of the run in which it stalled."""

    name: str
    told: str
    depth: int | None
    most: int | None
    unit: str
    fill: float | None
    stalls: int | None
    stalled: float | None


@dataclass(frozen=True, kw_only=True)
class ResourceRow:
    """A resource: what the design uses and the part has, the share of that, and of the design's own what only early exits need; what
    the tools that built it count of the whole design (None: not built)."""

    name: str
    used: float
    there: float
    share: float
    exits_add: float
    routed: float | None


@dataclass(frozen=True, kw_only=True)
class StageSumsRow:
    """What the units of a stage, of a head, or of neither take: their number, and counts by :data:`build_flows.artefacts.verdict.NAMES`
    (None: not counted)."""

    name: str
    units: int
    counts: list[float | None]


def resource_rows(data: ReportData) -> list[ResourceRow]:
    """A row a resource, LUTs with those that are memory and as the verdict counts pairs; none where nothing was synthesised, and
    none of CARRY4 in a file of before they were counted."""
    found = data.resources
    if found is None or data.verdict is None:
        return []
    taken, routed = used(found.total), None if found.routed is None else used(found.routed.utilisation)
    there, before = capacity(find_part(data.verdict.part)), found.total.lut + found.total.lutram
    names = {"lut": f"LUT, logic and memory ({before:,} before pairing)", "lutram": "LUTRAM (among these)",
             "carry": "CARRY4 (carry chains; one a slice)"}
    return [
        ResourceRow(
            name=names.get(key, name), used=taken[key], there=getattr(there, key), share=taken[key] / getattr(there, key),
            exits_add=getattr(found.exits_add, key),
            # Vivado's reports do not count carry chains.
            routed=None if routed is None or key == "carry" else routed[key],
        )
        for key, name in NAMES.items() if key != "carry" or _counts_carry(found)
    ]


def stage_sums(data: ReportData) -> list[StageSumsRow]:
    """A row a stage, a head, and all that is neither; none where nothing was synthesised."""
    return [
        StageSumsRow(
            name="between and around" if item.stage is None else f"{'head' if item.head else 'stage'} {item.stage}", units=item.units,
            counts=[None if key == "carry" and not _counts_carry(found) else count for key, count in used(item).items()],
        )
        for found in ([] if data.resources is None else [data.resources]) for item in found.stages
    ]


def _counts_carry(found: ResourcesFile) -> bool:
    """Whether the file is not from before CARRY4 were counted."""
    return found.capacity.carry > 0


def reached(results: Figures) -> list[float]:
    """Share of the simulated samples that reached each stage."""
    left = [item.share for item in results.exits]
    return [sum(left[k:]) for k in range(len(left))]


def stage_cycles(data: ReportData) -> list[int]:
    """Cycles a frame of each stage with its head: measured, else what is planned for its slowest layer."""
    if data.intervals is not None:
        return list(data.intervals)
    layers = data.netlist.layers
    return [max((layer.cycles for layer in layers if layer.stage == stage.index), default=0) for stage in data.netlist.stages]


def exit_rows(data: ReportData) -> list[ExitRow]:
    """A row an exit."""
    calibration = data.exits.calibration
    return [
        ExitRow(
            index=entry.index, policy=built.policy, rule=_rule(built, calibration), expected=entry.leave, share=measured.share,
            accuracy=measured.accuracy, alone=calibration.exit_accuracy[entry.index], reached=arrived, latency=measured.latency_median,
        )
        for entry, built, measured, arrived in zip(
            data.exits.exits, data.netlist.exits, data.results.exits, reached(data.results), strict=True
        )
    ]


def _rule(built: Exit, calibration: Calibration) -> str:
    """When a sample leaves, in words."""
    row = POLICIES[built.policy]
    real = calibration.real_thresholds.get(str(built.index))
    if row.unit is None:
        return row.summary
    if isinstance(real, list):
        scored = POLICIES[built.params["score"]]
        return f"{scored.summary} of the class that wins: {min(real):.3g} to {max(real):.3g} ({scored.unit})"
    told = f": {real:.3g} ({row.unit})" if real is not None else ""
    return f"{row.summary}{told}; as an integer, {built.threshold}"


def stage_rows(data: ReportData) -> list[StageRow]:
    """A row a stage."""
    rows = []
    rate = data.results.cycles_per_sample
    for stage, cycles, arrived in zip(data.netlist.stages, stage_cycles(data), reached(data.results), strict=True):
        slowest = max((layer for layer in data.netlist.layers if layer.stage == stage.index), key=lambda item: item.cycles)
        rows.append(StageRow(
            index=stage.index, reach=stage.reach, target_cycles=stage.target_cycles, cycles=cycles, planned=slowest.cycles,
            slowest=slowest.name, reached=arrived, busy=arrived * cycles / rate if rate else None,
        ))
    return rows


def predicted(data: ReportData) -> float | None:
    """Cycles per sample that the measured stages and the gates' queue model lead one to expect at the planned reach."""
    if data.intervals is None:
        return None
    slowest = max(stage.reach * cycles for stage, cycles in zip(data.netlist.stages, data.intervals, strict=True))
    return slowest / (1 - max((gate.loss for gate in data.gates), default=0.0))


def stage_layers(netlist: Netlist) -> list[StageLayers]:
    """The layers stage by stage, with what each of these groups costs."""
    groups = []
    for stage in netlist.stages:
        found = [layer for layer in netlist.layers if layer.stage == stage.index]
        slowest = max((layer.cycles for layer in found), default=0)
        rows = [_layer(layer, slowest) for layer in sorted(found, key=lambda item: item.head)]
        groups.append(StageLayers(stage=stage, rows=rows, costs=[_sums(found, key) for key in COSTS]))
    return groups


def _layer(layer: Layer, slowest: int) -> LayerRow:
    return LayerRow(
        name=layer.name, kind=layer.op.removesuffix("_rtl"), told=folding_words(layer), cycles=layer.cycles,
        slowest=layer.cycles == slowest,
        finn_cycles=layer.finn.get("cycles"), costs=[(layer.cost.get(key), layer.finn.get(key)) for key in COSTS],
    )


def _sums(layers: Sequence[Layer], key: str) -> tuple[float, float | None]:
    """(our sum, FINN's sum or None where it has no estimate) of the cost ``key``."""
    estimates = [layer.finn[key] for layer in layers if key in layer.finn]
    return sum(layer.cost.get(key, 0) for layer in layers), sum(estimates) if estimates else None


def without_lut(netlist: Netlist) -> list[str]:
    """Kinds of layers whose LUTs FINN does not estimate: its sum does not hold them."""
    return sorted({layer.op.removesuffix("_rtl") for layer in netlist.layers if "lut" not in layer.finn})


def totals(data: ReportData) -> list[CostRow]:
    """A row a kind of cost."""
    part = data.part
    there = {} if part is None else {"dsp": part.dsp, "lut": part.lut, "ff": part.ff, "bram18": part.bram18}
    sums = [(key, *_sums(data.netlist.layers, key)) for key in COSTS]
    return [CostRow(name=key.upper(), ours=ours, finn=finn, part=there.get(key)) for key, ours, finn in sums]


def stream_rows(streams: Sequence[CountedStream]) -> list[StreamRow]:
    """A row a counted stream."""
    return [
        StreamRow(
            name=item.name, told=_carried(item.name), depth=item.depth, most=item.most, unit=item.unit,
            fill=item.most / item.depth if item.depth and item.most is not None else None, stalls=item.stalls,
            stalled=item.stalls / item.cycles if item.cycles and item.stalls is not None else None,
        )
        for item in streams
    ]


def _carried(name: str) -> str:
    """What a counted stream carries, in words."""
    if name.startswith("gate"):
        return f"frames kept after exit {name[4:]}, waiting for stage {int(name[4:]) + 1}"
    if name.startswith("exit"):
        return f"logits of exit {name[4:]}, waiting for their decision"
    return {"input": "images, waiting to be let in", "output": "results, waiting to be fetched"}.get(name, "")
