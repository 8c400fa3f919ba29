"""A disk that is full at every moment of a run at which something is written: one line, and the next run completes as if nothing had
been.

``python -m benchmarks.trust_full_disk`` runs every step of a small project with its caches warm, over and over, each time with the disk
full from another write on, or full for that one write only. Faults are injected at the system calls, in child processes too
(``benchmarks/full_disk.c``).
"""

import ctypes
import json
import mmap
import os
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from benchmarks.figures import SEED, Figure
from benchmarks.trust_fork import KILLED, Told, load
from benchmarks.trust_journal import Journal, code_digest
from benchmarks.trust_project import CONFIG, Scenario, Spare, faults_told, left_overs, prepare
from build_flows.base.ui import RichUi, Ui

__all__ = ["SCENARIOS", "FullDisk", "build", "main", "moments", "outcome", "trust_full_disk"]

ROOT = Path(__file__).parent.parent
SOURCE = Path(__file__).with_name("full_disk.c")
STATE = "FULL_DISK_STATE"
COUNT = 300
FULL = "the disk is full"
FOREVER = 1 << 60

SCENARIOS = (
    Scenario(name="train", args=("train", CONFIG), steps=("train",)),
    Scenario(name="calibrate", args=("train", CONFIG), steps=("calibrate",)),
    Scenario(name="export", args=("compile", CONFIG), steps=("export",)),
    Scenario(name="compile", args=("compile", CONFIG), steps=("compile",)),
    Scenario(name="agree", args=("compile", CONFIG), steps=("agree",)),
    Scenario(name="simulate", args=("simulate", CONFIG), steps=("simulate",)),
    Scenario(name="synth", args=("synth", CONFIG), steps=("synth", "resources")),
    Scenario(name="cosim", args=("cosim", CONFIG), steps=("cosim",)),
    Scenario(name="report", args=("report", CONFIG), steps=("report",)),
)


@dataclass
class FullDisk:
    """The state that ``library`` (:func:`build`) shares with every process of a run, in the file that ``FULL_DISK_STATE`` names. This
    process must have been started with the library preloaded."""

    library: Path

    LAYOUT = struct.Struct("=qqqq480s")

    def __post_init__(self) -> None:
        with Path(os.environ[STATE]).open("r+b") as file:
            self._state = mmap.mmap(file.fileno(), self.LAYOUT.size)

    def set(self, first: int = 0, last: int = FOREVER) -> None:
        """Count anew; calls ``first`` to ``last`` will fail (none when ``first`` is 0)."""
        self._state[:] = self.LAYOUT.pack(0, first, last, 0, b"")

    @property
    def calls(self) -> int:
        """Calls counted so far."""
        return int(self.LAYOUT.unpack(self._state[:])[0])

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return int(self.LAYOUT.unpack(self._state[:])[3])

    @property
    def what(self) -> str:
        """The first that failed: call and path."""
        raw: bytes = self.LAYOUT.unpack(self._state[:])[4]
        return raw.partition(b"\0")[0].decode(errors="replace")

    def arm(self) -> None:
        """Count in this process and in those that it starts, from now on."""
        os.environ["FULL_DISK_ARMED"] = "1"
        ctypes.CDLL(str(self.library)).full_disk_arm()


def build(folder: Path) -> Path:
    """Compile the library into ``folder``; raises :class:`subprocess.CalledProcessError` without a compiler that can."""
    library = folder / "full_disk.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    return library


def environment(library: Path, folder: Path) -> dict[str, str]:
    """The environment of a process that a :class:`FullDisk` works in."""
    state = folder / "full_disk.state"
    state.write_bytes(bytes(FullDisk.LAYOUT.size))
    return os.environ | {"LD_PRELOAD": str(library), STATE: str(state)}


