"""Kills at random moments: SIGKILL to the whole process group of a run, then the same command again. It must complete, with the results
of an undisturbed run, and nothing may be left over.

``python -m benchmarks.trust_kills`` draws command and moment; ``--count`` says how many.
"""

import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click

from benchmarks.figures import SEED, Figure
from benchmarks.trust_fork import KILLED, Told, load
from benchmarks.trust_journal import Journal, code_digest
from benchmarks.trust_project import COMMANDS, CONFIG, Scenario, Spare, left_overs, prepare
from build_flows.base.ui import RichUi, Ui

__all__ = ["SCENARIOS", "main", "outcome", "trust_kills", "turns"]

ROOT = Path(__file__).parent.parent
COUNT = 300
TOO_LATE = "too late"
"""The run had ended when it was to be killed."""

SCENARIOS = (
    Scenario(name="train", args=("train", CONFIG), steps=("train", "calibrate")),
    Scenario(name="compile", args=("compile", CONFIG), steps=("export", "compile", "agree")),
    Scenario(name="compile, cold", args=("compile", CONFIG), steps=("export", "compile", "agree"), cold=(".models",)),
    Scenario(name="simulate", args=("simulate", CONFIG), steps=("simulate",)),
    Scenario(name="simulate, cold", args=("simulate", CONFIG), steps=("simulate",), cold=(".models",)),
    Scenario(name="synth", args=("synth", CONFIG), steps=("synth", "resources")),
    Scenario(name="synth, cold", args=("synth", CONFIG), steps=("synth", "resources"), cold=(".synthesis",)),
    Scenario(name="cosim", args=("cosim", CONFIG), steps=("cosim",)),
    Scenario(name="cosim, cold", args=("cosim", CONFIG), steps=("cosim",), cold=(".models",)),
    Scenario(name="report", args=("report", CONFIG), steps=("simulate", "report")),
    Scenario(name="compare", args=("compare", CONFIG), steps=("simulate", "synth", "resources")),
)


def outcome(told: Told, again: Told, differing: Sequence[str], left: Sequence[str]) -> str:
    """``"equal"``, ``"too late"`` (the run had ended), or what is wrong with the run after the kill."""
    if told.code != KILLED:
        return TOO_LATE if told.code == 0 else f"fails by itself: exit code {told.code}"
    if again.code == KILLED:
        return "the next run does not end"
    if again.code:
        return "the next run fails" if "Traceback" not in again.err else "the next run ends in a traceback"
    if differing:
        return f"results differ: {', '.join(differing[:4])}"
    return f"left over: {', '.join(left[:4])}" if left else "equal"


def trust_kills(ui: Ui, seed: int = SEED, *, count: int = COUNT, work: Path | None = None, only: Sequence[str] = ()) -> list[Figure]:
    """The figure of kills: ``count`` of them that met a run alive (of those in ``only``, where that is given), more of a run that lasts
    less (:func:`turns`). The project is made in ``work``, and kept there, with what was found so far: interrupted, it goes on there."""
    load()
    scenarios = [item for item in SCENARIOS if not only or item.name in only]
    master = (work or ROOT / "build" / "trust") / "project"
    prepare(master, ui, [*COMMANDS, *(["compare"] if any(item.name == "compare" for item in scenarios) else [])])
    names = [item.name for item in scenarios]
    journal = Journal(master.with_name("kills.jsonl"), {"seed": seed, "scenarios": names, "code": code_digest()})
    with tempfile.TemporaryDirectory(prefix="trust-") as folder:
        spare = Spare(master, Path(folder) / "project")
        before = set(left_overs(master))
        lasts = {str(item["undisturbed"]): float(item["seconds"]) for item in journal.entries if "undisturbed" in item}
        for scenario in [item for item in scenarios if item.name not in lasts]:
            spare.reset(scenario)
            told = spare.run(scenario.args)
            if told.code or spare.differing():
                raise RuntimeError(f"undisturbed {scenario.name}: exit code {told.code}, differing: {spare.differing()}\n{told.err}")
            lasts[scenario.name] = told.seconds
            journal.add(undisturbed=scenario.name, seconds=told.seconds)
            ui.info(f"{scenario.name}: {told.seconds:.1f} s undisturbed")
        kills = [item for item in journal.entries if "killed" in item]
        found = Counter(str(item["outcome"]) for item in kills)
        killed = Counter(str(item["killed"]) for item in kills if item["outcome"] != TOO_LATE)
        order = turns(lasts, len(kills))
        with ui.progress("kills", count) as bar:
            while found.total() - found[TOO_LATE] < count:
                scenario = scenarios[names.index(next(order))]
                spare.reset(scenario)
                after = random.Random(f"{seed} {found.total()}").uniform(0, lasts[scenario.name])
                told = spare.run(scenario.args, seconds=after, kill=True)
                again = spare.run(scenario.args)
                how = outcome(told, again, spare.differing(), sorted(set(left_overs(spare.here)) - before))
                found[how.split(":")[0]] += 1
                killed[scenario.name] += how != TOO_LATE
                journal.add(killed=scenario.name, after=after, outcome=how.split(":")[0])
                bar.update(completed=found.total() - found[TOO_LATE])
                if how not in ("equal", TOO_LATE):
                    ui.info(f"{scenario.name}, killed after {after:.2f} s: {how}\n  before: {told.err[-300:].strip()}\n"
                            f"  again, exit code {again.code}: {again.err[-600:].strip()}")
    total = found.total() - found[TOO_LATE]
    wrong = "".join(f"; {number} {how}" for how, number in sorted(found.items()) if how not in ("equal", TOO_LATE))
    runs = ", ".join(f"{number} {name}" for name, number in killed.items())
    return [Figure(
        name="kills at random moments", target=f"at least {COUNT}, nothing corrupted, all reruns equal",
            value=f"{found['equal']} of {total} equal{wrong}",
        met=total >= COUNT and found["equal"] == total, how=f"`python -m benchmarks.trust_kills --seed {seed} --count {count}`: {runs}")]


def turns(lasts: Mapping[str, float], skip: int = 0) -> Iterator[str]:
    """Names of ``lasts`` (seconds by name) in turn, from turn ``skip`` on: the square roots of what a name's runs last add up to about the
    same for each."""
    spent = dict.fromkeys(lasts, 0.0)
    for turn in itertools.count():
        name = min(lasts, key=lambda item: spent[item] + lasts[item] ** 0.5)
        spent[name] += lasts[name] ** 0.5
        if turn >= skip:
            yield name


@click.command()
@click.option("--seed", type=int, default=SEED, show_default=True, help="Draws the moments.")
@click.option("--count", type=click.IntRange(1), default=COUNT, show_default=True, help="How many kills.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False),
    help="Where the project is made and kept.  [default: build/trust]")
@click.option("--only", multiple=True, type=click.Choice([item.name for item in SCENARIOS]), help="Only this command (several times).")
def main(seed: int, count: int, work: Path | None, only: tuple[str, ...]) -> None:
    """Kill runs at random moments and run them again; exit code 1 when one is not as it should be afterwards."""
    from rich.console import Console

    figures = trust_kills(RichUi(Console(file=sys.stderr)), seed, count=count, work=work, only=only)
    for figure in figures:
        click.echo(f"{figure.name}: {figure.value} ({figure.how})")
    sys.exit(0 if all(figure.met for figure in figures) else 1)


if __name__ == "__main__":
    main()
