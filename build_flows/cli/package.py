"""``offramp package``: what goes onto the board."""

import shlex
from pathlib import Path

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
    print_json,
    working,
)

__all__ = ["package"]



@click.command()
@click.argument("config", type=EXISTING)
@board_option
@click.option("--tar", is_flag=True, help="Write the same as one archive, NAME-package.tar.gz, too.")
@data_option
@json_option
@debug_option
def package(config: Path, board: str | None, tar: bool, data: Path | None, as_json: bool) -> None:
    """Put together what goes onto the board: bitstream, driver, test images, self-test, benchmark, notebook, README, checksums.

    Needs the bitstream that `offramp build` makes; `offramp deploy` copies the package over.

    \b
    Examples:
      offramp package examples/digits.toml
      offramp package examples/b_lenet_fashion.toml --board pynq-z1 --tar
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.artefacts.manifest import ManifestFile
        from build_flows.board.design import file_name
        from build_flows.steps.flow import open_flow
        from build_flows.steps.package import PACKAGE, make_archive, make_package
        from hw.netlist import load

        chosen = chosen_board(project, board, image=True)
        with open_flow(project, ui) as flow:
            archive = make_archive(flow, chosen) if tar else None
            folder = flow.path(PACKAGE) if tar else make_package(flow, chosen)
            name = file_name(load(flow.path("netlist.json").read_text(encoding="utf-8")))
            manifest = ManifestFile.load(folder / f"{name}.json")
            files = sorted(path for path in folder.rglob("*") if path.is_file())
            size = sum(path.stat().st_size for path in files)
            told = {
                "project": project.name, "output": str(project.output), "folder": str(folder),
                "archive": None if archive is None else str(archive),
                "board": chosen.name, "build": manifest.build, "files": len(files), "bytes": size,
            }
    if as_json:
        print_json(told)
        return
    rows = [("board", f"{manifest.board_label}, {manifest.part}"), ("build", f"{manifest.build:08x}"),
            ("files", f"{len(files)}, {size / 1e6:.1f} MB"), ("folder", str(folder)), *([("archive", str(archive))] if archive else [])]
    answer().table(f"{project.name}: package", ("", ""), rows)
    click.echo(f"now: offramp deploy {shlex.quote(str(config))} --host xilinx@192.168.2.99 --run --ask-sudo")
