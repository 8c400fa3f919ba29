"""Damaged artefacts and cache entries: truncated, a bit flipped, emptied, swapped for another. The next run must find it and make it
anew, or say so in one line: never a traceback, never other results without a word.

``python -m benchmarks.trust_damage`` prints what was found, one by one.
"""

import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import click

from benchmarks.figures import SEED, Figure
from benchmarks.trust_fork import KILLED, Told, load
from benchmarks.trust_project import CONFIG, OUTPUT, Scenario, Spare, faults_told, prepare
from build_flows.base.ui import RichUi, Ui

__all__ = ["KINDS", "Damage", "damage", "damages", "main", "outcome", "trust_damage"]

ROOT = Path(__file__).parent.parent
COUNT = 200
KINDS = ("truncated", "flipped", "empty", "swapped")

REPORT = Scenario(name="report", args=("report", CONFIG), steps=())
SYNTH = Scenario(name="synth", args=("synth", CONFIG), steps=())
COSIM = Scenario(name="cosim", args=("cosim", CONFIG), steps=())
# Of caches nothing is read unless the step runs.
UNITS = Scenario(name="synth again", args=("synth", CONFIG), steps=("synth",))
MODEL = Scenario(name="simulate again", args=("simulate", CONFIG), steps=("simulate",))
BOARD = Scenario(name="cosim again", args=("cosim", CONFIG), steps=("cosim",))


@dataclass(frozen=True)
class Damage:
    """One file ``place`` (relative to the project's folder), what is done to it, and the run that must find it."""

    place: str
    kind: str
    scenario: Scenario


def damages(folder: Path, rng: random.Random, count: int) -> list[Damage]:
    """``count`` of all that can be done to the project in ``folder``, as evenly as can be over the kinds of files and of damage."""
    groups: dict[str, list[Damage]] = {}
    for path in sorted(item for item in folder.rglob("*") if item.is_file() and not item.is_symlink()):
        place = path.relative_to(folder)
        scenario = _finder(place)
        if scenario is None or not path.stat().st_size:
            continue
        for kind in KINDS:
            groups.setdefault(f"{_group(place)} {kind}", []).append(Damage(place.as_posix(), kind, scenario))
    for group in groups.values():
        rng.shuffle(group)
    found: list[Damage] = []
    while len(found) < count and any(groups.values()):
        for name in sorted(groups):
            if groups[name]:
                found.append(groups[name].pop())
    return found[:count]


def _finder(place: Path) -> Scenario | None:
    """The run that reads ``place``; None for what no run reads."""
    parts = place.parts
    if parts[:1] != OUTPUT.parts[:1] or place.suffix == ".lock" or place.name == ".lock":
        return None
    if parts[1] == ".synthesis":
        return UNITS
    if parts[1] == ".models":
        return BOARD if parts[2].startswith("board") else MODEL
    if place.is_relative_to(OUTPUT):
        inside = place.relative_to(OUTPUT)
        name = inside.stem if inside.parts[0] == ".steps" else inside.parts[0].partition(".")[0]
        return {"synthesis": SYNTH, "synth": SYNTH, "resources": SYNTH, "cosim": COSIM}.get(name, REPORT)
    return None


def _group(place: Path) -> str:
    """Files of a sort: each artefact is one of its own, all of a folder are one."""
    inside = place.relative_to(OUTPUT) if place.is_relative_to(OUTPUT) else place.relative_to(OUTPUT.parts[0])
    return inside.parts[0] if len(inside.parts) == 1 else f"{inside.parts[0]}/*{place.suffix}"


