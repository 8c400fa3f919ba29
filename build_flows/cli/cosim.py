"""``offramp cosim``: the board's own driver against all that is in the programmable logic, Verilated."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.cli.shared import (
    EXISTING,
    answer,
    board_option,
    chosen_board,
    data_option,
    debug_option,
    json_option,
    load_project,
    number,
    print_json,
    working,
)
from build_flows.cli.verdict import alarm, fields
from build_flows.pages.html import percent

if TYPE_CHECKING:
    from build_flows.artefacts.cosim import CosimFile
    from build_flows.artefacts.verdict import Verdict

__all__ = ["cosim"]



@click.command()
@click.argument("config", type=EXISTING)
@click.option("--samples", type=click.IntRange(1), metavar="N", help="Test images to run.  [default: all that were simulated]")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), default=1, show_default=True, help="Seed of the memory's latencies.")
@board_option
@data_option
@json_option
@debug_option
def cosim(config: Path, samples: int | None, seed: int, board: str | None, data: Path | None, as_json: bool) -> None:
    """Run the board's own Python driver against all that is in the programmable logic, Verilated (cosim.json).

    The package is made as for the board, with a stand-in for the bitstream; its driver and its self-test run unchanged, on a stand-in for
    pynq: accelerator, memory reader and writer and the way to their registers are those of the bitstream, the processing system's ports
    and memory are a model, which starts as a board may: with another clock and a narrow port. Every result must be that of `offramp
    simulate`. Then transfers go wrong on purpose: the driver must say so, recover where that can be, and be right again.

    \b
    Examples:
      offramp cosim examples/digits.toml
      offramp cosim examples/b_lenet_fashion.toml --samples 1000 --seed 7 --json
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.steps import cosim as co
        from build_flows.steps.flow import open_flow

        chosen = chosen_board(project, board)
        with open_flow(project, ui) as flow:
            found = co.cosim(flow, chosen, samples=samples, seed=seed)
            verdict = flow.verdict()
    if as_json:
        rate = verdict.rate(found.cycles_per_sample)
        print_json({"project": project.name, **found.to_json(), **fields(verdict), "samples_per_second": rate})
        return
    tables = answer()
    tables.table(f"{project.name}: the driver on a simulated {found.board}", ("figure", "value"), _figures(found, verdict))
    tables.table(f"{project.name}: checks", ("check", "what came"), [(row.name, row.told) for row in found.checks])


def _figures(found: "CosimFile", verdict: "Verdict") -> list[tuple[object, ...]]:
    from build_flows.pages.verdict import at_clock, clock_told, fit_told

    images, results = found.dma
    # cosim.json is at the clock that is set; all of it runs at the one that can be expected.
    slower = verdict.expected_clock_mhz / verdict.clock_mhz
    limit = slower * min(images.stream_mb_per_second, images.port_mb_per_second)
    carried = None if images.mb_per_second is None else slower * images.mb_per_second
    rate = f"{number(verdict.rate(found.cycles_per_sample))} {at_clock(verdict)}"
    return [
        ("images through driver, DMA and RTL", f"{found.samples:,}"),
        ("equal to the simulation", f"{found.agree:,}"),
        (f"cycles per sample, {found.batch} in a batch", f"{found.cycles_per_sample:,.1f}"),
        ("without a DMA, at steady state", f"{found.simulated_cycles_per_sample:,.1f}"),
        ("DMA words an image (at least)", f"{images.words:,} of {images.bits} bits ({images.least:,})"),
        ("DMA words a result (at least)", f"{results.words} of {results.bits} bits ({results.least})"),
        ("part", alarm(fit_told(verdict), not verdict.fits)),
        ("clock", alarm(clock_told(verdict), verdict.meets_clock is False)),
        ("samples per second, a batch", alarm(rate, not verdict.buildable)),
        ("input bandwidth used", f"{number(carried)} of {limit:,.0f} MB/s ({percent(images.used)})"),
        ("seconds", f"{found.seconds:,.1f}"),
    ]
