"""The command line: ``offramp COMMAND``, one file a command beside this one."""

import os
import signal
import sys
import warnings

import click

from build_flows.base.errors import explain
from build_flows.cli.boards import boards
from build_flows.cli.build import build
from build_flows.cli.compare import compare
from build_flows.cli.compile import compile
from build_flows.cli.cosim import cosim
from build_flows.cli.deploy import deploy
from build_flows.cli.doctor import doctor
from build_flows.cli.energy import energy
from build_flows.cli.evaluate import evaluate
from build_flows.cli.exit_unit import exit_unit
from build_flows.cli.explore import explore
from build_flows.cli.init import init
from build_flows.cli.package import package
from build_flows.cli.profile import profile
from build_flows.cli.prove import prove
from build_flows.cli.report import report
from build_flows.cli.run import run
from build_flows.cli.shared import debug_option
from build_flows.cli.simulate import simulate
from build_flows.cli.synth import synth
from build_flows.cli.train import train

__all__ = ["cli", "main"]

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
COMMANDS = (
    boards, build, compare, compile, cosim, deploy, doctor, energy, evaluate, exit_unit, explore, init, package, profile, prove, report,
    run, simulate, synth, train,
)


@click.group(context_settings=HELP)
@click.version_option(package_name="offramp", message="%(prog)s %(version)s")
@debug_option
def cli() -> None:
    """Turn a quantised multi-exit CNN into a verified streaming FPGA accelerator.

    One TOML file describes a project. Every command runs the steps it still needs first, and skips those whose inputs did not change.

    \b
    Start here:
      offramp doctor                    is everything installed?
      offramp init my-net               write my-net/config.toml, with every key explained
      offramp run my-net/config.toml    train, compile, simulate, report
    """


for _command in COMMANDS:
    cli.add_command(_command)


def _terminate(number: int, frame: object) -> None:
    """SIGTERM ends like Ctrl-C, so that temporary files and child processes are cleared away."""
    raise SystemExit(128 + number)


def main() -> None:
    """The ``offramp`` command: exit code 0 only when it worked; foreseen errors are one line on stderr."""
    signal.signal(signal.SIGTERM, _terminate)
    debug = "--debug" in sys.argv
    if not debug:
        # What other packages warn of is not for the user to mend.
        warnings.filterwarnings("ignore")
        warnings.filterwarnings("default", module=r"(quant_models|hw|sim|build_flows)(\.|$)")
    try:
        code = cli.main(prog_name="offramp", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(1)
    except (Exception, KeyboardInterrupt) as error:
        cause = KeyboardInterrupt() if isinstance(error, click.Abort) else error
        told = explain(cause)
        if told is None or debug:
            raise
        for line in told.message.splitlines():
            click.echo(f"offramp: {line}", err=True)
        if told.hint:
            click.echo(f"  hint: {told.hint}", err=True)
        sys.exit(told.code)


if __name__ == "__main__":
    main()
