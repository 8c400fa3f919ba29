"""Plays samples through units in one Verilated model and gives back what was measured: results, and the cycle of everything."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.errors import SimulationError
from sim.tools.array_file import write_array
from sim.tools.children import Child, run_children
from sim.units.unit import Integers, Samples, Unit
from sim.units.verilog import Place

__all__ = ["Event", "Measured", "Play", "play"]

_WORK = "offramp-units-"
"""How folders of running sweeps begin; then comes the process's number."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """From ``cycle`` on, for ``length`` cycles: ``reset``, after which the next sample follows, or ``hold``, in which nobody takes what
    comes."""

    kind: str
    cycle: int
    length: int


@dataclass(frozen=True, kw_only=True)
class Play:
    """One unit's turn, where ``place`` says it is. ``stall`` is the probability that a stream's end misses its chance in a cycle."""

    place: Place
    unit: Unit
    samples: Samples
    stall: float = 0.0
    seed: int = 0
    events: Sequence[Event] = ()


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What came of a :class:`Play` of n samples.

    Int64 ``[n]`` each: the cycle in which the ``first`` and the ``last`` beat of a sample were taken, its result became ``valid`` and was
    ``taken``, and the result's ``words``; all -1 for what did not happen. ``tokens`` are int64 ``[m]``, taken in ``token_cycles``.
    ``surplus`` results came that belong to no sample, ``broken`` beats were changed or taken back while they waited. ``stuck`` when nothing
    moved any more. ``restarts`` are, for each reset, the cycle of its end and the sample that followed. ``cycles`` took ``seconds``.
    """

    first: Integers
    last: Integers
    valid: Integers
    taken: Integers
    words: Integers
    tokens: Integers
    token_cycles: Integers
    cycles: int
    seconds: float
    surplus: int
    broken: int
    stuck: bool
    restarts: tuple[tuple[int, int], ...]


