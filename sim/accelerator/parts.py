"""What interrupted runs left behind, so that the next one can go on from there."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim.accelerator.trace import Trace, parse

__all__ = ["Parts"]


class Parts:
    """The records of interrupted runs of one job in folder ``work``; whole batches in them need not be simulated again.

    ``key`` is the job's identity: records of another one are thrown away. ``batches`` are its batch lengths; without any, the job begins
    anew and all records are thrown away. So are a record that was damaged since, those after it, and all of a state that cannot be
    read. ``traces`` hold the results of the first ``done`` batches. Where ``final`` is given, results are words with that bit set, and the
    others come before them.
    """

    def __init__(self, work: Path, key: str, batches: Sequence[int], final: int | None = None) -> None:
        self.final = final
        self.folder = folder = work / "parts"
        self.record = work / "results.txt"
        self.traces: list[Trace] = []
        self.done = 0
        state = folder / "state.json"
        # a run that begins anew would leave records that overlap those of the one before
        if _known(state) != {"key": key} or not batches:
            shutil.rmtree(folder, ignore_errors=True)
            self.record.unlink(missing_ok=True)
            folder.mkdir(parents=True)
            # Written in full before it has its name, and before there is anything that it could be wrong of.
            early = folder / "state.early"
            early.write_text(json.dumps({"key": key}), encoding="utf-8")
            early.replace(state)
        # a run that was killed could not put its record aside
        self.keep()
        whole = True
        for path in sorted(folder.glob("part*.txt")):
            # What follows a damaged record begins where that one ended.
            whole = whole and _digest(path) == path.stem.partition("-")[2]
            if whole:
                self._take(parse(path), batches)
            else:
                path.unlink()

    def _take(self, part: Trace, batches: Sequence[int]) -> None:
        lengths = iter(batches[self.done :])
        images = words = whole = results = 0
        for number, (_, last, word) in enumerate(part.results, start=1):
            results += self.final is None or word >> self.final & 1
            if not last:
                continue
            if results != next(lengths, None):
                break
            images, words, whole, results = images + results, number, whole + 1, 0
        if whole and len(part.images) >= images:
            self.traces.append(Trace(images=part.images[:images], results=part.results[:words]))
            self.done += whole

    def keep(self) -> None:
        """Put the record of an interrupted run aside, if it can be read; its name holds its digest."""
        if not self.record.is_file():
            return
        try:
            parse(self.record)
        except (ValueError, IndexError):
            self.record.unlink()
            return
        number = len(list(self.folder.glob("part*.txt")))
        self.record.replace(self.folder / f"part{number:03d}-{_digest(self.record)}.txt")

    def finish(self) -> None:
        """The job is done: throw its records away."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _known(state: Path) -> Any:
    """What ``state`` says; None where there is none that can be read."""
    try:
        return json.loads(state.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
