"""``offramp synth``: what a project takes of its part."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, load_project, print_json, working

__all__ = ["synth"]

COLUMNS = ("LUT", "LUT paired", "LUTRAM", "FF", "BRAM36", "DSP")
UNIT_COLUMNS = ("LUT", "LUTRAM", "FF", "BRAM36", "DSP")
UNIT_FIELDS = ("lut", "lutram", "ff", "bram36", "dsp")
SIDES = ("synthesised", "corrected", "finn")
FIELDS = ("lut", "lut_paired", "lutram", "ff", "bram36", "dsp")


@click.command()
@click.argument("config", type=EXISTING)
@click.option("--part", metavar="PART", help="Part or board whose capacity counts.  [default: that of target.board]")
@click.option("--full", is_flag=True, help="Synthesise the complete top as well, flattened: the totals are then its own.")
@data_option
@json_option
@debug_option
def synth(config: Path, part: str | None, full: bool, data: Path | None, as_json: bool) -> None:
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
    if as_json:
        print_json({"project": project.name, **found})
        return
    tables = answer()
    tables.table(f"{project.name}: units", ("unit", *UNIT_COLUMNS, "MHz"), [_unit(row) for row in found["units"]])
    rows = [*found["estimates"]["layers"], {"layer": "all layers", **found["estimates"]["total"]}]
    tables.table(f"{project.name}: LUT (with LUTRAM) and FF of layers, and by how much estimates miss them",
                 ("layer", "LUT", "ours", "FINN", "FF", "ours"), [_fitted(row) for row in rows])
    tables.table(f"{project.name}: BRAM36 and DSP of layers, and what was estimated",
                 ("layer", "BRAM36", "ours", "FINN", "DSP", "ours", "FINN"),
                 [_exact(row) for row in rows if any(row[side][name] for side in SIDES for name in ("bram36", "dsp"))])
    tables.table(f"{project.name}: stages", ("stage", "units", *COLUMNS), [_stage(row) for row in found["stages"]])
    tables.table(f"{project.name} on {found['part']}", ("", *COLUMNS), _totals(found))
    for line in _verdict(found):
        click.echo(line)
    for line in vivado_verdict(found["vivado"]) if found.get("vivado") else []:
        click.echo(line)


def _unit(row: Mapping[str, Any]) -> tuple[object, ...]:
    fmax = row["timing"]["fmax_mhz"]
    return (row["name"], *(f"{row[name]:,g}" for name in UNIT_FIELDS), "-" if fmax is None else f"{fmax:.0f}")


def _fitted(row: Mapping[str, Any]) -> tuple[str, ...]:
    """LUTs and flip-flops found, and the errors of the estimates; a dash where there is no model."""
    def error(side: str, name: str) -> str:
        value = row["error"][side][name]
        return "-" if row[side][name] is None or value is None else f"{100 * value:+.0f} %"

    found = row["synthesised"]
    luts = f"{found['lut']:,}", error("corrected", "lut"), error("finn", "lut")
    return (row["layer"], *luts, f"{found['ff']:,}", error("corrected", "ff"))


def _exact(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Block RAMs and DSPs found, and as estimated."""
    cells = [row[side][name] for name in ("bram36", "dsp") for side in SIDES]
    return (row["layer"], *("-" if value is None else f"{value:g}" for value in cells))


def _stage(row: Mapping[str, Any]) -> tuple[object, ...]:
    name = "between and around" if row["stage"] is None else f"{'head' if row['head'] else 'stage'} {row['stage']}"
    return (name, row["units"], *_sums(row))


def _sums(row: Mapping[str, Any]) -> list[str]:
    return [f"{row[name]:,g}" for name in FIELDS]


def _totals(found: Mapping[str, Any]) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [("sum of units", *_sums(found["sum_of_units"]))]
    if found["whole"]:
        rows.append(("whole top", *_sums(found["whole"])))
        difference = found["whole"]["difference"]
        rows.append(("sum against whole", *("-" if difference[name] is None else f"{100 * difference[name]:+.1f} %" for name in FIELDS)))
    vivado = found.get("vivado")
    if vivado:
        used = vivado["utilisation"]
        rows.append(("Vivado, with DMA", f"{used['lut']:,}", "", *(f"{used[name]:,g}" for name in FIELDS[2:])))
    capacity = found["capacity"]
    rows.append(("the part has", f"{capacity['lut']:,}", "", *(f"{capacity[name]:,}" for name in FIELDS[2:])))
    shares = found["shares"]
    rows.append(("share (LUT with LUTRAM)", f"{100 * shares['lut']:.1f} %", "", *(f"{100 * shares[name]:.1f} %" for name in FIELDS[2:])))
    return rows


def vivado_verdict(vivado: Mapping[str, Any]) -> list[str]:
    """What Vivado found of clock and power, a line each; ``vivado`` is that key of ``resources.json``."""
    timing, power = vivado["timing"], vivado["power"]
    lines = [f"clock, routed by Vivado {vivado['vivado']}: meets {timing['clock_mhz']:g} MHz by {timing['wns_ns']:.3f} ns "
             f"(about {timing['fmax_mhz']:g} MHz)",
             f"power, estimated by Vivado: {power['total_w']:.2f} W, of which {power['static_w']:.2f} W static, processors and all"]
    if timing["path"]:
        lines.insert(1, f"  least slack: {timing['path']}")
    return lines


def _verdict(found: Mapping[str, Any]) -> list[str]:
    told = f"fits {found['part']}" if found["fits"] else f"does not fit {found['part']}: {', '.join(found['short'])}"
    added = ", ".join(f"{100 * found['exits_add'][name]:.0f} % of {label}" for name, label in zip(FIELDS, COLUMNS, strict=True)
                      if found["exits_add"].get(name))
    lines = [told, f"clock, estimated: {found['path']}"]
    if added:
        lines.append(f"early exits add {added} (heads, forks, decisions, gates, tokens, merge)")
    return lines
