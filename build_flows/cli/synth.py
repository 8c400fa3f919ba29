"""``offramp synth``: what a project takes of its part."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, load_project, print_json, working
from build_flows.cli.verdict import alarm, refuse_project, show, strict_option
from build_flows.pages.html import percent

if TYPE_CHECKING:
    from rich.text import Text

    from build_flows.artefacts.resources import LayerEstimate, OpenRecord, ResourcesFile, StageSums, Sums, UnitRecord, VivadoRecord
    from build_flows.artefacts.verdict import Verdict
    from build_flows.project.load import Project

__all__ = ["routed_verdict", "synth"]

COLUMNS = ("LUT", "LUT paired", "LUTRAM", "FF", "BRAM36", "DSP", "CARRY4")
UNIT_COLUMNS = ("LUT", "LUTRAM", "FF", "BRAM36", "DSP")
UNIT_FIELDS = ("lut", "lutram", "ff", "bram36", "dsp")
FIELDS = ("lut", "lut_paired", "lutram", "ff", "bram36", "dsp", "carry")
PART_FIELDS = FIELDS[2:]
"""What a part's capacity has beside ``lut``."""
ROUTED_FIELDS = PART_FIELDS[:-1]
"""Of these, what the reports of both flows count."""


@click.command()
@click.argument("config", type=EXISTING)
@click.option("--part", metavar="PART", help="Part or board whose capacity counts.  [default: that of target.board]")
@click.option("--full", is_flag=True, help="Synthesise the complete top as well, flattened: the totals are then its own.")
@strict_option
@data_option
@json_option
@debug_option
def synth(config: Path, part: str | None, full: bool, strict: bool, data: Path | None, as_json: bool) -> None:
    """Synthesise the RTL with Yosys and say what it takes: per unit, per stage, in total, and of the part (resources.json).

    The very RTL that is simulated, unit by unit, two at a time; a unit that was synthesised before, in this project or one beside it, is
    not synthesised again. Clock frequencies are estimates from the netlist before placement.

    \b
    Examples:
      offramp synth examples/digits.toml
      offramp synth examples/b_lenet_fashion.toml --full
      offramp synth examples/b_lenet_fashion.toml --part xc7z010clg400-1 --json
    """
    with working() as ui:
        from build_flows.base.parts import find_part

        if part is not None:
            find_part(part)
        project = load_project(config, data)
        from build_flows.steps import flow

        found = flow.synth(project, ui, part=part, full=full)
    from build_flows.artefacts.verdict import synthesised

    verdict = synthesised(found)
    if as_json:
        print_json({"project": project.name, "verdict": verdict.to_json(), **found.to_json()})
    else:
        _show(project, found, verdict)
    refuse_project(project, verdict, strict)


def _show(project: "Project", found: "ResourcesFile", verdict: "Verdict") -> None:
    """The tables, and the verdict."""
    tables = answer()
    tables.table(f"{project.name}: units", ("unit", *UNIT_COLUMNS, "MHz"), [_unit(row) for row in found.units])
    rows = [(row.layer, row) for row in found.estimates.layers] + [("all layers", found.estimates.total)]
    tables.table(f"{project.name}: LUT (with LUTRAM) and FF of layers, and by how much estimates miss them",
                 ("layer", "LUT", "ours", "FINN", "FF", "ours"), [_fitted(name, row) for name, row in rows])
    tables.table(f"{project.name}: BRAM36 and DSP of layers, and what was estimated",
                 ("layer", "BRAM36", "ours", "FINN", "DSP", "ours", "FINN"),
                 [(name, *map(_exact, counts)) for name, row in rows if any(counts := _blocks(row))])
    tables.table(f"{project.name}: stages", ("stage", "units", *COLUMNS), [_stage(row) for row in found.stages])
    tables.table(f"{project.name} on {found.part} (share of LUT: most pairs counted once, and LUTRAM; CARRY4: carry chains, one a slice)",
                 ("", *COLUMNS), _totals(found))
    for line in (*_told(found), *(routed_verdict(found.routed) if found.routed is not None else ())):
        click.echo(line)
    show(project.name, verdict, project.config)


