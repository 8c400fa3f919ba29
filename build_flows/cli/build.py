"""``offramp build``: a bitstream by Vivado, or the folder that makes one elsewhere."""

import shlex
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from build_flows.cli.shared import EXISTING, answer, data_option, debug_option, json_option, load_project, print_json, working

if TYPE_CHECKING:
    from build_flows.artefacts.resources import VivadoRecord
    from build_flows.board.boards import Board
    from build_flows.steps.flow import Flow

__all__ = ["build"]

BOARDS = ("pynq-z1", "pynq-z2")
ROWS = (("LUT of logic", "lut"), ("LUT as memory", "lutram"), ("flip-flops", "ff"), ("BRAM36", "bram36"), ("DSP48E1", "dsp"))


@click.command()
@click.argument("config", type=EXISTING)
@click.option("--board", type=click.Choice(BOARDS), help="Board to build for.  [default: target.board]")
@click.option("--tool", type=click.Choice(["vivado"]), default="vivado", show_default=True, help="Tool that builds, 2022.2 or newer.")
@click.option("--project-only", is_flag=True, help="Write the project folder and stop: it builds elsewhere with one command.")
@click.option("--from", "source", type=EXISTING, metavar="FOLDER",
              help="Take in what such a folder's build left (the folder, or its results/), instead of running Vivado.")
@data_option
@json_option
@debug_option
def build(config: Path, board: str | None, tool: str, project_only: bool, source: Path | None, data: Path | None, as_json: bool) -> None:
    """Build the bitstream with Vivado: block design, synthesis, implementation, and its figures beside those of Yosys (resources.json).

    Expect half an hour or more. A design that does not fit or misses timing is an error that says by how much. Without Vivado on this
    machine, write the project, run its build.sh where Vivado is, and take the results in.

    \b
    Examples:
      offramp build examples/digits.toml
      offramp build examples/b_lenet_fashion.toml --board pynq-z1 --json
      offramp build examples/digits.toml --project-only
      offramp build examples/digits.toml --from copied-back/results
    """
    if project_only and source is not None:
        raise click.UsageError("--project-only writes what is to be built, --from takes in what was: give one of them")
    with working() as ui:
        project = load_project(config, data)
        project.refuse_for_board()
        from build_flows.board.boards import find_board
        from build_flows.board.design import actual_clock
        from build_flows.steps.flow import open_flow

        chosen = find_board(board or project.config.target.board)
        actual_clock(project.config.target.clock_mhz)  # a clock that cannot be had is told before anything is trained
        with open_flow(project, ui) as flow:
            if project_only:
                from build_flows.steps.bitstream import make_project

                folder, vivado = make_project(flow, chosen), None
            else:
                folder, vivado = _build(flow, chosen, source)
    if as_json:
        print_json({
            "project": project.name, "output": str(project.output), "board": chosen.name, "part": chosen.part, "folder": str(folder),
            "vivado": None if vivado is None else vivado.to_json(),
        })
    elif vivado is None:
        click.echo(folder)
        click.echo("now: run build.sh in it where Vivado 2022.2 or newer is on PATH,\n"
                   f"then: {shlex.join(['offramp', 'build', str(config), '--from', str(folder)])}, with its results/ copied back")
    else:
        from build_flows.cli.synth import vivado_verdict

        answer().table(f"{project.name} on {chosen.name}, by Vivado {vivado.vivado}", ("", "used", "of", "share"), _rows(vivado))
        for line in (*vivado_verdict(vivado), f"bitstream: {folder}"):
            click.echo(line)


def _build(flow: "Flow", board: "Board", source: Path | None) -> "tuple[Path, VivadoRecord]":
    """All up to bitstream and ``resources.json``: the bitstream's folder, and what Vivado found. What is wrong with Vivado or ``source`` is
    told before anything is trained."""
    from build_flows.artefacts.resources import SynthesisFile
    from build_flows.board.built import BITSTREAM, described
    from build_flows.board.results import find_results
    from build_flows.board.vivado import VivadoError, find_vivado
    from build_flows.steps.bitstream import make_bitstream
    from quant_models.records import ArtefactError

    results = None if source is None else find_results(source)
    tool = None
    if results is None:
        try:
            tool = find_vivado()
        except VivadoError:
            # A bitstream that is there needs no Vivado as long as it is fresh, which only the step can tell.
            if described(flow.path(BITSTREAM)) is None:
                raise
    # Synthesised again as it was, so that a whole top is not lost.
    whole = False
    if flow.path("synthesis.json").is_file():
        with suppress(ArtefactError):
            whole = SynthesisFile.load(flow.path("synthesis.json")).whole is not None
    expected = flow.synth(full=whole)
    if not expected.fits and results is None:
        flow.ui.info(f"warning: by Yosys' count it does not fit {expected.part}: {', '.join(expected.short)}")
    folder, vivado = make_bitstream(flow, board, tool, results), flow.resources().vivado
    assert vivado is not None  # of the bitstream that was just made
    return folder, vivado


def _rows(vivado: "VivadoRecord") -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for label, name in ROWS:
        used, there = getattr(vivado.utilisation, name), getattr(vivado.capacity, name)
        # All LUTs are there for logic; of those for memory, memory only.
        rows.append((label, f"{used:,}", f"{there:,}", f"{100 * used / there:.1f} %" if there else "-"))
    return rows
