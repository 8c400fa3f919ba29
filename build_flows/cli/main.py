"""The command line: ``offramp COMMAND``.

The answer goes to stdout, everything else to stderr: while a command works, file descriptor 1 points to stderr, so that nothing a
tool prints can mix with it. Heavy packages are imported inside the commands, so that ``--help`` is quick.
"""

import json
import math
import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from build_flows.base.errors import OfframpError, explain
from build_flows.cli.build import build
from build_flows.cli.compare import compare
from build_flows.cli.cosim import cosim
from build_flows.cli.deploy import deploy
from build_flows.cli.evaluate import evaluate
from build_flows.cli.exit_unit import exit_unit
from build_flows.cli.package import package
from build_flows.cli.prove import prove
from build_flows.cli.synth import synth

if TYPE_CHECKING:
    from build_flows.base.ui import RichUi
    from build_flows.project.config import Project

__all__ = ["cli", "main"]

PRESETS = ("digits", "b_lenet", "triple_wins", "b_alexnet", "har")
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
EXISTING = click.Path(path_type=Path)


def _common(command: Callable[..., None]) -> Callable[..., None]:
    """The argument and options of every command that works on a project."""
    command = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")(command)
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")(command)
    command = click.option(
        "--data",
        type=EXISTING,
        metavar="DIR",
        help="Folder or file of the data set; goes before the config's data.path.",
    )(command)
    return click.argument("config", type=EXISTING)(command)


def _simulation(command: Callable[..., None]) -> Callable[..., None]:
    command = click.option(
        "--waves", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.fst", help="Record all streams, for GTKWave or Surfer."
    )(command)
    command = click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="Seed of the stalls.  [default: simulate.seed]")(command)
    command = click.option(
        "--stall",
        type=click.FloatRange(0, 1, max_open=True),
        metavar="P",
        help="Probability that input or output stalls in a cycle, 0 to below 1.  [default: simulate.stall]",
    )(command)
    return click.option(
        "--samples", type=click.IntRange(1), metavar="N", help="Test images to run.  [default: simulate.samples, else all]"
    )(command)