def _unit(row: "UnitRecord") -> tuple[object, ...]:
    fmax = row.timing.fmax_mhz
    return (row.name, *(f"{getattr(row, name):,g}" for name in UNIT_FIELDS), "-" if fmax is None else f"{fmax:.0f}")


def _fitted(name: str, row: "LayerEstimate") -> tuple[str, ...]:
    """LUTs and flip-flops found, and the errors of the estimates; a dash where there is no model."""
    def error(estimate: float | None, missed: float | None) -> str:
        return "-" if estimate is None or missed is None else f"{100 * missed:+.0f} %"

    finn, ours, errors = row.finn, row.corrected, row.error
    return (
        name, f"{row.synthesised.lut:,}", error(ours.lut, errors.corrected.lut), error(finn.lut, errors.finn.lut),
        f"{row.synthesised.ff:,}", error(ours.ff, errors.corrected.ff),
    )


def _blocks(row: "LayerEstimate") -> tuple[float | None, ...]:
    """Block RAMs and DSPs found, and as estimated: ours, then FINN's."""
    sides = (row.synthesised, row.corrected, row.finn)
    return (*(side.bram36 for side in sides), *(side.dsp for side in sides))


def _exact(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _stage(row: "StageSums") -> tuple[object, ...]:
    name = "between and around" if row.stage is None else f"{'head' if row.head else 'stage'} {row.stage}"
    return (name, row.units, *_sums(row))


def _sums(row: "Sums") -> list[str]:
    return [f"{getattr(row, name):,g}" for name in FIELDS]


def _totals(found: "ResourcesFile") -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [("sum of units", *_sums(found.sum_of_units))]
    if found.whole is not None:
        rows.append(("whole top", *_sums(found.whole)))
        differences = [getattr(found.whole.difference, name) for name in FIELDS]
        rows.append(("sum against whole", *("-" if value is None else f"{100 * value:+.1f} %" for value in differences)))
    if found.routed is not None:
        used = found.routed.utilisation
        name = "Vivado, with DMA" if found.vivado is not None else "placed, with DMA"
        rows.append((name, f"{used.lut:,}", "", *(f"{getattr(used, field):,g}" for field in ROUTED_FIELDS), "-"))
    capacity, shares = found.capacity, found.shares
    rows.append(("the part has", f"{capacity.lut:,}", "", *(f"{getattr(capacity, name):,}" for name in PART_FIELDS)))
    rows.append(("share", _share(shares.lut), "", *(_share(getattr(shares, name)) for name in PART_FIELDS)))
    return rows


def _share(value: float) -> "Text":
    """Red where it is more than the part has."""
    return alarm(percent(value), value > 1)


def routed_verdict(routed: "VivadoRecord | OpenRecord") -> list[str]:
    """What was found of clock and power, a line each, by what routed it."""
    from build_flows.artefacts.resources import OpenRecord

    if isinstance(routed, OpenRecord):
        if routed.timing is None:
            return ["clock: nextpnr-xilinx tells none after routing; the estimate is all there is"]
        return [f"clock, routed by nextpnr-xilinx: {routed.timing.fmax_mhz:g} MHz, of {routed.timing.clock_mhz:g} MHz that are set"]
    timing, power = routed.timing, routed.power
    lines = [f"clock, routed by {routed.by}: meets {timing.clock_mhz:g} MHz by {timing.wns_ns:.3f} ns "
             f"(about {timing.fmax_mhz:g} MHz)",
             f"power, estimated by Vivado: {power.total_w:.2f} W, of which {power.static_w:.2f} W static, processors and all"]
    if timing.path:
        lines.insert(1, f"  least slack: {timing.path}")
    return lines


def _told(found: "ResourcesFile") -> list[str]:
    """The longest path, and what early exits add."""
    added = ", ".join(f"{100 * share:.0f} % of {label}" for name, label in zip(UNIT_FIELDS, UNIT_COLUMNS, strict=True)
                      if (share := getattr(found.exits_add, name)))
    lines = [f"clock, estimated: {found.path}"]
    if added:
        lines.append(f"early exits add {added} (heads, forks, decisions, gates, tokens, merge)")
    return lines
