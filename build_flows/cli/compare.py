"""``offramp compare``: one row per exit layout, beside the network without exits."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, print_json, working
from build_flows.cli.verdict import alarm, strict_option
from build_flows.pages.html import share_told

if TYPE_CHECKING:
    from build_flows.artefacts.compare import CompareFile, Row
    from build_flows.base.ui import Ui
    from build_flows.compare.ahead import Asked

__all__ = ["compare"]

@click.command()
@click.argument("configs", metavar="[CONFIG]...", type=EXISTING, nargs=-1)
@click.option("--sweep", type=EXISTING, metavar="FILE", help="Compare the layouts that this file lists, instead of CONFIG.")
@click.option(
    "--pareto", metavar="LIST",
    help="Objectives, with commas: accuracy, throughput, lut, lutram, ff, bram36, dsp. The table shows only the rows that no other one "
    "beats in them, and the baselines; the files hold all rows.  [default: accuracy,throughput,lut, and all rows]",
)
@click.option("--include-unbuildable", is_flag=True,
              help="Let layouts that do not fit or miss their clock be on the front too; they are drawn hollow.")
@strict_option
@click.option("--part", metavar="PART", help="Part or board whose capacity counts.  [default: that of target.board]")
@click.option("--workers", "count", type=click.IntRange(min=1), metavar="N",
              help="Layouts that are made at a time, each in a process of its own of about 2 GB.  [default: one after another]")
@click.option("--full", is_flag=True, help="Synthesise the complete top of each layout as well, not only its units.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), metavar="DIR",
              help="Folder for compare.json, compare.csv, compare.html and the plots.  [default: beside the layouts]")
@data_option
@json_option
@debug_option
def compare(
    configs: tuple[Path, ...], sweep: Path | None, pareto: str | None, include_unbuildable: bool, strict: bool, part: str | None,
    count: int | None, full: bool, output: Path | None, data: Path | None, as_json: bool,
) -> None:
    """Say what each layout of exits reaches and costs: accuracy, samples a second, LUT, FF, BRAM and DSP, in one table and one page.

    Every layout is trained, compiled, simulated and synthesised. The first rows are the same network without exits: at the same target
    rate, and at the fastest rate that fits into the same resources. Rows that do not fit their part or miss their clock (by the timing
    estimate) are red and on no front; with --strict one that is no baseline is exit code 1.

    What is finished is kept: the same command goes on after Ctrl-C.

    \b
    Examples:
      offramp compare examples/b_lenet_fashion.toml
      offramp compare --sweep examples/layouts_b_lenet.toml
      offramp compare --sweep examples/layouts_b_lenet.toml --workers 2
      offramp compare --sweep examples/layouts_b_lenet.toml --pareto accuracy,throughput,lut --json
    """
    if bool(configs) == (sweep is not None):
        raise click.UsageError("give either configurations or --sweep FILE" + (", not both" if configs else ""))
    with working() as ui:
        from build_flows.compare.compare import OBJECTIVES, write_files
        from build_flows.compare.compare import compare as run
        from build_flows.compare.sweep import plan_configs, plan_sweep
        from build_flows.steps import flow

        objectives = OBJECTIVES if pareto is None else tuple(dict.fromkeys(name.strip() for name in pareto.split(",")))
        plan = plan_sweep(sweep, data) if sweep is not None else plan_configs(configs, data)
        found = run(
            plan, ui, flow, part=part, data=data, full=full, objectives=objectives, include_unbuildable=include_unbuildable,
            ahead=None if count is None else partial(_at_a_time, ui, count),
        )
        files = write_files(found, output or plan.output, ui.info)
    if as_json:
        print_json({**found.to_json(), "files": {name: str(path) for name, path in files.items()}})
    else:
        rows = [row for row in found.layouts if pareto is None or row.pareto or row.baseline]
        answer().table(f"{found.name}: measured in the RTL", SPEED, [_speed(row, found) for row in rows])
        answer().table(f"{found.name}: synthesised, for {found.part}", COST, [_cost(row) for row in rows])
        if pareto is not None:
            left = [row for row in found.layouts if row not in rows]
            aside = sum(not row.buildable for row in left)
            cannot = f"; {aside} of them cannot be built" if aside else ""
            click.echo(f"{len(left)} rows are not shown: others beat them in {', '.join(objectives)}{cannot}")
        for row in found.layouts:
            if not row.buildable:
                click.secho(_cannot(row), fg="red", bold=True)
        click.echo(files["html"])
    _refuse(found, strict)


def _at_a_time(ui: "Ui", count: int, asked: Sequence["Asked"]) -> None:
    """Make ``asked``, up to ``count`` at a time; those that fail are told again with their rows."""
    from build_flows.compare.ahead import make
    from build_flows.explore.workers import workers

    with workers(ui, None, min(count, len(asked))) as pool, ui.progress(f"{len(asked)} layouts, {pool.count} at a time", len(asked)) as bar:
        for name, error in pool.run({item.name: (make, item) for item in asked}, None):
            ui.info(f"layout {name} is made" if error is None else f"layout {name} failed: {error}")
            bar.advance()


SPEED = ("layout", "early exits: block, head, policy, share", "accuracy (95 %)", "cycles", "samples/s", "per kLUT", "front")
COST = ("layout", "LUT", "LUTRAM", "FF", "BRAM36", "DSP", "fits", "MHz est.", "exits add, LUT")


def _speed(row: "Row", found: "CompareFile") -> tuple[object, ...]:
    early = [f"{item.after} {item.head} {item.policy} {100 * item.share:.0f} %" for item in row.exits[:-1]]
    rate = row.samples_per_second_per_klut
    same = all(item.target_cycles_per_sample == row.target_cycles_per_sample for item in found.layouts if not item.baseline)
    wanted = "same target rate" if same else f"for {row.target_cycles_per_sample:,} cycles a sample"
    told = {None: "-", "rate": f"none: {wanted}", "resources": "none: same resources"}[row.baseline]
    return (
        alarm(row.name, not row.buildable), "\n".join(early) or told, share_told(row.accuracy, row.samples),
        f"{row.cycles_per_sample:,.1f}", alarm(f"{row.samples_per_second:,.0f}", not row.buildable),
        "-" if rate is None else f"{rate:,.0f}", "yes" if row.pareto else "",
    )


def _cost(row: "Row") -> tuple[object, ...]:
    fmax = row.fmax_estimate_mhz
    return (
        alarm(row.name, not row.buildable), f"{row.lut:,}", f"{row.lutram:,}", f"{row.ff:,}", f"{row.bram36:g}", f"{row.dsp:,}",
        alarm("yes" if row.fits else "\n".join(["no", *row.short]), not row.fits),
        alarm("-" if fmax is None else f"{fmax:,.0f}", row.meets_clock is False), f"{100 * row.exits_add.lut:.1f} %",
    )


def _cannot(row: "Row") -> str:
    """Why a row cannot be built, and what to change."""
    short = [f"does not fit: {', '.join(row.short)}; raise its target.cycles_per_sample (now {row.target_cycles_per_sample}), or lower "
             "model.weight_bits or model.act_bits"] if not row.fits else []
    slow = [f"misses its clock: {row.expected_clock_mhz:.1f} MHz estimated of {row.clock_mhz:g}; lower target.clock_mhz"]
    return f"{row.name} {'; '.join([*short, *(slow if row.meets_clock is False else [])])}"


def _refuse(found: "CompareFile", strict: bool) -> None:
    """Layouts that failed are an error, one line each, after the others' results were written; for the ``strict``, those too that are no
    baselines and cannot be built."""
    wrong = [f"layout {item.name}: {item.error}" for item in found.failed]
    hint = found.failed[0].hint or None if found.failed else None
    if strict:
        wrong += [f"--strict: layout {_cannot(row)}" for row in found.layouts if not row.buildable and not row.baseline]
    if wrong:
        raise OfframpError("\n".join(wrong), hint=hint)