def play(plays: Sequence[Play], *, jobs: int = 2, work: Path | None = None,
         progress: Callable[[int, int, bool], None] = lambda index, samples, done: None) -> list[Measured]:
    """What was measured, in the order of ``plays``; ``jobs`` processes share them. Files are made in the folder ``work`` and removed.

    ``progress(index, samples, done)`` is called from the caller's thread, now and then, with how many results ``plays[index]`` has given.
    Raises :class:`SimulationError` when a model does not end well; interrupted, it leaves neither process nor file.
    """
    if work is not None:
        _clear(work)
    with tempfile.TemporaryDirectory(prefix=f"{_WORK}{os.getpid()}-", dir=work, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        lines = _Files(folder).lines(plays)
        children, indices = [], []
        for number, (model, share) in enumerate(_shares(plays, jobs)):
            plan = folder / f"plan{number}"
            plan.write_text("".join(lines[index] for index in share), encoding="utf-8")
            children.append(Child(command=[str(model.absolute()), str(plan)]))
            indices.append({str(plays[index].place.slot): index for index in share})
        ends: dict[int, list[str]] = {}

        def said(number: int, line: str) -> None:
            kind, slot, *words = line.split()
            index = indices[number][slot]
            if kind == "done":
                ends[index] = words
            progress(index, len(plays[index].samples) if kind == "done" else int(words[0]), kind == "done")

        try:
            run_children(children, said)
        except subprocess.CalledProcessError as error:
            complaints = (error.stderr or "").strip().splitlines() or ["no word of why"]
            raise SimulationError(f"the model of the units ended with code {error.returncode}: {complaints[-1]}") from None
        return [_measured(folder, index, item, ends[index]) for index, item in enumerate(plays)]


def _clear(work: Path) -> None:
    """Removes what killed runs left behind."""
    for folder in work.glob(f"{_WORK}*-*"):
        owner = folder.name.removeprefix(_WORK).split("-")[0]
        if owner.isdecimal() and not _alive(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _shares(plays: Sequence[Play], jobs: int) -> list[tuple[Path, list[int]]]:
    """A model and indices of plays for each process; long ones first."""
    effort = [len(item.samples) * item.unit.beats * (2 + item.unit.pe) for item in plays]
    models = list(dict.fromkeys(item.place.model for item in plays))
    shares: list[tuple[Path, list[int]]] = []
    for model in models:
        mine = [index for index, item in enumerate(plays) if item.place.model == model]
        parts: list[list[int]] = [[] for _ in range(min(len(mine), max(1, jobs // len(models))))]
        for index in sorted(mine, key=lambda index: -effort[index]):
            min(parts, key=lambda part: sum(effort[other] for other in part)).append(index)
        shares += [(model, part) for part in parts]
    return shares


class _Files:
    """Writes what the plays need; the same array only once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: dict[int, tuple[str, object]] = {}

    def put(self, values: npt.NDArray[np.int32] | Integers | None) -> str:
        if values is None or not values.size:
            return "-"
        # A view of a shared array's start holds the same numbers as far as they are asked for.
        key = values.__array_interface__["data"][0]
        if key not in self.written:
            base = values.base if isinstance(values.base, np.ndarray) and values.base.__array_interface__["data"][0] == key else values
            path = self.folder / f"in{len(self.written)}"
            write_array(base, path)
            self.written[key] = str(path), base
        return self.written[key][0]

    def lines(self, plays: Sequence[Play]) -> list[str]:
        """A line of the plan for each of ``plays``; records and tokens of number n go to ``records<n>`` and ``tokens<n>``."""
        return [self._line(index, item) for index, item in enumerate(plays)]

    def _line(self, index: int, item: Play) -> str:
        unit, samples = item.unit, item.samples
        count = len(samples)
        rules = np.stack([samples.rules[:, 0], samples.rules[:, 1] + 2 * samples.rules[:, 2]], axis=1)
        side = samples.gate
        if unit.side == "token_i":
            assert samples.label is not None
            assert samples.run is not None
            side = unit.pack_token(np.arange(count), samples.label, samples.run)
        records = self.folder / f"records{index}"
        write_array(np.full((count, 5), -1, np.int64), records)
        idle = 8 * unit.beats + 2000 + len(samples.class_thresholds) + sum(event.length for event in item.events)
        events = "".join(f" {event.kind} {event.cycle} {event.length}" for event in item.events)
        # A seed of 0 would draw nothing but 0.
        seed = (item.seed * 0x9E3779B97F4A7C15 + item.place.slot * 0xBF58476D1CE4E5B9 + 1) % (1 << 64) or 1
        stall = round(item.stall * 65536)
        paths = [self.put(samples.head), self.put(samples.body), self.put(rules), self.put(side), self.put(samples.class_thresholds),
                 str(records), str(self.folder / f"tokens{index}") if unit.gives_tokens else "-"]
        return (f"{item.place.slot} {count} {unit.classes} {unit.pe} {unit.bits} {len(samples.head)} {stall} {seed} {idle} "
                f"{' '.join(paths)} {len(item.events)}{events}\n")


def _measured(folder: Path, index: int, item: Play, words: Sequence[str]) -> Measured:
    cycles, seconds, _, surplus, broken, stuck, *restarts = words
    records = np.fromfile(folder / f"records{index}", np.int64).reshape(-1, 5)
    tokens = np.fromfile(folder / f"tokens{index}", np.int64).reshape(-1, 2) if item.unit.gives_tokens else np.zeros((0, 2), np.int64)
    first, last, valid, taken, found = records.T.copy()
    numbers = [int(word) for word in restarts]
    return Measured(first=first, last=last, valid=valid, taken=taken, words=found, tokens=tokens[:, 1], token_cycles=tokens[:, 0],
                    cycles=int(cycles), seconds=float(seconds), surplus=int(surplus), broken=int(broken), stuck=stuck == "1",
                    restarts=tuple(zip(numbers[::2], numbers[1::2], strict=True)))