@click.group(context_settings=HELP)
@click.version_option(package_name="offramp", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def cli() -> None:
    """Turn a quantised multi-exit CNN into a verified streaming FPGA accelerator.

    One TOML file describes a project. Every command runs the steps it still needs first, and skips those whose inputs did not change.

    \b
    Start here:
      offramp doctor                    is everything installed?
      offramp init my-net               write my-net/config.toml, with every key explained
      offramp run my-net/config.toml    train, compile, simulate, report
    """


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def doctor(as_json: bool) -> None:
    """Say what is installed, what is missing, and how to get it.

    Exit code 0 when nothing required is missing.

    \b
    Example:
      offramp doctor
    """
    from build_flows.cli.checks import checks

    with _working():
        found = list(checks(Path.cwd()))
    missing = [check for check in found if check.required and not check.ok]
    if as_json:
        _print_json({"ok": not missing, "checks": [asdict(check) for check in found]})
    else:
        rows = [
            (check.name, "ok" if check.ok else "MISSING" if check.required else "absent", check.found, "" if check.ok else check.hint)
            for check in found
        ]
        _answer().table("", ("what", "state", "found", "how to get it"), rows)
    if missing:
        raise OfframpError(f"{len(missing)} missing: {', '.join(check.name for check in missing)}", hint=missing[0].hint)


@cli.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--preset", type=click.Choice(PRESETS), default="digits", show_default=True, help="Network to start from.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")
def init(folder: Path, preset: str, as_json: bool) -> None:
    """Write DIR/config.toml, with every key explained, to start from. A file that is there is left alone.

    \b
    Examples:
      offramp init my-net
      offramp init fashion --preset b_lenet
    """
    with _working():
        from build_flows.base.files import write_text
        from build_flows.project.template import template, valid_name

        target = folder / "config.toml"
        if target.exists():
            raise OfframpError(f"{target} exists already", hint="choose another DIR, or remove it first")
        name = folder.resolve().name
        write_text(target, template(preset, name=name if valid_name(name) else None))
    if as_json:
        _print_json({"config": str(target), "preset": preset})
    else:
        click.echo(f"{target}\nnow: offramp run {target}")


@cli.command()
@_common
def train(config: Path, data: Path | None, as_json: bool) -> None:
    """Train the network by the chosen scheme and calibrate its thresholds: checkpoint, metrics.json, exits.json.

    Ctrl-C is safe: the same command goes on from the last epoch.

    \b
    Examples:
      offramp train examples/digits.toml
      offramp train examples/b_lenet_fashion.toml --data ~/fashion-mnist
    """
    with _working() as ui:
        project = _load(config, data)
        from build_flows.steps import flow

        result = flow.train(project, ui)
    _done(project, result, as_json)


@cli.command()
@_common
def compile(config: Path, data: Path | None, as_json: bool) -> None:
    """Compile the trained network to RTL: QONNX, FINN graph, folding.toml, netlist.json, rtl/ with filelist.f.

    To fold by hand, copy folding.toml out of the output folder, edit it, and name it as build.folding in CONFIG.

    \b
    Example:
      offramp compile examples/digits.toml
    """
    with _working() as ui:
        project = _load(config, data)
        from build_flows.steps import flow

        result = flow.compile(project, ui)
    _done(project, result, as_json)


@cli.command()
@_common
@_simulation
def simulate(
    config: Path, data: Path | None, as_json: bool, samples: int | None, stall: float | None, seed: int | None, waves: Path | None
) -> None:
    """Run test images through the whole accelerator, cycle by cycle, and check every result bit for bit.

    \b
    Examples:
      offramp simulate examples/digits.toml
      offramp simulate examples/digits.toml --samples 50 --stall 0.3 --seed 7
      offramp simulate examples/digits.toml --samples 4 --waves digits.fst
    """
    with _working() as ui:
        project = _load(config, data)
        result = _simulate(project, ui, samples, stall, seed, waves)
    if as_json:
        _print_json(result)
    else:
        _show_results(project, result)


@cli.command()
@_common
def report(config: Path, data: Path | None, as_json: bool) -> None:
    """Write report.html: accuracy, exits, throughput, streams, folding and cost, in one file.

    \b
    Example:
      offramp report examples/digits.toml
    """
    with _working() as ui:
        project = _load(config, data)
        from build_flows.steps import flow

        path = flow.report(project, ui)
    if as_json:
        _print_json({"project": project.name, "report": str(path)})
    else:
        click.echo(path)


@cli.command()
@_common
def run(config: Path, data: Path | None, as_json: bool) -> None:
    """Train, compile, simulate and report, in order; steps whose inputs did not change are skipped.

    \b
    Examples:
      offramp run examples/digits.toml
      offramp run examples/b_lenet_fashion.toml --json
    """
    with _working() as ui:
        project = _load(config, data)
        from build_flows.steps import flow

        flow.train(project, ui)
        flow.compile(project, ui)
        result = _simulate(project, ui, None, None, None, None)
        path = flow.report(project, ui)
    if as_json:
        _print_json({**result, "report": str(path)})
    else:
        _show_results(project, result)
        click.echo(f"report: {path}")


cli.add_command(build)
cli.add_command(compare)
cli.add_command(cosim)
cli.add_command(deploy)
cli.add_command(evaluate)
cli.add_command(exit_unit)
cli.add_command(package)
cli.add_command(prove)
cli.add_command(synth)


def _load(config: Path, data: Path | None) -> "Project":
    from build_flows.project.config import load

    return load(config, data_dir=data)


def _simulate(
    project: "Project", ui: "RichUi", samples: int | None, stall: float | None, seed: int | None, waves: Path | None
) -> dict[str, Any]:
    if stall is not None and math.isnan(stall):
        raise OfframpError("--stall must be from 0 to below 1, not nan")
    if waves is not None and waves.suffix != ".fst":
        raise OfframpError(f"--waves must name a file that ends in .fst, not {waves}")
    if waves is not None and not waves.absolute().parent.is_dir():
        raise OfframpError(f"--waves {waves}: there is no folder {waves.absolute().parent}", hint="make it first, or choose another place")
    if waves is not None and not os.access(waves.absolute().parent, os.W_OK):
        raise OfframpError(f"--waves {waves}: the folder {waves.absolute().parent} must not be written to", hint="choose another place")
    from build_flows.steps import flow

    chosen = project.config.simulate
    result: dict[str, Any] = flow.simulate(
        project,
        ui,
        samples=samples if samples is not None else chosen.samples,
        stall=stall if stall is not None else chosen.stall,
        seed=seed if seed is not None else chosen.seed,
        waves=waves,
    )
    if result["agree"] != result["samples"]:
        raise OfframpError(f"only {result['agree']} of {result['samples']} samples agree with the golden model")
    return result


def _done(project: "Project", result: Mapping[str, Any] | None, as_json: bool) -> None:
    if as_json:
        _print_json({**(result or {}), "project": project.name, "output": str(project.output)})
    else:
        click.echo(project.output)


def _show_results(project: "Project", result: Mapping[str, Any]) -> None:
    answer = _answer()
    exits = [
        (index, f"{100 * item['share']:.1f} %", "-" if item["accuracy"] is None else f"{100 * item['accuracy']:.2f} %")
        for index, item in enumerate(result["exits"])
    ]
    answer.table(f"{project.name}: exits", ("exit", "share", "accuracy"), exits)
    rows = [
        ("images through the RTL", f"{result['samples']:,}"),
        ("equal to the golden model", f"{result['agree']:,}"),
        ("accuracy", f"{100 * result['accuracy']:.2f} %"),
        ("cycles per sample", _number(result["cycles_per_sample"])),
        (f"samples per second at {result['clock_mhz']:g} MHz", _number(result["samples_per_second"])),
        ("limited by", str(result["limited_by"])),
        *([("result words per sample", f"{result['anytime']['words_per_sample']:.2f}")] if "anytime" in result else []),
        ("simulated cycles per second", _number(result["sim_cycles_per_second"])),
    ]
    answer.table(f"{project.name}: accelerator", ("figure", "value"), rows)


def _number(value: float | None) -> str:
    """``value`` with about five digits; a dash when it was not measured."""
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.1f}"


def _answer() -> "RichUi":
    """Where tables for a person go: stdout."""
    from rich.console import Console

    from build_flows.base.ui import RichUi

    return RichUi(Console(file=sys.stdout))


def _print_json(value: Mapping[str, Any]) -> None:
    click.echo(json.dumps(value, sort_keys=True, allow_nan=False))


@contextmanager
def _working() -> Iterator["RichUi"]:
    """The time in which a command works: whatever is printed, by Python or by a child process, goes to stderr."""
    from rich.console import Console

    from build_flows.base.ui import RichUi

    sys.stdout.flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        with redirect_stdout(sys.stderr):
            yield RichUi(Console(file=sys.stderr))
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


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
