"""``offramp exit-unit generate``."""

import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from build_flows.base.errors import OfframpError
from build_flows.cli.shared import answer, debug_option, load_project, print_json, working

__all__ = ["generate"]

_LISTS: dict[str, tuple[type, str]] = {"class_thresholds": (float, "real numbers"), "bias": (int, "integers")}
"""Options that are lists: of what."""

_LONGEST_NAME = 255
"""Characters of a file's name."""


class _Generate(click.Command):
    """Its help ends with the policies, which are looked up only then: ``--help`` elsewhere stays quick."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        from quant_models.exits.policies import POLICIES

        with formatter.section("Policies"):
            formatter.write_dl([(row.name, f"A sample leaves {row.summary}." + (f" Threshold: {row.unit}." if row.unit else ""))
                                for row in POLICIES.values()])


def _unit(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say what the unit decides."""
    for option in reversed((
        click.option("--policy", metavar="NAME", help="When a sample leaves: one of the policies below."),
        click.option("--classes", type=int, metavar="N", help="Number of classes, 2 to 1000."),
        click.option("--pe", type=int, metavar="N", help="Classes a beat; divides the classes. A sample takes classes / pe cycles."),
        click.option("--logit-bits", type=click.IntRange(1, 32), metavar="N", help="Width of a signed logit.  [default: 16]"),
        click.option("--scale", type=float, metavar="S",
                     help="What one unit of the integer logits (of the gate head's, for gate) is worth in real numbers."),
        click.option("--threshold", type=float, metavar="T",
                     help="Initial threshold, a real number as listed below.  [default: the policy's]"),
        click.option("--class-thresholds", metavar="LIST",
                     help="class_threshold: one real threshold a class, by commas, or a file of them."),
        click.option("--score", metavar="NAME", help="class_threshold: the policy whose score is compared.  [default: softmax]"),
        click.option("--bias", metavar="LIST",
                     help="Integers added to the logits, one a class, by commas, or a file of them.  [default: none]"),
        click.option("--epsilon", type=float, metavar="E",
                     help="softmax, entropy: the decision may differ from that of real numbers only within E of the threshold; tables are "
                     "chosen for it.  [default: 0.001]"),
        click.option("--frac-bits", type=int, metavar="N", help="softmax, entropy: fraction bits, if not to be chosen."),
        click.option("--gate-bits", type=click.IntRange(1, 32), metavar="N", help="gate: width of the gate head's logit.  [default: 16]"),
    )):
        command = option(command)
    return command


@click.command(cls=_Generate)
@_unit
@click.option("--from", "config", type=click.Path(path_type=Path), metavar="CONFIG", help="Take the unit from this project instead.")
@click.option("--exit", "index", type=int, metavar="K", help="Which of its exits, from 0.")
@click.option("--control", type=click.Choice(["axi4lite", "plain"]), default="axi4lite", show_default=True,
              help="How thresholds, enable and mode are set: by registers, or by ports.")
@click.option("--name", default="exit_unit", show_default=True, metavar="NAME", help="Name of the Verilog module.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Folder to write.")
@click.option("--force", is_flag=True, help="Write into DIR whatever is in it; files of other names are left alone.")
@click.option("--json", "as_json", is_flag=True, help="Print the manifest as one JSON object on stdout.")
@debug_option
def generate(
    config: Path | None, index: int | None, control: str, name: str, output: Path, force: bool, as_json: bool, **options: Any,
) -> None:
    """Write one exit-decision unit to DIR: Verilog, README, golden vectors, and a bench that checks itself.

    `make -C DIR test` runs the bench with Verilator; nothing else is needed. DIR/README.md tells ports, registers and timing.

    \b
    Examples:
      offramp exit-unit generate --policy softmax --classes 10 --pe 2 --scale 0.0123 --threshold 0.9 -o out/
      offramp exit-unit generate --policy margin --classes 100 --pe 4 --logit-bits 12 --scale 0.05 --threshold 1.5 --control plain -o out/
      offramp exit-unit generate --policy class_threshold --score entropy --classes 2 --pe 1 --scale 0.01 --class-thresholds 0.3,0.5 -o out/
      offramp exit-unit generate --from examples/digits.toml --exit 0 -o out/
    """
    with working() as ui:
        from build_flows.exit_unit import generate as work

        there = next(place for place in (output.absolute(), *output.absolute().parents) if place.exists())
        if not there.is_dir():
            raise OfframpError(f"-o {output}: {there} is not a folder", hint="choose another place with -o")
        given = [key for key, value in options.items() if value is not None]
        enabled = True
        if config is not None:
            if index is None:
                raise OfframpError("--from needs --exit", hint="--exit 0 is the project's first exit")
            if given:
                raise OfframpError(f"{_option(given[0])} cannot be given with --from: the project says it")
            from build_flows.steps import exit_unit

            spec, enabled = exit_unit.of_project(load_project(config, None), index, ui)
        elif index is not None:
            raise OfframpError("--exit needs --from", hint="--from CONFIG names the project")
        else:
            spec = _asked(options)
        manifest = work.generate(spec, output, name=name, control=control, enabled=enabled, force=force, tell=ui.info)
    if as_json:
        print_json(manifest.to_json())
        return
    rows = [
        ("policy", manifest.policy), ("classes, a beat", f"{manifest.classes}, {manifest.pe}"),
        ("cycles a sample", manifest.initiation_interval), ("latency from the last beat, cycles", manifest.latency.last_beat_to_result),
        ("latency from the first beat, cycles", manifest.latency.first_beat_to_result),
        ("threshold", "-" if manifest.threshold is None else f"{manifest.threshold:.6g} = {manifest.integer_threshold}"),
        ("epsilon", f"{manifest.epsilon:.3g}"), ("samples in the bench", manifest.vectors.samples),
    ]
    answer().table(f"{manifest.module}: {output}", ("figure", "value"), rows)
    click.echo(f"{output}\nnow: {test_command(output)}")


