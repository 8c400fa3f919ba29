"""Plants faults, one at a time, and sees whether the tests find them: ``python -m benchmarks.mutants`` (``make mutants``).

The list is ``tests/mutants.toml``: each fault names a file, a piece of text that stands there once, what stands there instead, and the
tests that must fail then. Every fault is planted in a copy of the tree; the tree itself stays as it is. A fault that no named test finds
has survived, which is an error.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import click

__all__ = ["LIST", "Mutant", "Outcome", "copy_tree", "kill", "mutants", "rotating", "run_all", "run_tests"]

ROOT = Path(__file__).parent.parent
LIST = ROOT / "tests" / "mutants.toml"
LIMIT = 900
"""Seconds after which tests count as having failed: a fault may make a loop endless."""

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
    ``seconds``."""

    mutant: Mutant
    state: str
    told: str
    seconds: float


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


def copy_tree(root: Path, target: Path) -> None:
    """The files of the checkout ``root`` that git tracks, or would, as they are now; built models are shared with it."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        source = root / name
        if name and source.is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target / name, follow_symlinks=False)
    models = root / "build" / "models"
    models.mkdir(parents=True, exist_ok=True)
    (target / "build").mkdir(exist_ok=True)
    (target / "build" / "models").symlink_to(models)


def run_tests(tests: Sequence[str], tree: Path, core: int | None = None) -> tuple[str, str]:
    """Run ``tests`` in ``tree`` on processor ``core`` (None: any): what a fault would have come to (survived: they pass), and why."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", "-m", "", "-n", "0", *tests]
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    pin = None if core is None else lambda: os.sched_setaffinity(0, {core})
    try:
        ran = subprocess.run(
            command, cwd=tree, env=environment, capture_output=True, text=True, check=False, timeout=LIMIT, preexec_fn=pin
        )
    except subprocess.TimeoutExpired:
        return FOUND, f"no end within {LIMIT} s"
    lines = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()] or [f"exit code {ran.returncode}"]
    told = next((line for line in lines if line.startswith(("FAILED", "ERROR"))), lines[-1])
    # Anything but 1 is no failing test: tests that are not there, or a fault that does not even import.
    return {0: SURVIVED, 1: FOUND}.get(ran.returncode, BROKEN), told


def kill(mutant: Mutant, tree: Path, core: int | None = None) -> Outcome:
    """Plant ``mutant`` in ``tree``, a copy of the checkout, run its tests on processor ``core``, and take the fault out again."""
    began = time.monotonic()
    path = tree / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(mutant.planted(whole), encoding="utf-8")
    try:
        state, told = run_tests(mutant.tests, tree, core)
    finally:
        path.write_text(whole, encoding="utf-8")
    return Outcome(mutant=mutant, state=state, told=told, seconds=time.monotonic() - began)


def run_all(
    chosen: Sequence[Mutant], root: Path = ROOT, tell: Callable[[Outcome], None] = lambda outcome: None, *, sound: bool = True
) -> list[Outcome]:
    """What becomes of each of ``chosen``, as many at a time as there are cores, each in a copy of ``root``; ``tell`` is called as they end.

    With ``sound`` the tests of a fault must pass without it: it is broken where they do not.
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
        passing: dict[tuple[str, ...], tuple[str, str]] = {}

        def one(item: Mutant) -> Outcome:
            core, tests = free.pop(), tuple(item.tests)
            try:
                if sound and tests not in passing:
                    passing[tests] = run_tests(tests, trees[core], core)
                state, told = passing.get(tests, (SURVIVED, ""))
                if state != SURVIVED:
                    return Outcome(mutant=item, state=BROKEN, told=f"without the fault: {told}", seconds=0.0)
                return kill(item, trees[core], core)
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
@click.option("--list", "listed", is_flag=True, help="Show the faults, and plant none.")
def main(names: tuple[str, ...], rotate: int | None, sound: bool, listed: bool) -> None:
    """Plant the faults called NAMES (all of them without any) and see that the tests find them."""
    every = mutants()
    chosen = [item for item in every if not names or item.name in names]
    unknown = sorted(set(names) - {item.name for item in every})
    if unknown:
        raise click.UsageError(f"no fault is called {unknown[0]}")
    if rotate is not None:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
        chosen = rotating(chosen, rotate, head)
    if listed:
        for item in chosen:
            click.echo(f"{item.name}: {item.file}: {item.why}")
        return
    done = 0

    def tell(outcome: Outcome) -> None:
        nonlocal done
        done += 1
        click.echo(f"{done:3} of {len(chosen)}  {outcome.state:8}  {outcome.seconds:6.1f} s  {outcome.mutant.name}: {outcome.told}")

    began = time.monotonic()
    found = run_all(chosen, tell=tell, sound=sound)
    bad = [outcome for outcome in found if outcome.state != FOUND]
    click.echo(f"{len(found) - len(bad)} of {len(found)} faults found in {(time.monotonic() - began) / 60:.1f} min")
    for outcome in bad:
        click.echo(f"{outcome.state}: {outcome.mutant.name} in {outcome.mutant.file}: {outcome.mutant.why}", err=True)
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
