"""Plants faults, one at a time, and sees whether the tests find them: ``python -m benchmarks.mutants`` (``make mutants``).

The list is ``tests/mutants.toml``: each fault names a file, a piece of text that stands there once, what stands there instead, and the
tests that must fail then. Every fault is planted in a copy of the tree; the tree itself stays as it is. A fault that no named test finds
has survived, which is an error.

What became of each fault is kept in ``build/mutants.json`` as it ends: after an interruption a run goes on where it was, unless a file
of the tree has changed.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

__all__ = ["LIST", "RECORD", "Mutant", "Outcome", "Record", "by_room", "copy_tree", "kill", "mutants", "rotating", "run_all", "run_tests"]

ROOT = Path(__file__).parent.parent
LIST = ROOT / "tests" / "mutants.toml"
RECORD = ROOT / "build" / "mutants.json"
LIMIT = 300
"""Seconds after which tests count as having failed, where it is not known how long they take: a fault may make a loop endless."""

MADE = ("build", "__pycache__", "offramp.egg-info")
"""Folders that hold nothing but what is made of the others."""

FOUND, SURVIVED, BROKEN = "found", "SURVIVED", "BROKEN"


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A fault: in ``file``, ``new`` in place of ``old``; the ``tests`` (pytest's node ids) of which one at least must fail; ``why``, what
    it breaks."""

    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    why: str

    def planted(self, text: str) -> str:
        """``text``, that of the file, with the fault; raises ``ValueError`` unless the old text stands there once."""
        count = text.count(self.old)
        if count != 1:
            raise ValueError(f"{self.name}: the old text stands {count} times in {self.file}, and must stand there once")
        return text.replace(self.old, self.new)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of ``mutant``: found, survived, or broken (the tests could not be run), with the last line that pytest printed, in
    ``seconds``; ``sound_seconds`` were spent on the tests without the fault (0 where another fault's, or nobody, saw to that)."""

    mutant: Mutant
    state: str
    told: str
    seconds: float
    sound_seconds: float = 0.0

    def row(self) -> dict[str, Any]:
        """As plain data."""
        return {"name": self.mutant.name, "file": self.mutant.file, "state": self.state, "told": self.told,
                "seconds": round(self.seconds, 1), "sound_seconds": round(self.sound_seconds, 1)}


def mutants(path: Path = LIST) -> list[Mutant]:
    """The list; raises ``ValueError`` for a name that stands twice or a fault without a test."""
    found = [Mutant(**row) for row in tomllib.loads(path.read_text(encoding="utf-8"))["mutants"]]
    names = [item.name for item in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{path}: two faults are called {twice[0]}")
    for item in found:
        if not item.tests or item.old == item.new:
            raise ValueError(f"{path}: {item.name} needs a test that must fail, and two different texts")
    return found


def rotating(every: Sequence[Mutant], count: int, turn: str) -> list[Mutant]:
    """``count`` of the faults, those whose turn it is: another ``turn`` (say, a commit) has others, and any of them comes in time."""
    order = sorted(every, key=lambda item: hashlib.sha256(f"{turn}/{item.name}".encode()).hexdigest())
    return order[:count]


def _files(root: Path) -> list[str]:
    """The files of the checkout ``root`` that git tracks, or would."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=False)
    if listed.returncode:  # a tree without a history, as an archive gives it
        found = {path.relative_to(root) for path in root.rglob("*")}
        names = {path.as_posix() for path in found if not any(part in MADE or part.startswith(".") for part in path.parts)}
    else:
        names = set(listed.stdout.decode().split("\0"))
    return sorted(name for name in names if name and (root / name).is_file())


def copy_tree(root: Path, target: Path) -> None:
    """The files of the checkout ``root`` that git tracks, or would, as they are now. Models that are built there are there too, and those
    that are built in the copy, of faulty gateware mostly, go with it."""
    for name in _files(root):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / name, target / name, follow_symlinks=False)
    models = target / "build" / "models"
    models.mkdir(parents=True)
    for built in (root.resolve() / "build" / "models").glob("*"):
        # A folder without a model is being built, or was not finished.
        if (built / "model").is_file() or built.name.startswith("runtime-"):
            (models / built.name).symlink_to(built)


def run_tests(tests: Sequence[str], tree: Path, core: int | None = None, limit: float = LIMIT) -> tuple[str, str]:
    """Run ``tests`` in ``tree`` on processor ``core`` (None: any): what a fault would have come to (survived: they pass), and why.

    Tests that have not ended after ``limit`` seconds have found it, and end with all that they started.
    """
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-m", "", "-n", "0", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    pin = None if core is None else lambda: os.sched_setaffinity(0, {core})
    with subprocess.Popen(command, cwd=tree, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True, preexec_fn=pin) as process:
        try:
            printed, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return FOUND, f"no end within {limit:.0f} s"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    lines = [line for line in printed.splitlines() if line.strip()] or [f"exit code {process.returncode}"]
    told = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
    # Anything but 1 is no failing test: tests that are not there, or a fault that does not even import.
    return {0: SURVIVED, 1: FOUND}.get(process.returncode, BROKEN), told


def kill(mutant: Mutant, tree: Path, core: int | None = None, limit: float = LIMIT) -> Outcome:
    """Plant ``mutant`` in ``tree``, a copy of the checkout, run its tests on processor ``core`` for ``limit`` seconds at most, and take the
    fault out again."""
    began = time.monotonic()
    path = tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.planted(whole), encoding="utf-8")
    try:
        state, told = run_tests(mutant.tests, tree, core, limit)
    finally:
        path.write_text(whole, encoding="utf-8")
    return Outcome(mutant=mutant, state=state, told=told, seconds=time.monotonic() - began)


def by_room(outcomes: Sequence[Outcome]) -> dict[str, list[Outcome]]:
    """The outcomes by the folder that the fault's file lies in, two levels deep at most, in order: ``hw/exits``, ``sim``."""
    rooms: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        rooms.setdefault("/".join(outcome.mutant.file.split("/")[:-1][:2]), []).append(outcome)
    return dict(sorted(rooms.items()))


class Record:
    """What became of faults planted in the tree ``root``, as it is now, kept in ``path``; what is there of another tree is forgotten.

    A longer list does not make another tree, and a changed entry is another fault.
    """

    def __init__(self, path: Path, root: Path = ROOT) -> None:
        digest = hashlib.sha256()
        for name in _files(root):
            if root / name != LIST:
                digest.update(f"{name}\0{hashlib.sha256((root / name).read_bytes()).hexdigest()}\0".encode())
        self._path, self._tree = path, digest.hexdigest()
        kept = _read(path)
        self._rows: dict[str, dict[str, Any]] = kept["rows"] if kept.get("tree") == self._tree else {}

    def known(self, item: Mutant) -> Outcome | None:
        """What became of it, where it was found; a fault that survived is tried again."""
        row = self._rows.get(_entry(item), {})
        if row.get("state") != FOUND:
            return None
        return Outcome(mutant=item, **{key: row[key] for key in ("state", "told", "seconds", "sound_seconds")})

    def keep(self, outcome: Outcome) -> None:
        """Note it."""
        self._rows[_entry(outcome.mutant)] = outcome.row()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps({"tree": self._tree, "rows": self._rows}, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def _entry(item: Mutant) -> str:
    return hashlib.sha256(repr(item).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    """What a record holds; nothing where there is none, or a kill fell into its writing."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def run_all(
    chosen: Sequence[Mutant], root: Path = ROOT, tell: Callable[[Outcome], None] = lambda outcome: None, *, sound: bool = True
) -> list[Outcome]:
    """What becomes of each of ``chosen``, as many at a time as there are cores, each in a copy of ``root``; ``tell`` is called as they end.

    With ``sound`` the tests of a fault must pass without it: it is broken where they do not. With it they may take four times as long, and
    a minute.
    """
    cores = sorted(os.sched_getaffinity(0))
    with TemporaryDirectory(prefix="mutants-") as scratch, ThreadPoolExecutor(len(cores)) as pool:
        trees = {core: Path(scratch) / f"tree{core}" for core in cores}
        for tree in trees.values():
            tree.mkdir()
            copy_tree(root, tree)
        for item in chosen:
            item.planted((root / item.file).read_text(encoding="utf-8"))
        free = list(cores)
        passing: dict[tuple[str, ...], tuple[str, str, float]] = {}

        def one(item: Mutant) -> Outcome:
            core, tests, began, spent = free.pop(), tuple(item.tests), time.monotonic(), 0.0
            try:
                if sound and tests not in passing:
                    state, told = run_tests(tests, trees[core], core)
                    spent = time.monotonic() - began
                    passing[tests] = state, told, spent
                state, told, took = passing.get(tests, (SURVIVED, "", LIMIT / 4 - 15))
                if state != SURVIVED:
                    return Outcome(mutant=item, state=BROKEN, told=f"without the fault: {told}", seconds=0.0, sound_seconds=spent)
                return replace(kill(item, trees[core], core, 60 + 4 * took), sound_seconds=spent)
            finally:
                free.append(core)

        found = {}
        for task in as_completed([pool.submit(one, item) for item in chosen]):
            outcome = task.result()
            found[outcome.mutant.name] = outcome
            tell(outcome)
    return [found[item.name] for item in chosen]


@click.command()
@click.argument("names", nargs=-1)
@click.option("--rotate", type=click.IntRange(1), metavar="N", help="Only N faults, others for every commit.")
@click.option("--sound/--quick", default=True, show_default=True, help="Whether tests are run without the fault first, and must pass.")
@click.option("--anew", is_flag=True, help="Plant also those that were found in this very tree before.")
@click.option("--json", "as_json", is_flag=True, help="What became of each as JSON on stdout, all else on stderr.")
@click.option("--list", "listed", is_flag=True, help="Show the faults, and plant none.")
def main(names: tuple[str, ...], rotate: int | None, sound: bool, anew: bool, as_json: bool, listed: bool) -> None:
    """Plant the faults whose names begin with one of NAMES (all of them without any) and see that the tests find them."""
    every = mutants()
    unknown = [name for name in names if not any(item.name.startswith(name) for item in every)]
    if unknown:
        raise click.UsageError(f"no fault's name begins with {unknown[0]}")
    chosen = [item for item in every if not names or item.name.startswith(names)]
    if rotate is not None:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        chosen = rotating(chosen, rotate, head)
    if listed:
        for item in chosen:
            click.echo(f"{item.name}: {item.file}: {item.why}")
        return
    record = Record(RECORD)
    before = [outcome for item in chosen if not anew and (outcome := record.known(item)) is not None]
    rest = [item for item in chosen if item.name not in {outcome.mutant.name for outcome in before}]
    if before:
        click.echo(f"{len(before)} of {len(chosen)} were found in this tree before (--anew plants them again)", err=as_json)
    done = len(before)

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        record.keep(outcome)
        click.echo(f"{done:3} of {len(chosen)}  {outcome.state:8}  {outcome.seconds:6.1f} s (and {outcome.sound_seconds:.1f} s without)  "
                   f"{outcome.mutant.name}: {outcome.told}", err=as_json)

    began = time.monotonic()
    found = [*before, *(run_all(rest, tell=tell, sound=sound) if rest else ())]
    bad = [outcome for outcome in found if outcome.state != FOUND]
    if as_json:
        click.echo(json.dumps([outcome.row() for outcome in found], indent=1))
    for room, outcomes in by_room(found).items():
        seconds = sum(outcome.seconds + outcome.sound_seconds for outcome in outcomes)
        good = sum(outcome.state == FOUND for outcome in outcomes)
        click.echo(f"{room:28} {good:3} of {len(outcomes):3} found, {seconds / 60:5.1f} min of a processor", err=as_json)
    click.echo(f"{len(found) - len(bad)} of {len(found)} faults found in {(time.monotonic() - began) / 60:.1f} min", err=as_json)
    for outcome in bad:
        click.echo(f"{outcome.state}: {outcome.mutant.name} in {outcome.mutant.file}: {outcome.mutant.why}", err=True)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
