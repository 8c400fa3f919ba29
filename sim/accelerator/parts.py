"""What interrupted runs left behind, so that the next one can go on from there."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from sim.accelerator.trace import Trace, parse

__all__ = ["Parts"]


class Parts:
    """The records of interrupted runs of one job in folder ``work``; whole batches in them need not be simulated again.

    ``key`` is the job's identity: records of another one are thrown away. ``batches`` are its batch lengths; without any, the job begins
    anew and all records are thrown away. ``traces`` hold the results of the first ``done`` batches. Where ``final`` is given, results are
    words with that bit set, and the others come before them.
    """

    def __init__(self, work: Path, key: str, batches: Sequence[int], final: int | None = None) -> None:
        self.final = final
        self.folder = folder = work / "parts"
        self.record = work / "results.txt"
        self.traces: list[Trace] = []
        self.done = 0
        state = folder / "state.json"
        known = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else None
        # a run that begins anew would leave records that overlap those of the one before
        if known != {"key": key} or not batches:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            state.write_text(json.dumps({"key": key}), encoding="utf-8")
            self.record.unlink(missing_ok=True)
        # a run that was killed could not put its record aside
        self.keep()
        for path in sorted(folder.glob("part*.txt")):
            self._take(parse(path), batches)

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
        if whole:
            self.traces.append(Trace(images=part.images[:images], results=part.results[:words]))
            self.done += whole

    def keep(self) -> None:
        """Put the record of an interrupted run aside."""
        if self.record.is_file():
            self.record.replace(self.folder / f"part{len(list(self.folder.glob('part*.txt'))):03d}.txt")

    def finish(self) -> None:
        """The job is done: throw its records away."""
        shutil.rmtree(self.folder, ignore_errors=True)