def damage(path: Path, kind: str, rng: random.Random, others: Sequence[Path]) -> str:
    """Do it to the file at ``path``, which is not empty; what was done, in words. ``others`` are files to swap it for."""
    data = path.read_bytes()
    mode = path.stat().st_mode
    if kind == "truncated":
        at = rng.randrange(len(data))
        found, told = data[:at], f"to {at} of {len(data)} bytes"
    elif kind == "flipped":
        at, bit = rng.randrange(len(data)), rng.randrange(8)
        found = data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1:]
        told = f"bit {bit} of byte {at} of {len(data)}"
    elif kind == "empty":
        found, told = b"", f"{len(data)} bytes"
    else:
        other = rng.choice([item for item in others if item != path and item.read_bytes() != data])
        found, told = other.read_bytes(), f"for {other.name}"
    path.unlink()  # a hard link elsewhere stays as it is
    path.write_bytes(found)
    path.chmod(mode)
    return f"{kind} ({told})"


def outcome(told: Told, differing: Sequence[str]) -> str:
    """``"remade"``, ``"told"``, or what is wrong. What was set aside because no stamp covered it any more is told by name."""
    aside = [name for name in differing if any(f": kept as {part}\n" in told.err for part in (name, *PurePath(name).parents))]
    if told.code == KILLED:
        return "does not end"
    if told.code:
        return faults_told(told) or "told"
    if "Traceback" in told.err:
        return "traceback"
    silent = [name for name in differing if name not in aside]
    if silent:
        return f"other results without a word: {', '.join(silent[:4])}"
    return "told" if aside else "remade"


def trust_damage(ui: Ui, seed: int = SEED, *, count: int = COUNT, work: Path | None = None, only: str = "") -> list[Figure]:
    """The figure of damaged artefacts and cache entries: ``count`` of them, drawn by ``seed``, of those whose place has ``only`` in it.
    The project is made in ``work``, and kept there."""
    load()
    rng = random.Random(seed)
    master = (work or ROOT / "build" / "trust") / "project"
    prepare(master, ui)
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="trust-") as folder:
        spare = Spare(master, Path(folder) / "project")
        chosen = [item for item in damages(master, rng, 100_000) if only in item.place][:count]
        with ui.progress("damaged artefacts and cache entries", len(chosen)) as bar:
            for item in chosen:
                bar.advance()
                spare.reset(item.scenario)
                path = spare.here / item.place
                others = sorted(other for other in path.parent.iterdir() if other.is_file() and not other.name.endswith(".lock"))
                done = damage(path, item.kind, rng, [*others, spare.here / CONFIG])
                told = spare.run(item.scenario.args)
                how = outcome(told, spare.differing() if told.code == 0 else [])
                found[how.split(":")[0]] += 1
                if how not in ("remade", "told"):
                    ui.info(f"{item.place} {done}, offramp {' '.join(item.scenario.args)}: {how}\n{told.err[-600:].strip()}")
        shutil.rmtree(spare.log)
    total = found.total()
    good = found["remade"] + found["told"]
    wrong = "".join(f"; {number} {how}" for how, number in sorted(found.items()) if how not in ("remade", "told"))
    return [Figure(
        name="damaged artefacts and cache entries", target=f"at least {COUNT}: found and remade, or told",
        value=f"{good} of {total}: {found['remade']} remade (or not needed), {found['told']} told{wrong}",
        met=total >= COUNT and good == total,
        how=f"`python -m benchmarks.trust_damage --seed {seed} --count {count}`: {', '.join(KINDS)}; then run again")]


@click.command()
@click.option("--seed", type=int, default=SEED, show_default=True, help="Draws files and damages.")
@click.option("--count", type=click.IntRange(1), default=COUNT, show_default=True, help="How many.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False),
    help="Where the project is made and kept.  [default: build/trust]")
@click.option("--only", default="", metavar="TEXT", help="Only files whose place has this in it.")
def main(seed: int, count: int, work: Path | None, only: str) -> None:
    """Damage artefacts and cache entries of a small project, one at a time, and run it again; exit code 1 when one is not found."""
    from rich.console import Console

    figures = trust_damage(RichUi(Console(file=sys.stderr)), seed, count=count, work=work, only=only)
    for figure in figures:
        click.echo(f"{figure.name}: {figure.value} ({figure.how})")
    sys.exit(0 if all(figure.met for figure in figures) else 1)


if __name__ == "__main__":
    main()