def moments(calls: Sequence[int], count: int) -> list[list[int]]:
    """Of runs with so many ``calls`` each, ``count`` moments in all at most (a run has one at least), evenly spread over all calls: for
    each run the calls, from 1, that are to fail."""
    total = sum(calls)
    if total <= count:
        return [list(range(1, number + 1)) for number in calls]
    found = []
    for number in calls:
        share = min(number, max(1, round(count * number / total)))
        found.append(sorted({1 + (number - 1) * k // max(1, share - 1) for k in range(share)}))
    return found


def outcome(told: Told, differing: Sequence[str], again: Told, differing_again: Sequence[str], left: Sequence[str]) -> str:
    """``"told"``, ``"completed"`` (what could not be written was not needed), or what is wrong with the run or with the next one."""
    if told.code == KILLED:
        return "does not end"
    if told.code == 0 and differing:
        return f"other results without a word: {', '.join(differing[:4])}"
    if told.code and (fault := faults_told(told)) is not None:
        return fault
    if told.code and FULL not in told.err:
        return "does not say that the disk is full"
    if again.code:
        return "the next run fails"
    if differing_again:
        return f"the next run's results differ: {', '.join(differing_again[:4])}"
    if left:
        return f"left over: {', '.join(left[:4])}"
    return "told" if told.code else "completed"


def trust_full_disk(ui: Ui, seed: int = SEED, *, count: int = COUNT, work: Path | None = None, only: Sequence[str] = ()) -> list[Figure]:
    """The figure of a full disk: at most ``count`` moments of all runs (of those in ``only``, where that is given). The project is made in
    ``work``, and kept there, with what was found so far: interrupted, it goes on there."""
    load()
    place = work or ROOT / "build" / "trust"
    prepare(place / "project", ui)
    with tempfile.TemporaryDirectory(prefix="full-disk-") as folder:
        library = build(Path(folder))
        # The library has to be there when a process starts.
        command = [sys.executable, "-m", "benchmarks.trust_full_disk", "--work", str(place), "--count", str(count), "--seed", str(seed)]
        command += [f"--only={name}" for name in only]
        ran = subprocess.run([*command, "--library", str(library)], env=environment(library, Path(folder)), check=True,
                             stdout=subprocess.PIPE, text=True)
    return [Figure(**json.loads(ran.stdout))]


def _measure(library: Path, ui: Ui, seed: int, count: int, work: Path, only: Sequence[str]) -> Figure:
    load()
    disk = FullDisk(library)
    found: Counter[str] = Counter()
    scenarios = [item for item in SCENARIOS if not only or item.name in only]
    journal = Journal(work / "full_disk.jsonl", {
        "seed": seed, "count": count, "scenarios": [item.name for item in scenarios], "code": code_digest(),
    })
    with tempfile.TemporaryDirectory(prefix="trust-") as folder:
        spare = Spare(work / "project", Path(folder) / "project")
        before = set(left_overs(spare.master))
        calls = [int(item["calls"]) for item in journal.entries if "calls" in item]
        for scenario in scenarios[len(calls):]:
            spare.reset(scenario)
            disk.set()
            told = spare.run(scenario.args, before=disk.arm)
            if told.code or spare.differing():
                raise RuntimeError(f"undisturbed {scenario.name}: exit code {told.code}, differing: {spare.differing()}\n{told.err}")
            calls.append(disk.calls)
            journal.add(scenario=scenario.name, calls=disk.calls)
            ui.info(f"{scenario.name}: {disk.calls} writes, {told.seconds:.1f} s")
        chosen = moments(calls, count)
        done = {(item["scenario"], item["write"]): str(item["outcome"]) for item in journal.entries if "write" in item}
        found.update(done.values())
        with ui.progress("a full disk", sum(map(len, chosen))) as bar:
            for scenario, numbers in zip(scenarios, chosen, strict=True):
                for index, number in enumerate(numbers):
                    bar.advance()
                    if (scenario.name, number) in done:
                        continue
                    spare.reset(scenario)
                    disk.set(number, FOREVER if (index + seed) % 2 else number)
                    told = spare.run(scenario.args, before=disk.arm)
                    if not disk.failed:
                        found["not reached"] += 1
                        journal.add(scenario=scenario.name, write=number, outcome="not reached")
                        continue
                    what, first = disk.what, spare.differing() if told.code == 0 else []
                    disk.set()
                    again = spare.run(scenario.args)
                    left = sorted(set(left_overs(spare.here)) - before)
                    how = outcome(told, first, again, spare.differing(), left)
                    found[how.split(":")[0]] += 1
                    journal.add(scenario=scenario.name, write=number, outcome=how.split(":")[0])
                    if how not in ("told", "completed"):
                        ui.info(f"{scenario.name}, write {number} ({what}), {'from then on' if (index + seed) % 2 else 'once'}: {how}\n"
                                f"  exit code {told.code}: {told.err[-700:].strip()}\n  again {again.code}: {again.err[-300:].strip()}")
    total = found.total() - found["not reached"]
    good = found["told"] + found["completed"]
    wrong = "".join(f"; {number} {how}" for how, number in sorted(found.items()) if how not in ("told", "completed", "not reached"))
    runs = ", ".join(f"{item.name} {number}" for item, number in zip(scenarios, calls, strict=True))
    return Figure(
        name="disk full at a write of a run", target="every moment: one line, and the next run completes",
        value=f"{good} of {total}: {found['told']} told, {found['completed']} completed all the same{wrong}", met=good == total > 0,
        how=f"`python -m benchmarks.trust_full_disk --seed {seed} --count {count}`: {total} of {sum(calls):,} writes ({runs})")


@click.command()
@click.option("--seed", type=int, default=SEED, show_default=True, help="Which moments are full for one write, which from then on.")
@click.option("--count", type=click.IntRange(1), default=COUNT, show_default=True, help="How many moments at most, evenly spread.")
@click.option("--work", type=click.Path(path_type=Path, file_okay=False),
    help="Where the project is made and kept.  [default: build/trust]")
@click.option("--only", multiple=True, type=click.Choice([item.name for item in SCENARIOS]), help="Only this step (several times).")
@click.option("--library", type=click.Path(path_type=Path), hidden=True)
def main(seed: int, count: int, work: Path | None, only: tuple[str, ...], library: Path | None) -> None:
    """Fill the disk at every write of a run of every step; exit code 1 when one is not told, or the next run is not as it should be."""
    from rich.console import Console

    ui = RichUi(Console(file=sys.stderr))
    if library is not None and work is not None:
        click.echo(json.dumps(asdict(_measure(library, ui, seed, count, work, only))))
        return
    figures = trust_full_disk(ui, seed, count=count, work=work, only=only)
    for figure in figures:
        click.echo(f"{figure.name}: {figure.value} ({figure.how})")
    sys.exit(0 if all(figure.met for figure in figures) else 1)


if __name__ == "__main__":
    main()
