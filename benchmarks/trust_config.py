"""Mutated configurations and command lines: each must be refused in one line with key, value and what is allowed, before any work begins.

``python -m benchmarks.trust_config`` prints what was found wrong, mutant by mutant. Nothing is trained or built: a mutant that is not
refused is stopped where the first step or program would be started.
"""

import random
import shlex
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import tomli_w

from benchmarks.edited import edited
from benchmarks.figures import SEED, Figure
from benchmarks.trust_command_mutants import option_mutants, order_mutants, told_mutants
from benchmarks.trust_config_mutants import broken_text, key_mutants, value_mutants
from benchmarks.trust_contradictions import contradictions, legal_variants, odd_files, odd_places
from benchmarks.trust_fork import load
from benchmarks.trust_mutant import Mutant, run, verdict
from build_flows.base.ui import RichUi, Ui

__all__ = ["main", "mutants", "trust_config"]

EXAMPLES = Path(__file__).parent.parent / "examples"
TARGET = 500
COMMANDS = (
    ("train", "{config}"), ("compile", "{config}"), ("simulate", "{config}"), ("run", "{config}", "--json"), ("report", "{config}"),
    ("evaluate", "{config}"), ("synth", "{config}", "--full"), ("package", "{config}"), ("cosim", "{config}"),
    ("build", "{config}", "--plan", "plan.zip"), ("compare", "{config}"), ("deploy", "{config}", "--host", "board"),
    ("exit-unit", "generate", "--from", "{config}", "--exit", "0", "-o", "unit"),
)
TRAIN = COMMANDS[:4]
"""Of these, none refuses what another takes."""
SWEEP = (("compare", "--sweep", "{config}"), ("compare", "--sweep", "{config}", "--json"))


def mutants(seed: int) -> Iterator[Mutant]:
    """All mutants of this ``seed``, always in the same order."""
    # What needs pydantic and the presets is loaded only when mutants are made.
    from build_flows.cli.main import cli
    from build_flows.compare.sweep import SweepFile
    from build_flows.project.config import Config

    rng = random.Random(seed)
    texts = {name: (EXAMPLES / f"{name}.toml").read_text(encoding="utf-8") for name in (
        "digits", "b_lenet_fashion", "own_network", "layouts_b_lenet")}
    values = {name: tomllib.loads(text) for name, text in texts.items()}
    own = {name: (EXAMPLES / name).read_bytes() for name in ("own_network.py", "own_network.safetensors")}
    base = {"b_lenet_fashion.toml": texts["b_lenet_fashion"].encode()}
    target = {key: value for key, value in values["digits"]["target"].items() if key != "hard_share"}
    shares = edited(values["digits"], {("calibrate",): {"shares": [0.6, 0.25]}, ("target",): target})
    # The first layout of the example has no exits to be changed.
    sweep = values["layouts_b_lenet"] | {"layouts": values["layouts_b_lenet"]["layouts"][1:]}
    yield from value_mutants(Config, values["digits"], COMMANDS, rng)
    yield from value_mutants(Config, values["b_lenet_fashion"], COMMANDS, rng, each=2)
    yield from value_mutants(SweepFile, sweep, SWEEP, rng, each=1, files=base)
    yield from key_mutants(Config, values["digits"], COMMANDS, rng)
    yield from key_mutants(SweepFile, sweep, SWEEP, rng, files=base)
    for name, commands, count, files in (
        ("digits", COMMANDS, 20, {}), ("own_network", COMMANDS, 10, own), ("layouts_b_lenet", SWEEP, 10, base),
    ):
        yield from broken_text(texts[name], commands, rng, count=count, files=files)
    yield from contradictions(shares, TRAIN, rng)
    yield from odd_places(values["digits"], COMMANDS, rng)
    yield from odd_files(texts["digits"], COMMANDS, rng)
    files = _beside(values["digits"], own, texts["own_network"])
    yield from option_mutants(cli, files, rng)
    yield from order_mutants(cli, files, rng)
    yield from told_mutants(files)
    yield from legal_variants(texts["digits"], shares, TRAIN, rng)


def _beside(digits: dict[str, object], own: dict[str, bytes], network: str) -> dict[str, bytes]:
    """The files that command lines name."""
    def text(changes: dict[tuple[str | int, ...], object]) -> bytes:
        return tomli_w.dumps(edited(digits, changes)).encode()

    return {
        **own, "config.toml": text({}), "own.toml": network.encode(), "npz.toml": text({("data", "name"): "npz",
        ("data", "path"): "config.toml"}),
        "fast.toml": text({("target", "clock_mhz"): 300.0}),
        "sweep.toml": b"version = 1\n",
        "there/config.toml": b"", "full/my_own.v": b"module my_own; endmodule\n",
    }


def trust_config(ui: Ui, seed: int = SEED, *, only: str = "") -> list[Figure]:
    """The figure of mutated configurations and command lines; each that is not told as it should be is shown by ``ui``. ``only`` the
    classes of mutants whose name begins so."""
    load()
    made: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    legal = 0
    chosen = [mutant for mutant in mutants(seed) if mutant.kind.startswith(only)]
    with ui.progress("mutated configurations and command lines", len(chosen)) as bar:
        for mutant in chosen:
            bar.advance()
            told = run(mutant)
            found = verdict(mutant, told)
            made[mutant.kind] += 1
            legal += mutant.legal
            if found is not None:
                wrong[found.split(" '")[0]] += 1
                ui.info(f"{mutant.kind} ({mutant.what[:200]}): {found}\n  offramp {shlex.join(mutant.args)[:300]}\n"
                        f"  exit code {told.code}: {(told.err or told.out)[-600:].strip()}")
    total = sum(made.values())
    failed = sum(wrong.values())
    classes = ", ".join(f"{count} {kind}" for kind, count in sorted(made.items()))
    value = (f"{total - failed:,} of {total:,} as they should be; {wrong['traceback']} tracebacks, {wrong['accepted']} accepted wrongly"
             + "".join(f", {count} {kind}" for kind, count in sorted(wrong.items()) if kind not in ("traceback", "accepted")))
    return [Figure(
        name="mutated configurations and command lines", target=f"at least {TARGET}: one line each, 0 tracebacks, 0 accepted wrongly",
            value=value,
        met=total >= TARGET and not failed,
            how=f"`python -m benchmarks.trust_config --seed {seed}`: {classes}; the {legal} legal ones taken")]


@click.command()
@click.option("--seed", type=int, default=SEED, show_default=True, help="Draws the mutants.")
@click.option("--only", default="", metavar="KIND", help="Only mutants of classes whose name begins so.")
def main(seed: int, only: str) -> None:
    """Run mutated configurations and command lines; exit code 1 when one is not told as it should be."""
    from rich.console import Console

    figures = trust_config(RichUi(Console(file=sys.stderr)), seed, only=only)
    for figure in figures:
        click.echo(f"{figure.name}: {figure.value} ({figure.how})")
    sys.exit(0 if all(figure.met for figure in figures) or (only and "0 tracebacks" in figures[0].value) else 1)


if __name__ == "__main__":
    main()
