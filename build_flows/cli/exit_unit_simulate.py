"""``offramp exit-unit simulate``."""

import math
from pathlib import Path

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import answer, debug_option, json_option, print_json, working

__all__ = ["simulate"]


def _numbers(ctx: click.Context, parameter: click.Parameter, text: str) -> list[int]:
    try:
        return [int(word) for word in text.split(",")]
    except ValueError:
        raise click.BadParameter(f"must be integers separated by commas, not {text!r}") from None


def _names(ctx: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    return [word.strip() for word in text.split(",")]


@click.command()
@click.option("--policy", "policies", default="all", show_default=True, metavar="LIST", callback=_names,
              help="Policies, separated by commas, or all.")
@click.option("--classes", default="10", show_default=True, metavar="LIST", callback=_numbers,
              help="Numbers of classes, 2 to 1000, separated by commas.")
@click.option("--pe", "pes", default="1", show_default=True, metavar="LIST", callback=_numbers,
              help="Classes a beat, separated by commas; pairs in which pe does not divide the classes are left out.")
@click.option("--samples", type=click.IntRange(1), default=1000, show_default=True, metavar="N", help="Samples for each unit.")
@click.option("--stall", type=click.FloatRange(0, 1, max_open=True), default=0.0, show_default=True, metavar="P",
              help="Probability that the end of a stream pauses in a cycle, 0 to below 1. At 0 the initiation interval must be exact.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, metavar="S", help="Draws samples and stalls.")
@click.option("--logit-bits", type=click.IntRange(2, 32), default=16, show_default=True, metavar="N", help="Width of a logit, signed.")
@click.option("--scale", type=float, default=0.0123, show_default=True, metavar="X", help="Real value of a logit's unit.")
@click.option("--threshold", type=float, metavar="T", help="Real threshold.  [default: one a policy]")
@click.option("--score", default="softmax", show_default=True, metavar="POLICY", help="The policy that class_threshold composes with.")
@click.option("--synth", is_flag=True, help="Synthesise each unit for 7-series with Yosys, and tell what it takes.")
@click.option("-o", "--output", type=click.Path(path_type=Path, file_okay=False), default=Path("exit-unit"), show_default=True,
              metavar="DIR", help="Where plots, sweep.json and the models go.")
@json_option
@debug_option
def simulate(
    policies: list[str], classes: list[int], pes: list[int], samples: int, stall: float, seed: int, logit_bits: int, scale: float,
    threshold: float | None, score: str, synth: bool, output: Path, as_json: bool,
) -> None:
    """Simulate exit-decision units in Verilator, cycle by cycle, and check every result against the golden model.

    All units of a sweep are in one Verilated model (in two when there are many, one for each core), which is kept in DIR/.models: the same
    sweep starts at once the next time. Samples are drawn so that decisions are mixed: ties, extremes, scores exactly at the threshold,
    thresholds that change from sample to sample, disabled and forced decisions. Latency is counted from the cycle in which a sample's
    first beat is taken to the cycle in which its result is valid; a bubble is a cycle in which no beat is taken although there is one.

    The exit code is 0 only when every sample agrees and, without stalls, every unit takes a sample each classes / pe cycles.

    \b
    Examples:
      offramp exit-unit simulate --policy softmax --classes 10 --pe 1 --samples 100000
      offramp exit-unit simulate --policy all --classes 2,10,100,1000 --pe 1,2,5,10
      offramp exit-unit simulate --policy patience,gate --classes 10 --pe 2 --stall 0.4 --seed 7 --json
      offramp exit-unit simulate --policy max_logit,margin,softmax,entropy --classes 10 --pe 1,10 --scale 0.002 --synth
    """
    with working() as ui:
        from build_flows.exit_unit import simulate as work
        from build_flows.pages.exit_unit_plots import write_plots

        if math.isnan(stall):
            raise OfframpError("--stall must be from 0 to below 1, not nan")
        units, notes = work.specs(policies, classes, pes, logit_bits=logit_bits, scale=scale, threshold=threshold, score=score)
        for note in notes:
            ui.info(note)
        sweep = work.Sweep(specs=units, samples=samples, stall=stall, seed=seed, synth=synth)
        result = work.simulate(sweep, output, ui)
        throughput, latency = write_plots(result, output)
    faults = result.faults
    if as_json:
        print_json({**result.to_json(), "left_out": notes, "output": str(output)})
    else:
        columns = work.COLUMNS + (work.SYNTHESIS_COLUMNS if synth else ())
        title = f"exit-decision units, {samples:,} samples each" + (f", stalls {stall:g}" if stall else "")
        tables = answer()
        if not tables.console.is_terminal:
            tables.console.width = 200
        tables.table(title, columns, [work.row_cells(row) for row in result.units])
        told = f"{result.cycles:,} cycles in {result.seconds.simulate:.1f} s, {result.sim_cycles_per_second:,} a second"
        click.echo(f"{told}\n{throughput}\n{latency}\n{output / 'sweep.json'}")
    if faults:
        more = f" (and {len(faults) - 1} more: sweep.json has them all)" if len(faults) > 1 else ""
        raise OfframpError(f"{faults[0]}{more}")
