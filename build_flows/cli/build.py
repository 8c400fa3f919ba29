"""``offramp build``: a bitstream by Vivado or by open tools, or the plan that makes one elsewhere."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import (
    EXISTING,
    answer,
    board_option,
    chosen_board,
    data_option,
    debug_option,
    json_option,
    load_project,
    print_json,
    working,
)

if TYPE_CHECKING:
    from build_flows.artefacts.resources import OpenRecord, ResourcesFile, VivadoRecord
    from build_flows.board.open_plan import OpenTools
    from build_flows.board.platforms import BoardPlatform
    from build_flows.steps.flow import Flow

__all__ = ["build"]

ROWS = (("LUT of logic", "lut"), ("LUT as memory", "lutram"), ("flip-flops", "ff"), ("BRAM36", "bram36"), ("DSP48E1", "dsp"))
NEEDS = {"vivado": "Vivado 2022.2 or newer is on PATH", "open": "the open flow's tools are (`offramp doctor` lists them)"}


@click.command()
@click.argument("config", type=EXISTING)
@click.option("--flow", "way", type=click.Choice(["vivado", "open"]),
              help="What builds: Vivado, 2022.2 or newer, or Yosys, nextpnr-xilinx and Project X-Ray.  [default: vivado]")
@board_option
@click.option("--plan", "plan", type=EXISTING, metavar="FILE", help="Write the build plan, a zip that builds anywhere, and stop.")
@click.option("--from", "source", type=EXISTING, metavar="FOLDER",
              help="Take in what a plan left in the folder where it was unpacked and run, instead of running it here.")
@click.option("--chipdb", metavar="NAME", help="nextpnr's chip database.  [default: {device}{package}.bin, as openXC7 names it]")
@click.option("--assembler", type=click.Choice(["fpga-as", "fasm2frames"]),
              help="What makes the bitstream of nextpnr's output.  [default: fpga-as]")
@data_option
@json_option
@debug_option
def build(
    config: Path, way: str | None, board: str | None, plan: Path | None, source: Path | None, chipdb: str | None, assembler: str | None,
    data: Path | None, as_json: bool,
) -> None:
    """Build the bitstream: synthesis, placement and routing, by Vivado or by open tools, and their figures beside those of Yosys
    (resources.json).

    Expect half an hour or more. A design that does not fit or misses timing is an error that says by how much. Without the tools on this
    machine, write the plan, unpack it where they are, run its script there, and take that folder in.

    \b
    Examples:
      offramp build examples/digits.toml
      offramp build examples/b_lenet_fashion.toml --board pynq-z1 --json
      offramp build examples/digits.toml --flow open
      offramp build examples/digits.toml --plan digits.zip
      offramp build examples/digits.toml --from copied-back/digits
    """
    if plan is not None and source is not None:
        raise click.UsageError("--plan writes what is to be built, --from takes in what was: give one of them")
    with working() as ui:
        project = load_project(config, data)
        from build_flows.board.design import actual_clock
        from build_flows.board.open_plan import OpenTools
        from build_flows.steps.flow import open_flow

        chosen = chosen_board(project, board)
        actual_clock(project.config.target.clock_mhz)  # a clock that cannot be had is told before anything is trained
        told = {key: value for key, value in (("chipdb", chipdb), ("assembler", assembler)) if value is not None}
        tools = OpenTools(**told) if told else None
        with open_flow(project, ui) as flow:
            if plan is not None:
                _plan(flow, chosen, way or "vivado", tools, plan)
                folder, found = plan, None
            else:
                folder, found = _build(flow, chosen, way, tools, source)
    if as_json:
        print_json({
            "project": project.name, "output": str(project.output), "board": chosen.name, "part": chosen.part,
            "plan": None if plan is None else str(plan), "folder": None if found is None else str(folder),
            "vivado": None if found is None or found.vivado is None else found.vivado.to_json(),
            "open": None if found is None or found.open is None else found.open.to_json(),
        })
    elif found is None:
        click.echo(folder)
        click.echo(f"now, where {NEEDS[way or 'vivado']}: unzip {shlex.quote(folder.name)} -d NAME && sh NAME/build_top.sh 2>&1 | tee "
                   f"NAME/build.log\nthen: {shlex.join(['offramp', 'build', str(config), '--from', 'NAME'])}, with that folder copied back")
    else:
        from build_flows.cli.synth import routed_verdict

        routed = found.routed
        assert routed is not None  # of the bitstream that was just made
        answer().table(f"{project.name} on {chosen.name}, by {routed.by}", ("", "used", "of", "share"), _rows(routed))
        for line in (*routed_verdict(routed), f"bitstream: {folder}"):
            click.echo(line)


def _plan(flow: "Flow", board: "BoardPlatform", way: str, tools: "OpenTools | None", file: Path) -> None:
    from build_flows.base.files import write_bytes
    from build_flows.steps.bitstream import make_plan

    if file.is_dir():
        raise OfframpError(f"--plan {file} is a folder; it must be a file", hint=f"as --plan {file / 'plan.zip'}")
    write_bytes(file, make_plan(flow, board, way, tools).read_bytes())


def _build(
    flow: "Flow", board: "BoardPlatform", way: str | None, tools: "OpenTools | None", source: Path | None
) -> "tuple[Path, ResourcesFile]":
    """All up to bitstream and ``resources.json``: the bitstream's folder, and what that says. What is wrong with tools or ``source`` is
    told before anything is trained."""
    from build_flows.artefacts.resources import SynthesisFile
    from build_flows.board.built import BITSTREAM, described
    from build_flows.board.results import find_results
    from build_flows.steps.bitstream import find_builder, make_bitstream
    from quant_models.records import ArtefactError

    results = None if source is None else find_results(source)
    builder = None
    if results is not None:
        if way not in (None, results.flow):
            raise OfframpError(f"--from {source}: what is there was built by --flow {results.flow}, not {way}")
        way = results.flow
    else:
        way = way or "vivado"
        try:
            builder = find_builder(board, way, tools)
        except OfframpError:
            # A bitstream that is there needs no tools as long as it is fresh, which only the step can tell.
            there = described(flow.path(BITSTREAM))
            if there is None or there.flow != way:
                raise
    # Synthesised again as it was, so that a whole top is not lost.
    whole = False
    if flow.path("synthesis.json").is_file():
        with suppress(ArtefactError):
            whole = SynthesisFile.load(flow.path("synthesis.json")).whole is not None
    expected = flow.synth(full=whole)
    if not expected.fits and results is None:
        flow.ui.info(f"warning: by Yosys' count it does not fit {expected.part}: {', '.join(expected.short)}")
    return make_bitstream(flow, board, way, builder, results, tools), flow.resources()


def _rows(routed: "VivadoRecord | OpenRecord") -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for label, name in ROWS:
        used, there = getattr(routed.utilisation, name), getattr(routed.capacity, name)
        # All LUTs are there for logic; of those for memory, memory only.
        rows.append((label, f"{used:,}", f"{there:,}", f"{100 * used / there:.1f} %" if there else "-"))
    return rows