def test_command(folder: Path) -> str:
    """What runs the bench of the unit in ``folder`` in a shell, whether or not the environment that offramp runs in is activated there."""
    beside = Path(sys.executable).with_name("verilator-cli")
    known = shutil.which("verilator") or shutil.which("verilator-cli") or not beside.is_file()
    return shlex.join(["make", "-C", str(folder), "test", *([] if known else [f"VERILATOR={beside}"])])


def _asked(options: dict[str, Any]) -> Any:
    """The unit that the options describe."""
    from build_flows.exit_unit.spec import UnitSpec
    from quant_models.errors import QuantModelError
    from quant_models.exits.policies import policy

    needed = [key for key in ("policy", "classes", "pe") if options[key] is None]
    if needed:
        raise OfframpError(f"--{needed[0]} is missing", hint="give --policy, --classes and --pe, or --from CONFIG --exit K")
    try:
        row = policy(options["policy"])
        inner = policy(options["score"] or "softmax") if row.name == "class_threshold" else row
    except QuantModelError as error:
        raise OfframpError(str(error), hint="offramp exit-unit generate --help tells what they mean") from None
    by_class = row.name == "class_threshold"
    if by_class and (inner.name == row.name or inner.unit is None):
        raise OfframpError(f"score must be a policy with a threshold of its own, not {inner.name!r}")
    misplaced = [key for key, fits in (
        ("score", by_class), ("class_thresholds", by_class), ("gate_bits", "gate" in inner.streams), ("threshold", inner.unit is not None),
        ("epsilon", inner.bound is not None), ("frac_bits", inner.bound is not None)) if options[key] is not None and not fits]
    if misplaced:
        raise OfframpError(f"{_option(misplaced[0])} means nothing for policy {row.name}", hint="leave it out")
    if options["threshold"] is not None and options["class_thresholds"] is not None:
        raise OfframpError("--threshold and --class-thresholds cannot be given together", hint="the first is the same for all classes")
    if options["scale"] is None and (inner.real is not None or "gate" in inner.streams):
        raise OfframpError(f"--scale is missing: thresholds of {inner.name} are real numbers",
                           hint="give what one unit of the logits is worth")
    values: dict[str, Any] = {key: _numbers(key, value) if key in _LISTS else value for key, value in options.items() if value is not None}
    return UnitSpec(**values)


def _option(key: str) -> str:
    return f"--{key.replace('_', '-')}"


def _numbers(key: str, text: str) -> list[Any]:
    """The numbers of a list, or of the file that ``text`` names."""
    kind, what = _LISTS[key]
    place, values = Path(text), []
    # A list may be longer than any name of a file.
    if len(text) <= _LONGEST_NAME and place.is_file():
        text = place.read_text(encoding="utf-8", errors="replace")
    for word in text.replace(",", " ").split():
        try:
            values.append(kind(word))
        except ValueError:
            raise OfframpError(f"{_option(key)} must be {what} separated by commas, or a file of them, not {word!r}") from None
    if not values:
        raise OfframpError(f"{_option(key)} must be {what} separated by commas, or a file of them, one a class, not none")
    return values
