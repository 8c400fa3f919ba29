"""``resources.json``: what every unit of a compiled project takes, in total and against the part, and how fast it may be clocked."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from build_flows.artefacts import verdict
from build_flows.artefacts.resources import (
    Difference,
    MemoryRecord,
    Shares,
    StageSums,
    Sums,
    SynthesisFile,
    UnitRecord,
    UnitTiming,
    WholeSums,
)
from build_flows.artefacts.verdict import capacity, used
from build_flows.base.parts import Part
from build_flows.base.ui import Ui
from build_flows.synthesis.estimate import compare_estimates
from build_flows.synthesis.linked_netlist import link
from build_flows.synthesis.memories import surprises
from build_flows.synthesis.resources import Resources, total
from build_flows.synthesis.synthesise import Synthesised, synthesise_all
from build_flows.synthesis.timing import Timing, longest_path
from build_flows.synthesis.units import ALIAS, TOP, ProjectUnit, project_units, whole_unit
from hw.netlist import Netlist

__all__ = ["RESOURCES", "measure", "shares", "shortages"]

RESOURCES = tuple(verdict.NAMES)
"""What a part holds of; ``lut`` of a design is without its ``lutram``, that of a part is both."""

_WHOLE = "the whole top"


def measure(netlist: Netlist, rtl: Path, part: Part, cache: Path, ui: Ui, *, full: bool = False) -> SynthesisFile:
    """Synthesise every unit of ``rtl/`` (those in ``cache`` excepted) and say what docs/interfaces.md defines as ``resources.json``.

    ``full``: the complete top too, flattened and synthesised as one. Raises :class:`build_flows.synthesis.synthesise.SynthesisError` for
    what the synthesiser refuses; finished units stay in ``cache``.
    """
    units = project_units(netlist, rtl)
    jobs = {item.name: item.unit for item in sorted(units, key=_size, reverse=True)}
    if full:
        jobs = {_WHOLE: whole_unit(netlist, rtl), **jobs}
    with ui.progress(f"synthesising {len(jobs)} units", len(jobs)) as bar:
        def tell(name: str, found: Synthesised) -> None:
            bar.update(text=name)
            bar.advance()

        found = synthesise_all(jobs, cache, progress=tell, part_family=part.family)

    ui.info("longest paths")
    rows = [_row(item, found[item.name]) for item in units]
    summed = total(found[item.name].resources for item in units)
    whole = found[_WHOLE] if full else None
    design = _design_timing(units, found) if whole is None else longest_path(whole.read_netlist(), TOP)
    taken = whole.resources if whole else summed
    sums = _sums(taken)
    short = shortages(sums, part)
    elsewhere = [f"{item.name}: {memory.describe()}" for item in units for memory in surprises(found[item.name].memories)]
    for line in elsewhere:
        ui.info(f"warning: {line}")
    return SynthesisFile(
        part=part.name,
        capacity=capacity(part),
        clock_mhz=netlist.clock_mhz,
        total=sums,
        total_of="whole top" if whole else "sum of units",
        sum_of_units=_sums(summed),
        whole=None if whole is None else WholeSums(**vars(_sums(whole.resources)), difference=_difference(summed, whole.resources)),
        shares=shares(sums, part),
        fits=not short,
        short=short,
        fmax_estimate_mhz=design.record().fmax_mhz,
        timing=design.record(),
        path=design.describe(),
        units=rows,
        stages=_stages(rows, len(netlist.stages)),
        exits_add=_exits_add(rows, summed),
        memories=[MemoryRecord(unit=item.name, **asdict(memory)) for item in units for memory in found[item.name].memories],
        memories_elsewhere=elsewhere,
        estimates=compare_estimates(netlist.layers, rows),
    )


def shares(taken: Sums, part: Part) -> Shares:
    """The share of the part's capacity that ``taken`` uses, by resource; LUTs that are memory count as LUTs too."""
    return Shares(**{name: round(count / getattr(part, name), 4) for name, count in used(taken).items()})


def shortages(taken: Sums, part: Part) -> list[str]:
    """What the part has too little of, as ``DSP48E1: 240 of 220``; empty when the design fits."""
    names = {"DSP": part.dsp_block}
    return [item.told(names.get(item.resource)) for item in verdict.shortages(used(taken), capacity(part))]


def _size(item: ProjectUnit) -> float:
    """Long runs first, so that the last ones are short."""
    return item.layer.cost.get("lut", 0.0) + item.layer.cost.get("ff", 0.0) if item.layer else 0.0


def _sums(found: Resources) -> Sums:
    return Sums(
        lut=found.lut, lut_paired=found.lut_paired, lutram=found.lutram, ff=found.ff, bram36=found.bram36, dsp=found.dsp,
        carry=found.carry,
    )


def _difference(summed: Resources, whole: Resources) -> Difference:
    """The sum of units against the whole, as a share of the whole; None where the whole has none and the sum has."""
    a, b = _sums(summed), _sums(whole)
    names = Sums.model_fields
    return Difference(**{
        name: round(getattr(a, name) / getattr(b, name) - 1, 4) if getattr(b, name) else (0.0 if not getattr(a, name) else None)
        for name in names
    })


def _row(item: ProjectUnit, found: Synthesised) -> UnitRecord:
    module = _only(found)
    # The units that the top instantiates are rows of their own.
    module["cells"] = {name: cell for name, cell in module["cells"].items() if not cell["type"].startswith(f"{TOP}.")}
    timing = longest_path({"modules": {TOP: module}}, TOP)
    told = timing.record()
    return UnitRecord(
        name=item.name, kind=item.kind, op=item.layer.op if item.layer else None, stage=item.stage, head=item.head,
        exit_cost=item.exit_cost, **vars(_sums(found.resources)),
        timing=UnitTiming(
            fmax_mhz=told.fmax_mhz, path=_named(timing, item.name), path_ns=told.path_ns, in_ns=told.in_ns, out_ns=told.out_ns,
            through_ns=told.through_ns,
        ),
    )


def _named(timing: Timing, name: str) -> str:
    return timing.describe().replace(ALIAS, name)


def _design_timing(units: Sequence[ProjectUnit], found: Mapping[str, Synthesised]) -> Timing:
    """Paths through the whole design: the units' netlists joined by that of the top."""
    children = {f"{TOP}.{item.name}": _only(found[item.name]) for item in units if item.name != "top"}
    return longest_path({"modules": {TOP: link(_only(found["top"]), children, ALIAS)}}, TOP)


def _only(found: Synthesised) -> dict[str, Any]:
    (module,) = found.read_netlist()["modules"].values()
    return dict(module)


def _stages(rows: Sequence[UnitRecord], count: int) -> list[StageSums]:
    """Sums by stage and head, and of what belongs to none."""

    def add(stage: int | None, head: bool) -> StageSums:
        chosen = [row for row in rows if row.stage == stage and row.head == head]
        sums = {name: sum(getattr(row, name) for row in chosen) for name in Sums.model_fields}
        return StageSums(stage=stage, head=head, units=len(chosen), **sums)

    return [*(add(stage, head) for stage in range(count) for head in (False, True)), add(None, False)]


def _exits_add(rows: Sequence[UnitRecord], summed: Resources) -> Shares:
    """The share of the sum of units that is there for early exits, by resource."""
    sums = _sums(summed)

    def share(name: str) -> float:
        whole = getattr(sums, name)
        return round(sum(getattr(row, name) for row in rows if row.exit_cost) / whole, 4) if whole else 0.0

    return Shares(**{name: share(name) for name in RESOURCES})
