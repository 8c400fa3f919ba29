"""``offramp deploy``: the package onto the board, and its self-test there."""

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
    from build_flows.artefacts.selftest import Selftest

__all__ = ["deploy"]

SHOWN = 5


@click.command()
@click.argument("config", type=EXISTING)
@click.option("--host", required=True, metavar="USER@HOST", help="The board, as ssh takes it: user@address, or an alias of ssh's.")
@click.option("--run", "test", is_flag=True, help="Run the self-test on the board and bring its result back (selftest.json).")
@board_option
@click.option("--package", "folder", type=EXISTING, metavar="FOLDER", help="Deploy this package instead of the project's own.")
@click.option("--any-board", is_flag=True, help="Do not ask what board it is.")
@click.option("--python", metavar="PATH", help="Python on the board.  [default: that of a PYNQ image]")
@click.option("--ask-sudo", is_flag=True, help="Ask for the password that sudo wants on the board.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Port of the board's SSH server.  [default: ssh's own]")
@click.option("--identity", type=EXISTING, metavar="FILE", help="Private key to log in with.  [default: ssh's own]")
@click.option("--ssh-config", type=EXISTING, metavar="FILE", help="Configuration of ssh to use instead of yours.")
@data_option
@json_option
@debug_option
def deploy(
    config: Path, host: str, test: bool, board: str | None, folder: Path | None, any_board: bool, python: str | None, ask_sudo: bool,
    port: int | None, identity: Path | None, ssh_config: Path | None, data: Path | None, as_json: bool,
) -> None:
    """Copy the package to ~/offramp/NAME on the board over SSH, check it there, and run its self-test with --run.

    An interrupted copy goes on where it was when the same command is given again, and is never run; what was on the board stays in place
    until the new package is whole. A password is asked once.

    \b
    Examples:
      offramp deploy examples/digits.toml --host xilinx@192.168.2.99 --run --ask-sudo
      offramp deploy examples/digits.toml --host root@pynq --identity ~/.ssh/board --json
    """
    with working() as ui:
        project = load_project(config, data)
        from build_flows.artefacts.selftest import SelftestFile
        from build_flows.board import deploy as work
        from build_flows.board.ssh import Ssh
        from build_flows.steps.flow import open_flow
        from build_flows.steps.package import make_package

        for option, file in (("--identity", identity), ("--ssh-config", ssh_config)):
            if file is not None and not file.is_file():
                raise OfframpError(f"{option} {file}: no such file")
        ssh = Ssh(host, port=port, identity=identity, config=ssh_config)
        chosen = chosen_board(project, board, image=True)
        with open_flow(project, ui) as flow:
            package = work.check_package(make_package(flow, chosen) if folder is None else folder)
            password = click.prompt("password of sudo on the board", hide_input=True, err=True) if ask_sudo else None
            with ssh:
                done = work.deploy(package, ssh, ui, any_board=any_board, sudo_password=password)
                found = None
                if test:
                    ui.info(f"running the self-test on {host}")
                    found = work.run_selftest(package, ssh, python=python, sudo_password=password)
                    SelftestFile(host=host, **found.to_json()).save(flow.path("selftest.json"))
    if as_json:
        tested = None if found is None else found.to_json()
        print_json({"project": project.name, "host": host, "board": package.board, **vars(done), "selftest": tested})
    else:
        rows = [("folder", done.folder), ("files", f"{done.files}, {done.bytes / 1e6:.1f} MB"),
                ("sent", "nothing: it was there" if not done.sent else f"{done.sent / 1e6:.1f} MB"), *_tested(found)]
        answer().table(f"{project.name} on {host}", ("", ""), rows)
    if found is not None and not found.ok:
        more = f", and {len(found.errors) - SHOWN} more" if len(found.errors) > SHOWN else ""
        raise OfframpError(f"the self-test failed on {host}: {'; '.join(found.errors[:SHOWN]) or 'it does not say why'}{more}",
                           hint=f"its result is in {project.output / 'selftest.json'}")


def _tested(found: "Selftest | None") -> list[tuple[str, str]]:
    if found is None:
        return []
    return [("self-test", "passed" if found.ok else "FAILED"), ("images as expected", f"{found.agree} of {found.samples}"),
            ("board's Python, numpy", f"{found.python}, {found.numpy}")]
